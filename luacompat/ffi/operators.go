package ffi

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// metatable is that of all C data.
func (l *lib) metatable(L *lua.LState) *lua.LTable {
	mt := stdlib.Table(L, []stdlib.Func{
		{Name: "__index", Fn: l.index},
		{Name: "__newindex", Fn: l.newindex},
		{Name: "__call", Fn: l.call},
		{Name: "__tostring", Fn: l.tostring},
		{Name: "__len", Fn: func(L *lua.LState) int { return l.event(L, "__len", "get length of") }},
		{Name: "__concat", Fn: func(L *lua.LState) int { return l.event(L, "__concat", "concatenate") }},
		{Name: "__unm", Fn: l.unm},
		{Name: "__eq", Fn: l.eq},
		{Name: "__lt", Fn: func(L *lua.LState) int { return l.compare(L, "__lt") }},
		{Name: "__le", Fn: func(L *lua.LState) int { return l.compare(L, "__le") }},
	})
	for _, op := range []string{"__add", "__sub", "__mul", "__div", "__mod", "__pow"} {
		mt.RawSetString(op, L.NewFunction(func(L *lua.LState) int { return l.binary(L, op) }))
	}
	mt.RawSetString("__metatable", lua.LString("ffi"))
	return mt
}

// handler is a metamethod that ffi.metatype gave the type of d, or of what d
// points to.
func (d *data) handler(event string) lua.LValue {
	t := d.t
	if t.kind == kindPointer {
		t = t.elem
	}
	if t.meta == nil {
		return lua.LNil
	}
	return t.meta.t.RawGetString(event)
}

// invoke calls a metamethod with the arguments at hand for one result.
func (l *lib) invoke(L *lua.LState, fn lua.LValue, n int) int {
	args := make([]lua.LValue, n)
	for i := range args {
		args[i] = L.Get(i + 1)
	}
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	L.Call(n, 1)
	return 1
}

// event runs a metamethod of either operand, or complains.
func (l *lib) event(L *lua.LState, event, what string) int {
	for i := 1; i <= 2; i++ {
		if d := cdata(L.Get(i)); d != nil {
			if fn := d.handler(event); fn != lua.LNil {
				return l.invoke(L, fn, L.GetTop())
			}
		}
	}
	if event == "__len" {
		l.raise(L, "attempt to get length of '"+typeOf(L.Get(1))+"'")
	}
	l.raise(L, "attempt to "+what+" '"+typeOf(L.Get(1))+"' and '"+typeOf(L.Get(2))+"'")
	return 0
}

// place is what an index of d denotes: a type, block and offset.
func (l *lib) place(L *lua.LState, d *data, key lua.LValue) (*ctype, *block, int, bool) {
	if d.typ {
		return nil, nil, 0, false
	}
	t := d.t
	switch k := key.(type) {
	case lua.LString:
		s := t
		if t.kind == kindPointer {
			s = t.elem
		}
		if s.kind != kindStruct {
			return nil, nil, 0, false
		}
		mt, off, ok := s.member(string(k))
		if !ok {
			return nil, nil, 0, false
		}
		b, boff := d.target()
		return mt, b, boff + off, true
	default:
		u, f, isInt, ok := l.arithmetic(key)
		if !ok || t.kind != kindPointer && t.kind != kindArray {
			return nil, nil, 0, false
		}
		i := int64(u)
		if !isInt {
			i = int64(f)
		}
		if t.elem.size == 0 || i > math.MaxInt32 || i < math.MinInt32 {
			l.raise(L, "size of C type is unknown or too large")
		}
		b, off := d.target()
		return t.elem, b, off + int(i)*t.elem.size, true
	}
}

func (l *lib) noIndex(L *lua.LState, d *data, key lua.LValue) {
	t := d.t
	if t.kind == kindPointer {
		t = t.elem
	}
	if k, ok := key.(lua.LString); ok {
		if d.t.kind != kindPointer || t.kind != kindStruct {
			t = d.t
		}
		l.raise(L, "'"+t.String()+"' has no member named '"+string(k)+"'")
	}
	l.raise(L, "'"+d.t.String()+"' cannot be indexed with '"+typeOf(key)+"'")
}

