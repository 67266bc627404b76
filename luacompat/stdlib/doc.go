// Package stdlib is Lua's standard library as LuaJIT has it: gopher-lua's own
// differs in more than half of the cases one can try, in results and in texts.
//
// Open replaces the globals of a state. The functions know nothing of VMs, tasks
// or locks; what needs those (pcall, coroutine, debug, load, require) is in
// package vm. Errors are raised with LState.RaiseError in a plain form, "bad
// argument #1 to '?' (string expected, got nil)"; the error hook of package vm
// puts in the position and the name that LuaJIT would print.
//
// Functions are listed in the order of the manual.
// See: https://www.lua.org/manual/5.1/manual.html#5 and
// https://luajit.org/extensions.html
package stdlib
