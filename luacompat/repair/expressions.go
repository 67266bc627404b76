package repair

import (
	"math"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

func (p *parser) exprList() []ast.Expr {
	list := []ast.Expr{p.expr()}
	for p.accept(',') {
		list = append(list, p.expr())
	}
	return list
}

func (p *parser) expr() ast.Expr { return p.binary(0) }

var priority = map[int][2]int{
	'+': {6, 6}, '-': {6, 6}, '*': {7, 7}, '/': {7, 7}, '%': {7, 7},
	'^': {10, 9}, tConcat: {5, 4},
	tNe: {3, 3}, tEq: {3, 3}, '<': {3, 3}, tLe: {3, 3}, '>': {3, 3}, tGe: {3, 3},
	tAnd: {2, 2}, tOr: {1, 1},
}

const unaryPriority = 8

func (p *parser) binary(limit int) ast.Expr {
	p.enter()
	at := p.lx.tok.pos
	e := p.unary()
	p.place(e, at)
	for {
		op := p.lx.tok.kind
		pr, ok := priority[op]
		if !ok || pr[0] <= limit {
			break
		}
		p.lx.next()
		r := p.binary(pr[1])
		e = p.binop(op, e, r)
		p.place(e, at)
	}
	p.leave()
	return e
}

func (p *parser) unary() ast.Expr {
	line := p.lx.line
	switch p.lx.tok.kind {
	case tNot:
		p.lx.next()
		e := &ast.UnaryNotOpExpr{Expr: p.binary(unaryPriority)}
		p.mark(e, line, "")
		return e
	case '-':
		p.lx.next()
		x := p.binary(unaryPriority)
		if n, ok := x.(*ast.NumberExpr); ok && n.Value == "0" {
			// The compiler takes -0 and 0 for the same constant. Of a string
			// it makes the negative zero when the code runs.
			s := &ast.StringExpr{Value: "0"}
			s.SetLine(line)
			s.SetLastLine(line)
			x = s
		}
		e := &ast.UnaryMinusOpExpr{Expr: x}
		p.mark(e, line, "u"+p.describe(x))
		return e
	case '#':
		p.lx.next()
		x := p.binary(unaryPriority)
		e := &ast.UnaryLenOpExpr{Expr: x}
		p.mark(e, line, "u"+p.describe(x))
		return e
	}
	return p.simple()
}

func (p *parser) binop(op int, l, r ast.Expr) ast.Expr {
	line := p.lx.last
	switch op {
	case tConcat:
		return p.concat(l, r, line)
	case tAnd, tOr:
		e := &ast.LogicalOpExpr{Operator: kindName(op), Lhs: l, Rhs: r}
		p.mark(e, line, "")
		return e
	case tEq, tNe, '<', '>', tLe, tGe:
		e := &ast.RelationalOpExpr{Operator: kindName(op), Lhs: l, Rhs: r}
		p.mark(e, line, "")
		return e
	}
	e := &ast.ArithmeticOpExpr{Operator: kindName(op), Lhs: l, Rhs: r}
	p.mark(e, line, "a"+p.describe(l)+"\x00"+p.describe(r))
	return e
}

func (p *parser) simple() ast.Expr {
	line := p.lx.line
	t := p.lx.tok
	var e ast.Expr
	switch t.kind {
	case tNumber:
		e = &ast.NumberExpr{Value: numberText(t.num)}
	case tString:
		e = &ast.StringExpr{Value: t.text}
	case tNil:
		e = &ast.NilExpr{}
	case tTrue:
		e = &ast.TrueExpr{}
	case tFalse:
		e = &ast.FalseExpr{}
	case tDots:
		if !p.fn.vararg {
			p.fail("cannot use '...' outside a vararg function")
		}
		e = &ast.Comma3Expr{}
	case '{':
		return p.table()
	case tFunction:
		p.lx.next()
		return p.body(false, line)
	default:
		return p.suffixed()
	}
	p.lx.next()
	p.mark(e, line, "")
	return e
}

// numberText writes a number so that gopher-lua's parseNumber reads it back.
func numberText(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsNaN(v):
		return "NaN"
	case v == math.Trunc(v) && v < 1<<53:
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'e', -1, 64)
}

// suffixed parses a prefix expression with its fields, indices and calls.
func (p *parser) suffixed() ast.Expr {
	line, at := p.lx.line, p.lx.tok.pos
	var e ast.Expr
	switch {
	case p.lx.tok.kind == '(':
		p.lx.next()
		e = p.paren(p.expr())
		p.parens[e] = true
		p.match(')', '(', line)
	case p.lx.tok.kind == tName || p.lx.tok.kind == tGoto:
		e = p.ident(p.name(), line)
	default:
		p.fail("unexpected symbol")
	}
	for {
		p.place(e, at)
		switch p.lx.tok.kind {
		case '.':
			p.lx.next()
			e = p.field(e, p.name(), p.lx.last)
		case '[':
			p.lx.next()
			k := p.expr()
			p.expect(']')
			a := &ast.AttrGetExpr{Object: e, Key: k}
			p.mark(a, p.lx.last, "i"+p.describe(e))
			e = a
		case ':':
			p.lx.next()
			m := p.name()
			c := &ast.FuncCallExpr{Receiver: e, Method: m}
			open := p.lx.line
			c.Args = p.args(line)
			p.mark(c, open, "m"+m+"\x00"+p.describe(e))
			e = c
		case '(', tString, '{':
			c := &ast.FuncCallExpr{Func: e}
			open := p.lx.line
			c.Args = p.args(line)
			p.mark(c, open, "c"+p.describe(e))
			e = c
		default:
			return e
		}
	}
}

