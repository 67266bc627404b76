package upstream

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huidu/nginxconf"
)

// freePorts finds n ports on which nothing listens.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ls []net.Listener
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ls = append(ls, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range ls {
		l.Close()
	}
	return ports
}

// startNginx runs nginx with a configuration until the test ends; it skips
// the test where there is none.
func startNginx(t *testing.T, http string, port int) {
	t.Helper()
	bin, err := exec.LookPath("nginx")
	if err != nil {
		if bin = "/usr/sbin/nginx"; !exists(bin) {
			t.Skip("nginx is not installed")
		}
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := "daemon off; master_process off; pid " + dir + "/pid; error_log " + dir + "/error.log;\n" +
		"events {}\nhttp { access_log off; client_body_temp_path " + dir + "/b; proxy_temp_path " + dir + "/p;" +
		"fastcgi_temp_path " + dir + "/f; uwsgi_temp_path " + dir + "/u; scgi_temp_path " + dir + "/s; keepalive_requests 100000;\n" + http + "\n}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-p", dir, "-c", conf, "-e", dir+"/error.log")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	deadline := time.Now().Add(5 * time.Second)
	for {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(dir + "/error.log")
			t.Fatalf("nginx does not listen: %s", log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// askAll sends one pipelined request per line and returns the X field of each
// response.
func askAll(t *testing.T, port int, requests []string) []string {
	t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		w := bufio.NewWriter(c)
		for _, r := range requests {
			w.WriteString(r)
		}
		w.Flush()
	}()
	br := bufio.NewReader(c)
	var out []string
	for range requests {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatalf("after %d responses: %v", len(out), err)
		}
		resp.Body.Close()
		out = append(out, resp.Header.Get("X"))
	}
	return out
}

// server is one server line for tests: "addr weight=2 backup ...".
func server(line string) nginxconf.UpstreamServer {
	f := strings.Fields(line)
	s := nginxconf.UpstreamServer{Original: f[0], Name: f[0], Addrs: []string{f[0]}, Weight: 1, MaxFails: 1, FailTimeout: 10 * time.Second}
	for _, a := range f[1:] {
		switch k, v, _ := strings.Cut(a, "="); k {
		case "weight":
			fmt.Sscan(v, &s.Weight)
		case "max_fails":
			fmt.Sscan(v, &s.MaxFails)
		case "max_conns":
			fmt.Sscan(v, &s.MaxConns)
		case "route":
			s.Route = v
		case "backup":
			s.Backup = true
		case "down":
			s.Down = true
		default:
			panic(a)
		}
	}
	return s
}

func upstream(method string, lines ...string) *nginxconf.Upstream {
	u := &nginxconf.Upstream{Name: "u"}
	switch method {
	case "consistent":
		u.Balancer = nginxconf.Balancer{Method: "hash", Consistent: true}
	case "random two":
		u.Balancer = nginxconf.Balancer{Method: "random", Two: true, TwoMethod: "least_conn"}
	default:
		u.Balancer.Method = method
	}
	for _, l := range lines {
		u.Servers = append(u.Servers, server(l))
	}
	return u
}

// TestConfirmPeers sends ten thousand keys and addresses through nginx and
// expects the same peer for every one.
func TestConfirmPeers(t *testing.T) {
	const n = 10000
	ports := freePorts(t, 6)
	weights := []int{1, 3, 2, 1, 5}
	var lines []string
	var conf, servers strings.Builder
	for i, w := range weights {
		lines = append(lines, fmt.Sprintf("127.0.0.1:%d weight=%d", ports[i+1], w))
		fmt.Fprintf(&servers, "server %s%s;", lines[i], map[bool]string{true: " down"}[i == 3])
		fmt.Fprintf(&conf, "server { listen 127.0.0.1:%d; return 204; }\n", ports[i+1])
	}
	lines[3] += " down"
	for _, m := range []string{"hash $arg_k", "hash $arg_k consistent", "ip_hash", ""} {
		name := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, m)
		directive := m
		if m != "" {
			directive += ";"
		}
		fmt.Fprintf(&conf, "upstream u%s { %s %s keepalive 4; }\n", name, directive, servers.String())
		fmt.Fprintf(&conf, "server { listen 127.0.0.1:%d; server_name %q; set_real_ip_from 127.0.0.1; location / { proxy_pass http://u%s; proxy_http_version 1.1; proxy_set_header Connection ''; add_header X $upstream_addr; } }\n",
			ports[0], "n"+name, name)
	}
	startNginx(t, conf.String(), ports[0])

	for _, tt := range []struct{ method, host string }{
		{"hash", "nhashargk"}, {"consistent", "nhashargkconsistent"}, {"ip_hash", "niphash"}, {"", "n"},
	} {
		g := New(upstream(tt.method, lines...), Options{}, nil)
		requests := make([]string, n)
		want := make([]string, n)
		for i := range n {
			key := fmt.Sprintf("key%d-%x", i, i*7919)
			a := netip.AddrFrom4([4]byte{byte(i >> 6), byte(i * 37), byte(i), 9})
			if i%3 == 2 {
				b := [16]byte{0x20, 1, 0xd, 0xb8, byte(i), byte(i >> 8), 15: byte(i * 3)}
				a = netip.AddrFrom16(b)
			}
			requests[i] = fmt.Sprintf("GET /?k=%s HTTP/1.1\r\nHost: %s\r\nX-Real-IP: %s\r\n\r\n", key, tt.host, a)
			var p Picker
			g.Start(&p, PickRequest{Client: a, Key: key})
			peer, err := p.Next()
			if err != nil {
				t.Fatal(err)
			}
			want[i] = peer.Name
			p.Done(OK)
		}
		got := askAll(t, ports[0], requests)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: request %d went to %s on nginx, to %s here", tt.host, i, got[i], want[i])
			}
		}
		g.Close()
	}
}
