package proxy

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huidu/nginxconf"
)

// gateway is a huidu that runs a configuration until the test ends.
type gateway struct {
	t    testing.TB
	srv  *Server
	addr string
	dir  string
}

// startGateway runs one server{} with the given contents; http is put in
// front of it.
func startGateway(t testing.TB, http, server string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.addr = l.Addr().String()
	l.Close()
	conf := "worker_processes 2; error_log logs/error.log info; events {}\nhttp {\n" + http + "\nserver { listen " + g.addr + "; server_name localhost;\n" + server + "\n} }\n"
	for _, d := range []string{"logs", "conf"} {
		os.Mkdir(filepath.Join(g.dir, d), 0o755)
	}
	file := filepath.Join(g.dir, "conf/nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := nginxconf.Load(nginxconf.OSFiles{}, file, nginxconf.Options{Prefix: g.dir + "/", CompileRegex: namesOf})
	if cfg == nil {
		t.Fatal(diags.Err())
	}
	if g.srv, err = New(cfg, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := g.srv.Listen(); err != nil {
		t.Fatal(err)
	}
	g.srv.Start()
	t.Cleanup(g.srv.Stop)
	return g
}

func (g *gateway) log() string {
	b, _ := os.ReadFile(filepath.Join(g.dir, "logs/error.log"))
	return string(b)
}

func (g *gateway) waitLog(text string) {
	g.t.Helper()
	for end := time.Now().Add(5 * time.Second); !strings.Contains(g.log(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			g.t.Fatalf("error.log lacks %q:\n%s", text, g.log())
		}
	}
}

func (g *gateway) dial() net.Conn {
	g.t.Helper()
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	g.t.Cleanup(func() { c.Close() })
	return c
}

func (g *gateway) get(path string) (*http.Response, []byte) {
	g.t.Helper()
	resp, err := http.Get("http://" + g.addr + path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp, b
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func hostOf(s *httptest.Server) string { return s.Listener.Addr().String() }

// noLeaks fails the test when goroutines are left over at its end.
func noLeaks(t *testing.T) {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+3; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				buf := make([]byte, 1<<16)
				t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			}
		}
	})
}

func TestProxyKeepsConnections(t *testing.T) {
	noLeaks(t)
	var conns atomic.Int32
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hi "+r.URL.Path) }))
	up.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	up.Start()
	defer up.Close()
	g := startGateway(t, "upstream u { server "+hostOf(up)+"; }", "location / { proxy_pass http://u; }")
	for range 10 {
		if resp, b := g.get("/x"); resp.StatusCode != 200 || string(b) != "hi /x" {
			t.Fatal(resp.Status, string(b))
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for 10 requests", n)
	}
	up.CloseClientConnections()
	waitFor(t, "the dead connection is dropped", func() bool { return g.srv.router.Load().upstreams["u"].Pool.Idle() == 0 })
	if resp, _ := g.get("/y"); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}

// TestProxySlowClient checks that the upstream is let go while its response
// waits for the client, and that every byte arrives.
func TestProxySlowClient(t *testing.T) {
	noLeaks(t)
	const size = 24 << 20
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i * 7 >> 3)
	}
	done := make(chan struct{}, 1)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/len" {
			w.Header().Set("Content-Length", strconv.Itoa(size))
		}
		w.Write(body)
		done <- struct{}{}
	}))
	defer up.Close()
	g := startGateway(t, "", "proxy_max_temp_file_size 64m; location / { proxy_pass http://"+hostOf(up)+"; }")
	for _, path := range []string{"/len", "/chunked"} {
		c := g.dial()
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("the upstream waits for the client")
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%s: %d bytes, %v", path, len(got), err)
		}
	}
	g.waitLog("an upstream response is buffered to a temporary file")
	left, _ := filepath.Glob(filepath.Join(g.dir, "proxy_temp/*"))
	waitFor(t, "temporary files removed", func() bool {
		left, _ = filepath.Glob(filepath.Join(g.dir, "proxy_temp/*"))
		return len(left) == 0
	})
}

