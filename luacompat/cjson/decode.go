package cjson

import (
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

type tokenKind uint8

const (
	tokObjBegin tokenKind = iota
	tokObjEnd
	tokArrBegin
	tokArrEnd
	tokString
	tokNumber
	tokInteger
	tokBoolean
	tokNull
	tokColon
	tokComma
	tokEnd
	tokSpace
	tokError
	tokOther // needs a closer look
)

// tokenNames are the words of error messages.
var tokenNames = [...]string{
	"T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING",
	"T_NUMBER", "T_INTEGER", "T_BOOLEAN", "T_NULL", "T_COLON", "T_COMMA",
	"T_END", "T_WHITESPACE", "T_ERROR", "T_UNKNOWN",
}

var tokenOf = func() (t [256]tokenKind) {
	for i := range t {
		t[i] = tokError
	}
	for c, k := range map[byte]tokenKind{
		'{': tokObjBegin, '}': tokObjEnd, '[': tokArrBegin, ']': tokArrEnd,
		',': tokComma, ':': tokColon, 0: tokEnd,
		' ': tokSpace, '\t': tokSpace, '\n': tokSpace, '\r': tokSpace,
	} {
		t[c] = k
	}
	for _, c := range []byte("fiInNt\"+-0123456789") {
		t[c] = tokOther
	}
	return t
}()

// unescape maps the letter after a backslash; 0 is an error.
var unescape = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 't': '\t', 'n': '\n', 'f': '\f', 'r': '\r', 'u': 'u',
}

// shareLimit: strings out of a text up to this size are parts of it instead
// of copies. A long text would be kept in memory by one short string.
const shareLimit = 4096

// decoder reads one text. A byte 0 ends the text, as the end does.
type decoder struct {
	m     *module
	cfg   *config
	L     *lua.LState
	src   string
	pos   int
	depth int
	vals  []lua.LValue // elements of the arrays being read
	tmp   []byte

	// The current token.
	kind  tokenKind
	index int
	str   string // tokString; or what is wrong, for tokError
	num   float64
	yes   bool

	err string
}

func (d *decoder) at(i int) byte {
	if i < len(d.src) {
		return d.src[i]
	}
	return 0
}

// text reads the whole text.
func (d *decoder) text() lua.LValue {
	if len(d.src) >= 2 && (d.src[0] == 0 || d.src[1] == 0) {
		d.err = "JSON parser does not support UTF-16 or UTF-32"
		return nil
	}
	d.next()
	v := d.value()
	if d.err != "" {
		return nil
	}
	d.next()
	if d.kind != tokEnd {
		return d.expected("the end")
	}
	return v
}

func (d *decoder) expected(what string) lua.LValue {
	found := d.str
	if d.kind != tokError {
		found = tokenNames[d.kind]
	}
	d.err = fmt.Sprintf("Expected %s but found %s at character %d", what, found, d.index+1)
	return nil
}

// value makes the value that begins with the current token; nil on an error.
func (d *decoder) value() lua.LValue {
	switch d.kind {
	case tokString:
		return lua.LString(d.str)
	case tokNumber, tokInteger:
		return lua.LNumber(d.num)
	case tokBoolean:
		return lua.LBool(d.yes)
	case tokNull:
		return d.m.null
	case tokObjBegin:
		return d.object()
	case tokArrBegin:
		return d.array()
	}
	return d.expected("value")
}

func (d *decoder) descend() bool {
	d.depth++
	if d.depth > d.cfg.decodeDepth || d.depth > maxDepth {
		d.err = fmt.Sprintf("Found too many nested data structures (%d) at character %d", d.depth, d.pos)
		return false
	}
	return true
}

func (d *decoder) object() lua.LValue {
	if !d.descend() {
		return nil
	}
	d.next()
	if d.kind == tokObjEnd {
		d.depth--
		return d.L.CreateTable(0, 0)
	}
	t := d.L.CreateTable(0, 1)
	for {
		if d.kind != tokString {
			return d.expected("object key string")
		}
		key := d.str
		if d.next(); d.kind != tokColon {
			return d.expected("colon")
		}
		d.next()
		v := d.value()
		if d.err != "" {
			return nil
		}
		t.RawSetString(key, v)
		switch d.next(); d.kind {
		case tokObjEnd:
			d.depth--
			return t
		case tokComma:
			d.next()
		default:
			return d.expected("comma or object end")
		}
	}
}

func (d *decoder) array() lua.LValue {
	if !d.descend() {
		return nil
	}
	from := len(d.vals)
	for d.next(); d.kind != tokArrEnd || len(d.vals) > from; d.next() {
		v := d.value()
		if d.err != "" {
			return nil
		}
		d.vals = append(d.vals, v)
		if d.next(); d.kind == tokArrEnd {
			break
		}
		if d.kind != tokComma {
			return d.expected("comma or array end")
		}
	}
	d.depth--
	vals := d.vals[from:]
	t := d.L.CreateTable(len(vals), 0)
	if d.cfg.arrayMT {
		t.Metatable = d.m.arrayMT
	}
	for i, v := range vals {
		t.RawSetInt(i+1, v)
	}
	clear(vals)
	d.vals = d.vals[:from]
	return t
}

