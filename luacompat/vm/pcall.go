package vm

import (
	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// enter prepares a pooled thread for a protected call. It raises a stack
// overflow when protected calls nest too deeply.
func (v *VM) enter(L *lua.LState, fn lua.LValue) *thread {
	if v.cur.depth >= maxDepth {
		L.RaiseError("stack overflow")
	}
	th := v.getThread()
	th.L.Push(v.trampValue)
	th.L.Push(fn)
	return th
}

// failed gives th back after an error and returns the error's value; an Unwind
// is passed on through L instead.
func (v *VM) failed(L *lua.LState, th *thread, err error) lua.LValue {
	v.putThread(th)
	v.chain, v.chainOf = nil, nil
	ae, ok := err.(*lua.ApiError)
	if !ok {
		return lua.LString(err.Error())
	}
	if ae.Object == v.unwindValue {
		v.Throw(L, v.unwindValue)
	}
	return ae.Object
}

// basePcall is pcall. The body runs on a thread of its own.
//
// See: https://www.lua.org/manual/5.1/manual.html#pdf-pcall
func (v *VM) basePcall(L *lua.LState) int {
	n := L.GetTop()
	if n == 0 {
		return ArgError(L, 1, "pcall", "value expected")
	}
	th := v.enter(L, L.Get(1))
	C := th.L
	for i := 2; i <= n; i++ {
		C.Push(L.Get(i))
	}
	if err := v.call(th, v.cur.th, n-1, v.catch); err != nil {
		e := v.failed(L, th, err)
		L.Push(lua.LFalse)
		L.Push(e)
		return 2
	}
	return 1 + v.moveResults(L, th, true)
}

// moveResults moves the results of th to L, after true when ok is set, and gives
// the thread back.
func (v *VM) moveResults(L *lua.LState, th *thread, ok bool) int {
	if ok {
		L.Push(lua.LTrue)
	}
	C := th.L
	n := C.GetTop()
	for i := 1; i <= n; i++ {
		L.Push(C.Get(i))
	}
	C.SetTop(0)
	v.putThread(th)
	return n
}

// baseXpcall is xpcall with LuaJIT's further arguments for the function. The
// handler runs at the point of the error, before the stack is unwound.
//
// See: https://luajit.org/extensions.html#lua52
func (v *VM) baseXpcall(L *lua.LState) int {
	n := L.GetTop()
	if n < 2 {
		return ArgError(L, n+1, "xpcall", "value expected")
	}
	handler := L.Get(2)
	if _, ok := handler.(*lua.LFunction); !ok {
		return TypeError(L, 2, "function")
	}
	th := v.enter(L, L.Get(1))
	C := th.L
	for i := 3; i <= n; i++ {
		C.Push(L.Get(i))
	}
	hook := func(E *lua.LState) {
		e := v.errorValue(E)
		if e == v.unwindValue {
			v.raise(e, "")
		}
		v.raise(v.handle(E, handler, e), "")
	}
	if err := v.call(th, v.cur.th, max(n-2, 0), hook); err != nil {
		e := v.failed(L, th, err)
		L.Push(lua.LFalse)
		L.Push(e)
		return 2
	}
	return 1 + v.moveResults(L, th, true)
}

// handle calls an error handler above the erroneous thread and returns its first
// result.
func (v *VM) handle(E *lua.LState, handler, e lua.LValue) lua.LValue {
	fault := lua.LString("error in error handling")
	if _, ok := handler.(*lua.LFunction); !ok || v.cur.depth >= maxDepth+100 {
		return fault
	}
	th := v.getThread()
	th.L.Push(v.trampValue)
	th.L.Push(handler)
	th.L.Push(e)
	if err := v.call(th, v.cur.th, 1, v.catch); err != nil {
		v.putThread(th)
		if ae, ok := err.(*lua.ApiError); ok && ae.Object == v.unwindValue {
			return v.unwindValue
		}
		return fault
	}
	ret := th.L.Get(1)
	th.L.SetTop(0)
	v.putThread(th)
	return ret
}

// PCall calls fn from Go below Lua code and returns its results. Use it instead
// of LState.PCall and CallByParam, which damage the calling thread. An Unwind is
// not caught: it passes on. Errors are *Error without a traceback.
func (v *VM) PCall(L *lua.LState, fn lua.LValue, args ...lua.LValue) ([]lua.LValue, error) {
	th := v.enter(L, fn)
	C := th.L
	for _, a := range args {
		C.Push(a)
	}
	if err := v.call(th, v.cur.th, len(args), v.catch); err != nil {
		return nil, newError(v.failed(L, th, err), "")
	}
	res := make([]lua.LValue, C.GetTop())
	for i := range res {
		res[i] = C.Get(i + 1)
	}
	C.SetTop(0)
	v.putThread(th)
	return res, nil
}

// baseError is error: a string or number gets the position of the level-th
// function, 1 being the caller of error.
//
// See: https://www.lua.org/manual/5.1/manual.html#pdf-error
func (v *VM) baseError(L *lua.LState) int {
	e := L.Get(1)
	level := 1
	if L.GetTop() >= 2 && L.Get(2) != lua.LNil {
		level = int(L.CheckNumber(2))
	}
	if level > 0 {
		switch x := e.(type) {
		case lua.LString:
			e = lua.LString(v.Where(L, level) + string(x))
		case lua.LNumber:
			e = lua.LString(v.Where(L, level) + stdlib.NumberString(float64(x)))
		}
	}
	return v.Throw(L, e)
}