// TestProxyBoundedMemory checks that without a temporary file the upstream is
// held back instead.
func TestProxyBoundedMemory(t *testing.T) {
	noLeaks(t)
	var wrote atomic.Int64
	gone := make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		buf := make([]byte, 64<<10)
		for range 2000 {
			n, err := w.Write(buf)
			wrote.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	defer up.Close()
	g := startGateway(t, "", "proxy_max_temp_file_size 0; location / { proxy_pass http://"+hostOf(up)+"; }")
	c := g.dial()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	time.Sleep(300 * time.Millisecond)
	if n := wrote.Load(); n > 64<<20 {
		t.Errorf("the upstream could send %d bytes", n)
	}
	c.Close()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the upstream was not told that the client is gone")
	}
}

func TestProxyClientAbort(t *testing.T) {
	noLeaks(t)
	started, ended := make(chan struct{}, 4), make(chan struct{}, 4)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		select {
		case <-r.Context().Done():
			ended <- struct{}{}
		case <-time.After(10 * time.Second):
		}
	}))
	defer up.Close()
	g := startGateway(t, `log_format t "$status $upstream_status";`, "access_log logs/access.log t; location / { proxy_pass http://"+hostOf(up)+"; }")
	c := g.dial()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-started
	c.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the upstream was not told")
	}
	g.waitLog("client prematurely closed connection, so upstream connection is closed too while reading response header from upstream")
	waitFor(t, "499 logged", func() bool {
		b, _ := os.ReadFile(filepath.Join(g.dir, "logs/access.log"))
		return strings.HasPrefix(string(b), "499 ")
	})
}

// TestProxyEarlyAnswer checks that an upstream may answer without reading a
// large body.
func TestProxyEarlyAnswer(t *testing.T) {
	noLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for {
					line, err := br.ReadString('\n')
					if err != nil || line == "\r\n" {
						break
					}
				}
				io.WriteString(c, "HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\n\r\nbig")
				time.Sleep(200 * time.Millisecond)
			}()
		}
	}()
	g := startGateway(t, "", "client_max_body_size 100m; location / { proxy_pass http://"+l.Addr().String()+"; } location /s { proxy_request_buffering off; proxy_pass http://"+l.Addr().String()+"; }")
	for _, path := range []string{"/b", "/s"} {
		c := g.dial()
		go func() {
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", path, 20<<20)
			c.Write(make([]byte, 20<<20))
		}()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(path, err)
		}
		if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 413 || string(b) != "big" {
			t.Error(path, resp.Status, string(b))
		}
		c.Close()
	}
}

// TestProxyStreamsUpload checks that a body goes out as it comes in.
func TestProxyStreamsUpload(t *testing.T) {
	noLeaks(t)
	pieces := make(chan string, 10)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				pieces <- string(buf[:n])
			}
			if err != nil {
				break
			}
		}
		fmt.Fprintf(w, "%v", r.TransferEncoding)
	}))
	defer up.Close()
	g := startGateway(t, "", "proxy_request_buffering off; location / { proxy_pass http://"+hostOf(up)+"; }")
	c := g.dial()
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
	for _, p := range []string{"one", "two"} {
		fmt.Fprintf(c, "%x\r\n%s\r\n", len(p), p)
		select {
		case got := <-pieces:
			if got != p {
				t.Errorf("got %q", got)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("held back")
		}
	}
	fmt.Fprintf(c, "0\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(resp.Body); string(b) != "[chunked]" {
		t.Error(string(b))
	}
}

