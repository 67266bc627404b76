package stdlib

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// openMath registers the math library. Each state has its own random generator.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.6
func openMath(L *lua.LState) {
	unary := func(f func(float64) float64) lua.LGFunction {
		return func(L *lua.LState) int {
			L.Push(lua.LNumber(f(Num(L, 1))))
			return 1
		}
	}
	binary := func(f func(a, b float64) float64) lua.LGFunction {
		return func(L *lua.LState) int {
			a := Num(L, 1)
			L.Push(lua.LNumber(f(a, Num(L, 2))))
			return 1
		}
	}
	t := Table(L, []Func{
		{"abs", unary(math.Abs)},
		{"acos", unary(math.Acos)},
		{"asin", unary(math.Asin)},
		{"atan", unary(math.Atan)},
		{"atan2", binary(math.Atan2)},
		{"ceil", unary(math.Ceil)},
		{"cos", unary(math.Cos)},
		{"cosh", unary(math.Cosh)},
		{"deg", unary(func(x float64) float64 { return x * (180 / math.Pi) })},
		{"exp", unary(math.Exp)},
		{"floor", mathFloor},
		{"fmod", binary(math.Mod)},
		{"frexp", mathFrexp},
		{"ldexp", mathLdexp},
		{"log", mathLog},
		{"log10", unary(math.Log10)},
		{"max", mathMax},
		{"min", mathMin},
		{"modf", mathModf},
		{"pow", binary(math.Pow)},
		{"rad", unary(func(x float64) float64 { return x * (math.Pi / 180) })},
		{"sin", unary(math.Sin)},
		{"sinh", unary(math.Sinh)},
		{"sqrt", unary(math.Sqrt)},
		{"tan", unary(math.Tan)},
		{"tanh", unary(math.Tanh)},
	})
	t.RawSetString("pi", lua.LNumber(math.Pi))
	t.RawSetString("huge", lua.LNumber(math.Inf(1)))
	r := newRandom()
	t.RawSetString("random", L.NewFunction(r.random))
	t.RawSetString("randomseed", L.NewFunction(r.randomseed))
	Register(L, "math", t)
}

func mathFloor(L *lua.LState) int {
	f := math.Floor(Num(L, 1))
	if n := int(f); uint(n) < smallInts && float64(n) == f && !(n == 0 && math.Signbit(f)) {
		L.Push(intValues[n])
	} else {
		L.Push(lua.LNumber(f))
	}
	return 1
}

func mathFrexp(L *lua.LState) int {
	m, e := math.Frexp(Num(L, 1))
	L.Push(lua.LNumber(m))
	L.Push(lua.LNumber(e))
	return 2
}

func mathLdexp(L *lua.LState) int {
	m := Num(L, 1)
	L.Push(lua.LNumber(math.Ldexp(m, Int(L, 2))))
	return 1
}

// mathLog takes a base, as LuaJIT does.
func mathLog(L *lua.LState) int {
	x := Num(L, 1)
	if L.Get(2) == lua.LNil {
		L.Push(lua.LNumber(math.Log(x)))
		return 1
	}
	// LuaJIT goes through base 2 logarithms.
	L.Push(lua.LNumber(math.Log2(x) * (1 / math.Log2(Num(L, 2)))))
	return 1
}

func mathMax(L *lua.LState) int {
	m := Num(L, 1)
	for i, n := 2, L.GetTop(); i <= n; i++ {
		if x := Num(L, i); x > m || m != m {
			m = x
		}
	}
	L.Push(lua.LNumber(m))
	return 1
}

func mathMin(L *lua.LState) int {
	m := Num(L, 1)
	for i, n := 2, L.GetTop(); i <= n; i++ {
		if x := Num(L, i); x < m || m != m {
			m = x
		}
	}
	L.Push(lua.LNumber(m))
	return 1
}

func mathModf(L *lua.LState) int {
	x := Num(L, 1)
	if math.IsInf(x, 0) {
		L.Push(lua.LNumber(x))
		L.Push(intValues[0])
		return 2
	}
	i := math.Trunc(x)
	L.Push(lua.LNumber(i))
	L.Push(lua.LNumber(math.Copysign(x-i, x)))
	return 2
}

// random is LuaJIT's generator, so that a seed gives the sequence it gives there:
// four combined Tausworthe generators with period 2^223.
type random struct {
	u [4]uint64
}

// newRandom starts with the fixed seed that LuaJIT starts with.
func newRandom() *random {
	return &random{u: [4]uint64{0xa0d277570a345b8c, 0x764a296c5d4aa64f, 0x51220704070adeaa, 0x2a2717b5a7b7b927}}
}

func (r *random) step() uint64 {
	gen := func(i int, k, q, s uint) uint64 {
		z := r.u[i]
		z = ((z<<q)^z)>>(k-s) ^ (z&(^uint64(0)<<(64-k)))<<s
		r.u[i] = z
		return z
	}
	return gen(0, 63, 31, 18) ^ gen(1, 58, 19, 28) ^ gen(2, 55, 24, 7) ^ gen(3, 47, 21, 8)
}

func (r *random) seed(d float64) {
	consts := uint32(0x11090601)
	for i := range r.u {
		m := uint64(1) << (consts & 255)
		consts >>= 8
		p := float64(d * math.Pi)
		d = p + math.E
		u := math.Float64bits(d)
		if u < m {
			u += m
		}
		r.u[i] = u
	}
	for range 10 {
		r.step()
	}
}

// random is math.random.
func (r *random) random(L *lua.LState) int {
	d := math.Float64frombits(r.step()&0x000fffffffffffff|0x3ff0000000000000) - 1
	switch n := L.GetTop(); {
	case n >= 2:
		lo, hi := Num(L, 1), Num(L, 2)
		d = math.Floor(d*(hi-lo+1)) + lo
	case n == 1:
		hi := Num(L, 1)
		d = math.Floor(d*hi) + 1
	}
	L.Push(lua.LNumber(d))
	return 1
}

// randomseed is math.randomseed.
func (r *random) randomseed(L *lua.LState) int {
	r.seed(Num(L, 1))
	return 0
}
