package lift

import (
	"github.com/yuin/gopher-lua/ast"

	"huidu/luacompat/expr"
)

// search executes a loop over a list that is not known, when all it does is
// to look for a value: for _, v in ipairs(list) do if v == x then … end end.
func (x *exec) search(s *ast.GenericForStmt, list term, sc *scope) *flow {
	const only = "a loop over a list that is not known is understood only when it looks for one value and leaves"
	if len(s.Stmts) != 1 || len(s.Names) < 2 {
		x.refuse(only)
	}
	cond, ok := s.Stmts[0].(*ast.IfStmt)
	if !ok || len(cond.Else) > 0 {
		x.refuse(only)
	}
	rel, ok := cond.Condition.(*ast.RelationalOpExpr)
	if !ok || rel.Operator != "==" {
		x.refuse(only)
	}
	isItem := func(e ast.Expr) bool {
		id, ok := e.(*ast.IdentExpr)
		return ok && id.Value == s.Names[1]
	}
	other := rel.Rhs
	if !isItem(rel.Lhs) {
		if other = rel.Lhs; !isItem(rel.Rhs) {
			x.refuse(only)
		}
	}
	if mentions(other, s.Names) {
		x.refuse(only)
	}
	if x.kindsOf(list)&^kList != 0 {
		list = x.fallible("list", &expr.Call{Fn: "list", Args: []term{list}})
	}
	before := x.steps
	wanted := x.term(x.eval(other, sc))
	if x.steps != before {
		x.refuse(only)
	}
	x.at = s
	if x.kindsOf(wanted)&kList != 0 {
		if x.shareOrigin(wanted, list) {
			x.refuse(only)
		}
	}
	c := &expr.Call{Fn: "has", Args: []term{list, wanted}}
	f := x.branch(c, func() *flow {
		cell := x.newCell(s.Names[1])
		x.st.cells[cell] = wanted
		first := x.newCell(s.Names[0])
		x.st.cells[first] = &opaque{"the place of the element in the list is used"}
		f := x.stmts(cond.Then, &scope{&scope{sc, s.Names[0], first}, s.Names[1], cell})
		if goesOn(f) {
			x.at = s
			x.refuse(only)
		}
		return f
	}, func() *flow { return &flow{kind: falls, st: x.st} })
	return x.leaveLoop(f)
}

func mentions(e ast.Expr, names []string) bool {
	found := false
	walk([]ast.Stmt{&ast.FuncCallStmt{Expr: e}}, func(e ast.Expr) {
		if id, ok := e.(*ast.IdentExpr); ok {
			for _, n := range names {
				found = found || id.Value == n
			}
		}
		if _, ok := e.(*ast.FuncCallExpr); ok {
			found = true
		}
	})
	return found
}
