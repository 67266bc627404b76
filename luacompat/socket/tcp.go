package socket

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

type sort uint8

const (
	plain   sort = iota // made by ngx.socket.tcp
	body                // ngx.req.socket(): the request body
	rawConn             // ngx.req.socket(true): the client's connection
)

// tcp is a stream socket: TCP, a unix domain socket, or the client's.
type tcp struct {
	m    *module
	ud   lua.LUserData
	kind sort
	conn net.Conn // nil: not connected
	in   input

	connecting, reading, writing bool
	readClosed, writeClosed      bool
	// Until the name is resolved, a socket that connects has no connection.
	dialing atomic.Bool

	// Timeouts that the script set; 0 takes the location's.
	connectLimit, sendLimit time.Duration
	// A read that is under way takes a new limit for its next part.
	readLimit atomic.Int64

	owner      *Set // of the request that it was connected in
	local      net.Addr
	key        string // the pool's name
	pool       *pool  // counts the connection, when not nil
	reused     int
	tls        *handshaken
	clientCert *tls.Certificate // setclientcert
	track      Tracked
	dead       atomic.Bool // the request that it was connected in has ended
}

// newTCP is ngx.socket.tcp().
//
// See: https://github.com/openresty/lua-nginx-module#ngxsockettcp
func (m *module) newTCP(L *lua.LState) int {
	m.check(L)
	if n := L.GetTop(); n != 0 {
		return m.raise(L, "expecting zero arguments, but got %d", n)
	}
	s := &tcp{m: m}
	L.Push(object(L, &s.ud, s, m.tcpMT))
	return 1
}

// connect is ngx.socket.connect(host, port): tcp() and connect in one.
//
// See: https://github.com/openresty/lua-nginx-module#ngxsocketconnect
func (m *module) connect(L *lua.LState) int {
	m.check(L)
	s := &tcp{m: m}
	t := object(L, &s.ud, s, m.tcpMT)
	L.Insert(t, 1)
	n := s.connect(L)
	if n == 1 {
		L.Push(t)
	}
	return n
}

func (m *module) check(L *lua.LState) {
	if m.env.Check != nil {
		m.env.Check(L, m.vm.Cur())
	}
}

func (m *module) set() *Set {
	if m.env.Open == nil {
		return nil
	}
	return m.env.Open(m.vm.Cur())
}

// conf is the location's settings with the script's timeouts.
func (s *tcp) conf() Conf {
	c := s.m.env.Conf(s.m.vm.Cur())
	if s.connectLimit > 0 {
		c.Connect = s.connectLimit
	}
	if s.sendLimit > 0 {
		c.Send = s.sendLimit
	}
	if d := s.readLimit.Load(); d > 0 {
		c.Read = time.Duration(d)
	}
	return c
}

// setTimeout is tcpsock:settimeout(ms).
//
// See: https://github.com/openresty/lua-nginx-module#tcpsocksettimeout
func (s *tcp) setTimeout(L *lua.LState) int {
	if n := L.GetTop(); n != 2 {
		return s.m.raise(L, "ngx.socket settimeout: expecting 2 arguments (including the object) but seen %d", n)
	}
	if !m31(L, 2) {
		return s.m.raise(L, "bad timeout value")
	}
	d := milliseconds(L.Get(2))
	s.connectLimit, s.sendLimit = d, d
	s.readLimit.Store(int64(d))
	return 0
}

// setTimeouts is tcpsock:settimeouts(connect, send, read).
//
// See: https://github.com/openresty/lua-nginx-module#tcpsocksettimeouts
func (s *tcp) setTimeouts(L *lua.LState) int {
	if n := L.GetTop(); n != 4 {
		return s.m.raise(L, "ngx.socket settimeout: expecting 4 arguments (including the object) but seen %d", n)
	}
	for i := 2; i <= 4; i++ {
		if !m31(L, i) {
			return s.m.raise(L, "bad timeout value")
		}
	}
	s.connectLimit, s.sendLimit = milliseconds(L.Get(2)), milliseconds(L.Get(3))
	s.readLimit.Store(int64(milliseconds(L.Get(4))))
	return 0
}

// m31 reports whether argument n, as milliseconds, fits into 31 bits.
func m31(L *lua.LState, n int) bool {
	f, _ := number(L.Get(n))
	return int64(f)>>31 == 0
}

// busy answers for a socket that another thread uses; 0 when it is free.
func (s *tcp) busy(L *lua.LState, reading, writing bool) int {
	switch {
	case s.connecting:
		return fail(L, "socket busy connecting")
	case reading && s.reading:
		return fail(L, "socket busy reading")
	case writing && s.writing:
		return fail(L, "socket busy writing")
	}
	return 0
}

