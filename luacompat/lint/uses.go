package lint

import (
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"huidu/luacompat"
)

// readUses visits every expression of the chunk.
func (r *reader) readUses() { r.usesIn(r.chunk.Stmts) }

func (r *reader) usesIn(list []ast.Stmt) {
	for _, s := range list {
		if a, ok := s.(*ast.AssignStmt); ok {
			for _, e := range a.Rhs {
				r.use(e, false)
			}
			for _, e := range a.Lhs {
				r.assigned(e)
			}
		} else {
			for _, e := range exprsOf(s) {
				r.use(e, false)
			}
		}
		for _, b := range blocks(s) {
			r.usesIn(b)
		}
	}
}

// use notes what an expression uses, and what is inside it. called tells that
// it is being called, so that its function is noted by the call.
func (r *reader) use(e ast.Expr, called bool) {
	switch e := e.(type) {
	case nil:
	case *ast.FunctionExpr:
		r.usesIn(e.Stmts)
	case *ast.FuncCallExpr:
		r.call(e)
	case *ast.AttrGetExpr:
		if !called {
			r.named(e, r.eval(e), "field")
		}
		r.computedKey(e)
		r.inside(e)
	case *ast.IdentExpr:
		if v := r.vars[e]; !called && v != nil && v.global && len(v.values) == 0 {
			r.named(e, r.eval(e), "field")
		}
	default:
		for _, kid := range kids(e) {
			r.use(kid, false)
		}
	}
}

// assigned visits a target of an assignment.
func (r *reader) assigned(e ast.Expr) {
	if a, ok := e.(*ast.AttrGetExpr); ok {
		if v := r.eval(a); v.kind == aPath && len(v.path) == 3 && v.path[0] == "ngx" && v.path[1] == "var" {
			r.named(a, v, "field")
		}
		r.use(a.Key, false)
		r.inside(a)
	}
}

// inside visits what an index is made of, but for the names on the way to what
// has been noted.
func (r *reader) inside(a *ast.AttrGetExpr) {
	r.use(a.Key, false)
	switch o := a.Object.(type) {
	case *ast.AttrGetExpr:
		r.computedKey(o)
		r.inside(o)
	case *ast.IdentExpr:
	default:
		r.use(o, false)
	}
}

// computedKey notes a look-up in the API by a name that is only known when the
// script runs.
func (r *reader) computedKey(a *ast.AttrGetExpr) {
	o := r.eval(a.Object)
	if o.kind != aPath || r.eval(a.Key).kind == aString || r.eval(a.Key).kind == aNumber {
		return
	}
	switch name := o.String(); {
	case o.path[0] == "ngx" && (len(o.path) == 1 || len(o.path) == 2 && isNamespace(o.path[1])), o.is("_G"):
		r.note(a, Use{Kind: "function", Name: name + "[…]", Level: Unresolved, Why: "which function this is shows only when it runs"})
	}
}

func isNamespace(name string) bool {
	switch name {
	case "req", "resp", "re", "socket", "thread", "timer", "worker", "config", "location":
		return true
	}
	return false
}

func (r *reader) call(c *ast.FuncCallExpr) {
	fn := r.callee(c)
	if c.Receiver != nil {
		r.use(c.Receiver, true)
		if a, ok := c.Receiver.(*ast.AttrGetExpr); ok {
			r.inside(a)
		}
	} else {
		r.use(c.Func, true)
	}
	for _, a := range c.Args {
		r.use(a, false)
	}
	kind := "function"
	if fn.kind == aMethod {
		kind = "method"
	}
	switch {
	case fn.is("require"):
		r.require(c, c.Args, false)
	case fn.is("pcall") && len(c.Args) == 2 && r.eval(c.Args[0]).is("require"):
		r.require(c, c.Args[1:], true)
	case fn.is("loadstring"), fn.is("load"), fn.is("dofile"), fn.is("loadfile"), fn.is("setfenv"), fn.is("ngx", "run_worker_thread"):
		if !(fn.is("loadstring") && len(c.Args) > 0 && r.eval(c.Args[0]).kind == aString) {
			r.note(c, Use{Kind: "function", Name: fn.String(), Level: Unresolved, Why: "the code that it runs is not known before it does"})
		}
	}
	r.named(c, fn, kind)
	if fn.kind == aPath && len(fn.path) == 3 && fn.path[0] == "ngx" && fn.path[1] == "re" && len(c.Args) > 1 {
		r.regex(c, fn)
	}
}

