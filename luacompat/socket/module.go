package socket

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
	"huidu/luacompat/vm"
)

// module is cosockets in one VM.
type module struct {
	env   *Env
	vm    *vm.VM
	pools map[string]*pool

	tcpMT, udpMT, bodyMT, rawMT *lua.LTable
}

// Open puts tcp, udp, connect and stream into a table, which becomes
// ngx.socket, and returns what ngx.req.socket calls.
func Open(env *Env, t *lua.LTable) (reqSocket lua.LGFunction) {
	L := env.VM.Root()
	m := &module{env: env, vm: env.VM, pools: make(map[string]*pool)}
	read := []method{
		{"receive", (*tcp).receive}, {"receiveany", (*tcp).receiveAny}, {"receiveuntil", (*tcp).receiveUntil},
		{"settimeout", (*tcp).setTimeout}, {"settimeouts", (*tcp).setTimeouts},
	}
	m.bodyMT = m.metatable(L, read)
	m.rawMT = m.metatable(L, append(read[:len(read):len(read)], method{"send", (*tcp).send}, method{"close", (*tcp).closeSocket}))
	m.tcpMT = m.metatable(L, append(read[:len(read):len(read)],
		method{"connect", (*tcp).connect}, method{"bind", (*tcp).bind}, method{"send", (*tcp).send},
		method{"close", (*tcp).closeSocket}, method{"shutdown", (*tcp).shutdown},
		method{"setoption", (*tcp).setOption}, method{"getoption", (*tcp).getOption},
		method{"setkeepalive", (*tcp).setKeepalive}, method{"getreusedtimes", (*tcp).reusedTimes},
		method{"sslhandshake", (*tcp).sslHandshake}, method{"setclientcert", (*tcp).setClientCert},
	))
	m.openMissing(L)
	m.udpMT = m.openUDP(L)
	t.RawSetString("tcp", L.NewFunction(m.newTCP))
	t.RawSetString("stream", L.NewFunction(m.newTCP))
	t.RawSetString("udp", L.NewFunction(m.newUDP))
	t.RawSetString("connect", L.NewFunction(m.connect))
	return m.reqSocket
}

// openMissing adds the methods of later ngx_lua releases that hand out what
// only OpenSSL and C have: they say so.
func (m *module) openMissing(L *lua.LState) {
	t := m.tcpMT.RawGetString("__index").(*lua.LTable)
	for _, name := range []string{"getfd", "getsslctx", "getsslpointer", "getsslsession", "settrustedstore"} {
		t.RawSetString(name, stdlib.Refuse(L, "tcpsock:"+name, "it is made for C libraries"))
	}
}

type method struct {
	name string
	fn   func(s *tcp, L *lua.LState) int
}

func (m *module) metatable(L *lua.LState, methods []method) *lua.LTable {
	t := L.CreateTable(0, len(methods))
	for _, x := range methods {
		t.RawSetString(x.name, L.NewFunction(func(L *lua.LState) int {
			s := m.self(L)
			if s == nil {
				return m.raise(L, "bad argument #1 to '%s' (table expected, got %s)", x.name, typeName(L, 1))
			}
			return x.fn(s, L)
		}))
	}
	mt := L.CreateTable(0, 1)
	mt.RawSetString("__index", t)
	return mt
}

// self is the socket behind the first argument, or nil.
func (m *module) self(L *lua.LState) *tcp {
	if t, ok := L.Get(1).(*lua.LTable); ok {
		if ud, ok := t.RawGetInt(1).(*lua.LUserData); ok {
			s, _ := ud.Value.(*tcp)
			if s != nil {
				s.reap()
			}
			return s
		}
	}
	return nil
}

// object wraps a socket's Go part in a table.
func object(L *lua.LState, ud *lua.LUserData, v any, mt *lua.LTable) *lua.LTable {
	ud.Value, ud.Metatable = v, lua.LNil
	t := L.CreateTable(1, 0)
	t.Metatable = mt
	t.RawSetInt(1, ud)
	return t
}

// raise raises a message with the caller's position.
func (m *module) raise(L *lua.LState, format string, args ...any) int {
	msg := format
	if len(args) > 0 {
		msg = fmt.Sprintf(format, args...)
	}
	L.Error(lua.LString(m.vm.Where(L, 1)+msg), 0)
	return 0
}

func typeName(L *lua.LState, n int) string {
	if n > L.GetTop() {
		return "no value"
	}
	return L.Get(n).Type().String()
}

func fail(L *lua.LState, msg string) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(msg))
	return 2
}

var one lua.LValue = lua.LNumber(1)

func succeed(L *lua.LState) int {
	L.Push(one)
	return 1
}

// number is lua_tonumber.
func number(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		f, err := strconv.ParseFloat(strings.TrimSpace(string(v)), 64)
		return f, err == nil
	}
	return 0, false
}

// milliseconds reads a timeout; what is not positive is 0, the location's.
func milliseconds(v lua.LValue) time.Duration {
	f, _ := number(v)
	if f <= 0 {
		return 0
	}
	return time.Duration(min(int64(f), 1<<40)) * time.Millisecond
}

// payload is what send sends: a string, number, boolean, nil, or an array of
// such, nested. ok is false after an argument error.
func (m *module) payload(L *lua.LState, n int) (b []byte, s string, ok bool) {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return nil, string(v), true
	case *lua.LTable:
		b, bad := m.appendArray(make([]byte, 0, 256), v, 0)
		if bad != "" {
			vm.ArgError(L, n, "send", bad)
			return nil, "", false
		}
		return b, "", true
	case lua.LNumber, lua.LBool, *lua.LNilType:
		b, _ = m.appendScalar(nil, v)
		return b, "", true
	default:
		vm.ArgError(L, n, "send", "string, number, boolean, nil, or array table expected, got "+v.Type().String())
	}
	return nil, "", false
}

func (m *module) appendScalar(b []byte, v lua.LValue) ([]byte, bool) {
	switch v := v.(type) {
	case lua.LString:
		return append(b, v...), true
	case lua.LNumber:
		return stdlib.AppendNumber(b, float64(v)), true
	case lua.LBool:
		return strconv.AppendBool(b, bool(v)), true
	case *lua.LNilType:
		return append(b, "nil"...), true
	}
	return b, false
}

// maxNesting bounds arrays in arrays.
const maxNesting = 100

func (m *module) appendArray(b []byte, t *lua.LTable, depth int) ([]byte, string) {
	if depth > maxNesting {
		return b, "too deeply nested array table"
	}
	if hasHash(t) {
		return b, "non-array table found"
	}
	for i, n := 1, t.MaxN(); i <= n; i++ {
		v := t.RawGetInt(i)
		if sub, ok := v.(*lua.LTable); ok {
			var bad string
			if b, bad = m.appendArray(b, sub, depth+1); bad != "" {
				return b, bad
			}
			continue
		}
		switch v.(type) {
		case lua.LString, lua.LNumber:
			b, _ = m.appendScalar(b, v)
		default: // booleans and nil only go alone
			return b, "bad data type " + v.Type().String() + " found"
		}
	}
	return b, ""
}

// hasHash reports whether a table has members outside of its array part.
func hasHash(t *lua.LTable) bool {
	k, _ := t.Next(lua.LNumber(max(t.MaxN(), 0)))
	if t.MaxN() == 0 {
		k, _ = t.Next(lua.LNil)
	}
	return k != lua.LNil
}
