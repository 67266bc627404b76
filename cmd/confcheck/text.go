package main

import "strings"

// stmt is one directive in a configuration's text, as far as breaking it
// needs to know.
type stmt struct {
	name       string
	args       []string // as written
	start, end int      // bytes, with the ";" or "{"
	argAt      [][2]int // where each argument stands
	block      bool
	close      int    // of a block: where its "}" stands
	context    string // the block around it, "" at the top
	parent     int    // index of that block, -1 at the top
}

// body is where a block's contents begin.
func (s *stmt) body() int { return s.end }

// statements reads the text. It knows words, quotes, comments and braces; a
// Lua body is skipped whole.
func statements(text string) []stmt {
	var out []stmt
	var open []int
	var words [][2]int
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == '#':
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(text)
			}
		case c == '}':
			if len(open) > 0 {
				out[open[len(open)-1]].close = i
				open = open[:len(open)-1]
			}
			words, i = nil, i+1
		case c == ';' || c == '{':
			i++
			if len(words) == 0 {
				continue
			}
			s := newStmt(text, words, i, c == '{', open, out)
			out, words = append(out, s), nil
			if c == '{' {
				open = append(open, len(out)-1)
				if strings.HasSuffix(s.name, "_by_lua_block") {
					i = endOfLua(text, i)
				}
			}
		default:
			end := endOfWord(text, i)
			words, i = append(words, [2]int{i, end}), end
		}
	}
	return out
}

func newStmt(text string, words [][2]int, end int, block bool, open []int, before []stmt) stmt {
	s := stmt{name: text[words[0][0]:words[0][1]], start: words[0][0], end: end, block: block, parent: -1, close: -1, argAt: words[1:]}
	for _, w := range words[1:] {
		s.args = append(s.args, text[w[0]:w[1]])
	}
	if len(open) > 0 {
		s.parent = open[len(open)-1]
		s.context = before[s.parent].name
	}
	return s
}

// endOfWord is where the word that starts at i ends.
func endOfWord(text string, i int) int {
	quote := byte(0)
	if text[i] == '"' || text[i] == '\'' {
		quote = text[i]
		i++
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				return i + 1
			}
		case c == '{' && text[i-1] == '$':
		case strings.IndexByte(" \t\r\n;{", c) >= 0:
			return i
		}
	}
	return len(text)
}

// endOfLua is where the brace that closes a Lua body stands; braces in
// strings are not looked for, as the suite has none.
func endOfLua(text string, i int) int {
	for depth := 1; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}
