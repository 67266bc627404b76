package link

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// wire is the connection that a go-redis client is given for its own. It
// remembers why it failed, as go-redis's errors hide it, and stands between
// in three places where go-redis says or hears more than a script does:
//
//   - The HELLO that go-redis sends first is refused here, and go-redis goes
//     on with RESP2. Scripts see what Redis says to their first command, and a
//     connection on which they say nothing stays silent.
//   - mute drops what is written: a published message is a reply to no
//     command, and go-redis's Conn reads only after writing.
//   - deaf answers for Redis: the counterpart, for a command that is sent
//     while another goroutine waits for such a message.
type wire struct {
	net.Conn
	greeted bool
	mute    bool
	deaf    bool

	// A caller that reads for itself gives up at until, and soon after ctx
	// is done.
	ctx      context.Context
	until    time.Time
	gaveUp   bool
	deadline time.Time // set on Conn

	mu  sync.Mutex
	err error
	got time.Time // when something last came
}

const (
	noHello  = "-ERR\r\n"
	assented = "+OK\r\n"
)

func (w *wire) Write(p []byte) (int, error) {
	if !w.greeted || w.mute {
		return len(p), nil
	}
	n, err := w.Conn.Write(p)
	if err != nil {
		w.fail(err)
	}
	return n, err
}

func (w *wire) Read(p []byte) (int, error) {
	if !w.greeted {
		w.greeted = true
		return copy(p, noHello), nil
	}
	if w.deaf {
		return copy(p, assented), nil
	}
	for {
		if w.ctx != nil && w.expired() {
			w.gaveUp = true
			return 0, os.ErrDeadlineExceeded
		}
		n, err := w.Conn.Read(p)
		if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			if w.ctx == nil { // the deadline is of an earlier reader
				w.deadline = time.Time{}
				w.Conn.SetReadDeadline(w.deadline)
			}
			continue
		}
		if err != nil {
			w.fail(err)
			return n, err
		}
		w.mu.Lock()
		w.got = time.Now()
		w.mu.Unlock()
		return n, nil
	}
}

// cancelCheck is how often a caller that reads looks whether its request has
// been given up. Setting a deadline for each read would cost more.
const cancelCheck = 100 * time.Millisecond

// expired reports whether the caller's time is up, and sees to it that the
// next read ends in time to ask again.
func (w *wire) expired() bool {
	now := time.Now()
	if !now.Before(w.until) || w.ctx.Err() != nil {
		return true
	}
	want := w.until
	if t := now.Add(cancelCheck); t.Before(want) {
		want = t
	}
	if w.deadline.Before(now) || w.deadline.After(want) {
		w.deadline = want
		w.Conn.SetReadDeadline(want)
	}
	return false
}

// Close leaves the connection to the link when another client uses it.
func (w *wire) Close() error {
	if w.deaf {
		return nil
	}
	return w.Conn.Close()
}

func (w *wire) fail(err error) {
	w.mu.Lock()
	if w.err == nil {
		w.err = err
	}
	w.mu.Unlock()
}

// failed is why the connection failed, or nil.
func (w *wire) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// last is when something came.
func (w *wire) last() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got
}

// client is a go-redis client of one connection, all of whose commands go
// over it.
type client struct {
	*redis.Conn
	pool *redis.Client
}

func newClient(w *wire) *client {
	first := true
	c := redis.NewClient(&redis.Options{
		Addr: "redis",
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			if !first {
				return nil, ErrClosed // a lost connection is the script's to replace
			}
			first = false
			return w, nil
		},
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		MaxRetries:               -1,
		DialerRetries:            1,
		// Callers wait with timers of their own: a timeout of one does not
		// cost the others the connection.
		ReadTimeout: -2, WriteTimeout: -2,
		PoolSize: 1, PipelinePoolSize: -1,
		ReadBufferSize: readSize, WriteBufferSize: readSize,
	})
	return &client{Conn: c.Conn(), pool: c}
}

// run sends commands and reads their replies. What goes wrong is in the
// commands.
func (c *client) run(cmds []redis.Cmder) {
	ctx := context.Background()
	if len(cmds) == 1 {
		c.Process(ctx, cmds[0])
		return
	}
	p := c.Pipeline()
	p.BatchProcess(ctx, cmds...)
	p.Exec(ctx)
}

func (c *client) close() {
	c.Conn.Close()
	c.pool.Close()
}
