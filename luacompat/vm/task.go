package vm

import (
	"context"

	lua "github.com/yuin/gopher-lua"
)

// Task is one Lua thread of execution: a handler, a light thread, a timer. Its
// fields belong to whoever holds the VM's lock.
type Task struct {
	VM   *VM
	L    *lua.LState     // the thread that runs now; changes inside pcall and coroutines
	Host any             // what the ngx layer hangs here
	Ctx  context.Context // cancelled when the handler must stop
	// Collected says that a light thread's end was noticed by its parent: its
	// status is dead then, and zombie before.
	Collected bool

	// Meter bounds the task together with its light threads; nil: nothing does.
	Meter *Meter
	// KidMeter is the Meter of the light threads that t starts, when it is not
	// t's own.
	KidMeter *Meter

	// NoYield forbids coroutine.yield in the task's own body, as in the phases
	// that cannot wait.
	NoYield bool

	th      *thread // innermost thread
	depth   int     // nested protected calls and resumes
	cancel  context.CancelFunc
	base    context.Context // of the handler: a light thread outlives its spawner
	turn    *Lock           // held by the one of a handler's threads that runs; nil with one thread
	parent  *Task
	ended   bool
	order   uint64 // which light thread of the VM ended first
	killed  bool
	results []lua.LValue
	err     error
	done    chan struct{}
	co      *coro // running coroutine; nil in the task's own body
	id      *coro // the thread object given to Lua
	coros   *coro // live coroutines that the task created
}

// NewTask makes a task that runs when Run is called. ctx may be nil.
func (v *VM) NewTask(ctx context.Context, host any) *Task {
	if ctx == nil {
		ctx = context.Background()
	}
	return &Task{VM: v, Host: host, Ctx: ctx}
}

// Slice counts the stretches in which Lua ran without waiting. As long as it
// stays the same no time has passed for scripts: nginx, too, reads the clock
// only between events.
func (v *VM) Slice() uint64 { return v.slice }

// Sibling makes a task beside t for the same host, whose Run takes turns with
// t and its light threads. It is called by t while t runs.
func (t *Task) Sibling() *Task {
	t.share()
	return &Task{VM: t.VM, Host: t.Host, Ctx: t.base, base: t.base, turn: t.turn, Meter: t.Meter}
}

// share makes the turn that the threads of t's handler hand on.
func (t *Task) share() {
	if t.turn == nil {
		t.base, t.turn = t.Ctx, new(Lock)
		t.turn.Lock()
	}
}

// Run takes the lock, calls fn on a pooled thread and returns its first result.
// The error is *Error or *Unwind.
func (t *Task) Run(fn *lua.LFunction, args ...lua.LValue) (lua.LValue, error) {
	t.begin()
	ret, _, err := t.exec(fn, args, 1, nil)
	t.release()
	return ret, err
}

// RunN is Run for several results, appended to res.
func (t *Task) RunN(res []lua.LValue, fn *lua.LFunction, args ...lua.LValue) ([]lua.LValue, error) {
	t.begin()
	_, res, err := t.exec(fn, args, -1, res)
	t.release()
	return res, err
}

// begin waits for the turn and takes the VM's lock.
func (t *Task) begin() {
	if t.turn != nil {
		t.turn.Lock()
	}
	t.VM.lock.Lock()
	t.VM.slice++
	t.resume()
}

// release gives the VM's lock and the turn to whoever waits.
func (t *Task) release() {
	t.pause()
	t.VM.lock.Unlock()
	if t.turn != nil {
		t.turn.Unlock()
	}
}

// exec runs fn with the lock held.
func (t *Task) exec(fn *lua.LFunction, args []lua.LValue, want int, res []lua.LValue) (lua.LValue, []lua.LValue, error) {
	v := t.VM
	prev, prevL := v.cur, t.L
	v.cur = t
	th := v.getThread()
	C := th.L
	C.Push(v.trampValue)
	C.Push(fn)
	for _, a := range args {
		C.Push(a)
	}
	err := v.call(th, nil, len(args), v.top)
	ret := lua.LValue(lua.LNil)
	if err == nil {
		if n := C.GetTop(); n > 0 {
			ret = C.Get(1)
			if want < 0 {
				for i := 1; i <= n; i++ {
					res = append(res, C.Get(i))
				}
			}
			C.SetTop(0)
		}
	} else {
		err = v.fault(err)
	}
	v.putThread(th)
	if prevL == nil {
		t.endCoroutines()
	}
	v.cur = prev
	return ret, res, err
}