// index is v[key]: an element, a member, or what the metatype says.
func (l *lib) index(L *lua.LState) int {
	d := cdata(L.Get(1))
	key := L.Get(2)
	if t, b, off, ok := l.place(L, d, key); ok {
		L.Push(l.load(L, t, b, off))
		return 1
	}
	switch h := d.handler("__index").(type) {
	case *lua.LFunction:
		return l.invoke(L, h, 2)
	case *lua.LNilType:
	default:
		L.Push(L.GetTable(h, key))
		return 1
	}
	if k, ok := key.(lua.LString); ok && d.typ {
		if v, ok := l.consts[string(k)]; ok {
			L.Push(lua.LNumber(v))
			return 1
		}
	}
	l.noIndex(L, d, key)
	return 0
}

// newindex is v[key] = value.
func (l *lib) newindex(L *lua.LState) int {
	d := cdata(L.Get(1))
	key := L.Get(2)
	if t, b, off, ok := l.place(L, d, key); ok {
		if t.constant || (d.t.kind == kindPointer && d.t.elem.constant) {
			l.raise(L, "attempt to write to constant location")
		}
		l.store(L, t, b, off, L.Get(3), false)
		return 0
	}
	switch h := d.handler("__newindex").(type) {
	case *lua.LFunction:
		l.invoke(L, h, 3)
		return 0
	case *lua.LNilType:
	default:
		L.SetTable(h, key, L.Get(3))
		return 0
	}
	l.noIndex(L, d, key)
	return 0
}

// call makes data of a type, or calls a function.
func (l *lib) call(L *lua.LState) int {
	d := cdata(L.Get(1))
	switch {
	case d.typ:
		if h := d.handler("__new"); h != lua.LNil && d.t.kind == kindStruct {
			return l.invoke(L, h, L.GetTop())
		}
		return l.make(L, d.t, 2)
	case d.fn != nil:
		return l.callSymbol(L, d)
	}
	if h := d.handler("__call"); h != lua.LNil {
		n := L.GetTop()
		L.Push(h)
		for i := 1; i <= n; i++ {
			L.Push(L.Get(i))
		}
		L.Call(n, lua.MultRet)
		return L.GetTop() - n
	}
	l.raise(L, "'"+d.t.String()+"' is not callable")
	return 0
}

func (l *lib) tostring(L *lua.LState) int {
	d := cdata(L.Get(1))
	if h := d.handler("__tostring"); h != lua.LNil && !d.typ {
		return l.invoke(L, h, 1)
	}
	L.Push(lua.LString(d.String()))
	return 1
}

func (l *lib) unm(L *lua.LState) int {
	d := cdata(L.Get(1))
	if h := d.handler("__unm"); h != lua.LNil {
		return l.invoke(L, h, 1)
	}
	u, f, isInt, ok := l.arithmetic(L.Get(1))
	if !ok {
		l.raise(L, "attempt to perform arithmetic on '"+typeOf(L.Get(1))+"' and 'nil'")
	}
	if isInt {
		L.Push(l.integer(-u, d.t.unsigned && d.t.size == 8))
	} else {
		L.Push(lua.LNumber(-f))
	}
	return 1
}

// eq compares two C data; gopher-lua never asks about other pairs.
func (l *lib) eq(L *lua.LState) int {
	a, b := cdata(L.Get(1)), cdata(L.Get(2))
	for _, d := range []*data{a, b} {
		if d != nil {
			if h := d.handler("__eq"); h != lua.LNil {
				return l.invoke(L, h, 2)
			}
		}
	}
	equal := false
	if a != nil && b != nil {
		ua, fa, ia, oka := l.arithmetic(L.Get(1))
		ub, fb, ib, okb := l.arithmetic(L.Get(2))
		switch {
		case a.typ || b.typ:
			equal = a.typ && b.typ && same(a.t, b.t)
		case oka && okb:
			equal = ia && ib && ua == ub || !ia && !ib && fa == fb
		case !oka && !okb:
			equal = a.addr() == b.addr()
		}
	}
	L.Push(lua.LBool(equal))
	return 1
}

