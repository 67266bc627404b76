package vm

import (
	"os"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// Search paths of LuaJIT as Debian builds it, for when none is configured.
const (
	defaultPath = "./?.lua;/usr/local/share/luajit-2.1.0-beta3/?.lua;" +
		"/usr/local/share/lua/5.1/?.lua;/usr/local/share/lua/5.1/?/init.lua"
	defaultCPath = "./?.so;/usr/local/lib/lua/5.1/?.so;/usr/local/lib/lua/5.1/loadall.so"
)

// openPackage registers require, module and the searchers.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.3
func (v *VM) openPackage() {
	L := v.root
	v.pkg = L.G.Global.RawGetString("package").(*lua.LTable)
	v.loading = L.NewUserData()
	loaders := L.CreateTable(4, 0)
	for i, fn := range []lua.LGFunction{v.searchPreload, v.searchLua, v.searchC, v.searchRoot} {
		loaders.RawSetInt(i+1, L.NewFunction(fn))
	}
	v.pkg.RawSetString("loaders", loaders)
	for name, fn := range map[string]lua.LGFunction{
		"loadlib":    packageLoadlib,
		"searchpath": v.packageSearchpath,
		"seeall":     v.packageSeeall,
	} {
		v.pkg.RawSetString(name, L.NewFunction(fn))
	}
	L.G.Global.RawSetString("require", L.NewFunction(v.baseRequire))
	L.G.Global.RawSetString("module", L.NewFunction(v.baseModule))
}

// baseRequire is require. Modules with Go loaders stand in package.preload.
func (v *VM) baseRequire(L *lua.LState) int {
	name := stdlib.Str(L, 1)
	loaded, _ := L.G.Registry.RawGetString("_LOADED").(*lua.LTable)
	m := loaded.RawGetString(name)
	if lua.LVAsBool(m) {
		if m == v.loading {
			L.RaiseError("loop or previous error loading module '%s'", name)
		}
		L.Push(m)
		return 1
	}
	loaders, ok := v.pkg.RawGetString("loaders").(*lua.LTable)
	if !ok {
		L.RaiseError("'package.loaders' must be a table")
	}
	msg := ""
	for i := 1; ; i++ {
		loader := loaders.RawGetInt(i)
		if loader == lua.LNil {
			L.RaiseError("module '%s' not found:%s", name, msg)
		}
		L.Push(loader)
		L.Push(lua.LString(name))
		L.Call(1, 1)
		r := L.Get(-1)
		L.Pop(1)
		if fn, ok := r.(*lua.LFunction); ok {
			return v.loadModule(L, loaded, name, fn)
		}
		if s, ok := r.(lua.LString); ok {
			msg += string(s)
		}
	}
}

func (v *VM) loadModule(L *lua.LState, loaded *lua.LTable, name string, fn *lua.LFunction) int {
	loaded.RawSetString(name, v.loading)
	L.Push(fn)
	L.Push(lua.LString(name))
	L.Call(1, 1)
	if r := L.Get(-1); r != lua.LNil {
		loaded.RawSetString(name, r)
	}
	m := loaded.RawGetString(name)
	if m == v.loading {
		m = lua.LTrue
		loaded.RawSetString(name, m)
	}
	L.Push(m)
	return 1
}

func (v *VM) searchPreload(L *lua.LState) int {
	name := stdlib.Str(L, 1)
	pre, ok := v.pkg.RawGetString("preload").(*lua.LTable)
	if !ok {
		L.RaiseError("'package.preload' must be a table")
	}
	fn := pre.RawGetString(name)
	if fn == lua.LNil {
		L.Push(lua.LString("\n\tno field package.preload['" + name + "']"))
	} else {
		L.Push(fn)
	}
	return 1
}

// search looks for a readable file in a path's templates.
func (v *VM) search(name, path, sep, rep string) (file, tried string) {
	if sep != "" {
		name = strings.ReplaceAll(name, sep, rep)
	}
	var b strings.Builder
	for _, tmpl := range strings.Split(path, ";") {
		if tmpl == "" {
			continue
		}
		f := strings.ReplaceAll(tmpl, "?", name)
		if v.readable(f) {
			return f, ""
		}
		b.WriteString("\n\tno file '" + f + "'")
	}
	return "", b.String()
}

func (v *VM) readable(name string) bool {
	if v.opts.MapPath != nil {
		name = v.opts.MapPath(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

func (v *VM) pathField(L *lua.LState, field string) string {
	s, ok := v.pkg.RawGetString(field).(lua.LString)
	if !ok {
		L.RaiseError("'package.%s' must be a string", field)
	}
	return string(s)
}

func (v *VM) searchLua(L *lua.LState) int {
	name := stdlib.Str(L, 1)
	file, tried := v.search(name, v.pathField(L, "path"), ".", "/")
	if file == "" {
		L.Push(lua.LString(tried))
		return 1
	}
	src, err := v.readFile(file)
	if err == nil {
		var fn *lua.LFunction
		if fn, err = v.moduleChunk(src, file); err == nil {
			L.Push(fn)
			return 1
		}
	}
	L.RaiseError("error loading module '%s' from file '%s':\n\t%s", name, file, err.Error())
	return 0
}

func (v *VM) moduleChunk(src []byte, file string) (*lua.LFunction, error) {
	p, err := v.Compile(src, "@"+file)
	if err != nil {
		return nil, err
	}
	return v.Closure(p), nil
}

// searchC finds C modules only to say that they cannot be loaded.
func (v *VM) searchC(L *lua.LState) int {
	name := stdlib.Str(L, 1)
	return v.refuseC(L, name, name)
}

func (v *VM) searchRoot(L *lua.LState) int {
	name := stdlib.Str(L, 1)
	root, _, ok := strings.Cut(name, ".")
	if !ok {
		return 0
	}
	return v.refuseC(L, name, root)
}

func (v *VM) refuseC(L *lua.LState, name, as string) int {
	file, tried := v.search(as, v.pathField(L, "cpath"), ".", "/")
	if file != "" {
		L.RaiseError("error loading module '%s' from file '%s':\n\tC modules are not supported", name, file)
	}
	L.Push(lua.LString(tried))
	return 1
}

func packageLoadlib(L *lua.LState) int {
	stdlib.Str(L, 1)
	stdlib.Str(L, 2)
	L.Push(lua.LNil)
	L.Push(lua.LString("dynamic libraries not enabled; check your Lua installation"))
	L.Push(lua.LString("absent"))
	return 3
}

func (v *VM) packageSearchpath(L *lua.LState) int {
	name, path := stdlib.Str(L, 1), stdlib.Str(L, 2)
	file, tried := v.search(name, path, stdlib.OptStr(L, 3, "."), stdlib.OptStr(L, 4, "/"))
	if file != "" {
		L.Push(lua.LString(file))
		return 1
	}
	L.Push(lua.LNil)
	L.Push(lua.LString(tried))
	return 2
}

func (v *VM) packageSeeall(L *lua.LState) int {
	t := stdlib.Tab(L, 1)
	mt, ok := t.Metatable.(*lua.LTable)
	if !ok {
		mt = L.CreateTable(0, 1)
		t.Metatable = mt
	}
	mt.RawSetString("__index", v.root.G.Global)
	return 0
}

// baseModule is the old way to write a module, which many scripts still use.
//
// See: https://www.lua.org/manual/5.1/manual.html#pdf-module
func (v *VM) baseModule(L *lua.LState) int {
	name := stdlib.Str(L, 1)
	loaded := L.G.Registry.RawGetString("_LOADED").(*lua.LTable)
	m, ok := loaded.RawGetString(name).(*lua.LTable)
	if !ok {
		t := v.root.G.Global
		for _, part := range strings.Split(name, ".") {
			next := t.RawGetString(part)
			if next == lua.LNil {
				next = L.CreateTable(0, 4)
				t.RawSetString(part, next)
			}
			if t, ok = next.(*lua.LTable); !ok {
				L.RaiseError("name conflict for module '%s'", name)
			}
		}
		m = t
		loaded.RawSetString(name, m)
	}
	if m.RawGetString("_NAME") == lua.LNil {
		m.RawSetString("_M", m)
		m.RawSetString("_NAME", lua.LString(name))
		m.RawSetString("_PACKAGE", lua.LString(name[:strings.LastIndexByte(name, '.')+1]))
	}
	f, ok := v.frameAt(L, 1)
	if !ok || f.fn.IsG {
		L.RaiseError("'module' not called from a Lua function")
	}
	f.fn.Env = m
	for i, n := 2, L.GetTop(); i <= n; i++ {
		L.Push(L.Get(i))
		L.Push(m)
		L.Call(1, 0)
	}
	return 0
}
