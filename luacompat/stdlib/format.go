package stdlib

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// conversion is one parsed % item of string.format.
type conversion struct {
	left, plus, space, alt, zero bool
	width, prec                  int // prec is -1 when missing
	verb                         byte
}

// stringFormat is string.format as LuaJIT formats.
//
// See: https://www.lua.org/manual/5.1/manual.html#pdf-string.format
func stringFormat(L *lua.LState) int { return format(L, 1) }

// format is string.format with the format as argument at.
func format(L *lua.LState, at int) int {
	f := Str(L, at)
	i := strings.IndexByte(f, '%')
	if i < 0 {
		L.Push(StringValue(f))
		return 1
	}
	var stack [256]byte
	b := stack[:0]
	arg := at
	for {
		b = append(b, f[:i]...)
		f = f[i+1:]
		if f == "" {
			L.RaiseError("%s", "invalid option '%' to 'format'")
		}
		if f[0] == '%' {
			b = append(b, '%')
			f = f[1:]
		} else {
			if arg++; arg > L.GetTop() {
				checkConversion(L, f)
				ArgError(L, arg, "value expected")
			}
			// The plainest conversions are nearly all there are.
			switch {
			case f[0] == 's':
				b = append(b, formatString(L, arg)...)
				f = f[1:]
			case f[0] == 'd':
				b = strconv.AppendInt(b, formatInt(L, arg), 10)
				f = f[1:]
			default:
				c, n := parseConversion(L, f)
				b = c.append(L, b, arg)
				f = f[n:]
			}
			checkSize(L, len(b))
		}
		if i = strings.IndexByte(f, '%'); i < 0 {
			break
		}
	}
	b = append(b, f...)
	L.Push(StringValue(string(b)))
	return 1
}

// checkConversion complains about a conversion that is none before it complains
// about its argument.
func checkConversion(L *lua.LState, f string) { parseConversion(L, f) }

// parseConversion reads flags, width, precision and letter after a %.
func parseConversion(L *lua.LState, f string) (conversion, int) {
	c := conversion{prec: -1}
	i := 0
	bad := func(n int) {
		if n > len(f) {
			n = len(f)
		}
		L.RaiseError("invalid option '%%%s' to 'format'", f[:n])
	}
flags:
	for ; i < len(f); i++ {
		switch f[i] {
		case '-':
			c.left = true
		case '+':
			c.plus = true
		case ' ':
			c.space = true
		case '#':
			c.alt = true
		case '0':
			c.zero = true
		default:
			break flags
		}
	}
	digits := func() int {
		v, n := 0, 0
		for ; i < len(f) && f[i] >= '0' && f[i] <= '9'; i++ {
			if n++; n > 2 {
				bad(i + 1)
			}
			v = v*10 + int(f[i]-'0')
		}
		return v
	}
	c.width = digits()
	if i < len(f) && f[i] == '.' {
		i++
		c.prec = digits()
	}
	if i >= len(f) {
		bad(i)
	}
	c.verb = f[i]
	if !strings.ContainsRune("diouxXcqsaAeEfgGp", rune(c.verb)) {
		bad(i + 1)
	}
	return c, i + 1
}

func formatInt(L *lua.LState, n int) int64 {
	f := Num(L, n)
	switch {
	case f >= math.MinInt64 && f < math.MaxInt64:
		return int64(f)
	case f >= math.MaxInt64 && f < 1<<64:
		return int64(uint64(f))
	}
	return math.MinInt64
}

// formatString is the argument of %s.
func formatString(L *lua.LState, n int) string {
	s, ok := stringOf(ToString(L, L.Get(n)))
	if !ok {
		L.RaiseError("'tostring' must return a string to 'format'")
	}
	return s
}

func (c conversion) append(L *lua.LState, b []byte, arg int) []byte {
	switch c.verb {
	case 'd', 'i':
		v := formatInt(L, arg)
		u := uint64(v)
		if v < 0 {
			u = -u
		}
		return c.integer(b, u, 10, v < 0, true)
	case 'u':
		return c.integer(b, uint64(formatInt(L, arg)), 10, false, false)
	case 'o':
		return c.integer(b, uint64(formatInt(L, arg)), 8, false, false)
	case 'x', 'X':
		return c.integer(b, uint64(formatInt(L, arg)), 16, false, false)
	case 'c':
		return c.pad(b, string([]byte{byte(formatInt(L, arg))}))
	case 'q':
		return appendQuoted(b, formatString(L, arg))
	case 's':
		s := formatString(L, arg)
		if c.prec >= 0 && c.prec < len(s) {
			s = s[:c.prec]
		}
		return c.pad(b, s)
	case 'p':
		switch v := Any(L, arg).(type) {
		case *lua.LTable, *lua.LFunction, *lua.LUserData, *lua.LState:
			return c.pad(b, fmt.Sprintf("%p", v))
		}
		return c.pad(b, "NULL")
	}
	return c.float(b, Num(L, arg))
}

// pad appends s within the width.
func (c conversion) pad(b []byte, s string) []byte {
	n := c.width - len(s)
	if !c.left {
		b = spaces(b, n, ' ')
	}
	b = append(b, s...)
	if c.left {
		b = spaces(b, n, ' ')
	}
	return b
}

func spaces(b []byte, n int, c byte) []byte {
	for ; n > 0; n-- {
		b = append(b, c)
	}
	return b
}

func (c conversion) sign(neg, signed bool) string {
	switch {
	case neg:
		return "-"
	case signed && c.plus:
		return "+"
	case signed && c.space:
		return " "
	}
	return ""
}

