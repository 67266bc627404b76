package vm

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// settle waits until the number of goroutines is at most n.
func settle(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; {
		if runtime.NumGoroutine() <= n {
			return
		}
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, want %d\n%s", runtime.NumGoroutine(), n, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
}

// withWait registers wait(), which blocks until the task's context ends or the
// channel is closed, and note(s), which records.
func withWait(v *VM) (release chan struct{}, notes *[]string) {
	release = make(chan struct{})
	notes = new([]string)
	v.root.SetGlobal("wait", v.root.NewFunction(func(L *lua.LState) int {
		ctx := v.Cur().Ctx
		v.Block(func() {
			select {
			case <-release:
			case <-ctx.Done():
			}
		})
		return 0
	}))
	v.root.SetGlobal("note", v.root.NewFunction(func(L *lua.LState) int {
		*notes = append(*notes, L.Get(1).String())
		return 0
	}))
	v.root.SetGlobal("exit", v.root.NewFunction(func(L *lua.LState) int { return v.Unwind(L, "exit") }))
	return release, notes
}

func TestUnwindPassesThroughEverything(t *testing.T) {
	for name, src := range map[string]string{
		"pcall":     `pcall(function() exit() end) note("after")`,
		"xpcall":    `xpcall(exit, function(m) note("handler") end) note("after")`,
		"handler":   `xpcall(error, function(m) exit() end, "x") note("after")`,
		"coroutine": `coroutine.resume(coroutine.create(function() pcall(exit) note("in") end)) note("after")`,
		"wrap":      `coroutine.wrap(function() coroutine.wrap(exit)() end)() note("after")`,
		"resumed":   `local f = coroutine.wrap(function() coroutine.yield() exit() end) f() pcall(f) note("after")`,
		"sort":      `pcall(table.sort, {2, 1}, function() exit() end) note("after")`,
		"gsub":      `pcall(string.gsub, "x", ".", function() exit() end) note("after")`,
		"index":     `pcall(function() return setmetatable({}, {__index = function() exit() end}).x end) note("after")`,
		"concat":    `pcall(function() return setmetatable({}, {__concat = function() exit() end}) .. "x" end) note("after")`,
		"tostring":  `pcall(tostring, setmetatable({}, {__tostring = function() exit() end})) note("after")`,
		"iterator":  `pcall(function() for _ in function() exit() end do end end) note("after")`,
		"require":   `package.preload.m = function() exit() end pcall(require, "m") note("after")`,
		"load":      `pcall(load, function() exit() end) note("after")`,
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			v := newVM(t)
			_, notes := withWait(v)
			task := v.NewTask(context.Background(), nil)
			_, err := task.Run(compile(t, v, src))
			u, ok := err.(*Unwind)
			if !ok || u.Reason != "exit" {
				t.Fatalf("%v", err)
			}
			if len(*notes) > 0 {
				t.Errorf("went on: %v", *notes)
			}
			// The VM is as good as before.
			if ret, err := task.Run(compile(t, v, "local ok, e = pcall(error, 'x', 0) return e")); err != nil || ret.String() != "x" {
				t.Errorf("%v %v", ret, err)
			}
			settle(t, before)
		})
	}
}

func TestCancelledTaskEndsAtItsWait(t *testing.T) {
	before := runtime.NumGoroutine()
	v := newVM(t)
	_, notes := withWait(v)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := v.NewTask(ctx, nil).Run(compile(t, v, `note("in") pcall(wait) note("after")`))
		done <- err
	}()
	for {
		v.Lock()
		n := len(*notes)
		v.Unlock()
		if n > 0 {
			break
		}
	}
	cancel()
	err := <-done
	u, ok := err.(*Unwind)
	if !ok || !errors.Is(u.Reason.(error), ErrKilled) {
		t.Fatalf("%v", err)
	}
	if len(*notes) != 1 {
		t.Errorf("%v", *notes)
	}
	settle(t, before)
}

