package pcre

import "strings"

type literalKind uint8

const (
	noLiteral literalKind = iota
	// whole: the pattern is text between optional anchors; PCRE2 is not
	// needed.
	whole
	// prefix: a match starts at offset 0 with the text; a subject that does
	// not is refused without PCRE2.
	prefix
)

// literal is what is known of a pattern without PCRE2.
type literal struct {
	kind literalKind
	text string // lower case when fold
	fold bool
	head bool // ^
	tail bool // $
	hard bool // $ does not match before a last newline
}

// findLiteral reads the text of plain patterns: `^/api/`, `\.php$`, and the
// beginning of `^/user/(\d+)`. Anything it does not fully understand it
// leaves to PCRE2.
func findLiteral(pattern string, flags Flags) literal {
	const known = Caseless | DotAll | DollarEndonly | DupNames | Ungreedy
	if flags&^known != 0 {
		return literal{}
	}
	l := literal{fold: flags&Caseless != 0, hard: flags&DollarEndonly != 0}
	p := pattern
	if strings.HasPrefix(p, "^") {
		l.head, p = true, p[1:]
	}
	var b strings.Builder
	for len(p) > 0 {
		c, size := plainByte(p)
		if size == 0 {
			break
		}
		if size < len(p) && strings.IndexByte("?*+{", p[size]) >= 0 {
			break // a quantifier takes the byte
		}
		if l.fold && 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b.WriteByte(c)
		p = p[size:]
	}
	l.text = b.String()
	if p == "$" {
		l.tail, p = true, ""
	}
	switch {
	case p == "":
		l.kind = whole
	case l.head && l.text != "" && !mayAlternate(p):
		l.kind = prefix
	}
	return l
}

// plainByte returns the byte that the pattern's next item stands for, and
// the item's length; 0 when it is more than a byte.
func plainByte(p string) (c byte, size int) {
	c = p[0]
	switch {
	case c == '\\':
		if len(p) > 1 && p[1] < 0x80 && !alnum(p[1]) {
			return p[1], 2
		}
		return 0, 0
	case c >= 0x80 || c == 0:
		return 0, 0
	case strings.IndexByte(`^$.[|()?*+{`, c) >= 0:
		return 0, 0
	}
	return c, 1
}

func alnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// mayAlternate reports whether the rest of a pattern may hold a `|` outside
// of all groups, which would let a match start differently.
func mayAlternate(p string) bool {
	if !strings.Contains(p, "|") {
		return false
	}
	depth := 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
			if i < len(p) && (p[i] == 'Q' || p[i] == 'c') {
				return true
			}
		case '[':
			return true
		case '(':
			if rest := p[i+1:]; strings.HasPrefix(rest, "*") || strings.HasPrefix(rest, "?") && !strings.HasPrefix(rest, "?:") {
				return true
			}
			depth++
		case ')':
			depth--
		case '|':
			if depth <= 0 {
				return true
			}
		}
	}
	return false
}

// match answers for PCRE2 where it can; done says that it did.
func (l *literal) match(s string, start int, ovector []int) (n int, done bool) {
	if l.kind == prefix {
		return 0, start > 0 || !l.at(s, 0)
	}
	at := -1
	switch {
	case l.head:
		if start == 0 && l.at(s, 0) && (!l.tail || l.ends(s, len(l.text))) {
			at = 0
		}
	case l.tail:
		// Before a last newline comes first.
		if i := len(s) - 1 - len(l.text); i >= start && !l.hard && s[len(s)-1] == '\n' && l.at(s, i) {
			at = i
		} else if i := len(s) - len(l.text); i >= start && l.at(s, i) {
			at = i
		}
	case l.fold:
		for i := start; i+len(l.text) <= len(s); i++ {
			if l.at(s, i) {
				at = i
				break
			}
		}
	default:
		if at = strings.Index(s[start:], l.text); at >= 0 {
			at += start
		}
	}
	if at < 0 {
		return 0, true
	}
	if len(ovector) >= 2 {
		ovector[0], ovector[1] = at, at+len(l.text)
	}
	return 1, true
}

// ends reports whether `$` matches at i.
func (l *literal) ends(s string, i int) bool {
	return i == len(s) || !l.hard && i == len(s)-1 && s[i] == '\n'
}

// at reports whether the text stands at i.
func (l *literal) at(s string, i int) bool {
	if len(s)-i < len(l.text) {
		return false
	}
	s = s[i : i+len(l.text)]
	if !l.fold {
		return s == l.text
	}
	for j := range len(s) {
		c := s[j]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != l.text[j] {
			return false
		}
	}
	return true
}
