package lift

import (
	"github.com/yuin/gopher-lua/ast"

	"huidu/luacompat/expr"
)

// exec is one attempt.
type exec struct {
	src     Source
	rule    *Rule
	list    *[]Step
	st      *state
	chunk   *chunk
	at      ast.PositionHolder
	names   map[string]kinds // of the rule
	lets    map[string]term
	hint    string
	hints   map[string]string // of printed terms: the variable that holds them
	depth   int
	steps   int
	faults  int // places that may raise an error
	trying  int // pcall around this place
	loading int // a module is being loaded
	modules map[string]value
	loops   int
}

func newExec(src Source) *exec {
	list := []Step{}
	return &exec{src: src, rule: &Rule{}, list: &list, st: newState(), names: map[string]kinds{}, lets: map[string]term{}, modules: map[string]value{}, hints: map[string]string{}}
}

// flowKind says how a block ends.
type flowKind uint8

const (
	falls   flowKind = iota // it goes on behind the block
	ends                    // the request ends
	returns                 // the function returns
	breaks                  // the loop is left
	splits                  // this here, that there
)

// flow is how a block ends on the paths through it.
type flow struct {
	kind flowKind
	st   *state
	vals []value
	cond term // of splits
	a, b *flow
}

// main executes the chunk of a script.
func (x *exec) main(c *chunk) {
	x.chunk = c
	f := x.catch(func() *flow { return x.stmts(c.Stmts, nil) })
	x.resume(f, func() *flow {
		x.at = nil
		return &flow{kind: ends}
	})
}

// resume executes rest on those paths of f that go on.
func (x *exec) resume(f *flow, rest func() *flow) *flow {
	switch f.kind {
	case falls:
		x.st = f.st
		return rest()
	case splits:
		if !goesOn(f) {
			return f
		}
		base := x.st
		x.st = base.clone()
		la, fa := x.resumed(f.a, rest)
		lb, fb := x.resumed(f.b, rest)
		x.st = base
		x.when(f.cond, la, lb, fa, fb)
		return x.meet(f.cond, fa, fb)
	}
	return f
}

func (x *exec) resumed(f *flow, rest func() *flow) ([]Step, *flow) {
	if !goesOn(f) {
		return nil, f
	}
	return x.nested(func() *flow { return x.resume(f, rest) })
}

func goesOn(f *flow) bool {
	return f.kind == falls || f.kind == splits && (goesOn(f.a) || goesOn(f.b))
}

// meet joins two branches.
func (x *exec) meet(c term, a, b *flow) *flow {
	switch {
	case a.kind == ends:
		return b
	case b.kind == ends:
		return a
	case a.kind == splits || b.kind == splits || a.kind != b.kind:
		return &flow{kind: splits, cond: c, a: a, b: b}
	}
	out := &flow{kind: a.kind, st: x.join(c, a.st, b.st)}
	for i := range max(len(a.vals), len(b.vals)) {
		out.vals = append(out.vals, x.pick(c, at(a.vals, i), at(b.vals, i)))
	}
	return out
}

func at(vals []value, i int) value {
	if i < len(vals) {
		return vals[i]
	}
	return tNil
}

// stmts executes a block.
func (x *exec) stmts(list []ast.Stmt, sc *scope) *flow {
	for i, s := range list {
		var f *flow
		f, sc = x.stmt(s, sc)
		switch f.kind {
		case falls:
			x.st = f.st
		case splits:
			rest, inner := list[i+1:], sc
			return x.resume(f, func() *flow { return x.stmts(rest, inner) })
		default:
			return f
		}
	}
	return &flow{kind: falls, st: x.st}
}

func (x *exec) stmt(s ast.Stmt, sc *scope) (f *flow, out *scope) {
	x.at, x.hint = s, ""
	out = sc
	f = x.catch(func() *flow {
		switch s := s.(type) {
		case *ast.LocalAssignStmt:
			out = x.local(s, sc)
		case *ast.AssignStmt:
			x.assign(s, sc)
		case *ast.FuncCallStmt:
			x.evalMulti(s.Expr, sc)
		case *ast.DoBlockStmt:
			return x.stmts(s.Stmts, sc)
		case *ast.IfStmt:
			return x.ifStmt(s, sc)
		case *ast.ReturnStmt:
			return x.returnStmt(s, sc)
		case *ast.BreakStmt:
			return &flow{kind: breaks, st: x.st}
		case *ast.NumberForStmt:
			return x.numberFor(s, sc)
		case *ast.GenericForStmt:
			return x.genericFor(s, sc)
		case *ast.WhileStmt:
			return x.whileStmt(s, sc)
		case *ast.RepeatStmt:
			x.refuse("repeat … until is not understood")
		default:
			x.refuse("goto is not understood")
		}
		return &flow{kind: falls, st: x.st}
	})
	return f, out
}

func (x *exec) newCell(name string) *cell { return &cell{name: name, module: x.loading > 0} }

