package luacompat

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

func (w *Worker) openControl() {
	inExit := inYield | inSSL | in(PhaseTimer, PhaseHeaderFilter, PhaseBalancer)
	w.register(w.ngx, []api{
		{name: "exec", phases: inYield, fn: exec},
		{name: "redirect", phases: inYield, fn: redirect},
		{name: "exit", phases: inExit, fn: exit},
		{name: "on_abort", phases: inYield, fn: onAbort},
	})
}

// exit is ngx.exit: it leaves the handler with a status. In the header filter
// and the balancer phase it only notes the status.
//
// See: https://github.com/openresty/lua-nginx-module#ngxexit
func exit(h *handler, L *lua.LState) int {
	status := int(checkNumber(L, 1, "exit"))
	h.traceCall(L, "ngx.exit")
	if status == ngxAgain || status == ngxDone {
		L.RaiseError("bad argument to 'ngx.exit': does not accept NGX_AGAIN or NGX_DONE")
	}
	final := status == ngxError || status == 444 || status == 408 || status == 499
	if h.st.noAbort > 0 && !final {
		L.RaiseError("attempt to abort with pending subrequests")
	}
	if status >= 300 && !final && h.phase != PhaseTimer && h.req.HeaderSent() {
		if sent := h.req.Status(); status != sent {
			h.req.Log(logErr, fmt.Sprintf("attempt to set status %d via ngx.exit after sending out the response status %d", status, sent))
		}
		status = 200
	}
	out := Outcome{Kind: ExitStatus, Status: status}
	if h.phase == PhaseHeaderFilter || h.phase == PhaseBalancer {
		h.out = out
		return 0
	}
	return h.end(L, out)
}

// abortable refuses to leave the handler while subrequests are under way.
func (h *handler) abortable(L *lua.LState) {
	if h.st.noAbort > 0 {
		L.RaiseError("attempt to abort with pending subrequests")
	}
}

// exec is ngx.exec(uri, args): an internal redirect. Nothing after it runs.
//
// See: https://github.com/openresty/lua-nginx-module#ngxexec
func exec(h *handler, L *lua.LState) int {
	n := L.GetTop()
	if n != 1 && n != 2 {
		L.RaiseError("expecting one or two arguments, but got %d", n)
	}
	uri := checkString(L, 1, "exec")
	if uri == "" {
		L.RaiseError("The uri argument is empty")
	}
	h.abortable(L)
	path, args, ok := parseUnsafeURI(uri)
	if !ok {
		h.req.Log(logErr, fmt.Sprintf("unsafe URI %q was detected", uri))
		L.RaiseError("unsafe uri")
	}
	if n == 2 {
		more := ""
		switch v := L.Get(2).(type) {
		case lua.LString:
			more = string(v)
		case lua.LNumber:
			more = numberText(v)
		case *lua.LTable:
			more = h.w.encodeArgs(L, v)
		case *lua.LNilType:
		default:
			vm.ArgError(L, 2, "exec", "string, number, or table expected, but got "+typeName(L, 2))
		}
		if args != "" && more != "" {
			args += "&"
		}
		args += more
	}
	if h.req.HeaderSent() {
		L.RaiseError("attempt to call ngx.exec after sending out response headers")
	}
	h.traceCall(L, "ngx.exec")
	if path[0] == '@' && args != "" {
		h.req.Log(logWarn, "query strings "+args+" ignored when exec'ing named location "+path)
	}
	return h.end(L, Outcome{Kind: Exec, URI: path, Args: args, HasArgs: args != ""})
}

// redirect is ngx.redirect(uri, status): Location stays as given.
//
// See: https://github.com/openresty/lua-nginx-module#ngxredirect
func redirect(h *handler, L *lua.LState) int {
	n := L.GetTop()
	if n != 1 && n != 2 {
		L.RaiseError("expecting one or two arguments")
	}
	uri, status := checkString(L, 1, "redirect"), 302
	if n == 2 {
		status = int(checkNumber(L, 2, "redirect"))
		switch status {
		case 301, 302, 303, 307, 308:
		default:
			L.RaiseError("only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY, " +
				"ngx.HTTP_PERMANENT_REDIRECT, ngx.HTTP_SEE_OTHER, and " +
				"ngx.HTTP_TEMPORARY_REDIRECT are allowed")
		}
	}
	h.abortable(L)
	if h.req.HeaderSent() {
		L.RaiseError("attempt to call ngx.redirect after sending out the headers")
	}
	checkUnsafe(L, uri, "redirect uri")
	h.traceCall(L, "ngx.redirect")
	return h.end(L, Outcome{Kind: Redirect, URI: uri, Status: status})
}

// checkUnsafe raises the error of a text with control characters, which could
// split a header.
func checkUnsafe(L *lua.LState, s, what string) {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == 0x7f {
			L.RaiseError("unsafe byte \"0x%02x\" in %s \"%s\"", c, what, escapeLog(s))
		}
	}
}

// escapeLog writes a text as ngx_lua shows it in errors: control characters
// and what is not ASCII as \xHH.
func escapeLog(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			fmt.Fprintf(&b, `\x%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// onAbort is ngx.on_abort(f): f runs as a light thread when the client goes
// away.
//
// See: https://github.com/openresty/lua-nginx-module#ngxon_abort
func onAbort(h *handler, L *lua.LState) int {
	fn := checkFunction(L, 1, "on_abort")
	if h.st.abortFn != nil {
		return fail(L, "duplicate call")
	}
	if !h.conf.CheckClientAbort {
		return fail(L, "lua_check_client_abort is off")
	}
	if h.parent == nil {
		h.cancellable()
	}
	h.st.abortFn = fn
	h.abort = h.w.vm.Cur().Sibling()
	t := h.abort
	if err := h.req.OnAbort(func() { h.aborted(t, fn) }); err != nil {
		h.st.abortFn, h.abort = nil, nil
		return fail(L, err.Error())
	}
	return pushOne(L)
}

// aborted runs the callback of ngx.on_abort; the host calls it from a
// goroutine of its own when the client has gone away.
func (h *handler) aborted(t *vm.Task, fn *lua.LFunction) {
	v := t.VM
	v.Lock()
	if h.abort != t || h.ended {
		v.Unlock()
		return
	}
	h.threads = append(h.threads, t)
	v.Unlock()
	_, err := t.RunN(nil, fn)
	v.Lock()
	h.logThread(err)
	h.threadEnded(t)
	v.Unlock()
}

// logThread logs what ended a light thread, unless it ended by itself.
func (h *handler) logThread(err error) {
	if e, ok := err.(*vm.Error); ok {
		h.req.Log(logErr, "lua user thread aborted: runtime error: "+withThreads(e))
	}
}
