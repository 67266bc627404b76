package stdlib

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
)

// StringArithmetic are metamethods of strings. gopher-lua would convert strings
// itself, but as Go reads numbers: "010" + 1 would be 9.
var StringArithmetic = map[string]*lua.LFunction{
	"__add": arithmetic("__add", func(a, b float64) float64 { return a + b }),
	"__sub": arithmetic("__sub", func(a, b float64) float64 { return a - b }),
	"__mul": arithmetic("__mul", func(a, b float64) float64 { return a * b }),
	"__div": arithmetic("__div", func(a, b float64) float64 { return a / b }),
	"__mod": arithmetic("__mod", modulo),
	"__pow": arithmetic("__pow", math.Pow),
	"__unm": {IsG: true, GFunction: func(L *lua.LState) int {
		f, ok := toNumber(L.Get(1))
		if !ok {
			L.RaiseError("__unm undefined")
		}
		L.Push(lua.LNumber(-f))
		return 1
	}},
}

func modulo(a, b float64) float64 {
	if math.IsInf(b, 0) && !math.IsInf(a, 0) && !math.IsNaN(a) {
		return math.NaN() // a - floor(a/b)*b, as LuaJIT computes it
	}
	m := math.Mod(a, b)
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	return m
}

// arithmetic converts both operands; when one is no number, the metamethod of the
// other operand gets its turn, as if strings had none.
func arithmetic(event string, op func(a, b float64) float64) *lua.LFunction {
	return &lua.LFunction{IsG: true, GFunction: func(L *lua.LState) int {
		l, r := L.Get(1), L.Get(2)
		a, ok := toNumber(l)
		b, ok2 := toNumber(r)
		if ok && ok2 {
			L.Push(lua.LNumber(op(a, b)))
			return 1
		}
		for _, v := range [2]lua.LValue{l, r} {
			if _, str := v.(lua.LString); str {
				continue
			}
			if mm := L.GetMetaField(v, event); mm != lua.LNil {
				L.Push(call1(L, mm, l, r))
				return 1
			}
		}
		L.RaiseError("cannot perform %s operation between %s and %s", event[2:], l.Type().String(), r.Type().String())
		return 0
	}}
}

func toNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return repair.ParseNumber(string(v))
	}
	return 0, false
}
