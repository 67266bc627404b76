package ffi

import (
	"strconv"
	"strings"
)

// kind is what a C type is.
type kind uint8

const (
	kindVoid kind = iota
	kindBool
	kindInt // char, short, int, long, enum
	kindFloat
	kindPointer
	kindArray
	kindStruct // and union
	kindFunc
)

// pointerSize is that of LP64, as on every platform huidu is built for.
const pointerSize = 8

// unsized is the length of an array that is not known yet.
const unsized = -1

// ctype is a C type. Structs are one ctype for each declaration, other types
// may be made anew each time and compare by shape.
type ctype struct {
	kind     kind
	size     int
	align    int
	unsigned bool
	constant bool
	variable bool // an array whose length ffi.new is told: T[?]
	isEnum   bool
	name     string // of a base type, or "struct tag"

	elem *ctype // of a pointer or array; a function's result
	n    int    // length of an array, or unsized

	complete bool // of a struct: its members are known
	union    bool
	fields   []field
	params   []*ctype
	vararg   bool
	symbol   string // of a function: its name

	meta *metatype // what ffi.metatype gave a struct
}

// field is a member of a struct or union. A nameless one is a struct whose
// members are reached through it.
type field struct {
	name string
	t    *ctype
	off  int
}

func base(name string, k kind, size int, unsigned bool) *ctype {
	return &ctype{kind: k, size: size, align: max(size, 1), unsigned: unsigned, name: name, complete: true}
}

// The base types under the names that LuaJIT prints.
var (
	typeVoid   = base("void", kindVoid, 0, false)
	typeBool   = base("bool", kindBool, 1, true)
	typeChar   = base("char", kindInt, 1, false)
	typeUChar  = base("unsigned char", kindInt, 1, true)
	typeShort  = base("short", kindInt, 2, false)
	typeUShort = base("unsigned short", kindInt, 2, true)
	typeInt    = base("int", kindInt, 4, false)
	typeUInt   = base("unsigned int", kindInt, 4, true)
	typeInt64  = base("int64_t", kindInt, 8, false)
	typeUInt64 = base("uint64_t", kindInt, 8, true)
	typeFloat  = base("float", kindFloat, 4, false)
	typeDouble = base("double", kindFloat, 8, false)
)

// predefined are the type names that LuaJIT knows without a declaration.
var predefined = map[string]*ctype{
	"int8_t": base("char", kindInt, 1, false), "uint8_t": typeUChar,
	"int16_t": typeShort, "uint16_t": typeUShort,
	"int32_t": typeInt, "uint32_t": typeUInt,
	"int64_t": typeInt64, "uint64_t": typeUInt64,
	"intptr_t": typeInt64, "uintptr_t": typeUInt64,
	"ptrdiff_t": typeInt64, "size_t": typeUInt64, "ssize_t": typeInt64,
	"wchar_t": typeInt, "bool": typeBool, "va_list": pointerTo(typeVoid),
}

func pointerTo(t *ctype) *ctype {
	return &ctype{kind: kindPointer, size: pointerSize, align: pointerSize, elem: t, complete: true}
}

func arrayOf(t *ctype, n int) *ctype {
	a := &ctype{kind: kindArray, align: t.align, elem: t, n: n, complete: n >= 0}
	if n >= 0 {
		a.size = n * t.size
	}
	return a
}

// asConst is t with the const qualifier.
func (t *ctype) asConst() *ctype {
	if t.constant || t.kind == kindStruct { // a struct is known by its identity
		return t
	}
	c := *t
	c.constant = true
	return &c
}

func (t *ctype) is64() bool { return t.kind == kindInt && t.size == 8 && !t.isEnum }

// scalar types are copied as values, others are referred to.
func (t *ctype) scalar() bool { return t.kind <= kindPointer && t.kind != kindVoid }

// layout gives the members of a struct their offsets.
func (t *ctype) layout(packed bool) {
	t.size, t.align, t.complete = 0, 1, true
	for i := range t.fields {
		f := &t.fields[i]
		align := f.t.align
		if packed {
			align = 1
		}
		t.align = max(t.align, align)
		if t.union {
			t.size = max(t.size, f.t.size)
			continue
		}
		t.size = (t.size + align - 1) / align * align
		f.off = t.size
		t.size += f.t.size
		t.variable = f.t.variable
	}
	t.size = (t.size + t.align - 1) / t.align * t.align
}

// member finds a member by name, also within nameless structs.
func (t *ctype) member(name string) (*ctype, int, bool) {
	for i := range t.fields {
		f := &t.fields[i]
		if f.name == name {
			return f.t, f.off, true
		}
		if f.name == "" && f.t.kind == kindStruct {
			if mt, off, ok := f.t.member(name); ok {
				return mt, f.off + off, true
			}
		}
	}
	return nil, 0, false
}

// same tells whether two types are the same, qualifiers aside.
func same(a, b *ctype) bool {
	if a == b {
		return true
	}
	if a.kind != b.kind || a.size != b.size {
		return false
	}
	switch a.kind {
	case kindStruct, kindFunc:
		return false
	case kindPointer:
		return same(a.elem, b.elem)
	case kindArray:
		return a.n == b.n && same(a.elem, b.elem)
	case kindInt:
		return a.unsigned == b.unsigned && a.isEnum == b.isEnum && (!a.isEnum || a.name == b.name)
	}
	return true
}

// String is the type as LuaJIT prints it: "const char *", "int [4]".
func (t *ctype) String() string {
	return strings.TrimSpace(t.declare(""))
}

// declare is a declaration of inner with type t.
func (t *ctype) declare(inner string) string {
	switch t.kind {
	case kindPointer:
		star := "*"
		if t.constant {
			star = "*const "
		}
		inner = star + inner
		if t.elem.kind == kindArray || t.elem.kind == kindFunc {
			inner = "(" + inner + ")"
		}
		return t.elem.declare(inner)
	case kindArray:
		n := ""
		switch {
		case t.variable:
			n = "?"
		case t.n >= 0:
			n = strconv.Itoa(t.n)
		}
		return t.elem.declare(inner + "[" + n + "]")
	case kindFunc:
		return t.elem.declare(inner + "()")
	}
	s := t.name
	if t.constant {
		s = "const " + s
	}
	if inner != "" {
		s += " " + inner
	}
	return s
}
