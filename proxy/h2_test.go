package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"huidu/proxy/http2"
)

// h2Client speaks HTTP/2 without TLS from the first byte.
func h2Client(t testing.TB) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func h2Get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestH2Requests(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %d", r.Method, r.Host, r.Header.Get("Cookie"), len(b))
	}))
	defer up.Close()
	g := startGateway(t, "", `
		http2 on; root html;
		client_max_body_size 0; client_body_temp_path tmp;
		location = /vars { default_type text/plain; return 200 "$http2 $server_protocol $request $host $http_x_a"; }
		location = /empty { return 204; }
		location /up { proxy_pass `+up.URL+`; }
		location /stream { proxy_pass `+up.URL+`; proxy_http_version 1.1; proxy_request_buffering off; }
		location /file { add_trailer X-End "it is $status"; }
		location /lua { content_by_lua_block {
			ngx.req.read_body()
			ngx.say(ngx.req.http_version(), " ", select(2, pcall(ngx.req.raw_header)), " ", #(ngx.req.get_body_data() or ""))
		} }`)
	os.Mkdir(filepath.Join(g.dir, "html"), 0o755)
	big := bytes.Repeat([]byte("0123456789abcdef"), 200000)
	os.WriteFile(filepath.Join(g.dir, "html/file"), big, 0o600)
	c := h2Client(t)
	base := "http://" + g.addr

	res, body := h2Get(t, c, base+"/vars?a=%20b")
	if want := "h2c HTTP/2.0 GET /vars?a=%20b HTTP/2.0 127.0.0.1 "; res.ProtoMajor != 2 || body != want {
		t.Errorf("got %s %q, want %q", res.Proto, body, want)
	}
	if res.Header.Get("Server") == "" || res.Header.Get("Date") == "" || res.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("header: %v", res.Header)
	}
	if res, body = h2Get(t, c, base+"/empty"); res.StatusCode != 204 || body != "" {
		t.Errorf("got %d %q", res.StatusCode, body)
	}
	res, body = h2Get(t, c, base+"/file")
	if body != string(big) {
		t.Errorf("a file of %d bytes came as %d", len(big), len(body))
	}
	if got := res.Trailer.Get("X-End"); got != "it is 200" {
		t.Errorf("trailer: %q", got)
	}
	if res, err := c.Head(base + "/file"); err != nil || res.StatusCode != 200 || res.ContentLength != int64(len(big)) {
		t.Errorf("HEAD: %v, %v", res, err)
	}
	for _, path := range []string{"/up", "/stream"} {
		for _, known := range []bool{true, false} {
			var from io.Reader = bytes.NewReader(big)
			if !known {
				from = io.MultiReader(from)
			}
			req, _ := http.NewRequest("POST", base+path, from)
			req.Header.Set("Cookie", "a=b; c=d")
			res, err := c.Do(req)
			if err != nil {
				t.Fatal(path, err)
			}
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if want := fmt.Sprintf("POST %s a=b; c=d %d", strings.TrimPrefix(up.URL, "http://"), len(big)); string(b) != want {
				t.Errorf("%s: got %q, want %q", path, b, want)
			}
		}
	}
	res, err := c.Post(base+"/lua", "text/plain", strings.NewReader("12345"))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if want := "2 http2 requests not supported yet 5\n"; string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
	// HTTP/1 on the same address.
	_, body = h2Get(t, http.DefaultClient, base+"/vars")
	if want := " HTTP/1.1 GET /vars HTTP/1.1 127.0.0.1 "; body != want {
		t.Errorf("got %q, want %q", body, want)
	}
}

