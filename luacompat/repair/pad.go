package repair

import "github.com/yuin/gopher-lua/ast"

// gopher-lua's compiler shortens chains of jumps while it fills in their
// targets, and takes the distance of a jump that it has filled in already for a
// label. So a backward jump must never reach another jump: where the code at its
// target may start with one, an instruction without effect is put before it.

// padLoop pads what the end of a loop jumps back to.
func (p *parser) padLoop(s ast.Stmt, line int) {
	if p.plain != nil {
		return
	}
	switch s := s.(type) {
	case *ast.WhileStmt:
		if !literalExpr(s.Condition) && jumpExpr(s.Condition) {
			// The condition is the target: it moves into the body.
			exit := &ast.BreakStmt{}
			p.mark(exit, line, "")
			test := &ast.IfStmt{Condition: s.Condition, Else: []ast.Stmt{exit}}
			p.mark(test, line, "")
			always := &ast.TrueExpr{}
			p.mark(always, line, "")
			s.Condition = always
			s.Stmts = append([]ast.Stmt{p.nop(line), test}, s.Stmts...)
			return
		}
		s.Stmts = p.padded(s.Stmts, line)
	case *ast.RepeatStmt:
		s.Stmts = p.padded(s.Stmts, line)
	case *ast.GenericForStmt:
		s.Stmts = p.padded(s.Stmts, line)
	}
}

func (p *parser) padded(stmts []ast.Stmt, line int) []ast.Stmt {
	if len(stmts) > 0 && !jumpStmt(stmts[0]) {
		return stmts
	}
	return append([]ast.Stmt{p.nop(line)}, stmts...)
}

// padLabels pads what gotos of a block may jump back to.
func (p *parser) padLabels(stmts []ast.Stmt) []ast.Stmt {
	for i := 0; i+1 < len(stmts); i++ {
		if l, ok := stmts[i].(*ast.LabelStmt); ok && jumpStmt(stmts[i+1]) {
			out := append([]ast.Stmt(nil), stmts[:i+1]...)
			out = append(out, p.nop(l.Line()))
			stmts = append(out, stmts[i+1:]...)
		}
	}
	return stmts
}

// nop is a statement that compiles to one LOADNIL.
func (p *parser) nop(line int) ast.Stmt {
	return p.block(line, p.locals([]string{"(temporary)"}, nil, line))
}

// jumpStmt tells whether the code of a statement may start with a jump.
func jumpStmt(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		return len(s.Exprs) > 0 && jumpExpr(s.Exprs[0])
	case *ast.AssignStmt:
		return jumpExpr(s.Lhs[0]) || jumpExpr(s.Rhs[0])
	case *ast.FuncCallStmt:
		return jumpExpr(s.Expr)
	case *ast.ReturnStmt:
		return len(s.Exprs) > 0 && jumpExpr(s.Exprs[0])
	case *ast.DoBlockStmt:
		return len(s.Stmts) == 0 || jumpStmt(s.Stmts[0])
	case *ast.RepeatStmt:
		return len(s.Stmts) == 0 || jumpStmt(s.Stmts[0])
	case *ast.WhileStmt:
		return literalExpr(s.Condition) || jumpExpr(s.Condition)
	case *ast.IfStmt:
		return literalExpr(s.Condition) || jumpExpr(s.Condition)
	case *ast.NumberForStmt:
		return jumpExpr(s.Init)
	case *ast.GenericForStmt:
		return jumpExpr(s.Exprs[0])
	case *ast.FuncDefStmt:
		return false
	}
	return true // break, goto, and a label before them
}

// jumpExpr tells whether the code of an expression may start with a jump, which
// is so where the first thing it evaluates is a logical operator on a constant.
func jumpExpr(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.LogicalOpExpr:
		return literalExpr(e.Lhs) || jumpExpr(e.Lhs)
	case *ast.RelationalOpExpr:
		return jumpExpr(e.Lhs) || jumpExpr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		return jumpExpr(e.Lhs) || jumpExpr(e.Rhs)
	case *ast.StringConcatOpExpr:
		return jumpExpr(e.Lhs) || jumpExpr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		return jumpExpr(e.Expr)
	case *ast.UnaryNotOpExpr:
		return literalExpr(e.Expr) || jumpExpr(e.Expr)
	case *ast.UnaryLenOpExpr:
		return jumpExpr(e.Expr)
	case *ast.AttrGetExpr:
		return jumpExpr(e.Object) || jumpExpr(e.Key)
	case *ast.FuncCallExpr:
		if e.Receiver != nil {
			return jumpExpr(e.Receiver)
		}
		return jumpExpr(e.Func)
	}
	return false
}

func literalExpr(e ast.Expr) bool {
	switch e.(type) {
	case *ast.TrueExpr, *ast.FalseExpr, *ast.NilExpr, *ast.NumberExpr, *ast.StringExpr:
		return true
	}
	return false
}
