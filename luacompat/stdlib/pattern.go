package stdlib

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Lua's pattern engine, working on bytes. As in C, a pattern is not checked
// beforehand: a malformed one fails only when the match reaches the fault.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.4.1
const (
	maxCaptures = 32
	maxMatch    = 200 // nested single matches, as LuaJIT's LJ_MAX_XLEVEL
	pollSteps   = 1 << 14

	captureUnfinished = -1
	capturePosition   = -2
)

type capture struct {
	start, len int
}

type matcher struct {
	L     *lua.LState
	src   string
	pat   string
	level int // captures so far
	depth int
	steps int // since the last poll
	caps  [maxCaptures]capture
}

// reset prepares for another match from the same source.
func (m *matcher) reset() { m.level, m.depth = 0, 0 }

const (
	clAlpha = 1 << iota
	clCntrl
	clDigit
	clLower
	clPunct
	clSpace
	clUpper
	clXdigit
	clGraph
)

// classes are C's character classes in the C locale.
var classes = func() (t [256]uint16) {
	for i := 0; i < 128; i++ {
		c := byte(i)
		var f uint16
		switch {
		case c >= 'a' && c <= 'z':
			f = clAlpha | clLower
		case c >= 'A' && c <= 'Z':
			f = clAlpha | clUpper
		case c >= '0' && c <= '9':
			f = clDigit
		case c > ' ' && c < 127:
			f = clPunct
		}
		if c < ' ' || c == 127 {
			f |= clCntrl
		}
		if c == ' ' || c >= '\t' && c <= '\r' {
			f |= clSpace
		}
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' {
			f |= clXdigit
		}
		if c > ' ' && c < 127 {
			f |= clGraph
		}
		t[i] = f
	}
	return t
}()

// classMask is the class of a letter after %; 0 when it is none.
var classMask = func() (t [256]uint16) {
	for c, m := range map[byte]uint16{
		'a': clAlpha, 'c': clCntrl, 'd': clDigit, 'l': clLower, 'p': clPunct, 's': clSpace,
		'u': clUpper, 'w': clAlpha | clDigit, 'x': clXdigit, 'g': clGraph,
	} {
		t[c], t[c&^0x20] = m, m
	}
	return t
}()

func matchClass(c, cl byte) bool {
	mask := classMask[cl]
	if mask == 0 {
		if cl|0x20 == 'z' { // deprecated: the zero byte
			return (c == 0) == (cl == 'z')
		}
		return cl == c
	}
	return (classes[c]&mask != 0) == (cl >= 'a')
}

// classEnd is the index after the single-character class at p.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			m.raise("%s", "malformed pattern (ends with '%')")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				m.raise("malformed pattern (missing ']')")
			}
			c := m.pat[p]
			p++
			if c == '%' {
				if p >= len(m.pat) {
					m.raise("malformed pattern (missing ']')")
				}
				p++
			}
		}
		return p + 1
	}
	return p
}

// matchSet tells whether c is in the set that starts at p and whose ']' is at ec.
func (m *matcher) matchSet(c byte, p, ec int) bool {
	pat := m.pat
	sig := true
	if pat[p+1] == '^' {
		sig = false
		p++
	}
	for p++; p < ec; p++ {
		switch {
		case pat[p] == '%':
			p++
			if matchClass(c, pat[p]) {
				return sig
			}
		case p+2 < ec && pat[p+1] == '-':
			if pat[p] <= c && c <= pat[p+2] {
				return sig
			}
			p += 2
		case pat[p] == c:
			return sig
		}
	}
	return !sig
}

func (m *matcher) single(s, p, ep int) bool {
	if s >= len(m.src) {
		return false
	}
	c := m.src[s]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return matchClass(c, m.pat[p+1])
	case '[':
		return m.matchSet(c, p, ep-1)
	}
	return m.pat[p] == c
}

// match matches the pattern from p against the source from s and returns the end
// of the match, or -1.
func (m *matcher) match(s, p int) int {
	m.depth++
	if m.depth > maxMatch {
		m.raise("pattern too complex")
	}
	if m.steps++; m.steps > pollSteps {
		m.steps = 0
		Work(m.L, 0)
	}
	e := m.run(s, p)
	m.depth--
	return e
}

