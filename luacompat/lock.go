package luacompat

import (
	_ "embed"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// lockSource is resty.lock in Lua: it is nothing but calls of ngx.shared and
// ngx.sleep.
//
//go:embed lib/lock.lua
var lockSource []byte

// openLock makes the module resty.lock.
//
// See: https://github.com/openresty/lua-resty-lock
func (w *Worker) openLock(L *lua.LState) int {
	proto, err := vm.Compile(lockSource, "=resty.lock")
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	L.Push(w.vm.Closure(proto))
	L.Call(0, 1)
	return 1
}