func TestLightThreads(t *testing.T) {
	before := runtime.NumGoroutine()
	v := newVM(t)
	release, notes := withWait(v)
	var kids []*Task
	v.root.SetGlobal("spawn", v.root.NewFunction(func(L *lua.LState) int {
		k := v.Cur().Spawn(L.CheckFunction(1), []lua.LValue{L.Get(2)}, nil)
		kids = append(kids, k)
		L.Push(k.Thread())
		return 1
	}))
	v.root.SetGlobal("join", v.root.NewFunction(func(L *lua.LState) int {
		k := v.TaskOf(L.Get(1).(*lua.LState))
		v.Cur().WaitAny(k)
		res, err := k.Result()
		if err != nil {
			L.Push(lua.LString(err.Error()))
			return 1
		}
		for _, r := range res {
			L.Push(r)
		}
		return len(res)
	}))
	v.root.SetGlobal("release", v.root.NewFunction(func(L *lua.LState) int { close(release); return 0 }))
	_, err := v.NewTask(context.Background(), "host").Run(compile(t, v, `
		local a = spawn(function(x) note("a" .. x) wait() note("a2") return "ra" end, 1)
		note(type(a) .. coroutine.status(a))
		local b = spawn(function() note("b") return "rb", 2 end)
		note(coroutine.status(b))
		local c = spawn(function() error("bad") end)
		note((select(1, join(b))) .. select(2, join(b)))
		note(join(c))
		release()
		note(join(a))
		note(coroutine.status(a))`))
	if err != nil {
		t.Fatal(err)
	}
	want := "a1 threadrunning b zombie rb2 test:6: bad a2 ra zombie"
	if got := strings.Join(*notes, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if kids[0].Host != "host" || kids[0].Parent() == nil {
		t.Error("the light thread has lost its host")
	}
	settle(t, before)
}

func TestKill(t *testing.T) {
	before := runtime.NumGoroutine()
	v := newVM(t)
	_, notes := withWait(v)
	var ended error
	v.root.SetGlobal("run", v.root.NewFunction(func(L *lua.LState) int {
		k := v.Cur().Spawn(L.CheckFunction(1), nil, func(_ []lua.LValue, err error) { ended = err })
		k.Kill()
		v.Cur().WaitAny(k)
		return 0
	}))
	_, err := v.NewTask(context.Background(), nil).Run(compile(t, v, `
		run(function()
			local co = coroutine.wrap(function() coroutine.yield() end)
			co()
			coroutine.wrap(function() pcall(wait) note("coroutine went on") end)()
			note("went on")
		end)
		note("parent goes on")`))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := ended.(*Unwind); !ok {
		t.Errorf("%v", ended)
	}
	if got := strings.Join(*notes, " "); got != "parent goes on" {
		t.Error(got)
	}
	settle(t, before)
}

func TestSuspendedCoroutinesEndWithTheirTask(t *testing.T) {
	before := runtime.NumGoroutine()
	v := newVM(t)
	withWait(v)
	for _, src := range []string{
		`for i = 1, 50 do local f = coroutine.wrap(function() pcall(function() coroutine.yield() end) end) f() end`,
		`local f = coroutine.wrap(function() local g = coroutine.wrap(function() coroutine.yield() end) g() coroutine.yield() end) f() error("x")`,
		`local f = coroutine.wrap(function() coroutine.yield() end) f() exit()`,
	} {
		v.NewTask(context.Background(), nil).Run(compile(t, v, src))
		settle(t, before)
	}
}

func TestBlockInsideCoroutines(t *testing.T) {
	v := newVM(t)
	v.root.SetGlobal("nap", v.root.NewFunction(func(L *lua.LState) int {
		v.Block(runtime.Gosched)
		L.Push(lua.LTrue)
		return 1
	}))
	fn := compile(t, v, `
		local n = ...
		local f = coroutine.wrap(function(a)
			while true do pcall(nap) a = a + coroutine.yield(a) end
		end)
		local s = f(n)
		for i = 1, 20 do s = f(1) nap() end
		return s`)
	var wg sync.WaitGroup
	for i := 0; i < 50; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			ret, err := v.NewTask(context.Background(), nil).Run(fn, lua.LNumber(i))
			if err != nil || ret != lua.LNumber(i+20) {
				t.Errorf("%d: %v %v", i, ret, err)
			}
		}()
	}
	wg.Wait()
}

