package ffi

import (
	"encoding/binary"
	"math"
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
	"huidu/luacompat/stdlib"
)

// cdata is the C data of a Lua value, or nil.
func cdata(v lua.LValue) *data {
	if ud, ok := v.(*lua.LUserData); ok {
		if d, ok := ud.Value.(*data); ok {
			return d
		}
	}
	return nil
}

// typeOf is what LuaJIT calls the type of a value in its complaints.
func typeOf(v lua.LValue) string {
	if d := cdata(v); d != nil && !d.typ {
		return d.t.String()
	}
	return v.Type().String()
}

func (l *lib) cannotConvert(L *lua.LState, v lua.LValue, t *ctype) {
	msg := "cannot convert '" + typeOf(v) + "' to '" + t.String() + "'"
	if n := l.arg; n > 0 {
		l.arg = 0
		stdlib.ArgError(L, n, msg)
	}
	l.raise(L, msg)
}

// toUint cuts a number to an integer as LuaJIT does: towards zero, modulo 2^64.
func toUint(f float64) uint64 {
	switch {
	case f >= math.MinInt64 && f < math.MaxInt64:
		return uint64(int64(f))
	case f >= math.MaxInt64 && f < math.MaxUint64:
		return uint64(f)
	}
	return 1 << 63
}

// arithmetic is the number that a Lua value or scalar C data is: as an integer
// where it is one, as a float otherwise.
func (l *lib) arithmetic(v lua.LValue) (u uint64, f float64, isInt, ok bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return 0, float64(v), false, true
	case lua.LBool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case *lua.LUserData:
		d := cdata(v)
		if d == nil || d.typ {
			return
		}
		switch d.t.kind {
		case kindInt, kindBool:
			return d.uint(), 0, true, true
		case kindFloat:
			return 0, l.float(d.t, d.b, d.off), false, true
		}
	}
	return
}

// store converts a Lua value to type t and writes it; cast allows what a C cast
// does.
func (l *lib) store(L *lua.LState, t *ctype, b *block, off int, v lua.LValue, cast bool) {
	l.access(L, b, off, t.size, true)
	m := b.mem[off:]
	switch t.kind {
	case kindBool, kindInt, kindFloat:
		l.storeNumber(L, t, m, v, cast)
	case kindPointer:
		to, addr := l.toPointer(L, t, v, cast)
		l.putPointer(b, off, to, addr)
	case kindArray, kindStruct:
		d := cdata(v)
		if d != nil && !d.typ && (same(d.t, t) || t.kind == kindArray && d.t.kind == kindArray && same(d.t.elem, t.elem) && d.t.size >= t.size) {
			l.move(L, b, off, d.b, d.off, t.size)
			return
		}
		if d != nil && !d.typ && t.kind == kindStruct && d.t.kind == kindPointer && same(d.t.elem, t) {
			from, foff := d.target()
			l.move(L, b, off, from, foff, t.size)
			return
		}
		switch v.(type) {
		case *lua.LTable:
			l.initialise(L, t, b, off, []lua.LValue{v})
			return
		case lua.LString:
			if t.kind == kindArray && t.elem.kind == kindInt && t.elem.size == 1 {
				l.initialise(L, t, b, off, []lua.LValue{v})
				return
			}
		}
		l.cannotConvert(L, v, t)
	default:
		l.cannotConvert(L, v, t)
	}
}

