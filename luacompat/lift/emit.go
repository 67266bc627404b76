package lift

import (
	"sort"
	"strconv"
	"strings"

	"huidu/luacompat/expr"
	"huidu/luacompat/stdlib"
)

// emit adds a step at this place.
func (x *exec) emit(name string, args ...string) {
	if len(*x.list) > 2000 || x.steps > 5000 {
		x.refuse("the script has too many paths")
	}
	x.steps++
	*x.list = append(*x.list, Step{Name: name, Args: args})
}

// name makes a name of the rule, after a variable of the script.
func (x *exec) name(hint string, k kinds) *expr.Ref {
	base := ""
	for _, c := range hint {
		if c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' {
			base += string(c)
		}
	}
	if base == "" || base[0] >= '0' && base[0] <= '9' || base == "_" {
		base = "value" + strings.Trim(base, "_")
	}
	if plainVar(base) {
		base += "_value"
	}
	n := base
	for i := 2; ; i++ {
		_, taken := x.names[n]
		_, taken2 := x.names[n+"_error"]
		if !taken && !taken2 {
			break
		}
		n = base + strconv.Itoa(i)
	}
	x.names[n] = k
	return &expr.Ref{Name: n}
}

// errorOf is the name of the error that goes with a result.
func (x *exec) errorOf(r *expr.Ref) term {
	n := r.Name + "_error"
	if _, ok := x.names[n]; !ok {
		x.names[n] = kNil | kString
	}
	return &expr.Ref{Name: n}
}

// text is a term as the rule writes it: with names for what has one here.
func (x *exec) text(t term) string { return expr.Print(x.subst(t)) }

func (x *exec) subst(t term) term {
	if r := x.st.bound[expr.Print(t)]; r != nil {
		return r
	}
	switch t := t.(type) {
	case *expr.Unary:
		return &expr.Unary{Op: t.Op, X: x.subst(t.X)}
	case *expr.Binary:
		return &expr.Binary{Op: t.Op, L: x.subst(t.L), R: x.subst(t.R)}
	case *expr.Cond:
		return &expr.Cond{If: x.subst(t.If), Then: x.subst(t.Then), Else: x.subst(t.Else)}
	case *expr.Call:
		args := make([]term, len(t.Args))
		for i, a := range t.Args {
			args[i] = x.subst(a)
		}
		return &expr.Call{Fn: t.Fn, Args: args}
	}
	return t
}

// let evaluates a term here, where it may fail, and names it.
func (x *exec) let(hint string, t term) *expr.Ref {
	if r, ok := t.(*expr.Ref); ok {
		if _, own := x.names[r.Name]; own {
			return r
		}
	}
	key := expr.Print(t)
	if r := x.st.bound[key]; r != nil {
		return r
	}
	text := x.text(t)
	r := x.name(hint, x.kindsOf(t))
	x.emit("let", "$"+r.Name, text)
	x.lets[r.Name] = t
	if _, isConst := constOf(t); !isConst && !impure(t) {
		x.st.bound[key] = r
	}
	return r
}

func impure(t term) bool {
	switch t := t.(type) {
	case *expr.Unary:
		return impure(t.X)
	case *expr.Binary:
		return impure(t.L) || impure(t.R)
	case *expr.Cond:
		return impure(t.If) || impure(t.Then) || impure(t.Else)
	case *expr.Call:
		if expr.Impure(t.Fn) {
			return true
		}
		for _, a := range t.Args {
			if impure(a) {
				return true
			}
		}
	}
	return false
}

// fallible names a term that may raise an error, so that it does so here.
func (x *exec) fallible(hint string, t term) term {
	x.faults++
	return x.let(hint, t)
}

// word is a term as a word of a step. Steps take a word's value where it is
// one name, and join it as .. does where it is text with names in it.
func (x *exec) word(hint string, t term) string {
	t = x.subst(t)
	if v, ok := constOf(t); ok {
		switch v.K {
		case expr.String:
			return strings.ReplaceAll(v.S, "$", "$$")
		case expr.Number:
			return stdlib.NumberString(v.N)
		}
	}
	if r, ok := t.(*expr.Ref); ok {
		return "$" + r.Name
	}
	if s, ok := x.joined(t); ok {
		return s
	}
	return "$" + x.let(x.hintFor(t, hint), t).Name
}

