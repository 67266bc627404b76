package lift

import (
	"math"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// numberOf is the value of a number in the source.
func numberOf(e *ast.NumberExpr) float64 {
	switch e.Value {
	case "+Inf":
		return math.Inf(1)
	case "NaN":
		return math.NaN()
	}
	f, err := strconv.ParseFloat(e.Value, 64)
	if err != nil {
		n, _ := strconv.ParseInt(e.Value, 0, 64)
		f = float64(n)
	}
	return f
}

// walk calls f for every expression of a block and of what is in it.
func walk(stmts []ast.Stmt, f func(ast.Expr)) {
	var expr func(e ast.Expr)
	exprs := func(es []ast.Expr) {
		for _, e := range es {
			expr(e)
		}
	}
	expr = func(e ast.Expr) {
		if e == nil {
			return
		}
		f(e)
		switch e := e.(type) {
		case *ast.AttrGetExpr:
			exprs([]ast.Expr{e.Object, e.Key})
		case *ast.TableExpr:
			for _, fl := range e.Fields {
				exprs([]ast.Expr{fl.Key, fl.Value})
			}
		case *ast.FuncCallExpr:
			exprs([]ast.Expr{e.Func, e.Receiver})
			exprs(e.Args)
		case *ast.LogicalOpExpr:
			exprs([]ast.Expr{e.Lhs, e.Rhs})
		case *ast.RelationalOpExpr:
			exprs([]ast.Expr{e.Lhs, e.Rhs})
		case *ast.StringConcatOpExpr:
			exprs([]ast.Expr{e.Lhs, e.Rhs})
		case *ast.ArithmeticOpExpr:
			exprs([]ast.Expr{e.Lhs, e.Rhs})
		case *ast.UnaryMinusOpExpr:
			expr(e.Expr)
		case *ast.UnaryNotOpExpr:
			expr(e.Expr)
		case *ast.UnaryLenOpExpr:
			expr(e.Expr)
		case *ast.FunctionExpr:
			walk(e.Stmts, f)
		}
	}
	for _, s := range stmts {
		switch s := s.(type) {
		case *ast.AssignStmt:
			exprs(s.Lhs)
			exprs(s.Rhs)
		case *ast.LocalAssignStmt:
			exprs(s.Exprs)
		case *ast.FuncCallStmt:
			expr(s.Expr)
		case *ast.DoBlockStmt:
			walk(s.Stmts, f)
		case *ast.WhileStmt:
			expr(s.Condition)
			walk(s.Stmts, f)
		case *ast.RepeatStmt:
			walk(s.Stmts, f)
			expr(s.Condition)
		case *ast.IfStmt:
			expr(s.Condition)
			walk(s.Then, f)
			walk(s.Else, f)
		case *ast.NumberForStmt:
			exprs([]ast.Expr{s.Init, s.Limit, s.Step})
			walk(s.Stmts, f)
		case *ast.GenericForStmt:
			exprs(s.Exprs)
			walk(s.Stmts, f)
		case *ast.ReturnStmt:
			exprs(s.Exprs)
		}
	}
}
