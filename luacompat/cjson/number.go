package cjson

import (
	"math"
	"strconv"
	"strings"
)

// pow10 bounds the integers that %.<precision>g prints in full.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16}

// appendNumber is C's %.<precision>g.
func appendNumber(b []byte, f float64, precision int) []byte {
	if i := int64(f); float64(i) == f && math.Abs(f) < pow10[precision] && (i != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(b, i, 10)
	}
	switch {
	case f != f:
		if math.Signbit(f) {
			return append(b, "-nan"...)
		}
		return append(b, "nan"...)
	case f > math.MaxFloat64:
		return append(b, "inf"...)
	case f < -math.MaxFloat64:
		return append(b, "-inf"...)
	}
	var tmp [32]byte
	e := strconv.AppendFloat(tmp[:0], f, 'e', precision-1, 64)
	x := len(e) - 1
	for e[x] != 'e' {
		x--
	}
	exp, _ := strconv.Atoi(string(e[x+1:]))
	if exp < -4 || exp >= precision {
		return append(trimZeros(append(b, e[:x]...), len(b)), e[x:]...)
	}
	return trimZeros(strconv.AppendFloat(b, f, 'f', precision-1-exp, 64), len(b))
}

// trimZeros drops the zeros that end a fraction, after the byte from.
func trimZeros(b []byte, from int) []byte {
	for i := from; i < len(b); i++ {
		if b[i] == '.' {
			n := len(b)
			for b[n-1] == '0' {
				n--
			}
			if b[n-1] == '.' {
				n--
			}
			return b[:n]
		}
	}
	return b
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// strtoll reads digits with an optional sign at s[i:]; end is i when there
// are none. Values out of range are clamped.
func strtoll(s string, i int) (n int64, end int) {
	p := i
	neg := false
	if p < len(s) && (s[p] == '-' || s[p] == '+') {
		neg = s[p] == '-'
		p++
	}
	start := p
	var u uint64
	over := false
	for ; p < len(s) && digit(s[p]); p++ {
		if u > (math.MaxUint64-9)/10 {
			over = true
			continue
		}
		u = u*10 + uint64(s[p]-'0')
	}
	switch {
	case p == start:
		return 0, i
	case neg && (over || u > 1<<63):
		return math.MinInt64, p
	case neg:
		return -int64(u), p
	case over || u > math.MaxInt64:
		return math.MaxInt64, p
	}
	return int64(u), p
}

// strtod reads a number at s[i:] as C's function does: decimal, hexadecimal,
// inf, infinity, nan, nan(...). end is i when there is none.
func strtod(s string, i int) (f float64, end int) {
	p := i
	neg := false
	if p < len(s) && (s[p] == '-' || s[p] == '+') {
		neg = s[p] == '-'
		p++
	}
	rest := s[p:]
	switch {
	case fold(rest, "infinity"):
		f, end = math.Inf(1), p+8
	case fold(rest, "inf"):
		f, end = math.Inf(1), p+3
	case fold(rest, "nan"):
		f, end = math.NaN(), p+3
		if n := nanPayload(rest[3:]); n > 0 {
			end += n
		}
	case len(rest) > 2 && rest[0] == '0' && rest[1]|0x20 == 'x':
		f, end = strtodHex(s, p)
	default:
		f, end = strtodDecimal(s, p)
	}
	if end == p {
		return 0, i
	}
	if neg {
		f = math.Copysign(f, -1)
	}
	return f, end
}

func fold(s, word string) bool { return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) }

// nanPayload is the length of "(chars)" at the front of s, or 0.
func nanPayload(s string) int {
	if s == "" || s[0] != '(' {
		return 0
	}
	for i := 1; i < len(s); i++ {
		c := s[i]
		if c == ')' {
			return i + 1
		}
		if !digit(c) && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return 0
		}
	}
	return 0
}

func strtodDecimal(s string, p int) (float64, int) {
	start, digits := p, 0
	for ; p < len(s) && digit(s[p]); p++ {
		digits++
	}
	if p < len(s) && s[p] == '.' {
		q := p + 1
		for ; q < len(s) && digit(s[q]); q++ {
			digits++
		}
		if digits > 0 {
			p = q
		}
	}
	if digits == 0 {
		return 0, start
	}
	p = exponent(s, p, 'e')
	f, _ := strconv.ParseFloat(s[start:p], 64) // out of range: ±Inf or 0, as in C
	return f, p
}

// strtodHex reads 0x1.8p3; a lone "0x" is the number 0.
func strtodHex(s string, p int) (float64, int) {
	start := p
	p += 2
	digits := 0
	for ; p < len(s) && hexDigit(s[p]) >= 0; p++ {
		digits++
	}
	if p < len(s) && s[p] == '.' {
		q := p + 1
		for ; q < len(s) && hexDigit(s[q]) >= 0; q++ {
			digits++
		}
		if digits > 0 {
			p = q
		}
	}
	if digits == 0 {
		return 0, start + 1
	}
	text := s[start:p]
	if q := exponent(s, p, 'p'); q > p {
		text, p = s[start:q], q
	} else {
		text += "p0"
	}
	f, _ := strconv.ParseFloat(text, 64)
	return f, p
}

// exponent skips e+12 at p, or nothing.
func exponent(s string, p int, mark byte) int {
	if p >= len(s) || s[p]|0x20 != mark {
		return p
	}
	q := p + 1
	if q < len(s) && (s[q] == '-' || s[q] == '+') {
		q++
	}
	if q >= len(s) || !digit(s[q]) {
		return p
	}
	for q < len(s) && digit(s[q]) {
		q++
	}
	return q
}

func hexDigit(c byte) int {
	switch {
	case digit(c):
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
