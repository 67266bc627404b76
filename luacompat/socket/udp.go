package socket

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// maxDatagram is the most that receive returns.
const maxDatagram = 65536

// udp is a datagram socket, connected to its peer.
type udp struct {
	m     *module
	ud    lua.LUserData
	conn  net.Conn
	limit time.Duration
	busy  bool
	owner *Set
	local net.Addr
	track Tracked
	dead  atomic.Bool // the request that it was connected in has ended
}

func (m *module) openUDP(L *lua.LState) *lua.LTable {
	t := L.CreateTable(0, 8)
	for name, fn := range map[string]func(*udp, *lua.LState) int{
		"setpeername": (*udp).setPeerName, "send": (*udp).send, "receive": (*udp).receive,
		"close": (*udp).closeSocket, "settimeout": (*udp).setTimeout, "bind": (*udp).bind,
	} {
		t.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			if t, ok := L.Get(1).(*lua.LTable); ok {
				if ud, ok := t.RawGetInt(1).(*lua.LUserData); ok {
					if s, ok := ud.Value.(*udp); ok {
						if s.dead.CompareAndSwap(true, false) {
							s.hangUp()
						}
						return fn(s, L)
					}
				}
			}
			return m.raise(L, "bad argument #1 to '%s' (table expected, got %s)", name, typeName(L, 1))
		}))
	}
	mt := L.CreateTable(0, 1)
	mt.RawSetString("__index", t)
	return mt
}

// newUDP is ngx.socket.udp().
//
// See: https://github.com/openresty/lua-nginx-module#ngxsocketudp
func (m *module) newUDP(L *lua.LState) int {
	m.check(L)
	if n := L.GetTop(); n != 0 {
		return m.raise(L, "expecting zero arguments, but got %d", n)
	}
	s := &udp{m: m}
	L.Push(object(L, &s.ud, s, m.udpMT))
	return 1
}

// own raises an error when the socket belongs to another request.
func (s *udp) own(L *lua.LState) {
	if set := s.m.set(); s.owner != nil && set != s.owner {
		s.m.raise(L, "bad request")
	}
}

// setTimeout is udpsock:settimeout(ms).
func (s *udp) setTimeout(L *lua.LState) int {
	if n := L.GetTop(); n < 2 {
		return s.m.raise(L, "ngx.socket settimeout: expecting at least 2 arguments (including the object), but seen %d", n)
	}
	s.limit = milliseconds(L.Get(2))
	return 0
}

// bind is udpsock:bind(address).
func (s *udp) bind(L *lua.LState) int {
	text, _ := L.Get(2).(lua.LString)
	ip := net.ParseIP(string(text))
	if ip == nil {
		return fail(L, "bad address")
	}
	s.local = &net.UDPAddr{IP: ip}
	L.Push(lua.LTrue)
	return 1
}

// setPeerName is udpsock:setpeername(host, port) and
// udpsock:setpeername("unix:/path").
//
// See: https://github.com/openresty/lua-nginx-module#udpsocksetpeername
func (s *udp) setPeerName(L *lua.LState) int {
	n := L.GetTop()
	if n != 2 && n != 3 {
		return s.m.raise(L, "ngx.socket.udp setpeername: expecting 2 or 3 arguments (including the object), but seen %d", n)
	}
	host, ok := L.Get(2).(lua.LString)
	if !ok {
		return vm.ArgError(L, 2, "setpeername", "string expected, got "+typeName(L, 2))
	}
	port, network := 0, "udp"
	if n == 3 {
		f, ok := number(L.Get(3))
		if !ok {
			return vm.ArgError(L, 3, "setpeername", "number expected, got "+typeName(L, 3))
		}
		if port = int(f); port < 0 || port > 65535 {
			return fail(L, "bad port number: "+strconv.Itoa(port))
		}
	} else if strings.HasPrefix(string(host), "unix:") {
		network = "unixgram"
	}
	s.own(L)
	if s.busy {
		return fail(L, "socket busy")
	}
	s.hangUp()
	s.owner = s.m.set()
	conf := s.m.env.Conf(s.m.vm.Cur())
	ctx := s.m.vm.Cur().Ctx
	var err, noHost error
	var conn net.Conn
	s.m.vm.Block(func() {
		addr := strings.TrimPrefix(string(host), "unix:")
		if network == "udp" {
			if addr, noHost = conf.Address(ctx, string(host), port); noHost != nil {
				return
			}
		}
		ctx, cancel := context.WithTimeout(ctx, conf.Connect)
		defer cancel()
		if s.local != nil {
			d := net.Dialer{LocalAddr: s.local}
			conn, err = d.DialContext(ctx, network, addr)
		} else {
			conn, err = s.m.env.Dial(ctx, network, addr)
		}
	})
	switch {
	case noHost != nil:
		return fail(L, noHost.Error())
	case err != nil:
		return fail(L, Words(err))
	}
	s.conn = conn
	if s.owner != nil {
		s.track.Close = func() {
			conn.Close()
			s.dead.Store(true)
		}
		s.owner.Add(&s.track)
	}
	return succeed(L)
}