func TestH2Concurrent(t *testing.T) {
	before := runtime.NumGoroutine()
	g := startGateway(t, "", `http2 on; http2_max_concurrent_streams 50;
		location / { default_type text/plain; return 200 "$request_uri"; }
		location /lua { content_by_lua_block { for i = 1, 50 do ngx.say(ngx.var.arg_n) ngx.flush(true) end } }`)
	c := h2Client(t)
	var wg sync.WaitGroup
	for n := range 200 {
		wg.Go(func() {
			path := fmt.Sprintf("/x?n=%d", n)
			want := path
			if n%2 == 1 {
				path = fmt.Sprintf("/lua?n=%d", n)
				want = strings.Repeat(fmt.Sprintf("%d\n", n), 50)
			}
			res, err := c.Get("http://" + g.addr + path)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if b, err := io.ReadAll(res.Body); err != nil || string(b) != want {
				t.Errorf("%s: %q, %v", path, b, err)
			}
		})
	}
	wg.Wait()
	c.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := g.srv.Quit(ctx); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+4 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before+4 {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines became %d\n%s", before, n, buf[:runtime.Stack(buf, true)])
	}
}

func TestH2ClientGoes(t *testing.T) {
	gone := make(chan struct{})
	here := make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(here)
		<-r.Context().Done()
		close(gone)
	}))
	defer up.Close()
	g := startGateway(t, "", "http2 on; location / { proxy_pass "+up.URL+"; }")
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+g.addr+"/", nil)
	go func() { <-here; cancel() }()
	if _, err := h2Client(t).Do(req); err == nil {
		t.Error("a response without an upstream's")
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the upstream's request goes on although the client is gone")
	}
}

// h2Raw is a client of frames.
type h2Raw struct {
	t testing.TB
	net.Conn
}

// h2Frame is a frame with its payload.
type h2Frame struct {
	http2.FrameHeader
	p []byte
}

// code is the error code that a RST_STREAM or GOAWAY frame ends with.
func (f h2Frame) code() http2.Code {
	if len(f.p) < 4 {
		return 0xff
	}
	return http2.Code(binary.BigEndian.Uint32(f.p[len(f.p)-4:]))
}

func dialH2(t testing.TB, g *gateway) *h2Raw {
	t.Helper()
	nc, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(nc, http2.Preface)
	return &h2Raw{t: t, Conn: nc}
}

func (c *h2Raw) get(id uint32, end bool, fields ...string) {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	c.Write(http2.AppendHeaders(nil, b.Bytes(), id, end, http2.DefaultFrameSize))
}

// await reads frames until one is of that type.
func (c *h2Raw) await(typ http2.FrameType) (h2Frame, bool) {
	for {
		var head [http2.FrameHeaderSize]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return h2Frame{}, false
		}
		f := h2Frame{FrameHeader: http2.ParseFrameHeader(head[:])}
		f.p = make([]byte, f.Length)
		if _, err := io.ReadFull(c, f.p); err != nil {
			return h2Frame{}, false
		}
		if f.Type == typ {
			return f, true
		}
	}
}

var plain = []string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "localhost"}

