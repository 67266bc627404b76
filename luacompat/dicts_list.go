package luacompat

import "container/list"

// push adds a value to the list at key, made when there is none, and returns
// the list's length.
//
// See: https://github.com/openresty/lua-nginx-module#ngxshareddictlpush
func (d *Dict) push(key string, v dictValue, left bool) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	d.expire(1, now)
	it := d.items[key]
	if it != nil {
		switch isList := it.val.kind == kindList; {
		case it.expired(now) && isList:
			for e := it.list.Front(); e != nil; e = e.Next() {
				d.slab.release(e.Value.(listNode).mem)
			}
			it.list.Init()
			it.expires = 0
		case it.expired(now):
			d.remove(it)
			it = nil
		case !isList:
			return 0, errDictNotList
		}
	}
	if it == nil {
		n := (dictNodeSize + len(key) + listHeadSize + 7) &^ 7
		mem, ok := d.slab.alloc(n)
		if !ok {
			return 0, errDictNoMemory
		}
		it = &dictItem{key: key, val: dictValue{kind: kindList}, list: list.New(), mem: mem}
		it.elem = d.lru.PushFront(it)
		d.items[key] = it
	} else {
		d.lru.MoveToFront(it.elem)
	}
	mem, ok := d.slab.alloc(listNodeSize + v.size())
	if !ok {
		if it.list.Len() == 0 {
			d.remove(it)
		}
		return 0, errDictNoMemory
	}
	node := listNode{val: v, mem: mem}
	if left {
		it.list.PushFront(node)
	} else {
		it.list.PushBack(node)
	}
	return it.list.Len(), nil
}

// pop takes a value off the list at key; ok is false when there is none.
func (d *Dict) pop(key string, left bool) (v dictValue, ok bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	d.expire(1, now)
	it := d.items[key]
	if it == nil || it.expired(now) {
		return v, false, nil
	}
	if it.val.kind != kindList {
		return v, false, errDictNotList
	}
	e := it.list.Front()
	if !left {
		e = it.list.Back()
	}
	node := it.list.Remove(e).(listNode)
	d.slab.release(node.mem)
	if it.list.Len() == 0 {
		d.remove(it)
	} else {
		d.lru.MoveToFront(it.elem)
	}
	return node.val, true, nil
}

// listLen is the length of the list at key, 0 when there is none.
func (d *Dict) listLen(key string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	d.expire(1, now)
	it := d.items[key]
	if it == nil || it.expired(now) {
		return 0, nil
	}
	if it.val.kind != kindList {
		return 0, errDictNotList
	}
	d.lru.MoveToFront(it.elem)
	return it.list.Len(), nil
}
