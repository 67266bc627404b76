package stdlib

import (
	lua "github.com/yuin/gopher-lua"
)

// buffer is a string.buffer object.
type buffer struct {
	b    []byte
	read int
}

func (b *buffer) data() []byte { return b.b[b.read:] }

// size is a length argument.
func size(L *lua.LState, n int) int {
	i := Int(L, n)
	if i < 0 {
		ArgError(L, n, "number out of range")
	}
	return i
}

// openBuffer offers string.buffer without what needs ffi (reserve, commit, ref)
// and without dictionaries.
//
// See: https://luajit.org/ext_buffer.html
func openBuffer(L *lua.LState) {
	meta := L.CreateTable(0, 8)
	check := func(L *lua.LState) *buffer {
		if ud, ok := L.Get(1).(*lua.LUserData); ok {
			if b, ok := ud.Value.(*buffer); ok {
				return b
			}
		}
		TypeError(L, 1, "buffer")
		return nil
	}
	put := func(L *lua.LState, b *buffer, first int) {
		for i, n := first, L.GetTop(); i <= n; i++ {
			v := L.Get(i)
			if ud, ok := v.(*lua.LUserData); ok {
				if o, ok := ud.Value.(*buffer); ok {
					b.b = append(b.b, o.data()...)
					continue
				}
			}
			s, ok := stringOf(v)
			if !ok {
				if s, ok = stringOf(ToString(L, v)); !ok || L.GetMetaField(v, "__tostring") == lua.LNil {
					TypeError(L, i, "string/number/__tostring")
				}
			}
			b.b = append(b.b, s...)
			checkSize(L, len(b.b))
		}
	}
	methods := Table(L, []Func{
		{"put", func(L *lua.LState) int {
			put(L, check(L), 2)
			L.SetTop(1)
			return 1
		}},
		{"putf", func(L *lua.LState) int {
			b := check(L)
			format(L, 2)
			s, _ := stringOf(L.Get(-1))
			b.b = append(b.b, s...)
			L.SetTop(1)
			return 1
		}},
		{"encode", func(L *lua.LState) int {
			b := check(L)
			b.b = serialize(L, b.b, Any(L, 2), 0)
			L.SetTop(1)
			return 1
		}},
		{"decode", func(L *lua.LState) int {
			b := check(L)
			d := deserializer{L: L, s: b.data()}
			v := d.value(0)
			b.read = len(b.b) - len(d.s)
			L.Push(v)
			return 1
		}},
		{"set", func(L *lua.LState) int {
			b := check(L)
			b.b, b.read = append(b.b[:0], Str(L, 2)...), 0
			L.SetTop(1)
			return 1
		}},
		{"get", func(L *lua.LState) int {
			b := check(L)
			top := L.GetTop()
			if top < 2 {
				L.Push(StringValue(string(b.data())))
				b.b, b.read = b.b[:0], 0
				return 1
			}
			for i := 2; i <= top; i++ {
				n := len(b.data())
				if L.Get(i) != lua.LNil {
					n = min(n, size(L, i))
				}
				L.Push(StringValue(string(b.data()[:n])))
				b.read += n
			}
			return top - 1
		}},
		{"tostring", func(L *lua.LState) int {
			L.Push(StringValue(string(check(L).data())))
			return 1
		}},
		{"skip", func(L *lua.LState) int {
			b := check(L)
			b.read += min(len(b.data()), size(L, 2))
			L.SetTop(1)
			return 1
		}},
		{"reset", func(L *lua.LState) int {
			b := check(L)
			b.b, b.read = b.b[:0], 0
			L.SetTop(1)
			return 1
		}},
		{"free", func(L *lua.LState) int {
			*check(L) = buffer{}
			return 0
		}},
	})
	meta.RawSetString("__index", methods)
	meta.RawSetString("__tostring", methods.RawGetString("tostring"))
	meta.RawSetString("__len", L.NewFunction(func(L *lua.LState) int {
		L.Push(IntValue(len(check(L).data())))
		return 1
	}))
	meta.RawSetString("__concat", L.NewFunction(func(L *lua.LState) int {
		b := &buffer{}
		put(L, b, 1)
		L.Push(StringValue(string(b.b)))
		return 1
	}))
	Preload(L, "string.buffer", func(L *lua.LState) int {
		L.Push(Table(L, []Func{
			{"new", func(L *lua.LState) int {
				ud := L.NewUserData()
				ud.Value = &buffer{}
				ud.Metatable = meta
				L.Push(ud)
				return 1
			}},
			{"encode", func(L *lua.LState) int {
				L.Push(lua.LString(serialize(L, nil, Any(L, 1), 0)))
				return 1
			}},
			{"decode", func(L *lua.LState) int {
				d := deserializer{L: L, s: []byte(Str(L, 1))}
				v := d.value(0)
				if len(d.s) > 0 {
					L.RaiseError("left-over data in buffer")
				}
				L.Push(v)
				return 1
			}},
		}))
		return 1
	})
}
