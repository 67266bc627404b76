package repair

import (
	"math"
	"strconv"
)

// ParseNumber reads a number as LuaJIT's tonumber and string arithmetic do:
// surrounding white space, decimal and hexadecimal integers and floats, binary
// integers, inf and nan. It reports false for everything else.
func ParseNumber(s string) (float64, bool) {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	// Most strings that scripts convert are short runs of digits.
	if n := len(s); n > 0 && n <= 15 {
		v := int64(0)
		i := 0
		for ; i < n && s[i] >= '0' && s[i] <= '9'; i++ {
			v = v*10 + int64(s[i]-'0')
		}
		if i == n {
			return float64(v), true
		}
	}
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	v, ok := parseUnsigned(s)
	if neg {
		v = -v
	}
	return v, ok
}

func parseUnsigned(s string) (float64, bool) {
	if s == "" {
		return 0, false
	}
	if s[0] == '0' && len(s) > 1 {
		switch s[1] | 0x20 {
		case 'x':
			return parseHex(s[2:])
		case 'b':
			return parseBinary(s[2:])
		}
	}
	if s[0] != '.' && (s[0] < '0' || s[0] > '9') {
		switch {
		case equalFold(s, "inf"), equalFold(s, "infinity"):
			return math.Inf(1), true
		case equalFold(s, "nan"):
			return math.NaN(), true
		}
		return 0, false
	}
	// strconv takes more than Lua does: underscores, hexadecimal, words.
	digits := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits = true
		case c == '.', c == '+', c == '-':
		case c == 'e', c == 'E':
			if !digits {
				return 0, false
			}
		default:
			return 0, false
		}
	}
	if !digits {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && (math.IsInf(v, 0) || v == 0) && err.(*strconv.NumError).Err == strconv.ErrRange {
		return v, true
	}
	return v, err == nil
}

func parseHex(s string) (float64, bool) {
	v, digits, exp, i := 0.0, 0, 0, 0
	for ; i < len(s); i++ {
		d := hexDigit(s[i])
		if d < 0 {
			break
		}
		v = v*16 + float64(d)
		digits++
	}
	if i < len(s) && s[i] == '.' {
		for i++; i < len(s); i++ {
			d := hexDigit(s[i])
			if d < 0 {
				break
			}
			v = v*16 + float64(d)
			exp -= 4
			digits++
		}
	}
	if digits == 0 {
		return 0, false
	}
	if i < len(s) && s[i]|0x20 == 'p' {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil {
			return 0, false
		}
		exp += e
		i = len(s)
	}
	if i != len(s) {
		return 0, false
	}
	return math.Ldexp(v, exp), true
}

func parseBinary(s string) (float64, bool) {
	if s == "" {
		return 0, false
	}
	v := 0.0
	for i := 0; i < len(s); i++ {
		if s[i] != '0' && s[i] != '1' {
			return 0, false
		}
		v = v*2 + float64(s[i]-'0')
	}
	return v, true
}

// literal is ParseNumber for source code, where LuaJIT also takes the suffixes
// of 64-bit integers. They become ordinary numbers.
func literal(s string) (float64, bool) {
	n := len(s)
	hex := n > 1 && s[1]|0x20 == 'x'
	switch {
	case n > 3 && equalFold(s[n-3:], "ull"):
		s = s[:n-3]
	case n > 2 && equalFold(s[n-2:], "ll"):
		s = s[:n-2]
	default:
		return parseUnsigned(s)
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '.' || !hex && c|0x20 == 'e' || c|0x20 == 'p' {
			return 0, false
		}
	}
	return parseUnsigned(s)
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
