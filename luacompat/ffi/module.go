package ffi

import (
	"runtime"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
	"huidu/luacompat/vm"
)

// maxSize bounds one object.
const maxSize = 1 << 30

// lib is the module in one VM.
type lib struct {
	*scope
	vm       *vm.VM
	mt       *lua.LTable // of all C data
	env      *lua.LTable
	nextAddr uint64
	errno    int
	parsed   map[string]*ctype // by the text of the type
	libc     *lua.LUserData    // ffi.C
	arg      int               // the argument of a C function that is being converted
	sslError string            // what OpenSSL's functions failed of, until it is asked for
}

// metatype is what ffi.metatype gave a type.
type metatype struct{ t *lua.LTable }

// Register lets scripts of v require ffi.
func Register(v *vm.VM) {
	v.Preload("ffi", func(L *lua.LState) int {
		l := &lib{scope: newScope(), vm: v, env: L.G.Global, nextAddr: 1 << 32, parsed: map[string]*ctype{}}
		L.Push(l.open(L))
		return 1
	})
}

func (l *lib) open(L *lua.LState) *lua.LTable {
	l.mt = l.metatable(L)
	l.libc = &lua.LUserData{Value: &namespace{}, Metatable: l.namespaceMeta(L), Env: l.env}
	t := stdlib.Table(L, []stdlib.Func{
		{Name: "cdef", Fn: l.cdef},
		{Name: "load", Fn: l.load_},
		{Name: "new", Fn: l.new},
		{Name: "typeof", Fn: l.typeof},
		{Name: "cast", Fn: l.cast},
		{Name: "metatype", Fn: l.metatypeOf},
		{Name: "gc", Fn: l.gc},
		{Name: "sizeof", Fn: l.sizeof},
		{Name: "alignof", Fn: l.alignof},
		{Name: "offsetof", Fn: l.offsetof},
		{Name: "istype", Fn: l.istype},
		{Name: "errno", Fn: l.errnoOf},
		{Name: "string", Fn: l.string},
		{Name: "copy", Fn: l.copy},
		{Name: "fill", Fn: l.fill},
		{Name: "abi", Fn: l.abi},
	})
	t.RawSetString("C", l.libc)
	t.RawSetString("os", lua.LString("Linux"))
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	t.RawSetString("arch", lua.LString(arch))
	return t
}

// raise raises msg with the caller's position.
func (l *lib) raise(L *lua.LState, msg string) {
	L.Error(lua.LString(l.vm.Where(L, 1)+msg), 0)
}

// parse runs fn over a declaration and raises what it complains of.
func (l *lib) parse(L *lua.LState, src string, params []*ctype, fn func(p *parser)) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case parseError:
			l.raise(L, e.msg)
		default:
			panic(e)
		}
	}()
	fn(l.parser(src, params))
}

// types are the type arguments that fill the $ of a declaration.
func (l *lib) typeParams(L *lua.LState, from int) (params []*ctype) {
	for i := from; i <= L.GetTop(); i++ {
		if d := cdata(L.Get(i)); d != nil && d.typ {
			params = append(params, d.t)
		}
	}
	return params
}

// cdef is ffi.cdef(declarations).
func (l *lib) cdef(L *lua.LState) int {
	l.parse(L, stdlib.Str(L, 1), l.typeParams(L, 2), (*parser).declarations)
	clear(l.parsed)
	return 0
}

// load_ is ffi.load, which has nothing to load from.
func (l *lib) load_(L *lua.LState) int {
	name := stdlib.Str(L, 1)
	l.raise(L, name+": shared libraries cannot be loaded by huidu")
	return 0
}

// ctypeArg is the type that argument n names: a declaration, a type or C data.
func (l *lib) ctypeArg(L *lua.LState, n int) *ctype {
	if s, ok := L.Get(n).(lua.LString); ok {
		if t := l.parsed[string(s)]; t != nil {
			return t
		}
		var t *ctype
		params := l.typeParams(L, n+1)
		l.parse(L, string(s), params, func(p *parser) { t = p.typeName() })
		if len(params) == 0 {
			l.parsed[string(s)] = t
		}
		return t
	}
	d := cdata(L.Get(n))
	if d == nil {
		stdlib.TypeError(L, n, "C type")
	}
	return d.t
}

func (l *lib) push(L *lua.LState, d *data) int {
	L.Push(l.wrap(d))
	return 1
}