// own raises an error when the socket belongs to another request.
func (s *tcp) own(L *lua.LState) {
	if set := s.m.set(); s.owner != nil && set != s.owner {
		s.m.raise(L, "bad request")
	}
}

// bind is tcpsock:bind(address).
//
// See: https://github.com/openresty/lua-nginx-module#tcpsockbind
func (s *tcp) bind(L *lua.LState) int {
	if n := L.GetTop(); n != 2 {
		return s.m.raise(L, "expecting 2 arguments, but got %d", n)
	}
	text, _ := L.Get(2).(lua.LString)
	a, err := netip.ParseAddr(string(text))
	if err != nil {
		return fail(L, "bad address")
	}
	s.local = &net.TCPAddr{IP: a.AsSlice(), Zone: a.Zone()}
	L.Push(lua.LTrue)
	return 1
}

// connect is tcpsock:connect(host, port, options) and
// tcpsock:connect("unix:/path", options).
//
// See: https://github.com/openresty/lua-nginx-module#tcpsockconnect
func (s *tcp) connect(L *lua.LState) int {
	n := L.GetTop()
	if n < 2 || n > 4 {
		return s.m.raise(L, "ngx.socket connect: expecting 2, 3, or 4 arguments (including the object), but seen %d", n)
	}
	s.m.check(L)
	host, ok := L.Get(2).(lua.LString)
	if !ok {
		if x, isNum := L.Get(2).(lua.LNumber); isNum {
			host = lua.LString(x.String())
		} else {
			return vm.ArgError(L, 2, "connect", "string expected, got "+typeName(L, 2))
		}
	}
	conf := s.conf()
	o := connectOptions{backlog: -1}
	if t, ok := L.Get(n).(*lua.LTable); ok {
		if msg := o.read(t, &conf); msg != "" {
			return vm.ArgError(L, n, "connect", msg)
		}
		n--
	}
	network, addr, port := "tcp", "", -1
	if f, ok := number(L.Get(3)); ok && n >= 3 {
		if port = int(f); port < 0 || port > 65535 {
			return fail(L, "bad port number: "+strconv.Itoa(port))
		}
		addr = string(host) + ":" + strconv.Itoa(port)
	}
	if len(host) >= 5 && strings.EqualFold(string(host[:5]), "unix:") {
		network = "unix"
		if port < 0 {
			addr = string(host)
		}
	} else if port < 0 {
		return fail(L, "missing the port number")
	}
	if s.key = o.pool; s.key == "" {
		s.key = addr
	}
	s.own(L)
	if r := s.busy(L, true, true); r > 0 {
		return r
	}
	if s.kind != plain {
		return s.m.raise(L, "attempt to re-connect a request socket")
	}
	s.hangUp()
	s.reused, s.tls = 0, nil
	s.owner = s.m.set()
	p := s.m.pools[s.key]
	if p == nil && o.size > 0 {
		p = s.m.newPool(s.key, o.size, o.backlog)
	}
	if p != nil {
		if e, ok := p.take(); ok {
			s.attach(e.conn, p)
			s.reused, s.tls = e.reused, e.tls
			return succeed(L)
		}
		if p.full() {
			if len(p.waiting) >= p.backlog {
				return fail(L, "too many waiting connect operations")
			}
			if !s.queue(p, &conf) {
				s.m.env.logQueued(s.m.vm.Cur(), &conf, addr)
				return fail(L, "timeout")
			}
			if e, ok := p.take(); ok {
				s.attach(e.conn, p)
				s.reused, s.tls = e.reused, e.tls
				return succeed(L)
			}
		}
		p.connections++
	}
	return s.dial(L, network, string(host), port, &conf, p)
}

// connectOptions is connect's last argument.
type connectOptions struct {
	pool          string
	size, backlog int
}

func (o *connectOptions) read(t *lua.LTable, c *Conf) (bad string) {
	switch v := t.RawGetString("pool_size").(type) {
	case *lua.LNilType:
	default:
		f, ok := number(v)
		if !ok {
			return `bad "pool_size" option type: ` + v.Type().String()
		}
		if o.size = int(f); o.size <= 0 {
			return `bad "pool_size" option value: ` + strconv.Itoa(o.size)
		}
	}
	if f, ok := number(t.RawGetString("backlog")); ok {
		if o.backlog = int(f); o.backlog < 0 {
			return `bad "backlog" option value: ` + strconv.Itoa(o.backlog)
		}
		if o.size == 0 {
			o.size = c.PoolSize
		}
	}
	switch v := t.RawGetString("pool").(type) {
	case *lua.LNilType:
	case lua.LString:
		o.pool = string(v)
	case lua.LNumber:
		o.pool = v.String()
	default:
		return `bad "pool" option type: ` + v.Type().String()
	}
	return ""
}

