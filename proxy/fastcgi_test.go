package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"strings"
	"sync/atomic"
	"testing"
)

// fcgiApp serves h by FastCGI.
func fcgiApp(t *testing.T, h http.HandlerFunc) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go fcgi.Serve(l, h)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestFastCGI(t *testing.T) {
	var asked atomic.Int32
	big := strings.Repeat("0123456789", 30000)
	addr := fcgiApp(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		env := fcgi.ProcessEnv(r)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Env", env["SCRIPT"]+"|"+env["INFO"]+"|"+env["EMPTY"])
		w.Header().Set("X-Got", fmt.Sprint(r.Method, " ", len(body), " ", r.Header.Get("X-A"), " ", r.Header.Get("X-Dropped")))
		switch {
		case strings.HasPrefix(r.URL.Path, "/gone"):
			w.WriteHeader(404)
		case strings.HasPrefix(r.URL.Path, "/moved"):
			w.Header().Set("Location", "/there")
			w.WriteHeader(303)
			return
		case strings.HasPrefix(r.URL.Path, "/big"):
			io.WriteString(w, big)
			return
		}
		fmt.Fprintf(w, "%s %s", r.URL.Path, r.URL.RawQuery)
	})
	params := `fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri; fastcgi_param QUERY_STRING $query_string;
		fastcgi_param SERVER_PROTOCOL $server_protocol; fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param HTTP_X_DROPPED "";
		fastcgi_param SCRIPT $fastcgi_script_name; fastcgi_param INFO $fastcgi_path_info; fastcgi_param EMPTY $arg_empty if_not_empty;`
	g := startGateway(t, "upstream f { server "+addr+"; keepalive 2; } fastcgi_cache_path cache keys_zone=c:1m; client_body_buffer_size 8k; "+params, `
		location / { fastcgi_pass f; fastcgi_keep_conn on; fastcgi_index index.php; }
		location /split { fastcgi_pass f; fastcgi_split_path_info ^(.+\.php)(.*)$; }
		location /var { set $to f; fastcgi_pass $to; }
		location /unbuffered { fastcgi_pass f; fastcgi_buffering off; fastcgi_request_buffering off; }
		location /cached { fastcgi_pass f; fastcgi_cache c; fastcgi_cache_key $uri; fastcgi_cache_valid 1m; add_header X-Cache $upstream_cache_status; }
		location /down { fastcgi_pass 127.0.0.1:1; }`)
	for path, want := range map[string]string{"/a?b=c": "200 /a b=c", "/gone": "404 /gone ", "/big": "200 " + big, "/var/x": "200 /var/x ", "/unbuffered": "200 /unbuffered "} {
		resp, b := g.get(path)
		if got := fmt.Sprint(resp.StatusCode, " ", string(b)); got != want {
			t.Errorf("%s: %.80q, want %.80q\n%s", path, got, want, g.log())
		}
	}
	for path, want := range map[string]string{"/dir/": "/dir/index.php||", "/split/x.php/info": "/split/x.php|/info|", "/x?empty=1": "/x||1"} {
		if resp, _ := g.get(path); resp.Header.Get("X-Env") != want {
			t.Errorf("%s: %q, want %q", path, resp.Header.Get("X-Env"), want)
		}
	}
	if resp, _ := g.get("/down"); resp.StatusCode != 502 {
		t.Error(resp.Status)
	}
	for _, size := range []int{0, 10, 100000} {
		for _, path := range []string{"/", "/unbuffered"} {
			req, _ := http.NewRequest("POST", "http://"+g.addr+path, strings.NewReader(strings.Repeat("x", size)))
			req.Header.Set("X-A", "1")
			req.Header.Add("X-A", "2")
			req.Header.Set("X-Dropped", "y")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got, want := resp.Header.Get("X-Got"), fmt.Sprint("POST ", size, " 1, 2"); got != want {
				t.Errorf("%s: %q, want %q\n%s", path, got, want, g.log())
			}
		}
	}
	before := asked.Load()
	for i, want := range []string{"MISS", "HIT", "HIT"} {
		resp, b := g.get("/cached")
		if resp.Header.Get("X-Cache") != want || string(b) != "/cached " || resp.Header.Get("X-Got") != "GET 0" {
			t.Errorf("%d: %v %q", i, resp.Header, b)
		}
	}
	if n := asked.Load() - before; n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestFastCGIStderr(t *testing.T) {
	addr := rawUpstream(t, "\x01\x07\x00\x01\x00\x04\x00\x00oops\x01\x06\x00\x01\x00\x08\x00\x00A: b\r\n\r\n\x01\x03\x00\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	g := startGateway(t, "", "location / { fastcgi_pass "+addr+"; } location /catch { fastcgi_pass "+addr+"; fastcgi_catch_stderr oops; }")
	if resp, _ := g.get("/"); resp.StatusCode != 200 || resp.Header.Get("A") != "b" {
		t.Error(resp)
	}
	g.waitLog(`FastCGI sent in stderr: "oops" while reading response header from upstream`)
	if resp, _ := g.get("/catch"); resp.StatusCode != 502 {
		t.Error(resp.Status)
	}
}

// rawUpstream answers whatever it gets with the same bytes.
func rawUpstream(t *testing.T, answer string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			io.WriteString(c, answer)
			c.Close()
		}
	}()
	return l.Addr().String()
}
