package pcre

import (
	"runtime"
	"sync"
	"unsafe"

	"go.elara.ws/pcre/lib"
	"modernc.org/libc"
)

// minPairs is the room for offsets in a pooled matcher: more than nearly
// every pattern has groups.
const minPairs = 32

// dfaWorkspace is the number of ints that ngx_lua gives to a DFA match.
const dfaWorkspace = 1000

// matcher is what one match writes to.
type matcher struct {
	*cmemory
	subject string // keeps the subject reachable while PCRE2 reads it
}

// cmemory is the part of a matcher that lies outside Go's heap.
type cmemory struct {
	tls     *libc.TLS
	ctx     uintptr // pcre2_match_context
	data    uintptr // pcre2_match_data
	ovector uintptr
	pairs   int
	limit   uint32
	ws      uintptr // workspace of DFA matches
	buf     uintptr // copies of subjects, where they are copied
	bufLen  int
}

var matchers = sync.Pool{New: func() any { return newMatcher() }}

func newMatcher() *matcher {
	tls := libc.NewTLS()
	c := &cmemory{tls: tls, ctx: lib.Xpcre2_match_context_create_8(tls, 0)}
	if c.ctx == 0 {
		panic("pcre: out of memory")
	}
	c.grow(minPairs)
	m := &matcher{cmemory: c}
	runtime.AddCleanup(m, (*cmemory).free, c)
	return m
}

func (c *cmemory) free() {
	lib.Xpcre2_match_data_free_8(c.tls, c.data)
	lib.Xpcre2_match_context_free_8(c.tls, c.ctx)
	libc.Xfree(c.tls, c.ws)
	libc.Xfree(c.tls, c.buf)
	c.tls.Close()
}

// grow makes room for n pairs of offsets.
func (c *cmemory) grow(n int) {
	if c.data != 0 {
		lib.Xpcre2_match_data_free_8(c.tls, c.data)
	}
	c.data = lib.Xpcre2_match_data_create_8(c.tls, uint32(n), 0)
	if c.data == 0 {
		panic("pcre: out of memory")
	}
	c.pairs = n
	c.ovector = lib.Xpcre2_get_ovector_pointer_8(c.tls, c.data)
}

// stage returns where PCRE2 finds the subject. Checked builds refuse C code
// that reads Go memory, so there the subject is copied.
func (m *matcher) stage(subject string) uintptr {
	// Storing the string moves it to the heap, which does not move; the
	// stack does.
	m.subject = subject
	if len(subject) == 0 {
		return 0
	}
	if !copySubject {
		return uintptr(unsafe.Pointer(unsafe.StringData(subject)))
	}
	if len(subject) > m.bufLen {
		libc.Xfree(m.tls, m.buf)
		m.buf = libc.Xmalloc(m.tls, lib.Tsize_t(len(subject)))
		m.bufLen = len(subject)
	}
	copy(unsafe.Slice((*byte)(at(m.buf)), len(subject)), subject)
	return m.buf
}

func takeMatcher(pairs int) *matcher {
	m := matchers.Get().(*matcher)
	if pairs > m.pairs {
		m.grow(pairs)
	}
	return m
}

func putMatcher(m *matcher) {
	m.subject = ""
	matchers.Put(m)
}

// Match looks for the pattern in subject at or after the byte start. It
// returns the number of leading groups that were set, the whole match
// counted (0: no match), and stores start and end of each group in ovector
// as far as it reaches; offsets of groups that took no part are -1.
//
// An error is a *MatchError: the match limit, or invalid UTF-8 with [UTF].
func (re *Regex) Match(subject string, start int, ovector []int) (n int, err error) {
	if start < 0 || start > len(subject) {
		return 0, &MatchError{Code: lib.DPCRE2_ERROR_BADOFFSET, Msg: "bad offset value"}
	}
	if re.lit.kind != noLiteral {
		if n, done := re.lit.match(subject, start, ovector); done {
			return n, nil
		}
	}
	m := takeMatcher(re.captures + 1)
	if m.limit != re.limit {
		lib.Xpcre2_set_match_limit_8(m.tls, m.ctx, re.limit)
		m.limit = re.limit
	}
	rc := lib.Xpcre2_match_8(m.tls, re.code, m.stage(subject), lib.Tsize_t(len(subject)), lib.Tsize_t(start), 0, m.data, m.ctx)
	n, err = m.result(rc, re.captures+1, ovector)
	putMatcher(m)
	runtime.KeepAlive(re)
	return n, err
}

// MatchDFA is Match with PCRE's alternative algorithm, which finds the
// longest match and knows no groups (ngx.re's "d" option).
func (re *Regex) MatchDFA(subject string, start int, ovector []int) (n int, err error) {
	if start < 0 || start > len(subject) {
		return 0, &MatchError{Code: lib.DPCRE2_ERROR_BADOFFSET, Msg: "bad offset value"}
	}
	m := takeMatcher(1)
	if m.ws == 0 {
		m.ws = libc.Xmalloc(m.tls, dfaWorkspace*4)
	}
	if m.limit != re.limit {
		lib.Xpcre2_set_match_limit_8(m.tls, m.ctx, re.limit)
		m.limit = re.limit
	}
	rc := lib.Xpcre2_dfa_match_8(m.tls, re.code, m.stage(subject), lib.Tsize_t(len(subject)), lib.Tsize_t(start), 0, m.data, m.ctx, m.ws, dfaWorkspace)
	n, err = m.result(min(rc, 1), 1, ovector)
	putMatcher(m)
	runtime.KeepAlive(re)
	return n, err
}

// MatchString reports whether the pattern matches; an error is no match.
func (re *Regex) MatchString(subject string) bool {
	n, err := re.Match(subject, 0, nil)
	return err == nil && n > 0
}

// result copies a match's offsets; groups is how many the pattern has.
func (m *matcher) result(rc int32, groups int, ovector []int) (int, error) {
	switch {
	case rc == lib.DPCRE2_ERROR_NOMATCH:
		return 0, nil
	case rc < 0:
		return 0, &MatchError{Code: int(rc), Msg: message(m.tls, rc)}
	case rc == 0: // more matches than room: only a DFA match
		rc = 1
	}
	pairs := min(groups, len(ovector)/2)
	got := unsafe.Slice((*uint64)(at(m.ovector)), m.pairs*2)
	for i := range pairs * 2 {
		if i < int(rc)*2 {
			ovector[i] = int(got[i]) // PCRE2_UNSET is all ones, -1
		} else {
			ovector[i] = -1
		}
	}
	return int(rc), nil
}
