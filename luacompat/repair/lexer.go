package repair

import (
	"fmt"
	"unicode/utf8"
)

// token kinds above 255; single characters stand for themselves.
const (
	tEOF = iota + 256
	tName
	tString
	tNumber
	tConcat // ..
	tDots   // ...
	tEq
	tNe
	tLe
	tGe
	tLabel // ::
	tAnd
	tBreak
	tDo
	tElse
	tElseif
	tEnd
	tFalse
	tFor
	tFunction
	tGoto
	tIf
	tIn
	tLocal
	tNil
	tNot
	tOr
	tRepeat
	tReturn
	tThen
	tTrue
	tUntil
	tWhile
)

var tokenNames = [...]string{
	"<eof>", "<name>", "<string>", "<number>", "..", "...", "==", "~=", "<=", ">=", "::",
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
	"local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
}

var keywords = func() map[string]int {
	m := map[string]int{}
	for t := tAnd; t <= tWhile; t++ {
		m[tokenNames[t-tEOF]] = t
	}
	return m
}()

// SyntaxError is a fault in the source. Error is LuaJIT's text, with position.
type SyntaxError struct {
	Chunk string // as it is shown
	Line  int
	Msg   string // with "near"
	Col   int    // of the token where it was noticed, from 1
}

// Error is "chunk:line: message".
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Chunk, e.Line, e.Msg) }

type token struct {
	kind int
	text string  // name or string value
	num  float64 // of tNumber
	raw  string  // what an error message shows
	line int     // line of the lexer after the token
	pos  int     // where it starts in the source
}

type lexer struct {
	src   string
	pos   int
	line  int
	start int    // of the token being scanned
	chunk string // shown name
	ahead token
	hasAh bool
	last  int // line of the last consumed token
	tok   token
}

func newLexer(src, shown string) *lexer {
	lx := &lexer{src: src, line: 1, chunk: shown}
	if len(src) > 2 && src[:3] == "\xef\xbb\xbf" {
		lx.pos = 3
	}
	if lx.pos < len(src) && src[lx.pos] == '#' {
		for lx.pos < len(src) && src[lx.pos] != '\n' && src[lx.pos] != '\r' {
			lx.pos++
		}
	}
	return lx
}

func (lx *lexer) next() {
	lx.last = lx.line
	if lx.hasAh {
		lx.tok, lx.hasAh = lx.ahead, false
		return
	}
	lx.tok = lx.scan()
	lx.tok.pos = lx.start
}

func (lx *lexer) lookahead() int {
	if !lx.hasAh {
		lx.ahead, lx.hasAh = lx.scan(), true
		lx.ahead.pos = lx.start
	}
	return lx.ahead.kind
}

// fail raises a SyntaxError; near is not shown when it is empty.
func (lx *lexer) fail(near, msg string) {
	if near != "" {
		msg += " near '" + near + "'"
	}
	panic(&SyntaxError{Chunk: lx.chunk, Line: lx.line, Msg: msg, Col: column(lx.src, min(lx.start, len(lx.src)))})
}

// near is how the current token is shown.
func (t *token) near() string {
	switch t.kind {
	case tName, tString, tNumber:
		return t.raw
	}
	return kindName(t.kind)
}

func kindName(kind int) string {
	switch {
	case kind >= tEOF:
		return tokenNames[kind-tEOF]
	case kind == 0:
		return ""
	case kind < 32 || kind == 127:
		return fmt.Sprintf("char(%d)", kind)
	}
	return string([]byte{byte(kind)})
}

