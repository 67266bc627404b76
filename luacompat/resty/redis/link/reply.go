package link

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kind says what a Reply is; its values are Redis's prefixes.
type Kind byte

// The kinds of replies.
const (
	Status Kind = '+'
	Error  Kind = '-'
	Int    Kind = ':'
	Bulk   Kind = '$'
	Array  Kind = '*'
	Null   Kind = '_' // $-1 and *-1
)

// Reply is one reply of Redis.
type Reply struct {
	Kind  Kind
	Str   string // Status, Error, Bulk; the digits of an Int out of range
	Int   int64
	Array []Reply
}

// maxNesting bounds arrays in arrays.
const maxNesting = 128

// ProtocolError is an answer that is not Redis's; its text is resty.redis's.
type ProtocolError struct{ Prefix string }

func (e *ProtocolError) Error() string { return `unknown prefix: "` + e.Prefix + `"` }

var (
	errNesting = errors.New("too deep reply")
	errShort   = errors.New("incomplete reply")
)

// readSize is the size of go-redis's buffers.
const readSize = 16 << 10

// reader takes replies apart that go-redis has read.
type reader struct{ buf []byte }

// line returns the next line as a cosocket's receive("*l") gives it: without
// its end and without any CR.
func (p *reader) line() ([]byte, error) {
	i := bytes.IndexByte(p.buf, '\n')
	if i < 0 {
		return nil, errShort
	}
	b := p.buf[:i]
	p.buf = p.buf[i+1:]
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	if bytes.IndexByte(b, '\r') >= 0 {
		b = bytes.ReplaceAll(b, []byte{'\r'}, nil)
	}
	return b, nil
}

func (p *reader) reply(depth int) (Reply, error) {
	if depth > maxNesting {
		return Reply{}, errNesting
	}
	b, err := p.line()
	if err != nil {
		return Reply{}, err
	}
	if len(b) == 0 {
		return Reply{}, &ProtocolError{"nil"}
	}
	switch Kind(b[0]) {
	case Status:
		if len(b) == 3 && b[1] == 'O' && b[2] == 'K' {
			return Reply{Kind: Status, Str: "OK"}, nil
		}
		return Reply{Kind: Status, Str: string(b[1:])}, nil
	case Error:
		return Reply{Kind: Error, Str: string(b[1:])}, nil
	case Int:
		n, ok := number(b[1:])
		if !ok {
			return Reply{Kind: Int, Str: string(b[1:])}, nil
		}
		return Reply{Kind: Int, Int: n}, nil
	case Bulk:
		n, ok := number(b[1:])
		switch {
		case !ok:
			return Reply{}, badLength(b)
		case n < 0:
			return Reply{Kind: Null}, nil
		case int64(len(p.buf)) < n+2:
			return Reply{}, errShort
		}
		s := string(p.buf[:n])
		p.buf = p.buf[n+2:]
		return Reply{Kind: Bulk, Str: s}, nil
	case Array:
		n, ok := number(b[1:])
		if !ok {
			return Reply{}, badLength(b)
		}
		if n < 0 {
			return Reply{Kind: Null}, nil
		}
		return p.array(int(n), depth)
	}
	return Reply{}, &ProtocolError{strconv.Itoa(int(b[0]))}
}

func badLength(b []byte) error { return fmt.Errorf("bad length in reply: %q", b) }

func (p *reader) array(n, depth int) (Reply, error) {
	a := make([]Reply, 0, min(n, 1024))
	for range n {
		e, err := p.reply(depth + 1)
		if err != nil {
			return Reply{}, err
		}
		a = append(a, e)
	}
	return Reply{Kind: Array, Array: a}, nil
}

// number reads an integer; ok is false for anything else.
func number(b []byte) (n int64, ok bool) {
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}

// garbage is resty.redis's error for what go-redis could not read: err is
// go-redis's, in what it had read of the reply.
func garbage(err error, in []byte) error {
	p := reader{in}
	for len(p.buf) > 0 {
		if _, e := p.reply(0); e != nil && e != errShort {
			return e
		} else if e != nil {
			break
		}
	}
	// A line that is too short or does not end as one: go-redis quotes it.
	if _, quoted, ok := strings.Cut(err.Error(), "invalid reply: "); ok {
		if s, e := strconv.Unquote(quoted); e == nil {
			if s = strings.Trim(s, "\r\n"); s == "" {
				return &ProtocolError{"nil"}
			}
			return &ProtocolError{strconv.Itoa(int(s[0]))}
		}
	}
	return err
}
