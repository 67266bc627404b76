package luacompat

import (
	lua "github.com/yuin/gopher-lua"
)

// dictMethod is a row of the methods of a shared dict.
type dictMethod struct {
	name string
	fn   func(w *Worker, L *lua.LState, d *Dict) int
}

// openShared makes ngx.shared with a table for each zone; the zone itself is
// its first item, as in ngx_lua.
//
// See: https://github.com/openresty/lua-nginx-module#ngxshareddict
func (w *Worker) openShared() {
	L := w.vm.Root()
	methods := L.CreateTable(0, 32)
	for _, m := range []dictMethod{
		{"get", dictGet}, {"get_stale", dictGetStale},
		{"set", dictStore(0)}, {"safe_set", dictStore(opSafe)},
		{"add", dictStore(opAdd)}, {"safe_add", dictStore(opAdd | opSafe)},
		{"replace", dictStore(opReplace)}, {"delete", dictDelete},
		{"incr", dictIncr},
		{"lpush", dictPush(true)}, {"rpush", dictPush(false)},
		{"lpop", dictPop(true)}, {"rpop", dictPop(false)}, {"llen", dictLen},
		{"ttl", dictTTL}, {"expire", dictExpire},
		{"flush_all", dictFlushAll}, {"flush_expired", dictFlushExpired},
		{"get_keys", dictKeys},
		{"capacity", dictCapacity}, {"free_space", dictFreeSpace},
	} {
		methods.RawSetString(m.name, L.NewFunction(func(L *lua.LState) int {
			return m.fn(w, L, dictArg(L))
		}))
	}
	methods.RawSetString("__index", methods)
	w.dictMT = methods

	w.ngx.RawSetString("shared", w.table())
	w.addZones()
}

// addZones gives ngx.shared the zones that were declared since.
func (w *Worker) addZones() {
	L := w.vm.Root()
	shared := w.ngx.RawGetString("shared").(*lua.LTable)
	for name, d := range w.rt.opts.Dicts.Zones() {
		ud := L.NewUserData()
		ud.Value = d
		t := L.CreateTable(1, 0)
		t.RawSetInt(1, ud)
		t.Metatable = w.dictMT
		shared.RawSetString(name, t)
	}
}

// dictArg is the dict that a method was called on.
func dictArg(L *lua.LState) *Dict {
	if t, ok := L.Get(1).(*lua.LTable); ok {
		if ud, ok := t.RawGetInt(1).(*lua.LUserData); ok {
			if d, ok := ud.Value.(*Dict); ok {
				return d
			}
		}
	}
	L.RaiseError(`bad "zone" argument`)
	return nil
}

// dictKey is the key argument; msg says why it will not do.
func dictKey(w *Worker, L *lua.LState) (key, msg string) {
	v := L.Get(2)
	if v == lua.LNil {
		return "", "nil key"
	}
	key = w.text(L, v)
	switch {
	case key == "":
		msg = "empty key"
	case len(key) > 65535:
		msg = "key too long"
	}
	return key, msg
}

func (v dictValue) lua() lua.LValue {
	switch v.kind {
	case kindString:
		return lua.LString(v.str)
	case kindNumber:
		return lua.LNumber(v.num)
	case kindBoolean:
		return lua.LBool(v.num != 0)
	}
	return lua.LNil
}

func dictGet(w *Worker, L *lua.LState, d *Dict) int {
	key, msg := dictKey(w, L)
	if msg != "" {
		return fail(L, msg)
	}
	v, flags, _, err := d.lookup(key, false)
	if err != nil {
		return fail(L, err.Error())
	}
	L.Push(v.lua())
	if flags != 0 && v.kind != kindNil {
		L.Push(lua.LNumber(flags))
		return 2
	}
	return 1
}

func dictGetStale(w *Worker, L *lua.LState, d *Dict) int {
	key, msg := dictKey(w, L)
	if msg != "" {
		return fail(L, msg)
	}
	v, flags, stale, err := d.lookup(key, true)
	if err != nil {
		return fail(L, err.Error())
	}
	L.Push(v.lua())
	if v.kind == kindNil {
		return 1
	}
	if flags != 0 {
		L.Push(lua.LNumber(flags))
	} else {
		L.Push(lua.LNil)
	}
	L.Push(lua.LBool(stale))
	return 3
}

// dictStore is set, safe_set, add, safe_add and replace:
// (key, value, exptime?, flags?) gives success, err, forcible.
func dictStore(op storeOp) func(w *Worker, L *lua.LState, d *Dict) int {
	return func(w *Worker, L *lua.LState, d *Dict) int {
		ttl, flags := 0.0, 0.0
		if v := L.Get(4); lua.LVAsBool(v) {
			var ok bool
			if ttl, ok = toNumber(v); !ok || ttl < 0 {
				L.RaiseError(`bad "exptime" argument`)
			}
		}
		if v := L.Get(5); lua.LVAsBool(v) {
			flags = checkNumber(L, 5, "set")
		}
		return storeValue(w, L, d, op, L.Get(3), ttl, flags)
	}
}

func storeValue(w *Worker, L *lua.LState, d *Dict, op storeOp, value lua.LValue, ttl, flags float64) int {
	key, msg := dictKey(w, L)
	if msg != "" {
		return fail(L, msg)
	}
	var v dictValue
	switch x := value.(type) {
	case lua.LString:
		v = dictValue{kind: kindString, str: string(x)}
	case lua.LNumber:
		v = dictValue{kind: kindNumber, num: float64(x)}
	case lua.LBool:
		v.kind = kindBoolean
		if x {
			v.num = 1
		}
	case *lua.LNilType:
	default:
		return fail(L, "bad value type")
	}
	forcible, err := d.store(op, key, v, int64(ttl*1000), uint32(int64(flags)))
	if err != nil {
		L.Push(lua.LFalse)
		L.Push(lua.LString(err.Error()))
	} else {
		L.Push(lua.LTrue)
		L.Push(lua.LNil)
	}
	L.Push(lua.LBool(forcible))
	return 3
}

