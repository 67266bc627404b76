package stdlib

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openString registers the string library and the metatable of strings.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.4
func openString(L *lua.LState) {
	t := Table(L, []Func{
		{"byte", stringByte},
		{"char", stringChar},
		{"dump", stringDump},
		{"find", stringFind},
		{"format", stringFormat},
		{"gmatch", stringGmatch},
		{"gsub", stringGsub},
		{"len", stringLen},
		{"lower", stringLower},
		{"match", stringMatch},
		{"rep", stringRep},
		{"reverse", stringReverse},
		{"sub", stringSub},
		{"upper", stringUpper},
	})
	Register(L, "string", t)
	mt := L.CreateTable(0, 8)
	mt.RawSetString("__index", t)
	for name, fn := range StringArithmetic {
		mt.RawSetString(name, fn)
	}
	L.SetMetatable(lua.LString(""), mt)
}

// span turns Lua's string indices i and j into Go's.
func span(n, i, j int) (from, to int) {
	if j < 0 {
		j += n + 1
	} else if j > n {
		j = n
	}
	if i < 0 {
		if i += n + 1; i < 1 {
			i = 1
		}
	} else if i == 0 {
		i = 1
	}
	if i > j {
		return 0, 0
	}
	return i - 1, j
}

func stringByte(L *lua.LState) int {
	s := Str(L, 1)
	i := OptInt(L, 2, 1)
	from, to := span(len(s), i, OptInt(L, 3, i))
	if to-from > maxUnpack {
		L.RaiseError("string slice too long")
	}
	for k := from; k < to; k++ {
		L.Push(intValues[s[k]])
	}
	return to - from
}

func stringChar(L *lua.LState) int {
	n := L.GetTop()
	if n == 1 {
		c := Int(L, 1)
		if c < 0 || c > 255 {
			return ArgError(L, 1, "invalid value")
		}
		L.Push(byteValues[c])
		return 1
	}
	b := make([]byte, n)
	for i := range b {
		c := Int(L, i+1)
		if c < 0 || c > 255 {
			return ArgError(L, i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	L.Push(lua.LString(b))
	return 1
}

// stringDump fails: there is no bytecode format that load would take.
func stringDump(L *lua.LState) int {
	Fn(L, 1)
	L.RaiseError("unable to dump given function")
	return 0
}

func stringLen(L *lua.LState) int {
	L.Push(IntValue(len(Str(L, 1))))
	return 1
}

func stringLower(L *lua.LState) int {
	s := Str(L, 1)
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; c >= 'A' && c <= 'Z' {
					b[i] = c + 32
				}
			}
			L.Push(lua.LString(b))
			return 1
		}
	}
	L.Push(StringValue(s))
	return 1
}

func stringUpper(L *lua.LState) int {
	s := Str(L, 1)
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 'a' && c <= 'z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; c >= 'a' && c <= 'z' {
					b[i] = c - 32
				}
			}
			L.Push(lua.LString(b))
			return 1
		}
	}
	L.Push(StringValue(s))
	return 1
}

// maxString is the longest string that a library function builds. LuaJIT stops
// at 2 GB, which would be too late for a process that serves others.
const maxString = 1 << 29

// checkSize refuses to build a string of n bytes when that is too much.
func checkSize(L *lua.LState, n int) {
	if n < 0 || n > maxString {
		L.Error(&Bare{Value: lua.LString("not enough memory")}, 0)
	}
	if n > 1<<10 {
		Work(L, n)
	}
}

func stringRep(L *lua.LState) int {
	s := Str(L, 1)
	n := Int(L, 2)
	sep := OptStr(L, 3, "")
	if n <= 0 || len(s)+len(sep) == 0 {
		L.Push(emptyString)
		return 1
	}
	if n > maxString {
		checkSize(L, n)
	}
	checkSize(L, len(s)*n+len(sep)*(n-1))
	if sep == "" {
		L.Push(StringValue(strings.Repeat(s, n)))
		return 1
	}
	L.Push(lua.LString(strings.Repeat(s+sep, n-1) + s))
	return 1
}

func stringReverse(L *lua.LState) int {
	s := Str(L, 1)
	b := make([]byte, len(s))
	for i := range b {
		b[i] = s[len(s)-1-i]
	}
	L.Push(StringValue(string(b)))
	return 1
}

func stringSub(L *lua.LState) int {
	v := L.Get(1)
	s := Str(L, 1)
	from, to := span(len(s), Int(L, 2), OptInt(L, 3, -1))
	if to-from == len(s) {
		if _, ok := v.(lua.LString); ok {
			L.Push(v)
			return 1
		}
	}
	L.Push(StringValue(s[from:to]))
	return 1
}

// findStart is the start index of find and match; false when it lies beyond.
func findStart(L *lua.LState, s string) (int, bool) {
	i := OptInt(L, 3, 1)
	if i < 0 {
		if i += len(s) + 1; i < 1 {
			i = 1
		}
	} else if i == 0 {
		i = 1
	}
	if i > len(s)+1 {
		return len(s), true // LuaJIT searches at the end, Lua 5.2 does not
	}
	return i - 1, true
}

