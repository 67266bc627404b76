package stdlib

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openTable registers the table library with LuaJIT's and OpenResty's additions.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.5 and
// https://github.com/openresty/luajit2#tableisempty
func openTable(L *lua.LState) {
	Register(L, "table", Table(L, []Func{
		{"concat", tableConcat},
		{"foreach", tableForeach},
		{"foreachi", tableForeachi},
		{"getn", tableGetn},
		{"insert", tableInsert},
		{"maxn", tableMaxn},
		{"move", tableMove},
		{"pack", tablePack},
		{"remove", tableRemove},
		{"sort", tableSort},
		{"unpack", baseUnpack},
	}))
	modules := []Func{
		{"new", tableNew},
		{"clear", tableClear},
		{"nkeys", tableNkeys},
		{"isempty", tableIsempty},
		{"isarray", tableIsarray},
		{"clone", tableClone},
	}
	for _, m := range modules {
		fn := L.NewFunction(m.Fn)
		Preload(L, "table."+m.Name, func(L *lua.LState) int {
			// As in LuaJIT, require makes it a field of table too.
			if t, ok := L.G.Global.RawGetString("table").(*lua.LTable); ok {
				t.RawSetString(m.Name, fn)
			}
			L.Push(fn)
			return 1
		})
	}
}

// rawGetInt reads an integer key, wherever it is.
func rawGetInt(t *lua.LTable, i int) lua.LValue {
	if i >= 1 && i <= len52 {
		return t.RawGetInt(i)
	}
	return t.RawGet(lua.LNumber(i))
}

func tableConcat(L *lua.LState) int {
	t := Tab(L, 1)
	sep := OptStr(L, 2, "")
	i := OptInt(L, 3, 1)
	j := 0
	if L.Get(4) == lua.LNil {
		j = t.Len()
	} else {
		j = Int(L, 4)
	}
	if i > j {
		L.Push(emptyString)
		return 1
	}
	size := 0
	for k := i; k <= j; k++ {
		switch v := rawGetInt(t, k).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 8
		default:
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", v.Type().String(), k)
		}
		size += len(sep)
		checkSize(L, size)
	}
	if i == j {
		L.Push(ToString(L, rawGetInt(t, i)))
		return 1
	}
	var b strings.Builder
	b.Grow(size)
	var num [32]byte
	for k := i; k <= j; k++ {
		switch v := rawGetInt(t, k).(type) {
		case lua.LString:
			b.WriteString(string(v))
		case lua.LNumber:
			b.Write(AppendNumber(num[:0], float64(v)))
		}
		if k < j {
			b.WriteString(sep)
		}
	}
	L.Push(lua.LString(b.String()))
	return 1
}

func tableForeach(L *lua.LState) int {
	t, f := Tab(L, 1), Fn(L, 2)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if r := call1(L, f, k, v); r != lua.LNil {
			L.Push(r)
			return 1
		}
	}
	return 0
}

func tableForeachi(L *lua.LState) int {
	t, f := Tab(L, 1), Fn(L, 2)
	for i, n := 1, t.Len(); i <= n; i++ {
		if r := call1(L, f, IntValue(i), rawGetInt(t, i)); r != lua.LNil {
			L.Push(r)
			return 1
		}
	}
	return 0
}

func tableGetn(L *lua.LState) int {
	L.Push(IntValue(Tab(L, 1).Len()))
	return 1
}

func tableInsert(L *lua.LState) int {
	t := Tab(L, 1)
	n := t.Len() + 1
	switch L.GetTop() {
	case 2:
		t.RawSetInt(n, L.Get(2))
	case 3:
		i := Int(L, 2)
		v := L.Get(3)
		if i >= 1 && i < n && v != lua.LNil && n == t.MaxN()+1 {
			t.Insert(i, v)
			return 0
		}
		for k := max(n, i); k > i; k-- {
			t.RawSet(lua.LNumber(k), rawGetInt(t, k-1))
		}
		t.RawSet(lua.LNumber(i), v)
	default:
		L.RaiseError("wrong number of arguments to 'insert'")
	}
	return 0
}

