// Package resty is lua-resty-string and LuaFileSystem in Go: the Lua modules lfs, resty.string,
// resty.md5, resty.sha1 to resty.sha512, resty.random and resty.aes. The
// originals call OpenSSL through LuaJIT's ffi, which scripts do not have here.
//
// See: https://github.com/openresty/lua-resty-string
package resty
