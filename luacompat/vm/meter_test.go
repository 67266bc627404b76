package vm

import (
	"context"
	"runtime"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// greedy are programs that would never end, or never stop to grow.
var greedy = []struct{ name, code string }{
	{"loop", `while true do end`},
	{"pcall", `while true do pcall(function() while true do end end) end`},
	{"nested pcall", `local function f() while true do pcall(f) end end f()`},
	{"xpcall", `while true do xpcall(function() while true do end end, function() while true do end end) end`},
	{"coroutine", `while true do coroutine.wrap(function() while true do end end)() end`},
	{"pattern", `local s = ("a"):rep(30000) .. "b" s:find(".-.-.-.-.-x$")`},
	{"gsub", `local s = ("a"):rep(30000) while true do s:gsub("a-b", "") end`},
	{"sort", `local t = {} for i = 1, 1000 do t[i] = i end while true do table.sort(t, function(a, b) return a > b end) end`},
	{"metamethod", `local t = setmetatable({}, { __index = function(t, k) while true do end end }) local x = t.a`},
}

var hungry = []struct{ name, code string }{
	{"doubling", `local s = "x" while true do s = s .. s end`},
	{"table", `local t = {} while true do t[#t + 1] = #t end`},
	{"strings", `local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end`},
	{"rep", `local t = {} for i = 1, 1000 do t[i] = ("x"):rep(100000000 + i) end`},
	{"hash", `local t = {} local i = 0 while true do i = i + 1 t["k" .. i] = i end`},
	{"concat", `local s = "" local b = ("x"):rep(100000) while true do s = s .. b end`},
	{"caught", `local t = {} while true do pcall(function() while true do t[#t + 1] = { #t } end end) end`},
}

// TestMeterEnds lets programs run that would not end by themselves.
func TestMeterEnds(t *testing.T) {
	v := newVM(t)
	for _, g := range greedy {
		expectOverrun(t, v, g.name, g.code, &Meter{Time: 30 * time.Millisecond}, "lua_handler_time_limit of 30ms exceeded")
	}
}

func TestMeterBoundsMemory(t *testing.T) {
	v := newVM(t)
	for _, g := range hungry {
		expectOverrun(t, v, g.name, g.code, &Meter{Memory: 32 << 20, Time: time.Minute}, "lua_handler_memory_limit of 33554432 bytes exceeded")
		runtime.GC()
		if live, _ := heapSizes(); live > 64<<20 {
			t.Errorf("%s: %d bytes are still in use", g.name, live)
		}
	}
}

func expectOverrun(t *testing.T, v *VM, name, code string, m *Meter, want string) {
	t.Helper()
	task := v.NewTask(context.Background(), nil)
	task.Meter = m
	began := time.Now()
	_, err := task.Run(compile(t, v, code))
	u, ok := err.(*Unwind)
	if !ok {
		t.Fatalf("%s: %v", name, err)
	}
	o, ok := u.Reason.(*Overrun)
	if !ok || o.Msg != want || o.Traceback == "" {
		t.Fatalf("%s: %+v", name, u.Reason)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%s: took %v", name, took)
	}
	if ret, err := v.NewTask(context.Background(), nil).Run(compile(t, v, "local n = 0 for i = 1, 1e5 do n = n + 1 end return n")); err != nil || ret.String() != "100000" {
		t.Fatalf("%s: afterwards: %v %v", name, ret, err)
	}
}

// TestMeterDoesNotCountWaiting lets a handler wait longer than it may run.
func TestMeterDoesNotCountWaiting(t *testing.T) {
	v := newVM(t)
	v.root.G.Global.RawSetString("nap", v.root.NewFunction(napFor(v, 20*time.Millisecond)))
	task := v.NewTask(context.Background(), nil)
	task.Meter = &Meter{Time: 50 * time.Millisecond}
	if _, err := task.Run(compile(t, v, "for i = 1, 5 do nap() for j = 1, 20000 do end end")); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkMeter(b *testing.B) {
	for name, m := range map[string]*Meter{"off": nil, "time": {Time: time.Hour}, "memory": {Memory: 1 << 40}} {
		b.Run(name, func(b *testing.B) {
			v := newVM(b)
			fn := compile(b, v, "local n = 0 for i = 1, 10000 do n = n + i % 7 end return n")
			for b.Loop() {
				task := v.NewTask(context.Background(), nil)
				task.Meter = m
				if _, err := task.Run(fn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func napFor(v *VM, d time.Duration) lua.LGFunction {
	return func(*lua.LState) int {
		v.Block(func() { time.Sleep(d) })
		return 0
	}
}
