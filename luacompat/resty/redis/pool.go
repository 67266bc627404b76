package redis

import (
	"time"

	"huidu/luacompat/resty/redis/link"
	"huidu/luacompat/socket"
)

// pool is the connections that set_keepalive put aside under one name.
type pool struct {
	size int     // fixed by the first who used it
	idle []entry // the latest last
}

type entry struct {
	s       link.Session
	reused  int
	expires time.Time   // zero: never
	timer   *time.Timer // closes a connection of the entry's own
	track   *socket.Tracked
}

// keep puts a connection into a pool. The one that waits longest makes room.
func (m *module) keep(name string, size int, idle time.Duration, e entry) {
	p := m.pools[name]
	if p == nil {
		p = &pool{size: size}
		m.pools[name] = p
	}
	if !e.s.Alive() {
		e.s.Close()
		return
	}
	if e.s.Pinned() {
		e.track = &socket.Tracked{Close: e.s.Closer()}
		m.env.Idle.Add(e.track)
	}
	if idle > 0 {
		e.expires = time.Now().Add(idle)
		if e.s.Pinned() {
			e.timer = time.AfterFunc(idle, e.s.Closer())
		}
		e.s.Hold(e.expires)
	} else {
		e.s.Hold(time.Now().Add(24 * time.Hour))
	}
	if len(p.idle) >= p.size {
		p.idle[0].close()
		copy(p.idle, p.idle[1:])
		p.idle[len(p.idle)-1] = e
		return
	}
	p.idle = append(p.idle, e)
}

// take gets the connection that was put back last and still lives.
func (m *module) take(name string) (entry, bool) {
	p := m.pools[name]
	if p == nil {
		return entry{}, false
	}
	for n := len(p.idle); n > 0; n = len(p.idle) {
		e := p.idle[n-1]
		p.idle[n-1] = entry{}
		p.idle = p.idle[:n-1]
		if (e.expires.IsZero() || time.Now().Before(e.expires)) && e.s.Alive() {
			e.leave()
			return e, true
		}
		e.close()
	}
	return entry{}, false
}

// leave ends what the pool does about the entry.
func (e *entry) leave() {
	if e.timer != nil {
		e.timer.Stop()
	}
	if e.track != nil {
		e.track.Remove()
	}
}

func (e *entry) close() {
	e.leave()
	e.s.Close()
}
