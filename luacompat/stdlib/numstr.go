package stdlib

import (
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

const smallInts = 1024

// Boxed values that need no allocation.
var (
	intStrings = func() (t [smallInts]string) {
		for i := range t {
			t[i] = strconv.Itoa(i)
		}
		return t
	}()
	intStringValues = func() (t [smallInts]lua.LValue) {
		for i := range t {
			t[i] = lua.LString(intStrings[i])
		}
		return t
	}()
	intValues = func() (t [smallInts]lua.LValue) {
		for i := range t {
			t[i] = lua.LNumber(i)
		}
		return t
	}()
	byteValues = func() (t [256]lua.LValue) {
		for i := range t {
			t[i] = lua.LString(string([]byte{byte(i)}))
		}
		return t
	}()
	emptyString = lua.LValue(lua.LString(""))
)

// IntValue is an integer as a Lua value, without allocation when it is small.
func IntValue(n int) lua.LValue {
	if uint(n) < smallInts {
		return intValues[n]
	}
	return lua.LNumber(n)
}

// StringValue is a string as a Lua value, without allocation for the shortest.
func StringValue(s string) lua.LValue {
	switch len(s) {
	case 0:
		return emptyString
	case 1:
		return byteValues[s[0]]
	}
	return lua.LString(s)
}

// NumberString writes a number as tostring does: %.14g.
func NumberString(v float64) string {
	if v == math.Trunc(v) && v < 1e14 && v > -1e14 {
		n := int64(v)
		if n >= 0 && n < smallInts && !(n == 0 && math.Signbit(v)) {
			return intStrings[n]
		}
	}
	var b [32]byte
	return string(AppendNumber(b[:0], v))
}

// AppendNumber appends what NumberString returns.
func AppendNumber(b []byte, v float64) []byte {
	if v == math.Trunc(v) && v < 1e14 && v > -1e14 {
		if v == 0 && math.Signbit(v) {
			return append(b, "-0"...)
		}
		return strconv.AppendInt(b, int64(v), 10)
	}
	switch {
	case math.IsNaN(v):
		return append(b, "nan"...)
	case math.IsInf(v, 1):
		return append(b, "inf"...)
	case math.IsInf(v, -1):
		return append(b, "-inf"...)
	}
	if at := len(b); true {
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
		if len(b)-at <= 14 && v < 1e14 && v > -1e14 && (v > 1e-4 || v < -1e-4) {
			return b // at most 14 digits, no exponent
		}
		b = b[:at]
	}
	if v < 0 {
		b, v = append(b, '-'), -v
	}
	return append(b, formatGeneral(v, 14, false)...)
}

// stringOf is the string of a string or number.
func stringOf(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return NumberString(float64(v)), true
	}
	return "", false
}

// ToString is tostring: it calls __tostring.
func ToString(L *lua.LState, v lua.LValue) lua.LValue {
	switch x := v.(type) {
	case lua.LString:
		return v
	case lua.LNumber:
		if n := int(x); uint(n) < smallInts && lua.LNumber(n) == x && !(n == 0 && math.Signbit(float64(x))) {
			return intStringValues[n]
		}
		return lua.LString(NumberString(float64(x)))
	case lua.LBool, *lua.LNilType:
		return lua.LString(v.String())
	}
	if fn, ok := L.GetMetaField(v, "__tostring").(*lua.LFunction); ok {
		return call1(L, fn, v)
	}
	if ud, ok := v.(*lua.LUserData); ok && ud.Value == nil {
		return lua.LString("userdata: NULL") // ngx.null
	}
	if fn, ok := v.(*lua.LFunction); ok && fn.IsG {
		return lua.LString("function: builtin: " + fn.String()[len("function: "):])
	}
	return lua.LString(v.String())
}

// call1 calls fn with arguments for one result.
func call1(L *lua.LState, fn lua.LValue, args ...lua.LValue) lua.LValue {
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	L.Call(len(args), 1)
	ret := L.Get(-1)
	L.Pop(1)
	return ret
}
