package vm

import (
	lua "github.com/yuin/gopher-lua"
)

// PCall calls fn from Go below Lua code and returns its results. Use it instead
// of LState.PCall and CallByParam, which damage the calling thread. An Unwind is
// not caught: it passes on.
func (v *VM) PCall(L *lua.LState, fn lua.LValue, args ...lua.LValue) ([]lua.LValue, error) {
	th := v.getThread()
	C := th.L
	C.Push(v.tramp)
	C.Push(fn)
	for _, a := range args {
		C.Push(a)
	}
	err := v.call(th, len(args), v.hookCatch)
	if err != nil {
		v.putThread(th)
		if ae, ok := err.(*lua.ApiError); ok && ae.Object == v.unwindUD {
			L.Error(v.unwindUD, 0)
		}
		return nil, v.fault(err)
	}
	res := make([]lua.LValue, C.GetTop())
	for i := range res {
		res[i] = C.Get(i + 1)
	}
	C.SetTop(0)
	v.putThread(th)
	return res, nil
}