func (m *matcher) run(s, p int) int {
	src, pat := m.src, m.pat
	for p < len(pat) {
		switch pat[p] {
		case '(':
			if p+1 < len(pat) && pat[p+1] == ')' {
				return m.open(s, p+2, capturePosition)
			}
			return m.open(s, p+1, captureUnfinished)
		case ')':
			return m.shut(s, p+1)
		case '$':
			if p+1 == len(pat) {
				if s == len(src) {
					return s
				}
				return -1
			}
		case '%':
			if p+1 < len(pat) {
				switch c := pat[p+1]; {
				case c == 'b':
					s = m.balance(s, p+2)
					if s < 0 {
						return -1
					}
					p += 4
					continue
				case c == 'f':
					p += 2
					if p >= len(pat) || pat[p] != '[' {
						m.raise("%s", "missing '[' after '%f' in pattern")
					}
					ep := m.classEnd(p)
					var prev, cur byte
					if s > 0 {
						prev = src[s-1]
					}
					if s < len(src) {
						cur = src[s]
					}
					if m.matchSet(prev, p, ep-1) || !m.matchSet(cur, p, ep-1) {
						return -1
					}
					p = ep
					continue
				case c >= '0' && c <= '9':
					s = m.back(s, c)
					if s < 0 {
						return -1
					}
					p += 2
					continue
				}
			}
		}
		ep := m.classEnd(p)
		if ep < len(pat) {
			switch pat[ep] {
			case '?':
				if m.single(s, p, ep) {
					if e := m.match(s+1, ep+1); e >= 0 {
						return e
					}
				}
				p = ep + 1
				continue
			case '*':
				return m.maxExpand(s, p, ep)
			case '+':
				if !m.single(s, p, ep) {
					return -1
				}
				return m.maxExpand(s+1, p, ep)
			case '-':
				return m.minExpand(s, p, ep)
			}
		}
		if !m.single(s, p, ep) {
			return -1
		}
		s++
		p = ep
	}
	return s
}

func (m *matcher) maxExpand(s, p, ep int) int {
	i := 0
	src := m.src
	switch pat := m.pat; pat[p] {
	case '.':
		i = len(src) - s
	case '%':
		for cl := pat[p+1]; s+i < len(src) && matchClass(src[s+i], cl); i++ {
		}
	default:
		for m.single(s+i, p, ep) {
			i++
		}
	}
	if ep+1 == len(m.pat) {
		return s + i
	}
	m.steps += i >> 4
	next, literal := m.literal(ep + 1)
	for ; i >= 0; i-- {
		if literal && (s+i >= len(src) || src[s+i] != next) {
			continue
		}
		if e := m.match(s+i, ep+1); e >= 0 {
			return e
		}
	}
	return -1
}

// literal tells whether the pattern goes on at p with a plain character that must
// be there: positions without it need no try.
func (m *matcher) literal(p int) (byte, bool) {
	if p >= len(m.pat) {
		return 0, false
	}
	c := m.pat[p]
	if classes[c]&(clAlpha|clDigit) == 0 && c != ' ' && c != ',' && c != '=' && c != ':' && c != ';' &&
		c != '/' && c != '&' && c != '"' && c != '\'' && c != '<' && c != '>' && c != '_' && c != '\n' && c != '|' {
		return 0, false
	}
	if p+1 < len(m.pat) {
		switch m.pat[p+1] {
		case '*', '?', '-':
			return 0, false
		}
	}
	return c, true
}

func (m *matcher) minExpand(s, p, ep int) int {
	next, literal := m.literal(ep + 1)
	for {
		if literal {
			// Walk over what this item takes up to where the next may match.
			for s < len(m.src) && m.src[s] != next {
				if !m.single(s, p, ep) {
					return -1
				}
				s++
			}
			if s >= len(m.src) {
				return -1
			}
		}
		if e := m.match(s, ep+1); e >= 0 {
			return e
		}
		if !m.single(s, p, ep) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p, what int) int {
	if m.level >= maxCaptures {
		m.raise("too many captures")
	}
	m.caps[m.level] = capture{s, what}
	m.level++
	e := m.match(s, p)
	if e < 0 {
		m.level--
	}
	return e
}

func (m *matcher) shut(s, p int) int {
	l := -1
	for i := m.level - 1; i >= 0; i-- {
		if m.caps[i].len == captureUnfinished {
			l = i
			break
		}
	}
	if l < 0 {
		m.raise("invalid pattern capture")
	}
	m.caps[l].len = s - m.caps[l].start
	e := m.match(s, p)
	if e < 0 {
		m.caps[l].len = captureUnfinished
	}
	return e
}

func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		m.raise("unbalanced pattern")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	b, e := m.pat[p], m.pat[p+1]
	cont := 1
	for s++; s < len(m.src); s++ {
		switch m.src[s] {
		case e:
			if cont--; cont == 0 {
				return s + 1
			}
		case b:
			cont++
		}
	}
	return -1
}

