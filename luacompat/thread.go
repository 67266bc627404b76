package luacompat

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// openThread makes ngx.sleep and ngx.thread.
func (w *Worker) openThread() {
	w.register(w.ngx, []api{{name: "sleep", phases: inCosocket, fn: sleep}})
	t := w.table()
	w.register(t, []api{
		{name: "spawn", phases: inCosocket, fn: threadSpawn},
		{name: "wait", phases: inCosocket, fn: threadWait},
		{name: "kill", phases: inCosocket, fn: threadKill},
	})
	w.ngx.RawSetString("thread", t)
}

// sleep is ngx.sleep(seconds): other code of the worker runs meanwhile.
//
// See: https://github.com/openresty/lua-nginx-module#ngxsleep
func sleep(h *handler, L *lua.LState) int {
	if n := L.GetTop(); n != 1 {
		L.RaiseError("attempt to pass %d arguments, but accepted 1", n)
	}
	s := checkNumber(L, 1, "sleep")
	if s < 0 {
		L.RaiseError(`invalid sleep duration "%d"`, int(s*1000))
	}
	ctx := h.w.vm.Cur().Ctx
	h.w.vm.Block(func() { wait(ctx, seconds(s)) })
	return 0
}

// wait sleeps for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	select {
	case <-t.C:
	case <-ctx.Done():
		t.Stop()
	}
}

// threadSpawn is ngx.thread.spawn(f, ...): f runs at once until it first
// waits.
//
// See: https://github.com/openresty/lua-nginx-module#ngxthreadspawn
func threadSpawn(h *handler, L *lua.LState) int {
	fn := checkFunction(L, 1, "spawn")
	n := L.GetTop()
	args := make([]lua.LValue, 0, n)
	for i := 2; i <= n; i++ {
		args = append(args, L.Get(i))
	}
	if h.parent == nil {
		h.cancellable()
	}
	t := h.w.vm.Cur().Spawn(fn, args, func(_ []lua.LValue, err error) {
		h.logThread(err)
		if o := overrun(err); o != nil && h.overrun == nil {
			h.overrun = o
			h.stopAll(h.w.vm.Cur())
		}
		h.threadEnded(h.w.vm.Cur())
	})
	if h.ended {
		return h.w.vm.UnwindWith(L, &h.exitNote)
	}
	if !t.Ended() {
		h.threads = append(h.threads, t)
	}
	L.Push(t.Thread())
	return 1
}

// threadArg is argument n of wait and kill: the light thread, or nil for
// another kind of thread.
func (h *handler) threadArg(L *lua.LState, n int, fname string) *vm.Task {
	th, ok := L.Get(n).(*lua.LState)
	if !ok {
		vm.ArgError(L, n, fname, "lua thread expected")
	}
	t := h.w.vm.TaskOf(th)
	if t == nil || t.Host != any(h) || t == h.entry(t) {
		return nil
	}
	return t
}

// threadWait is ngx.thread.wait(t1, ...): it waits for the first to end and
// returns true and its results, or false and its error.
//
// See: https://github.com/openresty/lua-nginx-module#ngxthreadwait
func threadWait(h *handler, L *lua.LState) int {
	n := L.GetTop()
	if n == 0 {
		L.RaiseError("at least one coroutine should be specified")
	}
	cur := h.w.vm.Cur()
	var tasks []*vm.Task
	for i := 1; i <= n; i++ {
		t := h.threadArg(L, i, "wait")
		switch {
		case t == nil:
			L.RaiseError("attempt to wait on a coroutine that is not a user thread")
		case t.Parent() != cur:
			L.RaiseError("only the parent coroutine can wait on the thread")
		case t.Collected:
			if i == n && len(tasks) == 0 {
				return fail(L, "already waited or killed")
			}
		case t.Ended():
			return threadResults(L, t)
		default:
			tasks = append(tasks, t)
		}
	}
	return threadResults(L, tasks[cur.WaitAny(tasks...)])
}

// threadResults pushes what a light thread ended with. For a failed one that
// is, as in ngx_lua, false, the text that error was called with, and the
// message with its position.
func threadResults(L *lua.LState, t *vm.Task) int {
	t.Collected = true
	res, err := t.Result()
	if err != nil {
		L.Push(lua.LFalse)
		e, ok := err.(*vm.Error)
		if !ok {
			L.Push(lua.LString(err.Error()))
			return 2
		}
		if raw, ok := raisedText(e); ok {
			L.Push(raw)
			L.Push(e.Value)
			return 3
		}
		L.Push(e.Value)
		return 2
	}
	L.Push(lua.LTrue)
	for _, v := range res {
		L.Push(v)
	}
	return 1 + len(res)
}

// raisedText is the argument of the error call behind e, which put a position
// before it; ok is false for other faults.
func raisedText(e *vm.Error) (lua.LString, bool) {
	s, ok := e.Value.(lua.LString)
	if !ok {
		return "", false
	}
	m := positionPrefix.FindStringIndex(string(s))
	if m == nil {
		return "", false
	}
	text := s[m[1]:]
	if strings.HasPrefix(string(text), "attempt to ") || strings.HasPrefix(string(text), "bad argument ") {
		return "", false
	}
	return text, true
}