// require notes a module, and what it is when huidu has it built in.
func (r *reader) require(c *ast.FuncCallExpr, args []ast.Expr, guarded bool) {
	if len(args) == 0 {
		return
	}
	name := r.eval(args[0])
	if name.kind != aString {
		r.note(c, Use{Kind: "module", Name: "require(…)", Level: Unresolved, Why: "which module this is shows only when it runs"})
		return
	}
	r.out.Requires = append(r.out.Requires, Require{r.place(c), name.name, guarded || r.guarded(c)})
}

// guarded tells whether a call stands in a function that is given to pcall.
func (r *reader) guarded(c *ast.FuncCallExpr) bool {
	for _, fn := range r.funcs {
		if !r.pcalled(fn) {
			continue
		}
		found := false
		r.eachCall(fn.Stmts, func(x *ast.FuncCallExpr) { found = found || x == c })
		if found {
			return true
		}
	}
	return false
}

// pcalled tells whether a function literal is an argument of pcall or xpcall.
func (r *reader) pcalled(fn *ast.FunctionExpr) bool {
	found := false
	r.eachCall(r.chunk.Stmts, func(c *ast.FuncCallExpr) {
		if v := r.callee(c); (v.is("pcall") || v.is("xpcall")) && len(c.Args) > 0 && r.eval(c.Args[0]).fn == fn {
			found = true
		}
	})
	return found
}

// eachCall visits the calls in statements, those in functions inside included.
func (r *reader) eachCall(list []ast.Stmt, f func(*ast.FuncCallExpr)) {
	var expr func(e ast.Expr)
	expr = func(e ast.Expr) {
		switch e := e.(type) {
		case nil:
			return
		case *ast.FuncCallExpr:
			f(e)
		case *ast.FunctionExpr:
			r.eachCall(e.Stmts, f)
			return
		}
		for _, kid := range kids(e) {
			expr(kid)
		}
	}
	for _, s := range list {
		for _, e := range exprsOf(s) {
			expr(e)
		}
		for _, b := range blocks(s) {
			r.eachCall(b, f)
		}
	}
}

// named notes what a value names.
func (r *reader) named(n ast.PositionHolder, v value, kind string) {
	s := r.opt.Surface
	if s == nil {
		return
	}
	u := Use{Kind: kind, Name: v.String()}
	var e luacompat.Entry
	switch v.kind {
	case aPath:
		if len(v.path) > 2 && v.path[0] == "ngx" && v.path[1] == "var" {
			r.nginxVariable(n, v.path[2])
			return
		}
		if r.data(v.path) {
			return
		}
		if e = s.Global(v.path...); !e.Found && !s.Global(v.path[0]).Found {
			return // a global of the script's own
		}
	case aModule:
		if len(v.path) == 0 || !s.Module(v.name).Found || s.Module(v.name).Refused != "" {
			return
		}
		e = s.Module(v.name, v.path...)
	case aMethod:
		if v.name == "request headers" || v.name != "tcpsock" && v.name != "udpsock" && v.name != "ngx.shared.DICT" && !s.Module(v.name).Found {
			return
		}
		if e = s.Method(v.name, v.path[0]); !e.Found && v.name != "tcpsock" && v.name != "udpsock" && v.name != "ngx.shared.DICT" {
			return // a field of an object of ours may come and go
		}
	case anObject:
		if v.name == "ngx.shared.DICT" && len(v.path) == 1 {
			r.dict(n, v.path[0])
		}
		return
	default:
		return
	}
	u.Level, u.Why = judge(e)
	u.Absent = !e.Found
	if u.Level == Unsupported {
		u.Fix = "leave this call out, or keep what needs it on the old gateway (--fallback)"
	}
	r.note(n, u)
	if e.Found && e.Function && kind != "field" && r.opt.Phase != "" {
		r.phase(n, u.Name, e)
	}
	if v.kind == aMethod && v.name == "ngx.shared.DICT" {
		if c, ok := n.(*ast.FuncCallExpr); ok && c.Receiver != nil {
			if o := r.eval(c.Receiver); len(o.path) == 1 {
				r.dict(n, o.path[0])
			}
		}
	}
}

