package http1

import "bytes"

// URI is a request target in its final form.
type URI struct {
	// Path is decoded and resolved ($uri).
	Path string
	// Args is what follows the first "?", as sent ($args), without a
	// fragment.
	Args string
	// Exten is what follows the last dot of the last segment.
	Exten string
	// Plus tells that the path holds a "+".
	Plus bool
}

// NormalizePath resolves a target that begins with "/": percent signs are
// decoded, "." and ".." segments resolved, slashes merged if asked for, a
// fragment dropped. What needs no change is returned as views into raw;
// otherwise the path is appended to dst, which is returned extended.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#merge_slashes
func NormalizePath(dst []byte, raw string, mergeSlashes bool) (URI, []byte, error) {
	if raw == "" || raw[0] != '/' {
		return URI{}, dst, errInvalidRequest
	}
	plain, ok := classify(raw)
	if !ok {
		return URI{}, dst, errInvalidRequest
	}
	if plain.simple {
		u := URI{Path: raw[:plain.pathEnd], Plus: plain.plus}
		if plain.pathEnd < len(raw) {
			u.Args = raw[plain.pathEnd+1:]
		}
		if plain.ext >= 0 {
			u.Exten = u.Path[plain.ext:]
		}
		return u, dst, nil
	}
	return resolve(dst, raw, mergeSlashes, false)
}

type classified struct {
	simple, plus bool
	pathEnd, ext int
}

// classify is ngx_http_parse_uri: it finds out whether a target needs
// resolving, and refuses spaces and control bytes.
func classify(raw string) (c classified, ok bool) {
	c = classified{simple: true, pathEnd: len(raw), ext: -1}
	slash := true
	i := 1
path:
	for ; i < len(raw); i++ {
		ch := raw[i]
		if usual[ch] {
			slash = false
			continue
		}
		switch ch {
		case '/':
			if slash {
				c.simple = false
				break path
			}
			c.ext = -1
			slash = true
		case '.':
			if slash {
				c.simple = false
				break path
			}
			c.ext = i + 1
		case '%', '#':
			c.simple = false
			break path
		case '?':
			c.pathEnd = i
			break path
		case '+':
			c.plus = true
		default:
			return c, false
		}
	}
	for ; i < len(raw); i++ {
		if ch := raw[i]; ch <= 0x20 || ch == 0x7f {
			return c, false
		} else if ch == '#' {
			c.simple = false
		}
	}
	return c, true
}

// resolve is ngx_http_parse_complex_uri.
func resolve(dst []byte, raw string, mergeSlashes, emptyPath bool) (URI, []byte, error) {
	const (
		swUsual = iota
		swSlash
		swDot
		swDotDot
		swQuoted
		swQuotedSecond
	)
	start := len(dst)
	u := dst
	var uri URI
	ext := -1
	if emptyPath {
		u = append(u, '/')
	}
	state, quotedState := swUsual, swUsual
	var decoded byte
	i := 0
	args := -1

	// up drops "/seg/.." from the end, leaving the slash before seg.
	up := func() bool {
		n := len(u) - 4
		if n < start {
			return false
		}
		n = bytes.LastIndexByte(u[start:n+1], '/')
		if n < 0 {
			return false
		}
		u = u[:start+n+1]
		return true
	}

	var ch byte
	next := func() bool {
		if i == len(raw) {
			return false
		}
		ch = raw[i]
		i++
		return true
	}
	more := next()
loop:
	for more {
		switch state {
		case swUsual:
			switch ch {
			case '/':
				ext = -1
				state = swSlash
				u = append(u, ch)
			case '%':
				quotedState, state = state, swQuoted
			case '?':
				args = i
				break loop
			case '#':
				break loop
			case '.':
				ext = len(u) + 1
				u = append(u, ch)
			default:
				uri.Plus = uri.Plus || ch == '+'
				u = append(u, ch)
			}
			more = next()

		case swSlash:
			switch ch {
			case '/':
				if !mergeSlashes {
					u = append(u, ch)
				}
			case '.':
				state = swDot
				u = append(u, ch)
			case '%':
				quotedState, state = state, swQuoted
			case '?':
				args = i
				break loop
			case '#':
				break loop
			default:
				uri.Plus = uri.Plus || ch == '+'
				state = swUsual
				u = append(u, ch)
			}
			more = next()

		case swDot:
			switch ch {
			case '/':
				state = swSlash
				u = u[:len(u)-1]
			case '.':
				state = swDotDot
				u = append(u, ch)
			case '%':
				quotedState, state = state, swQuoted
			case '?':
				state = swUsual
				u = u[:len(u)-1]
				args = i
				break loop
			case '#':
				state = swUsual
				u = u[:len(u)-1]
				break loop
			default:
				uri.Plus = uri.Plus || ch == '+'
				state = swUsual
				u = append(u, ch)
			}
			more = next()

		case swDotDot:
			switch ch {
			case '/', '?', '#':
				if !up() {
					return URI{}, dst, errInvalidRequest
				}
				state = swSlash
				if ch == '?' {
					args = i
					break loop
				}
				if ch == '#' {
					break loop
				}
			case '%':
				quotedState, state = state, swQuoted
			default:
				uri.Plus = uri.Plus || ch == '+'
				state = swUsual
				u = append(u, ch)
			}
			more = next()

		case swQuoted:
			d, ok := unhex(ch)
			if !ok {
				return URI{}, dst, errInvalidRequest
			}
			decoded = d
			state = swQuotedSecond
			more = next()

		case swQuotedSecond:
			d, ok := unhex(ch)
			if !ok {
				return URI{}, dst, errInvalidRequest
			}
			ch = decoded<<4 | d
			switch ch {
			case '%', '#', '?':
				state = swUsual
				u = append(u, ch)
				more = next()
			case 0:
				return URI{}, dst, errInvalidRequest
			default:
				// Seen again as if it had been sent plain: an encoded
				// slash or dot counts.
				state = quotedState
			}
		}
	}
	switch state {
	case swQuoted, swQuotedSecond:
		return URI{}, dst, errInvalidRequest
	case swDot:
		u = u[:len(u)-1]
	case swDotDot:
		if !up() {
			return URI{}, dst, errInvalidRequest
		}
	}
	if args >= 0 {
		uri.Args = raw[args:]
		for j := range len(uri.Args) {
			if uri.Args[j] == '#' {
				uri.Args = uri.Args[:j]
				break
			}
		}
	}
	uri.Path = view(u[start:])
	if ext >= 0 && ext <= len(u) {
		uri.Exten = view(u[ext:])
	}
	return uri, u, nil
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
