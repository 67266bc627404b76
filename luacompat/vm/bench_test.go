package vm

import (
	"context"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// benchLua runs body b.N times in one Lua loop.
func benchLua(b *testing.B, setup, body string) {
	v := newVM(b)
	fn := compile(b, v, setup+"\nlocal n = ... for i = 1, n do "+body+" end")
	task := v.NewTask(context.Background(), nil)
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := task.Run(fn, lua.LNumber(b.N)); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkPcall(b *testing.B) { benchLua(b, "local f = function() end", "pcall(f)") }
func BenchmarkPcallError(b *testing.B) {
	benchLua(b, "local f = function() error('x') end", "pcall(f)")
}
func BenchmarkPcallIndexError(b *testing.B) {
	benchLua(b, "local t, f = {}, nil f = function() return t.x.y end", "pcall(f)")
}
func BenchmarkConcat2(b *testing.B)   { benchLua(b, "local a, s = 'abc'", "s = a .. 'def'") }
func BenchmarkConcatNum(b *testing.B) { benchLua(b, "local a, s = 'abc'", "s = a .. i .. 'def'") }
func BenchmarkGsub(b *testing.B)      { benchLua(b, "local s = 'hello world from lua'", "s:gsub('o', '0')") }
func BenchmarkMatch(b *testing.B) {
	benchLua(b, "local s = 'key = value'", "s:match('^(%w+)%s*=%s*(%w+)$')")
}
func BenchmarkFind(b *testing.B) {
	benchLua(b, "local s = 'the quick brown fox jumps'", "s:find('%a+ jumps')")
}
func BenchmarkFormat(b *testing.B)     { benchLua(b, "local f = string.format", "f('%s:%d', 'abc', i)") }
func BenchmarkEmptyTable(b *testing.B) { benchLua(b, "local t", "t = {}") }
func BenchmarkTableField(b *testing.B) { benchLua(b, "local t", "t = {} t.a = 1") }
func BenchmarkCoroutine(b *testing.B) {
	benchLua(b, "local c, r = coroutine.create, coroutine.resume local f = function() end", "r(c(f))")
}
func BenchmarkYield(b *testing.B) {
	benchLua(b, "local y = coroutine.yield local f = coroutine.wrap(function() while true do y() end end)", "f()")
}

func BenchmarkBlock(b *testing.B) {
	v := newVM(b)
	nop := func() {}
	v.root.SetGlobal("wait", v.root.NewFunction(func(L *lua.LState) int { v.Block(nop); return 0 }))
	fn := compile(b, v, "local w, n = wait, ... for i = 1, n do w() end")
	b.ReportAllocs()
	b.ResetTimer()
	v.NewTask(context.Background(), nil).Run(fn, lua.LNumber(b.N))
}

func BenchmarkSpawn(b *testing.B) {
	v := newVM(b)
	body := compile(b, v, "return 1")
	v.root.SetGlobal("spawn", v.root.NewFunction(func(L *lua.LState) int {
		v.Cur().Spawn(body, nil, nil)
		return 0
	}))
	fn := compile(b, v, "local s, n = spawn, ... for i = 1, n do s() end")
	b.ReportAllocs()
	b.ResetTimer()
	v.NewTask(context.Background(), nil).Run(fn, lua.LNumber(b.N))
}
