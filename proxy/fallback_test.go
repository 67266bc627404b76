package proxy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"huidu/nginxconf"
)

// fallbackSite is one configuration, served by real nginx and by huidu in
// front of it. Two kinds of locations huidu has itself; those with dav_methods
// it leaves to nginx.
const fallbackSite = `
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Huidu-Addr;
    default_type text/plain;
    server {
        %LISTEN%
        server_name localhost;
        location /lua {
            content_by_lua_block {
                ngx.req.read_body()
                ngx.header["X-Lua"] = "yes"
                ngx.say(ngx.req.get_method(), " ", ngx.var.request_uri, " ", ngx.req.get_body_data())
            }
        }
        location /proxied/ { proxy_pass http://%APP%/; }
        location /files/ { root %DIR%/data; dav_methods PUT DELETE; create_full_put_path on; client_max_body_size 200m; }
        location /old/ { dav_methods PUT; client_max_body_size 200m; proxy_pass http://%APP%/; proxy_request_buffering off; }
        location = /addr { dav_methods PUT; return 200 "$remote_addr $http_host $request $http_x_forwarded_for $http_cookie\n"; }
        location /ws { dav_methods PUT; proxy_pass http://%APP%; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
        location /jump { content_by_lua_block { ngx.exec("/files/a.txt") } }
        location /error { error_page 404 /files/404.html; return 404; }
        location /asks { auth_request /check; return 200 asked; }
        location = /check { dav_methods PUT; return 204; }
        location /part { content_by_lua_block {
            local res = ngx.location.capture("/files/a.txt") ngx.say(res.status, " ", res.body) } }
    }
`

