package stdlib

import (
	lua "github.com/yuin/gopher-lua"
)

// traversals remembers the tables that next walked last, so that they are not
// rebuilt under a loop. One belongs to each state.
type traversals struct {
	last *lua.LTable
	ring [16]*lua.LTable
	at   int
}

const traversalsKey = "_TRAVERSALS"

func traversalsOf(L *lua.LState) *traversals {
	if ud, ok := L.G.Registry.RawGetString(traversalsKey).(*lua.LUserData); ok {
		return ud.Value.(*traversals)
	}
	return &traversals{}
}

func (tr *traversals) has(t *lua.LTable) bool {
	for _, x := range tr.ring {
		if x == t {
			return true
		}
	}
	return false
}

func (tr *traversals) enter(t *lua.LTable) {
	tr.last = t
	if !tr.has(t) {
		tr.ring[tr.at%len(tr.ring)] = t
		tr.at++
	}
}

func (tr *traversals) leave(t *lua.LTable) {
	tr.last = nil
	for i, x := range tr.ring {
		if x == t {
			tr.ring[i] = nil
		}
	}
}

// openPairs registers next, pairs and ipairs, which share their iterators.
//
// See: https://www.lua.org/manual/5.1/manual.html#pdf-next
func openPairs(L *lua.LState) {
	tr := &traversals{}
	ud := L.NewUserData()
	ud.Value = tr
	L.G.Registry.RawSetString(traversalsKey, ud)
	next := L.NewFunction(func(L *lua.LState) int {
		t, ok := L.Get(1).(*lua.LTable)
		if !ok {
			return TypeError(L, 1, "table")
		}
		key := L.Get(2)
		k, v := t.Next(key)
		if k == lua.LNil {
			if key != lua.LNil && tr.last != t && !known(t, key) {
				L.RaiseError("invalid key to 'next'")
			}
			tr.leave(t)
			L.Push(lua.LNil)
			return 1
		}
		if tr.last != t {
			if key != lua.LNil && !tr.has(t) && !known(t, key) {
				L.RaiseError("invalid key to 'next'")
			}
			tr.enter(t)
		}
		L.Push(k)
		L.Push(v)
		return 2
	})
	inext := L.NewFunction(func(L *lua.LState) int {
		i := int(lua.LVAsNumber(L.Get(2))) + 1
		t, ok := L.Get(1).(*lua.LTable)
		if !ok {
			return TypeError(L, 1, "table")
		}
		v := t.RawGetInt(i)
		if v == lua.LNil && i > len52 {
			v = t.RawGet(lua.LNumber(i))
		}
		if v == lua.LNil {
			return 0
		}
		L.Push(IntValue(i))
		L.Push(v)
		return 2
	})
	G := L.G.Global
	G.RawSetString("next", next)
	G.RawSetString("pairs", L.NewFunction(func(L *lua.LState) int {
		v := L.Get(1)
		t, ok := v.(*lua.LTable)
		if !ok || t.Metatable != lua.LNil {
			if mm := L.GetMetaField(v, "__pairs"); mm != lua.LNil {
				return iterator(L, mm, v)
			}
			if !ok {
				Any(L, 1)
				return TypeError(L, 1, "table")
			}
		}
		L.Push(next)
		L.Push(v)
		L.Push(lua.LNil)
		return 3
	}))
	G.RawSetString("ipairs", L.NewFunction(func(L *lua.LState) int {
		v := L.Get(1)
		t, ok := v.(*lua.LTable)
		if !ok || t.Metatable != lua.LNil {
			if mm := L.GetMetaField(v, "__ipairs"); mm != lua.LNil {
				return iterator(L, mm, v)
			}
			if !ok {
				Any(L, 1)
				return TypeError(L, 1, "table")
			}
		}
		L.Push(inext)
		L.Push(v)
		L.Push(intValues[0])
		return 3
	}))
}

// len52 is the last index of an array; what lies beyond is in the hash.
const len52 = 1<<20 - 1

// iterator calls __pairs or __ipairs for the three values of a generic for.
func iterator(L *lua.LState, mm, v lua.LValue) int {
	L.Push(mm)
	L.Push(v)
	L.Call(1, 3)
	return 3
}

// known tells whether next may be asked about key: a key that was there, or the
// index of an element.
func known(t *lua.LTable, key lua.LValue) bool {
	if t.RawGet(key) != lua.LNil {
		return true
	}
	if n, ok := key.(lua.LNumber); ok {
		i := int(n)
		return lua.LNumber(i) == n && i >= 1 && i <= t.MaxN()
	}
	// A key deleted during the traversal is still in the table's order. It
	// cannot be told apart from one that was never there, except by looking.
	return hasKey(t, key)
}
