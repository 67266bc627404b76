package ffi

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// symbol is a C function in Go. It gets its arguments as C data and pushes what
// it returns.
type symbol func(c *call) lua.LValue

// call is one call of a symbol.
type call struct {
	l    *lib
	L    *lua.LState
	t    *ctype // the function's type, as the script declared it
	args []lua.LValue
}

// symbols are the C functions of libc and nginx that are there.
var symbols = map[string]symbol{
	"getpid":        func(c *call) lua.LValue { return lua.LNumber(os.Getpid()) },
	"getppid":       func(c *call) lua.LValue { return lua.LNumber(os.Getppid()) },
	"getuid":        func(c *call) lua.LValue { return lua.LNumber(os.Getuid()) },
	"getgid":        func(c *call) lua.LValue { return lua.LNumber(os.Getgid()) },
	"time":          symTime,
	"gettimeofday":  symGettimeofday,
	"clock_gettime": symClockGettime,
	"strlen":        func(c *call) lua.LValue { return c.size(len(c.cstring(0))) },
	"strcmp":        func(c *call) lua.LValue { return lua.LNumber(strings.Compare(c.cstring(0), c.cstring(1))) },
	"strerror":      symStrerror,
	"memcmp":        symMemcmp,
	"memcpy":        symMemcpy,
	"memmove":       symMemcpy,
	"memset":        symMemset,
	"malloc":        func(c *call) lua.LValue { return c.allocate(c.int(0)) },
	"calloc":        func(c *call) lua.LValue { return c.allocate(c.int(0) * c.int(1)) },
	"free":          func(c *call) lua.LValue { return lua.LNil },
	"htons":         func(c *call) lua.LValue { v := c.int(0); return lua.LNumber(v&0xff<<8 | v>>8&0xff) },
	"ntohs":         func(c *call) lua.LValue { v := c.int(0); return lua.LNumber(v&0xff<<8 | v>>8&0xff) },
	"ngx_hex_dump":  symHexDump,
	"ngx_hextoi":    symHextoi,
	"ngx_atoi":      symAtoi,
}

// namespace is the value of ffi.C.
type namespace struct{}

// namespaceMeta lets a script reach functions and constants through ffi.C.
func (l *lib) namespaceMeta(L *lua.LState) *lua.LTable {
	cache := map[string]lua.LValue{}
	mt := stdlib.Table(L, []stdlib.Func{
		{Name: "__index", Fn: func(L *lua.LState) int {
			name := stdlib.Str(L, 2)
			if v := cache[name]; v != nil {
				L.Push(v)
				return 1
			}
			if v, ok := l.consts[name]; ok {
				L.Push(lua.LNumber(v))
				return 1
			}
			t := l.symbols[name]
			if t == nil {
				l.raise(L, "missing declaration for symbol '"+name+"'")
			}
			if t.kind == kindFunc {
				name = t.symbol
			}
			fn := symbols[name]
			if fn == nil {
				fn = opensslSymbols[name]
			}
			if fn == nil {
				l.raise(L, "undefined symbol: "+name)
			}
			v := l.wrap(&data{t: t, fn: fn})
			cache[stdlib.Str(L, 2)] = v
			L.Push(v)
			return 1
		}},
		{Name: "__newindex", Fn: func(L *lua.LState) int {
			l.raise(L, "undefined symbol: "+stdlib.Str(L, 2))
			return 0
		}},
	})
	mt.RawSetString("__metatable", lua.LString("ffi"))
	return mt
}

// callSymbol converts arguments to the declared parameters and calls.
func (l *lib) callSymbol(L *lua.LState, d *data) int {
	n := L.GetTop() - 1
	if n < len(d.t.params) || n > len(d.t.params) && !d.t.vararg {
		l.raise(L, "wrong number of arguments for function call")
	}
	c := &call{l: l, L: L, t: d.t, args: make([]lua.LValue, n)}
	for i := range c.args {
		c.args[i] = L.Get(i + 2)
		if i >= len(d.t.params) {
			continue
		}
		p := d.t.params[i]
		if p.kind == kindPointer || p.kind == kindInt {
			b := newBlock(p.size)
			l.arg = i + 1
			l.store(L, p, b, 0, c.args[i], false)
			l.arg = 0
			c.args[i] = l.wrap(&data{t: p, b: b})
		}
	}
	v := d.fn(c)
	if d.t.elem.kind == kindVoid {
		return 0
	}
	if n, ok := v.(lua.LNumber); ok && d.t.elem.is64() {
		v = l.integer(uint64(int64(n)), d.t.elem.unsigned)
	}
	L.Push(v)
	return 1
}

func (c *call) int(i int) int {
	u, f, isInt, ok := c.l.arithmetic(c.args[i])
	if !ok {
		c.l.raise(c.L, "cannot convert '"+typeOf(c.args[i])+"' to 'int'")
	}
	if !isInt {
		return int(f)
	}
	return int(int64(u))
}