// paren cuts several values to one, and makes a name no target of assignment.
func (p *parser) paren(e ast.Expr) ast.Expr {
	switch x := e.(type) {
	case *ast.FuncCallExpr:
		x.AdjustRet = true
	case *ast.Comma3Expr:
		x.AdjustRet = true
	}
	return e
}

func (p *parser) ident(name string, line int) *ast.IdentExpr {
	e := &ast.IdentExpr{Value: name}
	p.kinds[e] = p.lookup(name)
	p.mark(e, line, "s"+string(rune(p.kinds[e]))+name)
	return e
}

// local is a reference to a local of the rewritten code.
func (p *parser) local(name string, line int) *ast.IdentExpr {
	e := &ast.IdentExpr{Value: name}
	p.kinds[e] = 'l'
	p.mark(e, line, "")
	return e
}

func (p *parser) field(obj ast.Expr, name string, line int) ast.Expr {
	k := &ast.StringExpr{Value: name}
	p.mark(k, line, "")
	e := &ast.AttrGetExpr{Object: obj, Key: k}
	p.mark(e, line, "i"+p.describe(obj))
	return e
}

// describe is how errors call the value of e: a kind and a name, or nothing.
func (p *parser) describe(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.IdentExpr:
		if k := p.kinds[e]; k != 0 {
			return string(rune(k)) + e.Value
		}
	case *ast.AttrGetExpr:
		if k, ok := e.Key.(*ast.StringExpr); ok {
			return "f" + k.Value
		}
	}
	return ""
}

func (p *parser) args(line int) []ast.Expr {
	switch t := p.lx.tok; t.kind {
	case tString:
		e := &ast.StringExpr{Value: t.text}
		p.mark(e, p.lx.line, "")
		p.place(e, t.pos)
		p.lx.next()
		return []ast.Expr{e}
	case '{':
		e := p.table()
		p.place(e, t.pos)
		return []ast.Expr{e}
	case '(':
		open := p.lx.line
		if open != p.lx.last {
			p.fail("ambiguous syntax (function call x new statement)")
		}
		p.lx.next()
		if p.accept(')') {
			return nil
		}
		list := p.exprList()
		p.match(')', '(', open)
		return list
	}
	p.fail("function arguments expected")
	return nil
}

func (p *parser) table() ast.Expr {
	line := p.lx.line
	p.expect('{')
	e := &ast.TableExpr{}
	for p.lx.tok.kind != '}' {
		f := &ast.Field{}
		switch {
		case p.lx.tok.kind == '[':
			p.lx.next()
			f.Key = p.expr()
			p.expect(']')
			p.expect('=')
			f.Value = p.expr()
		case (p.lx.tok.kind == tName || p.lx.tok.kind == tGoto) && p.lx.lookahead() == '=':
			k := &ast.StringExpr{Value: p.name()}
			p.mark(k, p.lx.last, "")
			f.Key = k
			p.expect('=')
			f.Value = p.expr()
		default:
			f.Value = p.expr()
		}
		e.Fields = append(e.Fields, f)
		if !p.accept(',') && !p.accept(';') {
			break
		}
	}
	p.match('}', '{', line)
	p.mark(e, line, "")
	if p.plain != nil {
		return e
	}
	if len(e.Fields) > maxDataFields && pure(e) {
		return p.splitTable(e, line)
	}
	p.repairTable(e)
	return e
}

// body parses parameters and block of a function.
func (p *parser) body(self bool, line int) *ast.FunctionExpr {
	f := p.openFunction(line)
	par := &ast.ParList{Names: []string{}}
	if self {
		par.Names = append(par.Names, "self")
	}
	p.expect('(')
	if p.lx.tok.kind != ')' {
		for {
			if k := p.lx.tok.kind; k == tName || k == tGoto {
				par.Names = append(par.Names, p.name())
			} else if p.accept(tDots) {
				par.HasVargs = true
				break
			} else {
				p.fail("<name> or '...' expected")
			}
			if !p.accept(',') {
				break
			}
		}
	}
	f.vararg = par.HasVargs
	p.declare(par.Names...)
	p.expect(')')
	e := &ast.FunctionExpr{ParList: par}
	e.Stmts = p.chunk()
	e.SetLine(line)
	e.SetLastLine(p.lx.line)
	if p.lx.tok.kind != tEnd {
		p.match(tEnd, tFunction, line)
	}
	p.closeFunction()
	p.lx.next()
	return e
}
