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
	shift := func(f func(x uint32, n uint) uint32, wide func(x uint64, n uint) uint64) lua.LGFunction {
		return func(L *lua.LState) int {
			if d, x, unsigned := int64Arg(L, 1); d != nil {
				L.Push(d.Make(wide(x, uint(toBit(L, 2)&63)), unsigned))
				return 1
			}
			x := toBit(L, 1)
			return pushBit(L, f(x, uint(toBit(L, 2)&31)))
		}
	}
	fold := func(f func(a, b uint32) uint32, wide func(a, b uint64) uint64) lua.LGFunction {
		return func(L *lua.LState) int {
			for i, n := 1, L.GetTop(); i <= n; i++ {
				if d, _, _ := int64Arg(L, i); d != nil {
					return foldWide(L, wide)
				}
			}
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
		{"bnot", func(L *lua.LState) int {
			if d, x, unsigned := int64Arg(L, 1); d != nil {
				L.Push(d.Make(^x, unsigned))
				return 1
			}
			return pushBit(L, ^toBit(L, 1))
		}},
		{"band", fold(func(a, b uint32) uint32 { return a & b }, func(a, b uint64) uint64 { return a & b })},
		{"bor", fold(func(a, b uint32) uint32 { return a | b }, func(a, b uint64) uint64 { return a | b })},
		{"bxor", fold(func(a, b uint32) uint32 { return a ^ b }, func(a, b uint64) uint64 { return a ^ b })},
		{"lshift", shift(func(x uint32, n uint) uint32 { return x << n }, func(x uint64, n uint) uint64 { return x << n })},
		{"rshift", shift(func(x uint32, n uint) uint32 { return x >> n }, func(x uint64, n uint) uint64 { return x >> n })},
		{"arshift", shift(func(x uint32, n uint) uint32 { return uint32(int32(x) >> n) },
			func(x uint64, n uint) uint64 { return uint64(int64(x) >> n) })},
		{"rol", shift(func(x uint32, n uint) uint32 { return bits.RotateLeft32(x, int(n)) },
			func(x uint64, n uint) uint64 { return bits.RotateLeft64(x, int(n)) })},
		{"ror", shift(func(x uint32, n uint) uint32 { return bits.RotateLeft32(x, -int(n)) },
			func(x uint64, n uint) uint64 { return bits.RotateLeft64(x, -int(n)) })},
		{"bswap", func(L *lua.LState) int {
			if d, x, unsigned := int64Arg(L, 1); d != nil {
				L.Push(d.Make(bits.ReverseBytes64(x), unsigned))
				return 1
			}
			return pushBit(L, bits.ReverseBytes32(toBit(L, 1)))
		}},
	}))
}

// foldWide is band, bor or bxor where an argument is a 64-bit integer.
func foldWide(L *lua.LState, f func(a, b uint64) uint64) int {
	var d Int64
	unsigned := false
	var x uint64
	for i, n := 1, L.GetTop(); i <= n; i++ {
		di, v, u := int64Arg(L, i)
		if di == nil {
			v = uint64(int64(Num(L, i)))
		} else {
			d, unsigned = di, unsigned || u
		}
		if i == 1 {
			x = v
		} else {
			x = f(x, v)
		}
	}
	L.Push(d.Make(x, unsigned))
	return 1
}

// toBit cuts a number to 32 bits, rounding halves to even.
func toBit(L *lua.LState, n int) uint32 {
	if d, x, _ := int64Arg(L, n); d != nil {
		return uint32(x)
	}
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
	n, x := 8, uint64(0)
	if d, v, _ := int64Arg(L, 1); d != nil {
		n, x = 16, v
	} else {
		x = uint64(toBit(L, 1))
	}
	most := n
	if L.Get(2) != lua.LNil {
		n = int(int32(toBit(L, 2)))
	}
	digits := "0123456789abcdef"
	if n < 0 {
		n = -n
		digits = "0123456789ABCDEF"
	}
	n = min(n, most)
	b := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		b[i] = digits[x&15]
		x >>= 4
	}
	L.Push(StringValue(string(b)))
	return 1
}