// Block releases the VM's lock, runs f, which may wait, and takes the lock
// again. If the task was killed or its context cancelled, Block does not return
// but unwinds the Lua stack.
func (v *VM) Block(f func()) {
	t := v.cur
	if t.stopped() {
		v.Unwind(t.L, ErrKilled)
	}
	v.BlockNoKill(f)
	if t.stopped() {
		v.Unwind(t.L, ErrKilled)
	}
}

// BlockNoKill is Block for cleanups: it always returns.
func (v *VM) BlockNoKill(f func()) {
	t := v.cur
	v.cur = nil
	t.release()
	f()
	t.begin()
	v.cur = t
}

// Yield lets the other threads of the handler run that wait for their turn,
// and then whoever else waits for the VM.
func (v *VM) Yield() {
	t := v.cur
	if t.turn == nil {
		v.Block(func() {})
		return
	}
	if t.stopped() {
		v.Unwind(t.L, ErrKilled)
	}
	v.cur = nil
	w := t.turn.queue()
	t.release()
	w.wait()
	v.lock.Lock()
	t.resume()
	v.cur = t
	if t.stopped() {
		v.Unwind(t.L, ErrKilled)
	}
}

func (t *Task) stopped() bool { return t.killed || t.Ctx.Err() != nil }

// Spawn starts fn as a light thread of the same host. It runs at once, until its
// first Block or its end; then the handler's threads go on in the order in which
// they wait, the caller last. done, which may be nil, is called with the lock
// held when the light thread has ended.
func (t *Task) Spawn(fn *lua.LFunction, args []lua.LValue, done func(results []lua.LValue, err error)) *Task {
	v := t.VM
	t.share()
	ctx, cancel := context.WithCancel(t.base)
	k := &Task{VM: v, Host: t.Host, Ctx: ctx, cancel: cancel, base: t.base, turn: t.turn, Meter: t.kidMeter(), parent: t, done: make(chan struct{})}
	saved := v.cur
	w := t.turn.queue()
	t.pause()
	go func() { // with the lock and the turn of its spawner
		k.resume()
		_, res, err := k.exec(fn, args, -1, nil)
		v.ends++
		k.ended, k.order, k.results, k.err = true, v.ends, res, err
		if done != nil {
			v.cur = k
			done(res, err)
		}
		cancel()
		close(k.done)
		v.cur = nil
		k.release()
	}()
	w.wait()
	v.lock.Lock()
	t.resume()
	v.cur = saved
	return k
}

func (t *Task) kidMeter() *Meter {
	if t.KidMeter != nil {
		return t.KidMeter
	}
	return t.Meter
}

// Kill ends the task at its next or present Block.
func (t *Task) Kill() {
	t.killed = true
	if t.cancel != nil {
		t.cancel()
	}
}

// Ended tells whether a light thread has finished.
func (t *Task) Ended() bool { return t.ended }

// Parent is the task that spawned t, or nil.
func (t *Task) Parent() *Task { return t.parent }

// Result is what a finished light thread returned.
func (t *Task) Result() ([]lua.LValue, error) { return t.results, t.err }

// WaitAny waits, with the lock released, until one of the light threads has
// ended and returns its index. It unwinds if t itself is killed.
func (t *Task) WaitAny(kids ...*Task) int {
	if i := firstEnded(kids); i >= 0 {
		return i
	}
	t.waitAny(kids)
	return firstEnded(kids)
}

// firstEnded is the one that ended first, -1 when none has.
func firstEnded(kids []*Task) int {
	at := -1
	for i, k := range kids {
		if k.ended && (at < 0 || k.order < kids[at].order) {
			at = i
		}
	}
	return at
}
