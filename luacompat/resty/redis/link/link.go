package link

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Errors in resty.redis's words.
var (
	ErrClosed  = errors.New("closed")
	ErrTimeout = errors.New("timeout")
)

// errAbandoned ends a link on whose replies nobody waits any more. Sessions
// that have lost nothing by it take another.
var errAbandoned = errors.New("abandoned")

// link is a connection that carries the commands of many goroutines, or of
// one session that owns it. A caller that finds it idle gives go-redis its
// command itself; what queues meanwhile is the worker's.
type link struct {
	conn   net.Conn
	raw    syscall.RawConn // nil where the kernel cannot be asked
	wire   *wire
	client *client // of whoever made the link busy

	born    time.Time
	mu      sync.Mutex
	queue   []*call // to be sent
	spare   []*call
	flying  int           // calls that the worker has sent
	waiting int           // callers
	worker  bool          // exists
	busy    bool          // the worker or a caller uses the client
	kick    chan struct{} // it has again
	err     error         // why the link is dead
	used    time.Time
	slow    bool // a reply timed out: no new sessions
	held    time.Time

	own // of a link that one session owns
}

// call is one request of one or more commands.
type call struct {
	q       Request
	replies []Reply
	one     [1]Reply
	err     error
	wake    chan struct{}
	timer   *time.Timer
	done    bool // guarded by link.mu
	gone    bool // nobody waits any more; guarded by link.mu
	stream  bool // replies go to the link's session
	mute    bool // only reads
}

