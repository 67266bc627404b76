package luacompat

import (
	"errors"
	"sync"
	"sync/atomic"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/cjson"
	"huidu/luacompat/vm"
)

// ThreadPool is a thread_pool of the configuration.
type ThreadPool struct{ Threads, MaxQueue int }

// threadPools are the running thread_pools of a Runtime and the VMs that
// ngx.run_worker_thread uses. Like nginx, a VM is never given up, only lent.
type threadPools struct {
	pools map[string]*threadPool
	mu    sync.Mutex
	idle  []*Worker
	made  int
}

// threadPool lets Threads jobs run and MaxQueue wait.
type threadPool struct {
	slots chan struct{}
	mu    sync.Mutex
	wait  int
	limit int
}

const (
	maxCopyDepth     = 100 // LUA_COPY_MAX_DEPTH
	defaultThreadVMs = 10
)

func newThreadPools(conf map[string]ThreadPool) *threadPools {
	tp := &threadPools{pools: make(map[string]*threadPool, len(conf))}
	for name, c := range conf {
		tp.pools[name] = &threadPool{slots: make(chan struct{}, c.Threads), limit: c.MaxQueue}
	}
	return tp
}

// enter queues a job; false when the queue is full.
func (p *threadPool) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wait >= p.limit {
		return false
	}
	p.wait++
	return true
}

// start waits for a thread.
func (p *threadPool) start() {
	p.slots <- struct{}{}
	p.mu.Lock()
	p.wait--
	p.mu.Unlock()
}

func (p *threadPool) end() { <-p.slots }

// threadVM lends a VM to a worker thread; nil when all are in use.
func (rt *Runtime) threadVM() (*Worker, error) {
	tp := rt.threads
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if n := len(tp.idle); n > 0 {
		t := tp.idle[n-1]
		tp.idle = tp.idle[:n-1]
		return t, nil
	}
	if tp.made >= rt.opts.ThreadVMs {
		return nil, nil
	}
	t, err := rt.newThreadVM()
	if err == nil {
		tp.made++
	}
	return t, err
}

func (rt *Runtime) freeThreadVM(t *Worker) {
	rt.threads.mu.Lock()
	rt.threads.idle = append(rt.threads.idle, t)
	rt.threads.mu.Unlock()
}

// newThreadVM makes a VM whose ngx table holds only what needs no request:
// strings, digests, regular expressions, shared dictionaries, ngx.config.
func (rt *Runtime) newThreadVM() (*Worker, error) {
	w := &Worker{rt: rt, loaded: map[string]*lua.LFunction{}}
	v, err := vm.New(vm.Options{Logf: rt.opts.Log})
	if err != nil {
		return nil, err
	}
	w.vm = v
	w.clock.now = rt.opts.Now
	w.timers.w = w
	L := v.Root()
	w.null = L.NewUserData()
	w.ngx = L.CreateTable(0, 64)
	L.G.Global.RawSetString("ngx", w.ngx)
	w.openEscape()
	w.openDigest()
	w.openRe()
	w.openShared()
	w.addZones()
	w.openConfig()
	cjson.Register(v, w.null)
	return w, nil
}

// runWorkerThread is ngx.run_worker_thread(pool, module, function, ...).
//
// See: https://github.com/openresty/lua-nginx-module#ngxrun_worker_thread
func runWorkerThread(h *handler, L *lua.LState) int {
	n := L.GetTop()
	if n < 3 {
		return failFalse(L, "expecting at least 3 arguments")
	}
	name, ok := threadString(L.Get(1))
	if !ok {
		return failFalse(L, "threadpool should be a string")
	}
	rt := h.w.rt
	pool := rt.threads.pools[name]
	if pool == nil {
		return failFalse(L, "thread pool "+name+" not found")
	}
	module, ok := threadString(L.Get(2))
	if !ok {
		return failFalse(L, "module name should be a string")
	}
	fname, ok := threadString(L.Get(3))
	if !ok {
		return failFalse(L, "function name should be a string")
	}
	t, err := rt.threadVM()
	if err != nil || t == nil {
		return failFalse(L, "no available Lua vm")
	}
	fn, args, problem := t.threadCall(h.w, L, module, fname, n)
	if problem == "" && !pool.enter() {
		problem = "ngx_thread_task_post failed"
	}
	if problem != "" {
		rt.freeThreadVM(t)
		return failFalse(L, problem)
	}
	job := &threadJob{done: make(chan struct{})}
	go func() {
		pool.start()
		job.results, job.err = t.vm.NewTask(rt.ctx, nil).RunN(nil, fn, args...)
		pool.end()
		close(job.done)
		job.leave(rt, t)
	}()
	// A killed thread unwinds out of Block while the job still runs.
	defer job.leave(rt, t)
	ctx := h.w.vm.Cur().Ctx
	h.w.vm.Block(func() {
		select {
		case <-job.done:
		case <-ctx.Done():
		}
	})
	if job.err != nil {
		return failFalse(L, threadError(job.err))
	}
	top := L.GetTop()
	L.Push(lua.LTrue)
	for _, r := range job.results {
		v, problem := copyValue(t, h.w, r, true, 1)
		if problem != "" {
			L.SetTop(top)
			return failFalse(L, problem+" in the return value")
		}
		L.Push(v)
	}
	return L.GetTop() - top
}

