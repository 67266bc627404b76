package upstream

import (
	"sync"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/netconn"
)

// Defaults of an upstream block in nginx 1.30.
const (
	defaultKeepalive         = 32
	defaultKeepaliveRequests = 1000
	defaultKeepaliveTime     = time.Hour
	defaultKeepaliveTimeout  = time.Minute
)

// Key says which connections may stand for one another: those to the same
// address, opened with the same settings. Name is what differs between
// requests (TLS server name, bound address), Tag what differs between
// locations (proxy_ssl_*); both are empty for plain HTTP.
//
// nginx parts connections by location instead (`keepalive 32 local`, the
// default since 1.29.7), or by address alone (`keepalive n`), which may mix
// up TLS settings. Parting by settings keeps its promise with fewer
// connections, and they survive a reload.
type Key struct {
	Addr, Name, Tag string
}

// Pool keeps idle connections of a group: the latest used first, and when
// there are too many, the one idle longest is closed. Every idle connection
// is watched, and dropped as soon as anything happens on it.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive
type Pool struct {
	mu    sync.Mutex
	byKey map[Key]*idleConn // the latest of each key
	lru   idleConn          // ring over all; next is the latest
	count int
	users int
	timer *time.Timer
	armed bool

	max      int
	requests int
	life     time.Duration
	timeout  time.Duration
	now      func() time.Time
}

// idleConn is a connection's place in its pool; it lives as long as the
// connection does, so that returning one allocates nothing.
type idleConn struct {
	pool       *Pool
	conn       *netconn.Conn
	key        Key
	idle, dead bool
	since      time.Time
	prev, next *idleConn // in the ring
	older      *idleConn // below it in its key's stack
	newer      *idleConn
	onEvent    func()
}

// poolFor makes the pool of an upstream, or takes over the old one's.
// Implicit upstreams and those with `keepalive 0` have none, as in nginx.
func poolFor(u *nginxconf.Upstream, o Options, old *Group, same bool) *Pool {
	n := defaultKeepalive
	if u.Keepalive.Set {
		n = u.Keepalive.V
	}
	if n == 0 || u.Implicit {
		return nil
	}
	orElse := func(v nginxconf.Opt[time.Duration], d time.Duration) time.Duration {
		if v.Set {
			return v.V
		}
		return d
	}
	requests := defaultKeepaliveRequests
	if u.KeepaliveRequests.Set {
		requests = u.KeepaliveRequests.V
	}
	life := orElse(u.KeepaliveTime, defaultKeepaliveTime)
	timeout := orElse(u.KeepaliveTimeout, defaultKeepaliveTimeout)
	if same && old.Pool != nil && old.Pool.adopt(n*o.Workers, requests, life, timeout) {
		return old.Pool
	}
	return newPool(n*o.Workers, requests, life, timeout, o.Now)
}

func newPool(limit, requests int, life, timeout time.Duration, now func() time.Time) *Pool {
	p := &Pool{byKey: map[Key]*idleConn{}, users: 1, max: limit, requests: requests, life: life, timeout: timeout, now: now}
	p.lru.prev, p.lru.next = &p.lru, &p.lru
	return p
}

// adopt lets one more group use the pool, under its own limits.
func (p *Pool) adopt(limit, requests int, life, timeout time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users == 0 {
		return false
	}
	p.users++
	p.max, p.requests, p.life, p.timeout = limit, requests, life, timeout
	return true
}

// release gives the pool up; the last user's release closes what is idle.
func (p *Pool) release() {
	p.mu.Lock()
	p.users--
	var dead []*netconn.Conn
	if p.users == 0 {
		for p.count > 0 {
			it := p.lru.prev
			p.unlink(it)
			dead = append(dead, it.conn)
		}
		if p.timer != nil {
			p.timer.Stop()
		}
	}
	p.mu.Unlock()
	for _, c := range dead {
		c.ClearEvent()
		c.Close()
	}
}

// Get takes the latest used idle connection of a key; nil: there is none.
func (p *Pool) Get(key Key) *netconn.Conn {
	for {
		p.mu.Lock()
		it := p.byKey[key]
		if it == nil {
			p.mu.Unlock()
			return nil
		}
		p.unlink(it)
		p.mu.Unlock()
		if it.conn.ClearEvent() {
			return it.conn
		}
		it.conn.Close()
	}
}

// Put keeps a connection after a response that left it in order. It counts
// the request, and closes the connection when it has served enough of them
// or for long enough.
func (p *Pool) Put(c *netconn.Conn, key Key) {
	c.Requests++
	now := p.now()
	it, _ := c.Data.(*idleConn)
	if it == nil || it.pool != p {
		it = &idleConn{pool: p, conn: c}
		it.onEvent = it.event
		c.Data = it
	}
	// Watched before anybody can take it: an event in between is remembered.
	c.OnEvent(it.onEvent)
	p.mu.Lock()
	if it.dead || p.users == 0 || c.Requests >= p.requests || now.Sub(c.Created) > p.life {
		p.mu.Unlock()
		c.ClearEvent()
		c.Close()
		return
	}
	var oldest *netconn.Conn
	if p.count >= p.max {
		last := p.lru.prev
		p.unlink(last)
		oldest = last.conn
	}
	it.key, it.since = key, now
	p.link(it)
	if !p.armed {
		p.arm(p.timeout)
	}
	p.mu.Unlock()
	if oldest != nil {
		oldest.ClearEvent()
		oldest.Close()
	}
}

// event is called when anything happens on an idle connection.
func (it *idleConn) event() {
	p := it.pool
	p.mu.Lock()
	it.dead = true
	if !it.idle {
		// It is on its way in or out; Put looks at dead, Get at ClearEvent.
		p.mu.Unlock()
		return
	}
	p.unlink(it)
	p.mu.Unlock()
	it.conn.Close()
}

func (p *Pool) link(it *idleConn) {
	it.idle = true
	it.next, it.prev = p.lru.next, &p.lru
	it.next.prev, p.lru.next = it, it
	if it.older = p.byKey[it.key]; it.older != nil {
		it.older.newer = it
	}
	p.byKey[it.key] = it
	p.count++
}

func (p *Pool) unlink(it *idleConn) {
	it.idle = false
	it.prev.next, it.next.prev = it.next, it.prev
	if it.older != nil {
		it.older.newer = it.newer
	}
	switch {
	case it.newer != nil:
		it.newer.older = it.older
	case it.older != nil:
		p.byKey[it.key] = it.older
	default:
		delete(p.byKey, it.key)
	}
	it.prev, it.next, it.older, it.newer = nil, nil, nil, nil
	p.count--
}

// arm sets the one timer of the pool. It is only moved when it fires: the
// connection idle longest is always the next to expire.
func (p *Pool) arm(d time.Duration) {
	p.armed = true
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.expire)
		return
	}
	p.timer.Reset(d)
}

func (p *Pool) expire() {
	now := p.now()
	var dead []*netconn.Conn
	p.mu.Lock()
	p.armed = false
	for p.count > 0 && p.users > 0 {
		it := p.lru.prev
		if left := p.timeout - now.Sub(it.since); left > 0 {
			p.arm(left)
			break
		}
		p.unlink(it)
		dead = append(dead, it.conn)
	}
	p.mu.Unlock()
	for _, c := range dead {
		c.ClearEvent()
		c.Close()
	}
}

// Idle is the number of idle connections.
func (p *Pool) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}
