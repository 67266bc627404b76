package expr

import (
	"fmt"

	"huidu/luacompat/repair"
	"huidu/luacompat/stdlib"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds. Null is ngx.null; a List is a header or argument that came more
// than once, or an array of Redis.
const (
	Nil Kind = iota
	False
	True
	Number
	String
	Null
	List
)

// Value is what an expression gives.
type Value struct {
	K Kind
	N float64
	S string
	L *Items
}

// Items are the elements of a List. Two lists are equal only when they are
// the same one, as Lua's tables are.
type Items struct{ V []Value }

// Text makes a string.
func Text(s string) Value { return Value{K: String, S: s} }

// Num makes a number.
func Num(f float64) Value { return Value{K: Number, N: f} }

// Bool makes a boolean.
func Bool(b bool) Value {
	if b {
		return Value{K: True}
	}
	return Value{K: False}
}

// Truthy is Lua's truth: all but nil and false.
func (v Value) Truthy() bool { return v.K != Nil && v.K != False }

// Equal is Lua's ==.
func Equal(a, b Value) bool {
	if a.K != b.K {
		return false
	}
	switch a.K {
	case Number:
		return a.N == b.N
	case String:
		return a.S == b.S
	case List:
		return a.L == b.L
	}
	return true
}

// TypeName is what type() says.
func (v Value) TypeName() string {
	switch v.K {
	case Nil:
		return "nil"
	case False, True:
		return "boolean"
	case Number:
		return "number"
	case String:
		return "string"
	case Null:
		return "userdata"
	}
	return "table"
}

// ToString is tostring(v).
func (v Value) ToString() string {
	switch v.K {
	case Nil:
		return "nil"
	case False:
		return "false"
	case True:
		return "true"
	case Number:
		return stdlib.NumberString(v.N)
	case String:
		return v.S
	case Null:
		return "userdata: NULL"
	}
	return fmt.Sprintf("table: %p", v.L)
}

// Fault is what Lua raises as an error.
type Fault struct{ Msg string }

func (f *Fault) Error() string { return f.Msg }

// fault leaves the expression.
func fault(format string, args ...any) { panic(&Fault{fmt.Sprintf(format, args...)}) }

// text is a string, or a number as one: luaL_checkstring.
func text(v Value, what string) string {
	switch v.K {
	case String:
		return v.S
	case Number:
		return stdlib.NumberString(v.N)
	}
	fault("bad argument to '%s' (string expected, got %s)", what, v.TypeName())
	return ""
}

// number is a number, or a string that reads as one: luaL_checknumber.
func number(v Value, what string) float64 {
	switch v.K {
	case Number:
		return v.N
	case String:
		if f, ok := repair.ParseNumber(v.S); ok {
			return f
		}
	}
	fault("bad argument to '%s' (number expected, got %s)", what, v.TypeName())
	return 0
}

func operand(v Value) float64 {
	switch v.K {
	case Number:
		return v.N
	case String:
		if f, ok := repair.ParseNumber(v.S); ok {
			return f
		}
	}
	fault("attempt to perform arithmetic on a %s value", v.TypeName())
	return 0
}

// Join is a value as .. takes it: text or a number. All else is a fault.
func Join(v Value) string {
	s, ok := joinable(v)
	if !ok {
		fault("attempt to concatenate a %s value", v.TypeName())
	}
	return s
}

// Print appends a value as ngx.say prints it.
func (v Value) Print(b []byte) []byte {
	switch v.K {
	case String:
		return append(b, v.S...)
	case Null:
		return append(b, "null"...)
	case List:
		for _, e := range v.L.V {
			b = e.Print(b)
		}
		return b
	}
	return append(b, v.ToString()...)
}

// Raise raises a fault with a message of the host's.
func Raise(format string, args ...any) { fault(format, args...) }

// Number64 is a value as a number, as Lua's functions take it.
func Number64(v Value) float64 { return number(v, "number") }