// fallbackApp is the application behind both: it says what it was asked,
// drips, and speaks to WebSockets.
func fallbackApp(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			c, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n")
			io.Copy(c, rw)
		case strings.HasSuffix(r.URL.Path, "/drip"):
			for i := range 3 {
				fmt.Fprintf(w, "drop %d\n", i)
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		default:
			h := sha256.New()
			n, _ := io.Copy(h, r.Body)
			w.Header().Add("Set-Cookie", "a=1")
			w.Header().Add("Set-Cookie", "b=2")
			fmt.Fprintf(w, "%s %s %s %d %x\n", r.Method, r.URL, r.Header.Get("X-Two"), n, h.Sum(nil))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// fallbackPair is the two of them, listening.
type fallbackPair struct {
	t          *testing.T
	dir        string
	nginx      string // address
	front      string
	srv        *Server
	nginxCmd   *exec.Cmd
	load       func(extra string) *nginxconf.Config
	nginxAddrs map[string]string
}

func needNginx(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err == nil {
		if _, err = os.Stat("/usr/lib/nginx/modules/ngx_http_lua_module.so"); err == nil {
			return
		}
	}
	if os.Getenv("HUIDU_CONFIRM") == "1" {
		t.Fatal("nginx with ngx_lua is not installed, and HUIDU_CONFIRM=1 requires it")
	}
	t.Skip("nginx with ngx_lua is not installed")
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func startFallbackPair(t *testing.T, fb func(addrs map[string]string) *Fallback) *fallbackPair {
	needNginx(t)
	p := &fallbackPair{t: t, dir: t.TempDir()}
	app := fallbackApp(t)
	addrs := map[string]string{"plain": freePort(t), "pp": freePort(t), "unix": p.dir + "/old.sock"}
	p.nginx, p.front, p.nginxAddrs = addrs["plain"], freePort(t), addrs
	for name, text := range map[string]string{"data/files/a.txt": "the file\n", "data/files/404.html": "none such\n",
		"data/files/sub/x": "x", "logs/error.log": "", "conf/x": ""} {
		file := filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	site := func(listen, extra string) string {
		return "http {\n" + extra + strings.NewReplacer("%LISTEN%", listen, "%APP%", hostOf(app), "%DIR%", p.dir).Replace(fallbackSite) + "}\n"
	}
	listens := "listen " + addrs["plain"] + "; listen " + addrs["pp"] + " proxy_protocol; listen unix:" + addrs["unix"] + ";"
	temp := ""
	for _, k := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += k + "_temp_path " + p.dir + "/" + k + ";\n"
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	userLine := ""
	if os.Geteuid() == 0 {
		userLine = "user root;\n"
	}
	write("conf/nginx.conf", "daemon off;\n"+userLine+"pid "+p.dir+"/nginx.pid;\nload_module /usr/lib/nginx/modules/ndk_http_module.so;\n"+
		"load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;\nerror_log "+p.dir+"/logs/nginx.log;\nevents {}\n"+
		site(listens, temp+"access_log off;\n"))
	p.nginxCmd = exec.Command("nginx", "-p", p.dir+"/", "-c", "conf/nginx.conf", "-e", p.dir+"/logs/nginx.log")
	p.nginxCmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var out bytes.Buffer
	p.nginxCmd.Stdout, p.nginxCmd.Stderr = &out, &out
	if err := p.nginxCmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stopNginx)
	waitFor(t, "nginx", func() bool {
		c, err := net.Dial("tcp", p.nginx)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	p.load = func(extra string) *nginxconf.Config {
		write("conf/huidu.conf", userLine+"error_log logs/error.log info;\nevents {}\n"+
			site("listen "+p.front+";", "log_format who '$request_uri $status $huidu_backend';\naccess_log logs/access.log who;\n"+temp+extra))
		cfg, diags := nginxconf.Load(nginxconf.OSFiles{}, "conf/huidu.conf", nginxconf.Options{Prefix: p.dir + "/", Divert: true})
		if cfg == nil {
			t.Fatal(diags)
		}
		return cfg
	}
	cfg := p.load("")
	var err error
	if p.srv, err = New(cfg, Options{Fallback: fb(addrs)}); err != nil {
		t.Fatal(err)
	}
	if err = p.srv.Listen(); err != nil {
		t.Fatal(err)
	}
	p.srv.Start()
	t.Cleanup(p.srv.Stop)
	return p
}

func (p *fallbackPair) stopNginx() {
	if p.nginxCmd.ProcessState == nil {
		p.nginxCmd.Process.Signal(syscall.SIGTERM)
		p.nginxCmd.Wait()
	}
}

// ask sends raw bytes and gives the response in a form that can be compared:
// status, headers in order but for the date, body.
func (p *fallbackPair) ask(addr, raw string) string {
	p.t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, raw); err != nil {
		p.t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		p.t.Fatalf("%q: %v", raw, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("%q: %v", raw, err)
	}
	var lines []string
	for name, values := range resp.Header {
		if name != "Date" && !(name == "Server" && strings.Contains(raw, " /lua")) {
			lines = append(lines, name+": "+strings.Join(values, " | "))
		}
	}
	slices.Sort(lines)
	_, port, _ := net.SplitHostPort(addr)
	return strings.ReplaceAll(fmt.Sprintf("%d %s\n%s\n\n%s", resp.StatusCode, resp.TransferEncoding, strings.Join(lines, "\n"), body), port, "PORT")
}

func (p *fallbackPair) log(name string) string {
	data, _ := os.ReadFile(filepath.Join(p.dir, "logs", name))
	return string(data)
}

// get is a request with what every one of them has.
func get(line string, headers ...string) string {
	return line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// fallbackAsked is what both gateways are asked, and who answers for huidu.
var fallbackAsked = []struct{ raw, by string }{
	{get("GET /lua?x=%20y"), "huidu"},
	{get("POST /lua", "Content-Length: 4") + "body", "huidu"},
	{get("GET /proxied/x//y"), "127.0.0.1"},
	{get("GET /files/a.txt"), "fallback"},
	{get("HEAD /files/a.txt"), "fallback"},
	{get("GET /files/a.txt", "Range: bytes=0-2"), "fallback"},
	{get("GET /files/a.txt", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"), "fallback"},
	{get("GET /files/sub"), "fallback"}, // a redirect that names the port
	{get("GET /files/none"), "fallback"},
	{get("OPTIONS /files/a.txt"), "fallback"},
	{get("PUT /files/new/WHO.txt", "Content-Length: 3") + "new", "fallback"},
	{get("DELETE /files/new/WHO.txt"), "fallback"},
	{get("PROPFIND /files/a.txt"), "fallback"},
	{get("GET /old//x/%2e%41?q=%41+b", "X-Two: 2", "x_under: 3"), "fallback"},
	{get("POST /old/x", "Transfer-Encoding: chunked") + "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", "fallback"},
	{get("POST /old/x", "Content-Length: 0"), "fallback"},
	{get("POST /old/x", "Expect: 100-continue"), "fallback"},
	{get("GET /old/drip"), "fallback"},
	{"GET /old/x HTTP/1.0\r\nHost: localhost\r\n\r\n", "fallback"},
	{"GET http://other.example/old/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "fallback"},
	{get("GET /addr", "Cookie: a=b; c=d", "X-Forwarded-For: 1.2.3.4"), "fallback"},
	{get("GET /addr", "X-Huidu-Addr: 9.9.9.9"), "fallback"}, // trusted here: the peer is 127.0.0.1
	{get("GET /jump"), "fallback"},
	{get("GET /error"), "fallback"},
	{get("GET /asks"), "fallback"},
	{get("GET /part"), "huidu"},
}

func TestFallback(t *testing.T) {
	p := startFallbackPair(t, func(a map[string]string) *Fallback { return &Fallback{URL: "http://" + a["plain"]} })
	for _, q := range fallbackAsked {
		want := strings.ReplaceAll(p.ask(p.nginx, strings.Replace(q.raw, "WHO", "nginx", 1)), "nginx.txt", "huidu.txt")
		got := p.ask(p.front, strings.Replace(q.raw, "WHO", "huidu", 1))
		if got != want {
			t.Errorf("%q:\nnginx: %s\nhuidu: %s", q.raw, want, got)
		}
	}
	waitFor(t, "the access log", func() bool { return strings.Count(p.log("access.log"), "\n") == len(fallbackAsked) })
	for i, line := range strings.Split(strings.TrimSpace(p.log("access.log")), "\n") {
		if by := fallbackAsked[i].by; !strings.Contains(line, " "+by) {
			t.Errorf("%s: want %s", line, by)
		}
	}
}

// TestFallbackUpload: a large body goes through unbuffered, and comes whole.
func TestFallbackUpload(t *testing.T) {
	p := startFallbackPair(t, func(a map[string]string) *Fallback { return &Fallback{URL: "unix:" + a["unix"]} })
	size := 100 << 20
	if raceEnabled || testing.Short() {
		size = 8 << 20
	}
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i >> 8 * 31 / (i%7 + 1))
	}
	sum := sha256.Sum256(body)
	for _, path := range []string{"/files/up.bin", "/old/up"} {
		for _, chunked := range []bool{false, true} {
			req, _ := http.NewRequest("PUT", "http://"+p.front+path, io.LimitReader(bytes.NewReader(body), int64(size)))
			if !chunked {
				req.ContentLength = int64(size)
			}
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode >= 300 {
				t.Fatalf("%s: %d %s", path, resp.StatusCode, answer)
			}
			if path == "/old/up" && !strings.Contains(string(answer), fmt.Sprintf(" %d %x\n", size, sum)) {
				t.Errorf("the application got %.120s", answer)
			}
		}
	}
	data, err := os.ReadFile(filepath.Join(p.dir, "data/files/up.bin"))
	if err != nil || sha256.Sum256(data) != sum {
		t.Errorf("nginx stored %d bytes of %d, %v", len(data), size, err)
	}
	if list, _ := os.ReadDir(filepath.Join(p.dir, "client_body")); len(list) > 0 {
		t.Errorf("huidu kept the body in %v", list)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestFallbackWebSocket(t *testing.T) {
	p := startFallbackPair(t, func(a map[string]string) *Fallback { return &Fallback{URL: "http://" + a["plain"]} })
	for _, addr := range []string{p.nginx, p.front} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		br := bufio.NewReader(c)
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "echo" {
			t.Fatalf("%v %v", resp, err)
		}
		for i := range 100 {
			msg := fmt.Sprintf("message %d %s\n", i, strings.Repeat("x", i*50))
			io.WriteString(c, msg)
			if line, err := br.ReadString('\n'); err != nil || line != msg {
				t.Fatalf("%q: got %q, %v", msg, line, err)
			}
		}
	}
}

// TestFallbackConnections: connections are kept, PROXY protocol and headers
// bring the client's address, a dead fallback is 502, reloads do not disturb.
func TestFallbackConnections(t *testing.T) {
	p := startFallbackPair(t, func(a map[string]string) *Fallback { return &Fallback{URL: "http://" + a["plain"]} })
	if got := p.ask(p.front, get("GET /addr")); !strings.Contains(got, "127.0.0.1 localhost GET /addr HTTP/1.1") {
		t.Error(got)
	}
	for i := range 3 {
		if err := p.srv.Reload(p.load(fmt.Sprintf("# %d\n", i))); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			p.ask(p.front, get("GET /files/a.txt"))
		}
	}
	g := p.srv.router.Load().groupOf[p.srv.router.Load().fallback.upstreams[0]]
	if n := g.Pool.Idle(); n != 1 {
		t.Errorf("%d connections kept, want 1", n)
	}
	p.stopNginx()
	got := p.ask(p.front, get("GET /files/a.txt"))
	if !strings.HasPrefix(got, "502 ") || !strings.Contains(got, "<center><h1>502 Bad Gateway</h1></center>") {
		t.Error(got)
	}
	if got := p.ask(p.front, get("GET /lua")); !strings.HasPrefix(got, "200 ") {
		t.Error(got)
	}
	if !strings.Contains(p.log("error.log"), "connect() to "+p.nginx+" failed (111: Connection refused)") &&
		!strings.Contains(p.log("error.log"), "connect() failed (111: Connection refused) while connecting to upstream") {
		t.Error(p.log("error.log"))
	}
}

func TestFallbackProxyProtocol(t *testing.T) {
	p := startFallbackPair(t, func(a map[string]string) *Fallback {
		return &Fallback{URL: "http://" + a["pp"], Client: FallbackProxy, Only: []FallbackPrefix{{Path: "/lua"}, {Path: "/files/a.txt", Exact: true}}}
	})
	for path, by := range map[string]string{"/lua": "huidu", "/luaX": "huidu", "/proxied/x": "fallback", "/files/a.txt": "fallback", "/none": "fallback"} {
		want, got := p.ask(p.nginx, get("GET "+path)), p.ask(p.front, get("GET "+path))
		if got != want {
			t.Errorf("%s:\nnginx: %s\nhuidu: %s", path, want, got)
		}
		waitFor(t, path, func() bool { return strings.Contains(p.log("access.log"), path+" ") })
		if !strings.Contains(p.log("access.log"), path+" "+got[:3]+" "+by+"\n") {
			t.Errorf("%s: %s", path, p.log("access.log"))
		}
	}
}

// TestFallbackLoops: a fallback that is this gateway, plainly or in a
// roundabout way, is found out.
func TestFallbackLoops(t *testing.T) {
	dir := t.TempDir()
	os.MkdirAll(dir+"/logs", 0o755)
	own, about := freePort(t), freePort(t)
	conf := "error_log logs/error.log; events {} http { access_log off; server { listen " + own + "; location / { dav_methods PUT; } } }"
	load := func(divert bool) *nginxconf.Config {
		cfg, _ := nginxconf.Load(nginxconf.MapFiles{dir + "/conf/nginx.conf": conf}, "conf/nginx.conf", nginxconf.Options{Prefix: dir + "/", Divert: divert})
		return cfg
	}
	if load(false) != nil {
		t.Error("loaded without Divert")
	}
	if _, err := New(load(true), Options{}); err == nil || !strings.Contains(err.Error(), `"dav_methods" is not supported: WebDAV is not supported; there is no fallback in `+dir+"/conf/nginx.conf:1") {
		t.Errorf("without a fallback: %v", err)
	}
	if _, err := New(load(true), Options{Fallback: &Fallback{URL: "http://" + own}}); err == nil || !strings.Contains(err.Error(), "own \"listen\" in") {
		t.Errorf("its own listen: %v", err)
	}
	l, err := net.Listen("tcp", about)
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
				to, err := net.Dial("tcp", own)
				if err != nil {
					return
				}
				defer to.Close()
				go io.Copy(to, c)
				io.Copy(c, to)
			}()
		}
	}()
	s, err := New(load(true), Options{Fallback: &Fallback{URL: "http://" + about}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Stop()
	resp, err := http.Get("http://" + own + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	data, _ := os.ReadFile(dir + "/logs/error.log")
	if resp.StatusCode != 502 || !strings.Contains(string(data), "the fallback http://"+about+" passes requests back to this gateway") {
		t.Errorf("%d\n%s", resp.StatusCode, data)
	}
}

// TestFallbackAddresses: what --fallback and --only take.
func TestFallbackAddresses(t *testing.T) {
	for url, good := range map[string]bool{"http://127.0.0.1:8081": true, "http://old/": true, "https://[::1]:8443": true, "unix:/run/old.sock": true,
		"127.0.0.1:8081": false, "http://": false, "http://a/b": false, "http://a:0": false, "http://a;b": false, "unix:old": false, "ftp://a": false} {
		if _, err := ParseFallback(url); (err == nil) != good {
			t.Errorf("%s: %v", url, err)
		}
	}
	only, err := ParseOnly("/test, =/x")
	f := Fallback{Only: only}
	for uri, serves := range map[string]bool{"/test": true, "/testing/x": true, "/x": true, "/x/": false, "/": false} {
		if err != nil || f.Serves(uri) != serves {
			t.Errorf("%s: %v, %v", uri, f.Serves(uri), err)
		}
	}
	if _, err := ParseOnly("test"); err == nil {
		t.Error("a path without slash is taken")
	}
}
