package vm

import (
	lua "github.com/yuin/gopher-lua"
)

// Caller tells of the Lua function that called the running Go function, as
// ngx.log wants it: its chunk, the line in execution and the name that its own
// caller knows it by ("" for none, and for a main chunk). ok is false when a Go
// function called.
func (v *VM) Caller(L *lua.LState) (chunk string, line int, name string, ok bool) {
	n := 0
	v.walk(L, func(f frame) bool {
		switch n {
		case 1:
			if f.fn.IsG {
				return false
			}
			chunk, line, ok = f.fn.Proto.SourceName, f.line(), true
			if f.fn.Proto.LineDefined == 0 {
				return false
			}
		case 2:
			_, name = callee(f)
			return false
		}
		n++
		return true
	})
	return chunk, line, name, ok
}
