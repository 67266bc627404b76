package resty

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	lua "github.com/yuin/gopher-lua"
)

// digests are the hash modules.
var digests = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224,
	"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// openDigest loads resty.md5 and its kin: new, update, final, reset.
func (m *module) openDigest(make func() hash.Hash) lua.LGFunction {
	return func(L *lua.LState) int {
		t := m.table(L)
		mt := L.CreateTable(0, 1)
		mt.RawSetString("__index", t)
		t.RawSetString("new", L.NewFunction(func(L *lua.LState) int {
			o := L.CreateTable(1, 0)
			o.Metatable = mt
			ud := L.NewUserData()
			ud.Value = make()
			o.RawSetInt(1, ud)
			L.Push(o)
			return 1
		}))
		method := func(name string, fn func(L *lua.LState, h hash.Hash) int) {
			t.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
				if o, ok := L.Get(1).(*lua.LTable); ok {
					if ud, ok := o.RawGetInt(1).(*lua.LUserData); ok {
						if h, ok := ud.Value.(hash.Hash); ok {
							return fn(L, h)
						}
					}
				}
				return m.raise(L, "bad argument #1 to '"+name+"' (digest object expected, got "+L.Get(1).Type().String()+")")
			}))
		}
		method("update", func(L *lua.LState, h hash.Hash) int {
			s := m.str(L, 2, "s")
			if n, ok := L.Get(3).(lua.LNumber); ok && int(n) >= 0 && int(n) < len(s) {
				s = s[:int(n)]
			}
			h.Write([]byte(s))
			L.Push(lua.LTrue)
			return 1
		})
		method("final", func(L *lua.LState, h hash.Hash) int {
			L.Push(lua.LString(h.Sum(nil)))
			return 1
		})
		method("reset", func(L *lua.LState, h hash.Hash) int {
			h.Reset()
			L.Push(lua.LTrue)
			return 1
		})
		L.Push(t)
		return 1
	}
}
