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
)

// Errors in resty.redis's words.
var (
	ErrClosed  = errors.New("closed")
	ErrTimeout = errors.New("timeout")
)

// cancelCheck is how often a goroutine that reads looks whether its request
// has been given up. Setting a deadline for each read would cost more.
const cancelCheck = 100 * time.Millisecond

// writeLimit ends a write to a peer that reads nothing.
const writeLimit = 30 * time.Second

// link is a connection that carries the commands of many goroutines, or of
// one session that owns it.
type link struct {
	conn net.Conn
	raw  syscall.RawConn // nil where the kernel cannot be asked

	born    time.Time
	mu      sync.Mutex
	out     []byte // queued, to be written
	spare   []byte
	pending []*call // written or queued, oldest first
	head    int     // index of the oldest
	writing bool
	reading bool
	err     error // why the link is dead
	used    time.Time
	slow    bool // a reply timed out: no new sessions
	held    time.Time

	// in belongs to the goroutine that reads.
	in       reader
	deadline time.Time // set on conn
	until    time.Time // when the reader gives up
	finishBy time.Time // the same, for a reply that has begun
	ctx      context.Context
}

// call is one request of one or more commands.
type call struct {
	want     int // replies that are missing
	replies  []Reply
	one      [1]Reply
	err      error
	read     time.Duration
	deadline time.Time // guarded by link.mu
	wake     chan bool // true: read for all; false: done
	done     bool      // guarded by link.mu
	gone     bool      // nobody waits any more; guarded by link.mu
	timer    *time.Timer
}

var calls = sync.Pool{New: func() any {
	c := &call{wake: make(chan bool, 1), timer: time.NewTimer(time.Hour)}
	c.timer.Stop()
	return c
}}

func newLink(conn net.Conn) *link {
	now := time.Now()
	l := &link{conn: conn, born: now, used: now}
	l.in.src = (*linkReader)(l)
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if sc, ok := conn.(syscall.Conn); ok {
		l.raw, _ = sc.SyscallConn()
	}
	return l
}

// do sends the commands of q and waits for their replies, which are valid
// until release.
func (l *link) do(ctx context.Context, q *Request, send, read time.Duration) (*call, error) {
	c := calls.Get().(*call)
	c.want, c.replies = q.n, c.one[:0]
	c.done, c.gone, c.err = false, false, nil
	now := time.Now()
	c.read, c.deadline = read, now.Add(read)

	l.mu.Lock()
	if l.err != nil {
		err := l.err
		l.mu.Unlock()
		c.release()
		return nil, err
	}
	l.used = now
	l.out = append(l.out, q.buf...)
	l.pending = append(l.pending, c)
	if !l.writing {
		l.write(send)
	}
	if c.done {
		l.mu.Unlock()
		return c.result()
	}
	if !l.reading {
		l.reading = true
		l.mu.Unlock()
		return l.lead(ctx, c)
	}
	l.mu.Unlock()

	for c.timer.Reset(read); ; {
		select {
		case lead := <-c.wake:
			c.timer.Stop()
			if lead {
				return l.lead(ctx, c)
			}
			return c.result()
		case <-c.timer.C:
			if left := l.left(c); left > 0 {
				c.timer.Reset(left)
				continue
			}
			return l.abandon(c, ErrTimeout)
		case <-ctx.Done():
			c.timer.Stop()
			return l.abandon(c, ctx.Err())
		}
	}
}

// left is the time that c may still wait: each reply of several renews it.
func (l *link) left(c *call) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(c.deadline)
}

// result takes a finished call's outcome.
func (c *call) result() (*call, error) {
	if c.err != nil {
		err := c.err
		c.release()
		return nil, err
	}
	return c, nil
}

// release gives the call back. Nobody else may know it any more.
func (c *call) release() {
	select {
	case <-c.wake:
	default:
	}
	clear(c.replies)
	c.replies = nil
	c.one[0] = Reply{}
	calls.Put(c)
}

// write writes all that is queued. l.mu is held, and released meanwhile.
func (l *link) write(limit time.Duration) {
	l.writing = true
	if l.reading || len(l.pending)-l.head > 1 {
		// Others are about: let those that can run queue their commands.
		l.mu.Unlock()
		runtime.Gosched()
		l.mu.Lock()
	}
	for len(l.out) > 0 && l.err == nil {
		b := l.out
		l.out, l.spare = l.spare[:0], nil
		l.mu.Unlock()
		big := len(b) > readSize
		if big {
			l.conn.SetWriteDeadline(time.Now().Add(max(limit, writeLimit)))
		}
		_, err := l.conn.Write(b)
		if big && err == nil {
			l.conn.SetWriteDeadline(time.Time{})
		}
		l.mu.Lock()
		if cap(b) <= 64<<10 {
			l.spare = b[:0]
		}
		if err != nil {
			l.fail(err)
		}
	}
	l.writing = false
}

