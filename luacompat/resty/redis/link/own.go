package link

import (
	"context"
	"time"
)

// writeLimit ends a write to a peer that reads nothing.
const writeLimit = 30 * time.Second

// own is what a link has whose replies are a stream that one session reads.
type own struct {
	got     []Reply // not yet received
	bad     error   // comes behind them
	owed    int     // replies that go-redis is to read
	reading bool    // of a reply that no command asked for
	news    chan struct{}
}

// stream puts a call's replies where receive finds them. l.mu is held.
func (l *link) stream(c *call) {
	l.owed -= c.q.Len()
	if c.mute {
		l.reading = false
	}
	err := c.err
	if err == nil {
		err = c.parse()
	}
	l.got = append(l.got, c.replies...)
	if err != nil && l.bad == nil {
		l.bad = err
	}
	c.release()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// send sends commands on a link that one session owns.
func (l *link) send(q *Request, limit time.Duration) error {
	l.mu.Lock()
	if l.reading && l.err == nil {
		l.used = time.Now()
		l.mu.Unlock()
		return l.sendAside(q, limit)
	}
	defer l.mu.Unlock()
	return l.stand(q, false)
}

// stand queues a call whose replies are for the session. l.mu is held.
func (l *link) stand(q *Request, mute bool) error {
	if l.err != nil {
		return l.err
	}
	if l.news == nil {
		l.news = make(chan struct{}, 1)
	}
	l.used = time.Now()
	c := newCall(q)
	c.stream, c.mute = true, mute
	l.owed += c.q.Len()
	l.reading = l.reading || mute
	l.enqueue(c)
	return nil
}

// sendAside sends commands while the worker waits for a message. Their replies
// are the worker's to read.
func (l *link) sendAside(q *Request, limit time.Duration) error {
	w := &wire{Conn: l.conn, deaf: true}
	c := newClient(w)
	defer c.close()
	r := newCall(q)
	defer r.release()
	l.conn.SetWriteDeadline(time.Now().Add(max(limit, writeLimit)))
	c.run(r.q.cmds)
	l.conn.SetWriteDeadline(time.Time{})
	if err := w.failed(); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.fail(err)
		return l.err
	}
	return nil
}

// receive takes one reply on a link that one session owns. After a timeout
// the link is usable.
func (l *link) receive(ctx context.Context, limit time.Duration) (Reply, error) {
	start := time.Now()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		l.mu.Lock()
		if len(l.got) > 0 {
			r := l.got[0]
			l.got[0] = Reply{}
			if l.got = l.got[1:]; len(l.got) == 0 {
				l.got = nil
			}
			l.mu.Unlock()
			return r, nil
		}
		if err := l.bad; err != nil {
			l.bad = nil
			l.mu.Unlock()
			return Reply{}, err
		}
		if l.owed == 0 {
			q := new(Request)
			q.Command("receive") // never sent
			if err := l.stand(q, true); err != nil {
				l.mu.Unlock()
				return Reply{}, err
			}
		}
		news := l.news
		l.mu.Unlock()
		select {
		case <-news:
		case <-timer.C:
			// Pieces of a reply renew the time.
			if last := l.wire.last(); last.After(start) {
				if left := time.Until(last.Add(limit)); left > 0 {
					timer.Reset(left)
					continue
				}
			}
			return Reply{}, ErrTimeout
		case <-ctx.Done():
			return Reply{}, ctx.Err()
		}
	}
}

// quiet reports whether nothing is to be read.
func (l *link) quiet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.got) == 0 && l.owed == 0
}

// unread reports whether replies have come that nobody has taken.
func (l *link) unread() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.got) > 0
}
