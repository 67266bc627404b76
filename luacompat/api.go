package luacompat

import (
	lua "github.com/yuin/gopher-lua"
)

// api is one row of an API table: a Lua name, where it may be called, and what
// it does. h is never nil in fn.
type api struct {
	name   string
	phases phaseSet
	fn     func(h *handler, L *lua.LState) int
	// short selects the message of lua-resty-core, which does not name the
	// phase.
	short bool
}

// Messages that many functions share.
const (
	msgNoRequest  = "no request found"
	msgBadContext = "API disabled in the current context"
)

// cur is the running handler; nil outside of one.
func (w *Worker) cur() *handler {
	if t := w.vm.Cur(); t != nil {
		h, _ := t.Host.(*handler)
		return h
	}
	return nil
}

// function makes the Lua function of a row.
func (w *Worker) function(a api) *lua.LFunction {
	fn := w.vm.Root().NewFunction(func(L *lua.LState) int {
		h := w.cur()
		if h == nil || h.req == nil {
			L.RaiseError(msgNoRequest)
		}
		if !a.phases.has(h.phase) {
			badPhase(L, h.phase, a.short)
		}
		return a.fn(h, L)
	})
	if w.phases != nil {
		w.phases[fn] = a.phases
	}
	return fn
}

// anywhere makes a Lua function that needs no request.
func (w *Worker) anywhere(fn func(w *Worker, L *lua.LState) int) *lua.LFunction {
	return w.vm.Root().NewFunction(func(L *lua.LState) int { return fn(w, L) })
}

func badPhase(L *lua.LState, p Phase, short bool) {
	if short {
		L.RaiseError(msgBadContext)
	}
	L.RaiseError("API disabled in the context of %s", phaseContexts[p])
}

// register puts the rows into t.
func (w *Worker) register(t *lua.LTable, rows []api) {
	for _, a := range rows {
		t.RawSetString(a.name, w.function(a))
	}
}

// plain is a row that needs no request.
type plain struct {
	name string
	fn   func(w *Worker, L *lua.LState) int
}

func (w *Worker) registerPlain(t *lua.LTable, rows []plain) {
	for _, a := range rows {
		t.RawSetString(a.name, w.anywhere(a.fn))
	}
}

// table makes an empty table without gopher-lua's generous preallocation.
func (w *Worker) table() *lua.LTable { return w.vm.Root().CreateTable(0, 0) }

// Results.

func fail(L *lua.LState, msg string) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(msg))
	return 2
}

func failFalse(L *lua.LState, msg string) int {
	L.Push(lua.LFalse)
	L.Push(lua.LString(msg))
	return 2
}

func pushString(L *lua.LState, s string) int {
	L.Push(lua.LString(s))
	return 1
}

func pushNumber(L *lua.LState, n float64) int {
	L.Push(lua.LNumber(n))
	return 1
}

func pushBool(L *lua.LState, b bool) int {
	L.Push(lua.LBool(b))
	return 1
}

// pushOne is the success of the C functions: the integer 1.
func pushOne(L *lua.LState) int {
	L.Push(one)
	return 1
}

var one lua.LValue = lua.LNumber(1)
