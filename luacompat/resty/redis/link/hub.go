package link

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Options is what a Hub needs of its host.
type Options struct {
	// Dial makes connections; nil takes a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// IdleTimeout closes connections that nothing uses; 0 is a minute.
	IdleTimeout time.Duration
}

// How long a successful AUTH vouches for later ones with the same password.
// Past renewAfter one session asks Redis again, past trustFor each does: so a
// changed password is noticed within a second.
const (
	renewAfter = 400 * time.Millisecond
	trustFor   = 900 * time.Millisecond
)

// maxSpares bounds a target's idle connections without authentication.
const maxSpares = 4

// Hub is the process's connections to Redis.
type Hub struct {
	opts    Options
	mu      sync.Mutex
	targets map[Target]*target
	sweeper *time.Timer
	closed  bool
}

// Target is where a connection goes.
type Target struct {
	Network string // tcp, unix
	Addr    string
	// TLS, when set, says that the connection is encrypted. Targets with
	// equal names and verification share connections.
	TLS        bool
	ServerName string
	Verify     bool
}

// identity is under what a link's commands run.
type identity struct {
	authed     bool
	user, pass string
	hasUser    bool
	db         int
}

type target struct {
	hub *Hub
	Target
	tlsConfig *tls.Config

	mu      sync.Mutex
	links   map[identity]*shared
	last    *shared // answered lately
	making  map[identity]*making
	spares  []*link
	retired []*link // not for new sessions; old ones may still use them
}

// shared is a link with what is known of its identity.
type shared struct {
	*link
	verified atomic.Int64 // when Redis last accepted the password
	renewing atomic.Bool
}

// making is a link under construction; others wait for it.
type making struct {
	ready chan struct{}
	link  *shared
	err   error
}

// NewHub makes a hub without connections.
func NewHub(o Options) *Hub {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = time.Minute
	}
	return &Hub{opts: o, targets: make(map[Target]*target)}
}

// Close closes all connections.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	if h.sweeper != nil {
		h.sweeper.Stop()
	}
	ts := h.targets
	h.targets = make(map[Target]*target)
	h.mu.Unlock()
	for _, t := range ts {
		t.mu.Lock()
		for _, l := range t.links {
			l.close()
		}
		for _, l := range append(t.spares, t.retired...) {
			l.close()
		}
		clear(t.links)
		t.spares, t.retired, t.last = nil, nil, nil
		t.mu.Unlock()
	}
}

func (h *Hub) target(k Target, conf *tls.Config) *target {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.targets[k]
	if t == nil {
		t = &target{hub: h, Target: k, tlsConfig: conf, links: make(map[identity]*shared), making: make(map[identity]*making)}
		h.targets[k] = t
	}
	if h.sweeper == nil && !h.closed {
		h.sweeper = time.AfterFunc(h.opts.IdleTimeout/2, h.sweep)
	}
	return t
}

// sweep closes connections that nothing has used for a while, and stops when
// there are none.
func (h *Hub) sweep() {
	h.mu.Lock()
	ts := make([]*target, 0, len(h.targets))
	for _, t := range h.targets {
		ts = append(ts, t)
	}
	h.mu.Unlock()
	now, left := time.Now(), 0
	for _, t := range ts {
		left += t.sweep(now, h.opts.IdleTimeout)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	if left == 0 {
		h.sweeper = nil
		return
	}
	h.sweeper.Reset(h.opts.IdleTimeout / 2)
}

func (t *target) sweep(now time.Time, idle time.Duration) (left int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, l := range t.links {
		if l.idle(now, idle) {
			delete(t.links, id)
			if t.last == l {
				t.last = nil
			}
			l.close()
		} else {
			left++
		}
	}
	t.spares = closeIdle(t.spares, now, idle)
	t.retired = closeIdle(t.retired, now, idle)
	return left + len(t.spares) + len(t.retired)
}

// closeIdle closes links that are idle and returns the others.
func closeIdle(links []*link, now time.Time, idle time.Duration) []*link {
	kept := links[:0]
	for _, l := range links {
		if l.idle(now, idle) {
			l.close()
		} else {
			kept = append(kept, l)
		}
	}
	clear(links[len(kept):])
	return kept
}

// idle reports whether the link has not been used lately and no pool counts
// on it.
func (l *link) idle(now time.Time, limit time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil || now.Sub(l.used) > limit && now.After(l.held)
}

// usable: alive, and nobody has waited in vain for its replies.
func (l *shared) usable(now time.Time) bool { return l.alive(now) && !l.late() }

func (l *link) late() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slow
}

// find returns the link of an identity, or nil. Links that have ended are
// set aside.
func (t *target) find(id identity, now time.Time) *shared {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.links[id]
	if l != nil && !l.usable(now) {
		t.drop(id, l)
		return nil
	}
	return l
}