// new is ffi.new(ct [, nelem] [, init...]).
func (l *lib) new(L *lua.LState) int {
	t := l.ctypeArg(L, 1)
	next := 2
	if s, ok := L.Get(1).(lua.LString); ok {
		for i := range s { // arguments that filled a $
			if s[i] == '$' {
				next++
			}
		}
	}
	return l.make(L, t, next)
}

// make is ffi.new for a type, with further arguments from next on.
func (l *lib) make(L *lua.LState, t *ctype, next int) int {
	size := t.size
	if t.variable {
		stdlib.Any(L, next)
		n := stdlib.Num(L, next)
		next++
		elem := t.elem
		if t.kind == kindStruct {
			elem = t.fields[len(t.fields)-1].t.elem
		}
		if !(n >= 0) || n*float64(elem.size) > maxSize {
			l.raise(L, "size of C type is unknown or too large")
		}
		size += int(n) * elem.size
		if t.kind == kindArray { // it knows its length from now on
			t = arrayOf(elem, int(n))
			t.variable = true
		}
	}
	if !t.complete && !t.variable || t.kind == kindVoid || t.kind == kindFunc || size > maxSize {
		stdlib.ArgError(L, 1, "size of C type is unknown or too large")
	}
	d := &data{t: t, b: newBlock(size)}
	if next <= L.GetTop() {
		init := make([]lua.LValue, 0, 4)
		for i := next; i <= L.GetTop(); i++ {
			init = append(init, L.Get(i))
		}
		l.initialise(L, t, d.b, 0, init)
	}
	return l.push(L, d)
}

// typeof is ffi.typeof(ct).
func (l *lib) typeof(L *lua.LState) int {
	return l.push(L, &data{t: l.ctypeArg(L, 1), typ: true})
}

// cast is ffi.cast(ct, v).
func (l *lib) cast(L *lua.LState) int {
	t := l.ctypeArg(L, 1)
	if !t.scalar() {
		stdlib.ArgError(L, 1, "invalid C type")
	}
	v := stdlib.Any(L, 2)
	d := &data{t: t, b: newBlock(t.size)}
	if from := cdata(v); from != nil && !from.typ && from.t.kind == kindFunc && t.kind == kindPointer {
		return l.push(L, &data{t: from.t, fn: from.fn})
	}
	l.store(L, t, d.b, 0, v, true)
	return l.push(L, d)
}

// metatypeOf is ffi.metatype(ct, metatable).
func (l *lib) metatypeOf(L *lua.LState) int {
	t := l.ctypeArg(L, 1)
	mt := stdlib.Tab(L, 2)
	if t.kind != kindStruct {
		stdlib.ArgError(L, 1, "invalid C type")
	}
	if t.meta != nil {
		l.raise(L, "cannot change a protected metatable")
	}
	t.meta = &metatype{mt}
	return l.push(L, &data{t: t, typ: true})
}

// gc is ffi.gc(cdata, finalizer). Memory needs none, and there is no moment at
// which a finalizer could run. A NULL that a function returned is nil.
func (l *lib) gc(L *lua.LState) int {
	if L.Get(1) != lua.LNil && cdata(L.Get(1)) == nil {
		return stdlib.TypeError(L, 1, "cdata")
	}
	L.Push(L.Get(1))
	return 1
}

// sizeof is ffi.sizeof(ct [, nelem]).
func (l *lib) sizeof(L *lua.LState) int {
	t := l.ctypeArg(L, 1)
	d := cdata(L.Get(1))
	switch {
	case t.kind == kindFunc || t.kind == kindVoid || !t.complete && !t.variable:
		L.Push(lua.LNil)
	case d != nil && !d.typ && t.variable:
		L.Push(lua.LNumber(len(d.b.mem) - d.off))
	case t.variable && (d == nil || d.typ) && t.n == unsized:
		n := stdlib.OptInt(L, 2, -1)
		if n < 0 {
			L.Push(lua.LNil)
			return 1
		}
		elem := t.elem
		if t.kind == kindStruct {
			elem = t.fields[len(t.fields)-1].t.elem
		}
		L.Push(lua.LNumber(t.size + n*elem.size))
	default:
		L.Push(lua.LNumber(t.size))
	}
	return 1
}

