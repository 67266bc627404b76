package link

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestTypedErrorsInArrays: a reply is read to its end whatever is in it.
func TestTypedErrorsInArrays(t *testing.T) {
	addr := fake(t, func(c net.Conn, n int) {
		if n%2 == 0 {
			fmt.Fprint(c, "*3\r\n-OOM no\r\n*2\r\n-NOPERM no\r\n$-1\r\n$1\r\na\r\n")
			return
		}
		fmt.Fprintf(c, ":%d\r\n", n)
	})
	s := connect(t, newHub(t), addr)
	for i := range 3 {
		r := do(t, s, "exec")
		if r.Kind != Array || len(r.Array) != 3 || r.Array[0].Str != "OOM no" || r.Array[1].Array[0].Str != "NOPERM no" ||
			r.Array[1].Array[1].Kind != Null || r.Array[2].Str != "a" {
			t.Fatal(r)
		}
		if r := do(t, s, "next"); r.Int != int64(2*i+1) {
			t.Fatal(r)
		}
	}
}

// TestSilent: nothing is said to Redis before the session's first command.
func TestSilent(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s := connect(t, newHub(t), ln.Addr().String())
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		if res, err := s.Do(context.Background(), cmd("get", "k"), sec); err == nil {
			res.Release()
		}
	}()
	buf := make([]byte, 100)
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := c.Read(buf)
	if want := "*2\r\n$3\r\nget\r\n$1\r\nk\r\n"; err != nil || string(buf[:n]) != want {
		t.Errorf("got %q, %v, want %q", buf[:n], err, want)
	}
	fmt.Fprint(c, "$-1\r\n")
}

// TestSendWhileReading: a command may be sent while a message is waited for.
func TestSendWhileReading(t *testing.T) {
	addr := fake(t, func(c net.Conn, n int) { fmt.Fprintf(c, ":%d\r\n", n) })
	h := newHub(t)
	ctx := context.Background()
	s := connect(t, h, addr)
	if err := s.Pin(ctx, sec); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	short := sec
	short.Read = 10 * time.Millisecond
	for i := range 3 {
		for range 2 {
			if _, err := s.Receive(ctx, short); err != ErrTimeout {
				t.Fatal(err)
			}
		}
		if err := s.Send(cmd("x"), sec); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Receive(ctx, sec); err != nil || r.Int != int64(i) {
			t.Fatal(r, err)
		}
	}
}

// TestPatientGivesUp: when a caller that reads for itself gives up, commands
// that have queued behind it go over another connection.
func TestPatientGivesUp(t *testing.T) {
	var mu sync.Mutex
	silent := true
	addr := fake(t, func(c net.Conn, n int) {
		mu.Lock()
		first := silent
		silent = false
		mu.Unlock()
		if !first {
			fmt.Fprint(c, ":1\r\n")
		}
	})
	h := newHub(t)
	a := connect(t, h, addr)
	b := *a
	var wg sync.WaitGroup
	wg.Go(func() {
		to := sec
		to.Read = patient
		if _, err := a.Do(context.Background(), cmd("slow"), to); err != ErrTimeout {
			t.Error(err)
		}
		if _, err := a.Do(context.Background(), cmd("x"), to); err != ErrClosed {
			t.Error(err)
		}
	})
	for n := 0; n == 0; { // until the first command is on its way
		b.shared.mu.Lock()
		n = b.shared.flying
		b.shared.mu.Unlock()
	}
	res, err := b.Do(context.Background(), cmd("x", "y"), sec)
	if err != nil {
		t.Fatal(err)
	}
	if r := res.Replies()[0]; r.Int != 1 {
		t.Error(r)
	}
	res.Release()
	wg.Wait()
}

// TestPromisedLength: memory is taken for what comes, not for what is said to.
func TestPromisedLength(t *testing.T) {
	addr := fake(t, func(c net.Conn, n int) { fmt.Fprint(c, "$99999999999\r\n", strings.Repeat("x", 100)); c.Close() })
	s := connect(t, newHub(t), addr)
	if _, err := s.Do(context.Background(), cmd("get", "k"), sec); err != ErrClosed {
		t.Error(err)
	}
}
