package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// slowScenarios measure what peers that are slow, silent or hostile cost in
// memory, on both servers with the same file.
var slowScenarios = map[string]func(*bench) (int, error){
	"slow": runSlow,
}

// A siege is a number of connections that keep a gateway busy without getting
// on. lay opens connection i and leaves it in the state that is measured.
type siege struct {
	name  string
	n     int
	limit float64 // KiB per connection
	tls   bool
	http2 bool // nginx 1.22 takes it as a parameter of listen
	lay   func(c net.Conn, i int) error
	// settle is how long the gateway may take to put down what it got.
	settle time.Duration
}

// sieges are laid one after the other, each to a gateway of its own.
var sieges = []siege{
	{name: "idle connections", n: 5000, limit: 16, lay: askOnce},
	{name: "idle TLS connections", n: 5000, limit: 40, tls: true, lay: askOnce},
	{name: "idle HTTP/2 connections", n: 5000, limit: 48, tls: true, http2: true, lay: askOnceH2},
	{name: "clients that do not read 8 MiB from an upstream", n: 200, limit: 160, settle: 2 * time.Second, lay: func(c net.Conn, i int) error {
		c.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, err := io.WriteString(c, "GET /up/8m HTTP/1.1\r\nHost: x\r\n\r\n")
		return err
	}},
	{name: "clients that do not read a file of 8 MiB", n: 200, limit: 64, lay: func(c net.Conn, i int) error {
		c.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, err := io.WriteString(c, "GET /8m HTTP/1.1\r\nHost: x\r\n\r\n")
		return err
	}},
	{name: "uploads of 4 MiB that stop half way", n: 200, limit: 64, settle: time.Second, lay: func(c net.Conn, i int) error {
		_, err := fmt.Fprintf(c, "POST /up/echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 4<<20, filler[:2<<20])
		return err
	}},
	{name: "chunked uploads that stop half way", n: 200, limit: 64, settle: time.Second, lay: func(c net.Conn, i int) error {
		_, err := fmt.Fprintf(c, "POST /up/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n%s\r\n5\r\nhe", filler[:2<<20])
		return err
	}},
	{name: "headers of 30 KiB without an end", n: 1000, limit: 64, lay: func(c net.Conn, i int) error {
		_, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("X-A: %[1]s\r\n", 4), filler[:7500])
		return err
	}},
	{name: "header lines that come byte by byte", n: 2000, limit: 16, lay: func(c net.Conn, i int) error {
		_, err := io.WriteString(c, "GET / HTT")
		return err
	}},
	{name: "requests that wait for an upstream", n: 1000, limit: 64, lay: func(c net.Conn, i int) error {
		_, err := io.WriteString(c, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n")
		return err
	}},
	{name: "HTTP/2: 100 streams each that do not take 8 MiB from an upstream", n: 10, limit: 100 * 160, tls: true, http2: true,
		settle: 2 * time.Second, lay: askMuch},
	{name: "HTTP/2: 100 uploads each that stop after 60 KiB", n: 10, limit: 100 * 100, tls: true, http2: true, settle: time.Second, lay: uploadMuch},
	{name: "HTTP/2: streams reset as soon as opened", n: 8, limit: 1024, tls: true, http2: true, settle: time.Second, lay: resetRapidly},
	{name: "HTTP/2: header blocks continued without end", n: 8, limit: 512, tls: true, http2: true, settle: time.Second, lay: continueForever},
	{name: "HTTP/2: pings whose answers are not read", n: 8, limit: 1024, tls: true, http2: true, settle: time.Second, lay: pingMuch},
}

var filler = bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)