func dictDelete(w *Worker, L *lua.LState, d *Dict) int {
	return storeValue(w, L, d, 0, lua.LNil, 0, 0)
}

func dictIncr(w *Worker, L *lua.LState, d *Dict) int {
	key, msg := dictKey(w, L)
	if msg != "" {
		return fail(L, msg)
	}
	by, ok := toNumber(L.Get(3))
	if !ok {
		L.RaiseError("cannot convert '%s' to 'double'", valueType(L.Get(3)))
	}
	initArg, ttlArg := L.Get(4), L.Get(5)
	hasInit, init, ttl := lua.LVAsBool(initArg), 0.0, 0.0
	if hasInit {
		if init, ok = toNumber(initArg); !ok {
			L.RaiseError("bad init arg: number expected, got %s", valueType(initArg))
		}
	}
	if ttlArg != lua.LNil {
		if ttl, ok = toNumber(ttlArg); !ok {
			L.RaiseError("bad init_ttl arg: number expected, got %s", valueType(ttlArg))
		}
		if ttl < 0 {
			L.RaiseError(`bad "init_ttl" argument`)
		}
		if !hasInit {
			L.RaiseError(`must provide "init" when providing "init_ttl"`)
		}
	}
	n, forcible, err := d.incr(key, by, hasInit, init, int64(ttl*1000))
	if err != nil {
		return fail(L, err.Error())
	}
	L.Push(lua.LNumber(n))
	if !hasInit {
		return 1
	}
	L.Push(lua.LNil)
	L.Push(lua.LBool(forcible))
	return 3
}

func dictPush(left bool) func(w *Worker, L *lua.LState, d *Dict) int {
	return func(w *Worker, L *lua.LState, d *Dict) int {
		if n := L.GetTop(); n != 3 {
			L.RaiseError("expecting 3 arguments, but only seen %d", n)
		}
		key, msg := dictKey(w, L)
		if msg != "" {
			return fail(L, msg)
		}
		var v dictValue
		switch x := L.Get(3).(type) {
		case lua.LString:
			v = dictValue{kind: kindString, str: string(x)}
		case lua.LNumber:
			v = dictValue{kind: kindNumber, num: float64(x)}
		default:
			return fail(L, "bad value type")
		}
		n, err := d.push(key, v, left)
		if err != nil {
			return fail(L, err.Error())
		}
		return pushNumber(L, float64(n))
	}
}

func dictPop(left bool) func(w *Worker, L *lua.LState, d *Dict) int {
	return func(w *Worker, L *lua.LState, d *Dict) int {
		if n := L.GetTop(); n != 2 {
			L.RaiseError("expecting 2 arguments, but only seen %d", n)
		}
		key, msg := dictKey(w, L)
		if msg != "" {
			return fail(L, msg)
		}
		v, ok, err := d.pop(key, left)
		if err != nil {
			return fail(L, err.Error())
		}
		if !ok {
			L.Push(lua.LNil)
		} else {
			L.Push(v.lua())
		}
		return 1
	}
}

func dictLen(w *Worker, L *lua.LState, d *Dict) int {
	if n := L.GetTop(); n != 2 {
		L.RaiseError("expecting 2 arguments, but only seen %d", n)
	}
	key, msg := dictKey(w, L)
	if msg != "" {
		return fail(L, msg)
	}
	n, err := d.listLen(key)
	if err != nil {
		return fail(L, err.Error())
	}
	return pushNumber(L, float64(n))
}

func dictTTL(w *Worker, L *lua.LState, d *Dict) int {
	key, msg := dictKey(w, L)
	if msg != "" {
		return fail(L, msg)
	}
	ms, err := d.ttl(key)
	if err != nil {
		return fail(L, err.Error())
	}
	return pushNumber(L, float64(ms)/1000)
}

func dictExpire(w *Worker, L *lua.LState, d *Dict) int {
	if !lua.LVAsBool(L.Get(3)) {
		L.RaiseError(`bad "exptime" argument`)
	}
	ttl := checkNumber(L, 3, "expire")
	key, msg := dictKey(w, L)
	if msg != "" {
		return fail(L, msg)
	}
	if err := d.setExpire(key, int64(ttl*1000)); err != nil {
		return fail(L, err.Error())
	}
	return pushBool(L, true)
}

func dictFlushAll(w *Worker, L *lua.LState, d *Dict) int {
	d.flushAll()
	return 0
}

// countArg is the optional maximum of flush_expired and get_keys.
func countArg(L *lua.LState, fname string, def int) int {
	switch n := L.GetTop(); n {
	case 1:
		return def
	case 2:
		return int(checkNumber(L, 2, fname))
	default:
		L.RaiseError("expecting 1 or 2 argument(s), but saw %d", n)
		return 0
	}
}

func dictFlushExpired(w *Worker, L *lua.LState, d *Dict) int {
	return pushNumber(L, float64(d.flushExpired(countArg(L, "flush_expired", 0))))
}

func dictKeys(w *Worker, L *lua.LState, d *Dict) int {
	keys := d.keys(countArg(L, "get_keys", 1024))
	t := L.CreateTable(len(keys), 0)
	for _, k := range keys {
		t.Append(lua.LString(k))
	}
	L.Push(t)
	return 1
}

func dictCapacity(w *Worker, L *lua.LState, d *Dict) int { return pushNumber(L, float64(d.size)) }

func dictFreeSpace(w *Worker, L *lua.LState, d *Dict) int {
	return pushNumber(L, float64(d.freeSpace()))
}
