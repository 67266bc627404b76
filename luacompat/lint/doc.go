// Package lint reads scripts without running them: what they use of what huidu
// offers, which modules they require, and what is likely to hurt.
//
//	source ─ repair.Parse ─► AST ─ names resolved (scope.go) ─► values (value.go)
//	                                     │                          │
//	          findings ◄─ flow.go, rules.go                 uses.go ─► Uses, Requires
//
// What a name stands for is followed through locals, upvalues and globals that
// are assigned one value: "local req = ngx.req", ngx["say"], a module required
// under pcall. What a name reaches is asked of luacompat.Surface, which looks
// into the machine that will run the script; there is no list here.
//
// Findings follow the control flow where it matters (flow.go walks a function
// body with the set of states that a connection may be in) and prefer silence
// to a false alarm: a connection that is handed to unknown code is forgotten.
package lint
