package repair

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

const (
	// maxDataFields is how many fields a constructor of constants may have before
	// it is split: gopher-lua looks for each constant of a function among all the
	// others, so that a list of 10,000 users would take seconds to compile.
	maxDataFields = 300
	fieldsPerPart = 100
)

// pure tells whether an expression is made of constants only.
func pure(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StringExpr, *ast.NumberExpr, *ast.TrueExpr, *ast.FalseExpr:
		return true
	case *ast.TableExpr:
		for _, f := range e.Fields {
			if f.Key != nil && !pure(f.Key) || !pure(f.Value) {
				return false
			}
		}
		return true
	}
	return false
}

// splitTable turns a constructor of constants into a function that fills the
// table through functions of their own:
//
//	(function() local t = {} (function(t) t.a = 1 ... end)(t) ... return t end)()
func (p *parser) splitTable(e *ast.TableExpr, line int) ast.Expr {
	const name = "(table)"
	empty := &ast.TableExpr{}
	p.mark(empty, line, "")
	body := []ast.Stmt{p.locals([]string{name}, []ast.Expr{empty}, line)}
	items := 0
	for from := 0; from < len(e.Fields); from += fieldsPerPart {
		var part []ast.Stmt
		for _, f := range e.Fields[from:min(from+fieldsPerPart, len(e.Fields))] {
			if f.Key == nil {
				items++
				f.Key = &ast.NumberExpr{Value: strconv.Itoa(items)}
				p.mark(f.Key, line, "")
			}
			target := &ast.AttrGetExpr{Object: p.local(name, line), Key: f.Key}
			p.mark(target, line, "")
			part = append(part, p.store(target, f.Value, line))
		}
		fill := p.function([]string{name}, part, line)
		call := &ast.FuncCallStmt{Expr: p.call(fill, []ast.Expr{p.local(name, line)}, line)}
		p.mark(call, line, "")
		body = append(body, call)
	}
	ret := &ast.ReturnStmt{Exprs: []ast.Expr{p.local(name, line)}}
	p.mark(ret, line, "")
	c := p.call(p.function(nil, append(body, ret), line), nil, line)
	c.AdjustRet = true
	return c
}

func (p *parser) function(params []string, body []ast.Stmt, line int) ast.Expr {
	f := &ast.FunctionExpr{ParList: &ast.ParList{Names: params}, Stmts: body}
	p.mark(f, line, "")
	return f
}

func (p *parser) call(fn ast.Expr, args []ast.Expr, line int) *ast.FuncCallExpr {
	c := &ast.FuncCallExpr{Func: fn, Args: args}
	p.mark(c, line, "")
	return c
}