// lead reads replies for all until c's are there, then hands the reading on.
func (l *link) lead(ctx context.Context, c *call) (*call, error) {
	l.ctx, l.until = ctx, c.deadline
	for {
		l.mu.Lock()
		if c.done || l.err != nil {
			break
		}
		front := l.front()
		l.until, l.finishBy = c.deadline, front.deadline
		l.mu.Unlock()
		r, err := l.in.reply(0)
		if err != nil {
			if l.between(err) {
				return l.leave(c, giveUp(ctx))
			}
			l.mu.Lock()
			e := (*ProtocolError)(nil)
			if err = words(err); l.err == nil && (errors.As(err, &e) || err == ErrTimeout) {
				l.finish(front, err) // the others see the connection end
				err = ErrClosed
			}
			l.fail(err)
			break
		}
		l.mu.Lock()
		if l.err != nil {
			break // a failed write has finished all calls
		}
		if front.add(r); front.want == 0 {
			l.finish(front, nil)
		} else {
			front.deadline = time.Now().Add(front.read)
		}
		l.mu.Unlock()
	}
	l.handOn()
	l.mu.Unlock()
	return c.result()
}

func giveUp(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrTimeout
}

// between reports whether reading ended for want of time between replies, so
// that another goroutine may go on.
func (l *link) between(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && !l.in.mid
}

func (c *call) add(r Reply) {
	c.want--
	if !c.gone {
		c.replies = append(c.replies, r)
	}
}

// front is the call whose reply comes next. l.mu is held.
func (l *link) front() *call { return l.pending[l.head] }

// finish ends the oldest call. l.mu is held.
func (l *link) finish(c *call, err error) {
	l.pending[l.head] = nil
	l.head++
	if l.head == len(l.pending) {
		l.pending, l.head = l.pending[:0], 0
	} else if l.head > 1024 && l.head*2 > len(l.pending) {
		l.pending = l.pending[:copy(l.pending, l.pending[l.head:])]
		l.head = 0
	}
	c.done, c.err = true, err
	if c.gone {
		c.release()
		return
	}
	select {
	case c.wake <- false:
	default: // it was told to read and finds out itself
	}
}

// handOn ends this goroutine's reading. l.mu is held.
func (l *link) handOn() {
	l.ctx = nil
	for _, c := range l.pending[l.head:] {
		if !c.gone {
			select {
			case c.wake <- true:
				return
			default:
			}
		}
	}
	l.reading = false
}

// abandon gives up a call of a goroutine that does not read.
func (l *link) abandon(c *call, err error) (*call, error) {
	l.mu.Lock()
	if c.done {
		l.mu.Unlock()
		return c.result()
	}
	c.gone = true
	l.slow = l.slow || err == ErrTimeout
	select {
	case <-c.wake: // it was told to read just now
		l.handOn()
	default:
	}
	l.mu.Unlock()
	return nil, err
}

// leave gives up the reading and the reader's own call, whose replies will be
// dropped.
func (l *link) leave(c *call, err error) (*call, error) {
	l.mu.Lock()
	if c.done {
		l.handOn()
		l.mu.Unlock()
		return c.result()
	}
	c.gone = true
	l.slow = l.slow || err == ErrTimeout
	l.handOn()
	l.mu.Unlock()
	return nil, err
}

// fail ends the link. l.mu is held.
func (l *link) fail(err error) {
	if l.err != nil {
		return
	}
	l.err = words(err)
	l.conn.Close()
	l.out = nil
	for l.head < len(l.pending) {
		l.finish(l.front(), l.err)
	}
}

func (l *link) close() {
	l.mu.Lock()
	l.fail(ErrClosed)
	l.mu.Unlock()
}

// words is an error as a cosocket names it.
func words(err error) error {
	switch {
	case err == ErrClosed, err == ErrTimeout:
		return err
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
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

// linkReader is a link's conn with deadlines that are seldom set.
type linkReader link

func (l *linkReader) Read(p []byte) (int, error) {
	for {
		now := time.Now()
		want := l.until
		if l.in.mid {
			// Half a reply would be lost for all.
			if l.finishBy.After(want) {
				want = l.finishBy
			}
		} else if l.ctx.Err() != nil {
			return 0, os.ErrDeadlineExceeded
		}
		if !now.Before(want) {
			return 0, os.ErrDeadlineExceeded
		}
		if w := now.Add(cancelCheck); w.Before(want) {
			want = w
		}
		if l.deadline.Before(now) || l.deadline.After(want) {
			l.deadline = want
			l.conn.SetReadDeadline(want)
		}
		n, err := l.conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
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
	if l.reading || l.writing || l.in.buffered() > 0 || now.Sub(l.used) < sure {
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

// send writes commands on a link that one session owns.
func (l *link) send(q *Request, limit time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.used = time.Now()
		l.out = append(l.out, q.buf...)
		l.write(limit)
	}
	return l.err
}

// receive reads one reply on a link that one session owns. After a timeout
// between replies the link is usable.
func (l *link) receive(ctx context.Context, limit time.Duration) (Reply, error) {
	l.mu.Lock()
	if err := l.err; err != nil {
		l.mu.Unlock()
		return Reply{}, err
	}
	l.reading = true
	l.mu.Unlock()
	l.ctx, l.until = ctx, time.Now().Add(limit)
	l.finishBy = l.until
	r, err := l.in.reply(0)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading, l.ctx = false, nil
	switch e := (*ProtocolError)(nil); {
	case err == nil || errors.As(err, &e):
	case l.between(err):
		err = giveUp(ctx)
	default:
		l.fail(err)
		err = l.err
	}
	return r, err
}
