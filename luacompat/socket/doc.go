// Package socket is cosockets: ngx.socket.tcp, udp, connect and stream, and
// the request's own socket.
//
// A socket is a Lua table, as in ngx_lua, with its Go part in slot 1. Calls
// that wait release the VM's lock, so other threads run meanwhile; one may
// read while another writes, and a second reader is told `socket busy
// reading`. Connections left open are closed with their request ([Set]);
// those kept alive lie in the VM's pools, as each nginx worker has its own.
//
// Errors are ngx_lua's words, and with lua_socket_log_errors on the error log
// gets its lines.
//
// [Env] is what the runtime gives; it also serves package redis.
//
// See: https://github.com/openresty/lua-nginx-module#ngxsockettcp
package socket
