// Package cjson is lua-cjson, OpenResty's fork: the Lua modules cjson and
// cjson.safe, as a codec straight to and from Lua tables.
//
// No JSON library has cjson's rules, which gateways depend on byte for byte:
// numbers as %.14g, "/" and DEL escaped, invalid UTF-8 passed through, sparse
// arrays refused, NaN and infinities refused on the way out and understood on
// the way in, and its own error texts. The tests run the same expressions
// here and on the C module.
//
// encode.go and decode.go do the work, config.go is the settings that each
// module table carries, module.go what Lua sees.
//
// Differs: the members of an object are written in the order in which a
// table got them, where LuaJIT's order changes with every process.
//
// See: https://github.com/openresty/lua-cjson
package cjson
