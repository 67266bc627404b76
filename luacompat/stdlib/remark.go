package stdlib

import lua "github.com/yuin/gopher-lua"

// Remark says how a function differs from what it stands for, for programs
// that tell before a script runs.
type Remark struct {
	Kind RemarkKind
	Text string // why it is refused, or how it differs
}

// RemarkKind is the kind of a Remark.
type RemarkKind uint8

// The kinds: a Refused function raises an error whatever it is given, one that
// Differs does something else, one with NoEffect does nothing, and need not.
const (
	Refused RemarkKind = iota + 1
	Differs
	NoEffect
)

const remarksKey = "huidu.remarks"

// Note remarks on a function and returns it.
func Note(L *lua.LState, fn *lua.LFunction, kind RemarkKind, text string) *lua.LFunction {
	ud, ok := L.G.Registry.RawGetString(remarksKey).(*lua.LUserData)
	if !ok {
		ud = L.NewUserData()
		ud.Value = map[*lua.LFunction]Remark{}
		L.G.Registry.RawSetString(remarksKey, ud)
	}
	ud.Value.(map[*lua.LFunction]Remark)[fn] = Remark{kind, text}
	return fn
}

// RemarkOf is the remark on a function; the zero Remark when there is none.
func RemarkOf(L *lua.LState, fn *lua.LFunction) Remark {
	if ud, ok := L.G.Registry.RawGetString(remarksKey).(*lua.LUserData); ok {
		return ud.Value.(map[*lua.LFunction]Remark)[fn]
	}
	return Remark{}
}

// Refuse makes a function that raises why it cannot be had: "NAME is not
// supported by huidu: WHY".
func Refuse(L *lua.LState, name, why string) *lua.LFunction {
	return Note(L, L.NewFunction(func(L *lua.LState) int {
		L.RaiseError("%s is not supported by huidu: %s", name, why)
		return 0
	}), Refused, why)
}

// RefuseModule makes require raise why a module cannot be had.
func RefuseModule(L *lua.LState, name, why string) {
	pkg := L.G.Global.RawGetString("package").(*lua.LTable)
	if pre, ok := pkg.RawGetString("preload").(*lua.LTable); ok {
		pre.RawSetString(name, Refuse(L, "module "+name, why))
	}
}
