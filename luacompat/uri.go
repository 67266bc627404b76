package luacompat

import "strings"

// escapeSet tells which bytes are escaped.
type escapeSet [8]uint32

func (s *escapeSet) has(c byte) bool { return s[c>>5]&(1<<(c&31)) != 0 }

const allBits = 0xffffffff

// The sets of ngx.escape_uri's type argument, by number: 0 URI, 1 arguments,
// 2 URI component, 3 HTML, 4 refresh, 5 memcached, 6 mail auth.
var escapeSets = [...]escapeSet{
	{allBits, 0x80000029, 0, 0x80000000, allBits, allBits, allBits, allBits},
	{allBits, 0x80000829, 0, 0x80000000, allBits, allBits, allBits, allBits},
	{allBits, 0xfc00987d, 0x78000001, 0xb8000001, allBits, allBits, allBits, allBits},
	{allBits, 0x000000ad, 0, 0x80000000, allBits, allBits, allBits, allBits},
	{allBits, 0x00000085, 0, 0x80000000, allBits, allBits, allBits, allBits},
	{allBits, 0x00000021},
	{allBits, 0x00000021},
}

// setURIArgsSet is what ngx.req.set_uri_args escapes in a string: control
// characters, space and DEL.
var setURIArgsSet = escapeSet{allBits, 1, 0, 0x80000000}

// headerNameSet and headerValueSet are escaped in header lines that a script
// makes, so that none can be split.
var (
	headerNameSet  = escapeSet{allBits, 0xfc009305, 0x38000001, 0xa8000000, allBits, allBits, allBits, allBits}
	headerValueSet = escapeSet{0xfffffdff, 0, 0, 0x80000000}
)

const escapeComponent = 2

// escape writes s with the bytes of set as %XX.
func escape(s string, set *escapeSet) string {
	n := 0
	for i := 0; i < len(s); i++ {
		if set.has(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	return string(appendEscaped(make([]byte, 0, len(s)+2*n), s, set))
}

func appendEscaped(b []byte, s string, set *escapeSet) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; set.has(c) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// unescape decodes %XX and "+", leaving malformed escapes as they are.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			b = append(b, ' ')
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return (c | 0x20 - 'a') + 10
}

// parseUnsafeURI splits a URI that a script gave into path and arguments,
// decodes the path and refuses one that leaves the tree or holds a NUL, as
// nginx's ngx_http_parse_unsafe_uri.
func parseUnsafeURI(uri string) (path, args string, ok bool) {
	if uri == "" || uri[0] == '?' || climbs(uri) {
		return "", "", false
	}
	path = uri
	if i := strings.IndexByte(uri, '?'); i >= 0 {
		path, args = uri[:i], uri[i+1:]
	}
	if strings.IndexByte(path, 0) >= 0 {
		return "", "", false
	}
	if strings.IndexByte(path, '%') >= 0 {
		path = decodePath(path)
		if climbs(path) || strings.IndexByte(path, 0) >= 0 {
			return "", "", false
		}
	}
	return path, args, true
}

// climbs tells whether a path has a ".." part.
func climbs(p string) bool {
	if i := strings.IndexByte(p, '?'); i >= 0 {
		p = p[:i]
	}
	for i := 0; ; i++ {
		j := strings.IndexByte(p[i:], '/')
		if j < 0 {
			return p[i:] == ".."
		}
		if p[i:i+j] == ".." {
			return true
		}
		i += j
	}
}

// decodePath decodes %XX as nginx's ngx_unescape_uri does: a malformed escape
// loses its percent sign.
func decodePath(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '%' {
			b = append(b, c)
			continue
		}
		if i+1 >= len(s) {
			break
		}
		i++
		if !isHex(s[i]) {
			b = append(b, s[i])
			continue
		}
		if i+1 >= len(s) {
			break
		}
		hi := unhex(s[i])
		i++
		if isHex(s[i]) {
			b = append(b, hi<<4|unhex(s[i]))
		}
	}
	return string(b)
}
