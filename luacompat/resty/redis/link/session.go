package link

import (
	"context"
	"crypto/tls"
	"time"
)

// Timeouts are a script's, as set_timeouts sets them.
type Timeouts struct{ Connect, Send, Read time.Duration }

// Session is what a script takes for its connection. It is used by one
// goroutine at a time.
type Session struct {
	t      *target
	id     identity
	shared *shared // where commands go; nil: not yet decided
	own    *link   // the session's own connection
	lost   bool    // a reply may still come on shared: nothing may follow
}

// Connect gives a session without authentication. It dials only when no
// connection to the target lives, so a dead Redis is noticed at once:
// `connection refused`, `timeout`, …
func (h *Hub) Connect(ctx context.Context, k Target, conf *tls.Config, to Timeouts) (*Session, error) {
	s := new(Session)
	return s, h.ConnectInto(ctx, s, k, conf, to)
}

// ConnectInto is Connect for a Session that the caller has.
func (h *Hub) ConnectInto(ctx context.Context, s *Session, k Target, conf *tls.Config, to Timeouts) error {
	t := h.target(k, conf)
	*s = Session{t: t}
	if t.reachable(time.Now()) {
		return nil
	}
	l, err := t.make(ctx, identity{}, to.Connect, to.Read)
	s.shared = l
	return err
}

// ConnectNow is ConnectInto where nothing needs to be waited for; false leaves
// it undone.
func (h *Hub) ConnectNow(s *Session, k Target) bool {
	h.mu.Lock()
	t := h.targets[k]
	h.mu.Unlock()
	if t == nil || !t.reachable(time.Now()) {
		return false
	}
	*s = Session{t: t}
	return true
}

// AuthNow is Auth where Redis has accepted the password just now; false
// leaves it undone.
func (s *Session) AuthNow(user, pass string, hasUser bool) bool {
	if s.own != nil {
		return false
	}
	id := s.id
	id.authed, id.user, id.pass, id.hasUser = true, user, pass, hasUser
	now := time.Now()
	l := s.t.find(id, now)
	if l == nil || time.Duration(now.UnixNano()-l.verified.Load()) >= renewAfter {
		return false
	}
	s.id, s.shared = id, l
	return true
}

// Pinned reports whether the session has a connection of its own.
func (s *Session) Pinned() bool { return s.own != nil }

// Auth authenticates; a *Refusal is Redis's answer. A password that Redis
// accepted for another session less than a second ago is not asked again.
func (s *Session) Auth(ctx context.Context, user, pass string, hasUser bool, to Timeouts) error {
	id := s.id
	id.authed, id.user, id.pass, id.hasUser = true, user, pass, hasUser
	if s.own != nil {
		err := s.own.expectStream(ctx, authCommand(id), to)
		if err == nil {
			s.id = id
		}
		return err
	}
	now := time.Now()
	if l := s.t.find(id, now); l != nil {
		err := l.verify(ctx, id, now, to)
		if err == nil {
			s.id, s.shared = id, l
			return nil
		}
		s.t.mu.Lock()
		s.t.drop(id, l)
		s.t.mu.Unlock()
		if _, refused := err.(*Refusal); refused || err == ErrTimeout {
			return err
		}
	}
	l, err := s.t.make(ctx, id, to.Connect, to.Read)
	if err == nil {
		s.id, s.shared = id, l
	}
	return err
}

// verify asks Redis again whether the password is right, when that is due.
func (l *shared) verify(ctx context.Context, id identity, now time.Time, to Timeouts) error {
	age := time.Duration(now.UnixNano() - l.verified.Load())
	if age < renewAfter {
		return nil
	}
	mine := l.renewing.CompareAndSwap(false, true)
	if mine {
		defer l.renewing.Store(false)
	} else if age < trustFor {
		return nil
	}
	c, err := l.do(ctx, authCommand(id), to.Read)
	if err != nil {
		return err
	}
	defer c.release()
	if r := c.replies[0]; r.Kind == Error {
		return &Refusal{r.Str}
	}
	l.verified.Store(now.UnixNano())
	return nil
}

