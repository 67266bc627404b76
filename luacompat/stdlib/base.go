package stdlib

import (
	"bufio"
	"math"
	"os"
	"runtime"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
)

// baseFuncs are the basic functions that need no VM.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.1
var baseFuncs = []Func{
	{"assert", baseAssert},
	{"collectgarbage", baseCollectgarbage},
	{"gcinfo", baseGcinfo},
	{"getmetatable", baseGetmetatable},
	{"newproxy", baseNewproxy},
	{"print", basePrint},
	{"rawequal", baseRawequal},
	{"rawget", baseRawget},
	{"rawset", baseRawset},
	{"rawlen", baseRawlen},
	{"select", baseSelect},
	{"setmetatable", baseSetmetatable},
	{"tonumber", baseTonumber},
	{"tostring", baseTostring},
	{"type", baseType},
	{"unpack", baseUnpack},
}

func baseAssert(L *lua.LState) int {
	v := Any(L, 1)
	if lua.LVAsBool(v) {
		return L.GetTop()
	}
	if L.GetTop() < 2 {
		L.RaiseError("assertion failed!")
	}
	// LuaJIT puts the position of the caller before a string.
	if s, ok := stringOf(L.Get(2)); ok {
		L.RaiseError("%s", s)
	}
	L.Error(L.Get(2), 0)
	return 0
}

// Bare is a value raised as it stands; the error hook takes it out.
type Bare struct {
	Value lua.LValue
}

// String and Type make Bare a Lua value.
func (b *Bare) String() string       { return b.Value.String() }
func (b *Bare) Type() lua.LValueType { return lua.LTUserData }

func baseCollectgarbage(L *lua.LState) int {
	opt := OptStr(L, 1, "collect")
	switch opt {
	case "collect":
		runtime.GC()
		L.Push(intValues[0])
	case "stop", "restart":
		L.Push(intValues[0])
	case "count":
		L.Push(lua.LNumber(heapKB()))
	case "step":
		L.Push(lua.LTrue)
	case "setpause", "setstepmul":
		L.Push(intValues[200])
	case "isrunning":
		L.Push(lua.LTrue)
	default:
		return ArgError(L, 1, "invalid option '"+opt+"'")
	}
	return 1
}

func baseGcinfo(L *lua.LState) int {
	L.Push(lua.LNumber(math.Floor(heapKB())))
	return 1
}

// heapKB is the size of the process's heap: VMs share one.
func heapKB() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1024
}

func baseGetmetatable(L *lua.LState) int {
	L.Push(L.GetMetatable(Any(L, 1)))
	return 1
}

