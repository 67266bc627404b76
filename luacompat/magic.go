package luacompat

import (
	lua "github.com/yuin/gopher-lua"
)

// openMagic gives the ngx table its computed fields: ctx, status,
// headers_sent, is_subrequest.
func (w *Worker) openMagic() {
	L := w.vm.Root()
	mt := w.table()
	mt.RawSetString("__index", L.NewFunction(w.magicGet))
	mt.RawSetString("__newindex", L.NewFunction(w.magicSet))
	w.ngx.Metatable = mt
}

// Where the computed fields may be used.
var (
	inStatus  = inRequest
	inSent    = in(PhaseSet, PhaseServerRewrite, PhaseRewrite, PhaseAccess, PhasePrecontent, PhaseContent) | inFilters
	inSubreq  = inSent
	inCtxLess = in(PhaseInit)
)

func (w *Worker) magicGet(L *lua.LState) int {
	key, ok := L.Get(2).(lua.LString)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	switch key {
	case "ctx":
		L.Push(w.request(L, inAll&^inCtxLess).ctxTable())
	case "status":
		h := w.request(L, inStatus)
		L.Push(lua.LNumber(h.req.Status()))
	case "headers_sent":
		h := w.request(L, inSent)
		L.Push(lua.LBool(h.req.HeaderSent()))
	case "is_subrequest":
		h := w.request(L, inSubreq)
		L.Push(lua.LBool(h.req.IsSubrequest()))
	default:
		L.Push(lua.LNil)
	}
	return 1
}

func (w *Worker) magicSet(L *lua.LState) int {
	switch key, _ := L.Get(2).(lua.LString); key {
	case "ctx":
		h := w.request(L, inAll&^inCtxLess)
		t, ok := L.Get(3).(*lua.LTable)
		if !ok {
			L.RaiseError("ctx should be a table while getting a %s", valueType(L.Get(3)))
		}
		h.st.ctx = t
		if hs := h.handshake(); hs != nil && inSSL.has(h.phase) {
			t.RawSetString("__index", t)
			hs.ctx = t
		}
	case "status":
		h := w.request(L, inStatus&^in(PhaseBalancer))
		n, ok := toNumber(L.Get(3))
		if !ok {
			L.RaiseError("bad argument #2 to 'set_status' (cannot convert '%s' to 'int')", valueType(L.Get(3)))
		}
		h.setStatus(int(n))
	case "headers_sent", "is_subrequest":
		fallthrough
	default:
		L.CheckTable(1).RawSet(L.Get(2), L.Get(3))
	}
	return 0
}

// request is the running handler, checked for its phase.
func (w *Worker) request(L *lua.LState, phases phaseSet) *handler {
	h := w.cur()
	if h == nil || h.req == nil {
		L.RaiseError(msgNoRequest)
	}
	if !phases.has(h.phase) {
		L.RaiseError(msgBadContext)
	}
	return h
}

// ctxTable is ngx.ctx: one table for a request, made at its first use.
//
// See: https://github.com/openresty/lua-nginx-module#ngxctx
func (h *handler) ctxTable() *lua.LTable {
	if h.st.ctx == nil {
		return h.ctxFrom(nil)
	}
	return h.st.ctx
}

// ctxFrom is ctxTable, which becomes the given table (nil: a new one) when the
// request has none. The scripts of a TLS handshake share a table, and the
// connection's requests see its fields through theirs.
func (h *handler) ctxFrom(t *lua.LTable) *lua.LTable {
	if h.st.ctx != nil {
		return h.st.ctx
	}
	hs := h.handshake()
	ssl := hs != nil && inSSL.has(h.phase)
	if ssl && hs.ctx != nil {
		return hs.ctx
	}
	if t == nil {
		t = h.w.vm.Root().CreateTable(0, 4)
	}
	switch {
	case ssl:
		t.RawSetString("__index", t)
		hs.ctx = t
	case hs != nil && hs.ctx != nil:
		t.Metatable = hs.ctx
	}
	h.st.ctx = t
	return t
}

// setStatus is ngx.status = n.
//
// See: https://github.com/openresty/lua-nginx-module#ngxstatus
func (h *handler) setStatus(n int) {
	if h.req.HeaderSent() {
		h.req.Log(logErr, "attempt to set ngx.status after sending out response headers")
		return
	}
	h.req.SetStatus(n)
}
