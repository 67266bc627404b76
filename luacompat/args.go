package luacompat

import (
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// checkString is luaL_checklstring: a string, or a number as text.
func checkString(L *lua.LState, n int, fname string) string {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return numberText(v)
	}
	vm.ArgError(L, n, fname, "string expected, got "+typeName(L, n))
	return ""
}

// checkNumber is luaL_checknumber: a number, or a string that reads as one.
func checkNumber(L *lua.LState, n int, fname string) float64 {
	if f, ok := toNumber(L.Get(n)); ok {
		return f
	}
	vm.ArgError(L, n, fname, "number expected, got "+typeName(L, n))
	return 0
}

func checkTable(L *lua.LState, n int, fname string) *lua.LTable {
	if t, ok := L.Get(n).(*lua.LTable); ok {
		return t
	}
	vm.ArgError(L, n, fname, "table expected, got "+typeName(L, n))
	return nil
}

func checkBool(L *lua.LState, n int, fname string) bool {
	if b, ok := L.Get(n).(lua.LBool); ok {
		return bool(b)
	}
	vm.ArgError(L, n, fname, "boolean expected, got "+typeName(L, n))
	return false
}

func checkFunction(L *lua.LState, n int, fname string) *lua.LFunction {
	if f, ok := L.Get(n).(*lua.LFunction); ok {
		return f
	}
	vm.ArgError(L, n, fname, "function expected, got "+typeName(L, n))
	return nil
}

// typeName is luaL_typename: "no value" beyond the last argument.
func typeName(L *lua.LState, n int) string {
	if n > L.GetTop() {
		return "no value"
	}
	return valueType(L.Get(n))
}

func valueType(v lua.LValue) string {
	if t := v.Type(); t == lua.LTThread {
		return "thread"
	}
	return v.Type().String()
}

// toNumber is lua_tonumber with success told.
func toNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return parseNumber(string(v))
	}
	return 0, false
}

// parseNumber reads a Lua numeral.
func parseNumber(s string) (float64, bool) {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if s == "" {
		return 0, false
	}
	for i := 0; i < len(s); i++ { // Go reads 1_000 and 0b1, Lua does not
		if s[i] == '_' {
			return 0, false
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil || f != 0 {
		return f, true
	}
	sign, digits := 1.0, s
	if digits[0] == '-' || digits[0] == '+' {
		if digits[0] == '-' {
			sign = -1
		}
		digits = digits[1:]
	}
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		if u, err := strconv.ParseUint(digits[2:], 16, 64); err == nil {
			return sign * float64(u), true
		}
	}
	return 0, false
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// numberText is a number as LuaJIT prints it: %.14g, integers short.
func numberText(n lua.LNumber) string {
	return string(appendNumber(make([]byte, 0, 24), float64(n)))
}

// appendNumber appends a number as LuaJIT prints it.
func appendNumber(b []byte, f float64) []byte {
	if i := int64(f); float64(i) == f && i > -1e15 && i < 1e15 && (i != 0 || !math.Signbit(f)) {
		if i > -1e14 && i < 1e14 {
			return strconv.AppendInt(b, i, 10)
		}
	}
	switch {
	case math.IsNaN(f):
		if math.Signbit(f) {
			return append(b, "-nan"...)
		}
		return append(b, "nan"...)
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	}
	return appendG14(b, f)
}

// appendG14 is C's %.14g.
func appendG14(b []byte, f float64) []byte {
	var tmp [32]byte
	e := strconv.AppendFloat(tmp[:0], f, 'e', 13, 64)
	// d.ddddddddddddde±xx
	x := len(e) - 1
	for e[x] != 'e' {
		x--
	}
	exp, _ := strconv.Atoi(string(e[x+1:]))
	if exp < -4 || exp >= 14 {
		m := e[:x]
		for m[len(m)-1] == '0' {
			m = m[:len(m)-1]
		}
		if m[len(m)-1] == '.' {
			m = m[:len(m)-1]
		}
		b = append(b, m...)
		return append(b, e[x:]...)
	}
	n := len(b)
	b = strconv.AppendFloat(b, f, 'f', 13-exp, 64)
	for i := n; i < len(b); i++ {
		if b[i] == '.' {
			for b[len(b)-1] == '0' {
				b = b[:len(b)-1]
			}
			if b[len(b)-1] == '.' {
				b = b[:len(b)-1]
			}
			break
		}
	}
	return b
}

// text is a value as tostring gives it, for arguments that lua-resty-core
// passes through tostring.
func (w *Worker) text(L *lua.LState, v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return numberText(v)
	case lua.LBool:
		if v {
			return "true"
		}
		return "false"
	case *lua.LNilType:
		return "nil"
	}
	if v == w.null {
		return "userdata: NULL"
	}
	if L.GetMetaField(v, "__tostring") != lua.LNil {
		return L.ToStringMeta(v).String()
	}
	return v.String()
}

// looseText is text where nil and false give "": escape_uri, md5 and friends.
func (w *Worker) looseText(L *lua.LState, n int) string {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case *lua.LNilType:
		return ""
	case lua.LBool:
		if !v {
			return ""
		}
	}
	return w.text(L, L.Get(n))
}
