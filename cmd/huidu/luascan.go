package main

import (
	"strings"
)

// redisCall is what a script says about its Redis, as far as it is written
// down in literals.
type redisCall struct {
	addr           string // "host:port" or "unix:/path"; "" when not found
	user, password string
	db             string
}

// scanRedis finds the literal arguments of connect, auth and select in a
// gray-release script: red:connect("127.0.0.1", 6379), or red.connect(red,
// …), with names that were given a literal by "name = literal" before. It
// reads tokens, not syntax: enough to find an address, never used to decide
// what a script does.
func scanRedis(src string) redisCall {
	toks := luaTokens(src)
	known := map[string]luaToken{}
	var call redisCall
	for i, t := range toks {
		if t.kind == luaName && i+2 < len(toks) && toks[i+1].text == "=" && toks[i+2].literal() {
			known[t.text] = toks[i+2]
		}
		if t.kind != luaName || i == 0 || i+1 >= len(toks) || toks[i+1].text != "(" {
			continue
		}
		method := toks[i-1].text == ":"
		if !method && toks[i-1].text != "." {
			continue
		}
		args := luaArguments(toks[i+2:], known)
		if !method && len(args) > 0 {
			args = args[1:] // the object itself
		}
		call.note(t.text, args)
	}
	return call
}

// note records one call; the first of a kind counts.
func (c *redisCall) note(method string, args []string) {
	switch {
	case len(args) == 0 || args[0] == "":
	case method == "connect" && c.addr == "":
		if strings.HasPrefix(args[0], "unix:") {
			c.addr = args[0]
		} else if len(args) > 1 && args[1] != "" {
			c.addr = args[0] + ":" + args[1]
		}
	case method == "auth" && c.password == "":
		c.password = args[0]
		if len(args) > 1 && args[1] != "" {
			c.user, c.password = args[0], args[1]
		}
	case method == "select" && c.db == "":
		c.db = args[0]
	}
}

// luaArguments reads call arguments up to the closing parenthesis. One that
// is no literal, and no name of one, is "".
func luaArguments(toks []luaToken, known map[string]luaToken) []string {
	var args []string
	depth, arg, tokens := 0, "", 0
	for _, t := range toks {
		switch {
		case depth == 0 && (t.text == ")" || t.text == ",") && t.kind == luaMark:
			if tokens > 1 {
				arg = ""
			}
			if tokens > 0 {
				args = append(args, arg)
			}
			if t.text == ")" {
				return args
			}
			arg, tokens = "", 0
			continue
		case t.kind == luaMark && strings.Contains("({[", t.text):
			depth++
		case t.kind == luaMark && strings.Contains(")}]", t.text):
			depth--
		}
		tokens++
		if t.literal() {
			arg = t.text
		} else if k, ok := known[t.text]; ok && t.kind == luaName {
			arg = k.text
		}
	}
	return args
}

type luaKind int

const (
	luaMark luaKind = iota // punctuation
	luaName
	luaString
	luaNumber
)

// luaToken is one token; a string's text is its contents.
type luaToken struct {
	kind luaKind
	text string
}

func (t luaToken) literal() bool { return t.kind == luaString || t.kind == luaNumber }

// luaTokens splits Lua source; comments are dropped.
func luaTokens(src string) []luaToken {
	var toks []luaToken
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case strings.HasPrefix(src[i:], "--"):
			i += 2
			if text, n := luaLongBracket(src[i:]); n > 0 {
				_ = text
				i += n
			} else if nl := strings.IndexByte(src[i:], '\n'); nl >= 0 {
				i += nl
			} else {
				i = len(src)
			}
		case c == '"' || c == '\'':
			text, n := luaQuoted(src[i:])
			toks = append(toks, luaToken{luaString, text})
			i += n
		case c == '[':
			if text, n := luaLongBracket(src[i:]); n > 0 {
				toks = append(toks, luaToken{luaString, text})
				i += n
				break
			}
			toks = append(toks, luaToken{luaMark, "["})
			i++
		case luaWord(c):
			n := 1
			for i+n < len(src) && luaWord(src[i+n]) {
				n++
			}
			kind := luaName
			if '0' <= c && c <= '9' {
				kind = luaNumber
			}
			toks = append(toks, luaToken{kind, src[i : i+n]})
			i += n
		default:
			toks = append(toks, luaToken{luaMark, src[i : i+1]})
			i++
		}
	}
	return toks
}

func luaWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// luaQuoted reads a quoted string and returns its text and its length in the
// source. Escapes other than of quotes and backslashes are rare in addresses
// and passwords; the common ones are known.
func luaQuoted(s string) (string, int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == s[0]:
			return b.String(), i + 1
		case c == '\\' && i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			default:
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), len(s)
}

// luaLongBracket reads [[…]] or [=[…]=]; n is 0 when s does not start one.
func luaLongBracket(s string) (text string, n int) {
	if s == "" || s[0] != '[' {
		return "", 0
	}
	level := 0
	for 1+level < len(s) && s[1+level] == '=' {
		level++
	}
	open := level + 2
	if open > len(s) || s[open-1] != '[' {
		return "", 0
	}
	closer := "]" + strings.Repeat("=", level) + "]"
	end := strings.Index(s[open:], closer)
	if end < 0 {
		return s[open:], len(s)
	}
	return s[open : open+end], open + end + len(closer)
}
