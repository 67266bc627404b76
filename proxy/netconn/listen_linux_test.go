package netconn

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAcceptedOptions: accepted sockets have what is set on the listening
// one, without a call for each.
func TestAcceptedOptions(t *testing.T) {
	l, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0", KeepAlive: true, KeepAliveIdle: 77 * time.Second,
		KeepAliveCount: 5, RcvBuf: 64 << 10, DeferAccept: false, FastOpen: 5})
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
	for _, o := range []struct {
		name             string
		level, opt, want int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 77},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 5},
	} {
		if v, err := unix.GetsockoptInt(s.s.fd, o.level, o.opt); err != nil || v != o.want {
			t.Errorf("%s is %d, %v", o.name, v, err)
		}
	}
}

func TestListenIPv6(t *testing.T) {
	for _, dual := range []bool{false, true} {
		l, err := Listen(ListenOptions{Network: "tcp6", Address: "[::]:0", DualStack: dual})
		if errors.Is(err, unix.EAFNOSUPPORT) {
			t.Skip("no IPv6")
		}
		if err != nil {
			t.Fatal(err)
		}
		port := l.addr.Port()
		d := Dialer{Timeout: time.Second}
		c, err := d.Dial(context.Background(), "tcp", "127.0.0.1:"+itoa(int(port)))
		if dual != (err == nil) {
			t.Errorf("dual stack %v: %v", dual, err)
		}
		if err == nil {
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if s.RemoteText() != "127.0.0.1" || s.LocalText() != "127.0.0.1" {
				t.Errorf("remote %s, local %s", s.RemoteText(), s.LocalText())
			}
			s.Close()
			c.Close()
		}
		l.Close()
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(ListenOptions{Network: "unix", Address: path})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o666 {
		t.Fatalf("%v %v", fi.Mode(), err)
	}
	var d Dialer
	c, err := d.Dial(context.Background(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.RemoteText() != "unix:" || s.LocalText() != "unix:"+path || c.RemoteText() != "unix:"+path {
		t.Errorf("%q %q %q", s.RemoteText(), s.LocalText(), c.RemoteText())
	}
	if err := l.Unlink(); err != nil {
		t.Fatal(err)
	}
}

// TestManyTimeouts has coarse deadlines pass on some connections while
// others are busy.
func TestManyTimeouts(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 30 {
		c, s := pair(t, "tcp")
		wg.Add(1)
		go func() {
			defer wg.Done()
			if i%3 == 0 {
				s.SetReadTimeout(time.Minute)
				stop := time.Now().Add(preciseTimeout + 500*time.Millisecond)
				for time.Now().Before(stop) {
					c.Write([]byte("x"))
					if _, err := s.Fill(10); err != nil {
						t.Error(err)
						return
					}
					s.Consume(len(s.Buffered()))
					time.Sleep(10 * time.Millisecond)
				}
				return
			}
			d := preciseTimeout + time.Duration(i)*5*time.Millisecond
			from := time.Now()
			s.SetReadTimeout(d)
			_, err := s.Fill(10)
			if took := time.Since(from); err != ErrTimeout || took < d || took > d+2*time.Second {
				t.Errorf("timeout of %v: %v after %v", d, err, took)
			}
		}()
	}
	wg.Wait()
}

func TestDialTimeout(t *testing.T) {
	// A listener whose queue is full answers no more.
	l, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0", Backlog: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := Dialer{Timeout: 100 * time.Millisecond}
	for range 10 {
		from := time.Now()
		c, err := d.Dial(context.Background(), "tcp", l.Addr().String())
		if err == nil {
			defer c.Close()
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(from) < d.Timeout {
			t.Fatalf("%v after %v", err, time.Since(from))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		long := Dialer{Timeout: time.Minute}
		if _, err := long.Dial(ctx, "tcp", l.Addr().String()); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		return
	}
	t.Skip("the queue does not fill up")
}
