package casetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A wireLane is one server of a gateway with an upstream of its own that
// records what reaches it. Exchanges of one lane follow one another, so that
// what is recorded belongs to the exchange at hand; lanes run side by side.
type wireLane struct {
	addr string // of the gateway
	name string
	ln   net.Listener

	mu    sync.Mutex
	reply []byte // nil: the upstream's own
	open  bool
	conns []*wireConn
	wg    sync.WaitGroup
}

// wireConn is a connection that the gateway made to the upstream.
type wireConn struct {
	nc       net.Conn
	raw      bytes.Buffer
	answered int
	over     bool
}

// wireBarrier is what the lane itself sends to its upstream, to know that all
// connections made before have been accepted.
const wireBarrier = "barrier"

// wireReply is what the upstream says unless a case gives its own words, with
// "Connection: close" for those who ask for it.
const wireReply = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"

const wireReplyClose = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

// wireConf is the configuration of both gateways: a server per lane.
func wireConf(w *world, lanes []*wireLane) string {
	var b strings.Builder
	b.WriteString(`server_tokens off; access_log off; log_not_found off; proxy_http_version 1.1; proxy_read_timeout 2s;
proxy_ignore_client_abort on; proxy_next_upstream off; underscores_in_headers off; chunked_transfer_encoding on;
lingering_timeout 1s; client_body_timeout 5s; client_header_timeout 5s; keepalive_timeout 5s; server_names_hash_bucket_size 128;
`)
	for i, l := range lanes {
		b.WriteString(strings.NewReplacer("NAME", strconv.Itoa(i), "ADDR", l.ln.Addr().String()).Replace(`
upstream laneNAME { server ADDR; }
upstream keptNAME { server ADDR; keepalive 2; }
server {
    listen 127.0.0.1:{{port laneNAME}};
    server_name a;
    proxy_set_header Connection close;
    location / { proxy_pass http://laneNAME; }
    location = /next { return 200 "next\n"; }
    location /return { return 200 "method=$request_method uri=$uri args=$args host=$host\n"; }
    location /stream { proxy_pass http://laneNAME; proxy_request_buffering off; }
    location /unbuffered { proxy_pass http://laneNAME; proxy_buffering off; }
    location /keep { proxy_pass http://keptNAME; proxy_set_header Connection ""; }
    location /small { proxy_pass http://laneNAME; client_max_body_size 8; }
    location /upgrade { proxy_pass http://laneNAME; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
    location /http10 { proxy_pass http://laneNAME; proxy_http_version 1.0; }
    location /file { alias {{dir}}/html/; }
}
`))
	}
	return w.expand(b.String())
}

// startLanes runs a gateway with n lanes until the test ends.
func startLanes(t testing.TB, e engine, n int) []*wireLane {
	t.Helper()
	tt, is := t.(*testing.T)
	if !is {
		t.Fatal("lanes need a test")
	}
	w := &world{t: tt, c: &Case{}, dir: tempDir(tt), ports: map[string]int{}, upstreams: map[string]*upstream{}}
	var lanes []*wireLane
	for i := range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l := &wireLane{ln: ln, name: strconv.Itoa(i), addr: w.addr("lane" + strconv.Itoa(i))}
		l.wg.Go(l.serve)
		t.Cleanup(l.stop)
		lanes = append(lanes, l)
	}
	w.c.Conf = map[string]string{"http": wireConf(w, lanes), "main": "error_log logs/error.log info;\n"}
	w.c.Files = map[string]string{"html/page": "a page\n"}
	if err := w.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := e.configure(w); err != nil {
		t.Fatal(err)
	}
	if err := e.start(w); err != nil {
		t.Fatalf("start %s: %v\n%s", e.name(), err, w.errorLog())
	}
	t.Cleanup(func() {
		if err := e.stop(w); err != nil {
			t.Error(err)
		}
		if log := w.errorLog(); strings.Contains(log, "[alert]") || strings.Contains(log, "panic") {
			t.Errorf("error.log of %s:\n%s", e.name(), log)
		}
	})
	return lanes
}

