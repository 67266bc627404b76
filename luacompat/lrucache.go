package luacompat

import (
	"container/list"
	"math"

	lua "github.com/yuin/gopher-lua"
)

// lruCache is a resty.lrucache object. It belongs to one VM and is guarded by
// its lock.
type lruCache struct {
	size  int
	items map[lua.LValue]*list.Element
	order list.List // front is the most recently used
}

type lruItem struct {
	key, value lua.LValue
	expires    float64 // unix seconds, 0 never
	flags      float64
}

// openLRUCache makes the module resty.lrucache.
//
// See: https://github.com/openresty/lua-resty-lrucache
func (w *Worker) openLRUCache(L *lua.LState) int {
	mod := w.module(L,
		plain{"get", lruGet}, plain{"set", lruSet}, plain{"delete", lruDelete},
		plain{"count", func(w *Worker, L *lua.LState) int { return pushNumber(L, float64(len(lruArg(L).items))) }},
		plain{"capacity", func(w *Worker, L *lua.LState) int { return pushNumber(L, float64(lruArg(L).size)) }},
		plain{"get_keys", lruKeys}, plain{"flush_all", lruFlush},
	)
	mod.RawSetString("_VERSION", lua.LString("0.13"))
	mt := w.table()
	mt.RawSetString("__index", mod)
	mod.RawSetString("new", w.anywhere(func(w *Worker, L *lua.LState) int {
		n := checkNumber(L, 1, "new")
		if n < 1 {
			return fail(L, "size too small")
		}
		ud := L.NewUserData()
		ud.Value = &lruCache{size: int(min(n, math.MaxInt32)), items: map[lua.LValue]*list.Element{}}
		t := L.CreateTable(0, 1)
		t.RawSetString("cache", ud)
		t.Metatable = mt
		return pushTable(L, t)
	}))
	return pushTable(L, mod)
}

func lruArg(L *lua.LState) *lruCache {
	if t, ok := L.Get(1).(*lua.LTable); ok {
		if ud, ok := t.RawGetString("cache").(*lua.LUserData); ok {
			if c, ok := ud.Value.(*lruCache); ok {
				return c
			}
		}
	}
	L.RaiseError("bad argument #1: not an lrucache object")
	return nil
}

// lruGet is cache:get(key): value, nil, flags; for an expired item nil, the
// stale value, flags.
func lruGet(w *Worker, L *lua.LState) int {
	c := lruArg(L)
	e := c.items[L.Get(2)]
	if e == nil {
		L.Push(lua.LNil)
		return 1
	}
	c.order.MoveToFront(e)
	it := e.Value.(*lruItem)
	if it.expires > 0 && it.expires < float64(w.time().UnixMilli())/1000 {
		L.Push(lua.LNil)
		L.Push(it.value)
	} else {
		L.Push(it.value)
		L.Push(lua.LNil)
	}
	L.Push(lua.LNumber(it.flags))
	return 3
}

// lruSet is cache:set(key, value, ttl?, flags?).
func lruSet(w *Worker, L *lua.LState) int {
	c, key, value := lruArg(L), L.Get(2), L.Get(3)
	if key == lua.LNil {
		L.RaiseError("table index is nil")
	}
	it := &lruItem{key: key, value: value}
	if v := L.Get(4); lua.LVAsBool(v) {
		it.expires = float64(w.time().UnixMilli())/1000 + checkNumber(L, 4, "set")
	}
	if n, ok := toNumber(L.Get(5)); ok && n >= 0 {
		it.flags = n
	}
	if e := c.items[key]; e != nil {
		e.Value = it
		c.order.MoveToFront(e)
		return 0
	}
	if len(c.items) >= c.size {
		old := c.order.Back()
		delete(c.items, old.Value.(*lruItem).key)
		c.order.Remove(old)
	}
	c.items[key] = c.order.PushFront(it)
	return 0
}

// lruDelete is cache:delete(key).
func lruDelete(w *Worker, L *lua.LState) int {
	c := lruArg(L)
	if e := c.items[L.Get(2)]; e != nil {
		delete(c.items, L.Get(2))
		c.order.Remove(e)
		return pushBool(L, true)
	}
	return pushBool(L, false)
}

// lruKeys is cache:get_keys(max?, res?): most recently used first.
func lruKeys(w *Worker, L *lua.LState) int {
	c, most := lruArg(L), 0
	if v := L.Get(2); lua.LVAsBool(v) {
		most = int(checkNumber(L, 2, "get_keys"))
	}
	if most <= 0 {
		most = len(c.items)
	}
	t, given := L.Get(3).(*lua.LTable)
	if !given {
		t = L.CreateTable(most, 0)
	}
	i := 0
	for e := c.order.Front(); e != nil && i < most; e = e.Next() {
		i++
		t.RawSetInt(i, e.Value.(*lruItem).key)
	}
	if given {
		t.RawSetInt(i+1, lua.LNil)
	}
	return pushTable(L, t)
}

// lruFlush is cache:flush_all().
func lruFlush(w *Worker, L *lua.LState) int {
	c := lruArg(L)
	clear(c.items)
	c.order.Init()
	return 0
}
