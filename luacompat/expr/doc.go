// Package expr is the expressions of release rules: what a rule asks of a
// request and of Redis's answers, written as in Lua and meaning what Lua means.
//
//	text ─ Parse ─► Expr ─ Compile ─► Func ─ a Frame ─► Value
//	                  ▲
//	     luacompat/lift builds the same Expr from a script
//
// The meaning is Lua's to the letter, because a rule that was lifted from a
// script must decide as the script did: equality never converts, arithmetic
// and .. convert between numbers and strings, indices count from one and from
// the end, patterns are Lua's, numbers print with %.14g, and what Lua raises
// as an error is a Fault here. There are no loops, no assignments and no
// functions of one's own, so every expression ends.
//
// $name is a name of the rule, or else an nginx variable (nil when nginx does
// not find it). Beyond Lua there are ?? (the right side where the left is
// nil), c ? a : b, null (what Redis answers for what is not there) and the
// functions of the table in funcs.go.
package expr
