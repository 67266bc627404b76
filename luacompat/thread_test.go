package luacompat_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/luatest"
)

// TestWaiting: light threads, sleep, semaphores and locks.
func TestWaiting(t *testing.T) {
	dicts := luacompat.NewSharedDicts(nil)
	dicts.Declare("locks", 1<<20)
	for _, tc := range []struct{ name, code, want string }{
		{"order", `
			local function f(n, d) return function() ngx.say(n, 1) ngx.sleep(d) ngx.say(n, 2) end end
			local a, b = ngx.thread.spawn(f("a", 0.001)), ngx.thread.spawn(f("b", 0.02))
			ngx.say("main")
			ngx.say(coroutine.status(a), " ", ngx.thread.wait(a))
			ngx.say(ngx.thread.wait(b))
			ngx.say(coroutine.status(a))`, "a1\nb1\nmain\na2\nrunning true\nb2\ntrue\ndead\n"},
		{"results", `
			local t = ngx.thread.spawn(function(x, y) return x + y, "r" end, 1, 2)
			ngx.say(coroutine.status(t), " ", ngx.thread.wait(t))
			ngx.say(ngx.thread.wait(t))`, "zombie true3r\nnilalready waited or killed\n"},
		{"wait any", `
			local slow = ngx.thread.spawn(function() ngx.sleep(5) return "slow" end)
			local fast = ngx.thread.spawn(function() ngx.sleep(0.001) return "fast" end)
			ngx.say(ngx.thread.wait(slow, fast))
			ngx.say(ngx.thread.kill(slow))
			ngx.say(ngx.thread.kill(slow))`, "truefast\n1\nnilalready waited or killed\n"},
		{"yield", `
			for _, n in ipairs{"f", "g"} do ngx.thread.spawn(function() for i = 1, 3 do ngx.say(n, i) coroutine.yield() end end) end
			ngx.say("done")`, "f1\ng1\nf2\ndone\ng2\nf3\ng3\n"},
		{"error", `
			local t = ngx.thread.spawn(function() error("oops") end)
			local ok, msg = ngx.thread.wait(t)
			ngx.say(ok, " ", msg)`, "false oops\n"},
		{"semaphore", `
			local s = require("ngx.semaphore").new(0)
			local t = ngx.thread.spawn(function() ngx.say("waits ", s:wait(5)) return s:count() end)
			ngx.say(s:count())
			s:post()
			ngx.say(ngx.thread.wait(t))
			ngx.say(s:wait(0))
			ngx.say(s:wait(0.001))
			s:post(2)
			ngx.say(s:count(), s:wait(0), s:count())`, "-1\nwaits truenil\ntrue0\nniltimeout\nfalsetimeout\n2true1\n"},
		{"lock", `
			local lock = require "resty.lock"
			local a, b = lock:new("locks", {timeout = 0.01}), lock:new("locks", {timeout = 0.01})
			ngx.say(a:lock("k"))
			ngx.say(b:lock("k"))
			ngx.say(a:unlock(), a:unlock())
			local waited = b:lock("k")
			ngx.say(waited, " ", b:expire(1), " ", b:unlock())`, "0\nniltimeout\n1nilunlocked\n0 true 1\n"},
		{"lrucache", `
			local c = require("resty.lrucache").new(2)
			c:set("a", 1) c:set("b", 2, 0.001) c:get("a") c:set("c", 3)
			ngx.say(c:get("a"), c:get("b"), c:get("c"), c:count(), c:capacity())
			c:set("a", 4, 0.001) ngx.sleep(0.005)
			ngx.say(c:get("a"))
			c:delete("a") ngx.say(#c:get_keys())`, "1nil322\nnil40\n1\n"},
		{"coroutine waits", `
			local co = coroutine.wrap(function() ngx.sleep(0.001) coroutine.yield(1) ngx.sleep(0.001) return 2 end)
			ngx.say(co(), co())`, "12\n"},
		{"re", `
			local m = ngx.re.match("hello, 1234", "(?<w>[a-z]+), ([0-9]+)|(x)", "jo")
			ngx.say(m[0], "|", m[1], "|", m.w, "|", m[2], "|", m[3])
			ngx.say(ngx.re.find("abc", "b(c)"), " ", ngx.re.find("abc", "b(c)", nil, nil, 1))
			ngx.say(ngx.re.gsub("a1b22", "[0-9]+", "<$0$$>"))
			ngx.say(ngx.re.sub("a1b22", "([0-9])", function(c) return c[1] * 2 end))
			for c in ngx.re.gmatch("a-b", "[a-z]") do ngx.print(c[0]) end
			ngx.say(ngx.re.match("x", "(")) 
			ngx.say(table.concat(require("ngx.re").split("a,b,,c", ","), "|"))`,
			"hello, 1234|hello|hello|1234|false\n2 33\na<1$>b<22$>2\na2b221\nabnilpcre_compile() failed: missing ) in \"(\"\na|b||c\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rt := luatest.Runtime(t, luacompat.Options{Dicts: dicts})
			if got := luatest.Say(t, rt, get, tc.code); got != tc.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tc.want)
			}
		})
	}
}

// logs collects a Runtime's log.
type logs struct {
	mu    sync.Mutex
	lines []string
}

func (l *logs) add(_ int, msg string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, msg)
}

func (l *logs) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.lines, func(s string) bool { return strings.Contains(s, text) })
}

