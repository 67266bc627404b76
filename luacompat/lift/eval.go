package lift

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"

	"huidu/luacompat/expr"
)

// eval is an expression's one value.
func (x *exec) eval(e ast.Expr, sc *scope) value {
	if vals := x.evalMulti(e, sc); len(vals) > 0 {
		return x.settle(vals[0])
	}
	return tNil
}

// evalMulti is an expression's values: several for calls.
func (x *exec) evalMulti(e ast.Expr, sc *scope) []value {
	x.at = e
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		vals := x.call(e, sc)
		x.at = e
		if e.AdjustRet {
			return []value{at(vals, 0)}
		}
		return vals
	case *ast.Comma3Expr:
		x.refuse("... is not understood")
	}
	return []value{x.single(e, sc)}
}

func (x *exec) single(e ast.Expr, sc *scope) value {
	switch e := e.(type) {
	case *ast.NilExpr:
		return tNil
	case *ast.TrueExpr:
		return tTrue
	case *ast.FalseExpr:
		return tFalse
	case *ast.NumberExpr:
		return tNum(numberOf(e))
	case *ast.StringExpr:
		return tText(e.Value)
	case *ast.IdentExpr:
		return x.readName(e, sc)
	case *ast.FunctionExpr:
		return &closure{fn: e, sc: sc, chunk: x.chunk}
	case *ast.TableExpr:
		return x.tableExpr(e, sc)
	case *ast.AttrGetExpr:
		obj := x.eval(e.Object, sc)
		key := x.eval(e.Key, sc)
		x.at = e
		return x.index(obj, key)
	case *ast.UnaryNotOpExpr:
		return x.not(x.truth(x.eval(e.Expr, sc)))
	case *ast.UnaryMinusOpExpr:
		v := x.term(x.eval(e.Expr, sc))
		x.at = e
		return x.arith(&expr.Unary{Op: "-", X: v}, v, tNum(0))
	case *ast.UnaryLenOpExpr:
		return x.length(x.eval(e.Expr, sc))
	case *ast.LogicalOpExpr:
		return x.logical(e, sc)
	case *ast.RelationalOpExpr:
		l := x.eval(e.Lhs, sc)
		r := x.eval(e.Rhs, sc)
		x.at = e
		return x.compare(e.Operator, l, r)
	case *ast.StringConcatOpExpr:
		l := x.term(x.eval(e.Lhs, sc))
		r := x.term(x.eval(e.Rhs, sc))
		x.at = e
		return x.concat(l, r)
	case *ast.ArithmeticOpExpr:
		l := x.term(x.eval(e.Lhs, sc))
		r := x.term(x.eval(e.Rhs, sc))
		x.at = e
		if e.Operator == "^" {
			x.refuse("^ is not understood")
		}
		return x.arith(&expr.Binary{Op: e.Operator, L: l, R: r}, l, r)
	}
	x.refuse("this expression is not understood")
	return nil
}

func (x *exec) readName(id *ast.IdentExpr, sc *scope) value {
	if c := sc.find(id.Value); c != nil {
		return x.settle(x.st.cells[c])
	}
	if v, ok := x.st.globals[id.Value]; ok {
		return v
	}
	if knownGlobals[id.Value] {
		return &path{id.Value}
	}
	x.refuse("the global %s is read, which is set elsewhere or nowhere", id.Value)
	return nil
}

// term is a value as an expression; what is none is refused.
func (x *exec) term(v value) term {
	switch v := x.settle(v).(type) {
	case term:
		return v
	case *path:
		if c, ok := constants[v.name]; ok {
			return &expr.Const{V: c}
		}
		x.refuse("%s is used as a value here, which is not understood", v.name)
	case *opaque:
		x.refuse("%s", v.why)
	case *choice:
		x.refuse("a value that is an object on one path and none on another is used")
	case *table:
		x.refuse("a table is used as a value here, which is not understood")
	case *closure:
		x.refuse("a function is used as a value here, which is not understood")
	case *handle:
		x.refuse("the redis object is used as a value here, which is not understood")
	case *headersOf, *argsOf:
		x.refuse("the whole table of headers or arguments is used, which is not understood")
	}
	x.refuse("a value of this kind is not understood (%T)", v)
	return nil
}

