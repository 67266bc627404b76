package http1

// EscapeKind selects which bytes EscapeURI encodes: ngx_escape_uri's types.
type EscapeKind uint8

const (
	// EscapePath encodes what may not stand in a path: NGX_ESCAPE_URI.
	EscapePath EscapeKind = iota
	// EscapeArgs also encodes "&", "+" and ";".
	EscapeArgs
	// EscapeURIComponent leaves only unreserved characters.
	EscapeURIComponent
	// EscapeHTML is for URIs inside HTML attributes.
	EscapeHTML
	// EscapeRefresh is for URIs inside a refresh.
	EscapeRefresh
	// EscapeMemcached encodes "%", space and control bytes.
	EscapeMemcached
	// EscapeMailAuth is the same as EscapeMemcached.
	EscapeMailAuth
	// EscapeMailXtext encodes with "+" instead of "%".
	EscapeMailXtext
	escapeKinds
)

// escapeTables holds a bit per byte and kind.
var escapeTables = func() (t [escapeKinds][256]bool) {
	common := [8]uint32{0xffffffff, 0, 0x50000000, 0xb8000001, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}
	masks := [escapeKinds][8]uint32{common, common, common, common, common}
	masks[EscapePath][1] = 0xd000002d
	masks[EscapeArgs][1] = 0xd800086d
	masks[EscapeURIComponent][1] = 0xfc009fff
	masks[EscapeURIComponent][2] = 0x78000001
	masks[EscapeHTML][1] = 0x500000ad
	masks[EscapeRefresh][1] = 0x50000085
	masks[EscapeRefresh][3] = 0xd8000001
	masks[EscapeMemcached] = [8]uint32{0xffffffff, 0x00000021}
	masks[EscapeMailAuth] = masks[EscapeMemcached]
	masks[EscapeMailXtext] = [8]uint32{0xffffffff, 0x20000801, 0, 0x80000000,
		0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}
	for k := range t {
		for c := range t[k] {
			t[k][c] = masks[k][c>>5]&(1<<(c&0x1f)) != 0
		}
	}
	return t
}()

const upperHex = "0123456789ABCDEF"

// NeedsEscape tells whether EscapeURI would change src.
func NeedsEscape(src string, kind EscapeKind) bool {
	t := &escapeTables[kind]
	for i := 0; i < len(src); i++ {
		if t[src[i]] {
			return true
		}
	}
	return false
}

// EscapeURI appends src to dst, encoding the bytes that kind forbids.
//
// See: ngx_escape_uri.
func EscapeURI(dst []byte, src string, kind EscapeKind) []byte {
	t := &escapeTables[kind]
	prefix := byte('%')
	if kind == EscapeMailXtext {
		prefix = '+'
	}
	from := 0
	for i := 0; i < len(src); i++ {
		if c := src[i]; t[c] {
			dst = append(dst, src[from:i]...)
			dst = append(dst, prefix, upperHex[c>>4], upperHex[c&15])
			from = i + 1
		}
	}
	return append(dst, src[from:]...)
}

// UnescapeKind selects how UnescapeURI treats some bytes: ngx_unescape_uri's
// types.
type UnescapeKind uint8

const (
	// UnescapeURIComponent decodes everything.
	UnescapeURIComponent UnescapeKind = iota
	// UnescapePath stops behind a "?", be it encoded with letters or not.
	UnescapePath
	// UnescapeRedirect decodes only visible characters behind "%".
	UnescapeRedirect
)

// UnescapeURI appends src to dst, decoded. A "%" that no digits follow is
// dropped, as in nginx. UnescapePath and UnescapeRedirect stop behind the
// first "?"; UnescapeURIRest also returns what is left.
//
// See: ngx_unescape_uri.
func UnescapeURI(dst []byte, src string, kind UnescapeKind) []byte {
	dst, _ = UnescapeURIRest(dst, src, kind)
	return dst
}

// UnescapeURIRest is UnescapeURI; rest is what follows the "?" it stopped
// at.
func UnescapeURIRest(dst []byte, src string, kind UnescapeKind) (out []byte, rest string) {
	const (
		swUsual = iota
		swQuoted
		swQuotedSecond
	)
	state := swUsual
	var decoded byte
	for i := 0; i < len(src); i++ {
		ch := src[i]
		switch state {
		case swUsual:
			switch {
			case ch == '?' && kind != UnescapeURIComponent:
				return append(dst, ch), src[i+1:]
			case ch == '%':
				state = swQuoted
			default:
				dst = append(dst, ch)
			}
		case swQuoted:
			if d, ok := unhex(ch); ok {
				decoded = d
				state = swQuotedSecond
				break
			}
			state = swUsual
			dst = append(dst, ch)
		case swQuotedSecond:
			state = swUsual
			d, ok := unhex(ch)
			if !ok {
				break
			}
			c := decoded<<4 | d
			// "?" is 3F: only a second digit that is a letter makes one.
			if c == '?' && kind != UnescapeURIComponent {
				return append(dst, c), src[i+1:]
			}
			if kind == UnescapeRedirect && (c <= '%' || c >= 0x7f) {
				dst = append(dst, '%', src[i-1], ch)
				break
			}
			dst = append(dst, c)
		}
	}
	return dst, ""
}

// AppendEscapeHTML appends src with "<", ">", "&" and the double quote as
// entities: ngx_escape_html.
func AppendEscapeHTML(dst []byte, src string) []byte {
	from := 0
	for i := 0; i < len(src); i++ {
		var entity string
		switch src[i] {
		case '<':
			entity = "&lt;"
		case '>':
			entity = "&gt;"
		case '&':
			entity = "&amp;"
		case '"':
			entity = "&quot;"
		default:
			continue
		}
		dst = append(dst, src[from:i]...)
		dst = append(dst, entity...)
		from = i + 1
	}
	return append(dst, src[from:]...)
}