func (l *logs) wait(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if l.has(text) {
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Fatalf("no %q in\n%s", text, strings.Join(l.lines, "\n"))
}

// TestTimers: order, arguments, light threads, premature firing.
func TestTimers(t *testing.T) {
	var l logs
	rt := luatest.Runtime(t, luacompat.Options{Log: l.add, MaxPendingTimers: 8})
	got := luatest.Say(t, rt, get, `
		local function log(premature, ...) ngx.log(ngx.WARN, ngx.get_phase(), tostring(premature), ...) end
		ngx.say(ngx.timer.at(0, log, "one", 2))
		ngx.timer.at(0, function() ngx.thread.spawn(function() ngx.sleep(0.001) ngx.log(ngx.WARN, "thread ran") end) end)
		ngx.timer.at(0, function() error("timer bad") end)
		ngx.timer.at(0, function() ngx.say("x") end)
		ngx.timer.every(0.001, function(p) n = (n or 0) + 1 if n == 3 then ngx.log(ngx.WARN, "third") end end)
		ngx.timer.at(3600, log, "late")
		ngx.say(pcall(ngx.timer.at, 1, "x"))
		ngx.say(pcall(ngx.timer.every, 0, log))
		for i = 1, 10 do local ok, err = ngx.timer.at(3600, log) if not ok then ngx.say(err) break end end`)
	if want := "1\nfalsebad argument #2 to '?' (Lua function expected)\nfalsedelay cannot be zero\ntoo many pending timers\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, want := range []string{"timerfalseone2", "thread ran", "lua entry thread aborted: runtime error: content_by_lua(nginx.conf:1):5: timer bad", "API disabled in the context of ngx.timer", "third"} {
		l.wait(t, want)
	}
	rt.Exiting()
	l.wait(t, "timertruelate")
	if got := luatest.Say(t, rt, get, `ngx.say(ngx.worker.exiting(), ngx.timer.at(1, function() end))`); got != "" && !strings.HasPrefix(got, "true") {
		t.Errorf("after exiting: %q", got)
	}
}

// TestAbort: a handler whose client is gone ends, and so does all it started.
func TestAbort(t *testing.T) {
	rt := luatest.Runtime(t, luacompat.Options{})
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	r := luatest.New(get)
	r.Ctx = ctx
	s := luatest.Script(t, rt, luacompat.PhaseContent, `
		ngx.thread.spawn(function() pcall(ngx.sleep, 100) ngx.log(ngx.ERR, "survived") end)
		pcall(ngx.sleep, 100) ngx.log(ngx.ERR, "survived")`)
	time.AfterFunc(5*time.Millisecond, cancel)
	out, err := s.Run(ctx, luacompat.PhaseContent, r)
	if err != nil || out.Status != 499 {
		t.Errorf("%+v %v", out, err)
	}
	if len(r.Logs()) > 0 {
		t.Errorf("log: %v", r.Logs())
	}
	rt.Release(r.LuaState())
	for end := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

// TestOnAbort: the callback runs beside the handler and may end it.
func TestOnAbort(t *testing.T) {
	rt := luatest.Runtime(t, luacompat.Options{})
	r := luatest.New(get)
	r.Settings.CheckClientAbort = true
	s := luatest.Script(t, rt, luacompat.PhaseContent, `
		ngx.say(ngx.on_abort(function() ngx.log(ngx.WARN, "aborted") ngx.exit(499) end))
		ngx.say(ngx.on_abort(print))
		ngx.sleep(100)`)
	time.AfterFunc(20*time.Millisecond, r.Abort)
	out, err := s.Run(r.Ctx, luacompat.PhaseContent, r)
	if err != nil || out.Status != 499 {
		t.Errorf("%+v %v %v", out, err, r.Logs())
	}
	if got := r.ResponseBody(); got != "1\nnilduplicate call\n" {
		t.Errorf("body %q", got)
	}
	rt.Release(r.LuaState())
	r.Abort() // late: nothing happens
}

// TestWorkers: each worker has its own globals; dicts are shared and outlive
// the Runtime.
func TestWorkers(t *testing.T) {
	dicts := luacompat.NewSharedDicts(nil)
	dicts.Declare("d", 1<<16)
	rt := luatest.Runtime(t, luacompat.Options{Workers: 2, Dicts: dicts})
	rt.Init(context.Background(), luatest.Script(t, rt, luacompat.PhaseInit, `n = 0`))
	s := luatest.Script(t, rt, luacompat.PhaseContent, `n = n + 1 ngx.print(ngx.worker.id(), n, ngx.shared.d:incr("n", 1, 0))`)
	run := func(worker int) string {
		r := luatest.New(get)
		r.Worker = worker
		if _, err := s.Run(r.Ctx, luacompat.PhaseContent, r); err != nil {
			t.Error(err, r.Logs())
		}
		rt.Release(r.LuaState())
		return r.ResponseBody()
	}
	if got := run(0) + " " + run(0) + " " + run(1); got != "01"+"1nilfalse 02"+"2nilfalse 11"+"3nilfalse" {
		t.Errorf("%q", got)
	}
	next := luatest.Runtime(t, luacompat.Options{Dicts: dicts})
	if got := luatest.Say(t, next, get, `ngx.print(n, ngx.shared.d:get("n"))`); got != "nil3" {
		t.Errorf("after reload %q", got)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				run(i % 2)
			}
		})
	}
	wg.Wait()
	if got := luatest.Say(t, next, get, `ngx.print(ngx.shared.d:get("n"))`); got != "403" {
		t.Errorf("after concurrent increments: %q", got)
	}
}
