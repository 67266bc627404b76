package cjson

import (
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// config is what one module table (cjson, cjson.safe or a result of new) has
// set.
type config struct {
	sparseConvert   bool
	sparseRatio     int
	sparseSafe      int
	encodeDepth     int
	decodeDepth     int
	encodeInvalid   int // 0 error, 1 as JavaScript's words, 2 null
	decodeInvalid   bool
	precision       int
	keepBuffer      bool
	emptyAsObject   bool
	arrayMT         bool // decode_array_with_array_mt
	comments        bool
	escapeSlash     bool
	skipUnsupported bool
	indent          string
}

func defaults() config {
	return config{
		sparseRatio: 2, sparseSafe: 10,
		encodeDepth: 1000, decodeDepth: 1000,
		decodeInvalid: true, precision: 14, keepBuffer: true,
		emptyAsObject: true, escapeSlash: true,
	}
}

// option is one row of the settings: a function that takes up to len(args)
// arguments, nil leaving the setting as it is, and returns the settings.
type option struct {
	name string
	args []any // *bool, *int with bounds (intArg), *int as enum (enumArg), *string
}

type intArg struct {
	v        *int
	min, max int
}

type enumArg struct {
	v     *int
	names []string
}

func (c *config) options() []option {
	const big = math.MaxInt32
	return []option{
		{"encode_empty_table_as_object", []any{&c.emptyAsObject}},
		{"decode_array_with_array_mt", []any{&c.arrayMT}},
		{"decode_allow_comment", []any{&c.comments}},
		{"encode_sparse_array", []any{&c.sparseConvert, intArg{&c.sparseRatio, 0, big}, intArg{&c.sparseSafe, 0, big}}},
		{"encode_max_depth", []any{intArg{&c.encodeDepth, 1, big}}},
		{"decode_max_depth", []any{intArg{&c.decodeDepth, 1, big}}},
		{"encode_number_precision", []any{intArg{&c.precision, 1, 16}}},
		{"encode_keep_buffer", []any{&c.keepBuffer}},
		{"encode_invalid_numbers", []any{enumArg{&c.encodeInvalid, []string{"off", "on", "null"}}}},
		{"decode_invalid_numbers", []any{&c.decodeInvalid}},
		{"encode_escape_forward_slash", []any{&c.escapeSlash}},
		{"encode_skip_unsupported_value_types", []any{&c.skipUnsupported}},
		{"encode_indent", []any{&c.indent}},
	}
}

var offOn = []string{"off", "on"}

// call is the Lua function of an option.
func (o option) call(L *lua.LState) int {
	if L.GetTop() > len(o.args) {
		return vm.ArgError(L, len(o.args)+1, o.name, "found too many arguments")
	}
	L.SetTop(len(o.args)) // results go above the arguments
	for i, a := range o.args {
		switch a := a.(type) {
		case *bool:
			n := 0
			if *a {
				n = 1
			}
			n = o.enum(L, i+1, n, offOn)
			*a = n == 1
			L.Push(lua.LBool(*a))
		case enumArg:
			*a.v = o.enum(L, i+1, *a.v, a.names)
			if *a.v <= 1 {
				L.Push(lua.LBool(*a.v == 1))
			} else {
				L.Push(lua.LString(a.names[*a.v]))
			}
		case intArg:
			o.integer(L, i+1, a)
			L.Push(lua.LNumber(*a.v))
		case *string:
			if v := L.Get(i + 1); v != lua.LNil {
				*a = checkString(L, i+1, o.name)
			}
			L.Push(lua.LString(*a))
		}
	}
	return len(o.args)
}

// enum reads a boolean or the name of a choice.
func (o option) enum(L *lua.LState, n, old int, names []string) int {
	switch v := L.Get(n).(type) {
	case *lua.LNilType:
		return old
	case lua.LBool:
		if v {
			return 1
		}
		return 0
	}
	s := checkString(L, n, o.name)
	for i, name := range names {
		if s == name {
			return i
		}
	}
	vm.ArgError(L, n, o.name, fmt.Sprintf("invalid option '%s'", s))
	return old
}

func (o option) integer(L *lua.LState, n int, a intArg) {
	var f float64
	switch v := L.Get(n).(type) {
	case *lua.LNilType:
		return
	case lua.LNumber:
		f = float64(v)
	case lua.LString:
		x, end := strtod(string(v), 0)
		if end != len(v) || end == 0 {
			vm.ArgError(L, n, o.name, "number expected, got string")
		}
		f = x
	default:
		vm.ArgError(L, n, o.name, "number expected, got "+v.Type().String())
	}
	if f != f || f < float64(a.min) || f > float64(a.max) {
		// cjson blames the first argument whichever it was.
		vm.ArgError(L, 1, o.name, fmt.Sprintf("expected integer between %d and %d", a.min, a.max))
	}
	*a.v = int(f)
}

func checkString(L *lua.LState, n int, fname string) string {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return string(appendNumber(nil, float64(v), 14))
	}
	vm.ArgError(L, n, fname, "string expected, got "+typeName(L, n))
	return ""
}

func typeName(L *lua.LState, n int) string {
	if n > L.GetTop() {
		return "no value"
	}
	return L.Get(n).Type().String()
}
