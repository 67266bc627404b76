package socket

import (
	"bytes"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// until is what the iterator of receiveuntil remembers.
type until struct {
	pattern   []byte
	inclusive bool
	matched   bool // and told so with a size: the next call says the end
}

// receiveUntil is tcpsock:receiveuntil(pattern, options), which returns an
// iterator.
//
// See: https://github.com/openresty/lua-nginx-module#tcpsockreceiveuntil
func (s *tcp) receiveUntil(L *lua.LState) int {
	n := L.GetTop()
	if n != 2 && n != 3 {
		return s.m.raise(L, "expecting 2 or 3 arguments (including the object), but got %d", n)
	}
	u := &until{}
	if n == 3 {
		t, ok := L.Get(3).(*lua.LTable)
		if !ok {
			return vm.ArgError(L, 3, "receiveuntil", "table expected, got "+typeName(L, 3))
		}
		switch v := t.RawGetString("inclusive").(type) {
		case *lua.LNilType:
		case lua.LBool:
			u.inclusive = bool(v)
		default:
			return s.m.raise(L, `bad "inclusive" option value type: %s`, v.Type())
		}
	}
	switch v := L.Get(2).(type) {
	case lua.LString:
		u.pattern = []byte(v)
	case lua.LNumber:
		u.pattern = []byte(v.String())
	default:
		return vm.ArgError(L, 2, "receiveuntil", "string expected, got "+typeName(L, 2))
	}
	if len(u.pattern) == 0 {
		return fail(L, "pattern is empty")
	}
	L.Push(L.NewFunction(func(L *lua.LState) int { return s.next(L, u) }))
	return 1
}

// next is the iterator: all data before the pattern, or with a size at most
// that much at a time and nil, nil, nil at the end.
func (s *tcp) next(L *lua.LState, u *until) int {
	n := L.GetTop()
	if n > 1 {
		return s.m.raise(L, "expecting 0 or 1 arguments, but seen %d", n)
	}
	size := 0
	if n == 1 {
		f, ok := number(L.Get(1))
		if !ok {
			return vm.ArgError(L, 1, "?", "number expected, got "+typeName(L, 1))
		}
		size = max(int(f), 0)
	}
	if s.conn == nil || s.readClosed {
		return fail(L, "closed")
	}
	s.own(L)
	if r := s.busy(L, true, false); r > 0 {
		return r
	}
	if u.matched {
		u.matched = false
		L.Push(lua.LNil)
		L.Push(lua.LNil)
		L.Push(lua.LNil)
		return 3
	}
	return s.read(L, &readUntil{until: u, size: size})
}

// readUntil reads up to the pattern, or size bytes of what comes before it.
type readUntil struct {
	*until
	size int
	seen int // bytes of the buffer where no match begins
}

func (p *readUntil) take(in *input) ([]byte, bool) {
	b := in.buffered()
	if i := bytes.Index(b[p.seen:], p.pattern); i >= 0 {
		i += p.seen
		end := i
		if p.inclusive {
			end += len(p.pattern)
		}
		if p.size > 0 && i >= p.size && !(p.inclusive && end <= p.size) {
			in.r += p.size
			return b[:p.size], true
		}
		in.r += i + len(p.pattern)
		p.matched = p.size > 0
		return b[:end], true
	}
	for p.seen = max(len(b)-len(p.pattern)+1, p.seen); p.seen < len(b); p.seen++ {
		if bytes.HasPrefix(p.pattern, b[p.seen:]) {
			break // the pattern may have begun
		}
	}
	if p.size > 0 && p.seen >= p.size {
		in.r += p.size
		p.seen = 0
		return b[:p.size], true
	}
	return nil, false
}

// partial leaves what may be the pattern's beginning for the next call.
func (p *readUntil) partial(in *input) []byte {
	b := in.buffered()[:p.seen]
	in.r += p.seen
	p.seen = 0
	return b
}
