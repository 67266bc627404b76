package lint

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// value is what is known of an expression before it runs.
type value struct {
	kind kind
	path []string          // names from the globals, or within a module
	name string            // of a module or a kind of object; the text of a string
	fn   *ast.FunctionExpr // of a function of the script
}

type kind uint8

const (
	unknown   kind = iota
	aPath          // what path reaches from the globals
	aModule        // what path reaches in the module called name
	anObject       // an object of kind name
	aMethod        // the method path[0] of an object of kind name
	aString        // name
	aNumber        // name
	aFunction      // fn
)

func (v value) is(path ...string) bool { return v.kind == aPath && slices.Equal(v.path, path) }

func (v value) same(w value) bool {
	return v.kind == w.kind && v.name == w.name && v.fn == w.fn && slices.Equal(v.path, w.path)
}

// eval is what an expression's first value is.
func (r *reader) eval(e ast.Expr) value { return r.result(e, 0) }

// result is what an expression's i-th value is.
func (r *reader) result(e ast.Expr, i int) value {
	if e == nil {
		return value{}
	}
	if i > 0 {
		if c, ok := e.(*ast.FuncCallExpr); ok && i == 1 && r.callee(c).is("pcall") && len(c.Args) == 2 && r.eval(c.Args[0]).is("require") {
			return r.module(c.Args[1])
		}
		return value{}
	}
	if v, ok := r.memo[e]; ok {
		return v
	}
	if r.busy[e] {
		return value{}
	}
	r.busy[e] = true
	v := r.compute(e)
	delete(r.busy, e)
	r.memo[e] = v
	return v
}

func (r *reader) compute(e ast.Expr) value {
	switch e := e.(type) {
	case *ast.StringExpr:
		return value{kind: aString, name: e.Value}
	case *ast.NumberExpr:
		return value{kind: aNumber, name: e.Value}
	case *ast.FunctionExpr:
		return value{kind: aFunction, fn: e}
	case *ast.IdentExpr:
		return r.variable(r.vars[e])
	case *ast.AttrGetExpr:
		if key := r.eval(e.Key); key.kind == aString {
			return field(r.eval(e.Object), key.name)
		}
	case *ast.LogicalOpExpr:
		l, w := r.eval(e.Lhs), r.eval(e.Rhs)
		switch {
		case e.Operator == "and":
			return w
		case l.kind != unknown:
			return l
		}
		return w
	case *ast.StringConcatOpExpr:
		l, w := r.eval(e.Lhs), r.eval(e.Rhs)
		if l.kind == aString && w.kind == aString {
			return value{kind: aString, name: l.name + w.name}
		}
	case *ast.FuncCallExpr:
		return r.made(e)
	}
	return value{}
}

// variable is what a variable always holds.
func (r *reader) variable(v *variable) value {
	if v == nil || v.param {
		return value{}
	}
	if v.global && len(v.values) == 0 {
		return value{kind: aPath, path: []string{v.name}}
	}
	var out value
	for _, b := range v.values {
		if _, null := b.expr.(*ast.NilExpr); null || b.expr == nil {
			continue
		}
		w := r.result(b.expr, b.i)
		if out.kind != unknown && !out.same(w) || w.kind == unknown {
			return value{}
		}
		out = w
	}
	return out
}

// field is what a name is in a value.
func field(of value, name string) value {
	switch of.kind {
	case aPath:
		if len(of.path) == 1 && of.path[0] == "_G" {
			return value{kind: aPath, path: []string{name}}
		}
		v := value{kind: aPath, path: append(slices.Clone(of.path), name)}
		if len(v.path) == 3 && v.path[0] == "ngx" && v.path[1] == "shared" {
			return value{kind: anObject, name: "ngx.shared.DICT", path: v.path[2:]}
		}
		return v
	case aModule:
		return value{kind: aModule, name: of.name, path: append(slices.Clone(of.path), name)}
	case anObject:
		return value{kind: aMethod, name: of.name, path: []string{name}}
	}
	return value{}
}