func TestYieldOfTaskLetsOthersRun(t *testing.T) {
	v := newVM(t)
	_, notes := withWait(v)
	v.root.SetGlobal("spawn", v.root.NewFunction(func(L *lua.LState) int {
		L.Push(v.Cur().Spawn(L.CheckFunction(1), nil, nil).Thread())
		return 1
	}))
	v.root.SetGlobal("join", v.root.NewFunction(func(L *lua.LState) int {
		v.Cur().WaitAny(v.TaskOf(L.Get(1).(*lua.LState)))
		return 0
	}))
	_, err := v.NewTask(context.Background(), nil).Run(compile(t, v, `
		local a = spawn(function() for i = 1, 3 do note("a" .. i) coroutine.yield() end end)
		local b = spawn(function() for i = 1, 3 do note("b" .. i) coroutine.yield() end end)
		join(a) join(b)`))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(*notes, " "); !strings.HasPrefix(got, "a1 b1 a2") && !strings.HasPrefix(got, "a1 a2") {
		t.Error(got)
	}
}

func TestBudgetStopsALoop(t *testing.T) {
	v, err := New(Options{Budget: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = v.NewTask(ctx, nil).Run(compile(t, v, "while true do pcall(function() while true do end end) end"))
	if _, ok := err.(*Unwind); !ok {
		t.Fatalf("%v", err)
	}
	if ret, err := v.NewTask(context.Background(), nil).Run(compile(t, v, "return 1")); err != nil || ret != lua.LNumber(1) {
		t.Errorf("%v %v", ret, err)
	}
}

func TestDeepPcallIsAnError(t *testing.T) {
	v := newVM(t)
	ret, err := v.NewTask(context.Background(), nil).Run(compile(t, v, `
		local depth = 0
		local function f() depth = depth + 1 local ok, e = pcall(f) if not ok then error(e, 0) end end
		local ok, e = pcall(f)
		return tostring(ok) .. (depth > 500 and e or depth)`))
	if err != nil || !strings.Contains(ret.String(), "stack overflow") {
		t.Errorf("%v %v", ret, err)
	}
}

func TestGlobalWriteWarns(t *testing.T) {
	var logs []string
	v, err := New(Options{Logf: func(level int, msg string) { logs = append(logs, msg) }})
	if err != nil {
		t.Fatal(err)
	}
	v.NewTask(context.Background(), nil).Run(compile(t, v, "early = 1"))
	v.Freeze()
	ret, err := v.NewTask(context.Background(), nil).Run(compile(t, v, "early = 2\nlate = 3 late = 4 return late"))
	if err != nil || ret != lua.LNumber(4) {
		t.Fatal(ret, err)
	}
	want := "[lua] _G write guard:12: __newindex(): writing a global Lua variable ('late') which may lead to race conditions between concurrent requests, " +
		"so prefer the use of 'local' variables\nstack traceback:\n\ttest:2: in main chunk"
	if len(logs) != 1 || logs[0] != want {
		t.Errorf("%q", logs)
	}
}

func TestErrorHasTraceback(t *testing.T) {
	v := newVM(t)
	_, err := v.NewTask(context.Background(), nil).Run(compile(t, v, "local function f()\n error('x')\nend\nf()"))
	e, ok := err.(*Error)
	if !ok || e.Msg != "test:2: x" {
		t.Fatalf("%v", err)
	}
	want := "stack traceback:\n\t[C]: in function 'error'\n\ttest:2: in function 'f'\n\ttest:4: in main chunk"
	if e.Traceback != want {
		t.Errorf("%s", e.Traceback)
	}
	_, err = v.NewTask(context.Background(), nil).Run(compile(t, v, "coroutine.wrap(function() local t = nil; t.x = 1 end)()"))
	want = "stack traceback:\n\ttest: in function <test:1>\ncoroutine 1:\n\t[C]: ?\n\ttest:1: in main chunk"
	if e, ok := err.(*Error); !ok || e.Traceback != want {
		t.Errorf("%s", e.Traceback)
	}
	_, err = v.NewTask(context.Background(), nil).Run(compile(t, v, "error({})"))
	if e, ok := err.(*Error); !ok || e.Msg != "unknown reason" {
		t.Errorf("%v", err)
	}
}

func TestGoPanicIsALuaError(t *testing.T) {
	v := newVM(t)
	v.root.SetGlobal("crash", v.root.NewFunction(func(L *lua.LState) int {
		none := []int{}
		return none[L.GetTop()]
	}))
	ret, err := v.NewTask(context.Background(), nil).Run(compile(t, v, `
		local n = 0 local function inc() n = n + 1 return n end
		local get pcall(function() local z = 7 get = function() return z end crash() end)
		inc()
		return n .. get() .. select(2, pcall(crash))`))
	if err != nil || !strings.HasPrefix(ret.String(), "17") || !strings.Contains(ret.String(), "index out of range") {
		t.Errorf("%v %v", ret, err)
	}
}

func TestCompaction(t *testing.T) {
	v := newVM(t)
	var before, after runtime.MemStats
	fn := compile(t, v, `
		cache = cache or {}
		for i = 1, 200000 do local k = "key" .. i cache[k] = true cache[k] = nil end`)
	task := v.NewTask(context.Background(), nil)
	task.Run(fn)
	runtime.GC()
	runtime.ReadMemStats(&before)
	task.Run(fn)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("the table grew by %d bytes", grown)
	}
}

func TestLockIsFair(t *testing.T) {
	var l Lock
	l.Lock()
	const n = 20
	order := make(chan int, n)
	for i := 0; i < n; i++ {
		queued := l.n.Load()
		go func() {
			l.Lock()
			order <- i
			l.Unlock()
		}()
		for l.n.Load() == queued || !l.queued(int(queued)) {
			runtime.Gosched()
		}
	}
	l.Unlock()
	for i := 0; i < n; i++ {
		if got := <-order; got != i {
			t.Fatalf("%d before %d", got, i)
		}
	}
}

// queued tells whether n waiters stand in line.
func (l *Lock) queued(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := l.head; w != nil; w = w.next {
		n--
	}
	return n == 0
}

func TestBlockedTasksUseLittleMemory(t *testing.T) {
	v := newVM(t)
	release := make(chan struct{})
	var blocked atomic.Int32
	v.root.SetGlobal("wait", v.root.NewFunction(func(L *lua.LState) int {
		v.Block(func() { blocked.Add(1); <-release })
		return 0
	}))
	fn := compile(t, v, "wait()")
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const n = 1000
	var wg sync.WaitGroup
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			v.NewTask(context.Background(), nil).Run(fn)
		}()
	}
	for blocked.Load() < n {
		runtime.Gosched()
	}
	runtime.GC()
	runtime.ReadMemStats(&during)
	each := (during.HeapAlloc + during.StackInuse - before.HeapAlloc - before.StackInuse) / n
	t.Logf("%d bytes for each blocked task", each)
	if each > 64<<10 {
		t.Errorf("%d bytes for each blocked task", each)
	}
	close(release)
	wg.Wait()
	if v.nfree > v.opts.MaxIdleThreads {
		t.Errorf("%d idle threads", v.nfree)
	}
}
