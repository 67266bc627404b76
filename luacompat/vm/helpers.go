package vm

import (
	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
	"huidu/luacompat/stdlib"
)

// helpers are the functions that repaired code calls. They sit in the constants
// of prototypes, which VMs share, so they know no VM.
var helpers = map[string]*lua.LFunction{
	repair.HelperConcat: {IsG: true, GFunction: stdlib.Concat},
	repair.HelperDelete: {IsG: true, GFunction: stdlib.Delete},
}

// hiddenFunctions never show in tracebacks: helpers, and the metamethods that do
// arithmetic on strings.
var hiddenFunctions = func() map[*lua.LFunction]bool {
	m := map[*lua.LFunction]bool{}
	for _, fn := range helpers {
		m[fn] = true
	}
	for _, fn := range stdlib.StringArithmetic {
		m[fn] = true
	}
	return m
}()

func hidden(fn *lua.LFunction) bool { return hiddenFunctions[fn] }
