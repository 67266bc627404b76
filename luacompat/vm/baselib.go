package vm

import (
	"os"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
	"huidu/luacompat/stdlib"
)

// openBase registers the basic functions that need the VM.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.1
func (v *VM) openBase() {
	L := v.root
	for name, fn := range map[string]lua.LGFunction{
		"dofile":     v.baseDofile,
		"error":      v.baseError,
		"getfenv":    v.baseGetfenv,
		"load":       v.baseLoad,
		"loadfile":   v.baseLoadfile,
		"loadstring": v.baseLoad,
		"pcall":      v.basePcall,
		"setfenv":    v.baseSetfenv,
		"xpcall":     v.baseXpcall,
	} {
		L.G.Global.RawSetString(name, L.NewFunction(fn))
	}
}

// closure makes a function of a compiled chunk with an environment.
func (v *VM) closure(p *lua.FunctionProto, env lua.LValue) *lua.LFunction {
	fn := v.root.NewFunctionFromProto(p)
	if t, ok := env.(*lua.LTable); ok {
		fn.Env = t
	}
	return fn
}

// loadChunk pushes the compiled chunk, or nil and the error.
func (v *VM) loadChunk(L *lua.LState, src, chunkname, mode string, env lua.LValue) int {
	fail := func(msg string) int {
		L.Push(lua.LNil)
		L.Push(lua.LString(msg))
		return 2
	}
	if strings.HasPrefix(src, "\x1b") {
		if mode != "" && !strings.Contains(mode, "b") {
			return fail("attempt to load chunk with wrong mode")
		}
		name := repair.ShortSource(chunkname)
		if chunkname == src {
			name = "(binary)"
		}
		return fail(name + ": cannot load incompatible bytecode")
	}
	if mode != "" && !strings.Contains(mode, "t") {
		return fail("attempt to load chunk with wrong mode")
	}
	p, err := v.Compile([]byte(src), chunkname)
	if err != nil {
		return fail(err.Error())
	}
	L.Push(v.closure(p, env))
	return 1
}

// baseLoad is load and loadstring: a string, or a function that gives pieces.
func (v *VM) baseLoad(L *lua.LState) int {
	mode := stdlib.OptStr(L, 3, "")
	var env lua.LValue
	if L.GetTop() >= 4 {
		env = stdlib.Tab(L, 4)
	}
	switch x := L.Get(1).(type) {
	case lua.LString, lua.LNumber:
		src := x.String()
		return v.loadChunk(L, src, stdlib.OptStr(L, 2, src), mode, env)
	case *lua.LFunction:
		var b strings.Builder
		for {
			pieces, err := v.PCall(L, x)
			if err != nil {
				return loadFailed(L, err.(*Error).Value)
			}
			if len(pieces) == 0 || pieces[0] == lua.LNil {
				break
			}
			s, ok := pieces[0].(lua.LString)
			if !ok {
				return loadFailed(L, lua.LString("reader function must return a string"))
			}
			if s == "" {
				break
			}
			b.WriteString(string(s))
		}
		return v.loadChunk(L, b.String(), stdlib.OptStr(L, 2, "=(load)"), mode, env)
	}
	return stdlib.TypeError(L, 1, "function")
}

// loadFailed is what load returns when its reader fails.
func loadFailed(L *lua.LState, e lua.LValue) int {
	L.Push(lua.LNil)
	L.Push(e)
	return 2
}

func (v *VM) readFile(name string) ([]byte, error) {
	if v.opts.ReadFile != nil {
		return v.opts.ReadFile(name)
	}
	return os.ReadFile(name)
}

func (v *VM) baseLoadfile(L *lua.LState) int {
	name := stdlib.OptStr(L, 1, "")
	mode := stdlib.OptStr(L, 2, "")
	var env lua.LValue
	if L.GetTop() >= 3 {
		env = stdlib.Tab(L, 3)
	}
	src, err := v.readFile(name)
	if err != nil {
		L.Push(lua.LNil)
		msg, _ := stdlib.ErrnoText(err)
		L.Push(lua.LString("cannot open " + name + ": " + msg))
		return 2
	}
	return v.loadChunk(L, string(src), "@"+name, mode, env)
}

func (v *VM) baseDofile(L *lua.LState) int {
	L.SetTop(1)
	if v.baseLoadfile(L) == 2 {
		return v.Throw(L, L.Get(-1))
	}
	L.Call(0, lua.MultRet)
	return L.GetTop() - 1
}

// levelFunction is the function that a setfenv or getfenv argument means; nil
// for level 0, which is the thread.
func (v *VM) levelFunction(L *lua.LState, def int) *lua.LFunction {
	if fn, ok := L.Get(1).(*lua.LFunction); ok {
		return fn
	}
	level := stdlib.OptInt(L, 1, def)
	if level < 0 {
		stdlib.ArgError(L, 1, "invalid level")
	}
	if level == 0 {
		return nil
	}
	f, ok := v.frameAt(L, level)
	if !ok {
		stdlib.ArgError(L, 1, "invalid level")
	}
	return f.fn
}

func (v *VM) baseGetfenv(L *lua.LState) int {
	fn := v.levelFunction(L, 1)
	if fn == nil || fn.Env == nil {
		L.Push(v.root.G.Global)
	} else {
		L.Push(fn.Env)
	}
	return 1
}

func (v *VM) baseSetfenv(L *lua.LState) int {
	env := stdlib.Tab(L, 2)
	fn := v.levelFunction(L, 1)
	if fn == nil || fn.IsG {
		L.RaiseError("'setfenv' cannot change environment of given object")
	}
	fn.Env = env
	L.Push(fn)
	return 1
}
