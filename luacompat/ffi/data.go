package ffi

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// block is memory. refs are the blocks that pointers stored in it point to, by
// the offset of the pointer.
type block struct {
	mem  []byte
	addr uint64 // its place in the address space, 0 until one asks
	refs map[int]*block
	// readOnly memory is a Lua string's.
	readOnly bool
	obj      any // what an opaque struct of a C library is in Go
}

func newBlock(size int) *block { return &block{mem: make([]byte, size)} }

// data is what a script holds: a value of a C type in a block, a C type itself
// (typ), or a C function (fn).
type data struct {
	lib *lib
	t   *ctype
	b   *block
	off int
	typ bool
	fn  symbol
}

// CData marks the value for type().
func (*data) CData() {}

// Bits is the 64-bit integer that d is, for the bit library.
func (d *data) Bits() (v uint64, unsigned, ok bool) {
	if d.typ || !d.t.is64() {
		return 0, false, false
	}
	return d.uint(), d.t.unsigned, true
}

// Make wraps a result of the bit library.
func (d *data) Make(v uint64, unsigned bool) lua.LValue { return d.lib.integer(v, unsigned) }

// Number is d for tonumber.
func (d *data) Number() (float64, bool) {
	if d.typ {
		return 0, false
	}
	switch d.t.kind {
	case kindBool:
		return float64(d.b.mem[d.off]), true
	case kindInt, kindFloat:
		return d.lib.float(d.t, d.b, d.off), true
	}
	return 0, false
}

var _ stdlib.Int64 = (*data)(nil)

// address is where a block lies. The space is made of pages, so that a pointer
// a little out of bounds never looks like one into another block.
func (l *lib) address(b *block) uint64 {
	if b.addr == 0 {
		b.addr = l.nextAddr
		l.nextAddr += (uint64(len(b.mem)) + 1<<12) &^ (1<<12 - 1) << 1
	}
	return b.addr
}

// wrap makes a Lua value of data.
func (l *lib) wrap(d *data) *lua.LUserData {
	d.lib = l
	return &lua.LUserData{Value: d, Metatable: l.mt, Env: l.env}
}

// integer is a boxed 64-bit integer.
func (l *lib) integer(v uint64, unsigned bool) lua.LValue {
	b := newBlock(8)
	binary.LittleEndian.PutUint64(b.mem, v)
	t := typeInt64
	if unsigned {
		t = typeUInt64
	}
	return l.wrap(&data{t: t, b: b})
}

// pointer makes a pointer of type t to an offset in a block; nil is NULL.
func (l *lib) pointer(t *ctype, to *block, off int) *data {
	b := newBlock(pointerSize)
	if to != nil {
		l.putPointer(b, 0, to, l.address(to)+uint64(off))
	}
	return &data{lib: l, t: t, b: b}
}

func (l *lib) putPointer(b *block, off int, to *block, addr uint64) {
	binary.LittleEndian.PutUint64(b.mem[off:], addr)
	if to == nil {
		delete(b.refs, off)
		return
	}
	if b.refs == nil {
		b.refs = map[int]*block{}
	}
	b.refs[off] = to
}

// access checks that size bytes at off lie in b. b is nil for NULL and for
// addresses that were made of numbers.
func (l *lib) access(L *lua.LState, b *block, off, size int, write bool) {
	switch {
	case b == nil:
		l.raise(L, "attempt to access memory at an address that huidu did not give out")
	case off < 0 || size < 0 || off > len(b.mem)-size:
		l.raise(L, "attempt to access memory outside of its "+strconv.Itoa(len(b.mem))+" bytes")
	case write && b.readOnly:
		l.raise(L, "attempt to write to the memory of a string")
	}
}

func (d *data) uint() uint64 {
	return loadUint(d.t, d.b.mem[d.off:])
}

// loadUint reads an integer, extended to 64 bits by its sign.
func loadUint(t *ctype, m []byte) uint64 {
	switch t.size {
	case 1:
		if t.unsigned {
			return uint64(m[0])
		}
		return uint64(int8(m[0]))
	case 2:
		v := binary.LittleEndian.Uint16(m)
		if t.unsigned {
			return uint64(v)
		}
		return uint64(int16(v))
	case 4:
		v := binary.LittleEndian.Uint32(m)
		if t.unsigned {
			return uint64(v)
		}
		return uint64(int32(v))
	}
	return binary.LittleEndian.Uint64(m)
}

