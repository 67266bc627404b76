package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// runHUP reloads ten times a second under load; no request may fail.
func runHUP(b *bench) (int, error) {
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	srv, err := b.startHuidu("hup", port, fmt.Sprintf(`    upstream up { server 127.0.0.1:%d; }
    server { listen 127.0.0.1:%d; location / { proxy_pass http://up; }
             location /lua { content_by_lua_block { ngx.say("hello") } } }`, b.upPort, port))
	if err != nil {
		return 0, err
	}
	defer srv.stop()
	missed := 0
	fmt.Printf("\n== hup\n")
	for _, path := range []string{"/", "/lua"} {
		stop, done := make(chan struct{}), make(chan int)
		go func() {
			n := 0
			for tick := time.NewTicker(100 * time.Millisecond); ; n++ {
				select {
				case <-stop:
					tick.Stop()
					done <- n
					return
				case <-tick.C:
					_ = srv.cmd.Process.Signal(syscall.SIGHUP)
				}
			}
		}()
		s, err := load(b.config, srv, "http://"+addrOf(port)+path, max(b.duration, 10*time.Second))
		close(stop)
		n := <-done
		if err != nil {
			return missed, err
		}
		word := "met"
		if s.failed > 0 || s.requests == 0 {
			word = "MISSED"
			missed++
		}
		fmt.Printf("bar %s: %s: %d reloads during %d requests, %d failed %s(%.0f req/s, memory %.1f MiB)\n",
			word, path, n, s.requests, s.failed, s.detail, s.rps, float64(s.memory)/1024)
	}
	return missed, nil
}

// runIdle measures memory per connection that has served a request and waits.
func runIdle(b *bench) (int, error) {
	const n, limit = 2000, 40.0
	http := func(port int) string {
		return fmt.Sprintf(`    keepalive_timeout 300;
    server { listen 127.0.0.1:%d; location / { content_by_lua_block { ngx.say("hello") } } }`, port)
	}
	fmt.Printf("\n== idle: %d connections that wait after a request\n", n)
	missed := 0
	for _, g := range []gateway{
		{"nginx", "/", func(port int) (*server, error) { return b.startNginx("idle-nginx", port, http(port)) }},
		{"huidu", "/", func(port int) (*server, error) { return b.startHuidu("idle-huidu", port, http(port)) }},
	} {
		port, err := freePort()
		if err != nil {
			return missed, err
		}
		srv, err := g.start(port)
		if err != nil {
			return missed, err
		}
		kib, err := idleMemory(srv, addrOf(port), n)
		srv.stop()
		if err != nil {
			return missed, fmt.Errorf("%s: %w", g.name, err)
		}
		word := "met"
		if g.name == "huidu" && kib > limit {
			word = "MISSED"
			missed++
		}
		fmt.Printf("bar %s: %s: %.1f KiB per connection, limit %.0f\n", word, g.name, kib, limit)
	}
	return missed, nil
}

// idleMemory opens n connections, asks once on each, and returns the growth
// in KiB per connection.
func idleMemory(srv *server, addr string, n int) (float64, error) {
	ask := func(c net.Conn) error {
		if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
		if err != nil {
			return err
		}
		var body [64]byte
		_, _ = resp.Body.Read(body[:])
		return resp.Body.Close()
	}
	warm, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer warm.Close()
	if err := ask(warm); err != nil {
		return 0, err
	}
	before := srv.memory()
	for i := 0; i < n; i++ {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		if err := ask(c); err != nil {
			return 0, err
		}
	}
	time.Sleep(200 * time.Millisecond)
	return float64(srv.memory()-before) / float64(n), nil
}

// runLocations loads 10,000 locations and compares the cost of finding one
// among them with finding one among ten.
func runLocations(b *bench) (int, error) {
	const limit = 1500 * time.Millisecond
	conf := func(port, n int) string {
		var sb strings.Builder
		fmt.Fprintf(&sb, "    server { listen 127.0.0.1:%d;\n", port)
		for i := 0; i < n; i++ {
			mod := [...]string{"", "= ", "^~ "}[i%3]
			fmt.Fprintf(&sb, "        location %s/app%05d/x { return 200 \"%d\\n\"; }\n", mod, i, i)
		}
		sb.WriteString("    }\n")
		return sb.String()
	}
	missed := 0
	fmt.Printf("\n== locations\n")
	if err := b.write("loc-t/nginx.conf", b.wrap(conf(1, 10000))); err != nil {
		return 0, err
	}
	began := time.Now()
	out, err := exec.Command(b.binary, "-t", "-p", b.site("loc-t")+"/", "-c", "nginx.conf", "-e", "error.log").CombinedOutput()
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("huidu -t: %w\n%s", err, out)
	}
	word := "met"
	if took > limit {
		word = "MISSED"
		missed++
	}
	fmt.Printf("bar %s: 10000 locations load and compile in %v, limit %v\n", word, took.Round(time.Millisecond), limit)
	var gateways []gateway
	for _, n := range []int{10, 10000} {
		gateways = append(gateways, gateway{fmt.Sprintf("huidu, %d locations", n), "/app00009/x", func(port int) (*server, error) {
			return b.startHuidu(fmt.Sprintf("loc-%d", n), port, conf(port, n))
		}})
	}
	m, err := b.compare("locations: cost of finding one", gateways,
		[]bar{{"CPU per request", "10000 locations", "10 locations", 1.15, atMost, sampleCPU}})
	return missed + m, err
}