// dial makes the connection. p, when not nil, counts it.
func (s *tcp) dial(L *lua.LState, network, host string, port int, conf *Conf, p *pool) int {
	t := s.m.vm.Cur()
	ctx := t.Ctx
	s.connecting = true
	var conn net.Conn
	var err error
	var noHost error
	addr := host
	s.m.vm.BlockNoKill(func() {
		if network == "unix" {
			addr = host[len("unix:"):]
		} else if addr, noHost = conf.Address(ctx, host, port); noHost != nil {
			return
		}
		s.dialing.Store(true)
		ctx, cancel := context.WithTimeout(ctx, conf.Connect)
		defer cancel()
		if s.local != nil {
			d := net.Dialer{LocalAddr: s.local}
			conn, err = d.DialContext(ctx, network, addr)
		} else {
			conn, err = s.m.env.Dial(ctx, network, addr)
		}
	})
	s.connecting = false
	s.dialing.Store(false)
	if p != nil && conn == nil {
		p.release()
	}
	if conn != nil {
		s.attach(conn, p)
	}
	if ctx.Err() != nil {
		s.m.vm.Block(func() {}) // leaves: the task was killed
	}
	switch {
	case noHost != nil:
		return fail(L, noHost.Error())
	case err != nil:
		if network == "unix" {
			addr = host
		}
		s.m.env.LogConnect(t, conf, err, addr)
		return fail(L, Words(err))
	}
	return succeed(L)
}

// attach makes conn the socket's connection; p, when not nil, counts it.
func (s *tcp) attach(conn net.Conn, p *pool) {
	s.conn, s.pool = conn, p
	s.in = input{conn: conn}
	s.readClosed, s.writeClosed = false, false
	if s.owner != nil {
		s.track.Close = func() {
			conn.Close()
			s.dead.Store(true)
			if p != nil { // which counts it
				go func() {
					s.m.vm.Lock()
					s.reap()
					s.m.vm.Unlock()
				}()
			}
		}
		s.owner.Add(&s.track)
	}
}

// reap forgets a connection that was closed with its request; the VM's lock is
// held.
func (s *tcp) reap() {
	if s.dead.CompareAndSwap(true, false) {
		s.hangUp()
	}
}

// hangUp closes the connection.
func (s *tcp) hangUp() {
	if s.conn == nil {
		return
	}
	s.track.Remove()
	if s.kind == plain {
		s.conn.Close()
	}
	s.detach()
	if p := s.pool; p != nil {
		s.pool = nil
		p.release()
	}
}

func (s *tcp) detach() {
	s.conn, s.in = nil, input{}
	s.readClosed, s.writeClosed = true, true
}

// closeSocket is tcpsock:close().
//
// See: https://github.com/openresty/lua-nginx-module#tcpsockclose
func (s *tcp) closeSocket(L *lua.LState) int {
	if n := L.GetTop(); n != 1 {
		return s.m.raise(L, "expecting 1 argument (including the object) but seen %d", n)
	}
	if s.dialing.Load() {
		return s.busy(L, true, true)
	}
	if s.conn == nil || s.readClosed && s.writeClosed {
		return fail(L, "closed")
	}
	s.own(L)
	if r := s.busy(L, true, true); r > 0 {
		return r
	}
	if s.kind != plain {
		return fail(L, "attempt to close a request socket")
	}
	s.hangUp()
	return succeed(L)
}

// shutdown is tcpsock:shutdown("send").
func (s *tcp) shutdown(L *lua.LState) int {
	if dir, _ := L.Get(2).(lua.LString); dir != "send" {
		return vm.ArgError(L, 2, "shutdown", "bad shutdown argument: "+L.Get(2).String())
	}
	if s.conn == nil || s.writeClosed {
		return fail(L, "closed")
	}
	s.own(L)
	if r := s.busy(L, false, true); r > 0 {
		return r
	}
	if w, ok := s.conn.(interface{ CloseWrite() error }); ok {
		if err := w.CloseWrite(); err != nil {
			return fail(L, Words(err))
		}
	}
	s.writeClosed = true
	return succeed(L)
}

// reusedTimes is tcpsock:getreusedtimes().
//
// See: https://github.com/openresty/lua-nginx-module#tcpsockgetreusedtimes
func (s *tcp) reusedTimes(L *lua.LState) int {
	if n := L.GetTop(); n != 1 {
		return s.m.raise(L, "expecting 1 argument (including the object), but got %d", n)
	}
	if !s.dialing.Load() && (s.conn == nil || s.readClosed && s.writeClosed) {
		return fail(L, "closed")
	}
	L.Push(lua.LNumber(s.reused))
	return 1
}
