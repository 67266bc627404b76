package vm

import (
	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// openCoroutine replaces the coroutine library.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.2
func (v *VM) openCoroutine() {
	L := v.root
	t := L.CreateTable(0, 8)
	for name, fn := range map[string]lua.LGFunction{
		"create":      v.coroutineCreate,
		"isyieldable": v.coroutineIsyieldable,
		"resume":      v.coroutineResume,
		"running":     v.coroutineRunning,
		"status":      v.coroutineStatus,
		"wrap":        v.coroutineWrap,
		"yield":       v.coroutineYield,
	} {
		t.RawSetString(name, L.NewFunction(fn))
	}
	stdlib.Register(L, "coroutine", t)
}

// coroutineCreate takes Lua functions and Go functions, as LuaJIT does.
func (v *VM) coroutineCreate(L *lua.LState) int {
	fn, ok := L.Get(1).(*lua.LFunction)
	if !ok {
		return TypeError(L, 1, "function")
	}
	L.Push(&v.newCoro(fn).id)
	return 1
}

func (v *VM) checkCoro(L *lua.LState) *coro {
	th, ok := L.Get(1).(*lua.LState)
	if !ok {
		ArgError(L, 1, "resume", "coroutine expected")
	}
	c := v.coroOf(th)
	if c == nil {
		ArgError(L, 1, "resume", "coroutine expected")
	}
	return c
}

func (v *VM) coroutineResume(L *lua.LState) int {
	c := v.checkCoro(L)
	if s := c.state(); s != suspended || c.task != nil {
		L.Push(lua.LFalse)
		L.Push(lua.LString("cannot resume " + statusNames[s] + " coroutine"))
		return 2
	}
	ok := v.resume(L, c, stackFrom(L, 2, &v.scratch))
	L.Push(lua.LBool(ok))
	return 1 + c.take(L)
}

// take pushes what c handed over.
func (c *coro) take(L *lua.LState) int {
	n := len(c.xfer)
	for i, a := range c.xfer {
		L.Push(a)
		c.xfer[i] = nil
	}
	c.xfer = c.xfer[:0]
	return n
}

// stackFrom collects the arguments from the n-th on in a buffer.
func stackFrom(L *lua.LState, n int, buf *[]lua.LValue) []lua.LValue {
	b := (*buf)[:0]
	for i, top := n, L.GetTop(); i <= top; i++ {
		b = append(b, L.Get(i))
	}
	*buf = b
	return b
}

// coroutineWrap raises the errors of the coroutine as they are.
func (v *VM) coroutineWrap(L *lua.LState) int {
	fn, ok := L.Get(1).(*lua.LFunction)
	if !ok {
		return TypeError(L, 1, "function")
	}
	c := v.newCoro(fn)
	c.wrap = true
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if s := c.state(); s != suspended {
			return v.Throw(L, lua.LString(v.Where(L, 1)+"cannot resume "+statusNames[s]+" coroutine"))
		}
		if !v.resume(L, c, stackFrom(L, 1, &v.scratch)) {
			e := c.xfer[0]
			c.xfer = nil
			if v.chainOf != e {
				v.chain, v.chainOf = nil, e
			}
			v.chain = append(v.chain, c.last)
			return v.Throw(L, e)
		}
		return c.take(L)
	}))
	return 1
}

// coroutineYield in the body of a task yields to the scheduler: whoever waits
// for the VM runs first.
func (v *VM) coroutineYield(L *lua.LState) int {
	t := v.cur
	c := t.co
	if c == nil {
		if t.NoYield {
			L.RaiseError("attempt to yield across C-call boundary")
		}
		v.Yield()
		return 0
	}
	stackFrom(L, 1, &c.xfer)
	v.suspend(L, c)
	return c.take(L)
}

func (v *VM) coroutineStatus(L *lua.LState) int {
	L.Push(lua.LString(statusNames[v.checkCoro(L).state()]))
	return 1
}

// state is the status of a coroutine or of a task's thread.
func (c *coro) state() status {
	t := c.task
	switch {
	case t == nil:
		return c.status
	case t.ended && t.parent != nil && !t.parent.ended && !t.Collected:
		return zombie
	case t.ended || t.killed:
		return dead
	case t.co != nil:
		return normal
	}
	return running
}

func (v *VM) coroutineRunning(L *lua.LState) int {
	if c := v.cur.co; c != nil {
		L.Push(&c.id)
	} else {
		L.Push(v.cur.Thread())
	}
	return 1
}

func (v *VM) coroutineIsyieldable(L *lua.LState) int {
	L.Push(lua.LBool(v.cur.co != nil || !v.cur.NoYield))
	return 1
}
