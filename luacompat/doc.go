// Package luacompat runs OpenResty's Lua unchanged: the phases and the ngx.*
// API of ngx_lua 0.10.23 over gopher-lua.
//
// A Runtime belongs to one configuration and holds a Worker, that is a VM with
// its ngx table, for each worker process that nginx would have. Scripts are
// compiled once; a Worker keeps one closure for each. Script.Run runs one in a
// phase for a Request, which is all that a script may ask of the server, and
// returns an Outcome: how nginx goes on. Package luacompat knows nothing of
// nginxconf or proxy; luatest has a Request made of memory.
//
// A run is a handler: it is the Host of its tasks (see package vm), which is
// how an ngx.* function finds its request and its phase. Light threads share
// it and take turns; timers and worker scripts have a request without a
// client. What outlives a phase (ngx.ctx, open sockets) is the reqState that
// hangs on Request.LuaState, until Runtime.Release.
//
// ngx.exit, ngx.exec and ngx.redirect unwind the handler's Lua stack through
// every pcall and coroutine. Output goes straight to Request.Write with the
// VM's lock released (VM.Aside), since Lua filters may run inside; a Request
// that is a QuickWriter saves that where nothing would wait.
//
// Files follow the manual, one group of functions each; shared dicts live
// outside of the Runtime and survive a reload.
package luacompat
