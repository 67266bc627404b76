package netconn

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pair returns both ends of a connection over a listener of the package.
func pair(t testing.TB, network string) (client, server *Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := Listen(ListenOptions{Network: network, Address: address})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ch := make(chan *Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		ch <- c
	}()
	d := Dialer{Timeout: 5 * time.Second}
	client, err = d.Dial(context.Background(), network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server = <-ch
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func networks(t *testing.T, f func(t *testing.T, client, server *Conn)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			c, s := pair(t, network)
			f(t, c, s)
		})
	}
	t.Run("wrapped", func(t *testing.T) {
		a, b := net.Pipe()
		c, s := Wrap(a), Wrap(b)
		t.Cleanup(func() { c.Close(); s.Close() })
		f(t, c, s)
	})
}

func TestFillConsume(t *testing.T) {
	networks(t, func(t *testing.T, c, s *Conn) {
		go c.Write([]byte("hello world"))
		for len(s.Buffered()) < 11 {
			if _, err := s.Fill(8192); err != nil {
				t.Fatal(err)
			}
		}
		b := s.Detach(6)
		if string(b.Bytes()) != "hello " || string(s.Buffered()) != "world" {
			t.Fatalf("got %q and %q", b.Bytes(), s.Buffered())
		}
		b.Release()
		s.Consume(5)
		if s.in != nil {
			t.Fatal("an empty connection holds a buffer")
		}
		s.Unread([]byte("again"))
		p := make([]byte, 3)
		if n, _ := s.Read(p); string(p[:n]) != "aga" || string(s.Buffered()) != "in" {
			t.Fatalf("got %q and %q", p[:n], s.Buffered())
		}
	})
}

func TestFillGrows(t *testing.T) {
	networks(t, func(t *testing.T, c, s *Conn) {
		want := make([]byte, 20000)
		rand.Read(want)
		go c.Write(want)
		for len(s.Buffered()) < len(want) {
			if _, err := s.Fill(len(want)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(s.Buffered(), want) {
			t.Fatal("bytes differ")
		}
		if _, err := s.Fill(len(want)); err != ErrBufferFull {
			t.Fatalf("got %v", err)
		}
	})
}

func TestEOF(t *testing.T) {
	networks(t, func(t *testing.T, c, s *Conn) {
		done := make(chan struct{})
		go func() {
			c.Write([]byte("last"))
			c.Close()
			close(done)
		}()
		var got []byte
		p := make([]byte, 100)
		for {
			n, err := s.Read(p)
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if string(got) != "last" {
			t.Fatalf("got %q", got)
		}
		if _, err := s.Read(p); err != io.EOF {
			t.Fatalf("second read: %v", err)
		}
		<-done
	})
}

func TestReadTimeout(t *testing.T) {
	networks(t, func(t *testing.T, c, s *Conn) {
		for _, d := range []time.Duration{30 * time.Millisecond, preciseTimeout + 50*time.Millisecond} {
			s.SetReadTimeout(d)
			from := time.Now()
			_, err := s.Fill(100)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("got %v", err)
			}
			if took := time.Since(from); took < d || took > d+10*scanInterval {
				t.Fatalf("timeout of %v took %v", d, took)
			}
			if s.in != nil {
				t.Fatal("a buffer is held")
			}
		}
		s.SetReadTimeout(5 * time.Second)
		go c.Write([]byte("x"))
		if n, err := s.Fill(100); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	})
}

func TestWriteTimeoutAndBackpressure(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			c, s := pair(t, network)
			c.SetWriteTimeout(50 * time.Millisecond)
			big := make([]byte, 16<<20)
			n, err := c.Write(big)
			if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n == len(big) {
				t.Fatalf("wrote %d, %v", n, err)
			}
			c.SetWriteTimeout(5 * time.Second)
			go func() {
				c.Writev(big[n:n+1000], big[n+1000:])
				c.CloseWrite()
			}()
			got, err := io.Copy(io.Discard, struct{ io.Reader }{s})
			if err != nil || got != int64(len(big)) {
				t.Fatalf("read %d, %v", got, err)
			}
		})
	}
}

func TestWritev(t *testing.T) {
	networks(t, func(t *testing.T, c, s *Conn) {
		var bufs [][]byte
		var want []byte
		for i := range 50 {
			b := bytes.Repeat([]byte{byte(i)}, i*i*40%9000)
			bufs = append(bufs, b)
			want = append(want, b...)
		}
		got := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(struct{ io.Reader }{s})
			got <- b
		}()
		n, err := c.Writev(bufs...)
		if err != nil || int(n) != len(want) {
			t.Fatal(n, err)
		}
		c.Close()
		if !bytes.Equal(<-got, want) {
			t.Fatal("bytes differ")
		}
	})
}