func (lx *lexer) scan() token {
	src := lx.src
	for lx.pos < len(src) {
		c := src[lx.pos]
		start := lx.pos
		lx.start = start
		switch {
		case c == '\n' || c == '\r':
			lx.newline()
			continue
		case isSpace(c):
			lx.pos++
			continue
		case c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80:
			for lx.pos < len(src) && isIdent(src[lx.pos]) {
				lx.pos++
			}
			s := src[start:lx.pos]
			if k, ok := keywords[s]; ok {
				return token{kind: k, line: lx.line}
			}
			return token{kind: tName, text: s, raw: s, line: lx.line}
		case c >= '0' && c <= '9':
			return lx.number()
		case c == '-':
			if lx.at(1) != '-' {
				return lx.char(1)
			}
			lx.pos += 2
			if lx.at(0) == '[' {
				if sep := lx.longSep(); sep >= 0 {
					lx.longString(sep, "comment")
					continue
				}
			}
			for lx.pos < len(src) && src[lx.pos] != '\n' && src[lx.pos] != '\r' {
				lx.pos++
			}
			continue
		case c == '[':
			sep := lx.longSep()
			if sep >= 0 {
				s := lx.longString(sep, "string")
				return token{kind: tString, text: s, raw: src[start:lx.pos], line: lx.line}
			}
			if sep == -1 {
				return lx.char(1)
			}
			lx.fail(src[start:start-sep], "invalid long string delimiter")
		case c == '"' || c == '\'':
			return lx.quoted(c)
		case c == '.':
			switch {
			case lx.at(1) == '.' && lx.at(2) == '.':
				lx.pos += 3
				return token{kind: tDots, line: lx.line}
			case lx.at(1) == '.':
				lx.pos += 2
				return token{kind: tConcat, line: lx.line}
			case lx.at(1) >= '0' && lx.at(1) <= '9':
				return lx.number()
			}
			return lx.char(1)
		case lx.at(1) == '=' && (c == '=' || c == '~' || c == '<' || c == '>'):
			lx.pos += 2
			k := tEq
			switch c {
			case '~':
				k = tNe
			case '<':
				k = tLe
			case '>':
				k = tGe
			}
			return token{kind: k, line: lx.line}
		case c == ':' && lx.at(1) == ':':
			lx.pos += 2
			return token{kind: tLabel, line: lx.line}
		default:
			return lx.char(1)
		}
	}
	lx.start = lx.pos
	return token{kind: tEOF, line: lx.line}
}

// at is the character n places on, or 0.
func (lx *lexer) at(n int) byte {
	if lx.pos+n < len(lx.src) {
		return lx.src[lx.pos+n]
	}
	return 0
}

func (lx *lexer) char(n int) token {
	k := int(lx.src[lx.pos])
	lx.pos += n
	return token{kind: k, line: lx.line}
}

// newline takes one line end of one or two characters.
func (lx *lexer) newline() {
	c := lx.src[lx.pos]
	lx.pos++
	if d := lx.at(0); (d == '\n' || d == '\r') && d != c {
		lx.pos++
	}
	lx.line++
}

func isIdent(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c >= 0x80
}

func (lx *lexer) number() token {
	start := lx.pos
	exp := byte('e')
	c := lx.src[lx.pos]
	lx.pos++
	if c == '0' && lx.at(0)|0x20 == 'x' {
		exp = 'p'
	}
	for lx.pos < len(lx.src) {
		d := lx.src[lx.pos]
		if !isIdent(d) && d != '.' && !((d == '-' || d == '+') && c|0x20 == exp) {
			break
		}
		c = d
		lx.pos++
	}
	raw := lx.src[start:lx.pos]
	v, ok := literal(raw)
	if !ok {
		lx.fail(raw, "malformed number")
	}
	return token{kind: tNumber, num: v, raw: raw, line: lx.line}
}

// longSep looks at a '[' and counts the '=' of a long bracket. It is -1 for a
// plain '[' and -n-1 when n '=' are not followed by another '['.
func (lx *lexer) longSep() int {
	n := 0
	for lx.at(1+n) == '=' {
		n++
	}
	if lx.at(1+n) == '[' {
		return n
	}
	return -n - 1
}

