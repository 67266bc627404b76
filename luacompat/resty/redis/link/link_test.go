package link

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

var sec = Timeouts{Connect: 2 * time.Second, Send: 2 * time.Second, Read: 2 * time.Second}

func cmd(words ...string) *Request {
	q := new(Request)
	q.Command(words...)
	return q
}

func do(t testing.TB, s *Session, words ...string) Reply {
	t.Helper()
	res, err := s.Do(context.Background(), cmd(words...), sec)
	if err != nil {
		t.Fatalf("%v: %v", words, err)
	}
	defer res.Release()
	return res.Replies()[0]
}

func connect(t testing.TB, h *Hub, addr string) *Session {
	t.Helper()
	s, err := h.Connect(context.Background(), Target{Network: "tcp", Addr: addr}, nil, sec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newHub(t testing.TB) *Hub {
	h := NewHub(Options{})
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		h.Close()
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Errorf("goroutines leaked:\n%s", buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
	return h
}

func TestGetSet(t *testing.T) {
	m := miniredis.RunT(t)
	s := connect(t, newHub(t), m.Addr())
	if r := do(t, s, "set", "k", "v"); r.Kind != Status || r.Str != "OK" {
		t.Error(r)
	}
	if r := do(t, s, "get", "k"); r.Kind != Bulk || r.Str != "v" {
		t.Error(r)
	}
	if r := do(t, s, "get", "none"); r.Kind != Null {
		t.Error(r)
	}
	if r := do(t, s, "incr", "k"); r.Kind != Error || !strings.HasPrefix(r.Str, "ERR ") {
		t.Error(r)
	}
	if r := do(t, s, "lrange", "l", "0", "-1"); r.Kind != Array || len(r.Array) != 0 {
		t.Error(r)
	}
}

// TestAuthIdentity: nobody borrows another's authentication.
func TestAuthIdentity(t *testing.T) {
	m := miniredis.RunT(t)
	m.RequireAuth("secret")
	h := newHub(t)
	ctx := context.Background()
	a := connect(t, h, m.Addr())
	if err := a.Auth(ctx, "", "wrong", false, sec); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Error(err)
	}
	if err := a.Auth(ctx, "", "secret", false, sec); err != nil {
		t.Fatal(err)
	}
	do(t, a, "set", "k", "v")
	b := connect(t, h, m.Addr())
	if r := do(t, b, "get", "k"); r.Kind != Error || !strings.HasPrefix(r.Str, "NOAUTH") {
		t.Errorf("unauthenticated session got %v", r)
	}
	if err := b.Auth(ctx, "", "nope", false, sec); err == nil {
		t.Error("wrong password accepted")
	}
	if r := do(t, b, "get", "k"); r.Kind != Error {
		t.Errorf("after a wrong password: %v", r)
	}
}

// TestPasswordChange: noticed within a second by those who authenticate.
func TestPasswordChange(t *testing.T) {
	m := miniredis.RunT(t)
	m.RequireAuth("one")
	h := newHub(t)
	ctx := context.Background()
	old := connect(t, h, m.Addr())
	if err := old.Auth(ctx, "", "one", false, sec); err != nil {
		t.Fatal(err)
	}
	do(t, old, "set", "k", "v")
	m.RequireAuth("two")
	deadline := time.Now().Add(time.Second)
	for {
		err := connect(t, h, m.Addr()).Auth(ctx, "", "one", false, sec)
		if err != nil {
			if _, refused := err.(*Refusal); !refused {
				t.Error(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("old password accepted for more than a second")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := connect(t, h, m.Addr()).Auth(ctx, "", "two", false, sec); err != nil {
		t.Error(err)
	}
	if r := do(t, old, "get", "k"); r.Str != "v" {
		t.Errorf("the connection that was authenticated before: %v", r)
	}
}

func TestSelect(t *testing.T) {
	m := miniredis.RunT(t)
	h := newHub(t)
	a, b := connect(t, h, m.Addr()), connect(t, h, m.Addr())
	if err := a.Select(context.Background(), 3, sec); err != nil {
		t.Fatal(err)
	}
	do(t, a, "set", "k", "three")
	if r := do(t, b, "get", "k"); r.Kind != Null {
		t.Error(r)
	}
	if v, _ := m.DB(3).Get("k"); v != "three" {
		t.Error(v)
	}
}

func TestDeadAndBack(t *testing.T) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	addr := m.Addr()
	h := newHub(t)
	s := connect(t, h, addr)
	do(t, s, "set", "k", "v")
	m.Close()
	time.Sleep(5 * time.Millisecond) // past the time that an answer vouches for
	if _, err := h.Connect(context.Background(), Target{Network: "tcp", Addr: addr}, nil, sec); err == nil || err.Error() != "connection refused" {
		t.Errorf("dead: %v", err)
	}
	if _, err := s.Do(context.Background(), cmd("get", "k"), sec); err == nil {
		t.Error("dead session works")
	}
	if err := m.StartAddr(addr); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if r := do(t, connect(t, h, addr), "get", "k"); r.Str != "v" {
		t.Error(r)
	}
}

// fake serves connections with a handler per command.
func fake(t *testing.T, handle func(c net.Conn, n int)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				br := bufio.NewReader(c)
				for n := 0; ; n++ {
					var words int
					if _, err := fmt.Fscanf(br, "*%d\r\n", &words); err != nil {
						return
					}
					for range words * 2 {
						br.ReadString('\n')
					}
					handle(c, n)
				}
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

func TestSlowAndGarbage(t *testing.T) {
	answers := []string{"+OK\r\n", "", "HTTP/1.1 400\r\n"}
	addr := fake(t, func(c net.Conn, n int) { fmt.Fprint(c, answers[n%3]) })
	h := newHub(t)
	s := connect(t, h, addr)
	do(t, s, "ping")
	short := Timeouts{time.Second, time.Second, 50 * time.Millisecond}
	start := time.Now()
	if _, err := s.Do(context.Background(), cmd("slow"), short); err != ErrTimeout {
		t.Error(err)
	}
	if d := time.Since(start); d < 40*time.Millisecond || d > time.Second {
		t.Error(d)
	}
	if _, err := s.Do(context.Background(), cmd("x"), sec); err == nil || err.Error() != "closed" {
		// The garbage is the answer to the command that timed out.
		t.Error(err)
	}
	s2 := connect(t, h, fake(t, func(c net.Conn, n int) { fmt.Fprint(c, "HTTP/1.1 400\r\n") }))
	if _, err := s2.Do(context.Background(), cmd("x"), sec); err == nil || err.Error() != `unknown prefix: "72"` {
		t.Error(err)
	}
}

func TestTimeoutAmongMany(t *testing.T) {
	// Answers the first command late, the others behind it.
	addr := fake(t, func(c net.Conn, n int) {
		if n == 0 {
			time.Sleep(200 * time.Millisecond)
		}
		fmt.Fprintf(c, ":%d\r\n", n)
	})
	h := newHub(t)
	s := connect(t, h, addr)
	var wg sync.WaitGroup
	for i := range 20 {
		x := *s
		x.shared = nil
		wg.Go(func() {
			to := sec
			if i%2 == 0 {
				to.Read = 30 * time.Millisecond
			}
			res, err := x.Do(context.Background(), cmd("x"), to)
			if err == nil {
				res.Release()
			} else if to.Read == sec.Read {
				t.Errorf("patient caller: %v", err)
			}
		})
	}
	wg.Wait()
	res, err := s.Do(context.Background(), cmd("x"), sec)
	if err != nil || res.Replies()[0].Int != 20 {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	addr := fake(t, func(net.Conn, int) {})
	s := connect(t, newHub(t), addr)
	for range 2 { // once as the reader; the link is slow then but lives
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		start := time.Now()
		if _, err := s.Do(ctx, cmd("x"), sec); err == nil || time.Since(start) > time.Second {
			t.Error(err, time.Since(start))
		}
		cancel()
	}
}

func TestConcurrent(t *testing.T) {
	m := miniredis.RunT(t)
	m.RequireAuth("pw")
	h := newHub(t)
	ctx := context.Background()
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := range 200 {
				s := connect(t, h, m.Addr())
				if err := s.Auth(ctx, "", "pw", false, sec); err != nil {
					t.Error(err)
					return
				}
				want := fmt.Sprintf("%d-%d", g, i)
				if r := do(t, s, "echo", want); r.Str != want {
					t.Errorf("got %q, want %q", r.Str, want)
					return
				}
				if i%50 == 0 {
					if err := s.Pin(ctx, sec); err != nil {
						t.Error(err)
						return
					}
					s.Send(cmd("echo", want), sec)
					if r, err := s.Receive(ctx, sec); err != nil || r.Str != want {
						t.Error(r, err)
					}
				}
				s.Close()
			}
		})
	}
	wg.Wait()
	if n := m.TotalConnectionCount(); n > 32*4+10 {
		t.Errorf("%d connections", n)
	}
}

func TestSweep(t *testing.T) {
	m := miniredis.RunT(t)
	h := NewHub(Options{IdleTimeout: 20 * time.Millisecond})
	defer h.Close()
	do(t, connect(t, h, m.Addr()), "ping")
	for deadline := time.Now().Add(5 * time.Second); m.CurrentConnectionCount() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("idle connection stays open")
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"+OK\r\n", "-ERR x\r\n", ":12\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*2\r\n:1\r\n*1\r\n$1\r\na\r\n", "*-1\r\n", "\r\n", "$99999999999\r\n", "*1000000\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := reader{[]byte(s)}
		for {
			if _, err := p.reply(0); err != nil {
				return
			}
		}
	})
}

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkRequest is what a gray release script does for each request:
// connect, auth, get, close.
func BenchmarkRequest(b *testing.B) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		b.Skip("no redis-server")
	}
	ln, _ := net.Listen("tcp", "127.0.0.1:0")
	addr := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	srv := exec.Command(path, "--port", port, "--save", "", "--requirepass", "foobared")
	srv.Dir = os.TempDir()
	if err := srv.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { srv.Process.Kill(); srv.Wait() }()
	for range 100 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	h := newHub(b)
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint("c=", n), func(b *testing.B) {
			b.ReportAllocs()
			start := cpu()
			var wg sync.WaitGroup
			work := make(chan int, n)
			for range n {
				wg.Go(func() {
					var s Session
					var q Request
					ctx := context.Background()
					for k := range work {
						for range k {
							if err := h.ConnectInto(ctx, &s, Target{Network: "tcp", Addr: addr}, nil, sec); err != nil {
								b.Error(err)
								return
							}
							if err := s.Auth(ctx, "", "foobared", false, sec); err != nil {
								b.Error(err)
								return
							}
							q.Reset()
							q.Command("get", "10.0.0.1")
							res, err := s.Do(ctx, &q, sec)
							if err != nil {
								b.Error(err)
								return
							}
							res.Release()
							s.Close()
						}
					}
				})
			}
			for range n {
				work <- b.N/n + 1
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
		})
	}
}

