package cjson

import (
	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// module is what all cjson tables of a VM share.
type module struct {
	vm           *vm.VM
	null         lua.LValue
	emptyArray   *lua.LUserData
	emptyArrayMT *lua.LTable
	arrayMT      *lua.LTable
	buf          []byte       // of the last encoding, for the next
	vals         []lua.LValue // likewise, of a decoding
}

// maxKept is the largest buffer that is kept for the next encoding.
const maxKept = 1 << 20

// Register lets scripts of v require "cjson" and "cjson.safe". null is
// ngx.null.
func Register(v *vm.VM, null lua.LValue) {
	L := v.Root()
	m := &module{
		vm: v, null: null,
		emptyArray:   L.NewUserData(),
		emptyArrayMT: L.CreateTable(0, 0),
		arrayMT:      L.CreateTable(0, 0),
	}
	v.Preload("cjson", m.open(false))
	v.Preload("cjson.safe", m.open(true))
}

// open makes a module table with settings of its own: the loader of both
// modules and their function new.
func (m *module) open(safe bool) lua.LGFunction {
	return func(L *lua.LState) int {
		c := new(config)
		*c = defaults()
		t := L.CreateTable(0, 32)
		set := func(name string, fn lua.LGFunction) { t.RawSetString(name, L.NewFunction(fn)) }
		set("encode", func(L *lua.LState) int { return m.encode(L, c, safe) })
		set("decode", func(L *lua.LState) int { return m.decode(L, c, safe) })
		for _, o := range c.options() {
			set(o.name, o.call)
		}
		set("new", m.open(safe))
		t.RawSetString("null", m.null)
		t.RawSetString("empty_array", m.emptyArray)
		t.RawSetString("empty_array_mt", m.emptyArrayMT)
		t.RawSetString("array_mt", m.arrayMT)
		t.RawSetString("_NAME", lua.LString("cjson"))
		t.RawSetString("_VERSION", lua.LString("2.1.0.14"))
		L.Push(t)
		return 1
	}
}

// typeOf is lua_typename; the module's own values are light userdata, which
// have the same name.
func (m *module) typeOf(v lua.LValue) string { return v.Type().String() }

// encode is cjson.encode(value).
//
// See: https://github.com/openresty/lua-cjson#encode
func (m *module) encode(L *lua.LState, c *config, safe bool) int {
	if L.GetTop() != 1 {
		return vm.ArgError(L, 1, "encode", "expected 1 argument")
	}
	// Metamethods may wait, and another thread encode meanwhile.
	e := encoder{m: m, cfg: c, L: L, buf: m.buf[:0]}
	m.buf = nil
	e.value(L.Get(1), 0)
	if cap(e.buf) <= maxKept {
		m.buf = e.buf
	}
	if e.err != "" {
		return m.fail(L, e.err, safe)
	}
	L.Push(lua.LString(e.buf))
	return 1
}

// decode is cjson.decode(text).
//
// See: https://github.com/openresty/lua-cjson#decode
func (m *module) decode(L *lua.LState, c *config, safe bool) int {
	if L.GetTop() != 1 {
		return vm.ArgError(L, 1, "decode", "expected 1 argument")
	}
	var src string
	switch v := L.Get(1).(type) {
	case lua.LString:
		src = string(v)
	case lua.LNumber:
		src = string(appendNumber(nil, float64(v), 14))
	default:
		msg := "string expected, got " + typeName(L, 1)
		if safe {
			return m.fail(L, "bad argument #1 to '?' ("+msg+")", true)
		}
		return vm.ArgError(L, 1, "decode", msg)
	}
	d := decoder{m: m, cfg: c, L: L, src: src, vals: m.vals[:0]}
	v := d.text()
	if d.err != "" {
		return m.fail(L, d.err, safe)
	}
	if cap(d.vals) <= maxKept/16 {
		m.vals = d.vals
	}
	L.Push(v)
	return 1
}

// fail raises msg with the caller's position, or returns nil and msg.
func (m *module) fail(L *lua.LState, msg string, safe bool) int {
	if safe {
		L.Push(lua.LNil)
		L.Push(lua.LString(msg))
		return 2
	}
	L.Error(lua.LString(m.vm.Where(L, 1)+msg), 0)
	return 0
}