func TestInterrupt(t *testing.T) {
	networks(t, func(t *testing.T, c, s *Conn) {
		s.SetReadTimeout(10 * time.Second)
		go func() {
			time.Sleep(20 * time.Millisecond)
			s.Interrupt()
		}()
		if _, err := s.Fill(10); err != ErrInterrupted {
			t.Fatalf("got %v", err)
		}
		if _, err := s.Fill(10); err != ErrInterrupted {
			t.Fatalf("again: got %v", err)
		}
		s.ClearInterrupt()
		go c.Write([]byte("x"))
		if n, err := s.Fill(10); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	})
}

func TestInterruptRace(t *testing.T) {
	_, s := pair(t, "tcp")
	for range 500 {
		go s.Interrupt()
		if _, err := s.Fill(10); err != ErrInterrupted {
			t.Fatal(err)
		}
		time.Sleep(time.Microsecond)
		s.ClearInterrupt()
		s.Interrupt() // the goroutine's may come late; both are sticky
		s.Fill(10)
		s.ClearInterrupt()
		for s.interrupted.Load() {
			s.ClearInterrupt()
		}
	}
}

func needSocket(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no direct sockets")
	}
}

func TestOnHangup(t *testing.T) {
	needSocket(t)
	c, s := pair(t, "tcp")
	var calls atomic.Int32
	called := make(chan struct{}, 8)
	f := func() { calls.Add(1); called <- struct{}{} }
	s.OnHangup(f)
	c.Write([]byte("more bytes are no hang-up"))
	time.Sleep(20 * time.Millisecond)
	if calls.Load() != 0 || s.HungUp() {
		t.Fatal("called for bytes")
	}
	s.OnHangup(nil)
	s.OnHangup(f)
	c.CloseWrite()
	select {
	case <-called:
	case <-time.After(5 * time.Second):
		t.Fatal("not called")
	}
	if !s.HungUp() {
		t.Fatal("not known to have hung up")
	}
	s.OnHangup(f) // already so
	select {
	case <-called:
	case <-time.After(5 * time.Second):
		t.Fatal("not called for what has happened")
	}
	if n, err := s.Fill(100); n != 25 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := s.Fill(100); err != io.EOF {
		t.Fatal(err)
	}
	if calls.Load() != 2 {
		t.Fatalf("%d calls", calls.Load())
	}
}

func TestOnEvent(t *testing.T) {
	needSocket(t)
	for _, what := range []string{"bytes", "end", "reset", "before"} {
		t.Run(what, func(t *testing.T) {
			c, s := pair(t, "tcp")
			called := make(chan struct{}, 1)
			if what == "before" {
				c.Write([]byte("x"))
				for c.Sent() == 0 || s.s.quiet() {
					time.Sleep(time.Millisecond)
				}
			} else {
				s.OnEvent(func() {})
				if !s.ClearEvent() {
					t.Fatal("not usable")
				}
			}
			s.OnEvent(func() { called <- struct{}{} })
			switch what {
			case "bytes":
				c.Write([]byte("x"))
			case "end":
				c.Close()
			case "reset":
				c.CloseReset()
			}
			select {
			case <-called:
			case <-time.After(5 * time.Second):
				t.Fatal("not called")
			}
			if s.ClearEvent() {
				t.Fatal("said to be usable")
			}
		})
	}
}

