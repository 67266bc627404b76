// Package ffi is LuaJIT's ffi module without machine code: C declarations and
// C data in Go memory, for the many libraries that need ffi for a struct, a
// byte buffer or a 64-bit integer and not for a shared library.
//
// types.go knows C's types, parse.go reads declarations, data.go is memory and
// values in it, convert.go goes from Lua to C, operators.go is what the
// metatable of C data does, symbols.go and openssl.go the C functions that are
// there: those of libc, nginx and OpenSSL that libraries call, each in Go.
//
// Memory is a block of bytes with bounds: an access outside of it raises an
// error where LuaJIT would read or write what lies there. A pointer is an
// address in a space of its own (no address of the process) with a reference
// to its block, so what a pointer points to lives as long as the pointer.
//
// Differs: ffi.load refuses, since there is no shared library to call; any
// other function is an undefined symbol; finalizers
// (ffi.gc, __gc) do not run; a NULL that is read from memory or returned is
// nil, because gopher-lua compares values of different types as unequal
// without asking a metamethod, and for the same reason `1LL == 1` is false and
// `1LL < 2` an error; callbacks and bit-fields are refused.
//
// See: https://luajit.org/ext_ffi_api.html and
// https://luajit.org/ext_ffi_semantics.html
package ffi
