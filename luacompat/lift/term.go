package lift

import (
	"huidu/luacompat/expr"
)

// term is a symbolic value: an expression.
type term = expr.Expr

// The constants.
var (
	tNil   term = &expr.Const{}
	tTrue  term = &expr.Const{V: expr.Bool(true)}
	tFalse term = &expr.Const{V: expr.Bool(false)}
)

func tText(s string) term { return &expr.Const{V: expr.Text(s)} }
func tNum(f float64) term { return &expr.Const{V: expr.Num(f)} }

func tBool(b bool) term {
	if b {
		return tTrue
	}
	return tFalse
}

func constOf(t term) (expr.Value, bool) {
	c, ok := t.(*expr.Const)
	if !ok {
		return expr.Value{}, false
	}
	return c.V, true
}

func isNil(t term) bool {
	v, ok := constOf(t)
	return ok && v.K == expr.Nil
}

func same(a, b term) bool { return a == b || expr.Print(a) == expr.Print(b) }

// kinds is a set of the kinds that a value may have.
type kinds uint16

const (
	kNil    kinds = 1 << expr.Nil
	kFalse  kinds = 1 << expr.False
	kTrue   kinds = 1 << expr.True
	kNumber kinds = 1 << expr.Number
	kString kinds = 1 << expr.String
	kNull   kinds = 1 << expr.Null
	kList   kinds = 1 << expr.List
	kBool         = kFalse | kTrue
	kText         = kString | kNumber
	kAny          = kNil | kBool | kText | kNull | kList
)

// kindsOf is what kinds a term may have where the path is now.
func (x *exec) kindsOf(t term) kinds {
	k := x.kindsRaw(t)
	if _, ok := t.(*expr.Const); ok {
		return k
	}
	if truth, known := x.st.facts[expr.Print(t)]; known {
		if truth {
			k &^= kNil | kFalse
		} else {
			k &= kNil | kFalse
		}
	}
	if truth, known := x.st.facts[expr.Print(&expr.Binary{Op: "==", L: t, R: tNil})]; known {
		if truth {
			k &= kNil
		} else {
			k &^= kNil
		}
	}
	if truth, known := x.st.facts[expr.Print(&expr.Binary{Op: "==", L: t, R: &expr.Const{V: expr.Value{K: expr.Null}}})]; known && !truth {
		k &^= kNull
	}
	for name, of := range map[string]kinds{"string": kString, "number": kNumber, "table": kList, "nil": kNil, "boolean": kBool, "userdata": kNull} {
		if truth, known := x.st.facts[expr.Print(&expr.Binary{Op: "==", L: &expr.Call{Fn: "type", Args: []term{t}}, R: tText(name)})]; known {
			if truth {
				k &= of
			} else {
				k &^= of
			}
		}
	}
	return k
}

func (x *exec) kindsRaw(t term) kinds {
	switch t := t.(type) {
	case *expr.Const:
		return 1 << t.V.K
	case *expr.Ref:
		if k, ok := x.names[t.Name]; ok {
			return k
		}
		return kNil | kString
	case *expr.Unary:
		if t.Op == "not" {
			return kBool
		}
		return kNumber
	case *expr.Binary:
		switch t.Op {
		case "and":
			return x.kindsOf(t.L)&(kNil|kFalse) | x.kindsOf(t.R)
		case "or":
			return x.kindsOf(t.L)&^(kNil|kFalse) | x.kindsOf(t.R)
		case "??":
			return x.kindsOf(t.L)&^kNil | x.kindsOf(t.R)
		case "..":
			return kString
		case "+", "-", "*", "/", "%":
			return kNumber
		}
		return kBool
	case *expr.Cond:
		return x.kindsOf(t.Then) | x.kindsOf(t.Else)
	case *expr.Call:
		if k, ok := resultKinds[t.Fn]; ok {
			return k
		}
	}
	return kAny
}

var resultKinds = map[string]kinds{
	"header": kNil | kString | kList, "arg": kNil | kString | kTrue | kList, "cookie": kNil | kString, "var": kNil | kString,
	"method": kString, "type": kString, "tostring": kString, "tonumber": kNil | kNumber, "hexnumber": kNil | kNumber,
	"sub": kString, "byte": kNil | kNumber, "lower": kString, "upper": kString, "find": kNil | kNumber, "find_end": kNil | kNumber,
	"match": kNil | kText, "floor": kNumber, "ceil": kNumber, "abs": kNumber, "fmod": kNumber, "random": kNumber, "time": kNumber,
	"now": kNumber, "date": kString, "crc32": kNumber, "md5": kString, "in": kBool, "within": kBool, "matches": kBool, "has": kBool,
	"starts": kBool, "ends": kBool, "percent": kBool, "between": kBool, "str": kString, "list": kList, "date_at": kString, "digits": kNumber, "gsub": kString,
}

// not, and, or, cond and eq build terms as short as they can be said.

func (x *exec) not(c term) term {
	if v, ok := constOf(c); ok {
		return tBool(!v.Truthy())
	}
	if u, ok := c.(*expr.Unary); ok && u.Op == "not" && x.kindsRaw(u.X)&^kBool == 0 {
		return u.X
	}
	return x.known(&expr.Unary{Op: "not", X: c})
}

func (x *exec) isBool(t term) bool { return x.kindsRaw(t)&^kBool == 0 }

// known is t, or the constant that the path has made of it.
func (x *exec) known(t term) term {
	if truth, ok := x.st.facts[expr.Print(t)]; ok && x.isBool(t) {
		return tBool(truth)
	}
	return t
}