// truth is a value as a condition.
func (x *exec) truth(v value) term {
	switch v := x.settle(v).(type) {
	case term:
		if k := x.kindsOf(v); k&(kNil|kFalse) == 0 {
			return tTrue
		} else if k&^(kNil|kFalse) == 0 {
			return tFalse
		}
		return x.truthy(v)
	case *choice:
		return x.truthOf(v)
	case *path:
		if c, ok := constants[v.name]; ok {
			return tBool(c.Truthy())
		}
		if !knownPath(v.name) {
			x.refuse("whether there is %s is not known", v.name)
		}
		return tTrue
	case *opaque:
		x.refuse("%s", v.why)
	}
	return tTrue
}

func (x *exec) truthOf(c *choice) term {
	a, b := x.truth(c.a), x.truth(c.b)
	if same(a, tTrue) && same(b, tFalse) {
		return c.cond
	}
	if same(a, tFalse) && same(b, tTrue) {
		return x.not(c.cond)
	}
	return x.cond(c.cond, a, b)
}

// truthy is a shorter term with the same truth.
func (x *exec) truthy(t term) term {
	c, ok := t.(*expr.Cond)
	if !ok {
		return t
	}
	const no = kNil | kFalse
	a, b := x.kindsOf(c.Then), x.kindsOf(c.Else)
	switch {
	case a&no == 0 && b&^no == 0:
		return c.If
	case a&^no == 0 && b&no == 0:
		return x.not(c.If)
	}
	return t
}

func (x *exec) tableExpr(e *ast.TableExpr, sc *scope) value {
	t := &table{module: x.loading > 0}
	m := map[expr.Value]value{}
	n := 0
	for _, f := range e.Fields {
		if f.Key == nil {
			v := x.eval(f.Value, sc)
			n++
			m[expr.Num(float64(n))] = v
			if tv, ok := v.(term); ok && x.kindsOf(tv)&kNil != 0 {
				x.refuse("a table is made with a value that can be nil")
			}
			continue
		}
		k, ok := constOf(x.term(x.eval(f.Key, sc)))
		if !ok {
			x.at = e
			x.refuse("a table is made with a key that is not known")
		}
		m[k] = x.eval(f.Value, sc)
		if k.K == expr.Number {
			x.refuse("a table with explicit number keys is not understood")
		}
	}
	x.st.tables[t], x.st.array[t] = m, n
	return t
}

// index is obj[key].
func (x *exec) index(obj, key value) value {
	obj = x.settle(obj)
	switch o := obj.(type) {
	case *table:
		return x.indexTable(o, x.term(key))
	case *headersOf:
		k, ok := constOf(x.term(key))
		if !ok || k.K != expr.String {
			x.refuse("a header whose name is not known is read")
		}
		if x.st.headers {
			x.refuse("a header is read after request headers were changed")
		}
		x.rule.Headers = append(x.rule.Headers, k.S)
		if o.limit != 100 {
			return &expr.Call{Fn: "header", Args: []term{tText(k.S), tNum(float64(o.limit))}}
		}
		return &expr.Call{Fn: "header", Args: []term{tText(k.S)}}
	case *argsOf:
		k, ok := constOf(x.term(key))
		if !ok || k.K != expr.String {
			x.refuse("an argument whose name is not known is read")
		}
		if x.st.changed {
			x.refuse("an argument is read after variables were set")
		}
		x.rule.Args = append(x.rule.Args, k.S)
		if o.limit != 100 {
			return &expr.Call{Fn: "arg", Args: []term{tText(k.S), tNum(float64(o.limit))}}
		}
		return &expr.Call{Fn: "arg", Args: []term{tText(k.S)}}
	case *path:
		k, ok := constOf(x.term(key))
		if !ok || k.K != expr.String {
			x.refuse("a field of %s whose name is not known is read", o.name)
		}
		if o.name == "ngx.var" {
			return x.readVar(k.S)
		}
		p := &path{o.name + "." + k.S}
		if c, ok := constants[p.name]; ok {
			return &expr.Const{V: c}
		}
		return p
	case *choice:
		x.refuse("a value that is an object on one path and none on another is indexed")
	case term:
		k := x.term(key)
		if v, ok := constOf(k); !ok || v.K != expr.Number {
			x.refuse("a field of a value that is not known is read")
		}
		t := &expr.Call{Fn: "item", Args: []term{o, k}}
		if x.kindsOf(o)&^(kList|kString) != 0 {
			return x.fallible("item", t)
		}
		return t
	case *opaque:
		x.refuse("%s", o.why)
	case *handle:
		if k, ok := constOf(x.term(key)); ok && k.K == expr.String {
			return &path{"redis." + k.S}
		}
		x.refuse("a field of the redis object is read")
	}
	x.refuse("this index is not understood")
	return nil
}

