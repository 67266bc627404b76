package luacompat

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openHeader makes ngx.header and ngx.resp.
//
// See: https://github.com/openresty/lua-nginx-module#ngxheaderheader
func (w *Worker) openHeader() {
	// The C functions only refuse what has no real request.
	ph := inRequest
	mt := w.table()
	mt.RawSetString("__index", w.function(api{phases: ph, fn: respHeaderGet, short: true}))
	mt.RawSetString("__newindex", w.function(api{phases: ph, fn: respHeaderSet, short: true}))
	t := w.table()
	t.Metatable = mt
	w.ngx.RawSetString("header", t)

	w.headersMT = w.table()
	w.headersMT.RawSetString("__index", w.vm.Root().NewFunction(headerIndex))

	resp := w.table()
	w.register(resp, []api{{name: "get_headers", phases: ph, fn: respGetHeaders}})
	w.ngx.RawSetString("resp", resp)
}

// respHeaderGet is ngx.header[name]: a string, an array of several, or nil.
func respHeaderGet(h *handler, L *lua.LState) int {
	name := h.w.text(L, L.Get(2))
	if h.conf.TransformUnderscores {
		name = hyphens(name)
	}
	switch vals := h.req.RespHeader(name); len(vals) {
	case 0:
		L.Push(lua.LNil)
	case 1:
		L.Push(lua.LString(vals[0]))
	default:
		t := L.CreateTable(len(vals), 0)
		for _, v := range vals {
			t.Append(lua.LString(v))
		}
		L.Push(t)
	}
	return 1
}

// respHeaderSet is ngx.header[name] = value: nil, "" and an empty table
// remove, a table sets several lines.
func respHeaderSet(h *handler, L *lua.LState) int {
	name := h.w.text(L, L.Get(2))
	if h.req.HeaderSent() {
		h.req.Log(logErr, "attempt to set ngx.header.HEADER after sending out response headers")
		return 0
	}
	if h.conf.TransformUnderscores {
		name = hyphens(name)
	}
	var vals []string
	switch v := L.Get(3).(type) {
	case *lua.LNilType:
	case *lua.LTable:
		for i, n := 1, v.Len(); i <= n; i++ {
			vals = append(vals, escape(h.w.text(L, v.RawGetInt(i)), &headerValueSet))
		}
	default:
		vals = []string{escape(h.w.text(L, v), &headerValueSet)}
	}
	if err := h.req.SetRespHeader(escape(name, &headerNameSet), vals); err != nil {
		L.RaiseError("failed to set header")
	}
	return 0
}

// hyphens turns underscores into hyphens.
func hyphens(s string) string {
	if strings.IndexByte(s, '_') < 0 {
		return s
	}
	return strings.ReplaceAll(s, "_", "-")
}

// respGetHeaders is ngx.resp.get_headers(max, raw).
//
// See: https://github.com/openresty/lua-nginx-module#ngxrespget_headers
func respGetHeaders(h *handler, L *lua.LState) int {
	limit, raw := headerLimit(L)
	return h.pushHeaders(L, h.req.RespHeaders(), limit, raw)
}

// headerLimit reads the arguments max and raw of the get_headers functions.
func headerLimit(L *lua.LState) (limit int, raw bool) {
	limit = maxArgs
	if v := L.Get(1); v != lua.LNil && v != lua.LFalse {
		if limit = int(checkNumber(L, 1, "get_headers")); limit < 0 {
			limit = maxArgs
		}
	}
	return limit, lua.LVAsBool(L.Get(2))
}

// pushHeaders makes the table of a get_headers call, and "truncated".
func (h *handler) pushHeaders(L *lua.LState, hs []Header, limit int, raw bool) int {
	truncated := limit > 0 && len(hs) > limit
	if truncated {
		hs = hs[:limit]
	}
	L.Push(h.w.headersTable(hs, raw))
	if truncated {
		L.Push(lua.LString("truncated"))
		return 2
	}
	return 1
}

// headersTable is a table of headers under their names in lower case, or as
// received when raw; unless raw, its lookups ignore case and take underscores
// for hyphens.
func (w *Worker) headersTable(hs []Header, raw bool) *lua.LTable {
	if !raw {
		return w.lazyTable(hs)
	}
	L := w.vm.Root()
	t := L.CreateTable(0, len(hs))
	for _, x := range hs {
		addValue(L, t, x.Key, lua.LString(x.Value))
	}
	return t
}

// headerIndex is the __index of a headers table.
func headerIndex(L *lua.LState) int {
	t, ok := L.Get(1).(*lua.LTable)
	k, isString := L.Get(2).(lua.LString)
	if !ok || !isString {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(t.RawGetString(lower(hyphens(string(k)))))
	return 1
}
