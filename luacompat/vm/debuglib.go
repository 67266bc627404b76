package vm

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
	"huidu/luacompat/stdlib"
)

// openDebug registers the debug library. Hooks are accepted and never called.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.9
func (v *VM) openDebug() {
	L := v.root
	t := L.CreateTable(0, 16)
	for name, fn := range map[string]lua.LGFunction{
		"getfenv":      v.baseGetfenv,
		"gethook":      func(*lua.LState) int { return 0 },
		"getinfo":      v.debugGetinfo,
		"getlocal":     v.debugGetlocal,
		"getmetatable": debugGetmetatable,
		"getregistry":  func(L *lua.LState) int { L.Push(L.G.Registry); return 1 },
		"getupvalue":   debugGetupvalue,
		"setfenv":      v.baseSetfenv,
		"sethook":      func(*lua.LState) int { return 0 },
		"setmetatable": debugSetmetatable,
		"setupvalue":   debugSetupvalue,
		"setlocal":     v.debugSetlocal,
		"traceback":    v.debugTraceback,
		"upvaluejoin":  debugUpvaluejoin,
		"upvalueid":    debugUpvalueid,
	} {
		t.RawSetString(name, L.NewFunction(fn))
	}
	stdlib.Register(L, "debug", t)
}

// framesOf collects the frames of L, or of a coroutine that Lua code names by
// its thread object.
func (v *VM) framesOf(L *lua.LState, th *lua.LState) []frame {
	var frames []frame
	add := func(f frame) bool {
		frames = append(frames, f)
		return true
	}
	if th == nil {
		v.walk(L, add)
		return frames
	}
	c := v.coroOf(th)
	t := v.cur
	switch {
	case c == nil:
	case c.status == dead:
		return c.last
	case c == t.co || c == t.id && t.co == nil:
		v.walk(L, add)
	case c.status == suspended && c.L != nil:
		savedTh := t.th
		t.th = c.th
		v.walk(c.L, add)
		t.th = savedTh
	}
	return frames
}

// threadArg takes an optional thread as first argument.
func threadArg(L *lua.LState) (*lua.LState, int) {
	if th, ok := L.Get(1).(*lua.LState); ok {
		return th, 1
	}
	return nil, 0
}

func (v *VM) debugTraceback(L *lua.LState) int {
	th, arg := threadArg(L)
	msg := L.Get(arg + 1)
	text, isString := "", false
	switch m := msg.(type) {
	case lua.LString:
		text, isString = string(m), true
	case lua.LNumber:
		text, isString = stdlib.NumberString(float64(m)), true
	case *lua.LNilType:
	default:
		L.Push(msg)
		return 1
	}
	if msg == lua.LNil && L.GetTop() > arg {
		L.Push(lua.LNil)
		return 1
	}
	def := 1
	if th != nil {
		def = 0
	}
	level := stdlib.OptInt(L, arg+2, def)
	var buf []byte
	if isString {
		buf = append(append(buf, text...), '\n')
	}
	buf = append(buf, "stack traceback:"...)
	if c := v.coroOf(th); c != nil && c.status == dead && level <= 0 {
		buf = postMortem(buf, c.last)
	} else {
		buf = traceback(buf, v.framesOf(L, th), max(level, 0))
	}
	L.Push(lua.LString(buf))
	return 1
}

func (v *VM) debugGetinfo(L *lua.LState) int {
	th, arg := threadArg(L)
	what := stdlib.OptStr(L, arg+2, "flnSu")
	var f, caller frame
	level := false
	switch x := L.Get(arg + 1).(type) {
	case *lua.LFunction:
		f = frame{fn: x, pc: -1}
	default:
		n := stdlib.Int(L, arg+1)
		frames := v.framesOf(L, th)
		if n < 0 || n >= len(frames) {
			L.Push(lua.LNil)
			return 1
		}
		f, level = frames[n], true
		if n+1 < len(frames) {
			caller = frames[n+1]
		}
	}
	t := L.CreateTable(0, 12)
	str := func(k, s string) { t.RawSetString(k, lua.LString(s)) }
	num := func(k string, n int) { t.RawSetString(k, lua.LNumber(n)) }
	for _, c := range what {
		switch c {
		case 'S':
			v.infoSource(f, str, num)
		case 'l':
			line := -1
			if level {
				line = f.line()
			}
			num("currentline", line)
		case 'u':
			num("nups", len(f.fn.Upvalues))
			if f.fn.IsG {
				num("nparams", 0)
				t.RawSetString("isvararg", lua.LTrue)
			} else {
				num("nparams", int(f.fn.Proto.NumParameters))
				t.RawSetString("isvararg", lua.LBool(f.fn.Proto.IsVarArg != 0))
			}
		case 'n':
			kind, name := callee(caller)
			str("namewhat", kind)
			if name != "" {
				str("name", name)
			}
		case 'f':
			t.RawSetString("func", f.fn)
		case 'L':
			if !f.fn.IsG {
				lines := L.CreateTable(0, 8)
				for _, l := range f.fn.Proto.DbgSourcePositions {
					lines.RawSet(lua.LNumber(l), lua.LTrue)
				}
				t.RawSetString("activelines", lines)
			}
		default:
			return stdlib.ArgError(L, arg+2, "invalid option")
		}
	}
	L.Push(t)
	return 1
}