func (x *exec) local(s *ast.LocalAssignStmt, sc *scope) *scope {
	if x.chunk.IsLocalFunction(s) {
		c := x.newCell(s.Names[0])
		sc = &scope{sc, s.Names[0], c}
		x.st.cells[c] = &closure{s.Exprs[0].(*ast.FunctionExpr), sc, x.chunk, s.Names[0]}
		return sc
	}
	vals := x.exprList(s.Exprs, sc, len(s.Names), s.Names)
	for i, n := range s.Names {
		c := x.newCell(n)
		x.st.cells[c] = at(vals, i)
		x.called(n, x.st.cells[c])
		if f, ok := x.st.cells[c].(*closure); ok && f.name == "" {
			f.name = n
		}
		sc = &scope{sc, n, c}
	}
	return sc
}

// exprList evaluates a list of expressions for want targets; hints are the
// targets' names.
func (x *exec) exprList(es []ast.Expr, sc *scope, want int, hints []string) []value {
	var vals []value
	for i, e := range es {
		x.hint = ""
		if i < len(hints) {
			x.hint = hints[i]
		}
		if i == len(es)-1 {
			vals = append(vals, x.evalMulti(e, sc)...)
		} else {
			vals = append(vals, x.eval(e, sc))
		}
	}
	x.hint = ""
	return vals
}

func (x *exec) assign(s *ast.AssignStmt, sc *scope) {
	var hints []string
	for _, l := range s.Lhs {
		if id, ok := l.(*ast.IdentExpr); ok {
			hints = append(hints, id.Value)
		} else {
			hints = append(hints, "")
		}
	}
	if len(s.Lhs) > 1 {
		for _, l := range s.Lhs {
			if _, ok := l.(*ast.IdentExpr); !ok {
				x.refuse("an assignment to several fields at once is not understood")
			}
		}
	}
	var obj value
	var key value
	if a, ok := s.Lhs[0].(*ast.AttrGetExpr); ok {
		obj, key = x.eval(a.Object, sc), x.eval(a.Key, sc)
	}
	vals := x.exprList(s.Rhs, sc, len(s.Lhs), hints)
	for i, l := range s.Lhs {
		x.at = s
		v := at(vals, i)
		switch l := l.(type) {
		case *ast.IdentExpr:
			x.setName(l, v, sc)
		case *ast.AttrGetExpr:
			x.setField(obj, key, v)
		}
	}
}

func (x *exec) setName(id *ast.IdentExpr, v value, sc *scope) {
	if c := sc.find(id.Value); c != nil {
		if c.module && x.loading == 0 {
			x.refuse("%s belongs to a module and keeps its value between requests", id.Value)
		}
		x.st.cells[c] = v
		x.called(id.Value, v)
		return
	}
	switch f := v.(type) {
	case *closure:
		if f.name == "" {
			f.name = id.Value
		}
		if f.sc != nil && x.loading == 0 && !x.constantScope(f) {
			x.refuse("the global function %s sees locals of one request, and other requests share it", id.Value)
		}
		x.st.globals[id.Value] = v
		return
	}
	x.refuse("the global %s is written: other requests share it", id.Value)
}

// called remembers what the script calls a value.
func (x *exec) called(name string, v value) {
	if t, ok := v.(term); ok {
		x.hints[expr.Print(t)] = name
	}
}

// constantScope reports whether a function uses no variable of its request.
func (x *exec) constantScope(f *closure) bool {
	ok := true
	walk(f.fn.Stmts, func(e ast.Expr) {
		id, isName := e.(*ast.IdentExpr)
		if !isName {
			return
		}
		c := f.sc.find(id.Value)
		if c == nil {
			return
		}
		switch v := x.st.cells[c].(type) {
		case *path, *closure:
		case term:
			if _, isConst := constOf(v); !isConst {
				ok = false
			}
		default:
			ok = false
		}
	})
	return ok
}

func (x *exec) ifStmt(s *ast.IfStmt, sc *scope) *flow {
	c := x.truth(x.eval(s.Condition, sc))
	if truth, known := x.decided(c); known {
		if truth {
			return x.stmts(s.Then, sc)
		}
		return x.stmts(s.Else, sc)
	}
	return x.branch(c, func() *flow { return x.stmts(s.Then, sc) }, func() *flow { return x.stmts(s.Else, sc) })
}

// branch executes a where c holds and b where not.
func (x *exec) branch(c term, a, b func() *flow) *flow {
	c = x.pure(c)
	x.nameTerms(c)
	la, fa := x.nested(func() *flow { x.st.assume(c, true); return a() })
	lb, fb := x.nested(func() *flow { x.st.assume(c, false); return b() })
	x.when(c, la, lb, fa, fb)
	out := x.meet(c, fa, fb)
	if out.kind == falls && fa.kind == falls && fb.kind == falls {
		for cell, v := range out.st.cells {
			if v != fa.st.cells[cell] {
				x.called(cell.name, v)
			}
		}
	}
	return out
}