// threadJob is a function on its way through a pool.
type threadJob struct {
	left    atomic.Int32 // of the job and its caller, how many are through
	done    chan struct{}
	results []lua.LValue
	err     error
}

// leave gives the VM back when neither the job nor its caller needs it.
func (j *threadJob) leave(rt *Runtime, t *Worker) {
	if j.left.Add(1) == 2 {
		rt.freeThreadVM(t)
	}
}

// threadCall loads the function into t and copies the arguments there.
func (w *Worker) threadCall(from *Worker, L *lua.LState, module, fname string, n int) (fn *lua.LFunction, args []lua.LValue, problem string) {
	if pkg, ok := L.G.Global.RawGetString("package").(*lua.LTable); ok {
		own, _ := w.vm.Root().G.Global.RawGetString("package").(*lua.LTable)
		own.RawSetString("path", pkg.RawGetString("path"))
		own.RawSetString("cpath", pkg.RawGetString("cpath"))
	}
	require, _ := w.vm.Root().G.Global.RawGetString("require").(*lua.LFunction)
	mod, err := w.vm.NewTask(w.rt.ctx, nil).Run(require, lua.LString(module))
	if err != nil {
		return nil, nil, threadError(err)
	}
	t, ok := mod.(*lua.LTable)
	if !ok {
		return nil, nil, "invalid lua module"
	}
	if fn, ok = t.RawGetString(fname).(*lua.LFunction); !ok {
		return nil, nil, "invalid function"
	}
	for i := 4; i <= n; i++ {
		v, problem := copyValue(from, w, L.Get(i), true, 1)
		if problem != "" {
			return nil, nil, problem + " in the argument"
		}
		args = append(args, v)
	}
	return fn, args, ""
}

// copyValue copies a value from one VM to another, as ngx_http_lua_xcopy does:
// plain values and tables of them, without metatables.
func copyValue(from, to *Worker, v lua.LValue, allowNil bool, depth int) (lua.LValue, string) {
	switch v := v.(type) {
	case lua.LBool, lua.LNumber, lua.LString:
		return v, ""
	case *lua.LNilType:
		if allowNil {
			return v, ""
		}
		return nil, "unsupported Lua type: LUA_TNIL"
	case *lua.LFunction:
		return nil, "unsupported Lua type: LUA_TFUNCTION"
	case *lua.LUserData:
		if v == from.null { // a light userdata in ngx_lua
			return to.null, ""
		}
		return nil, "unsupported Lua type: LUA_TUSERDATA"
	case *lua.LState:
		return nil, "unsupported Lua type: LUA_TTHREAD"
	case *lua.LTable:
		if depth >= maxCopyDepth {
			return nil, "suspicious circular references, table depth exceed max depth: 100"
		}
		from.fill(v)
		t := to.vm.Root().CreateTable(v.Len(), 0)
		problem := ""
		v.ForEach(func(key, val lua.LValue) {
			if problem != "" {
				return
			}
			var k, e lua.LValue
			if k, problem = copyValue(from, to, key, false, depth+1); problem != "" {
				return
			}
			if e, problem = copyValue(from, to, val, false, depth+1); problem == "" {
				t.RawSet(k, e)
			}
		})
		return t, problem
	}
	return nil, "unsupported Lua type"
}

func threadString(v lua.LValue) (string, bool) {
	switch v.(type) {
	case lua.LString, lua.LNumber:
		return v.String(), true
	}
	return "", false
}

func threadError(err error) string {
	var e *vm.Error
	if errors.As(err, &e) {
		return e.Msg
	}
	return err.Error()
}