func TestOnEventQuietAfterFullRead(t *testing.T) {
	needSocket(t)
	c, s := pair(t, "tcp")
	c.Write([]byte("1234"))
	p := make([]byte, 4)
	if _, err := io.ReadFull(s, p); err != nil {
		t.Fatal(err)
	}
	s.OnEvent(func() { t.Error("called though nothing happened") })
	if !s.ClearEvent() {
		t.Fatal("not usable")
	}
	go c.Write([]byte("5"))
	if n, err := s.Read(p); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

func TestCloseLinger(t *testing.T) {
	c, s := pair(t, "tcp")
	done := make(chan error, 1)
	go func() { done <- s.CloseLinger(5*time.Second, time.Second) }()
	p := make([]byte, 10)
	if _, err := c.Read(p); err != io.EOF {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, 100000)); err != nil {
		t.Fatalf("reset while lingering: %v", err)
	}
	c.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestCloseReset(t *testing.T) {
	c, s := pair(t, "tcp")
	s.CloseReset()
	_, err := c.Read(make([]byte, 1))
	if err == nil || err == io.EOF || !strings.Contains(err.Error(), "reset") {
		t.Fatalf("got %v", err)
	}
}

func TestCopyN(t *testing.T) {
	for _, size := range []int{0, 1000, 300_000, 3 << 20} {
		for _, all := range []bool{false, true} {
			a, b := pair(t, "tcp") // a -> b
			c, d := pair(t, "tcp") // c -> d
			want := make([]byte, size)
			rand.Read(want)
			go func() {
				a.Write(want)
				if all {
					a.CloseWrite()
				}
			}()
			got := make(chan []byte)
			go func() {
				p, _ := io.ReadAll(struct{ io.Reader }{d})
				got <- p
			}()
			if size > 0 {
				b.Fill(512)
			}
			n := int64(size)
			if all {
				n = -1
			}
			m, err := c.CopyN(b, n)
			if m != int64(size) || err != nil {
				t.Fatalf("size %d: %d, %v", size, m, err)
			}
			c.Close()
			if !bytes.Equal(<-got, want) {
				t.Fatalf("size %d: bytes differ", size)
			}
		}
	}
}

func TestCopyNShort(t *testing.T) {
	for _, size := range []int64{1000, 300_000} {
		a, b := pair(t, "tcp")
		c, _ := pair(t, "tcp")
		a.Write([]byte("short"))
		a.Close()
		if n, err := c.CopyN(b, size); n != 5 || err != io.ErrUnexpectedEOF {
			t.Fatal(n, err)
		}
	}
}

func TestSendFile(t *testing.T) {
	want := make([]byte, 3<<20)
	rand.Read(want)
	path := filepath.Join(t.TempDir(), "f")
	os.WriteFile(path, want, 0o600)
	networks(t, func(t *testing.T, c, s *Conn) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got := make(chan []byte)
		go func() {
			p, _ := io.ReadAll(struct{ io.Reader }{s})
			got <- p
		}()
		if n, err := c.SendFile(f, 1000, 2<<20); n != 2<<20 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := c.SendFile(f, 3<<20-5, 10); n != 5 || err != io.ErrUnexpectedEOF {
			t.Fatal(n, err)
		}
		c.Close()
		if !bytes.Equal(<-got, append(want[1000:1000+2<<20:1000+2<<20], want[3<<20-5:]...)) {
			t.Fatal("bytes differ")
		}
	})
}

func TestDialErrors(t *testing.T) {
	l, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	var d Dialer
	if _, err := d.Dial(context.Background(), "tcp", addr); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Dial(ctx, "tcp", addr); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestListenErrors(t *testing.T) {
	l, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Listen(ListenOptions{Network: "tcp", Address: l.Addr().String()})
	var le *ListenError
	if !errors.As(err, &le) || le.Op != "bind" && le.Op != "listen" {
		t.Fatalf("got %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := l.Accept()
		done <- err
	}()
	l.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestInherit(t *testing.T) {
	needSocket(t)
	l, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0", ReusePort: true})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	fd, err := dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	l, err = ListenFD(fd, ListenOptions{Network: "tcp"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var d Dialer
	c, err := d.Dial(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Local().String() != l.Addr().String() || s.RemoteText() != "127.0.0.1" || c.Remote() != s.Local() || c.Local() != s.Remote() {
		t.Fatalf("%v %v %v %v", s.Local(), s.RemoteText(), c.Remote(), s.Remote())
	}
}

// TestPingPong has many connections exchange bytes at once and end in
// different ways.
func TestPingPong(t *testing.T) {
	l, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	var servers sync.WaitGroup
	go func() {
		for {
			s, err := l.Accept()
			if err != nil {
				return
			}
			servers.Add(1)
			go func() {
				defer servers.Done()
				defer s.Close()
				s.SetReadTimeout(20 * time.Second)
				for {
					if _, err := s.Fill(4096); err != nil {
						return
					}
					if _, err := s.Write(s.Buffered()); err != nil {
						return
					}
					s.Consume(len(s.Buffered()))
				}
			}()
		}
	}()
	var clients sync.WaitGroup
	for i := range 40 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			d := Dialer{Timeout: 10 * time.Second}
			c, err := d.Dial(context.Background(), "tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			c.SetReadTimeout(20 * time.Second)
			msg := bytes.Repeat([]byte{'a' + byte(i%26)}, 1+i*50)
			got := make([]byte, len(msg))
			for range 100 {
				c.Write(msg)
				if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, msg) {
					t.Errorf("connection %d: %v", i, err)
					break
				}
			}
			if i%2 == 0 {
				c.CloseReset()
			} else {
				c.Close()
			}
		}()
	}
	clients.Wait()
	l.Close()
	servers.Wait()
}

func TestNoAllocation(t *testing.T) {
	needSocket(t)
	c, s := pair(t, "tcp")
	a, b := []byte("GET / HTTP/1.1\r\n"), []byte("Host: x\r\n\r\n")
	c.SetReadTimeout(time.Minute)
	n := testing.AllocsPerRun(200, func() {
		c.Writev(a, b)
		s.Fill(4096)
		s.Consume(len(s.Buffered()))
	})
	if n > 0.1 && !raceEnabled {
		t.Fatalf("%v allocations per exchange", n)
	}
}
