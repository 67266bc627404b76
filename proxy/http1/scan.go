package http1

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// indexValueEnd returns the place of the first CR, LF or NUL at or after p,
// or len(buf). It looks at eight bytes at a time for anything below 0x10
// and at single bytes only where that finds something.
func indexValueEnd(buf []byte, p int) int {
	for p+8 <= len(buf) {
		x := binary.LittleEndian.Uint64(buf[p:])
		m := (x - lowBits*0x10) & ^x & highBits
		if m == 0 {
			p += 8
			continue
		}
		// Borrows can only report false hits behind the first true one.
		p += bits.TrailingZeros64(m) >> 3
		if c := buf[p]; c == '\r' || c == '\n' || c == 0 {
			return p
		}
		p++
	}
	for ; p < len(buf); p++ {
		if c := buf[p]; c == '\r' || c == '\n' || c == 0 {
			return p
		}
	}
	return p
}

// view is the bytes of buf as a string, without a copy.
func view(buf []byte) string {
	return unsafe.String(unsafe.SliceData(buf), len(buf))
}

// usual are the bytes that need no look in a URI.
var usual = func() (t [256]bool) {
	for i := range t {
		t[i] = i > 0x20 && i != 0x7f && i != '#' && i != '%' && i != '+' && i != '.' && i != '/' && i != '?'
	}
	// As in nginx's table: NUL is unusual, other control bytes too.
	return t
}()