func (l *lib) storeNumber(L *lua.LState, t *ctype, m []byte, v lua.LValue, cast bool) {
	if s, ok := v.(lua.LString); ok {
		if t.isEnum {
			if n, ok := l.consts[string(s)]; ok {
				storeUint(t, m, uint64(n))
				return
			}
		}
		if f, ok := repair.ParseNumber(string(s)); ok && cast && t.kind != kindBool && !t.isEnum {
			v = lua.LNumber(f)
		}
	}
	u, f, isInt, ok := l.arithmetic(v)
	if !ok && cast {
		if d := cdata(v); d != nil && !d.typ && (d.t.kind == kindPointer || d.t.kind == kindArray || d.t.kind == kindStruct) {
			u, isInt, ok = d.addr(), true, true
		} else if v == lua.LNil {
			isInt, ok = true, true
		}
	}
	if !ok {
		l.cannotConvert(L, v, t)
	}
	switch {
	case t.kind == kindFloat:
		if isInt {
			f = float64(int64(u))
			if d := cdata(v); d != nil && d.t.unsigned {
				f = float64(u)
			}
		}
		if t.size == 4 {
			binary.LittleEndian.PutUint32(m, math.Float32bits(float32(f)))
		} else {
			binary.LittleEndian.PutUint64(m, math.Float64bits(f))
		}
	case t.kind == kindBool:
		m[0] = 0
		if isInt && u != 0 || !isInt && f != 0 {
			m[0] = 1
		}
	default:
		if !isInt {
			u = toUint(f)
		}
		storeUint(t, m, u)
	}
}

// toPointer is the block and address that a value converted to pointer type t
// points to.
func (l *lib) toPointer(L *lua.LState, t *ctype, v lua.LValue, cast bool) (*block, uint64) {
	switch x := v.(type) {
	case *lua.LNilType:
		return nil, 0
	case lua.LString:
		if e := t.elem; e.kind == kindVoid || e.kind == kindInt && e.size == 1 || cast {
			b := l.stringBlock(string(x), t)
			return b, l.address(b)
		}
	case lua.LNumber:
		if cast {
			return nil, toUint(float64(x))
		}
	case *lua.LUserData:
		d := cdata(x)
		if d == nil { // lightuserdata: ngx.null, or a Go value
			if x.Value == nil {
				return nil, 0
			}
			break
		}
		if d.typ {
			break
		}
		switch d.t.kind {
		case kindPointer:
			if cast || compatible(t.elem, d.t.elem) {
				to, _ := d.target()
				return to, d.addr()
			}
		case kindArray:
			if cast || compatible(t.elem, d.t.elem) {
				return d.b, d.addr()
			}
		case kindStruct:
			if cast || compatible(t.elem, d.t) {
				return d.b, d.addr()
			}
		case kindInt:
			if cast {
				return nil, d.uint()
			}
		}
	case *lua.LFunction:
		if t.elem.kind == kindFunc {
			l.raise(L, "callbacks are not supported by huidu")
		}
	}
	l.cannotConvert(L, v, t)
	return nil, 0
}

// compatible tells whether a pointer to b may stand for a pointer to a.
func compatible(a, b *ctype) bool {
	return a.kind == kindVoid || b.kind == kindVoid || same(a, b) ||
		a.kind == kindInt && b.kind == kindInt && a.size == b.size
}

// stringBlock is the memory of a string and the zero byte after it. Where it
// may only be read it is not copied.
func (l *lib) stringBlock(s string, t *ctype) *block {
	if t.elem.constant && s != "" {
		return &block{mem: unsafe.Slice(unsafe.StringData(s), len(s)), readOnly: true}
	}
	m := make([]byte, len(s)+1)
	copy(m, s)
	return &block{mem: m}
}

// move copies memory with the pointers in it.
func (l *lib) move(L *lua.LState, to *block, off int, from *block, foff, n int) {
	l.access(L, to, off, n, true)
	l.access(L, from, foff, n, false)
	copy(to.mem[off:off+n], from.mem[foff:foff+n])
	if from.refs == nil && to.refs == nil {
		return
	}
	moved := map[int]*block{}
	for o, r := range from.refs {
		if o >= foff && o+pointerSize <= foff+n {
			moved[o-foff+off] = r
		}
	}
	for o := range to.refs {
		if o > off-pointerSize && o < off+n {
			delete(to.refs, o)
		}
	}
	for o, r := range moved {
		if to.refs == nil {
			to.refs = map[int]*block{}
		}
		to.refs[o] = r
	}
}

