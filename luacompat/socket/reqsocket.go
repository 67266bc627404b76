package socket

import (
	lua "github.com/yuin/gopher-lua"
)

// reqSocket is ngx.req.socket(raw): the request body, or the client's
// connection.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqsocket
func (m *module) reqSocket(L *lua.LState) int {
	n := L.GetTop()
	if n > 1 {
		return m.raise(L, "expecting zero arguments, but got %d", n)
	}
	raw := n == 1 && lua.LVAsBool(L.Get(1))
	if m.env.Request == nil {
		return m.raise(L, "no request found")
	}
	conn, err := m.env.Request(L, m.vm.Cur(), raw)
	if err != nil {
		return fail(L, err.Error())
	}
	s := &tcp{m: m, kind: body, owner: m.set()}
	mt := m.bodyMT
	if raw {
		s.kind, mt = rawConn, m.rawMT
	}
	s.conn, s.in = conn, input{conn: conn}
	L.Push(object(L, &s.ud, s, mt))
	return 1
}