func TestProxyUploads(t *testing.T) {
	noLeaks(t)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := 0
		buf := make([]byte, 32<<10)
		n := 0
		for {
			k, err := r.Body.Read(buf)
			for _, b := range buf[:k] {
				h = h*31 + int(b)
			}
			n += k
			if err != nil {
				break
			}
		}
		fmt.Fprintf(w, "%d %d %d", n, h, r.ContentLength)
	}))
	defer up.Close()
	g := startGateway(t, "upstream u { server "+hostOf(up)+"; }", "client_max_body_size 0; location / { proxy_pass http://u; } location /s { proxy_request_buffering off; proxy_pass http://u; }")
	for _, path := range []string{"/b", "/s"} {
		for _, size := range []int{0, 1, 1000, 20 << 10, 100 << 10, 3 << 20} {
			body := make([]byte, size)
			h := 0
			for i := range body {
				body[i] = byte(i * 13 >> 2)
				h = h*31 + int(body[i])
			}
			resp, err := http.Post("http://"+g.addr+path, "x/y", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if want := fmt.Sprintf("%d %d %d", size, h, size); string(b) != want {
				t.Errorf("%s %d: got %s, want %s\n%s", path, size, b, want, g.log())
			}
		}
	}
}

func TestProxyTunnel(t *testing.T) {
	noLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				if _, err := http.ReadRequest(br); err != nil {
					return
				}
				io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nwelcome ")
				io.Copy(c, br)
			}()
		}
	}()
	g := startGateway(t, "", "location / { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 300ms; proxy_pass http://"+l.Addr().String()+"; }")
	c := g.dial()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nearly ")
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	read := func(want string) {
		t.Helper()
		buf := make([]byte, len(want))
		if _, err := io.ReadFull(br, buf); err != nil || string(buf) != want {
			t.Fatalf("got %q, %v; want %q", buf, err, want)
		}
	}
	read("welcome early ")
	for i := range 5 {
		// Longer in all than proxy_read_timeout, which counts from the last byte.
		time.Sleep(100 * time.Millisecond)
		msg := fmt.Sprintf("message %d ", i)
		io.WriteString(c, msg)
		read(msg)
	}
	if _, err := br.ReadByte(); err != io.EOF {
		t.Error("not closed when idle:", err)
	}
	g.waitLog("upstream timed out (110: Connection timed out) while proxying upgraded connection")

	c = g.dial()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n")
	br = bufio.NewReader(c)
	http.ReadResponse(br, nil)
	read("welcome ")
	c.Close()
}

// TestProxyCutBody checks that a client notices a body that the upstream cut
// short.
func TestProxyCutBody(t *testing.T) {
	noLeaks(t)
	for _, reply := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nxx",
	} {
		for _, buffering := range []string{"on", "off"} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				http.ReadRequest(bufio.NewReader(c))
				io.WriteString(c, reply)
				c.Close()
			}()
			g := startGateway(t, "", "proxy_buffering "+buffering+"; location / { proxy_pass http://"+l.Addr().String()+"; }")
			c := g.dial()
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			invalid := strings.HasSuffix(reply, "xx")
			if err == nil {
				var b []byte
				if b, err = io.ReadAll(resp.Body); string(b) != "part" {
					t.Errorf("buffering %s, %q: got %q", buffering, reply, b)
				}
			} else if !invalid { // an invalid chunk that came with the header leaves nothing to send
				t.Fatal(err)
			}
			if err != io.ErrUnexpectedEOF {
				t.Errorf("buffering %s, %q: %v", buffering, reply, err)
			}
			if invalid {
				g.waitLog("upstream sent invalid chunked response while reading upstream")
			} else {
				g.waitLog("upstream prematurely closed connection while reading upstream")
			}
			l.Close()
		}
	}
}

// TestProxyStaleConnection checks that a kept connection which the upstream
// has just closed does not cost a request.
func TestProxyStaleConnection(t *testing.T) {
	noLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				// One answer, then the next request is met with a close.
				defer c.Close()
				br := bufio.NewReader(c)
				http.ReadRequest(br)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				br.ReadByte()
			}()
		}
	}()
	g := startGateway(t, "upstream u { server "+l.Addr().String()+"; }", "location / { proxy_pass http://u; }")
	for i := range 20 {
		if resp, b := g.get("/"); resp.StatusCode != 200 || string(b) != "ok" {
			t.Fatal(i, resp.Status)
		}
	}
}