func storeUint(t *ctype, m []byte, v uint64) {
	switch t.size {
	case 1:
		m[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(m, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(m, uint32(v))
	default:
		binary.LittleEndian.PutUint64(m, v)
	}
}

// float is a number of any arithmetic type.
func (l *lib) float(t *ctype, b *block, off int) float64 {
	m := b.mem[off:]
	switch {
	case t.kind == kindFloat && t.size == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(m)))
	case t.kind == kindFloat:
		return math.Float64frombits(binary.LittleEndian.Uint64(m))
	}
	v := loadUint(t, m)
	if t.unsigned {
		return float64(v)
	}
	return float64(int64(v))
}

// load reads a value of type t as Lua sees it: numbers and booleans by value,
// 64-bit integers and pointers boxed, arrays and structs by reference.
func (l *lib) load(L *lua.LState, t *ctype, b *block, off int) lua.LValue {
	switch t.kind {
	case kindBool:
		l.access(L, b, off, 1, false)
		return lua.LBool(b.mem[off] != 0)
	case kindInt, kindFloat:
		l.access(L, b, off, t.size, false)
		if t.is64() {
			return l.integer(loadUint(t, b.mem[off:]), t.unsigned)
		}
		return lua.LNumber(l.float(t, b, off))
	case kindPointer:
		l.access(L, b, off, pointerSize, false)
		addr := binary.LittleEndian.Uint64(b.mem[off:])
		if addr == 0 {
			return lua.LNil
		}
		p := newBlock(pointerSize)
		l.putPointer(p, 0, b.refs[off], addr)
		return l.wrap(&data{t: t, b: p})
	case kindArray, kindStruct:
		l.access(L, b, off, t.size, false)
		return l.wrap(&data{t: t, b: b, off: off})
	}
	l.raise(L, "attempt to read a value of type '"+t.String()+"'")
	return lua.LNil
}

// target is what a pointer or an array refers to: block and offset. The block
// is nil for NULL and made-up addresses.
func (d *data) target() (*block, int) {
	if d.t.kind != kindPointer {
		return d.b, d.off
	}
	addr := binary.LittleEndian.Uint64(d.b.mem[d.off:])
	to := d.b.refs[d.off]
	if to == nil {
		return nil, 0
	}
	return to, int(addr - to.addr)
}

// addr is the address that d is or has.
func (d *data) addr() uint64 {
	if d.t.kind == kindPointer {
		return binary.LittleEndian.Uint64(d.b.mem[d.off:])
	}
	if d.b == nil {
		return 0
	}
	return d.lib.address(d.b) + uint64(d.off)
}

// String is d for tostring.
func (d *data) String() string {
	switch {
	case d.typ:
		return "ctype<" + d.t.String() + ">"
	case d.t.is64() && d.t.unsigned:
		return strconv.FormatUint(d.uint(), 10) + "ULL"
	case d.t.is64():
		return strconv.FormatInt(int64(d.uint()), 10) + "LL"
	case d.t.isEnum:
		return "cdata<" + d.t.String() + ">: " + strconv.FormatUint(d.uint(), 10)
	case d.t.kind == kindFunc:
		return "cdata<" + d.t.String() + ">: " + d.t.symbol
	case d.t.kind == kindPointer && d.addr() == 0:
		return "cdata<" + d.t.String() + ">: NULL"
	case d.t.kind == kindStruct:
		return fmt.Sprintf("cdata<%s>: 0x%08x", d.t.String(), d.addr())
	}
	return fmt.Sprintf("cdata<%s>: 0x%08x", d.t.String(), d.addr())
}

// bytes are the memory from a pointer or array on, up to the end of its block.
func (d *data) bytes(L *lua.LState) []byte {
	b, off := d.target()
	d.lib.access(L, b, off, 0, false)
	return b.mem[off:]
}
