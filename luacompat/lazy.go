package luacompat

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// lazyHeaders is a headers table that has not been filled. Scripts mostly look
// up one or two names, and building a table of all headers costs ten times
// what the look-up does. It is filled when it is looked at as a whole (pairs,
// next, rawget, …) or changed.
//
// Lua and gopher-lua see the embedded table, whose metatable is the worker's
// lazyMT. That metatable never reaches a script (getmetatable fills first), so
// a table that has it is the head of a lazyHeaders.
type lazyHeaders struct {
	lua.LTable
	headers []Header
}

// lazyTable makes an unfilled headers table; hs must not change afterwards.
func (w *Worker) lazyTable(hs []Header) *lua.LTable {
	t := &lazyHeaders{headers: hs}
	t.Metatable = w.lazyMT
	return &t.LTable
}

// lazy is t as a lazyHeaders, nil when it is none or has been filled.
func (w *Worker) lazy(t *lua.LTable) *lazyHeaders {
	if t.Metatable != lua.LValue(w.lazyMT) {
		return nil
	}
	return (*lazyHeaders)(unsafe.Pointer(t))
}

// fill makes an ordinary table of a lazy one.
func (w *Worker) fill(t *lua.LTable) {
	lt := w.lazy(t)
	if lt == nil {
		return
	}
	t.Metatable = w.headersMT
	L := w.vm.Root()
	for _, h := range lt.headers {
		addValue(L, t, lower(h.Key), lua.LString(h.Value))
	}
	lt.headers = nil
}

// openLazy makes lazyMT and teaches the library functions that look into a
// table to fill it first.
func (w *Worker) openLazy() {
	L := w.vm.Root()
	w.lazyMT = L.CreateTable(0, 4)
	w.lazyMT.RawSetString("__index", L.NewFunction(w.lazyIndex))
	w.lazyMT.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		t := L.CheckTable(1)
		w.fill(t)
		t.RawSet(L.Get(2), L.Get(3))
		return 0
	}))
	stdlib.SetFill(L, w.lazyMT, w.fill)

	G := L.G.Global
	for _, name := range []string{"next", "pairs", "ipairs", "rawget", "rawset", "rawlen", "getmetatable", "setmetatable", "unpack"} {
		w.fillFirst(G.RawGetString(name))
	}
	for _, lib := range []string{"table", "debug"} {
		if t, ok := G.RawGetString(lib).(*lua.LTable); ok {
			t.ForEach(func(_, v lua.LValue) { w.fillFirst(v) })
		}
	}
}

// fillFirst changes a Go function in place so that it never sees a lazy table
// as its first argument.
func (w *Worker) fillFirst(v lua.LValue) {
	fn, ok := v.(*lua.LFunction)
	if !ok || !fn.IsG {
		return
	}
	orig := fn.GFunction
	fn.GFunction = func(L *lua.LState) int {
		if t, ok := L.Get(1).(*lua.LTable); ok && t.Metatable == lua.LValue(w.lazyMT) {
			w.fill(t)
		}
		return orig(L)
	}
}

// lazyIndex looks a name up without filling the table: as it is, then in lower
// case with hyphens for underscores.
func (w *Worker) lazyIndex(L *lua.LState) int {
	t, ok := L.Get(1).(*lua.LTable)
	key, isString := L.Get(2).(lua.LString)
	if !ok || !isString {
		L.Push(lua.LNil)
		return 1
	}
	lt := w.lazy(t)
	if lt == nil {
		return headerIndex(L)
	}
	name := string(key)
	at, more := lt.find(name, equalRaw)
	if at < 0 {
		at, more = lt.find(name, equalHeader)
	}
	switch {
	case at < 0:
		L.Push(lua.LNil)
	case more:
		w.fill(t)
		if v := t.RawGetString(name); v != lua.LNil {
			L.Push(v)
			return 1
		}
		return headerIndex(L)
	default:
		L.Push(lua.LString(lt.headers[at].Value))
	}
	return 1
}

// find is the first header that matches and whether there are more.
func (lt *lazyHeaders) find(name string, equal func(header, name string) bool) (at int, more bool) {
	at = -1
	for i := range lt.headers {
		if equal(lt.headers[i].Key, name) {
			if at >= 0 {
				return at, true
			}
			at = i
		}
	}
	return at, false
}

// equalRaw compares a name with the key that a header has in the table.
func equalRaw(header, name string) bool {
	if len(header) != len(name) {
		return false
	}
	for i := 0; i < len(name); i++ {
		if lowerByte(header[i]) != name[i] {
			return false
		}
	}
	return true
}

// equalHeader compares as the metatable of a headers table does.
func equalHeader(header, name string) bool {
	if len(header) != len(name) {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := lowerByte(name[i])
		if c == '_' {
			c = '-'
		}
		if lowerByte(header[i]) != c {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