func TestH2Faults(t *testing.T) {
	g := startGateway(t, "", `http2 on; large_client_header_buffers 2 2k; location / { return 200 ok; }`)
	frame := func(length int, typ http2.FrameType, flags uint8, id uint32, payload string) func(c *h2Raw) {
		return func(c *h2Raw) {
			c.Write(append(http2.AppendFrameHeader(nil, length, typ, flags, id), payload...))
		}
	}
	for name, tc := range map[string]struct {
		send func(c *h2Raw)
		code http2.Code
	}{
		"even stream":        {func(c *h2Raw) { c.get(2, true, plain...) }, http2.ProtocolError},
		"stream twice":       {func(c *h2Raw) { c.get(1, true, plain...); c.get(1, true, plain...) }, http2.ProtocolError},
		"DATA on 0":          {frame(1, http2.FrameData, 0, 0, "x"), http2.ProtocolError},
		"DATA padding":       {frame(1, http2.FrameData, http2.FlagPadded, 1, "\x05"), http2.ProtocolError},
		"DATA padded empty":  {frame(0, http2.FrameData, http2.FlagPadded, 1, ""), http2.FrameSizeError},
		"PING size":          {frame(7, http2.FramePing, 0, 0, "1234567"), http2.FrameSizeError},
		"PING stream":        {frame(8, http2.FramePing, 0, 3, "12345678"), http2.ProtocolError},
		"SETTINGS size":      {frame(5, http2.FrameSettings, 0, 0, "12345"), http2.FrameSizeError},
		"SETTINGS stream":    {frame(0, http2.FrameSettings, 0, 1, ""), http2.ProtocolError},
		"SETTINGS push":      {frame(6, http2.FrameSettings, 0, 0, "\x00\x02\x00\x00\x00\x02"), http2.ProtocolError},
		"SETTINGS window":    {frame(6, http2.FrameSettings, 0, 0, "\x00\x04\x80\x00\x00\x00"), http2.FlowControlError},
		"SETTINGS frame":     {frame(6, http2.FrameSettings, 0, 0, "\x00\x05\x00\x00\x00\x01"), http2.ProtocolError},
		"WINDOW_UPDATE 0":    {frame(4, http2.FrameWindowUpdate, 0, 0, "\x00\x00\x00\x00"), http2.ProtocolError},
		"WINDOW_UPDATE over": {frame(4, http2.FrameWindowUpdate, 0, 0, "\x7f\xff\xff\xff"), http2.FlowControlError},
		"PUSH_PROMISE":       {frame(4, http2.FramePushPromise, 0, 1, "\x00\x00\x00\x02"), http2.ProtocolError},
		"CONTINUATION":       {frame(1, http2.FrameContinuation, 0, 1, "\x82"), http2.ProtocolError},
		"HEADERS empty":      {frame(0, http2.FrameHeaders, 5, 1, ""), http2.FrameSizeError},
		"HEADERS cut":        {frame(2, http2.FrameHeaders, 5, 1, "\x00\x05"), http2.FrameSizeError},
		"HPACK index":        {frame(1, http2.FrameHeaders, 5, 1, "\xff"), http2.FrameSizeError},
		"HPACK no entry":     {frame(1, http2.FrameHeaders, 5, 1, "\xfe"), http2.CompressionError},
		"HPACK table":        {frame(3, http2.FrameHeaders, 5, 1, "\x3f\xff\x7f"), http2.CompressionError},
		"interrupted HEADERS": {func(c *h2Raw) {
			frame(1, http2.FrameHeaders, 1, 1, "\x82")(c)
			frame(0, http2.FrameSettings, 0, 0, "")(c)
		}, http2.ProtocolError},
		"field too large": {func(c *h2Raw) { c.get(1, true, append(plain, "x-a", strings.Repeat("\xff", 3000))...) }, http2.EnhanceYourCalm},
		"header too large": {func(c *h2Raw) {
			c.get(1, true, append(plain, "x-a", strings.Repeat("\xff", 1900), "x-b", strings.Repeat("\xff", 1900), "x-c", strings.Repeat("a", 1900))...)
		}, http2.EnhanceYourCalm},
		"PRIORITY flood": {func(c *h2Raw) {
			for range 200 {
				frame(5, http2.FramePriority, 0, 1, "\x00\x00\x00\x00\x00")(c)
			}
		}, http2.EnhanceYourCalm},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialH2(t, g)
			tc.send(c)
			f, found := c.await(http2.FrameGoAway)
			if !found || f.code() != tc.code {
				t.Errorf("got %v, want %v", f, tc.code)
			}
		})
	}
	c := dialH2(t, g)
	c.get(1, true, append(plain, "X-Upper", "a")...)
	if f, found := c.await(http2.FrameRSTStream); !found || f.code() != http2.ProtocolError {
		t.Errorf("upper case: %v", f)
	}
	c.Write(append(http2.AppendFrameHeader(nil, 8, http2.FramePing, 0, 0), "12345678"...))
	if f, found := c.await(http2.FramePing); !found || f.Flags != http2.FlagAck {
		t.Error("no PING after a refused stream")
	}
}