func tableMaxn(L *lua.LState) int {
	t := Tab(L, 1)
	m := 0.0
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		if n, ok := k.(lua.LNumber); ok && float64(n) > m {
			m = float64(n)
		}
	}
	L.Push(lua.LNumber(m))
	return 1
}

func tableMove(L *lua.LState) int {
	a := Tab(L, 1)
	for L.GetTop() < 4 { // LuaJIT's is written in Lua, where missing arguments are nil
		L.Push(lua.LNil)
	}
	f, e, d := Int(L, 2), Int(L, 3), Int(L, 4)
	dst := a
	if L.Get(5) != lua.LNil {
		dst = Tab(L, 5)
	}
	if e >= f {
		if d > f && d <= e && dst == a {
			for i := e - f; i >= 0; i-- {
				dst.RawSet(lua.LNumber(d+i), rawGetInt(a, f+i))
			}
		} else {
			for i := 0; i <= e-f; i++ {
				dst.RawSet(lua.LNumber(d+i), rawGetInt(a, f+i))
			}
		}
	}
	L.Push(dst)
	return 1
}

func tablePack(L *lua.LState) int {
	n := L.GetTop()
	t := L.CreateTable(n, 1)
	for i := 1; i <= n; i++ {
		t.RawSetInt(i, L.Get(i))
	}
	t.RawSetString("n", IntValue(n))
	L.Push(t)
	return 1
}

func tableRemove(L *lua.LState) int {
	t := Tab(L, 1)
	n := t.Len()
	if L.GetTop() < 2 || L.Get(2) == lua.LNil {
		if n == 0 {
			return 0
		}
		v := rawGetInt(t, n)
		if t.MaxN() == n {
			t.Remove(n)
		} else {
			t.RawSetInt(n, lua.LNil)
		}
		L.Push(v)
		return 1
	}
	i := Int(L, 2)
	if i < 1 || i > n {
		return 0
	}
	if t.MaxN() == n {
		L.Push(t.Remove(i))
		return 1
	}
	v := rawGetInt(t, i)
	for ; i < n; i++ {
		t.RawSetInt(i, rawGetInt(t, i+1))
	}
	t.RawSetInt(n, lua.LNil)
	L.Push(v)
	return 1
}

// tableNew makes a table with room.
//
// See: https://luajit.org/extensions.html#table_new
func tableNew(L *lua.LState) int {
	a, h := Int(L, 1), Int(L, 2)
	const most = 1 << 16
	L.Push(L.CreateTable(min(max(a, 0), most), min(max(h, 0), most)))
	return 1
}

func tableClear(L *lua.LState) int {
	t := Tab(L, 1)
	mt := t.Metatable
	*t = lua.LTable{Metatable: mt}
	return 0
}

func tableNkeys(L *lua.LState) int {
	n := 0
	Tab(L, 1).ForEach(func(lua.LValue, lua.LValue) { n++ })
	L.Push(IntValue(n))
	return 1
}

func tableIsempty(L *lua.LState) int {
	k, _ := Tab(L, 1).Next(lua.LNil)
	L.Push(lua.LBool(k == lua.LNil))
	return 1
}

func tableIsarray(L *lua.LState) int {
	t := Tab(L, 1)
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		n, ok := k.(lua.LNumber)
		if !ok || n < 1 || n != lua.LNumber(int(n)) {
			L.Push(lua.LFalse)
			return 1
		}
	}
	L.Push(lua.LTrue)
	return 1
}

func tableClone(L *lua.LState) int {
	t := Tab(L, 1)
	c := L.CreateTable(t.Len(), 0)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		c.RawSet(k, v)
	}
	L.Push(c)
	return 1
}