// initialise fills new memory of type t with the initializers of ffi.new.
func (l *lib) initialise(L *lua.LState, t *ctype, b *block, off int, init []lua.LValue) {
	if len(init) == 0 {
		return
	}
	switch t.kind {
	case kindArray:
		if len(init) == 1 {
			if l.initArray(L, t, b, off, init[0]) {
				return
			}
		}
		l.initElements(L, t, b, off, init)
	case kindStruct:
		if len(init) == 1 {
			if tbl, ok := init[0].(*lua.LTable); ok {
				l.initStruct(L, t, b, off, tbl)
				return
			}
			if d := cdata(init[0]); d != nil && !d.typ && (same(d.t, t) || d.t.kind == kindPointer && same(d.t.elem, t)) {
				l.store(L, t, b, off, init[0], false)
				return
			}
		}
		for i, v := range init {
			if i >= len(t.fields) || t.union && i > 0 {
				l.raise(L, "too many initializers for '"+t.String()+"'")
			}
			f := &t.fields[i]
			l.store(L, f.t, b, off+f.off, v, false)
		}
	default:
		if len(init) > 1 {
			l.raise(L, "too many initializers for '"+t.String()+"'")
		}
		v := init[0]
		if tbl, ok := v.(*lua.LTable); ok {
			if e := tbl.RawGet(lua.LNumber(0)); e != lua.LNil {
				v = e
			} else if e := tbl.RawGetInt(1); e != lua.LNil {
				v = e
			}
		}
		l.store(L, t, b, off, v, false)
	}
}

// initArray fills an array from one initializer that stands for all of it; it
// reports false for one that is the first element.
func (l *lib) initArray(L *lua.LState, t *ctype, b *block, off int, v lua.LValue) bool {
	length := 0
	if t.elem.size > 0 {
		length = (len(b.mem) - off) / t.elem.size
		if t.n >= 0 {
			length = min(length, t.n)
		}
	}
	switch x := v.(type) {
	case lua.LString:
		if t.elem.kind != kindInt || t.elem.size != 1 {
			return false
		}
		s := string(x)
		if len(s) < length { // with its zero byte, if there is room
			s += "\x00"
		}
		copy(b.mem[off:off+length], s)
		return true
	case *lua.LTable:
		first := 0
		if x.RawGet(lua.LNumber(0)) == lua.LNil {
			first = 1
		}
		var vals []lua.LValue
		for i := first; ; i++ {
			e := x.RawGet(lua.LNumber(i))
			if e == lua.LNil {
				break
			}
			vals = append(vals, e)
		}
		l.initElements(L, t, b, off, vals)
		return true
	}
	if d := cdata(v); d != nil && !d.typ && d.t.kind == kindArray && same(d.t.elem, t.elem) {
		l.move(L, b, off, d.b, d.off, min(d.t.size, length*t.elem.size))
		return true
	}
	return false
}

// initElements fills the elements of an array: one value fills all.
func (l *lib) initElements(L *lua.LState, t *ctype, b *block, off int, vals []lua.LValue) {
	size := t.elem.size
	length := 0
	if size > 0 {
		length = (len(b.mem) - off) / size
		if t.n >= 0 {
			length = min(length, t.n)
		}
	}
	if len(vals) > length {
		l.raise(L, "too many initializers for '"+t.String()+"'")
	}
	if len(vals) == 1 {
		for i := range length {
			l.store(L, t.elem, b, off+i*size, vals[0], false)
		}
		return
	}
	for i, v := range vals {
		l.store(L, t.elem, b, off+i*size, v, false)
	}
}

func (l *lib) initStruct(L *lua.LState, t *ctype, b *block, off int, tbl *lua.LTable) {
	first := -1
	if tbl.RawGet(lua.LNumber(0)) != lua.LNil {
		first = 0
	} else if tbl.RawGetInt(1) != lua.LNil {
		first = 1
	}
	if first >= 0 {
		for i := range t.fields {
			v := tbl.RawGet(lua.LNumber(first + i))
			if v == lua.LNil || t.union && i > 0 {
				return
			}
			f := &t.fields[i]
			l.store(L, f.t, b, off+f.off, v, false)
		}
		return
	}
	for i := range t.fields {
		f := &t.fields[i]
		if f.name == "" {
			l.initStruct(L, f.t, b, off+f.off, tbl)
			continue
		}
		if v := tbl.RawGetString(f.name); v != lua.LNil {
			l.store(L, f.t, b, off+f.off, v, false)
			if t.union {
				return
			}
		}
	}
}