func TestH2BadRequests(t *testing.T) {
	g := startGateway(t, "", `http2 on; location / { return 200 ok; }`)
	for name, tc := range map[string]struct {
		fields []string
		status string
	}{
		"no method":        {[]string{":scheme", "http", ":path", "/", ":authority", "a"}, "400"},
		"no scheme":        {[]string{":method", "GET", ":path", "/", ":authority", "a"}, "400"},
		"no path":          {[]string{":method", "GET", ":scheme", "http", ":authority", "a"}, "400"},
		"no host":          {[]string{":method", "GET", ":scheme", "http", ":path", "/"}, "400"},
		"host alone":       {[]string{":method", "GET", ":scheme", "http", ":path", "/", "host", "a"}, "200"},
		"hosts differ":     {append(plain, "host", "other"), "400"},
		"hosts agree":      {append(plain, "host", "localhost"), "200"},
		"two paths":        {append(plain, ":path", "/a"), "400"},
		"bad path":         {[]string{":method", "GET", ":scheme", "http", ":path", "a", ":authority", "a"}, "400"},
		"space in path":    {[]string{":method", "GET", ":scheme", "http", ":path", "/a b", ":authority", "a"}, "400"},
		"unknown pseudo":   {append(plain, ":what", "a"), "400"},
		"bad method":       {[]string{":method", "get", ":scheme", "http", ":path", "/", ":authority", "a"}, "400"},
		"TRACE":            {[]string{":method", "TRACE", ":scheme", "http", ":path", "/", ":authority", "a"}, "405"},
		"connection":       {append(plain, "connection", "close"), "400"},
		"chunked":          {append(plain, "transfer-encoding", "chunked"), "400"},
		"te":               {append(plain, "te", "gzip"), "400"},
		"te trailers":      {append(plain, "te", "trailers"), "200"},
		"bad length":       {append(plain, "content-length", "x"), "400"},
		"length, no body":  {append(plain, "content-length", "5"), "400"},
		"two lengths":      {append(plain, "content-length", "0", "content-length", "0"), "400"},
		"ignored field":    {append(plain, "x_y", "1"), "200"},
		"authority is bad": {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a b/"}, "400"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialH2(t, g)
			c.get(1, true, tc.fields...)
			f, _ := c.await(http2.FrameHeaders)
			fields, err := hpack.NewDecoder(4096, nil).DecodeFull(f.p)
			if err != nil || len(fields) == 0 || fields[0].Value != tc.status {
				t.Errorf("got %v, want %s", fields, tc.status)
			}
		})
	}
}

func TestH2Limits(t *testing.T) {
	g := startGateway(t, "", `http2 on; http2_max_concurrent_streams 2; keepalive_requests 4;
		location / { return 200 ok; }
		location /slow { content_by_lua_block { ngx.sleep(10) ngx.say("slow") } }`)
	slow := append(append([]string{}, plain...), "x", "y")
	slow[5] = "/slow"
	c := dialH2(t, g)
	c.get(1, true, slow...)
	c.get(3, true, slow...)
	c.get(5, true, plain...)
	if f, found := c.await(http2.FrameRSTStream); !found || f.code() != http2.RefusedStream || f.Stream != 5 {
		t.Errorf("too many streams: %v", f)
	}
	c.Close()
	c = dialH2(t, g)
	for id := uint32(1); id < 9; id += 2 {
		c.get(id, true, plain...)
		if id == 7 {
			break
		}
		if _, found := c.await(http2.FrameHeaders); !found {
			t.Fatal("no response")
		}
	}
	if f, found := c.await(http2.FrameGoAway); !found || f.code() != http2.NoError || binary.BigEndian.Uint32(f.p) != 7 {
		t.Errorf("keepalive_requests: %v", f)
	}
	// Streams opened and reset at once are counted until they are over, and
	// whoever goes on is cut off.
	c = dialH2(t, g)
	for id := uint32(1); id < 2001; id += 2 {
		c.get(id, true, slow...)
		c.Write(http2.AppendRSTStream(nil, id, http2.Cancel))
	}
	if _, found := c.await(http2.FrameGoAway); !found {
		t.Error("a flood of resets is served on")
	}
}

