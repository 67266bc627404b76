package nginxconf

import (
	"fmt"
	"strings"
)

// bufferSize is nginx's configuration buffer: a token or a comment that does
// not fit in it is an error. See: NGX_CONF_BUFFER.
const bufferSize = 4096

// maxDepth limits how deep blocks nest; nginx has no limit but its stack.
const maxDepth = 1000

// word is one token's place in the text: its raw bytes without quotes.
type word struct {
	start, end int32 // raw bytes, quotes excluded
	line       int32 // where it starts
	quoted     bool
}

// stmt is one statement in document order: a directive ended by ";" or "{",
// or the "}" that ends a block.
type stmt struct {
	words   []word
	args    []string // decoded
	line    int      // of the ";", "{" or "}"
	block   bool     // ended by "{"
	end     bool     // a "}"
	noSemi  bool     // the ";" was missing before "}"
	isLua   bool     // block holds Lua
	lua     [2]int   // the Lua body's bytes
	luaLast int      // the line of the "}" that ends it
}

// lexError is where and why scanning stopped.
type lexError struct {
	msg  string
	line int
}

// scanner is nginx's tokenizer over a whole file. It is a port of the state
// machine of ngx_conf_read_token, byte by byte, because its corner cases
// (what a quote is, which bytes end a word, the buffer rule) decide what a
// configuration means.
type scanner struct {
	src    string
	pos    int
	line   int
	depth  int
	strict bool // no missing ";" before "}"
	param  bool // the text of -g
	words  []word
	args   []string
}

// scan splits src into statements, stopping at the first lexical error; the
// statements before it are kept.
func scan(src string, strict, param bool) ([]stmt, *lexError) {
	sc := &scanner{src: src, line: 1, strict: strict, param: param}
	out := make([]stmt, 0, strings.Count(src, ";")+strings.Count(src, "{")*2)
	for {
		st, more, err := sc.next()
		if err != nil {
			return out, err
		}
		if !more {
			return out, nil
		}
		switch {
		case st.end:
			if sc.depth == 0 {
				return out, &lexError{`unexpected "}"`, sc.line}
			}
			sc.depth--
		case st.noSemi:
			if sc.depth == 0 {
				return out, &lexError{`unexpected "}"`, sc.line}
			}
			sc.depth--
			out = append(out, st)
			st = stmt{end: true, line: sc.line}
		case st.block && strings.HasSuffix(st.args[0], "_by_lua_block"):
			end, last, err := scanLua(src, sc.pos, sc.line)
			if err != nil {
				out = append(out, st)
				return out, err
			}
			st.isLua, st.lua, st.luaLast = true, [2]int{sc.pos, end}, last
			out = append(out, st)
			sc.pos, sc.line = end+1, last
			continue
		case st.block:
			if sc.depth++; sc.depth > maxDepth {
				return out, &lexError{"too many nested blocks", sc.line}
			}
		}
		out = append(out, st)
	}
}

