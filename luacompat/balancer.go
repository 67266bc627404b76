package luacompat

import (
	"time"

	lua "github.com/yuin/gopher-lua"
)

// openBalancer makes the module ngx.balancer.
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/balancer.md
func (w *Worker) openBalancer(L *lua.LState) int {
	return pushTable(L, w.module(L,
		plain{"set_current_peer", setCurrentPeer},
		plain{"set_more_tries", setMoreTries},
		plain{"get_last_failure", getLastFailure},
		plain{"set_timeouts", setTimeouts},
		plain{"recreate_request", recreateRequest},
	))
}

// balancer is the running balancer phase; msg says why there is none.
func (w *Worker) balancer(L *lua.LState) (b Balancer, msg string) {
	h := w.cur()
	if h == nil || h.req == nil {
		L.RaiseError(msgNoRequest)
	}
	if h.phase != PhaseBalancer {
		return nil, msgBadContext
	}
	b, ok := h.req.(Balancer)
	if !ok {
		return nil, msgBadContext
	}
	return b, ""
}

func setCurrentPeer(w *Worker, L *lua.LState) int {
	b, msg := w.balancer(L)
	if msg != "" {
		return fail(L, msg)
	}
	addr, port := checkString(L, 1, "set_current_peer"), 0.0
	if v := L.Get(2); lua.LVAsBool(v) {
		port = checkNumber(L, 2, "set_current_peer")
	}
	if err := b.SetCurrentPeer(addr, int(port)); err != nil {
		return fail(L, err.Error())
	}
	return pushBool(L, true)
}

func setMoreTries(w *Worker, L *lua.LState) int {
	b, msg := w.balancer(L)
	if msg != "" {
		return fail(L, msg)
	}
	warning, err := b.SetMoreTries(int(checkNumber(L, 1, "set_more_tries")))
	if err != nil {
		return fail(L, err.Error())
	}
	L.Push(lua.LTrue)
	if warning == "" {
		return 1
	}
	L.Push(lua.LString(warning))
	return 2
}

func getLastFailure(w *Worker, L *lua.LState) int {
	b, msg := w.balancer(L)
	if msg != "" {
		L.Push(lua.LNil)
		return 1 + fail(L, msg)
	}
	state, status := b.LastFailure()
	if state == "" {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LString(state))
	L.Push(lua.LNumber(status))
	return 2
}

func setTimeouts(w *Worker, L *lua.LState) int {
	var d [3]time.Duration
	for i, name := range []string{"connect", "send", "read"} {
		v := L.Get(i + 1)
		if !lua.LVAsBool(v) {
			continue
		}
		n, ok := v.(lua.LNumber)
		if !ok || n <= 0 {
			L.RaiseError("bad %s timeout", name)
		}
		d[i] = time.Duration(float64(n) * float64(time.Second))
	}
	b, msg := w.balancer(L)
	if msg != "" {
		return failFalse(L, msg)
	}
	if err := b.SetTimeouts(d[0], d[1], d[2]); err != nil {
		return failFalse(L, err.Error())
	}
	return pushBool(L, true)
}

func recreateRequest(w *Worker, L *lua.LState) int {
	b, msg := w.balancer(L)
	if msg != "" {
		return fail(L, msg)
	}
	if err := b.RecreateRequest(); err != nil {
		return fail(L, err.Error())
	}
	return pushBool(L, true)
}
