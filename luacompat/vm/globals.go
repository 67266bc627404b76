package vm

import (
	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// guardGlobals warns about writes to undeclared globals, in ngx_lua's words. The
// write itself takes place: there is one table of globals for all requests.
//
// See: https://github.com/openresty/lua-nginx-module#lua-variable-scope
func (v *VM) guardGlobals() {
	L := v.root
	G := L.G.Global
	mt, ok := G.Metatable.(*lua.LTable)
	if !ok {
		mt = L.CreateTable(0, 1)
		G.Metatable = mt
	}
	mt.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		t := stdlib.Tab(L, 1)
		key := L.Get(2)
		t.RawSet(key, L.Get(3))
		if !v.frozen {
			return 0
		}
		name, _ := stdlib.ToString(L, key).(lua.LString)
		v.logf(LogWarn, "[lua] _G write guard:12: __newindex(): writing a global Lua variable ('"+string(name)+"') which may lead to race conditions "+
			"between concurrent requests, so prefer the use of 'local' variables\n"+v.Traceback(L, 1))
		return 0
	}))
}