var positionPrefix = regexp.MustCompile(`^[^\n]*?:\d+: `)

// threadKill is ngx.thread.kill(t).
//
// See: https://github.com/openresty/lua-nginx-module#ngxthreadkill
func threadKill(h *handler, L *lua.LState) int {
	t := h.threadArg(L, 1, "kill")
	switch {
	case t == nil:
		return fail(L, "not user thread")
	case t.Parent() != h.w.vm.Cur():
		return fail(L, "killer not parent")
	case h.subreqs[t] > 0:
		return fail(L, "pending subrequests")
	case t.Collected:
		return fail(L, "already waited or killed")
	case t.Ended():
		t.Collected = true
		return fail(L, "already terminated")
	}
	t.Collected = true
	t.Kill()
	return pushOne(L)
}

// semaphore is what ngx.semaphore counts with. All of it is guarded by the
// VM's lock.
type semaphore struct {
	count   int
	waiters []chan struct{}
}

// openSemaphore makes the module ngx.semaphore.
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/semaphore.md
func (w *Worker) openSemaphore(L *lua.LState) int {
	mod := w.table()
	mod.RawSetString("version", lua.LString(coreVersion))
	mt := w.table()
	mt.RawSetString("__index", mod)
	mod.RawSetString("new", w.anywhere(func(w *Worker, L *lua.LState) int {
		n, _ := toNumber(L.Get(1))
		if n < 0 {
			L.RaiseError("no negative number")
		}
		ud := L.NewUserData()
		ud.Value = &semaphore{count: int(n)}
		t := L.CreateTable(0, 1)
		t.RawSetString("sem", ud)
		t.Metatable = mt
		L.Push(t)
		return 1
	}))
	mod.RawSetString("wait", w.anywhere(semaphoreWait))
	mod.RawSetString("post", w.anywhere(semaphorePost))
	mod.RawSetString("count", w.anywhere(func(w *Worker, L *lua.LState) int {
		s := semaphoreArg(L)
		return pushNumber(L, float64(s.count-len(s.waiters)))
	}))
	L.Push(mod)
	return 1
}

func semaphoreArg(L *lua.LState) *semaphore {
	if t, ok := L.Get(1).(*lua.LTable); ok {
		if ud, ok := t.RawGetString("sem").(*lua.LUserData); ok {
			if s, ok := ud.Value.(*semaphore); ok {
				return s
			}
		}
	}
	L.RaiseError("not a semaphore instance")
	return nil
}

// semaphoreWait is sem:wait(seconds): true, or nil (without waiting) or false
// (after waiting) and "timeout".
func semaphoreWait(w *Worker, L *lua.LState) int {
	s := semaphoreArg(L)
	h := w.cur()
	if h == nil || h.req == nil {
		L.RaiseError(msgNoRequest)
	}
	secs, ok := toNumber(L.Get(2))
	if !ok {
		L.RaiseError("attempt to perform arithmetic on a %s value", valueType(L.Get(2)))
	}
	if secs < 0 {
		L.RaiseError("no negative number")
	}
	if !inCosocket.has(h.phase) {
		return fail(L, fmt.Sprintf("API disabled in the context of %s", phaseContexts[h.phase]))
	}
	if len(s.waiters) == 0 && s.count > 0 {
		s.count--
		return pushBool(L, true)
	}
	d := seconds(secs)
	if d <= 0 {
		return fail(L, "timeout")
	}
	ch := make(chan struct{}, 1)
	s.waiters = append(s.waiters, ch)
	got := false
	defer func() { // the wait may be unwound
		if !got && !s.forget(ch) {
			s.post(1)
		}
	}()
	ctx := w.vm.Cur().Ctx
	w.vm.Block(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ch:
			got = true
		case <-t.C:
		case <-ctx.Done():
		}
	})
	if !got {
		if !s.forget(ch) { // posted meanwhile
			got = true
			return pushWoken(L)
		}
		got = true
		return failFalse(L, "timeout")
	}
	return pushWoken(L)
}

// pushWoken is what a wait that was resumed by a post returns: true and nil,
// where one that need not wait returns true alone.
func pushWoken(L *lua.LState) int {
	L.Push(lua.LTrue)
	L.Push(lua.LNil)
	return 2
}

// forget takes a waiter off the queue; false when it was granted already.
func (s *semaphore) forget(ch chan struct{}) bool {
	for i, c := range s.waiters {
		if c == ch {
			s.waiters = append(s.waiters[:i], s.waiters[i+1:]...)
			return true
		}
	}
	return false
}

// post adds n resources and grants them to the first waiters.
func (s *semaphore) post(n int) {
	s.count += n
	for s.count > 0 && len(s.waiters) > 0 {
		s.count--
		s.waiters[0] <- struct{}{}
		s.waiters = s.waiters[1:]
	}
}

// semaphorePost is sem:post(n).
func semaphorePost(w *Worker, L *lua.LState) int {
	s, n := semaphoreArg(L), 1.0
	if v := L.Get(2); lua.LVAsBool(v) {
		f, ok := toNumber(v)
		if !ok {
			L.RaiseError("attempt to compare nil with number")
		}
		n = f
	}
	if n < 1 {
		L.RaiseError("positive number required")
	}
	s.post(int(n))
	return pushBool(L, true)
}