// runSlow lays the sieges and compares the memory they cost.
func runSlow(b *bench) (int, error) {
	if err := b.write("www/8m", string(filler)+string(filler)); err != nil {
		return 0, err
	}
	silent, err := listenSilently()
	if err != nil {
		return 0, err
	}
	defer silent.Close()
	files, err := freePort()
	if err != nil {
		return 0, err
	}
	up, err := b.startNginx("files", files, fmt.Sprintf(`    sendfile on;
    server { listen 127.0.0.1:%d; root %s; location /echo { return 200; } }`, files, b.site("www")))
	if err != nil {
		return 0, err
	}
	defer up.stop()
	cert, err := b.certificate()
	if err != nil {
		return 0, err
	}
	missed := 0
	fmt.Printf("\n== slow: memory that peers cost who do not get on\n")
	for k, s := range sieges {
		kib := map[string]float64{}
		for _, name := range []string{"nginx", "huidu"} {
			if b.only != "" && !strings.Contains(name, b.only) {
				continue
			}
			port, err := freePort()
			if err != nil {
				return missed, err
			}
			site := fmt.Sprintf("slow%d-%s", k, name)
			conf := s.conf(b, site, port, files, silent.Addr().String(), cert)
			start := b.startNginx
			if name == "huidu" {
				start = func(name string, port int, http string) (*server, error) { return b.startHuidu(name, port, http) }
			}
			srv, err := start(site, port, conf)
			if err != nil {
				return missed, err
			}
			kib[name], err = s.measure(srv, addrOf(port))
			srv.stop()
			if err != nil {
				return missed, fmt.Errorf("%s: %s: %w", name, s.name, err)
			}
		}
		word := "met"
		if kib["huidu"] > s.limit && kib["huidu"] > 2*kib["nginx"] {
			word = "MISSED"
			missed++
		}
		fmt.Printf("bar %s: %d %s: %.1f KiB each with huidu, %.1f with nginx, limit %.0f or twice nginx's\n",
			word, s.n, s.name, kib["huidu"], kib["nginx"], s.limit)
	}
	return missed, nil
}

// conf is the contents of http{}.
func (s *siege) conf(b *bench, site string, port, files int, silent, cert string) string {
	listen := ""
	if s.tls {
		listen = " ssl"
		if s.http2 {
			listen += " http2"
		}
		listen += fmt.Sprintf("; ssl_certificate %s; ssl_certificate_key %s", cert, cert)
	}
	return fmt.Sprintf(`    keepalive_timeout 300; client_header_timeout 300; client_body_timeout 300; send_timeout 300; proxy_read_timeout 300;
    client_max_body_size 0; proxy_temp_path %s/%s/proxy; client_body_temp_path %[1]s/%[2]s/body;
    server { listen 127.0.0.1:%[3]d%[4]s; root %[1]s/www;
        location = / { return 200 "hello\n"; }
        location /up/ { proxy_pass http://127.0.0.1:%[5]d/; }
        location /silent { proxy_pass http://%[6]s; } }`, b.dir, site, port, listen, files, silent)
}

// measure lays the siege and returns the growth in KiB per connection.
func (s *siege) measure(srv *server, addr string) (float64, error) {
	dial := func() (net.Conn, error) {
		nc, err := net.Dial("tcp", addr)
		if err != nil || !s.tls {
			return nc, err
		}
		conf := &tls.Config{InsecureSkipVerify: true}
		if s.http2 {
			conf.NextProtos = []string{"h2"}
		}
		c := tls.Client(nc, conf)
		c.SetDeadline(time.Now().Add(30 * time.Second))
		if err := c.Handshake(); err != nil {
			return nil, err
		}
		c.SetDeadline(time.Time{})
		return c, nil
	}
	warm := askOnce
	if s.http2 {
		warm = askOnceH2
	}
	for range 4 {
		c, err := dial()
		if err != nil {
			return 0, err
		}
		defer c.Close()
		if err := warm(c, 0); err != nil {
			return 0, err
		}
	}
	before := srv.memory()
	for i := range s.n {
		c, err := dial()
		if err != nil {
			return 0, fmt.Errorf("connection %d: %w", i, err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Minute))
		if err := s.lay(c, i); err != nil {
			return 0, fmt.Errorf("connection %d: %w", i, err)
		}
	}
	most := int64(0)
	for end := time.Now().Add(max(s.settle, 300*time.Millisecond)); ; time.Sleep(100 * time.Millisecond) {
		// The last figure counts: what was needed on the way is given back
		// only some time after.
		if most = srv.memory(); time.Now().After(end) {
			break
		}
	}
	return float64(most-before) / float64(s.n), nil
}

// askOnce asks and reads the answer.
func askOnce(c net.Conn, _ int) error {
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	var b [512]byte
	got := 0
	for !bytes.HasSuffix(b[:got], []byte("hello\n")) {
		n, err := c.Read(b[got:])
		if got += n; err != nil {
			return fmt.Errorf("after %q: %w", b[:got], err)
		}
	}
	return nil
}

// listenSilently accepts connections and says nothing.
func listenSilently() (net.Listener, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		var held []net.Conn
		for {
			c, err := ln.Accept()
			if err != nil {
				for _, c := range held {
					c.Close()
				}
				return
			}
			held = append(held, c)
		}
	}()
	return ln, nil
}
