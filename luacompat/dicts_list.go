package luacompat

// A list's item has, after its key, its first and last node and their number. A
// node lies in the slab too:
//
//	0 next, 4 prev, 8 kind, 12 value length, 16 value
const (
	nodeNext = 0
	nodePrev = 4
	nodeKind = 8
	nodeLen  = 12
	nodeData = 16

	listFirst = 0
	listLast  = 4
	listCount = 8
)

// dictList is the list of an item, for the time that the dict's lock is held.
type dictList struct {
	d     *Dict
	b     []byte // the three numbers
	first slabRef
	last  slabRef
	count int
}

func (d *Dict) listOf(it item) dictList {
	text := d.slab.text(it.ref, itemData+it.keyLen(), listHeadSize)
	b := []byte(text)
	return dictList{d, b, slabRef(le32(b[listFirst:])), slabRef(le32(b[listLast:])), int(le32(b[listCount:]))}
}

// save writes the list's head back to its item.
func (l *dictList) save(it item) {
	putLE32(l.b[listFirst:], uint32(l.first))
	putLE32(l.b[listLast:], uint32(l.last))
	putLE32(l.b[listCount:], uint32(l.count))
	l.d.slab.put(it.ref, itemData+it.keyLen(), string(l.b))
}

// add puts a node at one end.
func (l *dictList) add(ref slabRef, v dictValue, left bool) {
	s := &l.d.slab
	b := s.head(ref)
	clear(b[:nodeData])
	b[nodeKind] = byte(v.kind)
	putLE32(b[nodeLen:], uint32(v.size()))
	s.setValue(ref, nodeData, v)
	switch {
	case l.count == 0:
		l.first, l.last = ref, ref
	case left:
		putLE32(b[nodeNext:], uint32(l.first))
		putLE32(s.head(l.first)[nodePrev:], uint32(ref))
		l.first = ref
	default:
		putLE32(b[nodePrev:], uint32(l.last))
		putLE32(s.head(l.last)[nodeNext:], uint32(ref))
		l.last = ref
	}
	l.count++
}

// take removes the node at one end and returns its value.
func (l *dictList) take(left bool) dictValue {
	s := &l.d.slab
	ref := l.last
	if left {
		ref = l.first
	}
	b := s.head(ref)
	v := s.value(ref, nodeData, valueKind(b[nodeKind]), int(le32(b[nodeLen:])))
	next, prev := slabRef(le32(b[nodeNext:])), slabRef(le32(b[nodePrev:]))
	if left {
		if l.first = next; next != 0 {
			putLE32(s.head(next)[nodePrev:], 0)
		}
	} else if l.last = prev; prev != 0 {
		putLE32(s.head(prev)[nodeNext:], 0)
	}
	l.count--
	s.release(ref)
	return v
}

// dropNodes gives the nodes of a list back.
func (d *Dict) dropNodes(it item) {
	for ref := d.listOf(it).first; ref != 0; {
		next := slabRef(le32(d.slab.head(ref)[nodeNext:]))
		d.slab.release(ref)
		ref = next
	}
}

// push adds a value to the list at key, made when there is none, and returns
// the list's length.
//
// See: https://github.com/openresty/lua-nginx-module#ngxshareddictlpush
func (d *Dict) push(key string, v dictValue, left bool) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	d.expire(1, now)
	it := d.find(key)
	if !it.none() {
		switch isList := it.kind() == kindList; {
		case it.expired(now) && isList:
			d.dropNodes(it)
			l := dictList{d: d, b: make([]byte, listHeadSize)}
			l.save(it)
			it.setExpires(0)
		case it.expired(now):
			d.remove(it)
			it = item{}
		case !isList:
			return 0, errDictNotList
		}
	}
	if it.none() {
		n := (dictNodeSize + len(key) + listHeadSize + 7) &^ 7
		mem, ok := d.slab.alloc(n)
		if !ok {
			return 0, errDictNoMemory
		}
		it = d.add(mem, key, dictValue{kind: kindList}, 0, 0)
		l := dictList{d: d, b: make([]byte, listHeadSize)}
		l.save(it)
	} else {
		d.touch(it)
	}
	mem, ok := d.slab.alloc(listNodeSize + v.size())
	l := d.listOf(it)
	if !ok {
		if l.count == 0 {
			d.remove(it)
		}
		return 0, errDictNoMemory
	}
	l.add(mem, v, left)
	l.save(it)
	return l.count, nil
}

// pop takes a value off the list at key; ok is false when there is none.
func (d *Dict) pop(key string, left bool) (v dictValue, ok bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	d.expire(1, now)
	it := d.find(key)
	if it.none() || it.expired(now) {
		return v, false, nil
	}
	if it.kind() != kindList {
		return v, false, errDictNotList
	}
	l := d.listOf(it)
	v = l.take(left)
	if l.count == 0 {
		l.first, l.last = 0, 0
	}
	l.save(it)
	if l.count == 0 {
		d.remove(it)
	} else {
		d.touch(it)
	}
	return v, true, nil
}

// listLen is the length of the list at key, 0 when there is none.
func (d *Dict) listLen(key string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	d.expire(1, now)
	it := d.find(key)
	if it.none() || it.expired(now) {
		return 0, nil
	}
	if it.kind() != kindList {
		return 0, errDictNotList
	}
	d.touch(it)
	return d.listOf(it).count, nil
}