// indexTable looks a key up in a table of the script.
func (x *exec) indexTable(t *table, key term) value {
	m := x.st.tables[t]
	if k, ok := constOf(key); ok {
		if v, ok := m[k]; ok {
			return x.settle(v)
		}
		return tNil
	}
	// One of the known keys, or none.
	if x.st.array[t] < 0 {
		x.refuse("how many elements this table has is not the same on every path")
	}
	if len(m) > 1000 {
		x.refuse("a table of %d entries is too large for a rule", len(m))
	}
	groups := map[string][]term{}
	values := map[string]term{}
	var order []string
	for _, k := range sortedKeys(m) {
		v := x.term(m[k])
		p := expr.Print(v)
		if groups[p] == nil {
			order = append(order, p)
			values[p] = v
		}
		groups[p] = append(groups[p], &expr.Const{V: k})
	}
	var out term = tNil
	for i := len(order) - 1; i >= 0; i-- {
		p := order[i]
		var c term = &expr.Call{Fn: "in", Args: append([]term{key}, groups[p]...)}
		if len(groups[p]) == 1 {
			c = x.eq(key, groups[p][0])
		}
		out = x.cond(c, values[p], out)
	}
	return out
}

func (x *exec) setField(obj, key, v value) {
	obj = x.settle(obj)
	switch o := obj.(type) {
	case *table:
		if o.module && x.loading == 0 {
			x.refuse("a table of a module is changed, which keeps it between requests")
		}
		k, ok := constOf(x.term(key))
		if !ok {
			x.refuse("a table is changed at a key that is not known")
		}
		if k.K == expr.Number {
			if x.st.array[o] < 0 || k.N != float64(x.st.array[o]+1) {
				x.refuse("a table's elements are changed")
			}
			x.st.array[o]++
		}
		x.st.tables[o][k] = v
		if f, ok := v.(*closure); ok && f.name == "" && k.K == expr.String {
			f.name = k.S
		}
		return
	case *path:
		k, ok := constOf(x.term(key))
		if !ok || k.K != expr.String {
			x.refuse("a field of %s whose name is not known is set", o.name)
		}
		if x.loading > 0 {
			x.refuse("%s is changed while a module is loaded", o.name)
		}
		switch o.name {
		case "ngx.var":
			x.setVar(k.S, x.term(v))
			return
		case "ngx.header":
			t := x.term(v)
			if x.kindsOf(t)&(kList|kNil) != 0 {
				x.refuse("a response header is set to what can be a table or nil")
			}
			x.faults++
			x.emit("header", escapeWord(k.S), x.word(k.S, t))
			return
		case "ngx":
			n, known := constOf(x.term(v))
			if k.S == "status" && known && n.K == expr.Number {
				x.emit("status", fmt.Sprint(int(n.N)))
				return
			}
		}
		x.refuse("%s.%s is set, which is not understood", o.name, k.S)
	}
	x.refuse("this assignment is not understood")
}

func (x *exec) length(v value) value {
	switch v := x.settle(v).(type) {
	case *table:
		if n := x.st.array[v]; n >= 0 {
			return tNum(float64(n))
		}
		x.refuse("how many elements this table has is not the same on every path")
	case term:
		t := &expr.Unary{Op: "#", X: v}
		if c, ok := constOf(v); ok && c.K == expr.String {
			return tNum(float64(len(c.S)))
		}
		if x.kindsOf(v)&^(kString|kList) != 0 {
			return x.fallible("length", t)
		}
		return t
	}
	return x.term(v)
}