func (s *udp) hangUp() {
	if s.conn != nil {
		s.track.Remove()
		s.conn.Close()
		s.conn = nil
	}
}

// send is udpsock:send(data).
//
// See: https://github.com/openresty/lua-nginx-module#udpsocksend
func (s *udp) send(L *lua.LState) int {
	if n := L.GetTop(); n != 2 {
		return s.m.raise(L, "expecting 2 arguments (including the object), but got %d", n)
	}
	if s.conn == nil {
		return fail(L, "closed")
	}
	s.own(L)
	if s.busy {
		return fail(L, "socket busy")
	}
	b, str, ok := s.m.payload(L, 2)
	if !ok {
		return 0
	}
	if b == nil {
		b = []byte(str)
	}
	if _, err := s.conn.Write(b); err != nil {
		return fail(L, Words(err))
	}
	return succeed(L)
}

// receive is udpsock:receive(size).
//
// See: https://github.com/openresty/lua-nginx-module#udpsockreceive
func (s *udp) receive(L *lua.LState) int {
	n := L.GetTop()
	if n > 2 {
		return s.m.raise(L, "expecting 1 or 2 arguments (including the object), but got %d", n)
	}
	if s.conn == nil {
		return fail(L, "closed")
	}
	s.own(L)
	if s.busy {
		return fail(L, "socket busy")
	}
	size := maxDatagram
	if f, ok := number(L.Get(2)); ok && f > 0 {
		size = min(int(f), size)
	}
	t := s.m.vm.Cur()
	conf := s.m.env.Conf(t)
	if s.limit > 0 {
		conf.Read = s.limit
	}
	conn := s.conn
	var err error
	var got int
	buf := make([]byte, size)
	s.busy = true
	stop := context.AfterFunc(t.Ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	s.m.vm.BlockNoKill(func() {
		conn.SetReadDeadline(time.Now().Add(conf.Read))
		got, err = conn.Read(buf)
	})
	stop()
	s.busy = false
	if t.Ctx.Err() != nil {
		s.m.vm.Block(func() {})
	}
	if err != nil {
		if w := Words(err); w == "timeout" && conf.LogErrors && s.m.env.Log != nil {
			s.m.env.Log(t, logErr, "lua udp socket read timed out")
		}
		return fail(L, Words(err))
	}
	L.Push(lua.LString(buf[:got]))
	return 1
}

// closeSocket is udpsock:close().
//
// See: https://github.com/openresty/lua-nginx-module#udpsockclose
func (s *udp) closeSocket(L *lua.LState) int {
	if n := L.GetTop(); n != 1 {
		return s.m.raise(L, "expecting 1 argument (including the object) but seen %d", n)
	}
	if s.conn == nil {
		return fail(L, "closed")
	}
	s.own(L)
	if s.busy {
		return fail(L, "socket busy")
	}
	s.hangUp()
	return succeed(L)
}
