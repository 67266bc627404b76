package vm

import (
	"maps"

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

// CompileBranches is Compile for VMs with Options.Branch: their conditions are
// told to it.
func CompileBranches(src []byte, chunkname string) (*lua.FunctionProto, error) {
	configure()
	with := maps.Clone(helpers)
	with[repair.HelperBranch] = &lua.LFunction{IsG: true, GFunction: branch}
	return repair.CompileBranches(string(src), chunkname, with)
}

// Compile turns a chunk into a prototype as the VM wants it: with its branches
// followed, or, as the package's Compile does, without.
func (v *VM) Compile(src []byte, chunkname string) (*lua.FunctionProto, error) {
	if v.opts.Branch != nil {
		return CompileBranches(src, chunkname)
	}
	return Compile(src, chunkname)
}

// vmKey is where a VM with Options.Branch stands in the registry, for helpers,
// which know no VM.
const vmKey = "huidu.vm"

// branch is repair.HelperBranch: it tells the VM how a condition turned out.
func branch(L *lua.LState) int {
	if ud, ok := L.G.Registry.RawGetString(vmKey).(*lua.LUserData); ok {
		if v := ud.Value.(*VM); v.cur != nil {
			v.opts.Branch(v.cur, L.Get(2).String(), lua.LVAsBool(L.Get(1)))
		}
	}
	L.SetTop(1)
	return 1
}