func baseSetmetatable(L *lua.LState) int {
	t := Tab(L, 1)
	mt := L.Get(2)
	if _, ok := mt.(*lua.LTable); !ok && (mt != lua.LNil || L.GetTop() < 2) {
		return ArgError(L, 2, "nil or table expected")
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	t.Metatable = mt
	L.Push(t)
	return 1
}

func baseNewproxy(L *lua.LState) int {
	ud := L.NewUserData()
	switch v := L.Get(1).(type) {
	case lua.LBool:
		if v {
			ud.Metatable = L.CreateTable(0, 2)
		}
	case *lua.LUserData:
		ud.Metatable = v.Metatable
	case *lua.LNilType:
	default:
		return ArgError(L, 1, "boolean or proxy expected")
	}
	L.Push(ud)
	return 1
}

func basePrint(L *lua.LState) int {
	w := bufio.NewWriter(os.Stdout)
	for i, n := 1, L.GetTop(); i <= n; i++ {
		if i > 1 {
			w.WriteByte('\t')
		}
		s, ok := stringOf(ToString(L, L.Get(i)))
		if !ok {
			L.RaiseError("'tostring' must return a string to 'print'")
		}
		w.WriteString(s)
	}
	w.WriteByte('\n')
	w.Flush()
	return 0
}

func baseRawequal(L *lua.LState) int {
	a, b := Any(L, 1), Any(L, 2)
	L.Push(lua.LBool(L.RawEqual(a, b)))
	return 1
}

func baseRawget(L *lua.LState) int {
	t := Tab(L, 1)
	L.Push(t.RawGet(Any(L, 2)))
	return 1
}

func baseRawset(L *lua.LState) int {
	t := Tab(L, 1)
	k, v := Any(L, 2), Any(L, 3)
	checkKey(L, k)
	t.RawSet(k, v)
	L.Push(t)
	return 1
}

// checkKey refuses what is no table key.
func checkKey(L *lua.LState, k lua.LValue) {
	switch k := k.(type) {
	case *lua.LNilType:
		L.RaiseError("table index is nil")
	case lua.LNumber:
		if k != k {
			L.RaiseError("table index is NaN")
		}
	}
}

func baseRawlen(L *lua.LState) int {
	switch v := L.Get(1).(type) {
	case *lua.LTable:
		L.Push(IntValue(v.Len()))
	case lua.LString:
		L.Push(IntValue(len(v)))
	default:
		return ArgError(L, 1, "table or string expected")
	}
	return 1
}

func baseSelect(L *lua.LState) int {
	n := L.GetTop()
	if s, ok := L.Get(1).(lua.LString); ok && strings.HasPrefix(string(s), "#") {
		L.Push(IntValue(n - 1))
		return 1
	}
	i := Int(L, 1)
	switch {
	case i < 0:
		i = n + i
	case i > n:
		i = n
	}
	if i <= 0 {
		return ArgError(L, 1, "index out of range")
	}
	return n - i
}

func baseTonumber(L *lua.LState) int {
	base := OptInt(L, 2, 10)
	if base == 10 {
		switch v := Any(L, 1).(type) {
		case lua.LNumber:
			L.Push(v)
			return 1
		case lua.LString:
			if f, ok := repair.ParseNumber(string(v)); ok {
				if n := int(f); f == float64(n) && !(n == 0 && math.Signbit(f)) {
					L.Push(IntValue(n))
				} else {
					L.Push(lua.LNumber(f))
				}
				return 1
			}
		case *lua.LUserData:
			if d, ok := v.Value.(Int64); ok {
				if f, ok := d.Number(); ok {
					L.Push(lua.LNumber(f))
					return 1
				}
			}
		}
		L.Push(lua.LNil)
		return 1
	}
	if base < 2 || base > 36 {
		return ArgError(L, 2, "base out of range")
	}
	s := Str(L, 1)
	if f, ok := ParseBase(s, base); ok {
		L.Push(lua.LNumber(f))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// ParseBase reads an integer of another base, as strtoul does.
func ParseBase(s string, base int) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	if s == "" {
		return 0, false
	}
	v := 0.0
	for i := 0; i < len(s); i++ {
		d := 99
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			d = int(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			d = int(c|0x20-'a') + 10
		}
		if d >= base {
			return 0, false
		}
		v = v*float64(base) + float64(d)
	}
	if neg {
		v = -v
	}
	return v, true
}

func baseTostring(L *lua.LState) int {
	L.Push(ToString(L, Any(L, 1)))
	return 1
}

var typeValues = func() (t [9]lua.LValue) {
	for i := range t {
		t[i] = lua.LString(lua.LValueType(i).String())
	}
	return t
}()

func baseType(L *lua.LState) int {
	if L.GetTop() < 1 {
		return ArgError(L, 1, "value expected")
	}
	v := L.Get(1)
	if ud, ok := v.(*lua.LUserData); ok {
		if _, ok := ud.Value.(CData); ok {
			L.Push(cdataName)
			return 1
		}
	}
	L.Push(typeValues[v.Type()])
	return 1
}

// CData marks the values of userdata that scripts know as LuaJIT's cdata:
// type() calls them so.
type CData interface{ CData() }

// Int64 is C data that may be a number: tonumber and the bit library take it.
type Int64 interface {
	CData
	// Number is the value of a number of any type.
	Number() (v float64, ok bool)
	// Bits is the value of a 64-bit integer.
	Bits() (v uint64, unsigned, ok bool)
	// Make is a 64-bit integer for Lua.
	Make(v uint64, unsigned bool) lua.LValue
}

// int64Arg is argument n where it is a 64-bit integer.
func int64Arg(L *lua.LState, n int) (d Int64, v uint64, unsigned bool) {
	if ud, ok := L.Get(n).(*lua.LUserData); ok {
		if d, ok := ud.Value.(Int64); ok {
			if v, unsigned, ok := d.Bits(); ok {
				return d, v, unsigned
			}
		}
	}
	return nil, 0, false
}

var cdataName lua.LValue = lua.LString("cdata")

// maxUnpack is how many values LuaJIT's stack takes.
const maxUnpack = 7997

func baseUnpack(L *lua.LState) int {
	t := Tab(L, 1)
	from := OptInt(L, 2, 1)
	to := 0
	if L.Get(3) == lua.LNil {
		to = t.Len()
	} else {
		to = Int(L, 3)
	}
	if from > to {
		return 0
	}
	if to-from+1 > maxUnpack {
		L.RaiseError("too many results to unpack")
	}
	for i := from; i <= to; i++ {
		L.Push(rawGetInt(t, i))
	}
	return to - from + 1
}