func (l *lib) compare(L *lua.LState, event string) int {
	a, b := cdata(L.Get(1)), cdata(L.Get(2))
	for _, d := range []*data{a, b} {
		if d != nil {
			if h := d.handler(event); h != lua.LNil {
				return l.invoke(L, h, 2)
			}
		}
	}
	var less, equal bool
	ua, fa, ia, oka := l.arithmetic(L.Get(1))
	ub, fb, ib, okb := l.arithmetic(L.Get(2))
	switch {
	case oka && okb && ia && ib && (unsigned64(a) || unsigned64(b)):
		less, equal = ua < ub, ua == ub
	case oka && okb && ia && ib:
		less, equal = int64(ua) < int64(ub), ua == ub
	case oka && okb:
		if ia {
			fa = float64(int64(ua))
		}
		if ib {
			fb = float64(int64(ub))
		}
		less, equal = fa < fb, fa == fb
	case a != nil && b != nil && !oka && !okb:
		less, equal = a.addr() < b.addr(), a.addr() == b.addr()
	default:
		l.raise(L, "attempt to compare '"+typeOf(L.Get(1))+"' with '"+typeOf(L.Get(2))+"'")
	}
	L.Push(lua.LBool(less || event == "__le" && equal))
	return 1
}

func unsigned64(d *data) bool { return d != nil && d.t.is64() && d.t.unsigned }

// binary is an arithmetic operator: on pointers, or on integers of 64 bits.
func (l *lib) binary(L *lua.LState, op string) int {
	va, vb := L.Get(1), L.Get(2)
	a, b := cdata(va), cdata(vb)
	for _, d := range []*data{a, b} {
		if d != nil {
			if h := d.handler(op); h != lua.LNil {
				return l.invoke(L, h, 2)
			}
		}
	}
	if d := l.pointerArithmetic(L, op, a, b); d != nil {
		return l.push(L, d)
	}
	ua, fa, ia, oka := l.arithmetic(va)
	ub, fb, ib, okb := l.arithmetic(vb)
	if a != nil && b != nil && op == "__sub" && !oka && !okb && isAddress(a) && isAddress(b) && a.t.elem.size > 0 {
		L.Push(lua.LNumber(float64(int64(a.addr()-b.addr()) / int64(a.t.elem.size))))
		return 1
	}
	if !oka || !okb {
		l.raise(L, "attempt to perform arithmetic on '"+typeOf(va)+"' and '"+typeOf(vb)+"'")
	}
	if !ia {
		ua = toUint(fa)
	}
	if !ib {
		ub = toUint(fb)
	}
	unsigned := unsigned64(a) || unsigned64(b)
	L.Push(l.integer(integerOp(op, ua, ub, unsigned), unsigned))
	return 1
}

func isAddress(d *data) bool {
	return !d.typ && (d.t.kind == kindPointer || d.t.kind == kindArray)
}

// pointerArithmetic is pointer + n, n + pointer and pointer - n.
func (l *lib) pointerArithmetic(L *lua.LState, op string, a, b *data) *data {
	p, n := a, L.Get(2)
	sign := 1
	switch {
	case a != nil && isAddress(a) && (op == "__add" || op == "__sub"):
		if op == "__sub" {
			sign = -1
		}
	case b != nil && isAddress(b) && op == "__add":
		p, n = b, L.Get(1)
	default:
		return nil
	}
	u, f, isInt, ok := l.arithmetic(n)
	if !ok {
		return nil
	}
	i := int(int64(u))
	if !isInt {
		i = int(f)
	}
	to, off := p.target()
	delta := sign * i * p.t.elem.size
	if to == nil {
		d := l.pointer(pointerTo(p.t.elem), nil, 0)
		storeUint(typeUInt64, d.b.mem, p.addr()+uint64(delta))
		return d
	}
	return l.pointer(pointerTo(p.t.elem), to, off+delta)
}

func integerOp(op string, a, b uint64, unsigned bool) uint64 {
	switch op {
	case "__add":
		return a + b
	case "__sub":
		return a - b
	case "__mul":
		return a * b
	case "__pow":
		r := uint64(1)
		if !unsigned && int64(b) < 0 {
			switch a {
			case 1:
				return 1
			case math.MaxUint64:
				return 1 - 2*(b&1)
			case 0:
				return math.MaxInt64
			}
			return 0
		}
		for ; b > 0; b >>= 1 {
			if b&1 == 1 {
				r *= a
			}
			a *= a
		}
		return r
	}
	if b == 0 {
		if op == "__mod" && !unsigned {
			return 1 << 63
		}
		if unsigned {
			return math.MaxUint64
		}
		return 1 << 63
	}
	switch {
	case unsigned && op == "__div":
		return a / b
	case unsigned:
		return a % b
	case op == "__div":
		if int64(b) == -1 {
			return -a
		}
		return uint64(int64(a) / int64(b))
	}
	if int64(b) == -1 {
		return 0
	}
	return uint64(int64(a) % int64(b))
}
