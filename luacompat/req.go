package luacompat

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// openReq makes ngx.req.
func (w *Worker) openReq() {
	// Functions written in C only refuse requests that are not real ones
	// (timers, worker scripts); the manual's narrower lists are advice.
	real := inRequest | inSSL
	req := w.table()
	w.register(req, []api{
		{name: "is_internal", phases: real, fn: reqIsInternal, short: true},
		{name: "start_time", phases: inAll, fn: reqStartTime, short: true},
		{name: "http_version", phases: real, fn: reqHTTPVersion, short: true},
		{name: "raw_header", phases: real, fn: reqRawHeader, short: true},
		{name: "get_method", phases: real, fn: reqGetMethod, short: true},
		{name: "set_method", phases: real, fn: reqSetMethod, short: true},
		{name: "set_uri", phases: real, fn: reqSetURI, short: true},
		{name: "set_uri_args", phases: real, fn: reqSetURIArgs, short: true},
		{name: "get_uri_args", phases: real, fn: reqGetURIArgs, short: true},
		{name: "get_post_args", phases: real, fn: reqGetPostArgs, short: true},
		{name: "get_headers", phases: real, fn: reqGetHeaders, short: true},
		{name: "set_header", phases: real, fn: reqSetHeader, short: true},
		{name: "clear_header", phases: real, fn: reqClearHeader, short: true},
		{name: "read_body", phases: inYield, fn: reqReadBody},
		{name: "discard_body", phases: real, fn: reqDiscardBody, short: true},
		{name: "get_body_data", phases: real, fn: reqGetBodyData, short: true},
		{name: "get_body_file", phases: real, fn: reqGetBodyFile, short: true},
		{name: "set_body_data", phases: real, fn: reqSetBodyData, short: true},
		{name: "set_body_file", phases: real, fn: reqSetBodyFile, short: true},
		{name: "init_body", phases: real, fn: reqInitBody, short: true},
		{name: "append_body", phases: real, fn: reqAppendBody, short: true},
		{name: "finish_body", phases: real, fn: reqFinishBody, short: true},
	})
	w.ngx.RawSetString("req", req)
}

// reqIsInternal is ngx.req.is_internal.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqis_internal
func reqIsInternal(h *handler, L *lua.LState) int { return pushBool(L, h.req.IsInternal()) }

// reqStartTime is ngx.req.start_time: seconds with milliseconds.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqstart_time
func reqStartTime(h *handler, L *lua.LState) int {
	return pushNumber(L, float64(h.req.StartTime().UnixMilli())/1000)
}

// reqHTTPVersion is ngx.req.http_version.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqhttp_version
func reqHTTPVersion(h *handler, L *lua.LState) int {
	switch v := h.req.HTTPVersion(); v {
	case 9, 10, 11, 20, 30:
		return pushNumber(L, float64(v)/10)
	}
	L.Push(lua.LNil)
	return 1
}

// reqRawHeader is ngx.req.raw_header(no_request_line).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqraw_header
func reqRawHeader(h *handler, L *lua.LState) int {
	s, err := h.req.RawHeader(lua.LVAsBool(L.Get(1)))
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	return pushString(L, s)
}

// reqGetMethod is ngx.req.get_method.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqget_method
func reqGetMethod(h *handler, L *lua.LState) int { return pushString(L, h.req.Method()) }

// reqSetMethod is ngx.req.set_method(id).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqset_method
func reqSetMethod(h *handler, L *lua.LState) int {
	n, ok := L.Get(1).(lua.LNumber)
	if !ok {
		L.RaiseError("bad method number")
	}
	name := methodBits[int(n)]
	if name == "" {
		L.RaiseError("unsupported HTTP method: %s", numberText(n))
	}
	if err := h.req.SetMethod(name); err != nil {
		L.RaiseError("%s", err.Error())
	}
	return 0
}

// reqSetURI is ngx.req.set_uri(uri, jump, binary).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqset_uri
func reqSetURI(h *handler, L *lua.LState) int {
	n := L.GetTop()
	if n < 1 || n > 3 {
		L.RaiseError("expecting 1, 2 or 3 arguments but seen %d", n)
	}
	uri := checkString(L, 1, "set_uri")
	if uri == "" {
		L.RaiseError("attempt to use zero-length uri")
	}
	if n < 3 || !checkBool(L, 3, "set_uri") {
		for i := 0; i < len(uri); i++ {
			if c := uri[i]; c < 0x20 || c == 0x7f {
				L.RaiseError("unsafe byte \"0x%02x\" in uri \"%s\" (maybe you want to set the 'binary' argument?)", c, escapeLog(uri))
			}
		}
	}
	jump := n >= 2 && checkBool(L, 2, "set_uri")
	if jump {
		if h.phase != PhaseRewrite && h.phase != PhaseServerRewrite {
			badPhase(L, h.phase, false)
		}
		h.abortable(L)
	}
	h.req.SetURI(uri)
	if jump {
		h.st.ctx = nil
		return h.end(L, Outcome{Kind: RewriteJump, URI: uri})
	}
	return 0
}

