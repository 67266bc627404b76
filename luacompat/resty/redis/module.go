package redis

import (
	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/resty/redis/link"
	"huidu/luacompat/socket"
	"huidu/luacompat/stdlib"
	"huidu/luacompat/vm"
)

// version is the lua-resty-redis that the module imitates.
const version = "0.32"

// module is resty.redis in one VM.
type module struct {
	env   *socket.Env
	vm    *vm.VM
	hub   *link.Hub
	pools map[string]*pool
	mt    *lua.LTable // of handles
	tab   *lua.LTable // the module itself
}

// Register lets scripts of env's VM require "resty.redis". The hub may serve
// several VMs.
func Register(env *socket.Env, hub *link.Hub) {
	m := &module{env: env, vm: env.VM, hub: hub, pools: make(map[string]*pool)}
	env.VM.Preload("resty.redis", m.open)
}

func (m *module) open(L *lua.LState) int {
	t := L.CreateTable(0, 96)
	m.tab = t
	m.mt = L.CreateTable(0, 1)
	m.mt.RawSetString("__index", t)
	set := func(name string, fn lua.LGFunction) { t.RawSetString(name, L.NewFunction(fn)) }
	t.RawSetString("_VERSION", lua.LString(version))
	set("new", m.new)
	set("register_module_prefix", m.registerModulePrefix)
	set("add_commands", m.addCommands)
	set("array_to_hash", m.arrayToHash)
	for name, fn := range map[string]func(h *handle, L *lua.LState) int{
		"connect": (*handle).connect, "set_keepalive": (*handle).setKeepalive,
		"get_reused_times": (*handle).reusedTimes, "close": (*handle).closeConn,
		"set_timeout": (*handle).setTimeout, "set_timeouts": (*handle).setTimeouts,
		"init_pipeline": (*handle).initPipeline, "cancel_pipeline": (*handle).cancelPipeline,
		"commit_pipeline": (*handle).commitPipeline, "read_reply": (*handle).readReply,
		"hmset": (*handle).hmset,
	} {
		set(name, m.method(name, fn))
	}
	for _, name := range []string{"subscribe", "psubscribe"} {
		set(name, m.method(name, func(h *handle, L *lua.LState) int { return h.subscribe(L, name) }))
	}
	for _, name := range []string{"unsubscribe", "punsubscribe"} {
		set(name, m.method(name, func(h *handle, L *lua.LState) int { return h.unsubscribe(L, name) }))
	}
	for _, name := range []string{"blpop", "brpop"} {
		set(name, m.method(name, func(h *handle, L *lua.LState) int {
			h.blocking = true
			return h.prefixed(L, name)
		}))
	}
	for _, name := range common {
		m.define(L, name)
	}
	mt := L.CreateTable(0, 1)
	mt.RawSetString("__index", L.NewFunction(m.generate))
	t.Metatable = mt
	L.Push(t)
	return 1
}

// define makes the method of a command.
func (m *module) define(L *lua.LState, name string) *lua.LFunction {
	k := kindOf(name)
	fn := L.NewFunction(m.method(name, func(h *handle, L *lua.LState) int {
		if h.prefix != "" {
			return h.prefixed(L, name)
		}
		return h.command(L, name, k)
	}))
	m.tab.RawSetString(name, fn)
	return fn
}

// generate makes the method of a command that was not known.
func (m *module) generate(L *lua.LState) int {
	name, ok := L.Get(2).(lua.LString)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(m.define(L, string(name)))
	return 1
}