// next reads one statement. more is false at the end of the file.
func (sc *scanner) next() (st stmt, more bool, lexErr *lexError) {
	var (
		needSpace, comment, variable, quoted, single, double bool
		lastSpace                                            = true
		start                                                = sc.pos
		startLine                                            = sc.line
	)
	first := len(sc.words)
	fail := func(format string, a ...any) (stmt, bool, *lexError) {
		return stmt{}, false, &lexError{fmt.Sprintf(format, a...), sc.line}
	}
	done := func(block bool) (stmt, bool, *lexError) {
		return stmt{words: sc.words[first:len(sc.words):len(sc.words)], args: sc.args[first:len(sc.args):len(sc.args)],
			line: sc.line, block: block}, true, nil
	}
	for {
		if sc.pos >= len(sc.src) {
			if len(sc.words) > first || !lastSpace {
				if sc.param {
					return fail(`unexpected end of parameter, expecting ";"`)
				}
				return fail(`unexpected end of file, expecting ";" or "}"`)
			}
			if sc.depth > 0 {
				return fail(`unexpected end of file, expecting "}"`)
			}
			return stmt{}, false, nil
		}
		if sc.pos-start >= bufferSize && !sc.param {
			sc.line = startLine
			switch {
			case double:
				return fail(`too long parameter, probably missing terminating "%c" character`, '"')
			case single:
				return fail(`too long parameter, probably missing terminating "%c" character`, '\'')
			}
			return fail(`too long parameter "%s..." started`, sc.src[start:start+10])
		}
		ch := sc.src[sc.pos]
		sc.pos++
		if ch == '\n' {
			sc.line++
			comment = false
		}
		if comment {
			continue
		}
		if quoted {
			quoted = false
			continue
		}
		if needSpace {
			switch ch {
			case ' ', '\t', '\r', '\n':
				lastSpace, needSpace = true, false
				continue
			case ';':
				return done(false)
			case '{':
				return done(true)
			case ')':
				lastSpace, needSpace = true, false
			default:
				return fail(`unexpected "%s"`, string([]byte{ch}))
			}
		}
		if lastSpace {
			start, startLine = sc.pos-1, sc.line
			switch ch {
			case ' ', '\t', '\r', '\n':
			case ';', '{':
				if len(sc.words) == first {
					return fail(`unexpected "%c"`, ch)
				}
				return done(ch == '{')
			case '}':
				if len(sc.words) == first {
					return stmt{end: true, line: sc.line}, true, nil
				}
				if sc.strict || sc.param {
					return fail(`unexpected "}"`)
				}
				st, more, _ := done(false)
				st.noSemi, st.line = true, int(sc.words[len(sc.words)-1].line)
				return st, more, nil
			case '#':
				comment = true
			case '\\':
				quoted, lastSpace = true, false
			case '"':
				start++
				double, lastSpace = true, false
			case '\'':
				start++
				single, lastSpace = true, false
			case '$':
				variable, lastSpace = true, false
			default:
				lastSpace = false
			}
			continue
		}
		if ch == '{' && variable {
			continue
		}
		variable = false
		if ch == '\\' {
			quoted = true
			continue
		}
		if ch == '$' {
			variable = true
			continue
		}
		found, wasQuoted := false, double || single
		switch {
		case double:
			if ch == '"' {
				double, needSpace, found = false, true, true
			}
		case single:
			if ch == '\'' {
				single, needSpace, found = false, true, true
			}
		case ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n' || ch == ';' || ch == '{':
			lastSpace, found = true, true
		}
		if found {
			raw := sc.src[start : sc.pos-1]
			sc.words = append(sc.words, word{int32(start), int32(sc.pos - 1), int32(startLine), wasQuoted})
			sc.args = append(sc.args, decode(raw))
			if !wasQuoted && ch == ';' {
				return done(false)
			}
			if !wasQuoted && ch == '{' {
				return done(true)
			}
		}
	}
}

// decode resolves the escapes nginx knows; any other backslash stays.
func decode(raw string) string {
	i := strings.IndexByte(raw, '\\')
	if i < 0 {
		return raw
	}
	var sb strings.Builder
	sb.Grow(len(raw))
	for {
		sb.WriteString(raw[:i])
		raw = raw[i:]
		if len(raw) < 2 {
			sb.WriteString(raw)
			return sb.String()
		}
		switch raw[1] {
		case '"', '\'', '\\':
			sb.WriteByte(raw[1])
			raw = raw[2:]
		case 't':
			sb.WriteByte('\t')
			raw = raw[2:]
		case 'r':
			sb.WriteByte('\r')
			raw = raw[2:]
		case 'n':
			sb.WriteByte('\n')
			raw = raw[2:]
		default:
			sb.WriteByte('\\')
			raw = raw[1:]
		}
		if i = strings.IndexByte(raw, '\\'); i < 0 {
			sb.WriteString(raw)
			return sb.String()
		}
	}
}
