package vm

import (
	"iter"

	lua "github.com/yuin/gopher-lua"
)

type status int

const (
	suspended status = iota
	running
	normal
	dead
	zombie // a light thread that has ended and was not waited for
)

var statusNames = [...]string{"suspended", "running", "normal", "dead", "zombie"}

// coro is a coroutine, or the thread object of a task. Its body runs on a pooled
// thread driven through iter.Pull, so that it may yield and wait anywhere: in
// pcall, in metamethods, in callbacks of Go functions.
type coro struct {
	id     lua.LState // what Lua sees as the thread; it never runs
	v      *VM
	task   *Task // whose thread object this is, for tasks
	owner  *Task // the task that ends it if it is left suspended
	fn     *lua.LFunction
	status status
	wrap   bool

	parent *coro // who resumed it; nil for the task's own body
	upTh   *thread
	upL    *lua.LState
	th     *thread // innermost thread while suspended
	L      *lua.LState

	last []frame // where it failed

	xfer  []lua.LValue // arguments or results on their way
	err   error        // of a finished body
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool

	prevCo, nextCo *coro // the owner's list
}

// newCoro makes a coroutine. Its identity finds it through the Panic hook, which
// is the only place of an LState that holds a Go value.
func (v *VM) newCoro(fn *lua.LFunction) *coro {
	c := &coro{v: v, fn: fn}
	c.id.G, c.id.Env = v.root.G, v.root.Env
	c.id.Panic = c.reveal
	return c
}

func (c *coro) reveal(*lua.LState) { c.v.revealed = c }

// coroOf finds the coroutine of a thread value; nil for other threads.
func (v *VM) coroOf(id *lua.LState) *coro {
	if id == nil || id.Panic == nil || id.G != v.root.G {
		return nil
	}
	v.revealed = nil
	if id == v.root {
		return nil
	}
	id.Panic(id)
	c := v.revealed
	v.revealed = nil
	return c
}

// resume runs c until it yields, ends or fails. ok is false when it failed.
func (v *VM) resume(L *lua.LState, c *coro, args []lua.LValue) (ok bool) {
	t := v.cur
	if t.depth >= maxDepth {
		c.xfer = append(c.xfer[:0], lua.LString("C stack overflow"))
		return false
	}
	c.xfer = append(c.xfer[:0], args...)
	c.parent, c.upTh, c.upL = t.co, t.th, t.L
	if t.co != nil {
		t.co.status = normal
	}
	c.status = running
	t.co = c
	t.depth++
	if c.next == nil {
		c.own(t)
		c.next, c.stop = iter.Pull(c.body)
	} else {
		t.th, t.L = c.th, c.L
	}
	_, more := c.next()
	t.depth--
	t.co, t.th, t.L = c.parent, c.upTh, c.upL
	c.parent, c.upTh, c.upL = nil, nil, nil
	if t.co != nil {
		t.co.status = running
	}
	if more {
		c.status = suspended
		return true
	}
	c.finished()
	if c.err == nil {
		return true
	}
	err := c.err.(*lua.ApiError)
	if err.Object == v.unwindValue {
		v.Throw(L, v.unwindValue)
	}
	c.xfer = append(c.xfer[:0], err.Object)
	return false
}

// body is the goroutine of the coroutine.
func (c *coro) body(yield func(struct{}) bool) {
	v := c.v
	c.yield = yield
	th := v.getThread()
	C := th.L
	C.Push(v.trampValue)
	C.Push(c.fn)
	for _, a := range c.xfer {
		C.Push(a)
	}
	n := len(c.xfer)
	c.xfer = c.xfer[:0]
	err := v.call(th, nil, n, c.hook)
	if err != nil {
		if _, ok := err.(*lua.ApiError); !ok {
			err = &lua.ApiError{Type: lua.ApiErrorRun, Object: lua.LString(err.Error())}
		}
		c.err = err
	} else {
		for i, n := 1, C.GetTop(); i <= n; i++ {
			c.xfer = append(c.xfer, C.Get(i))
		}
		C.SetTop(0)
	}
	v.putThread(th)
}

// hook sees the error that ends c and keeps its stack for debug.traceback.
func (c *coro) hook(L *lua.LState) {
	e := c.v.errorValue(L)
	if e != c.v.unwindValue {
		c.v.walk(L, func(f frame) bool {
			c.last = append(c.last, f)
			return len(c.last) < 100
		})
	}
	c.v.raise(e, "")
}

// suspend is yield inside c: it returns when c is resumed, with the arguments in
// c.xfer. When the coroutine is abandoned it unwinds.
func (v *VM) suspend(L *lua.LState, c *coro) {
	t := v.cur
	c.th, c.L = t.th, t.L
	if !c.yield(struct{}{}) {
		// Stopped: run nothing more of it but the way out.
		t = v.cur
		t.th, t.L = c.th, c.L
		v.unwind = &Unwind{Reason: ErrKilled}
		v.Throw(L, v.unwindValue)
	}
}

// own puts c on the list of what t must end.
func (c *coro) own(t *Task) {
	c.owner = t
	c.nextCo = t.coros
	if c.nextCo != nil {
		c.nextCo.prevCo = c
	}
	t.coros = c
}

// finished marks c dead and takes it off its owner's list.
func (c *coro) finished() {
	c.status = dead
	if t := c.owner; t != nil {
		if c.prevCo != nil {
			c.prevCo.nextCo = c.nextCo
		} else {
			t.coros = c.nextCo
		}
		if c.nextCo != nil {
			c.nextCo.prevCo = c.prevCo
		}
		c.owner, c.prevCo, c.nextCo = nil, nil, nil
	}
	c.fn, c.th, c.L, c.stop = nil, nil, nil, nil
}

// endCoroutines ends the coroutines that t leaves suspended.
func (t *Task) endCoroutines() {
	for t.coros != nil {
		c := t.coros
		v := t.VM
		prev, th, L, co, depth := v.cur, t.th, t.L, t.co, t.depth
		v.cur = t
		c.stop()
		v.raising, v.verbatim = false, false
		v.cur, t.th, t.L, t.co, t.depth = prev, th, L, co, depth
		c.finished()
	}
}

// Thread is the thread object of t as Lua sees it.
func (t *Task) Thread() *lua.LState {
	if t.id == nil {
		t.id = t.VM.newCoro(nil)
		t.id.task = t
		t.id.status = running
	}
	return &t.id.id
}

// TaskOf finds the task whose thread object th is; nil for coroutines.
func (v *VM) TaskOf(th *lua.LState) *Task {
	if c := v.coroOf(th); c != nil {
		return c.task
	}
	return nil
}
