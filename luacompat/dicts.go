package luacompat

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"sync"
	"time"

	"huidu/luacompat/expr"
)

// SharedDicts holds every lua_shared_dict of the process. It outlives a
// Runtime: a reload hands the same SharedDicts to the next one and zones of
// the same name and size keep their contents, as nginx keeps shared memory.
type SharedDicts struct {
	mu    sync.Mutex
	zones map[string]*Dict
	now   func() time.Time
}

// NewSharedDicts returns an empty set of zones. now tells the time; nil is
// time.Now.
func NewSharedDicts(now func() time.Time) *SharedDicts {
	if now == nil {
		now = time.Now
	}
	return &SharedDicts{zones: map[string]*Dict{}, now: now}
}

// Declare makes the zone that `lua_shared_dict name size` names, or finds the
// one that is there. A zone whose size changed starts empty, as in nginx.
func (s *SharedDicts) Declare(name string, size int64) (*Dict, error) {
	if size < 8191 {
		return nil, fmt.Errorf("invalid lua shared dict size %q", fmt.Sprint(size))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.zones[name]; d != nil && d.size == size {
		return d, nil
	}
	d := newDict(name, size, s.now)
	s.zones[name] = d
	return d, nil
}

// Retain drops the zones that a new configuration no longer names.
func (s *SharedDicts) Retain(names map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.zones {
		if !names[name] {
			delete(s.zones, name)
		}
	}
}

// Zones lists the zones by name.
func (s *SharedDicts) Zones() map[string]*Dict {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[string]*Dict, len(s.zones))
	for name, d := range s.zones {
		m[name] = d
	}
	return m
}

// Zone is the zone of a name, nil when none was declared.
func (s *SharedDicts) Zone(name string) *Dict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.zones[name]
}

// Fetch is ngx.shared.DICT:get: nil with nothing said when there is none.
func (d *Dict) Fetch(key string) (expr.Value, error) {
	v, _, _, err := d.lookup(key, false)
	if err != nil {
		return expr.Value{}, err
	}
	switch v.kind {
	case kindString:
		return expr.Text(v.str), nil
	case kindNumber:
		return expr.Num(v.num), nil
	case kindBoolean:
		return expr.Bool(v.num != 0), nil
	}
	return expr.Value{}, nil
}

// Flush empties the zone at once.
func (d *Dict) Flush() {
	d.flushAll()
	d.flushExpired(0)
}

// Dump shows what the zone holds, for comparisons.
func (d *Dict) Dump() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := make([]string, 0, d.count)
	for ref := d.front; ref != 0; {
		it := d.item(ref)
		keys = append(keys, fmt.Sprintf("%q=%v@%d", it.key(), it.value(), it.expires()))
		ref = slabRef(le32(it.b[itemNext:]))
	}
	sort.Strings(keys)
	return fmt.Sprint(keys)
}

// Put is ngx.shared.DICT:set for the values that a dict can hold.
func (d *Dict) Put(key string, v expr.Value, ttl float64) error {
	var dv dictValue
	switch v.K {
	case expr.String:
		dv = dictValue{kind: kindString, str: v.S}
	case expr.Number:
		dv = dictValue{kind: kindNumber, num: v.N}
	case expr.True, expr.False:
		dv = dictValue{kind: kindBoolean}
		if v.K == expr.True {
			dv.num = 1
		}
	case expr.Nil:
	default:
		return errors.New("bad value type")
	}
	_, err := d.store(0, key, dv, int64(ttl*1000), 0)
	return err
}

// valueKind is the type of a stored value.
type valueKind uint8

const (
	kindNil valueKind = iota
	kindBoolean
	kindNumber
	kindString
	kindList
)

// dictValue is a value as a dict keeps it.
type dictValue struct {
	kind valueKind
	num  float64 // number; boolean as 0 or 1
	str  string
}

// size is the room a value takes in nginx's node.
func (v dictValue) size() int {
	switch v.kind {
	case kindBoolean:
		return 1
	case kindNumber:
		return 8
	}
	return len(v.str)
}

// Sizes of nginx's structures, for the account of memory.
const (
	dictNodeSize = 68 // rbtree node up to color, dict node up to data
	listNodeSize = 21
	listHeadSize = 16
	dictCtxSize  = 80 // the zone's own header
)

// Errors in the words that scripts see.
var (
	errDictNotFound  = errors.New("not found")
	errDictExists    = errors.New("exists")
	errDictNoMemory  = errors.New("no memory")
	errDictNotNumber = errors.New("not a number")
	errDictNotList   = errors.New("value not a list")
	errDictIsList    = errors.New("value is a list")
	errDictNilStore  = errors.New("attempt to add or replace nil values")
)

// Dict is one shared dictionary: a bounded map with least-recently-used
// eviction, shared by all workers.
//
// See: https://github.com/openresty/lua-nginx-module#ngxshareddict
type Dict struct {
	name string
	size int64
	now  func() time.Time

	mu          sync.Mutex
	slab        slab
	index       index
	front, back slabRef // the most and the least recently used item
	count       int     // of items
}

func newDict(name string, size int64, now func() time.Time) *Dict {
	d := &Dict{name: name, size: size, now: now}
	d.slab.init(size, d)
	d.index.init(len(d.slab.mem), d)
	d.slab.alloc(dictCtxSize)
	d.slab.alloc(len(` in lua_shared_dict zone ""`) + len(name) + 1)
	return d
}

// Name is the zone's name.
func (d *Dict) Name() string { return d.name }

func (d *Dict) nowMs() int64 { return d.now().UnixMilli() }

// storeOp says how a value is stored.
type storeOp uint8

const (
	opAdd storeOp = 1 << iota
	opReplace
	opSafe
)