// back matches what the capture numbered by digit holds.
func (m *matcher) back(s int, digit byte) int {
	l := int(digit) - '1'
	if l < 0 || l >= m.level || m.caps[l].len == captureUnfinished {
		m.raise("invalid capture index")
	}
	c := m.caps[l]
	if c.len < 0 {
		return -1
	}
	if len(m.src)-s >= c.len && m.src[c.start:c.start+c.len] == m.src[s:s+c.len] {
		return s + c.len
	}
	return -1
}

// value is the i-th capture as a Lua value; the whole match from s to e when
// there are none.
func (m *matcher) value(i, s, e int) lua.LValue {
	if i >= m.level {
		if i != 0 {
			m.raise("invalid capture index")
		}
		return StringValue(m.src[s:e])
	}
	c := m.caps[i]
	switch c.len {
	case capturePosition:
		return IntValue(c.start + 1)
	case captureUnfinished:
		m.raise("unfinished capture")
	}
	return StringValue(m.src[c.start : c.start+c.len])
}

// appendValue appends the text of value.
func (m *matcher) appendValue(b []byte, i, s, e int) []byte {
	if i < m.level && m.caps[i].len >= 0 {
		c := m.caps[i]
		return append(b, m.src[c.start:c.start+c.len]...)
	}
	switch v := m.value(i, s, e).(type) {
	case lua.LString:
		return append(b, v...)
	case lua.LNumber:
		return strconv.AppendInt(b, int64(v), 10)
	}
	return b
}

// push pushes all captures, or the whole match when there are none and whole.
func (m *matcher) push(s, e int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := 0; i < n; i++ {
		m.L.Push(m.value(i, s, e))
	}
	return n
}

// special tells whether a pattern has magic characters; others are plain text.
func special(pat string) bool {
	for i := 0; i < len(pat); i++ {
		switch pat[i] {
		case '^', '$', '*', '+', '?', '.', '(', '[', '%', '-':
			return true
		}
	}
	return false
}

// raise raises an error in the Lua state, or panics for MatchPattern.
func (m *matcher) raise(format string, args ...any) {
	if m.L == nil {
		panic(patternError(fmt.Sprintf(format, args...)))
	}
	m.L.RaiseError(format, args...)
}

type patternError string

// Capture is what a pattern captured: a text, or a position when At is not 0.
type Capture struct {
	Text string
	At   int
}

// MatchPattern is string.find without a Lua state, from the byte at init on:
// where the match begins and ends, with its captures. A match that is not
// found has from < 0; err is what Lua raises for a malformed pattern.
func MatchPattern(s, pat string, init int) (from, to int, caps []Capture, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, ok := r.(patternError)
			if !ok {
				panic(r)
			}
			from, err = -1, errors.New(string(p))
		}
	}()
	if !special(pat) {
		i := strings.Index(s[init:], pat)
		if i < 0 {
			return -1, 0, nil, nil
		}
		return init + i, init + i + len(pat), nil, nil
	}
	m := matcher{src: s, pat: pat}
	p := 0
	if pat[0] == '^' {
		p = 1
	}
	for at := init; at <= len(s); at++ {
		m.reset()
		if e := m.match(at, p); e >= 0 {
			for i := range m.level {
				switch v := m.value(i, at, e).(type) {
				case lua.LString:
					caps = append(caps, Capture{Text: string(v)})
				case lua.LNumber:
					caps = append(caps, Capture{At: int(v)})
				}
			}
			return at, e, caps, nil
		}
		if p == 1 {
			break
		}
	}
	return -1, 0, nil, nil
}
