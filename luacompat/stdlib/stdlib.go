package stdlib

import (
	lua "github.com/yuin/gopher-lua"
)

// Options says what the libraries cannot know by themselves.
type Options struct {
	PackagePath, PackageCPath string
	// Exit is os.exit's end of the process; nil: os.exit raises an error.
	Exit func(code int)
}

// Func is a row of a library's table.
type Func struct {
	Name string
	Fn   lua.LGFunction
}

// Open sets the globals of L.
func Open(L *lua.LState, o Options) {
	G := L.G.Global
	G.RawSetString("_G", G)
	G.RawSetString("_VERSION", lua.LString("Lua 5.1"))
	loaded := L.CreateTable(0, 16)
	pkg := L.CreateTable(0, 8)
	pkg.RawSetString("loaded", loaded)
	pkg.RawSetString("preload", L.CreateTable(0, 16))
	pkg.RawSetString("path", lua.LString(o.PackagePath))
	pkg.RawSetString("cpath", lua.LString(o.PackageCPath))
	pkg.RawSetString("config", lua.LString("/\n;\n?\n!\n-\n"))
	G.RawSetString("package", pkg)
	L.G.Registry.RawSetString("_LOADED", loaded)
	loaded.RawSetString("_G", G)
	loaded.RawSetString("package", pkg)
	for _, f := range baseFuncs {
		G.RawSetString(f.Name, L.NewFunction(f.Fn))
	}
	openPairs(L)
	openString(L)
	openTable(L)
	openMath(L)
	openBit(L)
	openOS(L, o.Exit)
	openIO(L)
	openJIT(L)
	openBuffer(L)
}

// Table makes a table of functions.
func Table(L *lua.LState, funcs []Func) *lua.LTable {
	t := L.CreateTable(0, len(funcs)+4)
	for _, f := range funcs {
		t.RawSetString(f.Name, L.NewFunction(f.Fn))
	}
	return t
}

// Register makes t the library called name: a global and a loaded module.
func Register(L *lua.LState, name string, t lua.LValue) {
	L.G.Global.RawSetString(name, t)
	Loaded(L, name, t)
}

// Loaded puts t into package.loaded.
func Loaded(L *lua.LState, name string, t lua.LValue) {
	if loaded, ok := L.G.Registry.RawGetString("_LOADED").(*lua.LTable); ok {
		loaded.RawSetString(name, t)
	}
}

// Preload puts a loader into package.preload.
func Preload(L *lua.LState, name string, loader lua.LGFunction) {
	pkg := L.G.Global.RawGetString("package").(*lua.LTable)
	if pre, ok := pkg.RawGetString("preload").(*lua.LTable); ok {
		pre.RawSetString(name, L.NewFunction(loader))
	}
}
