package cjson

import (
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// maxDepth bounds the Go stack whatever encode_max_depth and
// decode_max_depth allow; LuaJIT's stack ends earlier.
const maxDepth = 20000

// encoder writes one value.
type encoder struct {
	m   *module
	cfg *config
	L   *lua.LState
	buf []byte
	err string // why it failed
}

// encodeEscapes are the strings that stand for bytes; "" is the byte itself.
var encodeEscapes = func() (e [256]string) {
	for c := range 32 {
		e[c] = fmt.Sprintf("\\u%04x", c)
	}
	e['\b'], e['\t'], e['\n'], e['\f'], e['\r'] = `\b`, `\t`, `\n`, `\f`, `\r`
	e['"'], e['\\'], e['/'], e[127] = `\"`, `\\`, `\/`, `\u007f`
	return e
}()

// fail remembers the first error; the encoding ends.
func (e *encoder) fail(v lua.LValue, reason string) bool {
	e.err = "Cannot serialise " + e.m.typeOf(v) + ": " + reason
	return false
}

// value appends v. ok is false on an error (e.err) or when v is to be left
// out (no e.err).
func (e *encoder) value(v lua.LValue, depth int) (ok bool) {
	switch v := v.(type) {
	case lua.LString:
		e.string(string(v))
	case lua.LNumber:
		return e.number(v)
	case lua.LBool:
		if v {
			e.buf = append(e.buf, "true"...)
		} else {
			e.buf = append(e.buf, "false"...)
		}
	case *lua.LNilType:
		e.buf = append(e.buf, "null"...)
	case *lua.LTable:
		return e.table(v, depth+1)
	case *lua.LUserData:
		switch lua.LValue(v) {
		case e.m.null:
			e.buf = append(e.buf, "null"...)
		case lua.LValue(e.m.emptyArray):
			e.buf = append(e.buf, "[]"...)
		default:
			return e.unsupported(v)
		}
	default:
		return e.unsupported(v)
	}
	return true
}

func (e *encoder) unsupported(v lua.LValue) bool {
	if e.cfg.skipUnsupported {
		return false
	}
	return e.fail(v, "type not supported")
}

func (e *encoder) string(s string) {
	b := append(e.buf, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		esc := encodeEscapes[c]
		if esc == "" || c == '/' && !e.cfg.escapeSlash {
			continue
		}
		b = append(b, s[from:i]...)
		b = append(b, esc...)
		from = i + 1
	}
	b = append(b, s[from:]...)
	e.buf = append(b, '"')
}

func (e *encoder) number(n lua.LNumber) bool {
	f := float64(n)
	if f != f || math.IsInf(f, 0) {
		switch e.cfg.encodeInvalid {
		case 0:
			return e.fail(n, "must not be NaN or Infinity")
		case 1:
			switch {
			case f != f:
				e.buf = append(e.buf, "NaN"...)
			case f < 0:
				e.buf = append(e.buf, "-Infinity"...)
			default:
				e.buf = append(e.buf, "Infinity"...)
			}
		default:
			e.buf = append(e.buf, "null"...)
		}
		return true
	}
	e.buf = appendNumber(e.buf, f, e.cfg.precision)
	return true
}

func (e *encoder) table(t *lua.LTable, depth int) bool {
	if depth > e.cfg.encodeDepth || depth > maxDepth {
		e.err = fmt.Sprintf("Cannot serialise, excessive nesting (%d)", depth)
		return false
	}
	raw := true
	stdlib.Fill(t)
	if mt, ok := t.Metatable.(*lua.LTable); ok {
		if mt == e.m.arrayMT {
			return e.array(t, t.Len(), true, depth)
		}
		raw = false
		if length := mt.RawGetString("__len"); length != lua.LNil {
			return e.array(t, e.length(length, t), false, depth)
		}
	}
	n, ok := e.arrayLength(t)
	if !ok {
		return false
	}
	switch {
	case n > 0 || n == 0 && !e.cfg.emptyAsObject:
		return e.array(t, n, raw, depth)
	case !raw && t.Metatable == lua.LValue(e.m.emptyArrayMT):
		return e.array(t, t.Len(), true, depth)
	}
	return e.object(t, depth)
}

// length calls a __len metamethod.
func (e *encoder) length(fn lua.LValue, t *lua.LTable) int {
	L := e.L
	L.Push(fn)
	L.Push(t)
	L.Call(1, 1)
	n, _ := L.Get(-1).(lua.LNumber)
	L.Pop(1)
	return int(min(max(n, 0), math.MaxInt32))
}

// arrayLength is the highest index of a table that has only positive integer
// keys, or -1. ok is false when that is an error.
func (e *encoder) arrayLength(t *lua.LTable) (n int, ok bool) {
	items := 0
	if sameLayout {
		for i, v := range inside(t).array {
			if v != lua.LNil {
				n = i + 1
				items++
			}
		}
		if hashLen(t) > 0 {
			n, items = e.slowLength(t)
		}
	} else {
		n, items = e.slowLength(t)
	}
	if n < 0 {
		return -1, true
	}
	if r := e.cfg.sparseRatio; r > 0 && n > items*r && n > e.cfg.sparseSafe {
		if !e.cfg.sparseConvert {
			return 0, e.fail(t, "excessively sparse array")
		}
		return -1, true
	}
	return n, true
}

func (e *encoder) slowLength(t *lua.LTable) (n, items int) {
	each(t, func(k, _ lua.LValue) bool {
		f, isNum := k.(lua.LNumber)
		if !isNum || f < 1 || f != lua.LNumber(math.Floor(float64(f))) || f > math.MaxInt32 {
			n = -1
			return false
		}
		n = max(n, int(f))
		items++
		return true
	})
	return n, items
}

func (e *encoder) newline(depth int) {
	e.buf = append(e.buf, '\n')
	for range depth {
		e.buf = append(e.buf, e.cfg.indent...)
	}
}

func (e *encoder) array(t *lua.LTable, n int, raw bool, depth int) bool {
	e.buf = append(e.buf, '[')
	first := true
	for i := 1; i <= n; i++ {
		at := len(e.buf)
		if !first {
			e.buf = append(e.buf, ',')
		}
		if e.cfg.indent != "" {
			e.newline(depth)
		}
		var v lua.LValue
		if raw {
			v = t.RawGetInt(i)
			if v == lua.LNil {
				v = t.RawGet(lua.LNumber(i))
			}
		} else {
			v = e.L.GetTable(t, lua.LNumber(i))
		}
		if !e.value(v, depth) {
			if e.err != "" {
				return false
			}
			e.buf = e.buf[:at]
			continue
		}
		first = false
	}
	if n > 0 && e.cfg.indent != "" {
		e.newline(depth - 1)
	}
	e.buf = append(e.buf, ']')
	return true
}

func (e *encoder) object(t *lua.LTable, depth int) bool {
	e.buf = append(e.buf, '{')
	first, any := true, false
	each(t, func(k, v lua.LValue) bool {
		any = true
		at := len(e.buf)
		if !first {
			e.buf = append(e.buf, ',')
		}
		if e.cfg.indent != "" {
			e.newline(depth)
		}
		switch k := k.(type) {
		case lua.LString:
			e.string(string(k))
			e.buf = append(e.buf, ':')
		case lua.LNumber:
			e.buf = append(e.buf, '"')
			if !e.number(k) {
				return false
			}
			e.buf = append(e.buf, '"', ':')
		default:
			return e.fail(k, "table key must be a number or string")
		}
		if e.cfg.indent != "" {
			e.buf = append(e.buf, ' ')
		}
		if !e.value(v, depth) {
			e.buf = e.buf[:at]
			return e.err == ""
		}
		first = false
		return true
	})
	if e.err != "" {
		return false
	}
	if any && e.cfg.indent != "" {
		e.newline(depth - 1)
	}
	e.buf = append(e.buf, '}')
	return true
}
