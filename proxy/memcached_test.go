package proxy

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// fakeMemcached answers get from values; a value that begins with "raw:" is
// the whole answer.
func fakeMemcached(t *testing.T, values map[string]string) (addr string, conns *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conns = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for {
					line, err := br.ReadString('\n')
					if err != nil {
						return
					}
					key := strings.TrimSpace(strings.TrimPrefix(line, "get "))
					v, found := values[key]
					raw, isRaw := strings.CutPrefix(v, "raw:")
					switch {
					case isRaw:
						fmt.Fprint(c, raw)
						return
					case !found:
						fmt.Fprint(c, "END\r\n")
					default:
						fmt.Fprintf(c, "VALUE %s 2 %d\r\n%s\r\nEND\r\n", key, len(v), v)
					}
				}
			}()
		}
	}()
	return l.Addr().String(), conns
}

func TestMemcached(t *testing.T) {
	noLeaks(t)
	big := strings.Repeat("0123456789", 20000)
	addr, conns := fakeMemcached(t, map[string]string{
		"/a": "one", "/big": big, "/a%20b": "space", "/junk": "raw:what\r\n", "/other": "raw:VALUE no 0 1\r\n",
		"/len": "raw:VALUE /len 0 x\r\n", "/cut": "raw:VALUE /cut 0 10\r\nabc", "/tail": "raw:VALUE /tail 0 3\r\nabc\r\nXXX\r\n",
	})
	g := startGateway(t, "upstream m { server "+addr+"; }", `
		set $memcached_key $uri;
		location / { memcached_pass m; default_type text/x; }
		location /gz { set $memcached_key /a; memcached_gzip_flag 2; memcached_pass m; }
		location /var { set $memcached_key /a; set $to m; memcached_pass $to; }
		location /nokey { set $memcached_key ""; memcached_pass m; }
		location /missing { error_page 404 = @fallback; memcached_pass m; }
		location @fallback { return 200 "fallback"; }`)
	for path, want := range map[string]string{"/a": "one", "/big": big, "/a%20b": "space", "/var": "one", "/missing": "fallback", "/tail": "abc"} {
		resp, b := g.get(path)
		if resp.StatusCode != 200 || string(b) != want || resp.ContentLength != int64(len(want)) {
			t.Errorf("%s: %s %d bytes\n%s", path, resp.Status, len(b), g.log())
		}
	}
	if n := conns.Load(); n > 2 {
		t.Errorf("%d connections", n)
	}
	for path, want := range map[string]int{"/none": 404, "/junk": 502, "/other": 502, "/len": 502, "/nokey": 500} {
		if resp, _ := g.get(path); resp.StatusCode != want {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	for _, text := range []string{`key: "/none" was not found by memcached`, `memcached sent invalid response: "what"`,
		`memcached sent invalid key in response "VALUE no 0 1" for key "/other"`,
		`memcached sent invalid length in response "VALUE /len 0 x" for key "/len"`,
		`the "$memcached_key" variable is not set`, "memcached sent invalid trailer"} {
		g.waitLog(text)
	}
	req, _ := http.NewRequest("GET", "http://"+g.addr+"/gz", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Error(resp, err)
	}
	resp.Body.Close()
	if resp, err := http.Post("http://"+g.addr+"/a", "x/y", strings.NewReader("z")); err != nil || resp.StatusCode != 405 {
		t.Error(resp, err)
	} else {
		resp.Body.Close()
	}
	if resp, err := http.Get("http://" + g.addr + "/cut"); err == nil {
		if _, err := bufio.NewReader(resp.Body).ReadString(0); err == nil || err.Error() != "unexpected EOF" {
			t.Error(err)
		}
		resp.Body.Close()
	}
}
