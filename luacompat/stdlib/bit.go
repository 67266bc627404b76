package stdlib

import (
	"math"
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

// openBit registers BitOp.
//
// See: https://bitop.luajit.org/api.html
func openBit(L *lua.LState) {
	shift := func(f func(x uint32, n uint) uint32) lua.LGFunction {
		return func(L *lua.LState) int {
			x := toBit(L, 1)
			return pushBit(L, f(x, uint(toBit(L, 2)&31)))
		}
	}
	fold := func(f func(a, b uint32) uint32) lua.LGFunction {
		return func(L *lua.LState) int {
			x := toBit(L, 1)
			for i, n := 2, L.GetTop(); i <= n; i++ {
				x = f(x, toBit(L, i))
			}
			return pushBit(L, x)
		}
	}
	Register(L, "bit", Table(L, []Func{
		{"tobit", func(L *lua.LState) int { return pushBit(L, toBit(L, 1)) }},
		{"tohex", bitTohex},
		{"bnot", func(L *lua.LState) int { return pushBit(L, ^toBit(L, 1)) }},
		{"band", fold(func(a, b uint32) uint32 { return a & b })},
		{"bor", fold(func(a, b uint32) uint32 { return a | b })},
		{"bxor", fold(func(a, b uint32) uint32 { return a ^ b })},
		{"lshift", shift(func(x uint32, n uint) uint32 { return x << n })},
		{"rshift", shift(func(x uint32, n uint) uint32 { return x >> n })},
		{"arshift", shift(func(x uint32, n uint) uint32 { return uint32(int32(x) >> n) })},
		{"rol", shift(func(x uint32, n uint) uint32 { return bits.RotateLeft32(x, int(n)) })},
		{"ror", shift(func(x uint32, n uint) uint32 { return bits.RotateLeft32(x, -int(n)) })},
		{"bswap", func(L *lua.LState) int { return pushBit(L, bits.ReverseBytes32(toBit(L, 1))) }},
	}))
}

// toBit cuts a number to 32 bits, rounding halves to even.
func toBit(L *lua.LState, n int) uint32 {
	f := Num(L, n)
	if f >= math.MinInt32 && f <= math.MaxInt32 && f == math.Trunc(f) {
		return uint32(int32(f))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	// BitOp adds 2^52+2^51 and takes the low bits of the mantissa.
	return uint32(math.Float64bits(f + 6755399441055744))
}

func pushBit(L *lua.LState, x uint32) int {
	if x < smallInts {
		L.Push(intValues[x])
	} else {
		L.Push(lua.LNumber(int32(x)))
	}
	return 1
}

func bitTohex(L *lua.LState) int {
	x := toBit(L, 1)
	n := 8
	if L.Get(2) != lua.LNil {
		n = int(int32(toBit(L, 2)))
	}
	digits := "0123456789abcdef"
	if n < 0 {
		n = -n
		digits = "0123456789ABCDEF"
	}
	n = min(n, 8)
	b := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		b[i] = digits[x&15]
		x >>= 4
	}
	L.Push(StringValue(string(b)))
	return 1
}