func TestH2QuitAndFlow(t *testing.T) {
	g := startGateway(t, "", `http2 on; root html;`)
	os.Mkdir(filepath.Join(g.dir, "html"), 0o755)
	os.WriteFile(filepath.Join(g.dir, "html/index.html"), bytes.Repeat([]byte("x"), 100000), 0o600)
	idle := dialH2(t, g)
	if _, found := idle.await(http2.FrameSettings); !found {
		t.Fatal("no SETTINGS")
	}
	c := dialH2(t, g)
	c.get(1, true, plain...)
	got := 0
	for got < http2.DefaultWindow {
		f, found := c.await(http2.FrameData)
		if !found {
			t.Fatal("no DATA")
		}
		got += len(f.p)
	}
	if got != http2.DefaultWindow {
		t.Errorf("%d bytes for a window of %d", got, http2.DefaultWindow)
	}
	quit := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		quit <- g.srv.Quit(ctx)
	}()
	for _, c := range []*h2Raw{idle, c} {
		if f, found := c.await(http2.FrameGoAway); !found || f.code() != http2.NoError {
			t.Errorf("no GOAWAY: %v", f)
		}
	}
	c.get(3, true, plain...) // comes too late
	c.Write(http2.AppendWindowUpdate(nil, 0, 1<<20))
	c.Write(http2.AppendWindowUpdate(nil, 1, 1<<20))
	for {
		f, found := c.await(http2.FrameData)
		if !found {
			t.Fatal("the response was cut")
		}
		if f.Stream != 1 {
			t.Error("a stream after GOAWAY was served")
		}
		if got += len(f.p); f.Flags&http2.FlagEndStream != 0 {
			break
		}
	}
	if got != 100000 {
		t.Errorf("got %d bytes", got)
	}
	c.Close()
	idle.Close()
	if err := <-quit; err != nil {
		t.Error(err)
	}
}

// FuzzH2 sends bytes behind the preface; whatever they are, the server stays
// up and the connection comes to its end.
func FuzzH2(f *testing.F) {
	g := startGateway(f, "", `http2 on; client_header_timeout 1s; client_body_timeout 1s; lingering_close off; keepalive_timeout 1s;
		location / { return 200 ok; }
		location /b { content_by_lua_block { ngx.req.read_body() ngx.say("b") } }`)
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i+1 < len(plain); i += 2 {
		e.WriteField(hpack.HeaderField{Name: plain[i], Value: plain[i+1]})
	}
	head := b.String()
	frame := func(typ http2.FrameType, flags uint8, id uint32, payload string) string {
		return string(http2.AppendFrameHeader(nil, len(payload), typ, flags, id)) + payload
	}
	f.Add([]byte(frame(4, 0, 0, "") + frame(1, 5, 1, head)))
	f.Add([]byte(frame(1, 4, 1, head) + frame(0, 1, 1, "body") + frame(3, 0, 1, "\x00\x00\x00\x08")))
	f.Add([]byte(frame(1, 0, 1, head[:5]) + frame(9, 4, 1, head[5:]) + frame(8, 0, 0, "\x00\x00\x01\x00")))
	f.Add([]byte(frame(1, 0x2c, 1, "\x02\x00\x00\x00\x00\x10"+head+"\x00\x00") + frame(6, 0, 0, "12345678")))
	f.Add([]byte(frame(4, 0, 0, "\x00\x04\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00") + frame(1, 5, 1, head) + frame(7, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00")))
	f.Fuzz(func(t *testing.T, in []byte) {
		nc, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(nc, http2.Preface)
		nc.Write(in)
		nc.(*net.TCPConn).CloseWrite()
		out, err := io.ReadAll(nc)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatalf("%x: %v", in, err)
		}
		for len(out) > 0 { // whole frames, and only such as a server sends
			if len(out) < http2.FrameHeaderSize {
				break
			}
			h := http2.ParseFrameHeader(out)
			if len(out) < http2.FrameHeaderSize+h.Length {
				break
			}
			if h.Type == http2.FramePushPromise || h.Type == http2.FramePriority || h.Type > http2.FrameContinuation {
				t.Fatalf("%x: frame %+v", in, h)
			}
			if h.Type == http2.FrameWindowUpdate && binary.BigEndian.Uint32(out[9:])&0x7fffffff == 0 {
				t.Fatalf("%x: an empty WINDOW_UPDATE", in)
			}
			out = out[http2.FrameHeaderSize+h.Length:]
		}
	})
}
