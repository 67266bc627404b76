package luacompat

import (
	"encoding/binary"
	"hash/maphash"
	"math"
)

// An item of a dict lies in its slab:
//
//	 0 next, 4 prev    in the order of use
//	 8 chain           of items whose keys fall together
//	12 hash            of the key
//	16 expires         unix ms, 0 never
//	24 flags
//	28 value length, 32 key length (16 bits), 34 kind
//	40 key, value      (of a list: first, last node, length)
//
// That is less than nginx's own node, for which room is reserved.
const (
	itemNext    = 0
	itemPrev    = 4
	itemChain   = 8
	itemHash    = 12
	itemExpires = 16
	itemFlags   = 24
	itemLen     = 28
	itemKeyLen  = 32
	itemKind    = 34
	itemData    = 40
)

// item is an item for the time that the dict's lock is held.
type item struct {
	d   *Dict
	ref slabRef
	b   []byte // its head
}

func (d *Dict) item(ref slabRef) item { return item{d, ref, d.slab.head(ref)} }

func (it item) none() bool             { return it.ref == 0 }
func (it item) kind() valueKind        { return valueKind(it.b[itemKind]) }
func (it item) keyLen() int            { return int(binary.LittleEndian.Uint16(it.b[itemKeyLen:])) }
func (it item) valueLen() int          { return int(le32(it.b[itemLen:])) }
func (it item) flags() uint32          { return le32(it.b[itemFlags:]) }
func (it item) expires() int64         { return int64(binary.LittleEndian.Uint64(it.b[itemExpires:])) }
func (it item) setExpires(at int64)    { binary.LittleEndian.PutUint64(it.b[itemExpires:], uint64(at)) }
func (it item) expired(now int64) bool { e := it.expires(); return e != 0 && e <= now }
func (it item) key() string            { return it.d.slab.text(it.ref, itemData, it.keyLen()) }

// value is a copy of the item's value.
func (it item) value() dictValue {
	return it.d.slab.value(it.ref, itemData+it.keyLen(), it.kind(), it.valueLen())
}

// setValue writes a value that is as long as the room that is there for it.
func (it item) setValue(v dictValue) {
	it.b[itemKind] = byte(v.kind)
	putLE32(it.b[itemLen:], uint32(v.size()))
	it.d.slab.setValue(it.ref, itemData+it.keyLen(), v)
}

func (it item) set(v dictValue, flags uint32, expires int64) {
	it.setValue(v)
	putLE32(it.b[itemFlags:], flags)
	it.setExpires(expires)
}

// value reads a value of n bytes at a place in an allocation.
func (s *slab) value(ref slabRef, from int, kind valueKind, n int) dictValue {
	v := dictValue{kind: kind}
	switch kind {
	case kindString:
		v.str = s.text(ref, from, n)
	case kindNumber:
		if b := s.head(ref); from+8 <= len(b) {
			v.num = math.Float64frombits(binary.LittleEndian.Uint64(b[from:]))
			break
		}
		v.num = math.Float64frombits(binary.LittleEndian.Uint64([]byte(s.text(ref, from, 8))))
	case kindBoolean:
		if s.text(ref, from, 1) == "\x01" {
			v.num = 1
		}
	}
	return v
}

// setValue writes a value.
func (s *slab) setValue(ref slabRef, from int, v dictValue) {
	switch v.kind {
	case kindString:
		s.put(ref, from, v.str)
	case kindNumber:
		if b := s.head(ref); from+8 <= len(b) {
			binary.LittleEndian.PutUint64(b[from:], math.Float64bits(v.num))
			return
		}
		var num [8]byte
		binary.LittleEndian.PutUint64(num[:], math.Float64bits(v.num))
		s.put(ref, from, string(num[:]))
	case kindBoolean:
		text := "\x00"
		if v.num != 0 {
			text = "\x01"
		}
		s.put(ref, from, text)
	}
}

// index finds items by key: a table of chains, as large as the zone may need.
type index struct {
	seed  maphash.Seed
	table []byte // slabRefs
	mask  uint32
}

// indexItems is the room in bytes that one slot of the table stands for.
const indexItems = 256

func (x *index) init(room int, owner *Dict) {
	n := 64
	for n < room/indexItems {
		n *= 2
	}
	x.seed, x.mask = maphash.MakeSeed(), uint32(n-1)
	x.table = dictMemory(4*n, owner)
}

func (x *index) hash(key string) uint32      { return uint32(maphash.String(x.seed, key)) }
func (x *index) slot(hash uint32) []byte     { return x.table[4*int(hash&x.mask):] }
func (x *index) first(hash uint32) slabRef   { return slabRef(le32(x.slot(hash))) }
func (x *index) set(hash uint32, to slabRef) { putLE32(x.slot(hash), uint32(to)) }

// find is the item of a key; none when there is none.
func (d *Dict) find(key string) item {
	h := d.index.hash(key)
	for ref := d.index.first(h); ref != 0; {
		it := d.item(ref)
		if le32(it.b[itemHash:]) == h && it.keyLen() == len(key) && d.slab.equal(ref, itemData, key) {
			return it
		}
		ref = slabRef(le32(it.b[itemChain:]))
	}
	return item{}
}

// add makes an item of an allocation, the most recently used one.
func (d *Dict) add(ref slabRef, key string, v dictValue, flags uint32, expires int64) item {
	it := d.item(ref)
	clear(it.b[:itemData])
	h := d.index.hash(key)
	putLE32(it.b[itemHash:], h)
	putLE32(it.b[itemChain:], uint32(d.index.first(h)))
	d.index.set(h, ref)
	binary.LittleEndian.PutUint16(it.b[itemKeyLen:], uint16(len(key)))
	d.slab.put(ref, itemData, key)
	it.set(v, flags, expires)
	d.link(it)
	d.count++
	return it
}

// link puts an item at the front of the order of use.
func (d *Dict) link(it item) {
	putLE32(it.b[itemPrev:], 0)
	putLE32(it.b[itemNext:], uint32(d.front))
	if d.front != 0 {
		putLE32(d.slab.head(d.front)[itemPrev:], uint32(it.ref))
	} else {
		d.back = it.ref
	}
	d.front = it.ref
}

// unlink takes it out of the order of use.
func (d *Dict) unlink(it item) {
	next, prev := slabRef(le32(it.b[itemNext:])), slabRef(le32(it.b[itemPrev:]))
	if prev != 0 {
		putLE32(d.slab.head(prev)[itemNext:], uint32(next))
	} else {
		d.front = next
	}
	if next != 0 {
		putLE32(d.slab.head(next)[itemPrev:], uint32(prev))
	} else {
		d.back = prev
	}
}

// touch makes an item the most recently used one.
func (d *Dict) touch(it item) {
	if d.front != it.ref {
		d.unlink(it)
		d.link(it)
	}
}

// remove takes an item out of the dict and gives its memory back.
func (d *Dict) remove(it item) {
	if it.kind() == kindList {
		d.dropNodes(it)
	}
	d.unlink(it)
	h := le32(it.b[itemHash:])
	chain := le32(it.b[itemChain:])
	if d.index.first(h) == it.ref {
		d.index.set(h, slabRef(chain))
	} else {
		ref := d.index.first(h)
		for {
			b := d.slab.head(ref)
			next := slabRef(le32(b[itemChain:]))
			if next == it.ref {
				putLE32(b[itemChain:], chain)
				break
			}
			ref = next
		}
	}
	d.count--
	d.slab.release(it.ref)
}
