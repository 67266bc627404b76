package vm

import (
	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
)

// Compile turns a chunk into a function prototype, which all VMs may share.
// chunkname is as in Lua: "=name", "@file" or the source itself. Errors are
// *repair.SyntaxError, worded as LuaJIT words them.
func Compile(src []byte, chunkname string) (*lua.FunctionProto, error) {
	configure()
	return repair.Compile(string(src), chunkname, helpers)
}

// Compile is the package's Compile.
func (v *VM) Compile(src []byte, chunkname string) (*lua.FunctionProto, error) {
	return Compile(src, chunkname)
}
