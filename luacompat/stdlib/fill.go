package stdlib

import (
	lua "github.com/yuin/gopher-lua"
)

// fillKey marks the metatable of tables that fill themselves when they are
// looked at as a whole. Scripts never see such a metatable.
const fillKey = "\x00fill"

// SetFill marks mt: Fill calls fill for tables that have it.
func SetFill(L *lua.LState, mt *lua.LTable, fill func(*lua.LTable)) {
	ud := L.NewUserData()
	ud.Value = fill
	mt.RawSetString(fillKey, ud)
}

// Fill makes t whole. Go code that walks a table which a script gave it calls
// this first.
func Fill(t *lua.LTable) {
	mt, ok := t.Metatable.(*lua.LTable)
	if !ok {
		return
	}
	if ud, ok := mt.RawGetString(fillKey).(*lua.LUserData); ok {
		ud.Value.(func(*lua.LTable))(t)
	}
}