// drop forgets a link. t.mu is held.
func (t *target) drop(id identity, l *shared) {
	if t.links[id] == l {
		delete(t.links, id)
		t.retired = append(t.retired, l.link)
	}
	if t.last == l {
		t.last = nil
	}
}

// reachable reports whether some link to the target lives.
func (t *target) reachable(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last != nil && t.last.usable(now) {
		return true
	}
	for id, l := range t.links {
		if l.usable(now) {
			t.last = l
			return true
		}
		t.drop(id, l)
	}
	return false
}

// make returns the identity's link, made when there is none. Concurrent
// callers share the attempt.
func (t *target) make(ctx context.Context, id identity, connect, read time.Duration) (*shared, error) {
	t.mu.Lock()
	if l := t.links[id]; l != nil && l.usable(time.Now()) {
		t.mu.Unlock()
		return l, nil
	}
	if m := t.making[id]; m != nil {
		t.mu.Unlock()
		select {
		case <-m.ready:
			return m.link, m.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	m := &making{ready: make(chan struct{})}
	t.making[id] = m
	t.mu.Unlock()

	// Others may wait for the result: it must not end with this request.
	l, err := t.open(context.WithoutCancel(ctx), id, connect, read)
	t.mu.Lock()
	delete(t.making, id)
	if err == nil {
		m.link = &shared{link: l}
		m.link.verified.Store(time.Now().UnixNano())
		if old := t.links[id]; old != nil {
			t.drop(id, old)
		}
		t.links[id] = m.link
		t.last = m.link
		if t.hub.isClosed() {
			l.close()
		}
	}
	m.err = err
	t.mu.Unlock()
	close(m.ready)
	return m.link, err
}

func (h *Hub) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// Refusal is an error reply of Redis where a connection was being prepared.
type Refusal struct{ Text string }

func (e *Refusal) Error() string { return e.Text }

// open makes a link and gives it its identity. A *Refusal is Redis's answer
// to AUTH or SELECT.
func (t *target) open(ctx context.Context, id identity, connect, read time.Duration) (*link, error) {
	l := t.spare(id.authed)
	if l == nil {
		conn, err := t.dial(ctx, connect)
		if err != nil {
			return nil, err
		}
		l = newLink(conn)
	}
	if id.authed {
		if err := l.expectOK(ctx, authCommand(id), read); err != nil {
			if _, refused := err.(*Refusal); refused {
				t.putSpare(l)
			} else {
				l.close()
			}
			return nil, err
		}
	}
	if id.db != 0 {
		q := new(Request)
		q.Command("select", strconv.Itoa(id.db))
		if err := l.expectOK(ctx, q, read); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func authCommand(id identity) *Request {
	q := new(Request)
	if id.hasUser {
		q.Command("auth", id.user, id.pass)
	} else {
		q.Command("auth", id.pass)
	}
	return q
}

// expectOK runs a command.
func (l *link) expectOK(ctx context.Context, q *Request, read time.Duration) error {
	c, err := l.do(ctx, q, read)
	if err != nil {
		return err
	}
	defer c.release()
	return refusal(c.replies[0])
}

// expectStream runs a command on a link that one session owns.
func (l *link) expectStream(ctx context.Context, q *Request, to Timeouts) error {
	if err := l.send(q, to.Send); err != nil {
		return err
	}
	r, err := l.receive(ctx, to.Read)
	if err != nil {
		return err
	}
	return refusal(r)
}

func refusal(r Reply) error {
	if r.Kind == Error {
		return &Refusal{r.Str}
	}
	return nil
}

// spare takes an idle connection without authentication, or nil. When none
// follows, the connection must be young: Redis may have been given a password.
func (t *target) spare(authFollows bool) *link {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := len(t.spares); n > 0; n = len(t.spares) {
		l := t.spares[n-1]
		t.spares[n-1] = nil
		t.spares = t.spares[:n-1]
		now := time.Now()
		if (authFollows || now.Sub(l.born) < renewAfter) && l.alive(now) {
			return l
		}
		l.close()
	}
	return nil
}

func (t *target) putSpare(l *link) {
	t.mu.Lock()
	if len(t.spares) < maxSpares && !t.hub.isClosed() {
		t.spares = append(t.spares, l)
		l = nil
	}
	t.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// HandshakeError is a TLS handshake that failed.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "failed to do ssl handshake: " + e.Err.Error() }
func (e *HandshakeError) Unwrap() error { return e.Err }

func (t *target) dial(ctx context.Context, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := t.hub.opts.Dial(ctx, t.Network, t.Addr)
	if err != nil {
		if ctx.Err() != nil || isTimeout(err) {
			return nil, ErrTimeout
		}
		return nil, words(err)
	}
	if !t.TLS {
		return conn, nil
	}
	c := tls.Client(conn, t.tlsConfig)
	if err := c.HandshakeContext(ctx); err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ErrTimeout
		}
		return nil, &HandshakeError{err}
	}
	return c, nil
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
