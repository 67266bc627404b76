package luacompat

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openVar makes ngx.var, whose fields are nginx's variables.
//
// See: https://github.com/openresty/lua-nginx-module#ngxvarvariable
func (w *Worker) openVar() {
	inVar := inRequest | inSSL
	mt := w.table()
	mt.RawSetString("__index", w.function(api{phases: inVar, fn: varGet, short: true}))
	mt.RawSetString("__newindex", w.function(api{phases: inVar, fn: varSet, short: true}))
	t := w.table()
	t.Metatable = mt
	w.ngx.RawSetString("var", t)
}

// varGet reads a variable: nil when nginx does not find it. Numbers are the
// captures of the last regular expression.
func varGet(h *handler, L *lua.LState) int {
	var name string
	switch k := L.Get(2).(type) {
	case lua.LString:
		name = string(k)
	case lua.LNumber:
		if k <= 0 {
			L.Push(lua.LNil)
			return 1
		}
		name = strconv.Itoa(int(k))
	default:
		L.RaiseError("bad variable name")
	}
	v, ok := h.req.Var(lower(name))
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LString(v))
	return 1
}

// varSet changes a variable that the configuration defined; nil empties it.
func varSet(h *handler, L *lua.LState) int {
	k, ok := L.Get(2).(lua.LString)
	if !ok {
		L.RaiseError("bad variable name")
	}
	v := L.Get(3)
	value := ""
	if v != lua.LNil {
		value = h.w.text(L, v)
	}
	if err := h.req.SetVar(lower(string(k)), value, v == lua.LNil); err != nil {
		L.RaiseError("%s", err.Error())
	}
	if t := h.tracer(); t != nil {
		t.Set(h.w.place(L), string(k), value)
	}
	return 0
}

// lower is strings.ToLower without a scan for Unicode.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}