// and and or are Lua's, for values that were both evaluated.
func (x *exec) and(a, b term) term {
	if v, ok := constOf(a); ok {
		if v.Truthy() {
			return b
		}
		return a
	}
	if v, ok := constOf(b); ok && x.isBool(a) && v.K == expr.True {
		return a
	}
	if same(a, b) {
		return a
	}
	if l, ok := a.(*expr.Binary); ok && l.Op == "and" {
		return &expr.Binary{Op: "and", L: l.L, R: x.and(l.R, b)}
	}
	return &expr.Binary{Op: "and", L: a, R: b}
}

func (x *exec) or(a, b term) term {
	if v, ok := constOf(a); ok {
		if v.Truthy() {
			return a
		}
		return b
	}
	if v, ok := constOf(b); ok && x.isBool(a) && v.K == expr.False {
		return a
	}
	if same(a, b) {
		return a
	}
	if s, vals, ok := choices(a); ok {
		if s2, more, ok := choices(b); ok && same(s, s2) {
			return &expr.Call{Fn: "in", Args: append(append([]term{s}, vals...), more...)}
		}
	}
	if l, ok := a.(*expr.Binary); ok && l.Op == "or" {
		return &expr.Binary{Op: "or", L: l.L, R: x.or(l.R, b)}
	}
	return &expr.Binary{Op: "or", L: a, R: b}
}

// choices takes x == 'a', or in(x, 'a', 'b'), apart.
func choices(t term) (subject term, vals []term, ok bool) {
	switch t := t.(type) {
	case *expr.Binary:
		if v, isConst := constOf(t.R); t.Op == "==" && isConst && v.K == expr.String {
			return t.L, []term{t.R}, true
		}
	case *expr.Call:
		if t.Fn == "in" {
			return t.Args[0], t.Args[1:], true
		}
	}
	return nil, nil, false
}

// cond is c ? a : b.
func (x *exec) cond(c, a, b term) term {
	if v, ok := constOf(c); ok {
		if v.Truthy() {
			return a
		}
		return b
	}
	if same(a, b) {
		return a
	}
	if u, ok := c.(*expr.Unary); ok && u.Op == "not" {
		return x.cond(u.X, b, a)
	}
	if s, ok := nilTest(c); ok && same(s, b) {
		return orElse(b, a)
	}
	if same(c, a) {
		return x.or(c, b)
	}
	if same(c, b) {
		return x.and(c, a)
	}
	if x.isBool(c) {
		va, oka := constOf(a)
		vb, okb := constOf(b)
		switch {
		case oka && va.K == expr.True && okb && vb.K == expr.False:
			return c
		case oka && va.K == expr.False && okb && vb.K == expr.True:
			return x.not(c)
		case oka && va.K == expr.True && x.isBool(b):
			return x.or(c, b)
		case okb && vb.K == expr.False && x.isBool(a):
			return x.and(c, a)
		case oka && va.K == expr.False && x.isBool(b):
			return x.and(x.not(c), b)
		case okb && vb.K == expr.True && x.isBool(a):
			return x.or(x.not(c), a)
		}
	}
	return &expr.Cond{If: c, Then: a, Else: b}
}

// orElse is a ?? b, chains to the right.
func orElse(a, b term) term {
	if l, ok := a.(*expr.Binary); ok && l.Op == "??" {
		return &expr.Binary{Op: "??", L: l.L, R: orElse(l.R, b)}
	}
	return &expr.Binary{Op: "??", L: a, R: b}
}

// nilTest takes s == nil apart.
func nilTest(c term) (s term, ok bool) {
	b, ok := c.(*expr.Binary)
	if !ok || b.Op != "==" || !isNil(b.R) {
		return nil, false
	}
	return b.L, true
}

// eq is a == b.
func (x *exec) eq(a, b term) term {
	va, oka := constOf(a)
	vb, okb := constOf(b)
	if oka && okb {
		return tBool(expr.Equal(va, vb))
	}
	if oka {
		a, b, vb, okb = b, a, va, true
	}
	ka, kb := x.kindsOf(a), x.kindsOf(b)
	if ka&kb == 0 {
		return tFalse
	}
	if okb && vb.K == expr.Nil && ka == kNil {
		return tTrue
	}
	if same(a, b) && ka&kList == 0 {
		// NaN is not equal to itself; no number from outside is known not to be.
		if ka&kNumber == 0 {
			return tTrue
		}
	}
	if ka&kb&kList != 0 && x.shareOrigin(a, b) {
		x.refuse("two values that can both be tables are compared, and tables are equal only to themselves")
	}
	return x.known(&expr.Binary{Op: "==", L: a, R: b})
}

// shareOrigin reports whether two terms may be the same table.
func (x *exec) shareOrigin(a, b term) bool {
	seen := map[string]bool{}
	x.origins(a, func(s string) { seen[s] = true })
	shared := false
	x.origins(b, func(s string) { shared = shared || seen[s] })
	return shared
}

func (x *exec) origins(t term, f func(string)) {
	switch t := t.(type) {
	case *expr.Ref:
		f("$" + t.Name)
		if of := x.lets[t.Name]; of != nil {
			x.origins(of, f)
		}
	case *expr.Call:
		f(expr.Print(t))
		for _, a := range t.Args {
			x.origins(a, f)
		}
	case *expr.Binary:
		x.origins(t.L, f)
		x.origins(t.R, f)
	case *expr.Cond:
		x.origins(t.Then, f)
		x.origins(t.Else, f)
	}
}
