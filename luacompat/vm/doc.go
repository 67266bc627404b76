// Package vm is the Lua machine under the ngx.* layer: one VM per worker, one
// lock per VM, pooled gopher-lua threads, tasks, light threads and coroutines.
//
// A Task is one Lua thread of execution with a goroutine: a request handler, a
// light thread, a timer. It holds the VM's lock while Lua runs and releases it
// inside Block, so Go functions called by Lua wait in straight code and nothing
// ever yields across a Go call. Cur tells a Go function which task called it.
//
// gopher-lua is neither forked nor patched. What it gets wrong is repaired from
// outside: the AST before compilation (package repair), pcall and xpcall on
// child threads, an own coroutine library, and the libraries (package stdlib).
// Never call LState.PCall, LState.NewThread or LState.Close on these threads:
// use VM.PCall, Task.Run and Task.Spawn.
package vm