// method finds the handle behind self. Tables without one answer as a handle
// that was not made by new.
func (m *module) method(name string, fn func(h *handle, L *lua.LState) int) lua.LGFunction {
	return func(L *lua.LState) int {
		t, ok := L.Get(1).(*lua.LTable)
		if !ok {
			return m.raise(L, "bad argument #1 to 'rawget' (table expected, got "+typeName(L, 1)+")")
		}
		if ud, ok := t.RawGetInt(1).(*lua.LUserData); ok {
			if h, ok := ud.Value.(*handle); ok {
				if m.env.Trace != nil {
					return m.traced(name, h, L, fn)
				}
				return fn(h, L)
			}
		}
		switch name {
		case "set_timeout", "set_timeouts":
			return m.raise(L, "not initialized")
		case "init_pipeline", "cancel_pipeline":
			return 0
		case "commit_pipeline":
			return fail(L, "no pipeline")
		case "unsubscribe", "punsubscribe":
			return fail(L, "not subscribed")
		}
		return fail(L, "not initialized")
	}
}

// traced calls a method for whoever follows the running task.
func (m *module) traced(name string, h *handle, L *lua.LState, fn func(h *handle, L *lua.LState) int) int {
	done := m.env.Trace(L, m.vm.Cur(), name)
	n := fn(h, L)
	if done != nil {
		results := make([]lua.LValue, 0, 2)
		for i := L.GetTop() - n + 1; i <= L.GetTop(); i++ {
			results = append(results, L.Get(i))
		}
		done(results)
	}
	return n
}

// raise raises msg with the position of the caller.
func (m *module) raise(L *lua.LState, msg string) int {
	L.Error(lua.LString(m.vm.Where(L, 1)+msg), 0)
	return 0
}

func typeName(L *lua.LState, n int) string {
	if n > L.GetTop() {
		return "no value"
	}
	return L.Get(n).Type().String()
}

func fail(L *lua.LState, msg string) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(msg))
	return 2
}

var one lua.LValue = lua.LNumber(1)

func succeed(L *lua.LState) int {
	L.Push(one)
	return 1
}

// registerModulePrefix makes a method that prefixes the next command:
// red:bf():add(…) is BF.ADD.
//
// See: https://github.com/openresty/lua-resty-redis#register_module_prefix
func (m *module) registerModulePrefix(L *lua.LState) int {
	prefix, ok := L.Get(1).(lua.LString)
	if !ok {
		return m.raise(L, "bad argument #1 to 'register_module_prefix' (string expected, got "+typeName(L, 1)+")")
	}
	m.tab.RawSetString(string(prefix), L.NewFunction(m.method("", func(h *handle, L *lua.LState) int {
		h.prefix = string(prefix)
		L.Push(L.Get(1))
		return 1
	})))
	return 0
}

// addCommands is add_commands, which later versions made unnecessary.
func (m *module) addCommands(L *lua.LState) int {
	for i := 1; i <= L.GetTop(); i++ {
		if name, ok := L.Get(i).(lua.LString); ok {
			m.define(L, string(name))
		}
	}
	return 0
}

// arrayToHash turns {k1, v1, k2, v2} into {k1 = v1, k2 = v2}.
//
// See: https://github.com/openresty/lua-resty-redis#array_to_hash
func (m *module) arrayToHash(L *lua.LState) int {
	t, ok := L.Get(2).(*lua.LTable)
	if !ok {
		return m.raise(L, "attempt to get length of local 't' (a "+L.Get(2).Type().String()+" value)")
	}
	n := t.Len()
	h := L.CreateTable(0, n/2)
	for i := 1; i <= n; i += 2 {
		if k := t.RawGetInt(i); k != lua.LNil {
			h.RawSet(k, t.RawGetInt(i+1))
		}
	}
	L.Push(h)
	return 1
}

// text is an argument as it is sent: tostring of it.
func text(L *lua.LState, v lua.LValue, null lua.LValue) string {
	switch x := v.(type) {
	case lua.LString:
		return string(x)
	case lua.LNumber:
		return stdlib.NumberString(float64(x))
	case lua.LBool:
		if x {
			return "true"
		}
		return "false"
	case *lua.LNilType:
		return "nil"
	}
	if v == null {
		return "userdata: NULL"
	}
	return stdlib.ToString(L, v).String()
}
