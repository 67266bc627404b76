package casetest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// choiceBackend answers every request on every connection with 200.
func choiceBackend(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Skipf("listen %s: %v", addr, err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(bytes.TrimRight(line, "\r\n")) == 0 {
						io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
					}
				}
			}()
		}
	}()
	return ln
}

// choiceUpstreams are the upstreams whose choices are compared. Their servers
// differ in weight and in how they are written; one is down, and one refuses
// connections but is never taken out of use, so that second choices show too.
var choiceUpstreams = []struct{ name, method, servers string }{
	{"hash", "hash $arg_k;", "server {a} weight=3; server {b}; server {c} weight=2 down; server {d} weight=5; server {refuses} max_fails=0; server {unix};"},
	{"hashmany", "hash $arg_k$remote_addr;", "server {a}; server {b}; server {d}; server {unix} weight=2; server {localhost} weight=7;"},
	{"ring", "hash $arg_k consistent;", "server {a} weight=3; server {b}; server {c} down; server {localhost} weight=2; server {refuses} max_fails=0; server {unix} weight=2;"},
	{"ringeven", "hash $arg_k consistent;", "server {a}; server {b}; server {c}; server {d};"},
	{"iphash", "ip_hash;", "server {a} weight=3; server {b}; server {c} weight=2 down; server {d} weight=2; server {refuses} max_fails=0;"},
	{"roundrobin", "", "server {a} weight=3; server {b}; server {c} weight=2 down; server {d} weight=5; server {unix} backup;"},
	{"backups", "", "server {c} down; server {refuses} max_fails=0; server {a} weight=2 backup; server {b} backup; server {d} weight=3 backup;"},
}

// choiceConf is the configuration of both gateways.
func choiceConf(names *strings.Replacer) string {
	var b strings.Builder
	b.WriteString(`access_log off; keepalive_requests 1000000; set_real_ip_from 127.0.0.1; proxy_http_version 1.1; proxy_next_upstream_tries 0;
split_clients $arg_k $split_halves { 50% one; * two; }
split_clients "$remote_addr$arg_k" $split_many { 0.01% a; 0.5% b; 9.49% c; 33.33% d; 20% e; * f; }
split_clients "x${arg_k}AAA" $split_rest { 10% a; 25.5% b; }
`)
	for _, u := range choiceUpstreams {
		fmt.Fprintf(&b, "upstream %s { %s %s keepalive 8; }\n", u.name, u.method, names.Replace(u.servers))
		fmt.Fprintf(&b, `server { listen 127.0.0.1:{{port}}; server_name %s; location / { proxy_pass http://%[1]s; proxy_set_header Connection "";
    add_header X-Choice "$upstream_addr|$split_halves$split_many$split_rest"; } }
`, u.name)
	}
	return b.String()
}

// choices asks n times at each upstream and returns the answers.
func choices(t *testing.T, e engine, names *strings.Replacer, n int) map[string][]string {
	t.Helper()
	w := &world{t: t, c: &Case{}, dir: tempDir(t), ports: map[string]int{}, upstreams: map[string]*upstream{}}
	w.c.Conf = map[string]string{"http": choiceConf(names), "main": "error_log logs/error.log crit;\n"}
	if err := w.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := e.configure(w); err != nil {
		t.Fatal(err)
	}
	if err := e.start(w); err != nil {
		t.Fatalf("start %s: %v\n%s", e.name(), err, w.errorLog())
	}
	defer e.stop(w)
	type answer struct {
		name string
		list []string
		err  error
	}
	answers := make(chan answer)
	for _, u := range choiceUpstreams {
		go func() {
			// One connection for each: round robin depends on the order.
			list, err := ask(w.addr(""), u.name, n)
			answers <- answer{u.name, list, err}
		}()
	}
	all := map[string][]string{}
	for range choiceUpstreams {
		a := <-answers
		if a.err != nil {
			t.Fatalf("%s: %s after %d answers: %v", e.name(), a.name, len(a.list), a.err)
		}
		all[a.name] = a.list
	}
	return all
}

// ask sends n pipelined requests, each with another key and client address.
func ask(addr, host string, n int) (list []string, err error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(3 * time.Minute))
	go func() {
		w := bufio.NewWriterSize(nc, 64<<10)
		for i := range n {
			a := netip.AddrFrom4([4]byte{byte(i >> 6), byte(i * 37), byte(i), 9})
			if i%3 == 2 {
				a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i), byte(i >> 8), 15: byte(i * 3)})
			}
			fmt.Fprintf(w, "GET /?k=user%d-%x HTTP/1.1\r\nHost: %s\r\nX-Real-IP: %s\r\n\r\n", i, i*7919, host, a)
		}
		w.Flush()
	}()
	r := bufio.NewReaderSize(nc, 64<<10)
	for range n {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return list, err
		}
		resp.Body.Close()
		list = append(list, fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("X-Choice")))
	}
	return list, nil
}

// TestChoices asks both gateways for 10,000 users at each of choiceUpstreams
// and expects the same peers, second tries included, and the same buckets of
// split_clients.
func TestChoices(t *testing.T) {
	const n = 10000
	needNginx(t)
	var pairs []string
	for _, name := range []string{"{a}", "{b}", "{c}", "{d}"} {
		pairs = append(pairs, name, choiceBackend(t, "tcp", "127.0.0.1:0").Addr().String())
	}
	_, port, err := net.SplitHostPort(choiceBackend(t, "tcp", "127.0.0.1:0").Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if ln, err := net.Listen("tcp", "[::1]:"+port); err == nil { // localhost may be that, too
		ln.Close()
		choiceBackend(t, "tcp", "[::1]:"+port)
	}
	path := filepath.Join(tempDir(t), "backend")
	choiceBackend(t, "unix", path)
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	refuses, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer(append(pairs, "{localhost}", "localhost:"+port, "{unix}", "unix:"+path,
		"{refuses}", fmt.Sprintf("127.0.0.1:%d", refuses))...)
	want := choices(t, &nginxEngine{bin: os.Getenv("HUIDU_WIRE_NGINX")}, names, n)
	got := choices(t, newHuidu(), names, n)
	for _, u := range choiceUpstreams {
		distinct := map[string]bool{}
		for i, w := range want[u.name] {
			distinct[w] = true
			if got[u.name][i] != w {
				t.Errorf("%s: user %d is at %q with nginx, at %q with huidu", u.name, i, w, got[u.name][i])
				break
			}
		}
		if len(distinct) < 2 {
			t.Errorf("%s: all users are at %v", u.name, distinct)
		}
	}
}