func (c conversion) integer(b []byte, u uint64, base int, neg, signed bool) []byte {
	var buf [32]byte
	digits := strconv.AppendUint(buf[:0], u, base)
	if c.prec == 0 && u == 0 {
		digits = digits[:0]
	}
	prefix := c.sign(neg, signed)
	if c.alt && u != 0 {
		switch c.verb {
		case 'x':
			prefix = "0x"
		case 'X':
			prefix = "0X"
		case 'o':
			if c.prec <= len(digits) {
				c.prec = len(digits) + 1
			}
		}
	}
	if c.verb == 'X' {
		for i, d := range digits {
			if d >= 'a' {
				digits[i] = d - 32
			}
		}
	}
	return c.number(b, prefix, string(digits), c.prec >= 0, c.prec-len(digits))
}

// number appends sign, zeros and digits within the width.
func (c conversion) number(b []byte, prefix, digits string, exact bool, zeros int) []byte {
	if zeros < 0 {
		zeros = 0
	}
	fill := c.width - len(prefix) - zeros - len(digits)
	if c.zero && !c.left && !exact && fill > 0 {
		zeros, fill = zeros+fill, 0
	}
	if !c.left {
		b = spaces(b, fill, ' ')
	}
	b = append(b, prefix...)
	b = spaces(b, zeros, '0')
	b = append(b, digits...)
	if c.left {
		b = spaces(b, fill, ' ')
	}
	return b
}

func (c conversion) float(b []byte, v float64) []byte {
	upper := c.verb < 'a'
	verb := c.verb | 0x20
	prefix := c.sign(math.Signbit(v) && !math.IsNaN(v), true)
	v = math.Abs(v)
	if math.IsInf(v, 0) || math.IsNaN(v) {
		s := "inf"
		if math.IsNaN(v) {
			s = "nan"
		}
		if upper {
			s = strings.ToUpper(s)
		}
		c.zero = false
		return c.number(b, prefix, s, true, 0)
	}
	prec := c.prec
	var s string
	if verb == 'a' {
		s = hexFloat(v, prec)
		prefix += "0x"
	} else {
		if prec < 0 {
			prec = 6
		}
		if verb == 'g' {
			if prec == 0 {
				prec = 1
			}
			s = formatGeneral(v, prec, c.alt)
		} else {
			s = formatFixed(v, verb, prec)
			if c.alt && prec == 0 {
				s += "."
			}
		}
	}
	if upper {
		s, prefix = strings.ToUpper(s), strings.ToUpper(prefix)
	}
	return c.number(b, prefix, s, false, 0)
}

// formatFixed is %f or %e. LuaJIT rounds exact halves away from zero.
func formatFixed(v float64, verb byte, prec int) string {
	s := strconv.FormatFloat(v, verb, prec, 64)
	short := strconv.FormatFloat(v, verb, -1, 64)
	mant, exp, _ := strings.Cut(short, "e")
	_, frac, _ := strings.Cut(mant, ".")
	if len(frac) != prec+1 || frac[prec] != '5' {
		return s
	}
	long := strconv.FormatFloat(v, verb, prec+30, 64)
	lm, _, _ := strings.Cut(long, "e")
	if strings.Trim(lm[len(lm)-29:], "0") != "" {
		return s
	}
	// An exact half: the neighbour above is the rounded one.
	return bump(mant[:len(mant)-1], exp, verb)
}

// bump adds one to the last digit of a decimal.
func bump(mant, exp string, verb byte) string {
	b := []byte(strings.TrimSuffix(mant, "."))
	for i := len(b) - 1; ; i-- {
		if i < 0 {
			b = append([]byte{'1'}, b...)
			break
		}
		if b[i] == '.' {
			continue
		}
		if b[i]++; b[i] <= '9' {
			break
		}
		b[i] = '0'
	}
	if verb != 'e' {
		return string(b)
	}
	e, _ := strconv.Atoi(exp)
	if len(b) > 1 && b[0] == '1' && b[1] == '0' && (len(b) == 2 || b[2] == '.') {
		// 9.9 became 10.0: one digit before the point again.
		d := append([]byte{'1', '.'}, strings.ReplaceAll(string(b[1:]), ".", "")...)
		b = d[:len(d)-1]
		if b[len(b)-1] == '.' {
			b = b[:len(b)-1]
		}
		e++
	}
	return fmt.Sprintf("%se%+03d", b, e)
}

// formatGeneral is %g.
func formatGeneral(v float64, prec int, alt bool) string {
	if v == 0 {
		if alt && prec > 1 {
			return "0." + strings.Repeat("0", prec-1)
		}
		return "0"
	}
	s := formatFixed(v, 'e', prec-1)
	mant, exp, _ := strings.Cut(s, "e")
	e, _ := strconv.Atoi(exp)
	if e < -4 || e >= prec {
		if !alt {
			mant = trimZeros(mant)
		}
		return mant + "e" + exp
	}
	s = formatFixed(v, 'f', prec-1-e)
	if !alt {
		s = trimZeros(s)
	}
	return s
}

func trimZeros(s string) string {
	if strings.IndexByte(s, '.') < 0 {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// hexFloat is %a without sign and prefix.
func hexFloat(v float64, prec int) string {
	s := strconv.FormatFloat(v, 'x', prec, 64)[2:]
	mant, exp, _ := strings.Cut(s, "p")
	e, _ := strconv.Atoi(exp)
	return mant + fmt.Sprintf("p%+d", e)
}

// appendQuoted is %q.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n':
			b = append(b, '\\', c)
		case c < ' ' || c == 127:
			b = append(b, '\\')
			if i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
				b = append(b, '0'+c/100, '0'+c/10%10, '0'+c%10)
			} else {
				b = strconv.AppendInt(b, int64(c), 10)
			}
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
