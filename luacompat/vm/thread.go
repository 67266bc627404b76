package vm

import (
	"fmt"
	"runtime/debug"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// Sizes of a pooled thread. The registry starts small and grows; the call stack
// costs one byte for every frame it may reach.
const (
	registrySize  = 128
	registryGrow  = 1024
	registryMax   = 1 << 18
	callStackSize = 16384
	// maxDepth bounds nested protected calls, coroutine resumes and error
	// handlers. Each one takes Go stack, whose exhaustion would end the process.
	maxDepth = 1000
)

func threadOptions() lua.Options {
	return lua.Options{
		CallStackSize:       callStackSize,
		RegistrySize:        registrySize,
		RegistryMaxSize:     registryMax,
		RegistryGrowStep:    registryGrow,
		MinimizeStackMemory: true,
		SkipOpenLibs:        true,
	}
}

// thread is a pooled gopher-lua thread. It is entered only through call, which
// leaves it clean: pcall, coroutines and tasks each run on one of their own,
// because a caught error detaches the upvalues of every frame of its thread.
type thread struct {
	L    *lua.LState
	next *thread
	up   *thread // the thread that entered this one; nil for tasks and coroutines

	metered bool // its instructions are counted
}

func (v *VM) getThread() *thread {
	if th := v.free; th != nil {
		v.free, th.next = th.next, nil
		v.nfree--
		return th
	}
	L, _ := v.root.NewThread()
	return &thread{L: L}
}

func (v *VM) putThread(th *thread) {
	th.up = nil
	if v.closed || v.nfree >= v.opts.MaxIdleThreads {
		return
	}
	th.next = v.free
	v.free = th
	v.nfree++
}

// call runs the function and the nargs arguments pushed after the trampoline
// on th, above the threads from up on. Results are left on th's stack. hook sees
// every error first, while the stack still stands.
func (v *VM) call(th, up *thread, nargs int, hook func(*lua.LState)) error {
	t := v.cur
	th.up = up
	savedTh, savedL := t.th, t.L
	t.th, t.L = th, th.L
	t.depth++
	v.meterThread(th, t)
	v.nextHook = hook
	err := th.L.PCall(nargs+1, lua.MultRet, nil)
	v.raising = false
	t.depth--
	t.th, t.L = savedTh, savedL
	return err
}

// trampoline is the bottom frame of every pooled thread: it installs the hook,
// which LState.PCall would otherwise replace, and turns Go panics into errors
// while the thread's upvalues can still be closed.
func (v *VM) trampoline(L *lua.LState) int {
	L.Panic = v.nextHook
	done := false
	defer func() {
		if !done && !v.raising {
			v.goPanic(L, recover())
		}
	}()
	if _, ok := L.Get(1).(*lua.LFunction); !ok && L.GetMetaField(L.Get(1), "__call") == lua.LNil {
		done = true
		v.raise(lua.LString("attempt to call a "+L.Get(1).Type().String()+" value"), "")
	}
	L.Call(L.GetTop()-1, lua.MultRet)
	done = true
	return L.GetTop()
}

// raise throws the ApiError that LState.PCall recovers. The stack trace is set
// so that PCall does not make one.
func (v *VM) raise(value lua.LValue, trace string) {
	if trace == "" {
		trace = "-"
	}
	v.raising = true
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: value, StackTrace: trace})
}

// goPanic reports a Go panic below Lua as a Lua error.
func (v *VM) goPanic(L *lua.LState, r any) {
	switch r := r.(type) {
	case *lua.ApiError:
		v.raising = true
		panic(r)
	case string:
		if r == "lua callstack overflow" {
			L.RaiseError("stack overflow")
		}
	}
	v.logf(LogErr, fmt.Sprintf("lua: internal fault: %v\n%s", r, debug.Stack()))
	L.RaiseError("%s", fmt.Sprint(r))
}

// hookCatch is the hook of threads whose error somebody catches.
func (v *VM) hookCatch(L *lua.LState) {
	v.raise(v.errorValue(L), "")
}

// hookTop is the hook of a task's first thread: nobody below catches, so the
// traceback is taken here.
func (v *VM) hookTop(L *lua.LState) {
	e := v.errorValue(L)
	if e == v.unwindValue {
		v.raise(e, "")
	}
	buf := []byte("stack traceback:")
	// An error that coroutine.wrap passed on shows the stacks of the coroutines
	// it came through first, as ngx_lua prints them.
	if v.chainOf == e {
		for i, frames := range v.chain {
			buf = postMortem(buf, frames)
			buf = append(buf, "\ncoroutine "...)
			buf = append(strconv.AppendInt(buf, int64(i+1), 10), ':')
		}
	}
	v.chain, v.chainOf = nil, nil
	var frames []frame
	v.walk(L, func(f frame) bool {
		frames = append(frames, f)
		return true
	})
	v.raise(e, string(postMortem(buf, frames)))
}
