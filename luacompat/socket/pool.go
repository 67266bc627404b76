package socket

import (
	"io"
	"net"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// pool is the connections of one name that wait to be used again.
type pool struct {
	m           *module
	name        string
	size        int
	backlog     int         // -1: connects are not limited
	idle        []*idleConn // the latest last
	connections int
	waiting     []chan struct{}
}

type idleConn struct {
	conn   net.Conn
	reused int
	tls    *handshaken
	timer  *time.Timer
	track  Tracked
}

// close ends an idle connection.
func (e *idleConn) close() {
	if e.timer != nil {
		e.timer.Stop()
	}
	e.track.Remove()
	e.conn.Close()
}

func (m *module) newPool(name string, size, backlog int) *pool {
	p := &pool{m: m, name: name, size: size, backlog: backlog}
	m.pools[name] = p
	return p
}

// full reports whether a connect has to queue.
func (p *pool) full() bool { return p.backlog >= 0 && p.connections >= p.size }

// take gets the connection that was put back last and still lives.
func (p *pool) take() (*idleConn, bool) {
	for n := len(p.idle); n > 0; n = len(p.idle) {
		e := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		if (e.timer == nil || e.timer.Stop()) && quiet(e.conn) {
			e.track.Remove()
			return e, true
		}
		e.close()
		p.release()
	}
	return nil, false
}

// put puts a connection back; the one that waits longest makes room.
func (p *pool) put(e *idleConn, idle time.Duration) {
	conn := e.conn
	e.track.Close = func() { conn.Close() }
	p.m.env.Idle.Add(&e.track)
	if idle > 0 {
		e.timer = time.AfterFunc(idle, e.track.Close)
	}
	if len(p.idle) >= p.size {
		p.idle[0].close()
		p.connections--
		copy(p.idle, p.idle[1:])
		p.idle[len(p.idle)-1] = e
	} else {
		p.idle = append(p.idle, e)
	}
	p.wake()
}

// release counts a connection that ended.
func (p *pool) release() {
	if p.connections > 0 {
		p.connections--
	}
	p.wake()
}

// wake lets the first waiting connect go on.
func (p *pool) wake() {
	if len(p.waiting) > 0 {
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}

// queue waits for a connection of a full pool; false is a timeout.
func (s *tcp) queue(p *pool, conf *Conf) bool {
	ch := make(chan struct{})
	p.waiting = append(p.waiting, ch)
	t := s.m.vm.Cur()
	s.connecting = true
	ok := true
	s.m.vm.BlockNoKill(func() {
		timer := time.NewTimer(conf.Connect)
		defer timer.Stop()
		select {
		case <-ch:
		case <-timer.C:
			ok = false
		case <-t.Ctx.Done():
			ok = false
		}
	})
	s.connecting = false
	if !ok {
		woken := true
		for i, w := range p.waiting {
			if w == ch {
				p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
				woken = false
				break
			}
		}
		if woken {
			p.wake() // it was this one's turn; the next takes it
		}
	}
	s.left(t)
	return ok
}

func (e *Env) logQueued(t *vm.Task, c *Conf, addr string) {
	if c.LogErrors && e.Log != nil {
		e.Log(t, logErr, "lua tcp socket queued connect timed out, when trying to connect to "+addr)
	}
}

// setKeepalive is tcpsock:setkeepalive(timeout, size).
//
// See: https://github.com/openresty/lua-nginx-module#tcpsocksetkeepalive
func (s *tcp) setKeepalive(L *lua.LState) int {
	n := L.GetTop()
	if n > 3 {
		return s.m.raise(L, "expecting 1 to 3 arguments (including the object), but got %d", n)
	}
	if s.dialing.Load() {
		return s.busy(L, true, true)
	}
	if s.conn == nil || s.readClosed || s.writeClosed {
		return fail(L, "closed")
	}
	s.own(L)
	if r := s.busy(L, true, true); r > 0 {
		return r
	}
	if len(s.in.buffered()) > 0 {
		return fail(L, "unread data in buffer")
	}
	switch state, err := peekConn(s.conn); {
	case err != nil:
		s.hangUp()
		return fail(L, "closed")
	case state > 0:
		s.hangUp()
		return fail(L, "connection in dubious state")
	}
	conf := s.conf()
	idle := conf.Keepalive
	if v := L.Get(2); v != lua.LNil {
		f, ok := number(v)
		if !ok {
			return vm.ArgError(L, 2, "setkeepalive", "number expected, got "+typeName(L, 2))
		}
		idle = time.Duration(max(int64(f), 0)) * time.Millisecond
	}
	p := s.m.pools[s.key]
	if p == nil {
		size := conf.PoolSize
		if v := L.Get(3); v != lua.LNil {
			f, ok := number(v)
			if !ok {
				return vm.ArgError(L, 3, "setkeepalive", "number expected, got "+typeName(L, 3))
			}
			size = int(f)
		}
		if size <= 0 {
			return vm.ArgError(L, n, "setkeepalive", `bad "pool_size" option value: `+lua.LNumber(size).String())
		}
		p = s.m.newPool(s.key, size, -1)
	}
	if s.pool == nil {
		p.connections++
	}
	e := &idleConn{conn: s.conn, reused: s.reused + 1, tls: s.tls}
	s.track.Remove()
	s.conn.SetDeadline(time.Time{})
	s.detach()
	s.pool, s.tls = nil, nil
	p.put(e, idle)
	return succeed(L)
}

// quiet reports whether an idle connection lives and has sent nothing.
func quiet(c net.Conn) bool {
	n, err := peekConn(c)
	return n == 0 && err == nil
}

// peekConn tells what waits to be read: 0 nothing, 1 something; an error when
// the peer has closed.
func peekConn(c net.Conn) (int, error) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return probe(c)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n int
	var serr error
	if err := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, serr = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}); err != nil {
		return 0, err
	}
	switch {
	case serr == syscall.EAGAIN || serr == syscall.EINTR:
		return 0, nil
	case serr != nil:
		return 0, serr
	case n == 0:
		return 0, io.EOF
	}
	return 1, nil
}

// probe asks a connection without a file descriptor by reading.
func probe(c net.Conn) (int, error) {
	c.SetReadDeadline(time.Unix(1, 0))
	defer c.SetReadDeadline(time.Time{})
	var b [1]byte
	n, err := c.Read(b[:])
	if n == 0 && Words(err) == "timeout" {
		err = nil
	}
	return n, err
}
