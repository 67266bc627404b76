package repair

import (
	"fmt"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func run(t *testing.T, src string) (lua.LValue, error) {
	t.Helper()
	lua.CompatVarArg = false
	concat := &lua.LFunction{IsG: true, GFunction: func(L *lua.LState) int {
		s := ""
		for i := 1; i <= L.GetTop(); i++ {
			s += lua.LVAsString(L.Get(i))
		}
		L.Push(lua.LString(s))
		return 1
	}}
	del := &lua.LFunction{IsG: true, GFunction: func(L *lua.LState) int {
		L.SetTable(L.Get(1), L.Get(2), lua.LNil)
		return 0
	}}
	p, err := Compile(src, "=test", map[string]*lua.LFunction{HelperConcat: concat, HelperDelete: del})
	if err != nil {
		return nil, err
	}
	L := lua.NewState()
	defer L.Close()
	L.Push(L.NewFunctionFromProto(p))
	if err := L.PCall(0, 1, nil); err != nil {
		return nil, err
	}
	return L.Get(-1), nil
}

func TestRepairedConstructs(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"swap", "local a,b = 1,2 a,b = b,a return a..b", "21"},
		{"swap fields", "local t = {1,2} local i,j = 1,2 t[i],t[j] = t[j],t[i] return t[1]..t[2]", "21"},
		{"target read before", "local i, t = 1, {} i, t[i] = i+1, 20 return i .. t[1]", "220"},
		{"assigned right to left", "local t = {} t[1], t[1] = 1, 2 return t[1]", "1"},
		{"and into a local", "local function f() return false end local x, r = 5 r = f() and x return r == false", "true"},
		{"or and", "local b, c, z = nil, 1, 7 z = (b or c) and z return z", "7"},
		{"truncated call into the last parameter", "local function f(a) a = (math.abs(a)) return a end return f(-3)", "3"},
		{"truncated dots", "local function f(...) local a, b = 1, 2 a = (...) return a .. b end return f(9, 8)", "92"},
		{"function sees the outer name", "local x = 1 local x = function() return x end return x()", "1"},
		{"goto keeps upvalues open", "local n = 0 local inc = function() n = n + 1 end for i = 1, 3 do if i == 2 then goto cont end inc() ::cont:: end return n", "2"},
		{"break closes inner locals", "local f = {} for i = 1, 3 do do local x = i f[i] = function() return x end if x == 2 then break end end end local y = 99 return f[1]() .. f[2]()", "12"},
		{"generic for without call", "local s = 0 for k, v in next, {5, 6} do s = s + v end return s", "11"},
		{"for bound from a string", "local n, s = '3', 0 for i = 1, n do s = s + i end return s", "6"},
		{"delete", "local t, k = {a = 1}, 'a' t[k] = nil return t.a == nil", "true"},
		{"numbers", "return 0x10 + 010 + 1e1 + 0x.8p1 + 5LL", "42"},
		{"escapes", `return '\x41\z
		   \065\u{42}'`, "AAB"},
		{"goto as a name", "local goto = 3 return goto", "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := run(t, c.src)
			if err != nil {
				t.Fatal(err)
			}
			if v.String() != c.want {
				t.Errorf("got %v, want %s", v, c.want)
			}
		})
	}
}

func TestManyPositionalItems(t *testing.T) {
	src := "local t = {"
	for i := 1; i <= 50; i++ {
		src += "7, "
	}
	src += "x = math.pi, y = 2} return t[1] + t[50] + #t"
	if v, err := run(t, src); err != nil || v.String() != "64" {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestDataTableIsSplit(t *testing.T) {
	src := "local t = {"
	for i := 1; i <= 1000; i++ {
		src += fmt.Sprintf("{id = %d, 'n%d'}, ['k%d'] = %d, ", i, i, i, i)
	}
	src += "dup = 1, dup = 2} local n = 0 for _ in pairs(t) do n = n + 1 end return #t .. t[7].id .. t[1000][1] .. t.k500 .. t.dup .. n"
	if v, err := run(t, src); err != nil || v.String() != "10007n100050022001" {
		t.Errorf("got %v, %v", v, err)
	}
}