// fresh returns the link of an identity for a session that has none, which is
// one without authentication. What Redis allows there may change, too, when a
// password is set; so such a link is young for every new session.
func (t *target) fresh(ctx context.Context, id identity, to Timeouts) (*shared, error) {
	now := time.Now()
	l := t.find(id, now)
	if l == nil {
		return t.make(ctx, id, to.Connect, to.Read)
	}
	age := time.Duration(now.UnixNano() - l.verified.Load())
	if age < renewAfter {
		return l, nil
	}
	if !l.renewing.CompareAndSwap(false, true) && age < trustFor {
		return l, nil
	}
	t.mu.Lock()
	t.drop(id, l) // make finds none, or a successor
	t.mu.Unlock()
	return t.make(ctx, id, to.Connect, to.Read)
}

// Select changes the database; a *Refusal is Redis's answer.
func (s *Session) Select(ctx context.Context, db int, to Timeouts) error {
	if db == s.id.db && s.own == nil {
		return nil
	}
	id := s.id
	id.db = db
	l, err := s.t.make(ctx, id, to.Connect, to.Read)
	if err == nil {
		s.id, s.shared = id, l
	}
	return err
}

// Pin gives the session a connection of its own, if it has none.
func (s *Session) Pin(ctx context.Context, to Timeouts) error {
	if s.own != nil {
		return nil
	}
	if s.lost || s.shared != nil && !s.shared.alive(time.Now()) {
		return ErrClosed
	}
	l, err := s.t.open(ctx, s.id, to.Connect, to.Read)
	if err != nil {
		return err
	}
	s.own, s.shared = l, nil
	return nil
}

// Result holds the replies to a request.
type Result = call

// Replies are the replies in order, valid until Release.
func (c *call) Replies() []Reply { return c.replies }

// Release gives the result back; it must be called once.
func (c *call) Release() { c.release() }

// Do runs commands without state and waits for all replies. After a timeout
// the session is closed.
func (s *Session) Do(ctx context.Context, q *Request, to Timeouts) (*Result, error) {
	if s.lost {
		return nil, ErrClosed
	}
	for {
		l := s.shared
		if l == nil {
			var err error
			if l, err = s.t.fresh(ctx, s.id, to); err != nil {
				return nil, err
			}
			s.shared = l
		}
		c, err := l.do(ctx, q, to.Read)
		if err == errAbandoned {
			s.shared = nil // nothing was sent
			continue
		}
		s.lost = err == ErrTimeout || err != nil && err == ctx.Err()
		return c, err
	}
}

// Send writes commands on the session's own connection.
func (s *Session) Send(q *Request, to Timeouts) error { return s.own.send(q, to.Send) }

// Receive reads one reply from the session's own connection. After a timeout
// the connection is usable.
func (s *Session) Receive(ctx context.Context, to Timeouts) (Reply, error) {
	return s.own.receive(ctx, to.Read)
}

// Unread reports whether the session's own connection holds data that nobody
// has read.
func (s *Session) Unread() bool { return s.own != nil && s.own.unread() }

// Closer returns what closes the session's own connection, from any goroutine.
func (s *Session) Closer() func() { return s.own.close }

// Close ends the session.
func (s *Session) Close() {
	if s.own != nil {
		s.own.close()
	}
	*s = Session{}
}

// Alive reports whether the session, which lies in a pool, can be used.
func (s *Session) Alive() bool {
	now := time.Now()
	switch {
	case s.own != nil:
		return s.own.alive(now) && s.own.quiet()
	case s.lost:
		return false
	case s.shared != nil:
		return s.shared.alive(now)
	}
	return s.t.reachable(now)
}

// Hold keeps the session's connection from being closed as idle until then.
func (s *Session) Hold(until time.Time) {
	if l := s.shared; l != nil {
		l.mu.Lock()
		if until.After(l.held) {
			l.held = until
		}
		l.mu.Unlock()
	}
}
