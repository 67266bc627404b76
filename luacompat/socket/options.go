package socket

import (
	"net"
	"syscall"

	lua "github.com/yuin/gopher-lua"
)

// socketOptions are the options by the names of setoption.
var socketOptions = map[string][2]int{
	"keepalive":   {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE},
	"reuseaddr":   {syscall.SOL_SOCKET, syscall.SO_REUSEADDR},
	"tcp-nodelay": {syscall.IPPROTO_TCP, syscall.TCP_NODELAY},
	"sndbuf":      {syscall.SOL_SOCKET, syscall.SO_SNDBUF},
	"rcvbuf":      {syscall.SOL_SOCKET, syscall.SO_RCVBUF},
}

// option finds the option that argument 2 names; a message when it cannot.
func (s *tcp) option(L *lua.LState) (o [2]int, bad string) {
	if L.Get(2) == lua.LNil {
		return o, `missing the "option" argument`
	}
	name, _ := L.Get(2).(lua.LString)
	o, ok := socketOptions[string(name)]
	if !ok {
		return o, "unsupported option " + L.Get(2).String()
	}
	if s.conn == nil {
		return o, "closed"
	}
	return o, ""
}

// setOption is tcpsock:setoption(option, value).
//
// See: https://github.com/openresty/lua-nginx-module#tcpsocksetoption
func (s *tcp) setOption(L *lua.LState) int {
	o, bad := s.option(L)
	if bad == "" && L.Get(3) == lua.LNil {
		bad = `missing the "value" argument`
	}
	if bad != "" {
		return fail(L, bad)
	}
	value := 0
	switch v := L.Get(3).(type) {
	case lua.LBool:
		if v {
			value = 1
		}
	default:
		f, _ := number(v)
		value = int(f)
	}
	if err := control(s.conn, func(fd int) error { return syscall.SetsockoptInt(fd, o[0], o[1], value) }); err != nil {
		return fail(L, Words(err))
	}
	L.Push(lua.LTrue)
	return 1
}

// getOption is tcpsock:getoption(option).
func (s *tcp) getOption(L *lua.LState) int {
	o, bad := s.option(L)
	if bad != "" {
		return fail(L, bad)
	}
	value := 0
	if err := control(s.conn, func(fd int) (err error) {
		value, err = syscall.GetsockoptInt(fd, o[0], o[1])
		return err
	}); err != nil {
		return fail(L, Words(err))
	}
	L.Push(lua.LNumber(value))
	return 1
}

func control(c net.Conn, f func(fd int) error) error {
	for {
		t, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = t.NetConn()
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return syscall.EINVAL
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}
