// Package luacompat runs OpenResty's Lua unchanged: the VM model, the phases
// and the ngx.* API over gopher-lua. What a script may ask of the server is
// the Request interface; how a handler ended is an Outcome. Package luacompat
// knows nothing of nginxconf or proxy.
package luacompat
