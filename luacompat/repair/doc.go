// Package repair is the front end of the Lua machine: it reads LuaJIT's dialect
// and hands gopher-lua's compiler an AST that the compiler translates correctly.
//
//	source ─ lexer ─► parser (scopes resolved) ─► rewritten AST ─► lua.Compile ─► finish ─► FunctionProto
//
// gopher-lua is used as it is. Its own parser is not, because its lexer misreads
// number literals and escapes and because its errors are not LuaJIT's. What its
// compiler miscompiles never reaches it: multiple assignments and assignments of
// logical expressions go through temporaries, concatenation through a hidden
// function, goto and break close the right variables (see rewrite.go, finish.go).
//
// The parser also notes, for every instruction that can fail, what its operands
// are called in the source. The notes travel in FunctionProto.DbgCalls, so that a
// run time error can say "attempt to index local 'x' (a nil value)" (notes.go).
//
// Programs that read scripts instead of running them (lint, lift) use Parse: the
// same grammar and errors, the AST as written, and a place for every node.
package repair
