package pcre

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"go.elara.ws/pcre/lib"
	"modernc.org/libc"
)

// Flags are compile options; they are PCRE2's own under Go names.
type Flags uint32

// The compile options.
const (
	Caseless      Flags = lib.DPCRE2_CASELESS
	Multiline     Flags = lib.DPCRE2_MULTILINE
	DotAll        Flags = lib.DPCRE2_DOTALL
	Extended      Flags = lib.DPCRE2_EXTENDED
	Anchored      Flags = lib.DPCRE2_ANCHORED
	DollarEndonly Flags = lib.DPCRE2_DOLLAR_ENDONLY
	DupNames      Flags = lib.DPCRE2_DUPNAMES
	Ungreedy      Flags = lib.DPCRE2_UNGREEDY
	UTF           Flags = lib.DPCRE2_UTF
	UCP           Flags = lib.DPCRE2_UCP
	// NoUTFCheck trusts pattern and subjects to be valid UTF-8.
	//
	// Differs: it is dropped. An invalid subject then gives an error where
	// PCRE would read outside of it.
	NoUTFCheck Flags = lib.DPCRE2_NO_UTF_CHECK
	// JavaScriptCompat is PCRE1's JAVASCRIPT_COMPAT in PCRE2's terms.
	JavaScriptCompat Flags = lib.DPCRE2_ALT_BSUX | lib.DPCRE2_ALLOW_EMPTY_CLASS | lib.DPCRE2_MATCH_UNSET_BACKREF
)

// DefaultMatchLimit is lua_regex_match_limit's stand-in when none is set: it
// stops catastrophic backtracking within some milliseconds.
const DefaultMatchLimit = 100000

// Name is one entry of a pattern's name table.
type Name struct {
	Name  string
	Index int
}

// Regex is a compiled pattern, safe for concurrent use.
type Regex struct {
	pattern  string
	code     uintptr // pcre2_code
	flags    Flags
	captures int
	names    []Name
	limit    uint32
	lit      literal
}

// Error is why a pattern does not compile.
type Error struct {
	Pattern string
	Code    int    // PCRE2's number
	Msg     string // PCRE2's words
	Offset  int    // bytes into Pattern
}

// Error is the text nginx prints.
//
// See: src/core/ngx_regex.c, ngx_regex_compile
func (e *Error) Error() string { return e.Text("pcre2_compile") }

// Text is Error with another function's name in front ("pcre_compile", as
// ngx_lua 0.10.23 prints it).
func (e *Error) Text(function string) string {
	s := function + `() failed: ` + e.Msg + ` in "` + e.Pattern + `"`
	if e.Offset < len(e.Pattern) {
		s += ` at "` + e.Pattern[e.Offset:] + `"`
	}
	return s
}

// MatchError is a match that neither succeeded nor failed.
type MatchError struct {
	Code int    // PCRE2's negative number
	Msg  string // PCRE2's words
}

func (e *MatchError) Error() string { return e.Msg }

// Compile compiles a pattern; the error is an *Error.
func Compile(pattern string, flags Flags) (*Regex, error) {
	flags &^= NoUTFCheck
	m := takeMatcher(0)
	defer putMatcher(m)
	tls := m.tls
	pat := copyIn(tls, pattern)
	defer libc.Xfree(tls, pat)
	out := tls.Alloc(16) // int errorcode, size_t erroroffset
	defer tls.Free(16)
	code := lib.Xpcre2_compile_8(tls, pat, lib.Tsize_t(len(pattern)), uint32(flags), out, out+8, 0)
	if code == 0 {
		n := *(*int32)(at(out))
		off := int(*(*lib.Tsize_t)(at(out + 8)))
		return nil, &Error{Pattern: pattern, Code: int(n), Msg: message(tls, n), Offset: min(off, len(pattern))}
	}
	re := &Regex{pattern: pattern, code: code, flags: flags, limit: DefaultMatchLimit}
	re.captures = int(info32(tls, code, lib.DPCRE2_INFO_CAPTURECOUNT))
	re.names = nameTable(tls, code)
	re.lit = findLiteral(pattern, flags)
	runtime.AddCleanup(re, freeCode, code)
	return re, nil
}

// MustCompile is Compile for patterns known at build time.
func MustCompile(pattern string, flags Flags) *Regex {
	re, err := Compile(pattern, flags)
	if err != nil {
		panic(err)
	}
	return re
}

// SetMatchLimit bounds the work of one match; 0 keeps PCRE2's default. It
// must be called before the first match.
//
// See: https://github.com/openresty/lua-nginx-module#lua_regex_match_limit
func (re *Regex) SetMatchLimit(n int) {
	if n <= 0 || n > 1<<31-1 {
		n = 10000000
	}
	re.limit = uint32(n)
}

// String is the pattern.
func (re *Regex) String() string { return re.pattern }

// NumCaptures is the number of capturing groups.
func (re *Regex) NumCaptures() int { return re.captures }

// Names is the name table in PCRE's order (sorted by name); a name may occur
// several times with DupNames. It must not be changed.
func (re *Regex) Names() []Name { return re.names }

func freeCode(code uintptr) {
	m := takeMatcher(0)
	lib.Xpcre2_code_free_8(m.tls, code)
	putMatcher(m)
}

// copyIn copies a string to C memory; there is always at least one byte.
func copyIn(tls *libc.TLS, s string) uintptr {
	p := libc.Xmalloc(tls, lib.Tsize_t(len(s)+1))
	if p == 0 {
		panic("pcre: out of memory")
	}
	b := unsafe.Slice((*byte)(at(p)), len(s)+1)
	copy(b, s)
	b[len(s)] = 0
	return p
}

func message(tls *libc.TLS, n int32) string {
	const size = 256
	p := tls.Alloc(size)
	defer tls.Free(size)
	if k := lib.Xpcre2_get_error_message_8(tls, n, p, size); k >= 0 {
		return strings.Clone(unsafe.String((*byte)(at(p)), int(k)))
	}
	return fmt.Sprintf("error %d", n)
}

func info32(tls *libc.TLS, code uintptr, what uint32) uint32 {
	p := tls.Alloc(8)
	defer tls.Free(8)
	*(*uint32)(at(p)) = 0
	lib.Xpcre2_pattern_info_8(tls, code, what, p)
	return *(*uint32)(at(p))
}

func nameTable(tls *libc.TLS, code uintptr) []Name {
	n := int(info32(tls, code, lib.DPCRE2_INFO_NAMECOUNT))
	if n == 0 {
		return nil
	}
	size := int(info32(tls, code, lib.DPCRE2_INFO_NAMEENTRYSIZE))
	p := tls.Alloc(8)
	defer tls.Free(8)
	lib.Xpcre2_pattern_info_8(tls, code, lib.DPCRE2_INFO_NAMETABLE, p)
	table := unsafe.Slice((*byte)(at(*(*uintptr)(at(p)))), n*size)
	names := make([]Name, n)
	for i := range names {
		e := table[i*size : (i+1)*size]
		name, _, _ := strings.Cut(string(e[2:]), "\x00")
		names[i] = Name{Name: name, Index: int(e[0])<<8 | int(e[1])}
	}
	return names
}

// at is an address of C memory as a pointer. Such memory is not Go's, so the
// rules that vet checks for conversions do not concern it.
func at(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }
