package repair

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

// helperPrefix starts the string constants that finish replaces by functions.
const helperPrefix = "\x00helper:"

// Names of the hidden functions that rewritten code calls.
const (
	HelperConcat = "concat" // a .. b .. c, with LuaJIT's number format
	HelperDelete = "delete" // t[k] = nil, which may compact the table
	HelperBranch = "branch" // the condition of an if, in code compiled by CompileBranches
)

// helper is the callee of a hidden function.
func (p *parser) helper(name string, line int) ast.Expr {
	e := &ast.StringExpr{Value: helperPrefix + name}
	p.mark(e, line, "")
	return e
}

// assign builds an assignment that gopher-lua compiles correctly. It miscompiles
// several targets at once, and logical expressions and truncated calls straight
// into an existing local.
func (p *parser) assign(targets, exprs []ast.Expr, line int) ast.Stmt {
	if p.plain != nil {
		s := &ast.AssignStmt{Lhs: targets, Rhs: exprs}
		p.span(s, line)
		return s
	}
	if len(targets) == 1 && len(exprs) == 1 {
		t, e := targets[0], exprs[0]
		if del := p.delete(t, e, line); del != nil {
			return del
		}
		if id, ok := t.(*ast.IdentExpr); ok && p.kinds[id] == 'l' && !direct(e) {
			v := "(temporary)"
			return p.block(line, p.locals([]string{v}, exprs, line), p.store(t, p.local(v, line), line))
		}
		return p.store(t, e, line)
	}
	var stmts []ast.Stmt
	assigned := map[string]bool{}
	for _, t := range targets {
		if id, ok := t.(*ast.IdentExpr); ok {
			assigned[id.Value] = true
		}
	}
	n := 0
	keep := func(e ast.Expr) ast.Expr {
		switch x := e.(type) {
		case *ast.StringExpr, *ast.NumberExpr, *ast.TrueExpr, *ast.FalseExpr:
			return e
		case *ast.IdentExpr:
			if p.kinds[x] == 'l' && !assigned[x.Value] {
				return e
			}
		}
		n++
		name := fmt.Sprintf("(left %d)", n)
		stmts = append(stmts, p.locals([]string{name}, []ast.Expr{e}, line))
		return p.local(name, line)
	}
	for _, t := range targets {
		if a, ok := t.(*ast.AttrGetExpr); ok {
			a.Object, a.Key = keep(a.Object), keep(a.Key)
		}
	}
	names := make([]string, len(targets))
	for i := range names {
		names[i] = fmt.Sprintf("(value %d)", i+1)
	}
	stmts = append(stmts, p.locals(names, exprs, line))
	for i := len(targets) - 1; i >= 0; i-- {
		stmts = append(stmts, p.store(targets[i], p.local(names[i], line), line))
	}
	return p.block(line, stmts...)
}

// direct tells whether an expression may be compiled straight into the register
// of a local that it may also read.
func direct(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.LogicalOpExpr:
		return false
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return true
}

func (p *parser) store(target, value ast.Expr, line int) ast.Stmt {
	s := &ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{value}}
	p.mark(s, line, "")
	return s
}

func (p *parser) locals(names []string, exprs []ast.Expr, line int) ast.Stmt {
	if len(names) == 1 && len(exprs) == 1 {
		if _, ok := exprs[0].(*ast.FunctionExpr); ok {
			n := &ast.NilExpr{}
			p.mark(n, line, "")
			exprs = append(exprs, n)
		}
	}
	s := &ast.LocalAssignStmt{Names: names, Exprs: exprs}
	p.mark(s, line, "")
	return s
}

func (p *parser) block(line int, stmts ...ast.Stmt) ast.Stmt {
	s := &ast.DoBlockStmt{Stmts: stmts}
	p.mark(s, line, "")
	return s
}

// delete turns t[k] = nil into a call, because gopher-lua's tables never forget
// a key by themselves. Constant keys are few, so they stay as they are.
func (p *parser) delete(target, value ast.Expr, line int) ast.Stmt {
	a, ok := target.(*ast.AttrGetExpr)
	if _, null := value.(*ast.NilExpr); !ok || !null {
		return nil
	}
	switch a.Key.(type) {
	case *ast.StringExpr, *ast.NumberExpr, *ast.TrueExpr, *ast.FalseExpr:
		return nil
	}
	c := &ast.FuncCallExpr{Func: p.helper(HelperDelete, line), Args: []ast.Expr{a.Object, a.Key}}
	if call, ok := a.Key.(*ast.FuncCallExpr); ok {
		call.AdjustRet = true
	}
	if dots, ok := a.Key.(*ast.Comma3Expr); ok {
		dots.AdjustRet = true
	}
	p.mark(c, a.Line()&0xffffffff, "d"+p.describe(a.Object))
	s := &ast.FuncCallStmt{Expr: c}
	p.mark(s, line, "")
	return s
}

// maxConcat keeps the operands of one hidden call within the registers.
const maxConcat = 40

// concat turns a .. b into a call of a hidden function: the operator would print
// numbers as Go does. l is one operand, r may be a chain already.
func (p *parser) concat(l, r ast.Expr, line int) ast.Expr {
	if p.plain != nil {
		e := &ast.StringConcatOpExpr{Lhs: l, Rhs: r}
		p.mark(e, line, "")
		return e
	}
	if a, ok := constant(l); ok {
		if b, ok := constant(r); ok {
			e := &ast.StringExpr{Value: a + b}
			p.mark(e, line, "")
			return e
		}
	}
	if x, ok := l.(*ast.Comma3Expr); ok {
		x.AdjustRet = true
	}
	if x, ok := l.(*ast.FuncCallExpr); ok {
		x.AdjustRet = true
	}
	if c, ok := r.(*ast.FuncCallExpr); ok && p.chains[c] && len(c.Args) < maxConcat {
		c.Args = append([]ast.Expr{l}, c.Args...)
		p.mark(c, c.Line()&0xffffffff, p.concatNote(c.Args))
		return c
	}
	if x, ok := r.(*ast.FuncCallExpr); ok {
		x.AdjustRet = true
	}
	if x, ok := r.(*ast.Comma3Expr); ok {
		x.AdjustRet = true
	}
	c := &ast.FuncCallExpr{Func: p.helper(HelperConcat, line), Args: []ast.Expr{l, r}, AdjustRet: true}
	p.chains[c] = true
	p.mark(c, line, p.concatNote(c.Args))
	return c
}

func (p *parser) concatNote(args []ast.Expr) string {
	s := "k"
	for i, a := range args {
		if i > 0 {
			s += "\x00"
		}
		s += p.describe(a)
	}
	return s
}

func constant(e ast.Expr) (string, bool) {
	s, ok := e.(*ast.StringExpr)
	if !ok {
		return "", false
	}
	return s.Value, true
}

const (
	fieldsPerFlush = 50
	maxPositional  = 500 * fieldsPerFlush
)

// repairTable orders the fields of a constructor so that gopher-lua flushes its
// positional items once: a keyed field after a multiple of 50 items would flush
// stale registers, and more than 511 flushes are not encoded.
func (p *parser) repairTable(t *ast.TableExpr) {
	if n := len(t.Fields); n > 0 && t.Fields[n-1].Key != nil {
		// As the last field it would be taken for an open list of items.
		p.paren(t.Fields[n-1].Value)
	}
	var items, keyed []*ast.Field
	for _, f := range t.Fields {
		if f.Key == nil {
			items = append(items, f)
		} else {
			keyed = append(keyed, f)
		}
	}
	if len(items) > maxPositional {
		for i := maxPositional; i < len(items); i++ {
			f := items[i]
			if i == len(items)-1 {
				p.paren(f.Value)
			}
			f.Key = &ast.NumberExpr{Value: fmt.Sprint(i + 1)}
			p.mark(f.Key, f.Value.Line()&0xffffffff, "")
			keyed = append(keyed, f)
		}
		items = items[:maxPositional]
	}
	if len(items) < fieldsPerFlush || len(keyed) == 0 {
		return
	}
	t.Fields = append(keyed, items...)
}