// store is set, add, replace and their safe forms; a nil value removes.
// ttl is in milliseconds, 0 for ever.
func (d *Dict) store(op storeOp, key string, v dictValue, ttl int64, flags uint32) (forcible bool, err error) {
	if v.kind == kindNil && op&(opAdd|opReplace) != 0 {
		return false, errDictNilStore
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	d.expire(1, now)
	it := d.find(key)
	live := !it.none() && !it.expired(now)
	switch {
	case op&opReplace != 0 && !live:
		return false, errDictNotFound
	case op&opAdd != 0 && live:
		return false, errDictExists
	}
	if !it.none() {
		if v.kind != kindNil && it.kind() != kindList && it.valueLen() == v.size() {
			d.touch(it)
			it.set(v, flags, deadline(now, ttl))
			return false, nil
		}
		d.remove(it)
	}
	if v.kind == kindNil {
		return false, nil
	}
	return d.insert(key, v, deadline(now, ttl), flags, op&opSafe == 0, now)
}

// insert adds a new item, evicting the oldest when there is no room and evict
// is set; at most thirty rounds, as ngx_lua does.
func (d *Dict) insert(key string, v dictValue, expires int64, flags uint32, evict bool, now int64) (forcible bool, err error) {
	n := dictNodeSize + len(key) + v.size()
	mem, ok := d.slab.alloc(n)
	if !ok {
		if !evict {
			return false, errDictNoMemory
		}
		for range 30 {
			if d.expire(0, now) == 0 {
				break
			}
			forcible = true
			if mem, ok = d.slab.alloc(n); ok {
				break
			}
		}
		if !ok {
			return forcible, errDictNoMemory
		}
	}
	d.add(mem, key, v, flags, expires)
	return forcible, nil
}

// lookup is get: it moves a found item to the front. stale tells that the
// item has expired (only given when wanted).
func (d *Dict) lookup(key string, wantStale bool) (v dictValue, flags uint32, stale bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	if !wantStale {
		d.expire(1, now)
	}
	it := d.find(key)
	if it.none() {
		return dictValue{}, 0, false, nil
	}
	d.touch(it)
	if stale = it.expired(now); stale && !wantStale {
		return dictValue{}, 0, false, nil
	}
	if it.kind() == kindList {
		return dictValue{}, 0, false, errDictIsList
	}
	return it.value(), it.flags(), stale, nil
}

// incr adds by to a number; a missing key starts at init when hasInit.
func (d *Dict) incr(key string, by float64, hasInit bool, init float64, initTTL int64) (val float64, forcible bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	d.expire(1, now)
	it := d.find(key)
	if !it.none() && !it.expired(now) {
		if it.kind() != kindNumber {
			return 0, false, errDictNotNumber
		}
		d.touch(it)
		v := it.value()
		v.num += by
		it.setValue(v)
		return v.num, false, nil
	}
	if !hasInit {
		return 0, false, errDictNotFound
	}
	v := dictValue{kind: kindNumber, num: by + init}
	if !it.none() {
		if it.kind() != kindList && it.valueLen() == 8 {
			d.touch(it)
			it.set(v, 0, deadline(now, initTTL))
			return v.num, false, nil
		}
		d.remove(it)
	}
	forcible, err = d.insert(key, v, deadline(now, initTTL), 0, true, now)
	return v.num, forcible, err
}

// ttl is the remaining lifetime of a key in milliseconds: 0 for one that does
// not expire, negative for one that has expired but is still there.
func (d *Dict) ttl(key string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	it := d.find(key)
	if it.none() {
		return 0, errDictNotFound
	}
	at := it.expires()
	if at == 0 {
		return 0, nil
	}
	return at - d.nowMs(), nil
}

// setExpire gives a live key a new lifetime.
func (d *Dict) setExpire(key string, ttl int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	it := d.find(key)
	if it.none() || it.expired(now) {
		return errDictNotFound
	}
	it.setExpires(deadline(now, ttl))
	return nil
}

// flushAll marks every item as expired and removes the first few.
func (d *Dict) flushAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ref := d.front; ref != 0; {
		it := d.item(ref)
		it.setExpires(1)
		ref = slabRef(le32(it.b[itemNext:]))
	}
	d.expire(0, d.nowMs())
}

// flushExpired removes up to limit expired items (0: all) and counts them.
func (d *Dict) flushExpired(limit int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, freed := d.nowMs(), 0
	for ref := d.back; ref != 0; {
		it := d.item(ref)
		prev := slabRef(le32(it.b[itemPrev:]))
		if it.expired(now) {
			d.remove(it)
			if freed++; limit != 0 && freed == limit {
				break
			}
		}
		ref = prev
	}
	return freed
}

// keys lists up to limit live keys (0: all), least recently used first.
func (d *Dict) keys(limit int) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.nowMs()
	var keys []string
	for ref := d.back; ref != 0; {
		it := d.item(ref)
		ref = slabRef(le32(it.b[itemPrev:]))
		if !it.expired(now) {
			keys = append(keys, it.key())
			if limit != 0 && len(keys) == limit {
				break
			}
		}
	}
	return keys
}

// freeSpace is the room in pages that no item touches, in bytes.
func (d *Dict) freeSpace() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return int64(d.slab.free) * slabPageSize
}

// expire removes items from the old end: with n 1 up to two that have
// expired, with n 0 the oldest by force and then up to two expired ones.
func (d *Dict) expire(n int, now int64) (freed int) {
	for ; n < 3; n++ {
		if d.back == 0 {
			return freed
		}
		it := d.item(d.back)
		if n != 0 && !it.expired(now) {
			return freed
		}
		d.remove(it)
		freed++
	}
	return freed
}

func deadline(now, ttl int64) int64 {
	if ttl <= 0 {
		return 0
	}
	if ttl > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + ttl
}
