package stdlib

import (
	"encoding/binary"
	"math"

	lua "github.com/yuin/gopher-lua"
)

// The tags of LuaJIT's serialization format.
//
// See: https://luajit.org/ext_buffer.html#serialize_format
const (
	tagNil byte = iota
	tagFalse
	tagTrue
	tagNull
	tagLight32
	tagLight64
	tagInt
	tagNum
	tagTab    // +1: with a hash part; +2: with an array from 0, +4: from 1
	tagInt64  = 0x10
	tagUint64 = 0x11
	tagString = 0x20
)

// maxSerialDepth is how deeply tables may nest.
const maxSerialDepth = 100

// appendUint writes the format's lengths of one, two or five bytes.
func appendUint(b []byte, v int) []byte {
	switch {
	case v < 0xe0:
		return append(b, byte(v))
	case v < 0x1fe0:
		v -= 0xe0
		return append(b, byte(0xe0|v>>8), byte(v))
	}
	return binary.LittleEndian.AppendUint32(append(b, 0xff), uint32(v))
}

// serialize appends a value as string.buffer's encode writes it.
func serialize(L *lua.LState, b []byte, v lua.LValue, depth int) []byte {
	checkSize(L, len(b))
	switch v := v.(type) {
	case *lua.LNilType:
		return append(b, tagNil)
	case lua.LBool:
		if v {
			return append(b, tagTrue)
		}
		return append(b, tagFalse)
	case lua.LNumber:
		return binary.LittleEndian.AppendUint64(append(b, tagNum), math.Float64bits(float64(v)))
	case lua.LString:
		return append(appendUint(b, len(v)+tagString), v...)
	case *lua.LUserData:
		if v.Value == nil {
			return append(b, tagNull)
		}
		if d, ok := v.Value.(Int64); ok {
			if n, unsigned, ok := d.Bits(); ok {
				tag := byte(tagInt64)
				if unsigned {
					tag = tagUint64
				}
				return binary.LittleEndian.AppendUint64(append(b, tag), n)
			}
		}
	case *lua.LTable:
		if depth > maxSerialDepth {
			L.RaiseError("too deep to serialize")
		}
		return serializeTable(L, b, v, depth)
	}
	L.RaiseError("cannot serialize '%s'", v.Type().String())
	return nil
}

func serializeTable(L *lua.LState, b []byte, t *lua.LTable, depth int) []byte {
	n, hash := t.MaxN(), 0
	inArray := func(k lua.LValue) bool {
		f, ok := k.(lua.LNumber)
		return ok && f >= 1 && f <= lua.LNumber(n) && f == lua.LNumber(int(f))
	}
	t.ForEach(func(k, _ lua.LValue) {
		if !inArray(k) {
			hash++
		}
	})
	tag := tagTab
	if hash > 0 {
		tag++
	}
	if n > 0 {
		tag += 4
	}
	b = append(b, tag)
	if n > 0 {
		b = appendUint(b, n+1)
	}
	if hash > 0 {
		b = appendUint(b, hash)
	}
	for i := 1; i <= n; i++ {
		b = serialize(L, b, t.RawGetInt(i), depth+1)
	}
	if hash > 0 {
		t.ForEach(func(k, v lua.LValue) {
			if !inArray(k) {
				b = serialize(L, serialize(L, b, k, depth+1), v, depth+1)
			}
		})
	}
	return b
}

// deserializer reads what serialize writes; s is what is left.
type deserializer struct {
	L *lua.LState
	s []byte
}

func (d *deserializer) take(n int) []byte {
	if n < 0 || n > len(d.s) {
		d.L.RaiseError("unexpected end of buffer")
	}
	p := d.s[:n]
	d.s = d.s[n:]
	return p
}

func (d *deserializer) uint() int {
	switch c := int(d.take(1)[0]); {
	case c < 0xe0:
		return c
	case c == 0xff:
		return int(binary.LittleEndian.Uint32(d.take(4)))
	default:
		return (c&0x1f)<<8 + int(d.take(1)[0]) + 0xe0
	}
}

func (d *deserializer) value(depth int) lua.LValue {
	tag := d.uint()
	switch {
	case tag >= tagString:
		return lua.LString(d.take(tag - tagString))
	case tag >= int(tagTab) && tag <= int(tagTab)+5:
		if depth > maxSerialDepth {
			d.L.RaiseError("too deep to serialize")
		}
		return d.table(tag-int(tagTab), depth)
	}
	switch byte(tag) {
	case tagNil:
		return lua.LNil
	case tagFalse:
		return lua.LFalse
	case tagTrue:
		return lua.LTrue
	case tagInt:
		return lua.LNumber(int32(binary.LittleEndian.Uint32(d.take(4))))
	case tagNum:
		return lua.LNumber(math.Float64frombits(binary.LittleEndian.Uint64(d.take(8))))
	case tagNull:
		return &lua.LUserData{Env: d.L.G.Global}
	}
	d.L.RaiseError("cannot deserialize tag 0x%02x", tag)
	return nil
}

// table reads a table: form has bit 0 for a hash part, bits 1 and 2 for an array
// that starts at 0 or 1.
func (d *deserializer) table(form, depth int) lua.LValue {
	array, hash, first := 0, 0, 0
	if form >= 2 {
		array = d.uint()
		if form >= 4 {
			first = 1
		}
	}
	if form&1 != 0 {
		hash = d.uint()
	}
	if array > len(d.s)+1 || 2*hash > len(d.s) { // each value has a byte at least
		d.L.RaiseError("unexpected end of buffer")
	}
	t := d.L.CreateTable(array, hash)
	for i := first; i < array; i++ {
		t.RawSet(lua.LNumber(i), d.value(depth+1))
	}
	for range hash {
		k := d.value(depth + 1)
		if k == lua.LNil {
			d.L.RaiseError("cannot deserialize tag 0x00")
		}
		t.RawSet(k, d.value(depth+1))
	}
	return t
}