// reqSetURIArgs is ngx.req.set_uri_args(args).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqset_uri_args
func reqSetURIArgs(h *handler, L *lua.LState) int {
	if n := L.GetTop(); n != 1 {
		L.RaiseError("expecting 1 argument but seen %d", n)
	}
	switch v := L.Get(1).(type) {
	case lua.LNumber:
		h.req.SetArgs(numberText(v))
	case lua.LString:
		h.req.SetArgs(escape(string(v), &setURIArgsSet))
	case *lua.LTable:
		h.req.SetArgs(h.w.encodeArgs(L, v))
	default:
		vm.ArgError(L, 1, "set_uri_args", "string, number, or table expected, but got "+typeName(L, 1))
	}
	return 0
}

// reqGetURIArgs is ngx.req.get_uri_args(max, tab).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqget_uri_args
func reqGetURIArgs(h *handler, L *lua.LState) int {
	limit := maxArgs
	if v := L.Get(1); v != lua.LNil && v != lua.LFalse {
		if limit = int(checkNumber(L, 1, "get_uri_args")); limit < 0 {
			limit = maxArgs
		}
	}
	t, ok := L.Get(2).(*lua.LTable)
	if ok {
		clearTable(t)
	} else {
		t = L.CreateTable(0, 4)
	}
	return pushArgs(L, h.req.Args(), limit, t)
}

// clearTable empties a table.
func clearTable(t *lua.LTable) {
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(lua.LNil) {
		t.RawSet(k, lua.LNil)
	}
}

// reqGetPostArgs is ngx.req.get_post_args(max). A body in a temporary file is
// an error.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqget_post_args
func reqGetPostArgs(h *handler, L *lua.LState) int {
	n, limit := L.GetTop(), maxArgs
	if n > 1 {
		L.RaiseError("expecting 0 or 1 arguments but seen %d", n)
	}
	if n == 1 {
		limit = int(checkNumber(L, 1, "get_post_args"))
	}
	if !h.req.BodyRead() {
		L.RaiseError("no request body found; maybe you should turn on lua_need_request_body?")
	}
	data, inFile := h.req.BodyData()
	if inFile {
		return fail(L, "request body in temp file not supported")
	}
	return pushArgs(L, string(data), limit, L.CreateTable(0, 4))
}

// reqGetHeaders is ngx.req.get_headers(max, raw).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqget_headers
func reqGetHeaders(h *handler, L *lua.LState) int {
	limit, raw := headerLimit(L)
	hs, truncated := h.headers, h.truncated
	if h.limit != limit || hs == nil {
		hs, truncated = h.req.Headers(limit)
		h.headers, h.truncated, h.limit = hs, truncated, limit
	}
	L.Push(h.w.headersTable(hs, raw))
	if truncated {
		h.req.Log(logDebug, fmt.Sprintf("lua exceeding request header limit %d > %d", len(hs)+1, limit))
		L.Push(lua.LString("truncated"))
		return 2
	}
	return 1
}

// reqSetHeader is ngx.req.set_header(name, value): nil removes, a table sets
// several lines.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqset_header
func reqSetHeader(h *handler, L *lua.LState) int {
	if L.Get(1) == lua.LNil {
		L.RaiseError("bad 'name' argument: string expected, got nil")
	}
	return h.setReqHeader(L, L.Get(2))
}

// reqClearHeader is ngx.req.clear_header(name).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqclear_header
func reqClearHeader(h *handler, L *lua.LState) int { return h.setReqHeader(L, lua.LNil) }

func (h *handler) setReqHeader(L *lua.LState, v lua.LValue) int {
	if h.req.HTTPVersion() < 10 {
		return 0 // HTTP/0.9 has no headers
	}
	name := escape(h.w.text(L, L.Get(1)), &headerNameSet)
	var vals []string
	switch v := v.(type) {
	case *lua.LNilType:
	case *lua.LTable:
		for i, n := 1, v.Len(); i <= n; i++ {
			vals = append(vals, escape(h.w.text(L, v.RawGetInt(i)), &headerValueSet))
		}
	default:
		vals = []string{escape(h.w.text(L, v), &headerValueSet)}
	}
	h.headers = nil
	h.req.SetHeader(name, vals)
	return 0
}
