package nginxconf

import "strings"

// scanLua finds the "}" that ends the Lua body which starts at pos, as
// ngx_lua's lexer does: it skips strings that end on their line, comments and
// long brackets, and counts braces. It returns the place of that brace and
// its line.
//
// See: ngx_http_lua_conf_lua_block_parse, util/gen-lexer-c.
// Differs: ngx_lua refuses a long bracket that does not fit in its 4 KiB
// buffer; here it may be of any size.
func scanLua(src string, pos, line int) (end, last int, lexErr *lexError) {
	level, openLine := 1, line
	for pos < len(src) {
		switch c := src[pos]; c {
		case '\n':
			line++
		case '{':
			level++
			openLine = line
		case '}':
			if level--; level == 0 {
				return pos, line, nil
			}
		case '"', '\'':
			if n := luaString(src[pos:]); n > 0 {
				pos += n
				continue
			}
		case '-':
			if !strings.HasPrefix(src[pos:], "--") {
				break
			}
			if n := longBracket(src[pos+2:]); n > 0 {
				to, ok := skipLong(src, pos+2, n)
				if !ok {
					return 0, 0, longError(n, line)
				}
				line += strings.Count(src[pos:to], "\n")
				pos = to
				continue
			}
			if i := strings.IndexByte(src[pos:], '\n'); i >= 0 {
				pos += i
			} else {
				pos = len(src)
			}
			continue
		case '[':
			if n := longBracket(src[pos:]); n > 0 {
				to, ok := skipLong(src, pos, n)
				if !ok {
					return 0, 0, longError(n, line)
				}
				line += strings.Count(src[pos:to], "\n")
				pos = to
				continue
			}
		}
		pos++
	}
	return 0, 0, &lexError{"unexpected end of file, expecting terminating characters for lua code block", openLine}
}

// luaString is the length of the quoted string that s starts with, or 0 when
// it does not end on its line.
func luaString(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case s[0]:
			return i + 1
		case '\n':
			return 0
		case '\\':
			if i+1 < len(s) && s[i+1] != '\n' {
				i++
				continue
			}
			return 0
		}
	}
	return 0
}

// longBracket is the length of the opening long bracket at s, or 0.
func longBracket(s string) int {
	if s == "" || s[0] != '[' {
		return 0
	}
	n := 1
	for n < len(s) && s[n] == '=' {
		n++
	}
	if n < len(s) && s[n] == '[' {
		return n + 1
	}
	return 0
}

// skipLong is the place after the long bracket whose opening, n bytes long,
// is at pos.
func skipLong(src string, pos, n int) (int, bool) {
	i := strings.Index(src[pos+n:], closing(n))
	if i < 0 {
		return 0, false
	}
	return pos + n + i + n, true
}

func closing(n int) string { return "]" + strings.Repeat("=", n-2) + "]" }

func longError(n, line int) *lexError {
	return &lexError{`Lua code block missing the closing long bracket "` + closing(n) +
		`", the inlined Lua code may be too long`, line}
}