// logical is and, or: the right side is executed where the left one lets it.
func (x *exec) logical(e *ast.LogicalOpExpr, sc *scope) value {
	l := x.eval(e.Lhs, sc)
	c := x.truth(l)
	isAnd := e.Operator == "and"
	if truth, known := x.decided(c); known {
		if truth == isAnd {
			return x.eval(e.Rhs, sc)
		}
		return l
	}
	c = x.pure(c)
	if t, ok := l.(term); ok && impure(t) {
		l = c
	}
	var r value
	hint := x.hint
	list, f := x.nested(func() *flow {
		x.st.assume(c, isAnd)
		x.hint = hint
		r = x.eval(e.Rhs, sc)
		return &flow{kind: falls, st: x.st}
	})
	x.at = e
	skip := &flow{kind: falls, st: x.st.clone()}
	skip.st.assume(c, !isAnd)
	cond := c
	if !isAnd {
		cond = x.not(c)
	}
	x.when(cond, list, nil, f, skip)
	if f.kind == ends {
		x.st = skip.st
		return l
	}
	x.st = x.join(cond, f.st, skip.st)
	lt, ok1 := l.(term)
	rt, ok2 := r.(term)
	if ok1 && ok2 {
		if isAnd {
			return x.and(lt, rt)
		}
		return x.or(lt, rt)
	}
	return x.pick(cond, r, l)
}

func (x *exec) compare(op string, l, r value) value {
	if op == "==" || op == "~=" {
		t := x.equal(l, r)
		if op == "~=" {
			t = x.not(t)
		}
		return t
	}
	a, b := x.term(l), x.term(r)
	t := &expr.Binary{Op: op, L: a, R: b}
	ka, kb := x.kindsOf(a), x.kindsOf(b)
	if folded, ok := fold(t); ok {
		return folded
	}
	if ka == kNumber && kb == kNumber || ka == kString && kb == kString {
		return x.known(t)
	}
	return x.fallible("compared", t)
}

// equal is l == r, also of objects.
func (x *exec) equal(l, r value) term {
	l, r = x.settle(l), x.settle(r)
	if c, ok := l.(*choice); ok {
		return x.cond(c.cond, x.equal(c.a, r), x.equal(c.b, r))
	}
	if c, ok := r.(*choice); ok {
		return x.cond(c.cond, x.equal(l, c.a), x.equal(l, c.b))
	}
	a, aIs := asTerm(l)
	b, bIs := asTerm(r)
	switch {
	case aIs && bIs:
		return x.eq(a, b)
	case aIs != bIs:
		if _, ok := l.(*opaque); ok {
			x.term(l)
		}
		if _, ok := r.(*opaque); ok {
			x.term(r)
		}
		for _, v := range []value{l, r} {
			if p, ok := v.(*path); ok && !knownPath(p.name) {
				x.refuse("whether there is %s is not known", p.name)
			}
		}
		return tFalse // an object and a plain value
	}
	x.refuse("two objects are compared")
	return nil
}

func asTerm(v value) (term, bool) {
	if p, ok := v.(*path); ok {
		if c, ok := constants[p.name]; ok {
			return &expr.Const{V: c}, true
		}
	}
	t, ok := v.(term)
	return t, ok
}

func (x *exec) concat(a, b term) value {
	t := &expr.Binary{Op: "..", L: a, R: b}
	if folded, ok := fold(t); ok {
		return folded
	}
	if x.kindsOf(a)&^kText != 0 || x.kindsOf(b)&^kText != 0 {
		return x.fallible("text", t)
	}
	return t
}

func (x *exec) arith(t, a, b term) value {
	if folded, ok := fold(t); ok {
		return folded
	}
	if x.kindsOf(a) != kNumber || x.kindsOf(b) != kNumber {
		return x.fallible("number", t)
	}
	return t
}

// fold evaluates a term of constants.
func fold(t term) (term, bool) {
	if !constant(t) {
		return nil, false
	}
	v, err := expr.Eval(t)
	if err != nil {
		return nil, false
	}
	return &expr.Const{V: v}, true
}

func constant(t term) bool {
	switch t := t.(type) {
	case *expr.Const:
		return true
	case *expr.Unary:
		return constant(t.X)
	case *expr.Binary:
		return constant(t.L) && constant(t.R)
	case *expr.Cond:
		return constant(t.If) && constant(t.Then) && constant(t.Else)
	case *expr.Call:
		if impure(t) || t.Fn == "header" || t.Fn == "arg" || t.Fn == "cookie" || t.Fn == "var" || t.Fn == "method" {
			return false
		}
		for _, a := range t.Args {
			if !constant(a) {
				return false
			}
		}
		return true
	}
	return false
}
