package stdlib

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
)

// ArgError raises "bad argument #n to 'f' (msg)"; the error hook finds f.
func ArgError(L *lua.LState, n int, msg string) int {
	L.RaiseError("bad argument #%d to '?' (%s)", n, msg)
	return 0
}

// TypeError raises "bad argument #n to 'f' (want expected, got type)".
func TypeError(L *lua.LState, n int, want string) int {
	got := "no value"
	if n <= L.GetTop() {
		got = L.Get(n).Type().String()
		if ud, ok := L.Get(n).(*lua.LUserData); ok {
			if _, ok := ud.Value.(CData); ok {
				got = "cdata"
			}
		}
	}
	return ArgError(L, n, want+" expected, got "+got)
}

// Any is an argument that must be there.
func Any(L *lua.LState, n int) lua.LValue {
	if n > L.GetTop() {
		ArgError(L, n, "value expected")
	}
	return L.Get(n)
}

// Tab is a table argument.
func Tab(L *lua.LState, n int) *lua.LTable {
	t, ok := L.Get(n).(*lua.LTable)
	if !ok {
		TypeError(L, n, "table")
	}
	return t
}

// Fn is a function argument.
func Fn(L *lua.LState, n int) *lua.LFunction {
	f, ok := L.Get(n).(*lua.LFunction)
	if !ok {
		TypeError(L, n, "function")
	}
	return f
}

// Work tells whoever counts the instructions of L that a Go function is to make
// n bytes, or, with 0, has been at work for long. It does not return when that
// is too much.
func Work(L *lua.LState, n int) {
	if w, ok := L.Context().(interface {
		Work(L *lua.LState, n int)
	}); ok {
		w.Work(L, n)
	}
}

// Str is a string argument; numbers are converted.
func Str(L *lua.LState, n int) string {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return NumberString(float64(v))
	}
	TypeError(L, n, "string")
	return ""
}

// OptStr is Str for an argument that may be missing.
func OptStr(L *lua.LState, n int, def string) string {
	if L.Get(n) == lua.LNil {
		return def
	}
	return Str(L, n)
}

// Num is a number argument; strings are converted.
func Num(L *lua.LState, n int) float64 {
	switch v := L.Get(n).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if f, ok := repair.ParseNumber(string(v)); ok {
			return f
		}
	}
	TypeError(L, n, "number")
	return 0
}

// Int is a number argument cut to an integer as LuaJIT cuts to 32 bits: what
// does not fit becomes the smallest one.
func Int(L *lua.LState, n int) int {
	return ToInt(Num(L, n))
}

// ToInt is the conversion of Int.
func ToInt(f float64) int {
	if f >= math.MinInt32 && f <= math.MaxInt32 {
		return int(f)
	}
	return math.MinInt32
}

// OptInt is Int for an argument that may be missing.
func OptInt(L *lua.LState, n, def int) int {
	if L.Get(n) == lua.LNil {
		return def
	}
	return Int(L, n)
}
