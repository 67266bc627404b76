package stdlib

import (
	"reflect"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// ConcatFault starts the error of Concat; the number of the operand follows,
// from which the error hook finds its name.
const ConcatFault = "attempt to concatenate operand "

// Concat is the operator .. over all its arguments, right to left. Repaired code
// calls it in place of gopher-lua's instruction, which prints numbers as Go does.
func Concat(L *lua.LState) int {
	n := L.GetTop()
	var buf [48]string
	parts := buf[:0]
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			parts = append(parts, string(v))
		case lua.LNumber:
			parts = append(parts, NumberString(float64(v)))
		default:
			return concatMeta(L, n)
		}
	}
	switch n {
	case 2:
		L.Push(lua.LString(parts[0] + parts[1]))
	case 3:
		L.Push(lua.LString(parts[0] + parts[1] + parts[2]))
	default:
		L.Push(lua.LString(strings.Join(parts, "")))
	}
	return 1
}

// concatMeta concatenates pair by pair from the right, with metamethods.
func concatMeta(L *lua.LState, n int) int {
	acc := L.Get(n)
	at := n - 1 // operand that acc is, or -1
	for i := n - 1; i >= 1; i-- {
		l := L.Get(i)
		a, ok := stringOf(l)
		b, ok2 := stringOf(acc)
		if ok && ok2 {
			acc, at = lua.LString(a+b), -1
			continue
		}
		op := L.GetMetaField(l, "__concat")
		if op == lua.LNil {
			op = L.GetMetaField(acc, "__concat")
		}
		if op == lua.LNil {
			bad := i - 1
			if ok {
				bad = at
			}
			L.RaiseError("%s", ConcatFault+strconv.Itoa(bad))
		}
		acc, at = call1(L, op, l, acc), -1
	}
	L.Push(acc)
	return 1
}

// Delete is t[k] = nil. gopher-lua's tables remember every string and object key
// for ever, so once in a while the table is rebuilt when most of its keys are
// dead.
func Delete(L *lua.LState) int {
	t, ok := L.Get(1).(*lua.LTable)
	k := L.Get(2)
	if !ok || t.Metatable != lua.LNil {
		L.SetTable(L.Get(1), k, lua.LNil)
		if ok && L.GetMetaField(t, "__newindex") == lua.LNil {
			compact(L, t, k)
		}
		return 0
	}
	switch k := k.(type) {
	case *lua.LNilType:
		L.RaiseError("table index is nil")
	case lua.LNumber:
		if k != k {
			L.RaiseError("table index is NaN")
		}
	}
	t.RawSet(k, lua.LNil)
	compact(L, t, k)
	return 0
}

var tableKeys, tableDict, tableStrings = func() (int, int, int) {
	t := reflect.TypeFor[lua.LTable]()
	index := func(name string) int {
		f, ok := t.FieldByName(name)
		if !ok {
			panic("gopher-lua: no field " + name + " in LTable")
		}
		return f.Index[0]
	}
	return index("keys"), index("dict"), index("strdict")
}()

const compactMin = 64 // dead keys that are not worth the work

// compact rebuilds t when its dead keys outweigh the live ones. deleted stays
// among the keys, at its place, because a traversal may stand on it.
func compact(L *lua.LState, t *lua.LTable, deleted lua.LValue) {
	if _, ok := deleted.(lua.LNumber); ok {
		return // mostly in the array
	}
	v := reflect.ValueOf(t).Elem()
	keys := v.Field(tableKeys).Len()
	if keys < compactMin {
		return
	}
	live := v.Field(tableDict).Len() + v.Field(tableStrings).Len()
	if keys < 2*live+compactMin || traversalsOf(L).has(t) {
		return
	}
	Compact(t, deleted)
}

// Compact rebuilds a table without its dead keys, except for keep.
func Compact(t *lua.LTable, keep lua.LValue) {
	n := &lua.LTable{Metatable: t.Metatable}
	after := lua.LValue(lua.LNil)
	if keep != nil && keep != lua.LNil {
		after, _ = t.Next(keep)
	}
	for k, val := t.Next(lua.LNil); k != lua.LNil; k, val = t.Next(k) {
		if k == after {
			n.RawSet(keep, lua.LTrue)
		}
		n.RawSet(k, val)
	}
	if keep != nil && keep != lua.LNil {
		if after == lua.LNil {
			n.RawSet(keep, lua.LTrue)
		}
		n.RawSet(keep, lua.LNil)
	}
	*t = *n
}

// hasKey tells whether a table remembers a string or object key, dead or alive.
func hasKey(t *lua.LTable, key lua.LValue) bool {
	keys := reflect.ValueOf(t).Elem().Field(tableKeys)
	for i, n := 0, keys.Len(); i < n; i++ {
		if e := keys.Index(i).Elem(); sameKey(e, key) {
			return true
		}
	}
	return false
}

func sameKey(e reflect.Value, key lua.LValue) bool {
	switch k := key.(type) {
	case lua.LString:
		return e.Kind() == reflect.String && e.String() == string(k)
	case lua.LNumber:
		return e.Kind() == reflect.Float64 && e.Float() == float64(k)
	case lua.LBool:
		return e.Kind() == reflect.Bool && e.Bool() == bool(k)
	}
	return e.Kind() == reflect.Pointer && e.Pointer() == reflect.ValueOf(key).Pointer()
}