func stringFind(L *lua.LState) int  { return find(L, true) }
func stringMatch(L *lua.LState) int { return find(L, false) }

func find(L *lua.LState, positions bool) int {
	s, pat := Str(L, 1), Str(L, 2)
	init, ok := findStart(L, s)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	if positions && (lua.LVAsBool(L.Get(4)) || !special(pat)) {
		i := strings.Index(s[init:], pat)
		if i < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(IntValue(init + i + 1))
		L.Push(IntValue(init + i + len(pat)))
		return 2
	}
	m := matcher{L: L, src: s, pat: pat}
	anchor := pat != "" && pat[0] == '^'
	p := 0
	if anchor {
		p = 1
	}
	for at := init; at <= len(s); at++ {
		m.reset()
		if e := m.match(at, p); e >= 0 {
			if positions {
				L.Push(IntValue(at + 1))
				L.Push(IntValue(e))
				return 2 + m.push(at, e, false)
			}
			return m.push(at, e, true)
		}
		if anchor {
			break
		}
	}
	L.Push(lua.LNil)
	return 1
}

func stringGmatch(L *lua.LState) int {
	s, pat := Str(L, 1), Str(L, 2)
	at := 0
	var m *matcher
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if m == nil {
			m = &matcher{src: s, pat: pat}
		}
		m.L = L
		for ; at <= len(s); at++ {
			m.reset()
			if e := m.match(at, 0); e >= 0 {
				from := at
				if at = e; e == from {
					at++
				}
				return m.push(from, e, true)
			}
		}
		L.Push(lua.LNil)
		return 1
	}))
	return 1
}

func stringGsub(L *lua.LState) int {
	s, pat := Str(L, 1), Str(L, 2)
	repl := L.Get(3)
	var text string
	plain := false
	switch r := repl.(type) {
	case lua.LString, lua.LNumber:
		text, _ = stringOf(r)
		plain = strings.IndexByte(text, '%') < 0
		repl = nil
	case *lua.LTable, *lua.LFunction:
	default:
		return ArgError(L, 3, "string/function/table expected")
	}
	max := OptInt(L, 4, len(s)+1)
	anchor := pat != "" && pat[0] == '^'
	p := 0
	if anchor {
		p = 1
	}
	m := matcher{L: L, src: s, pat: pat}
	var b []byte
	n, at, done := 0, 0, 0 // done: how much of s is in b
	for n < max {
		m.reset()
		e := m.match(at, p)
		if e >= 0 {
			n++
			if b == nil {
				b = make([]byte, 0, len(s)+16)
			}
			b = append(b, s[done:at]...)
			switch {
			case plain:
				b = append(b, text...)
			case repl == nil:
				b = m.expand(b, text, at, e)
			default:
				b = m.replace(b, repl, at, e)
			}
			done = e
			checkSize(L, len(b))
		}
		if e > at {
			at = e
		} else if at < len(s) {
			at++
		} else {
			break
		}
		if anchor {
			break
		}
	}
	if n == 0 {
		if _, ok := L.Get(1).(lua.LString); ok {
			L.Push(L.Get(1))
		} else {
			L.Push(StringValue(s))
		}
	} else {
		b = append(b, s[done:]...)
		L.Push(StringValue(string(b)))
	}
	L.Push(IntValue(n))
	return 2
}

// expand appends a replacement string with its %0 to %9.
func (m *matcher) expand(b []byte, text string, s, e int) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '%' {
			b = append(b, c)
			continue
		}
		i++
		if i >= len(text) {
			return append(b, 0) // LuaJIT reads the terminating zero
		}
		switch c := text[i]; {
		case c == '0':
			b = append(b, m.src[s:e]...)
		case c >= '1' && c <= '9':
			b = m.appendValue(b, int(c-'1'), s, e)
		default:
			b = append(b, c)
		}
	}
	return b
}

// replace appends what a table or function gives for the match.
func (m *matcher) replace(b []byte, repl lua.LValue, s, e int) []byte {
	L := m.L
	var v lua.LValue
	if t, ok := repl.(*lua.LTable); ok {
		v = L.GetTable(t, m.value(0, s, e))
	} else {
		L.Push(repl)
		L.Call(m.push(s, e, true), 1)
		v = L.Get(-1)
		L.Pop(1)
	}
	switch v := v.(type) {
	case lua.LString:
		return append(b, v...)
	case lua.LNumber:
		return AppendNumber(b, float64(v))
	}
	if lua.LVAsBool(v) {
		L.RaiseError("invalid replacement value (a %s)", v.Type().String())
	}
	return append(b, m.src[s:e]...)
}

// Substring is string.sub without a Lua state.
func Substring(s string, i, j int) string {
	from, to := span(len(s), i, j)
	return s[from:to]
}