// judge puts an Entry into levels.
func judge(e luacompat.Entry) (Level, string) {
	switch {
	case !e.Found:
		return Unsupported, "huidu does not have it: it is nil"
	case e.Refused != "":
		return Unsupported, e.Refused
	case e.Differs != "":
		return Differs, e.Differs
	case e.NoEffect != "":
		return NoEffect, e.NoEffect
	}
	return Supported, ""
}

// data tells whether a path reaches into tables that hold data of requests.
func (r *reader) data(path []string) bool {
	if path[0] == "ngx" && len(path) > 2 {
		switch path[1] {
		case "ctx", "header", "arg", "shared", "status":
			return true
		}
	}
	return path[0] == "package" && len(path) > 2 || path[0] == "arg" || path[0] == "_G"
}

func (r *reader) nginxVariable(n ast.PositionHolder, name string) {
	u := Use{Kind: "variable", Name: "ngx.var." + name}
	if r.opt.Variable != nil && !isDigits(name) && !r.opt.Variable(strings.ToLower(name)) {
		u.Level, u.Why = Unsupported, "no module of huidu has this variable and no directive sets it: it is nil"
	}
	r.note(n, u)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func (r *reader) dict(n ast.PositionHolder, name string) {
	u := Use{Kind: "dict", Name: "ngx.shared." + name}
	if r.opt.Dict != nil && !r.opt.Dict(name) {
		u.Level, u.Why, u.Fix = Unsupported, "there is no lua_shared_dict "+name+": it is nil, in nginx too", "declare it: lua_shared_dict "+name+" 10m;"
	}
	r.note(n, u)
}

// note adds a use once for each place.
func (r *reader) note(n ast.PositionHolder, u Use) {
	u.Place = r.place(n)
	if !r.seen[u] {
		r.seen[u] = true
		r.out.Uses = append(r.out.Uses, u)
	}
}

// regex compiles a literal pattern with the engine that will run it.
func (r *reader) regex(c *ast.FuncCallExpr, fn value) {
	pattern := r.eval(c.Args[1])
	if pattern.kind != aString {
		r.note(c, Use{Kind: "regex", Name: fn.String() + "(…)", Why: "the pattern is made when the script runs"})
		return
	}
	at := 2
	if fn.path[2] == "gsub" || fn.path[2] == "sub" {
		at = 3
	}
	options := ""
	if len(c.Args) > at {
		if v := r.eval(c.Args[at]); v.kind == aString {
			options = v.name
		}
	}
	u := Use{Kind: "regex", Name: pattern.name}
	if err := luacompat.CheckRegex(pattern.name, options); err != nil {
		u.Level, u.Why, u.Fix = Unsupported, err.Error(), "mend the pattern"
	}
	r.note(c.Args[1], u)
}

// phases by the names of ngx.get_phase.
var phases = func() map[string]luacompat.Phase {
	m := map[string]luacompat.Phase{}
	for p := luacompat.PhaseInit; p <= luacompat.PhaseTimer; p++ {
		m[p.String()] = p
	}
	return m
}()

// phase finds calls that the phase forbids. Functions inside may run later, in
// a timer.
func (r *reader) phase(n ast.PositionHolder, name string, e luacompat.Entry) {
	p, known := phases[r.opt.Phase]
	c, ok := n.(*ast.FuncCallExpr)
	if !known || !ok || e.CallableIn(p) || !r.topLevel(c) {
		return
	}
	r.find(n, "phase", fmt.Sprintf("%s cannot be called in %s_by_lua: it raises \"API disabled in the context of %s_by_lua*\"", name, r.opt.Phase, r.opt.Phase),
		"call it in a phase that allows it, or in a timer (ngx.timer.at)")
}

// topLevel tells whether a call stands outside of functions.
func (r *reader) topLevel(c *ast.FuncCallExpr) bool {
	for _, fn := range r.funcs {
		inside := false
		r.eachCall(fn.Stmts, func(x *ast.FuncCallExpr) { inside = inside || x == c })
		if inside {
			return false
		}
	}
	return true
}
