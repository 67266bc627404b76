package repair

import (
	"github.com/yuin/gopher-lua/ast"
)

func (p *parser) forStmt(line int) []ast.Stmt {
	p.lx.next()
	name := p.name()
	switch p.lx.tok.kind {
	case '=':
		return p.numericFor(name, line)
	case ',', tIn:
		return p.genericFor(name, line)
	}
	p.fail("'=' or 'in' expected")
	return nil
}

func (p *parser) numericFor(name string, line int) []ast.Stmt {
	s := &ast.NumberForStmt{Name: name}
	p.lx.next()
	s.Init = p.forNumber(p.expr(), "initial value")
	p.expect(',')
	s.Limit = p.forNumber(p.expr(), "limit")
	if p.accept(',') {
		s.Step = p.forNumber(p.expr(), "step")
	}
	p.expect(tDo)
	loop := 0
	p.openBlock(&loop)
	p.declare("(for index)", "(for limit)", "(for step)", name)
	s.Stmts = p.chunk()
	p.closeBlock()
	p.match(tEnd, tFor, line)
	p.span(s, line)
	return p.loop(s, loop, line)
}

// forNumber makes a loop bound a number: LuaJIT converts strings here, and has
// its own words for what is no number.
func (p *parser) forNumber(e ast.Expr, what string) ast.Expr {
	if p.plain != nil {
		return e
	}
	switch e.(type) {
	case *ast.NumberExpr, *ast.UnaryLenOpExpr, *ast.ArithmeticOpExpr:
		return e
	}
	line := p.lx.last
	zero := &ast.NumberExpr{Value: "0"}
	p.mark(zero, line, "")
	a := &ast.ArithmeticOpExpr{Operator: "-", Lhs: e, Rhs: zero}
	p.mark(a, line, "F"+what)
	return a
}

func (p *parser) genericFor(name string, line int) []ast.Stmt {
	s := &ast.GenericForStmt{Names: []string{name}}
	for p.accept(',') {
		s.Names = append(s.Names, p.name())
	}
	p.expect(tIn)
	at := p.lx.line
	exprs := p.exprList()
	p.expect(tDo)
	// gopher-lua fills generator, state and control only from a single call.
	var pre ast.Stmt
	s.Exprs = exprs
	if call, ok := exprs[0].(*ast.FuncCallExpr); p.plain == nil && (!ok || call.AdjustRet || len(exprs) > 1) {
		names := []string{"(for f)", "(for s)", "(for c)"}
		l := &ast.LocalAssignStmt{Names: names, Exprs: exprs}
		p.mark(l, at, "")
		pre = l
		s.Exprs = nil
		for _, n := range names {
			s.Exprs = append(s.Exprs, p.local(n, at))
		}
	}
	loop := 0
	p.openBlock(nil)
	if pre != nil {
		p.declare("(for f)", "(for s)", "(for c)")
	}
	p.openBlock(&loop)
	p.declare("(for generator)", "(for state)", "(for control)")
	p.declare(s.Names...)
	s.Stmts = p.chunk()
	p.closeBlock()
	p.closeBlock()
	p.match(tEnd, tFor, line)
	p.span(s, line)
	s.SetLine(at | p.note("n")<<32)
	out := p.loop(s, loop, line)
	if pre == nil {
		return out
	}
	do := &ast.DoBlockStmt{Stmts: append([]ast.Stmt{pre}, out...)}
	p.span(do, line)
	return []ast.Stmt{do}
}

func (p *parser) functionStmt(line int) ast.Stmt {
	p.lx.next()
	at := p.lx.line
	pos := p.lx.tok.pos
	var target ast.Expr = p.ident(p.name(), at)
	p.place(target, pos)
	self := false
	for p.lx.tok.kind == '.' {
		p.lx.next()
		target = p.field(target, p.name(), p.lx.last)
		p.place(target, pos)
	}
	if p.accept(':') {
		target = p.field(target, p.name(), p.lx.last)
		p.place(target, pos)
		self = true
	}
	f := p.body(self, line)
	p.place(f, pos)
	s := &ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{f}}
	p.span(s, line)
	return s
}

func (p *parser) localFunction(line int) ast.Stmt {
	pos := p.lx.tok.pos
	name := p.name()
	p.declare(name)
	f := p.body(false, line)
	p.place(f, pos)
	s := &ast.LocalAssignStmt{Names: []string{name}, Exprs: []ast.Expr{f}}
	if p.plain != nil {
		p.plain.functions[s] = true
	}
	p.span(s, line)
	return s
}

func (p *parser) localStmt(line int) ast.Stmt {
	names := []string{p.name()}
	for p.accept(',') {
		names = append(names, p.name())
	}
	s := &ast.LocalAssignStmt{Names: names}
	if p.accept('=') {
		s.Exprs = p.exprList()
	}
	p.declare(names...)
	if len(names) == 1 && len(s.Exprs) == 1 && p.plain == nil {
		if _, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
			// A second expression keeps gopher-lua from taking this for a
			// local function, whose name its body would see.
			n := &ast.NilExpr{}
			p.mark(n, line, "")
			s.Exprs = append(s.Exprs, n)
		}
	}
	p.span(s, line)
	return s
}

func (p *parser) returnStmt(line int) ast.Stmt {
	p.lx.next()
	s := &ast.ReturnStmt{}
	if !blockEnd(p.lx.tok.kind) && p.lx.tok.kind != ';' {
		s.Exprs = p.exprList()
	}
	if len(s.Exprs) == 1 {
		if call, ok := s.Exprs[0].(*ast.FuncCallExpr); ok && !call.AdjustRet {
			at := call.Line()
			p.mark(call, at&0xffffffff, "t"+p.notes[at>>32])
		}
	}
	p.span(s, line)
	s.SetLine(p.lx.last)
	return s
}

// exprStmt parses a call or an assignment.
func (p *parser) exprStmt(out []ast.Stmt) []ast.Stmt {
	line := p.lx.line
	e := p.suffixed()
	if call, ok := e.(*ast.FuncCallExpr); ok && !call.AdjustRet {
		s := &ast.FuncCallStmt{Expr: e}
		p.span(s, line)
		return append(out, s)
	}
	targets := []ast.Expr{e}
	for p.assignable(targets[len(targets)-1]); p.accept(','); p.assignable(targets[len(targets)-1]) {
		targets = append(targets, p.suffixed())
	}
	p.expect('=')
	exprs := p.exprList()
	return append(out, p.assign(targets, exprs, p.lx.last))
}

func (p *parser) assignable(e ast.Expr) {
	if !p.parens[e] {
		switch e.(type) {
		case *ast.IdentExpr, *ast.AttrGetExpr:
			return
		}
	}
	if p.lx.tok.kind != '=' && p.lx.tok.kind != ',' && !p.parens[e] {
		p.expected('=')
	}
	p.fail("syntax error")
}