func (lx *lexer) longString(sep int, what string) string {
	lx.pos += sep + 2
	if c := lx.at(0); lx.pos < len(lx.src) && (c == '\n' || c == '\r') {
		lx.newline()
	}
	start := lx.pos
	var buf []byte // used once a line end needs translation
	for lx.pos < len(lx.src) {
		switch c := lx.src[lx.pos]; c {
		case ']':
			n := 0
			for lx.at(1+n) == '=' {
				n++
			}
			if n == sep && lx.at(1+n) == ']' {
				s := lx.src[start:lx.pos]
				lx.pos += sep + 2
				if buf != nil {
					return string(append(buf, s...))
				}
				return s
			}
			lx.pos += 1 + n
		case '\n', '\r':
			at := lx.pos
			lx.newline()
			if c == '\r' || lx.pos != at+1 {
				buf = append(append(buf, lx.src[start:at]...), '\n')
				start = lx.pos
			}
		default:
			lx.pos++
		}
	}
	lx.fail("<eof>", "unfinished long "+what)
	return ""
}

func (lx *lexer) quoted(q byte) token {
	start := lx.pos
	lx.pos++
	plain := lx.pos
	for lx.pos < len(lx.src) {
		c := lx.src[lx.pos]
		if c == q {
			s := lx.src[plain:lx.pos]
			lx.pos++
			return token{kind: tString, text: s, raw: lx.src[start:lx.pos], line: lx.line}
		}
		if c == '\\' || c == '\n' || c == '\r' {
			break
		}
		lx.pos++
	}
	buf := append([]byte(nil), lx.src[start:lx.pos]...)
	for {
		if lx.pos >= len(lx.src) {
			lx.fail("<eof>", "unfinished string")
		}
		c := lx.src[lx.pos]
		switch {
		case c == q:
			lx.pos++
			buf = append(buf, q)
			return token{kind: tString, text: string(buf[1 : len(buf)-1]), raw: string(buf), line: lx.line}
		case c == '\n' || c == '\r':
			lx.fail(string(buf), "unfinished string")
		case c == '\\':
			lx.pos++
			buf = lx.escape(buf)
		default:
			buf = append(buf, c)
			lx.pos++
		}
	}
}

// escape reads what follows a backslash.
func (lx *lexer) escape(buf []byte) []byte {
	if lx.pos >= len(lx.src) {
		return buf // reported as an unfinished string
	}
	c := lx.src[lx.pos]
	bad := func() { lx.fail(string(buf), "invalid escape sequence") }
	simple := func(b byte) []byte { lx.pos++; return append(buf, b) }
	switch c {
	case 'a':
		return simple('\a')
	case 'b':
		return simple('\b')
	case 'f':
		return simple('\f')
	case 'n':
		return simple('\n')
	case 'r':
		return simple('\r')
	case 't':
		return simple('\t')
	case 'v':
		return simple('\v')
	case '\\', '"', '\'':
		return simple(c)
	case '\n', '\r':
		lx.newline()
		return append(buf, '\n')
	case 'x':
		h, l := hexDigit(lx.at(1)), hexDigit(lx.at(2))
		if h < 0 || l < 0 {
			bad()
		}
		lx.pos += 3
		return append(buf, byte(h<<4|l))
	case 'z':
		lx.pos++
		for lx.pos < len(lx.src) && isSpace(lx.src[lx.pos]) {
			if d := lx.src[lx.pos]; d == '\n' || d == '\r' {
				lx.newline()
			} else {
				lx.pos++
			}
		}
		return buf
	case 'u':
		if lx.at(1) != '{' {
			bad()
		}
		lx.pos += 2
		r, n := 0, 0
		for ; hexDigit(lx.at(0)) >= 0; n++ {
			r = r<<4 | hexDigit(lx.at(0))
			if r >= 0x110000 {
				bad()
			}
			lx.pos++
		}
		if n == 0 || lx.at(0) != '}' || r >= 0xd800 && r < 0xe000 {
			bad()
		}
		lx.pos++
		return utf8.AppendRune(buf, rune(r))
	}
	if c < '0' || c > '9' {
		bad()
	}
	v := 0
	for i := 0; i < 3 && lx.at(0) >= '0' && lx.at(0) <= '9'; i++ {
		v = v*10 + int(lx.at(0)-'0')
		lx.pos++
	}
	if v > 255 {
		bad()
	}
	return append(buf, byte(v))
}
