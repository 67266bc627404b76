package stdlib

import (
	"runtime"

	lua "github.com/yuin/gopher-lua"
)

// openJIT registers the facts that scripts ask of LuaJIT. There is no compiler:
// status is false, the switches do nothing.
//
// See: https://luajit.org/ext_jit.html
func openJIT(L *lua.LState) {
	nothing := func(*lua.LState) int { return 0 }
	t := Table(L, []Func{
		{"attach", nothing},
		{"on", nothing},
		{"security", func(L *lua.LState) int { L.Push(intValues[0]); return 1 }},
		{"off", nothing},
		{"flush", nothing},
		{"status", func(L *lua.LState) int { L.Push(lua.LFalse); return 1 }},
	})
	t.RawSetString("version", lua.LString("LuaJIT 2.1.0-beta3"))
	t.RawSetString("version_num", lua.LNumber(20100))
	os := map[string]string{"linux": "Linux", "darwin": "OSX", "windows": "Windows"}[runtime.GOOS]
	if os == "" {
		os = "Other"
	}
	arch := map[string]string{"amd64": "x64", "386": "x86"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	t.RawSetString("os", lua.LString(os))
	t.RawSetString("arch", lua.LString(arch))
	opt := Table(L, []Func{{"start", nothing}})
	for _, fn := range []lua.LValue{t.RawGetString("attach"), t.RawGetString("on"), t.RawGetString("off"), t.RawGetString("flush"), opt.RawGetString("start")} {
		Note(L, fn.(*lua.LFunction), NoEffect, "there is no compiler to steer; what it computes is the same")
	}
	t.RawSetString("opt", opt)
	Register(L, "jit", t)
	Loaded(L, "jit.opt", opt)
	// What reports on the compiler has nothing to report.
	for _, name := range []string{"v", "dump", "p"} {
		Preload(L, "jit."+name, func(L *lua.LState) int {
			L.Push(Table(L, []Func{{"on", nothing}, {"off", nothing}, {"start", nothing}, {"stop", nothing}}))
			return 1
		})
	}
}
