package expr

import (
	"fmt"
	"math"
	"time"

	"huidu/luacompat/stdlib"
)

// Host is the request that expressions ask.
type Host interface {
	// Var is an nginx variable; ok is false where nginx does not find it.
	Var(name string) (value string, ok bool)
	// Header is ngx.req.get_headers(limit)[name].
	Header(name string, limit int) Value
	// Arg is ngx.req.get_uri_args(limit)[name].
	Arg(name string, limit int) Value
	// Method is the request's method.
	Method() string
}

// Frame is one run of a rule.
type Frame struct {
	Host  Host
	Slots []Value          // by the numbers that Scope gave
	Now   func() time.Time // the event loop's time
	Rand  func() float64   // from [0, 1)
}

// Func is a compiled expression. It panics with a *Fault where Lua raises.
type Func func(f *Frame) Value

// Scope gives the names of a rule their slots.
type Scope struct{ names map[string]int }

// Declare is the slot of a name, made if need be.
func (s *Scope) Declare(name string) int {
	i, ok := s.names[name]
	if !ok {
		if s.names == nil {
			s.names = map[string]int{}
		}
		i = len(s.names)
		s.names[name] = i
	}
	return i
}

// Len is the number of slots.
func (s *Scope) Len() int { return len(s.names) }

// Slot is the slot of a name that was declared.
func (s *Scope) Slot(name string) (int, bool) {
	i, ok := s.names[name]
	return i, ok
}

// Compile turns an expression into a function. Names that the scope does not
// know are nginx variables.
func Compile(e Expr, s *Scope) (Func, error) {
	switch e := e.(type) {
	case *Const:
		v := e.V
		return func(*Frame) Value { return v }, nil
	case *Ref:
		if i, ok := s.Slot(e.Name); ok {
			return func(f *Frame) Value { return f.Slots[i] }, nil
		}
		return variable(e.Name), nil
	case *Call:
		return compileCall(e, s)
	case *Unary:
		x, err := Compile(e.X, s)
		if err != nil {
			return nil, err
		}
		return unary(e.Op, x)
	case *Cond:
		fs, err := compileAll([]Expr{e.If, e.Then, e.Else}, s)
		if err != nil {
			return nil, err
		}
		c, a, b := fs[0], fs[1], fs[2]
		return func(f *Frame) Value {
			if c(f).Truthy() {
				return a(f)
			}
			return b(f)
		}, nil
	case *Binary:
		l, err := Compile(e.L, s)
		if err != nil {
			return nil, err
		}
		r, err := Compile(e.R, s)
		if err != nil {
			return nil, err
		}
		return binary(e.Op, l, r)
	}
	return nil, fmt.Errorf("unknown expression %T", e)
}

func compileAll(es []Expr, s *Scope) ([]Func, error) {
	out := make([]Func, len(es))
	for i, e := range es {
		f, err := Compile(e, s)
		if err != nil {
			return nil, err
		}
		out[i] = f
	}
	return out, nil
}

func variable(name string) Func {
	return func(f *Frame) Value {
		if v, ok := f.Host.Var(name); ok {
			return Text(v)
		}
		return Value{}
	}
}

func unary(op string, x Func) (Func, error) {
	switch op {
	case "not":
		return func(f *Frame) Value { return Bool(!x(f).Truthy()) }, nil
	case "-":
		return func(f *Frame) Value { return Num(-operand(x(f))) }, nil
	case "#":
		return func(f *Frame) Value {
			switch v := x(f); v.K {
			case String:
				return Num(float64(len(v.S)))
			case List:
				return Num(float64(len(v.L.V)))
			default:
				fault("attempt to get length of a %s value", v.TypeName())
				return v
			}
		}, nil
	}
	return nil, fmt.Errorf("unknown operator %q", op)
}

func binary(op string, l, r Func) (Func, error) {
	switch op {
	case "and":
		return func(f *Frame) Value {
			if v := l(f); !v.Truthy() {
				return v
			}
			return r(f)
		}, nil
	case "or":
		return func(f *Frame) Value {
			if v := l(f); v.Truthy() {
				return v
			}
			return r(f)
		}, nil
	case "??":
		return func(f *Frame) Value {
			if v := l(f); v.K != Nil {
				return v
			}
			return r(f)
		}, nil
	case "==":
		return func(f *Frame) Value { return Bool(Equal(l(f), r(f))) }, nil
	case "~=":
		return func(f *Frame) Value { return Bool(!Equal(l(f), r(f))) }, nil
	case "<", ">":
		if op == ">" {
			l, r = r, l
		}
		return func(f *Frame) Value { return Bool(less(l(f), r(f))) }, nil
	case "<=", ">=":
		if op == ">=" {
			l, r = r, l
		}
		return func(f *Frame) Value { return Bool(lessEqual(l(f), r(f))) }, nil
	case "..":
		return func(f *Frame) Value { return concat(l(f), r(f)) }, nil
	}
	a := arith[op]
	if a == nil {
		return nil, fmt.Errorf("unknown operator %q", op)
	}
	return func(f *Frame) Value {
		x := operand(l(f))
		return Num(a(x, operand(r(f))))
	}, nil
}

var arith = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b },
	"-": func(a, b float64) float64 { return a - b },
	"*": func(a, b float64) float64 { return a * b },
	"/": func(a, b float64) float64 { return a / b },
	"%": func(a, b float64) float64 { return a - math.Floor(a/b)*b },
}

func incomparable(a, b Value) {
	if x, y := a.TypeName(), b.TypeName(); x == y {
		fault("attempt to compare two %s values", x)
	} else {
		fault("attempt to compare %s with %s", x, y)
	}
}

func less(a, b Value) bool {
	switch {
	case a.K == Number && b.K == Number:
		return a.N < b.N
	case a.K == String && b.K == String:
		return a.S < b.S
	}
	incomparable(a, b)
	return false
}

func lessEqual(a, b Value) bool {
	switch {
	case a.K == Number && b.K == Number:
		return a.N <= b.N
	case a.K == String && b.K == String:
		return a.S <= b.S
	}
	incomparable(a, b)
	return false
}

func concat(a, b Value) Value {
	x, ok := joinable(a)
	y, ok2 := joinable(b)
	if !ok2 {
		fault("attempt to concatenate a %s value", b.TypeName())
	}
	if !ok {
		fault("attempt to concatenate a %s value", a.TypeName())
	}
	return Text(x + y)
}

func joinable(v Value) (string, bool) {
	switch v.K {
	case String:
		return v.S, true
	case Number:
		return stdlib.NumberString(v.N), true
	}
	return "", false
}

func compileCall(e *Call, s *Scope) (Func, error) {
	fn, ok := functions[e.Fn]
	if !ok {
		return nil, fmt.Errorf("unknown function %q", e.Fn)
	}
	if len(e.Args) < fn.min || fn.max >= 0 && len(e.Args) > fn.max {
		return nil, fmt.Errorf("wrong number of arguments for %s", e.Fn)
	}
	args, err := compileAll(e.Args, s)
	if err != nil {
		return nil, err
	}
	if fn.make != nil {
		if f, err := fn.make(e.Args, args); f != nil || err != nil {
			return f, err
		}
	}
	call := fn.call
	return func(f *Frame) Value { return call(f, args) }, nil
}

// Eval evaluates an expression without names, for folding constants.
func Eval(e Expr) (v Value, err error) {
	fn, err := Compile(e, &Scope{})
	if err != nil {
		return Value{}, err
	}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(*Fault)
			if !ok {
				panic(r)
			}
			err = f
		}
	}()
	return fn(&Frame{}), nil
}