// alignof is ffi.alignof(ct).
func (l *lib) alignof(L *lua.LState) int {
	L.Push(lua.LNumber(l.ctypeArg(L, 1).align))
	return 1
}

// offsetof is ffi.offsetof(ct, field).
func (l *lib) offsetof(L *lua.LState) int {
	t := l.ctypeArg(L, 1)
	if _, off, ok := t.member(stdlib.Str(L, 2)); ok {
		L.Push(lua.LNumber(off))
		return 1
	}
	return 0
}

// istype is ffi.istype(ct, v).
func (l *lib) istype(L *lua.LState) int {
	t := l.ctypeArg(L, 1)
	d := cdata(stdlib.Any(L, 2))
	ok := d != nil && !d.typ && (same(t, d.t) || t.kind == kindStruct && d.t.kind == kindPointer && same(t, d.t.elem) ||
		t.variable && d.t.variable && t.kind == kindArray && same(t.elem, d.t.elem))
	L.Push(lua.LBool(ok))
	return 1
}

// errnoOf is ffi.errno([new]).
func (l *lib) errnoOf(L *lua.LState) int {
	old := l.errno
	if L.GetTop() > 0 {
		l.errno = stdlib.Int(L, 1)
	}
	L.Push(lua.LNumber(old))
	return 1
}

// memory is an argument that is read or written as bytes.
func (l *lib) memory(L *lua.LState, n int) (*block, int) {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return &block{mem: []byte(v), readOnly: true}, 0
	case *lua.LUserData:
		if d := cdata(v); d != nil && !d.typ {
			switch d.t.kind {
			case kindPointer, kindArray, kindStruct:
				return d.target()
			}
		}
	}
	l.raise(L, "bad argument #"+string(rune('0'+n))+" to '?' (cannot convert '"+typeOf(L.Get(n))+"' to 'const void *')")
	return nil, 0
}

// string is ffi.string(ptr [, len]).
func (l *lib) string(L *lua.LState) int {
	b, off := l.memory(L, 1)
	if L.Get(2) != lua.LNil {
		n := l.length(L, 2)
		l.access(L, b, off, n, false)
		L.Push(lua.LString(b.mem[off : off+n]))
		return 1
	}
	l.access(L, b, off, 0, false)
	end := off
	for end < len(b.mem) && b.mem[end] != 0 {
		end++
	}
	L.Push(lua.LString(b.mem[off:end]))
	return 1
}

// length is a size argument: a number or a 64-bit integer.
func (l *lib) length(L *lua.LState, n int) int {
	u, f, isInt, ok := l.arithmetic(L.Get(n))
	if !ok {
		f = stdlib.Num(L, n)
	}
	if isInt {
		f = float64(int64(u))
	}
	if !(f >= 0 && f <= maxSize) {
		l.raise(L, "attempt to access memory of that size")
	}
	return int(f)
}

// copy is ffi.copy(dst, src, len) and ffi.copy(dst, str).
func (l *lib) copy(L *lua.LState) int {
	to, off := l.memory(L, 1)
	from, foff := l.memory(L, 2)
	if L.Get(3) != lua.LNil {
		n := l.length(L, 3)
		if s, ok := L.Get(2).(lua.LString); ok && n == len(s)+1 { // with its zero byte
			from = &block{mem: append([]byte(s), 0)}
		}
		l.move(L, to, off, from, foff, n)
		return 0
	}
	s := stdlib.Str(L, 2)
	l.move(L, to, off, &block{mem: append([]byte(s), 0)}, 0, len(s)+1)
	return 0
}

// fill is ffi.fill(dst, len [, c]).
func (l *lib) fill(L *lua.LState) int {
	b, off := l.memory(L, 1)
	n := l.length(L, 2)
	l.access(L, b, off, n, true)
	c := byte(stdlib.OptInt(L, 3, 0))
	m := b.mem[off : off+n]
	for i := range m {
		m[i] = c
	}
	for o := range b.refs {
		if o > off-pointerSize && o < off+n {
			delete(b.refs, o)
		}
	}
	return 0
}

// abi is ffi.abi(param).
func (l *lib) abi(L *lua.LState) int {
	switch stdlib.Str(L, 1) {
	case "64bit", "le", "fpu", "hardfp", "gc64":
		L.Push(lua.LTrue)
	default:
		L.Push(lua.LFalse)
	}
	return 1
}
