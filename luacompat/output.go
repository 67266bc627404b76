package luacompat

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// QuickWriter is what a Request may offer to make ngx.say and ngx.print cheap:
// WriteQuick takes p if that needs no waiting and runs no Lua, so that the VM's
// lock need not be released, and tells whether it did.
type QuickWriter interface {
	WriteQuick(p []byte) bool
}

func (w *Worker) openOutput() {
	w.register(w.ngx, []api{
		{name: "send_headers", phases: inYield, fn: sendHeaders},
		{name: "print", phases: inYield, fn: func(h *handler, L *lua.LState) int { return h.echo(L, "print") }},
		{name: "say", phases: inYield, fn: func(h *handler, L *lua.LState) int { return h.echo(L, "say") }},
		{name: "flush", phases: inYield, fn: flush},
		{name: "eof", phases: inYield, fn: eof},
	})
}

// echo is ngx.print and ngx.say: it passes its arguments to the response,
// nested arrays flattened, and sends the header first. Errors come back as
// nil and a text.
//
// See: https://github.com/openresty/lua-nginx-module#ngxprint
func (h *handler) echo(L *lua.LState, fname string) int {
	if msg := h.notWritable(); msg != "" {
		return fail(L, msg)
	}
	h.traceCall(L, "ngx."+fname)
	b := h.buf[:0]
	for i, n := 1, L.GetTop(); i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			b = append(b, v...)
		case lua.LNumber:
			b = appendNumber(b, float64(v))
		case lua.LBool:
			b = appendBool(b, bool(v))
		case *lua.LNilType:
			b = append(b, "nil"...)
		case *lua.LTable:
			b = h.appendTable(L, b, v, i, fname)
		default:
			if v != h.w.null {
				vm.ArgError(L, i, fname, "string, number, boolean, nil, ngx.null, or array table expected, but got "+valueType(v))
			}
			b = append(b, "null"...)
		}
	}
	if fname == "say" {
		b = append(b, '\n')
	}
	h.buf = b
	if len(b) > 0 {
		h.st.seenBody = true
	} else if h.req.HeaderSent() {
		return pushOne(L)
	}
	if q, ok := h.req.(QuickWriter); !ok || !q.WriteQuick(b) {
		h.w.vm.Aside(h.writeFn)
		if h.writeErr != nil {
			return fail(L, "nginx output filter error")
		}
	}
	return pushOne(L)
}

// write passes h.buf on; it runs with the VM's lock released.
func (h *handler) write() {
	if b := h.buf; len(b) > 0 {
		// Filters may run Lua of this request, which must not reuse the buffer.
		h.buf = nil
		h.writeErr = h.req.Write(b)
		h.buf = b
	} else {
		h.writeErr = h.req.SendHeader()
	}
}

// notWritable is why nothing can be written now, "" when it can.
func (h *handler) notWritable() string {
	switch {
	case h.st.rawSocket:
		return "raw request socket acquired"
	case h.req.HeadOnly():
		return "header only"
	case h.req.EOFSent():
		return "seen eof"
	}
	return ""
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

// appendTable appends an array table's items, nested ones included.
func (h *handler) appendTable(L *lua.LState, b []byte, t *lua.LTable, arg int, fname string) []byte {
	b, msg := appendArray(h.w, b, t, false)
	if msg != "" {
		vm.ArgError(L, arg, fname, msg)
	}
	return b
}

// appendArray appends the items 1 to the largest index. strict refuses nil,
// booleans and null, as cosockets do. msg says what was wrong.
func appendArray(w *Worker, b []byte, t *lua.LTable, strict bool) (_ []byte, msg string) {
	w.fill(t)
	top := 0
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		n, ok := k.(lua.LNumber)
		if !ok || float64(n) != math.Floor(float64(n)) || n < 1 {
			return b, "non-array table found"
		}
		top = max(top, int(n))
	}
	for i := 1; i <= top; i++ {
		v := t.RawGetInt(i)
		switch v := v.(type) {
		case lua.LString:
			b = append(b, v...)
			continue
		case lua.LNumber:
			b = appendNumber(b, float64(v))
			continue
		case *lua.LTable:
			if b, msg = appendArray(w, b, v, strict); msg != "" {
				return b, msg
			}
			continue
		case lua.LBool:
			if !strict {
				b = appendBool(b, bool(v))
				continue
			}
		case *lua.LNilType:
			if !strict {
				b = append(b, "nil"...)
				continue
			}
		case *lua.LUserData:
			if !strict && v == w.null {
				b = append(b, "null"...)
				continue
			}
		}
		return b, "bad data type " + valueType(v) + " found"
	}
	return b, ""
}

// sendHeaders is ngx.send_headers.
//
// See: https://github.com/openresty/lua-nginx-module#ngxsend_headers
func sendHeaders(h *handler, L *lua.LState) int {
	if !h.req.HeaderSent() {
		var err error
		h.w.vm.Aside(func() { err = h.req.SendHeader() })
		if err != nil {
			return fail(L, "nginx output filter error")
		}
	}
	return pushOne(L)
}

// flush is ngx.flush: with true it waits until the client's kernel has the
// data.
//
// See: https://github.com/openresty/lua-nginx-module#ngxflush
func flush(h *handler, L *lua.LState) int {
	if n := L.GetTop(); n > 1 {
		L.RaiseError("attempt to pass %d arguments, but accepted 0 or 1", n)
	}
	wait := false
	if L.GetTop() == 1 && !h.req.IsSubrequest() {
		wait = checkBool(L, 1, "flush")
	}
	if msg := h.notWritable(); msg != "" {
		return fail(L, msg)
	}
	if h.req.HTTPVersion() < 11 && h.conf.HTTP10Buffering && !h.req.IsSubrequest() {
		return fail(L, "buffering")
	}
	if !h.req.HeaderSent() || !h.st.seenBody && !wait {
		return fail(L, "nothing to flush")
	}
	// Aside keeps the turn: no other light thread writes meanwhile.
	var err error
	h.w.vm.Aside(func() { err = h.req.Flush(wait) })
	if err != nil {
		if wait {
			return fail(L, flushError(err))
		}
		return fail(L, "nginx output filter error")
	}
	return pushOne(L)
}

func flushError(err error) string {
	if t, ok := err.(interface{ Timeout() bool }); ok && t.Timeout() {
		return "timeout"
	}
	return "client aborted"
}

// eof is ngx.eof: it ends the response, the script may go on.
//
// See: https://github.com/openresty/lua-nginx-module#ngxeof
func eof(h *handler, L *lua.LState) int {
	if L.GetTop() != 0 {
		L.RaiseError("no argument is expected")
	}
	if h.st.rawSocket {
		return fail(L, "raw request socket acquired")
	}
	if h.req.EOFSent() {
		return fail(L, "seen eof")
	}
	var err error
	h.w.vm.Aside(func() { err = h.req.EOF() })
	if err != nil {
		return fail(L, "nginx output filter error")
	}
	return pushOne(L)
}
