package cjson

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// layout mirrors lua.LTable. Walking a table through Next costs two map
// lookups a member; its list of keys saves one of them.
type layout struct {
	Metatable lua.LValue
	array     []lua.LValue
	dict      map[lua.LValue]lua.LValue
	strdict   map[string]lua.LValue
	keys      []lua.LValue
	k2i       map[lua.LValue]int
}

// sameLayout says that the mirror is true of the gopher-lua at hand.
var sameLayout = func() bool {
	a, b := reflect.TypeFor[lua.LTable](), reflect.TypeFor[layout]()
	if a.NumField() != b.NumField() || a.Size() != b.Size() {
		return false
	}
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		if x.Name != y.Name || x.Type != y.Type || x.Offset != y.Offset {
			return false
		}
	}
	return true
}()

func inside(t *lua.LTable) *layout { return (*layout)(unsafe.Pointer(t)) }

// hashLen is the number of members outside of the array part.
func hashLen(t *lua.LTable) int {
	in := inside(t)
	return len(in.strdict) + len(in.dict)
}

// each calls f for all members in next's order until it returns false.
func each(t *lua.LTable, f func(k, v lua.LValue) bool) {
	if !sameLayout {
		for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
			if !f(k, v) {
				return
			}
		}
		return
	}
	in := inside(t)
	for i, v := range in.array {
		if v != lua.LNil && !f(lua.LNumber(i+1), v) {
			return
		}
	}
	for _, k := range in.keys {
		var v lua.LValue
		if s, ok := k.(lua.LString); ok {
			v = in.strdict[string(s)]
		} else {
			v = in.dict[k]
		}
		if v != nil && v != lua.LNil && !f(k, v) {
			return
		}
	}
}
