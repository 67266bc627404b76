package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/netconn"
)

// echo is a server that keeps what it accepts, so that tests can close it.
type echo struct {
	l     net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func newEcho(t *testing.T, network, addr string) *echo {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{l: l}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.conns = append(e.conns, c)
			e.mu.Unlock()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done; e.closeAll() })
	return e
}

func (e *echo) closeAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.conns {
		c.Close()
	}
}

// dialTo dials and waits until the server has accepted.
func (e *echo) dialTo(t *testing.T) *netconn.Conn {
	t.Helper()
	p := ForeignPeer(e.l.Addr().Network(), e.l.Addr().String())
	e.mu.Lock()
	n := len(e.conns)
	e.mu.Unlock()
	c, err := p.Dial(context.Background(), DialOptions{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "accept", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.conns) > n })
	return c
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func testPool(limit int) *Pool { return newPool(limit, 1000, time.Hour, time.Minute, time.Now) }

func TestPoolIsAStack(t *testing.T) {
	e := newEcho(t, "tcp", "127.0.0.1:0")
	p := testPool(2)
	defer p.release()
	a, b, c := e.dialTo(t), e.dialTo(t), e.dialTo(t)
	k1, k2 := Key{Addr: "x"}, Key{Addr: "x", Name: "tls"}
	p.Put(a, k1)
	p.Put(b, k1)
	p.Put(c, k2) // a was idle longest
	if p.Idle() != 2 {
		t.Fatal(p.Idle())
	}
	if got := p.Get(k1); got != b {
		t.Error("want b")
	}
	if got := p.Get(k1); got != nil {
		t.Error("a should be closed")
	}
	if got := p.Get(k2); got != c {
		t.Error("want c")
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("a is still open")
	}
	p.Put(b, k1)
	p.Put(c, k1)
	if p.Get(k1) != c || p.Get(k1) != b || p.Idle() != 0 {
		t.Error("order")
	}
	b.Close()
	c.Close()
}

func TestPoolLimits(t *testing.T) {
	e := newEcho(t, "tcp", "127.0.0.1:0")
	k := Key{Addr: "x"}
	p := newPool(8, 2, time.Hour, time.Minute, time.Now)
	c := e.dialTo(t)
	p.Put(c, k)
	if p.Get(k) != c {
		t.Fatal("one request is below keepalive_requests")
	}
	p.Put(c, k)
	if p.Idle() != 0 {
		t.Error("keepalive_requests")
	}
	p.release()

	p = newPool(8, 1000, time.Nanosecond, time.Minute, time.Now)
	p.Put(e.dialTo(t), k)
	if p.Idle() != 0 {
		t.Error("keepalive_time")
	}
	p.release()

	p = newPool(8, 1000, time.Hour, 30*time.Millisecond, time.Now)
	p.Put(e.dialTo(t), k)
	p.Put(e.dialTo(t), k)
	eventually(t, "keepalive_timeout", func() bool { return p.Idle() == 0 })
	p.Put(e.dialTo(t), k)
	eventually(t, "keepalive_timeout again", func() bool { return p.Idle() == 0 })
	p.release()

	p = testPool(8)
	p.release()
	p.Put(e.dialTo(t), k)
	if p.Idle() != 0 {
		t.Error("a released pool keeps nothing")
	}
}

func TestPoolDropsDeadConnections(t *testing.T) {
	e := newEcho(t, "tcp", "127.0.0.1:0")
	p := testPool(8)
	defer p.release()
	k := Key{Addr: "x"}
	for range 3 {
		p.Put(e.dialTo(t), k)
	}
	e.closeAll()
	eventually(t, "dropped", func() bool { return p.Idle() == 0 })
	if p.Get(k) != nil {
		t.Error("got a dead connection")
	}
}

func TestPoolConcurrently(t *testing.T) {
	e := newEcho(t, "tcp", "127.0.0.1:0")
	p := testPool(4)
	k := Key{Addr: "x"}
	for range 6 {
		p.Put(e.dialTo(t), k)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if c := p.Get(k); c != nil {
					p.Put(c, k)
				}
			}
		})
	}
	wg.Wait()
	e.closeAll()
	p.release()
	if p.Idle() != 0 {
		t.Error(p.Idle())
	}
}

func TestPoolSurvivesReload(t *testing.T) {
	e := newEcho(t, "tcp", "127.0.0.1:0")
	old := New(upstream("", "a:1"), Options{Workers: 2}, nil)
	if old.Pool.max != 64 {
		t.Error(old.Pool.max)
	}
	k := Key{Addr: "a:1"}
	c := e.dialTo(t)
	old.Pool.Put(c, k)
	u := upstream("", "a:1")
	u.Keepalive = nginxconf.Opt[int]{V: 5, Set: true}
	g := New(u, Options{}, old)
	old.Close()
	if g.Pool != old.Pool || g.Pool.max != 5 || g.Pool.Get(k) != c {
		t.Error("the pool did not survive")
	}
	old.Pool.Put(c, k)
	g.Close()
	if g.Pool.Idle() != 0 {
		t.Error("the last group closes the pool")
	}
	u.Keepalive = nginxconf.Opt[int]{V: 0, Set: true}
	if New(u, Options{}, nil).Pool != nil {
		t.Error("keepalive 0")
	}
	u = upstream("", "a:1")
	u.Implicit = true
	if New(u, Options{}, nil).Pool != nil {
		t.Error("implicit upstreams keep no connections")
	}
}

func TestConnectErrors(t *testing.T) {
	port := freePorts(t, 1)[0]
	for _, tt := range []struct {
		network, addr, want string
		level               int
	}{
		{"tcp", fmt.Sprintf("127.0.0.1:%d", port), "connect() failed (111: Connection refused)", levelError},
		{"unix", "/nonexistent/x.sock", "connect() to unix:/nonexistent/x.sock failed (2: No such file or directory)", levelCrit},
	} {
		_, err := ForeignPeer(tt.network, tt.addr).Dial(context.Background(), DialOptions{Timeout: time.Second})
		var ce *ConnectError
		if !errors.As(err, &ce) || ce.Error() != tt.want || ce.Level() != tt.level || ce.Timeout() {
			t.Errorf("got %v", err)
		}
	}
	_, err := ForeignPeer("tcp", fmt.Sprintf("127.0.0.1:%d", port)).Dial(context.Background(),
		DialOptions{Timeout: time.Second, Bind: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}})
	if err == nil || !strings.Contains(err.Error(), "bind(192.0.2.1:0) failed (99: Cannot assign requested address)") {
		t.Error(err)
	}
}