func (l *wireLane) serve() {
	for {
		nc, err := l.ln.Accept()
		if err != nil {
			return
		}
		c := &wireConn{nc: nc}
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
		l.wg.Go(func() { l.answer(c) })
	}
}

// answer records what comes and replies to every whole request.
func (l *wireLane) answer(c *wireConn) {
	defer c.nc.Close()
	buf := make([]byte, 16<<10)
	for {
		n, err := c.nc.Read(buf)
		l.mu.Lock()
		c.raw.Write(buf[:n])
		c.over = err != nil
		whole := wireRequests(c.raw.Bytes(), true)
		reply, open := l.reply, l.open
		l.mu.Unlock()
		for i := c.answered; i < len(whole); i++ {
			switch v, _ := whole[i].field("Connection"); {
			case reply == nil && v == "close":
				io.WriteString(c.nc, wireReplyClose)
			case reply == nil:
				io.WriteString(c.nc, wireReply)
			default:
				c.nc.Write(reply)
				if !open {
					// Late requests of the connection are still recorded.
					c.nc.(*net.TCPConn).CloseWrite()
				}
			}
		}
		l.mu.Lock()
		c.answered = len(whole)
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// settle waits until all that the gateway has sent is recorded: connections
// that it has given up are at their end, kept ones have whole requests only.
func (l *wireLane) settle() error {
	nc, err := net.Dial("tcp", l.ln.Addr().String())
	if err != nil {
		return err
	}
	io.WriteString(nc, wireBarrier)
	nc.(*net.TCPConn).CloseWrite()
	defer nc.Close()
	return waitFor(func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		passed := false
		for _, c := range l.conns {
			if bytes.HasPrefix(c.raw.Bytes(), []byte(wireBarrier)) {
				passed = true
				continue
			}
			if n := len(wireRequests(c.raw.Bytes(), false)); !c.over && (n == 0 || c.answered != n) {
				return fmt.Errorf("a connection to the upstream goes on: %q", c.raw.Bytes())
			}
		}
		if !passed {
			return errors.New("the upstream does not accept")
		}
		return nil
	})
}

func (l *wireLane) stop() {
	l.ln.Close()
	l.reset()
	l.wg.Wait()
}

// reset forgets what was recorded and closes the connections.
func (l *wireLane) reset() {
	l.mu.Lock()
	for _, c := range l.conns {
		c.nc.Close()
	}
	l.conns = nil
	l.mu.Unlock()
}

// exchange sends in, piece by piece, and returns all that the gateway
// answered until it closed, and what reached the upstream.
func (l *wireLane) exchange(in [][]byte, reply []byte, open bool) (out []byte, seen [][]byte, err error) {
	l.reset()
	l.mu.Lock()
	l.reply, l.open = reply, open
	l.mu.Unlock()
	nc, err := net.Dial("tcp", l.addr)
	if err != nil {
		return nil, nil, err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(15 * time.Second))
	go func() {
		for i, p := range in {
			if i > 0 {
				time.Sleep(time.Millisecond) // so that they arrive apart
			}
			nc.Write(p) // a gateway that has seen enough may have closed
		}
		nc.(*net.TCPConn).CloseWrite()
	}()
	out, err = io.ReadAll(nc)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		err = fmt.Errorf("no end: %w after %q", err, out)
	} else {
		err = nil // a reset ends it as well
	}
	if serr := l.settle(); err == nil {
		err = serr
	}
	l.mu.Lock()
	for _, c := range l.conns {
		if b := c.raw.Bytes(); len(b) > 0 && !bytes.HasPrefix(b, []byte(wireBarrier)) {
			seen = append(seen, bytes.Clone(b))
		}
	}
	l.mu.Unlock()
	return out, seen, err
}