// pure makes sure that a condition may be asked again.
func (x *exec) pure(c term) term {
	if impure(c) {
		return x.let("condition", c)
	}
	return c
}

func (x *exec) returnStmt(s *ast.ReturnStmt, sc *scope) *flow {
	vals := x.exprList(s.Exprs, sc, -1, nil)
	if x.depth > 0 || x.loading > 0 {
		return &flow{kind: returns, st: x.st, vals: vals}
	}
	if x.src.Phase == "set" {
		x.emit("value", x.text(x.term(at(vals, 0))))
	} else {
		x.emit("done")
	}
	return &flow{kind: ends}
}

const maxUnrolled = 300

// iterate executes the passes of a loop; pass i is body(i), there are n.
func (x *exec) iterate(n int, body func(i int) *flow) *flow {
	if n > maxUnrolled {
		x.refuse("a loop of %d passes is too long", n)
	}
	var from func(i int) *flow
	from = func(i int) *flow {
		if i >= n {
			return &flow{kind: falls, st: x.st}
		}
		return x.resume(x.catch(func() *flow { return body(i) }), func() *flow { return from(i + 1) })
	}
	return x.leaveLoop(from(0))
}

// leaveLoop makes what broke out of a loop go on behind it.
func (x *exec) leaveLoop(f *flow) *flow {
	switch f.kind {
	case breaks:
		return &flow{kind: falls, st: f.st}
	case splits:
		return x.meet(f.cond, x.leaveLoop(f.a), x.leaveLoop(f.b))
	}
	return f
}

func (x *exec) numberFor(s *ast.NumberForStmt, sc *scope) *flow {
	num := func(e ast.Expr, def float64) float64 {
		if e == nil {
			return def
		}
		v, ok := constOf(x.term(x.eval(e, sc)))
		if !ok || v.K != expr.Number {
			x.at = s
			x.refuse("how often this loop runs is not known")
		}
		return v.N
	}
	from, to, by := num(s.Init, 0), num(s.Limit, 0), num(s.Step, 1)
	n := 0
	for i := from; by > 0 && i <= to || by < 0 && i >= to; i += by {
		if n++; n > maxUnrolled {
			break
		}
	}
	return x.iterate(n, func(i int) *flow {
		c := x.newCell(s.Name)
		x.st.cells[c] = tNum(from + float64(i)*by)
		return x.stmts(s.Stmts, &scope{sc, s.Name, c})
	})
}

func (x *exec) whileStmt(s *ast.WhileStmt, sc *scope) *flow {
	var from func(i int) *flow
	from = func(i int) *flow {
		x.at = s
		c := x.truth(x.eval(s.Condition, sc))
		truth, known := x.decided(c)
		if !known || i > maxUnrolled {
			x.refuse("how often this loop runs is not known")
		}
		if !truth {
			return &flow{kind: falls, st: x.st}
		}
		return x.resume(x.stmts(s.Stmts, sc), func() *flow { return from(i + 1) })
	}
	return x.leaveLoop(from(0))
}

func (x *exec) genericFor(s *ast.GenericForStmt, sc *scope) *flow {
	call, ok := s.Exprs[0].(*ast.FuncCallExpr)
	if !ok || len(s.Exprs) > 1 || call.Func == nil || len(call.Args) != 1 {
		x.refuse("only ipairs and pairs are understood in a for")
	}
	p, ok := x.eval(call.Func, sc).(*path)
	if !ok || p.name != "ipairs" && p.name != "pairs" {
		x.refuse("only ipairs and pairs are understood in a for")
	}
	of := x.settle(x.eval(call.Args[0], sc))
	x.at = s
	t, ok := of.(*table)
	if !ok {
		if list, isTerm := of.(term); isTerm && p.name == "ipairs" {
			return x.search(s, list, sc)
		}
		x.refuse("what this loop goes over is not known")
	}
	n := x.st.array[t]
	if n < 0 {
		x.refuse("how many elements this table has is not the same on every path")
	}
	m := x.st.tables[t]
	if p.name == "pairs" && len(m) > n && len(m) > 1 {
		x.refuse("the order in which pairs() goes is not defined")
	}
	var keys []expr.Value
	for i := 1; i <= n; i++ {
		keys = append(keys, expr.Num(float64(i)))
	}
	if p.name == "pairs" && len(m) > n {
		for k := range m {
			keys = append(keys, k)
		}
	}
	return x.iterate(len(keys), func(i int) *flow {
		in := sc
		for j, name := range s.Names {
			c := x.newCell(name)
			switch j {
			case 0:
				x.st.cells[c] = &expr.Const{V: keys[i]}
			case 1:
				x.st.cells[c] = x.st.tables[t][keys[i]]
			default:
				x.st.cells[c] = tNil
			}
			in = &scope{in, name, c}
		}
		return x.stmts(s.Stmts, in)
	})
}
