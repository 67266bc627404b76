package lint

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

// nullable are the commands that answer ngx.null for what is not there.
var nullable = map[string]bool{"get": true, "hget": true, "lpop": true, "rpop": true, "lindex": true, "getset": true, "spop": true,
	"srandmember": true, "zscore": true, "zrank": true, "zrevrank": true, "rpoplpush": true, "getdel": true, "getex": true, "randomkey": true}

// nulls follows the answers of Redis that may be ngx.null.
type nulls struct {
	*reader
	answers map[*variable]*answer
	order   []*variable
}

// answer is what a script does with one.
type answer struct {
	command  string
	hasErr   bool // the error is taken too
	compared bool // with ngx.null, a string, …: nil is not all it knows
	nilTest  ast.Expr
	truth    ast.Expr
	notTest  ast.Expr
}

func (n *nulls) stmts(list []ast.Stmt) {
	n.answers = map[*variable]*answer{}
	n.eachStmt(list, n.collect)
	n.eachExpr(func(e ast.Expr) {
		if rel, ok := e.(*ast.RelationalOpExpr); ok {
			n.relation(rel)
		}
		if l, ok := e.(*ast.LogicalOpExpr); ok && l.Operator == "or" {
			n.tested(l.Lhs, true) // a default
		}
		if c, ok := e.(*ast.FuncCallExpr); ok {
			for _, a := range c.Args {
				if v := n.callee(c); v.is("type") || v.is("tostring") || v.kind == aFunction || v.kind == unknown {
					n.known(a)
				}
			}
		}
	})
	n.eachStmt(list, func(s ast.Stmt) {
		switch s := s.(type) {
		case *ast.IfStmt:
			n.tested(s.Condition, true)
		case *ast.WhileStmt:
			n.tested(s.Condition, true)
		}
	})
}

func (n *nulls) eachStmt(list []ast.Stmt, f func(ast.Stmt)) {
	var walk func(list []ast.Stmt)
	walk = func(list []ast.Stmt) {
		for _, s := range list {
			f(s)
			for _, b := range blocks(s) {
				walk(b)
			}
		}
	}
	walk(list)
	for _, fn := range n.funcs {
		walk(fn.Stmts)
	}
}

// collect finds the variables that are assigned answers.
func (n *nulls) collect(s ast.Stmt) {
	var vars []*variable
	var exprs []ast.Expr
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		vars, exprs = n.decls[s], s.Exprs
	case *ast.AssignStmt:
		exprs = s.Rhs
		for _, l := range s.Lhs {
			id, _ := l.(*ast.IdentExpr)
			vars = append(vars, n.vars[id])
		}
	}
	if len(exprs) != 1 || len(vars) == 0 || vars[0] == nil {
		return
	}
	c, ok := exprs[0].(*ast.FuncCallExpr)
	if !ok {
		return
	}
	fn := n.callee(c)
	if fn.kind != aMethod || fn.name != "resty.redis" || !nullable[fn.path[0]] || n.answers[vars[0]] != nil {
		return
	}
	n.answers[vars[0]] = &answer{command: fn.path[0], hasErr: len(vars) > 1}
	n.order = append(n.order, vars[0])
}

func (n *nulls) of(e ast.Expr) *answer {
	if id, ok := e.(*ast.IdentExpr); ok {
		return n.answers[n.vars[id]]
	}
	return nil
}

func (n *nulls) known(e ast.Expr) {
	if a := n.of(e); a != nil {
		a.compared = true
	}
}

// relation is a comparison of an answer.
func (n *nulls) relation(e *ast.RelationalOpExpr) {
	for _, side := range [][2]ast.Expr{{e.Lhs, e.Rhs}, {e.Rhs, e.Lhs}} {
		a := n.of(side[0])
		if a == nil {
			continue
		}
		if _, null := side[1].(*ast.NilExpr); !null {
			a.compared = true
		} else if a.nilTest == nil {
			a.nilTest = e
		}
	}
}

// tested is a condition that an answer is, or is part of.
func (n *nulls) tested(e ast.Expr, positive bool) {
	switch e := e.(type) {
	case *ast.UnaryNotOpExpr:
		n.tested(e.Expr, !positive)
	case *ast.LogicalOpExpr:
		n.tested(e.Lhs, positive)
		n.tested(e.Rhs, positive)
	case *ast.IdentExpr:
		a := n.of(e)
		switch {
		case a == nil:
		case positive && a.truth == nil:
			a.truth = e
		case !positive && a.notTest == nil:
			a.notTest = e
		}
	}
}

func (n *nulls) report() {
	for _, v := range n.order {
		a := n.answers[v]
		if a.compared || len(v.values) > 2 {
			continue
		}
		at := a.nilTest
		if at == nil {
			at = a.truth
		}
		if at == nil && !a.hasErr {
			at = a.notTest
		}
		if at == nil {
			continue
		}
		n.find(at, "null-is-not-nil", fmt.Sprintf("a key that is not there is answered with ngx.null, which is not nil and counts as true: %s is never nil then", v.name),
			fmt.Sprintf("compare with it: %s == ngx.null", v.name))
	}
}