func (v *VM) infoSource(f frame, str func(k, s string), num func(k string, n int)) {
	if f.fn.IsG {
		str("source", "=[C]")
		str("short_src", "[C]")
		str("what", "C")
		num("linedefined", -1)
		num("lastlinedefined", -1)
		return
	}
	p := f.fn.Proto
	str("source", repair.Source(p))
	str("short_src", p.SourceName)
	if p.LineDefined == 0 {
		str("what", "main")
	} else {
		str("what", "Lua")
	}
	num("linedefined", p.LineDefined)
	num("lastlinedefined", p.LastLineDefined)
}

// debugGetlocal gives the parameters of functions, and the values of frames as
// far as gopher-lua's debug information goes.
func (v *VM) debugGetlocal(L *lua.LState) int {
	if _, ok := L.Get(1).(*lua.LState); ok {
		L.Remove(1)
	}
	n := stdlib.Int(L, 2)
	if fn, ok := L.Get(1).(*lua.LFunction); ok {
		if fn.IsG || n < 1 || n > int(fn.Proto.NumParameters) {
			L.Push(lua.LNil)
		} else {
			L.Push(lua.LString(fn.Proto.DbgLocals[n-1].Name))
		}
		return 1
	}
	dbg, ok := L.GetStack(stdlib.Int(L, 1))
	if !ok {
		return stdlib.ArgError(L, 1, "level out of range")
	}
	name, val := L.GetLocal(dbg, n)
	if name == "" {
		L.Push(lua.LNil)
		return 1
	}
	if val == nil {
		val = lua.LNil
	}
	L.Push(lua.LString(name))
	L.Push(val)
	return 2
}

func (v *VM) debugSetlocal(L *lua.LState) int {
	dbg, ok := L.GetStack(stdlib.Int(L, 1))
	if !ok {
		return stdlib.ArgError(L, 1, "level out of range")
	}
	if name := L.SetLocal(dbg, stdlib.Int(L, 2), stdlib.Any(L, 3)); name != "" {
		L.Push(lua.LString(name))
		return 1
	}
	L.Push(lua.LNil)
	return 1
}

// debugUpvaluejoin makes an upvalue of one closure refer to that of another.
func debugUpvaluejoin(L *lua.LState) int {
	to, n := stdlib.Fn(L, 1), stdlib.Int(L, 2)
	from, m := stdlib.Fn(L, 3), stdlib.Int(L, 4)
	if n < 1 || n > len(to.Upvalues) {
		return stdlib.ArgError(L, 2, "invalid upvalue index")
	}
	if m < 1 || m > len(from.Upvalues) {
		return stdlib.ArgError(L, 4, "invalid upvalue index")
	}
	to.Upvalues[n-1] = from.Upvalues[m-1]
	return 0
}

func debugGetmetatable(L *lua.LState) int {
	switch x := stdlib.Any(L, 1).(type) {
	case *lua.LTable:
		L.Push(x.Metatable)
	case *lua.LUserData:
		L.Push(x.Metatable)
	default:
		L.Push(L.GetMetatable(x))
	}
	return 1
}

func debugSetmetatable(L *lua.LState) int {
	mt := L.Get(2)
	if _, ok := mt.(*lua.LTable); !ok && mt != lua.LNil {
		return stdlib.ArgError(L, 2, "nil or table expected")
	}
	L.SetMetatable(L.Get(1), mt)
	L.SetTop(1)
	return 1
}

func debugGetupvalue(L *lua.LState) int {
	fn, n := stdlib.Fn(L, 1), stdlib.Int(L, 2)
	if n < 1 || n > len(fn.Upvalues) {
		return 0
	}
	name := ""
	if !fn.IsG {
		name = fn.Proto.DbgUpvalues[n-1]
	}
	L.Push(lua.LString(name))
	L.Push(fn.Upvalues[n-1].Value())
	return 2
}

func debugSetupvalue(L *lua.LState) int {
	fn, n := stdlib.Fn(L, 1), stdlib.Int(L, 2)
	stdlib.Any(L, 3)
	if fn.IsG || n < 1 || n > len(fn.Upvalues) {
		return 0
	}
	fn.Upvalues[n-1].SetValue(L.Get(3))
	L.Push(lua.LString(fn.Proto.DbgUpvalues[n-1]))
	return 1
}

// debugUpvalueid gives an identity of an upvalue: equal for shared ones.
func debugUpvalueid(L *lua.LState) int {
	fn, n := stdlib.Fn(L, 1), stdlib.Int(L, 2)
	if n < 1 || n > len(fn.Upvalues) {
		return stdlib.ArgError(L, 2, "invalid upvalue index")
	}
	L.Push(lua.LString(strings.TrimPrefix(fmt.Sprintf("%p", fn.Upvalues[n-1]), "0x")))
	return 1
}