func (c *call) size(n int) lua.LValue { return c.l.integer(uint64(n), true) }

// memory are n bytes that pointer argument i points to.
func (c *call) memory(i, n int, write bool) []byte {
	d := cdata(c.args[i])
	if d == nil {
		c.l.raise(c.L, "attempt to access memory at an address that huidu did not give out")
	}
	b, off := d.target()
	c.l.access(c.L, b, off, n, write)
	return b.mem[off : off+n]
}

// cstring is the string that pointer argument i points to.
func (c *call) cstring(i int) string {
	m := cdata(c.args[i]).bytes(c.L)
	if end := bytes.IndexByte(m, 0); end >= 0 {
		m = m[:end]
	}
	return string(m)
}

// result makes a pointer of the function's type.
func (c *call) result(b *block, off int) lua.LValue {
	return c.l.wrap(c.l.pointer(c.t.elem, b, off))
}

func (c *call) allocate(n int) lua.LValue {
	if n < 0 || n > maxSize {
		return lua.LNil
	}
	return c.result(newBlock(n), 0)
}

// null tells whether pointer argument i is NULL.
func (c *call) null(i int) bool {
	d := cdata(c.args[i])
	return d == nil || d.addr() == 0
}

func symTime(c *call) lua.LValue {
	now := time.Now().Unix()
	if len(c.args) > 0 && !c.null(0) {
		storeUint(typeInt64, c.memory(0, 8, true), uint64(now))
	}
	return lua.LNumber(now)
}

// symGettimeofday writes seconds and microseconds, two longs.
func symGettimeofday(c *call) lua.LValue {
	now := time.Now()
	m := c.memory(0, 16, true)
	storeUint(typeInt64, m, uint64(now.Unix()))
	storeUint(typeInt64, m[8:], uint64(now.Nanosecond()/1000))
	return lua.LNumber(0)
}

func symClockGettime(c *call) lua.LValue {
	now := time.Now()
	m := c.memory(1, 16, true)
	sec, nsec := now.Unix(), int64(now.Nanosecond())
	if c.int(0) != 0 { // CLOCK_MONOTONIC and its kin
		up := now.Sub(started)
		sec, nsec = int64(up/time.Second), int64(up%time.Second)
	}
	storeUint(typeInt64, m, uint64(sec))
	storeUint(typeInt64, m[8:], uint64(nsec))
	return lua.LNumber(0)
}

// started is what the monotonic clock counts from.
var started = time.Now()

func symStrerror(c *call) lua.LValue {
	s := syscall.Errno(c.int(0)).Error()
	if s != "" { // libc begins with a capital letter
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return c.result(&block{mem: append([]byte(s), 0)}, 0)
}

func symMemcmp(c *call) lua.LValue {
	n := c.int(2)
	return lua.LNumber(bytes.Compare(c.memory(0, n, false), c.memory(1, n, false)))
}

func symMemcpy(c *call) lua.LValue {
	to, off := cdata(c.args[0]).target()
	from, foff := cdata(c.args[1]).target()
	c.l.move(c.L, to, off, from, foff, c.int(2))
	return c.args[0]
}

func symMemset(c *call) lua.LValue {
	m := c.memory(0, c.int(2), true)
	for i := range m {
		m[i] = byte(c.int(1))
	}
	return c.args[0]
}

// symHexDump is ngx_hex_dump(dst, src, len): it returns the end of dst.
func symHexDump(c *call) lua.LValue {
	n := c.int(2)
	hex.Encode(c.memory(0, 2*n, true), c.memory(1, n, false))
	b, off := cdata(c.args[0]).target()
	return c.result(b, off+2*n)
}

// symHextoi is ngx_hextoi(line, n): -1 for what is not a number.
func symHextoi(c *call) lua.LValue {
	m := c.memory(0, c.int(1), false)
	v := int64(0)
	for _, ch := range m {
		d := strings.IndexByte("0123456789abcdef", ch|0x20)
		if ch >= '0' && ch <= '9' {
			d = int(ch - '0')
		}
		if d < 0 || v > 1<<59 {
			return lua.LNumber(-1)
		}
		v = v<<4 | int64(d)
	}
	if len(m) == 0 {
		return lua.LNumber(-1)
	}
	return c.l.integer(uint64(v), false)
}

// symAtoi is ngx_atoi(line, n).
func symAtoi(c *call) lua.LValue {
	m := c.memory(0, c.int(1), false)
	v := int64(0)
	for _, ch := range m {
		if ch < '0' || ch > '9' || v > (1<<63-10)/10 {
			return lua.LNumber(-1)
		}
		v = v*10 + int64(ch-'0')
	}
	if len(m) == 0 {
		return lua.LNumber(-1)
	}
	return c.l.integer(uint64(v), false)
}