// module is what requiring a name gives.
func (r *reader) module(name ast.Expr) value {
	v := r.eval(name)
	if v.kind != aString {
		return value{}
	}
	if v.name == "ngx" || v.name == "ndk" || r.opt.Surface != nil && r.opt.Surface.Global(v.name).Found && !strings.Contains(v.name, ".") {
		return value{kind: aPath, path: []string{v.name}}
	}
	return value{kind: aModule, name: v.name}
}

// callee is what a call calls.
func (r *reader) callee(c *ast.FuncCallExpr) value {
	if c.Receiver != nil {
		return field(r.eval(c.Receiver), c.Method)
	}
	return r.eval(c.Func)
}

// made is what a call gives, as far as it is an object or a module.
func (r *reader) made(c *ast.FuncCallExpr) value {
	fn := r.callee(c)
	switch {
	case fn.is("require") && len(c.Args) == 1:
		return r.module(c.Args[0])
	case (fn.is("setmetatable") || fn.is("assert")) && len(c.Args) > 0:
		return r.eval(c.Args[0])
	case fn.is("ngx", "socket", "tcp"), fn.is("ngx", "socket", "stream"), fn.is("ngx", "socket", "connect"):
		return value{kind: anObject, name: "tcpsock"}
	case fn.is("ngx", "socket", "udp"):
		return value{kind: anObject, name: "udpsock"}
	case fn.is("ngx", "req", "get_headers"):
		return value{kind: anObject, name: "request headers"}
	case fn.kind == aModule && slices.Equal(fn.path, []string{"new"}):
		return value{kind: anObject, name: fn.name}
	case fn.kind == aFunction:
		return r.returned(fn.fn)
	}
	return value{}
}

// returned is the object that a function of the script returns, if it returns
// one kind of object or nothing.
func (r *reader) returned(fn *ast.FunctionExpr) value {
	var out value
	mixed := false
	eachReturn(fn.Stmts, func(s *ast.ReturnStmt) {
		if len(s.Exprs) == 0 {
			return
		}
		if _, null := s.Exprs[0].(*ast.NilExpr); null {
			return
		}
		v := r.eval(s.Exprs[0])
		if v.kind != anObject || out.kind != unknown && !out.same(v) {
			mixed = true
		}
		out = v
	})
	if mixed {
		return value{}
	}
	return out
}

func eachReturn(list []ast.Stmt, f func(*ast.ReturnStmt)) {
	for _, s := range list {
		if ret, ok := s.(*ast.ReturnStmt); ok {
			f(ret)
		}
		for _, b := range blocks(s) {
			eachReturn(b, f)
		}
	}
}

// blocks are the statement lists directly inside a statement.
func blocks(s ast.Stmt) [][]ast.Stmt {
	switch s := s.(type) {
	case *ast.DoBlockStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.WhileStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.RepeatStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.IfStmt:
		return [][]ast.Stmt{s.Then, s.Else}
	case *ast.NumberForStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.GenericForStmt:
		return [][]ast.Stmt{s.Stmts}
	}
	return nil
}

// exprsOf are the expressions directly in a statement.
func exprsOf(s ast.Stmt) []ast.Expr {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return append(slices.Clone(s.Rhs), s.Lhs...)
	case *ast.LocalAssignStmt:
		return s.Exprs
	case *ast.FuncCallStmt:
		return []ast.Expr{s.Expr}
	case *ast.WhileStmt:
		return []ast.Expr{s.Condition}
	case *ast.RepeatStmt:
		return []ast.Expr{s.Condition}
	case *ast.IfStmt:
		return []ast.Expr{s.Condition}
	case *ast.NumberForStmt:
		if s.Step == nil {
			return []ast.Expr{s.Init, s.Limit}
		}
		return []ast.Expr{s.Init, s.Limit, s.Step}
	case *ast.GenericForStmt:
		return s.Exprs
	case *ast.ReturnStmt:
		return s.Exprs
	}
	return nil
}

// String is a value as one would write it.
func (v value) String() string {
	switch v.kind {
	case aPath:
		return strings.Join(v.path, ".")
	case aModule:
		if len(v.path) == 0 {
			return v.name
		}
		return v.name + ": " + strings.Join(v.path, ".")
	case aMethod:
		return v.name + ":" + v.path[0]
	}
	return v.name
}