// TestChaos: callers with short and long patience, some of which give up, on
// a server with moods. Nobody gets another's reply and nobody hangs.
func TestChaos(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { moody(c) })
		}
	})
	h := newHub(t)
	var callers sync.WaitGroup
	var ok, late, lost atomic.Int64
	for g := range 24 {
		callers.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range 120 {
				want := fmt.Sprintf("%d-%d-%s", g, i, strings.Repeat("x", rnd.IntN(200)))
				if rnd.IntN(50) == 0 {
					want += strings.Repeat("y", 100<<10)
				}
				ctx, cancel := context.WithCancel(context.Background())
				to := sec
				switch rnd.IntN(6) {
				case 0:
					to.Read = time.Duration(rnd.IntN(4000)) * time.Microsecond
				case 1:
					time.AfterFunc(time.Duration(rnd.IntN(4000))*time.Microsecond, cancel)
				}
				s, err := h.Connect(ctx, Target{Network: "tcp", Addr: ln.Addr().String()}, nil, to)
				if err == nil {
					var res *Result
					if res, err = s.Do(ctx, cmd("echo", want), to); err == nil {
						if got := res.Replies()[0].Str; got != want {
							t.Errorf("got %.40q, want %.40q", got, want)
						}
						res.Release()
						ok.Add(1)
					}
				}
				cancel()
				switch {
				case err == nil:
				case err == ErrTimeout && to.Read == sec.Read:
					t.Error("a patient caller timed out")
				case err == ErrTimeout || err == context.Canceled:
					late.Add(1)
				default:
					lost.Add(1)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { callers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		buf := make([]byte, 1<<18)
		t.Fatalf("callers hang\n%s", buf[:runtime.Stack(buf, true)])
	}
	h.Close()
	ln.Close()
	wg.Wait()
	t.Logf("%d answered, %d gave up, %d lost their connection", ok.Load(), late.Load(), lost.Load())
	if ok.Load() < 1000 {
		t.Error("too few answers")
	}
}

// moody echoes, in pieces, sometimes late; some connections it drops.
func moody(c net.Conn) {
	defer c.Close()
	br := bufio.NewReader(c)
	rnd := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	for {
		var words, size int
		if _, err := fmt.Fscanf(br, "*%d\r\n", &words); err != nil {
			return
		}
		var last []byte
		for range words {
			if _, err := fmt.Fscanf(br, "$%d\r\n", &size); err != nil {
				return
			}
			last = make([]byte, size+2)
			if _, err := io.ReadFull(br, last); err != nil {
				return
			}
		}
		reply := append(fmt.Appendf(nil, "$%d\r\n", size), last...)
		switch rnd.IntN(40) {
		case 0:
			time.Sleep(time.Duration(rnd.IntN(3000)) * time.Microsecond)
		case 1:
			n := rnd.IntN(len(reply))
			c.Write(reply[:n])
			reply = reply[n:]
			time.Sleep(time.Duration(rnd.IntN(2000)) * time.Microsecond)
		case 2:
			if rnd.IntN(10) == 0 {
				return
			}
		}
		if _, err := c.Write(reply); err != nil {
			return
		}
	}
}