// bad makes the current token an error.
func (d *decoder) bad(what string) {
	d.kind, d.index, d.str = tokError, d.pos, what
}

// next reads a token.
func (d *decoder) next() {
	for {
		for d.kind = tokenOf[d.at(d.pos)]; d.kind == tokSpace; d.kind = tokenOf[d.at(d.pos)] {
			d.pos++
		}
		if !d.cfg.comments || d.at(d.pos) != '/' {
			break
		}
		if c := d.at(d.pos + 1); c != '/' && c != '*' {
			break
		}
		if !d.comment() {
			return
		}
	}
	d.index = d.pos
	switch d.kind {
	case tokError:
		d.bad("invalid token")
		return
	case tokEnd:
		return
	case tokOther:
	default:
		d.pos++
		return
	}
	rest := d.src[d.pos:]
	switch c := rest[0]; {
	case c == '"':
		d.string()
	case c == '-' || digit(c):
		if !d.cfg.decodeInvalid && invalidNumber(rest) {
			d.bad("invalid number")
			return
		}
		d.number()
	case strings.HasPrefix(rest, "true"):
		d.kind, d.yes = tokBoolean, true
		d.pos += 4
	case strings.HasPrefix(rest, "false"):
		d.kind, d.yes = tokBoolean, false
		d.pos += 5
	case strings.HasPrefix(rest, "null"):
		d.kind = tokNull
		d.pos += 4
	case d.cfg.decodeInvalid && invalidNumber(rest):
		d.number()
	default:
		d.bad("invalid token")
	}
}

// comment skips one; false leaves an error token.
func (d *decoder) comment() bool {
	long := d.at(d.pos+1) == '*'
	d.pos += 2
	for {
		c := d.at(d.pos)
		switch {
		case c == 0 && long:
			d.bad("unclosed multi-line comment")
			return false
		case c == 0 || c == '\n' && !long:
			return true
		case c == '*' && long && d.at(d.pos+1) == '/':
			d.pos += 2
			return true
		}
		d.pos++
	}
}

// string reads what follows a quote. Bytes other than 0 pass as they are.
func (d *decoder) string() {
	d.pos++
	from := d.pos
	for i := d.pos; i < len(d.src); i++ {
		switch d.src[i] {
		case '"':
			d.kind, d.str, d.pos = tokString, d.src[from:i], i+1
			if len(d.src) > shareLimit {
				d.str = strings.Clone(d.str)
			}
			return
		case '\\', 0:
			d.tmp = append(d.tmp[:0], d.src[from:i]...)
			d.pos = i
			d.escaped()
			return
		}
	}
	d.pos = len(d.src)
	d.bad("unexpected end of string")
}

// escaped reads on from the first escape.
func (d *decoder) escaped() {
	for {
		c := d.at(d.pos)
		switch c {
		case '"':
			d.pos++
			d.kind, d.str = tokString, string(d.tmp)
			return
		case 0:
			d.bad("unexpected end of string")
			return
		case '\\':
			c = unescape[d.at(d.pos+1)]
			switch c {
			case 'u':
				if !d.unicode() {
					d.bad("invalid unicode escape code")
					return
				}
				continue
			case 0:
				d.bad("invalid escape code")
				return
			}
			d.pos++
		}
		d.tmp = append(d.tmp, c)
		d.pos++
	}
}

func (d *decoder) hex4(i int) int {
	n := 0
	for j := i; j < i+4; j++ {
		h := hexDigit(d.at(j))
		if h < 0 {
			return -1
		}
		n = n<<4 | h
	}
	return n
}

// unicode reads \uXXXX, or a pair of surrogates.
func (d *decoder) unicode() bool {
	c, size := d.hex4(d.pos+2), 6
	if c < 0 {
		return false
	}
	if c&0xf800 == 0xd800 {
		if c&0x400 != 0 || d.at(d.pos+6) != '\\' || d.at(d.pos+7) != 'u' {
			return false
		}
		low := d.hex4(d.pos + 8)
		if low < 0 || low&0xfc00 != 0xdc00 {
			return false
		}
		c = (c&0x3ff<<10 | low&0x3ff) + 0x10000
		size = 12
	}
	d.tmp = append(d.tmp, string(rune(c))...)
	d.pos += size
	return true
}

// invalidNumber tells numbers that C reads and JSON forbids.
func invalidNumber(s string) bool {
	if s[0] == '+' {
		return true
	}
	if s[0] == '-' {
		s = s[1:]
	}
	if s == "" {
		return false
	}
	if s[0] == '0' {
		return len(s) > 1 && (s[1]|0x20 == 'x' || digit(s[1]))
	}
	return s[0] > '9' && (fold(s, "inf") || fold(s, "nan"))
}

func (d *decoder) number() {
	n, end := strtoll(d.src, d.pos)
	c := d.at(end)
	if end != d.pos && c != '.' && c != 'e' && c != 'E' && c != 'x' {
		d.kind, d.num, d.pos = tokInteger, float64(n), end
		return
	}
	f, end := strtod(d.src, d.pos)
	if end == d.pos {
		d.bad("invalid number")
		return
	}
	if f != f {
		f = math.NaN()
	}
	d.kind, d.num, d.pos = tokNumber, f, end
}