var calls = sync.Pool{New: func() any {
	c := &call{wake: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	c.timer.Stop()
	return c
}}

func newLink(conn net.Conn) *link {
	now := time.Now()
	l := &link{conn: conn, wire: &wire{Conn: conn}, kick: make(chan struct{}, 1), born: now, used: now}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if sc, ok := conn.(syscall.Conn); ok {
		l.raw, _ = sc.SyscallConn()
	}
	return l
}

// newCall takes the commands of q.
func newCall(q *Request) *call {
	c := calls.Get().(*call)
	c.q.take(q)
	c.q.commands()
	return c
}

// release gives the call back. Nobody else may know it any more.
func (c *call) release() {
	select {
	case <-c.wake:
	default:
	}
	clear(c.replies)
	c.q.Reset()
	*c = call{q: c.q, wake: c.wake, timer: c.timer}
	calls.Put(c)
}

// patient is the time from which a caller may read for itself: when it gives
// up, the link ends, and what has queued meanwhile must go elsewhere.
const patient = 500 * time.Millisecond

// do sends the commands of q and waits for their replies, which are valid
// until release.
func (l *link) do(ctx context.Context, q *Request, read time.Duration) (*call, error) {
	several := q.Len() > 1
	c := newCall(q)
	start := time.Now()
	l.mu.Lock()
	if err := l.err; err != nil {
		l.mu.Unlock()
		q.take(&c.q)
		c.release()
		return nil, err
	}
	l.used = start
	l.waiting++
	if !l.busy && !several && read >= patient {
		return l.alone(ctx, c, start.Add(read))
	}
	l.enqueue(c)
	l.mu.Unlock()

	for c.timer.Reset(read); ; {
		select {
		case <-c.wake:
			c.timer.Stop()
			if c.err == errAbandoned {
				q.take(&c.q) // it may go elsewhere
			}
			return c.result()
		case <-c.timer.C:
			if several { // each piece of several replies renews the time
				if left := time.Until(l.wire.last().Add(read)); left > 0 {
					c.timer.Reset(left)
					continue
				}
			}
			return l.abandon(c, ErrTimeout)
		case <-ctx.Done():
			c.timer.Stop()
			return l.abandon(c, ctx.Err())
		}
	}
}

// alone runs a call that finds the link idle. l.mu is held, and released.
func (l *link) alone(ctx context.Context, c *call, until time.Time) (*call, error) {
	l.busy, l.flying = true, 1
	w, cl := l.wire, l.conned()
	l.mu.Unlock()
	w.ctx, w.until, w.mute = ctx, until, false
	cl.run(c.q.cmds)
	w.ctx = nil
	l.mu.Lock()
	l.busy, l.flying = false, 0
	if w.gaveUp && l.err == nil {
		l.slow = true
		l.fail(errAbandoned)
		c.err = ErrTimeout
		if err := ctx.Err(); err != nil {
			c.err = err
		}
	}
	l.finish(c)
	l.next()
	l.mu.Unlock()
	return c.result()
}

// conned is the link's client. l.mu is held.
func (l *link) conned() *client {
	if l.client == nil {
		l.client = newClient(l.wire)
	}
	return l.client
}

// enqueue leaves a call to the worker. The link is not dead, and l.mu is held.
func (l *link) enqueue(c *call) {
	l.queue = append(l.queue, c)
	if !l.busy {
		l.next()
	}
}

// next has the worker go on where there is something to do. The link is not
// busy, or its end was just noticed. l.mu is held.
func (l *link) next() {
	switch {
	case l.busy || l.err == nil && len(l.queue) == 0:
	case l.worker:
		l.busy = true
		l.kick <- struct{}{}
	case l.err == nil:
		l.worker, l.busy = true, true
		l.conned()
		go l.work()
	default:
		l.finally()
	}
}

// finally ends what a dead link has left. l.mu is held.
func (l *link) finally() {
	for _, c := range l.queue {
		c.err = l.err
		l.end(c)
	}
	l.queue = nil
	if l.client != nil {
		l.client.close()
	}
}

// work sends what has queued, reads the replies and begins again.
func (l *link) work() {
	var cmds []redis.Cmder
	l.mu.Lock()
	for {
		for len(l.queue) == 0 && l.err == nil {
			l.busy = false
			l.mu.Unlock()
			<-l.kick
			l.mu.Lock()
		}
		if l.waiting > 1 && l.err == nil {
			// Others are about: let those that can run queue their commands.
			l.mu.Unlock()
			runtime.Gosched()
			l.mu.Lock()
		}
		if l.err != nil {
			break
		}
		batch := l.take()
		l.flying = len(batch)
		l.mu.Unlock()
		cmds = cmds[:0]
		for _, c := range batch {
			cmds = append(cmds, c.q.cmds...)
		}
		l.wire.mute = batch[0].mute
		l.client.run(cmds)
		clear(cmds)
		l.mu.Lock()
		for _, c := range batch {
			l.finish(c)
		}
		clear(batch)
		l.spare, l.flying = batch[:0], 0
	}
	l.finally()
	l.mu.Unlock()
}

// take takes what may be sent at once. l.mu is held.
func (l *link) take() []*call {
	batch := l.queue
	if batch[0].mute && len(batch) > 1 {
		l.queue = append([]*call(nil), batch[1:]...)
		return batch[:1]
	}
	l.queue, l.spare = l.spare, nil
	return batch
}

// finish ends a call that go-redis has run. l.mu is held.
func (l *link) finish(c *call) {
	if err := c.q.err(); err != nil && c.err == nil {
		switch lost := l.wire.failed(); {
		case l.err != nil:
			c.err = l.err
		case lost != nil:
			l.fail(lost)
			c.err = l.err
		default:
			c.err = garbage(err, c.q.in)
			l.fail(ErrClosed) // as the others see it
		}
	}
	l.end(c)
}

// end tells whoever waits for a call that its outcome is there. l.mu is held.
func (l *link) end(c *call) {
	c.done = true
	switch {
	case c.stream:
		l.stream(c)
	case c.gone:
		c.release()
	default:
		l.waiting--
		c.wake <- struct{}{}
	}
}

// result takes a finished call's outcome.
func (c *call) result() (*call, error) {
	if c.err == nil {
		c.err = c.parse()
	}
	if c.err != nil {
		err := c.err
		c.release()
		return nil, err
	}
	return c, nil
}

func (c *call) parse() error {
	p := reader{c.q.in}
	c.replies = c.one[:0]
	for range c.q.Len() {
		r, err := p.reply(0)
		if err != nil {
			return err
		}
		c.replies = append(c.replies, r)
	}
	return nil
}

// abandon gives up waiting for a call. Its replies will be dropped.
func (l *link) abandon(c *call, err error) (*call, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.done {
		return c.result()
	}
	c.gone = true
	l.waiting--
	l.slow = l.slow || err == ErrTimeout
	if l.waiting == 0 {
		l.fail(errAbandoned)
	}
	return nil, err
}

// fail ends the link. l.mu is held.
func (l *link) fail(err error) {
	if l.err != nil {
		return
	}
	l.err = words(err)
	l.conn.Close()
	l.next()
}

func (l *link) close() {
	l.mu.Lock()
	l.fail(ErrClosed)
	l.mu.Unlock()
}

// words is an error as a cosocket names it.
func words(err error) error {
	switch {
	case err == ErrClosed, err == ErrTimeout, err == errAbandoned:
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		return no // "connection reset by peer", "broken pipe"
	}
	return err
}

// sure is how long an answer vouches for a link.
const sure = time.Millisecond

// alive reports whether the link can carry commands. An idle link is asked of
// the kernel: nobody reads there who would notice its end.
func (l *link) alive(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false
	}
	if l.flying > 0 || len(l.queue) > 0 || now.Sub(l.used) < sure {
		return true
	}
	if err := peek(l.raw); err != nil {
		l.fail(err)
		return false
	}
	return true
}

// peek returns an error when the peer has closed the connection.
func peek(raw syscall.RawConn) error {
	if raw == nil {
		return nil // the next command tells
	}
	var n int
	var serr error
	if err := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, serr = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}); err != nil {
		return err
	}
	switch {
	case serr == syscall.EAGAIN || serr == syscall.EINTR:
		return nil
	case serr != nil:
		return serr
	case n == 0:
		return io.EOF
	}
	return nil
}