func TestProxyTLS(t *testing.T) {
	noLeaks(t)
	var conns atomic.Int32
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %d", r.TLS.ServerName, len(r.TLS.PeerCertificates))
	}))
	up.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, "upstream.test")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	up.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	up.StartTLS()
	defer up.Close()
	g := startGateway(t, "upstream u { server "+hostOf(up)+"; }", fmt.Sprintf(`
		location /plain { proxy_pass https://u; }
		location /sni { proxy_pass https://u; proxy_ssl_server_name on; proxy_ssl_name some.name; }
		location /good { proxy_pass https://u; proxy_ssl_verify on; proxy_ssl_trusted_certificate %[1]s; proxy_ssl_name upstream.test; }
		location /wrong { proxy_pass https://u; proxy_ssl_verify on; proxy_ssl_trusted_certificate %[1]s; proxy_ssl_name other.test; }
		location /cert { proxy_pass https://u; proxy_ssl_certificate %[1]s; proxy_ssl_certificate_key %[2]s; }`, cert, key))
	for path, want := range map[string]string{"/plain": " 0", "/sni": "some.name 0", "/good": " 0", "/cert": " 1"} {
		for range 2 {
			if resp, b := g.get(path); resp.StatusCode != 200 || string(b) != want {
				t.Errorf("%s: %s %q\n%s", path, resp.Status, b, g.log())
			}
		}
	}
	if n := conns.Load(); n != 4 {
		t.Errorf("%d connections, want one per kind of settings", n)
	}
	if resp, _ := g.get("/wrong"); resp.StatusCode != 502 {
		t.Error(resp.Status)
	}
	g.waitLog(`upstream SSL certificate does not match "other.test" while SSL handshaking to upstream`)
}

func selfSigned(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kd, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: kd}), 0o600)
	return cert, key
}

func TestProxyUnixSocketAndStore(t *testing.T) {
	noLeaks(t)
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	up := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		io.WriteString(w, r.Host+" "+r.URL.Path)
	})}}
	up.Start()
	defer up.Close()
	g := startGateway(t, "", fmt.Sprintf(`
		location / { proxy_pass http://unix:%[1]s/s:/base/; }
		location /var/ { set $s %[1]s/s; proxy_pass http://unix:$s:/base; }
		location /store/ { proxy_pass http://unix:%[1]s/s:/base/; proxy_store %[1]s/kept$uri; }`, dir))
	if _, b := g.get("/x"); string(b) != "localhost /base/x" {
		t.Error(string(b))
	}
	if _, b := g.get("/var/y"); string(b) != "localhost /base" {
		t.Error(string(b))
	}
	g.get("/store/a/b")
	kept := filepath.Join(dir, "kept/store/a/b")
	if b, err := os.ReadFile(kept); err != nil || string(b) != "localhost /base/a/b" {
		t.Error(string(b), err)
	}
	if info, err := os.Stat(kept); err != nil || info.ModTime().Unix() != 1136214245 {
		t.Error(info, err)
	}
}

// TestProxyReload checks that connections and requests survive reloads.
func TestProxyReload(t *testing.T) {
	noLeaks(t)
	var conns atomic.Int32
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
	up.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	up.Start()
	defer up.Close()
	g := startGateway(t, "upstream u { server "+hostOf(up)+"; }", "location / { proxy_pass http://u; }")
	for range 5 {
		g.get("/")
		if err := g.srv.Reload(g.srv.router.Load().cfg); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections over reloads", n)
	}
}

// BenchmarkProxy is a proxied request on kept connections; the client and the
// upstream are bare sockets, so that what is counted is the gateway's.
func BenchmarkProxy(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	answer := []byte("HTTP/1.1 200 OK\r\nServer: x\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Type: text/plain\r\nContent-Length: 100\r\nX-One: two\r\n\r\n" + strings.Repeat("y", 100))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
					c.Write(answer)
				}
			}()
		}
	}()
	g := startGateway(b, "access_log off; keepalive_requests 1000000000; upstream u { server "+l.Addr().String()+"; keepalive_requests 1000000000; }", "location / { proxy_pass http://u; }")
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	req := []byte("GET /some/path?x=y HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(req)
		if n, err := c.Read(buf); err != nil || n < 200 {
			b.Fatal(n, err)
		}
	}
}
