package luacompat

import (
	lua "github.com/yuin/gopher-lua"
)

// openArg makes ngx.arg: the arguments of set_by_lua*, and the chunk and the
// end mark of the body filter.
//
// See: https://github.com/openresty/lua-nginx-module#ngxarg
func (w *Worker) openArg() {
	ph := in(PhaseSet, PhaseBodyFilter)
	mt := w.table()
	mt.RawSetString("__index", w.function(api{phases: ph, fn: argGet, short: true}))
	mt.RawSetString("__newindex", w.function(api{phases: ph, fn: argSet, short: true}))
	t := w.table()
	t.Metatable = mt
	w.ngx.RawSetString("arg", t)
}

func argGet(h *handler, L *lua.LState) int {
	i, ok := toNumber(L.Get(2))
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	if h.phase == PhaseSet {
		if n := int(i); h.set != nil && n >= 1 && n <= len(h.set.values) && h.set.values[n-1] != "" {
			L.Push(lua.LString(h.set.values[n-1]))
		} else {
			L.Push(lua.LNil)
		}
		return 1
	}
	data, last := h.req.BodyChunk()
	switch i {
	case 1:
		L.Push(lua.LString(data))
	case 2:
		L.Push(lua.LBool(last))
	default:
		L.Push(lua.LNil)
	}
	return 1
}

// argSet replaces the chunk (a string, an array, or nil for nothing) or sets
// the end mark.
func argSet(h *handler, L *lua.LState) int {
	if h.phase != PhaseBodyFilter {
		L.RaiseError("ngx.arg is read-only in this context")
	}
	data, last := h.req.BodyChunk()
	v := L.Get(3)
	switch i, _ := toNumber(L.Get(2)); i {
	case 1:
		switch v := v.(type) {
		case *lua.LNilType:
			data = nil
		case lua.LString:
			data = []byte(v)
		case lua.LNumber:
			data = appendNumber(nil, float64(v))
		case *lua.LTable:
			b, msg := appendArray(h.w, nil, v, true)
			if msg != "" {
				L.RaiseError("bad argument #3 to '__newindex' (%s)", msg)
			}
			data = b
		default:
			L.RaiseError("bad chunk data type: %s", valueType(v))
		}
	case 2:
		last = lua.LVAsBool(v)
	default:
		L.RaiseError("bad index: %d", int(i))
	}
	h.req.SetBodyChunk(data, last)
	return 0
}