func (x *exec) hintFor(t term, hint string) string {
	if h := x.hints[expr.Print(t)]; h != "" {
		return h
	}
	return hint
}

// joined writes a .. b .. c as one word.
func (x *exec) joined(t term) (string, bool) {
	t = x.subst(t)
	switch t := t.(type) {
	case *expr.Const:
		switch t.V.K {
		case expr.String:
			return strings.ReplaceAll(t.V.S, "$", "$$"), true
		case expr.Number:
			return stdlib.NumberString(t.V.N), true
		}
	case *expr.Ref:
		if x.kindsOf(t)&^kText == 0 {
			return "${" + t.Name + "}", true
		}
	case *expr.Binary:
		if t.Op != ".." {
			return "", false
		}
		l, ok := x.joined(t.L)
		r, ok2 := x.joined(t.R)
		if ok && ok2 {
			return l + r, true
		}
	}
	return "", false
}

// nested executes f into a list of its own, on a state of its own.
func (x *exec) nested(f func() *flow) ([]Step, *flow) {
	savedList, savedState := x.list, x.st
	var list []Step
	x.list, x.st = &list, x.st.clone()
	fl := x.catch(f)
	x.list, x.st = savedList, savedState
	return list, fl
}

// catch turns the end of a request inside an expression into a flow.
func (x *exec) catch(f func() *flow) (fl *flow) {
	depth, chunk := x.depth, x.chunk
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(requestEnded); !ok {
				panic(r)
			}
			x.depth, x.chunk = depth, chunk
			fl = &flow{kind: ends}
		}
	}()
	return f()
}

// requestEnded unwinds an expression in which the request ended.
type requestEnded struct{}

// when adds the steps of two branches: a where c holds.
func (x *exec) when(c term, a, b []Step, fa, fb *flow) {
	switch {
	case len(a) == 0 && len(b) == 0:
	case len(a) == 0 && fa.kind != ends:
		x.block(x.text(x.otherwise(c)), b)
	case len(b) == 0:
		x.block(x.text(c), a)
	case fa.kind == ends:
		x.block(x.text(c), a)
		*x.list = append(*x.list, b...)
	case fb.kind == ends:
		x.block(x.text(x.otherwise(c)), b)
		*x.list = append(*x.list, a...)
	default:
		x.block(x.text(c), a)
		*x.list = append(*x.list, Step{Name: "otherwise", Kids: b, Block: true})
	}
}

// otherwise is the truth that c has not.
func (x *exec) otherwise(c term) term {
	if u, ok := c.(*expr.Unary); ok && u.Op == "not" {
		return u.X
	}
	return x.not(c)
}

// nameTerms gives names to what variables of the script hold and a condition
// asks, where that is more than one thing: the script has computed it here.
func (x *exec) nameTerms(c term) {
	printed := expr.Print(c)
	type held struct {
		name string
		t    term
		text string
	}
	var list []held
	for cell, v := range x.st.cells {
		t, ok := v.(term)
		if !ok || !worthName(t) {
			continue
		}
		if text := expr.Print(t); text != printed && strings.Contains(printed, text) && x.st.bound[text] == nil {
			list = append(list, held{cell.name, t, text})
		}
	}
	sort.Slice(list, func(i, j int) bool {
		if len(list[i].text) != len(list[j].text) {
			return len(list[i].text) < len(list[j].text)
		}
		return list[i].name < list[j].name
	})
	for _, h := range list {
		x.let(h.name, h.t)
	}
}

// worthName reports whether a term is more than a name or one function.
func worthName(t term) bool {
	switch t := t.(type) {
	case *expr.Binary, *expr.Cond:
		return !impure(t)
	case *expr.Call:
		return t.Fn != "header" && t.Fn != "arg" && t.Fn != "var" && !impure(t)
	}
	return false
}

func (x *exec) block(cond string, kids []Step) {
	x.steps++
	*x.list = append(*x.list, Step{Name: "when", Args: []string{cond}, Kids: kids, Block: true})
}
