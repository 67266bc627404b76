package vm

import (
	lua "github.com/yuin/gopher-lua"
)

// coro is a coroutine or the thread object of a task.
type coro struct {
	v  *VM
	id lua.LState // what Lua sees; it never runs
}

func (v *VM) openCoroutine() error { return nil }

func (t *Task) endCoroutines() {}

// Thread is the thread object of t as Lua sees it.
func (t *Task) Thread() *lua.LState {
	if t.id == nil {
		t.id = &coro{v: t.VM}
	}
	return &t.id.id
}
