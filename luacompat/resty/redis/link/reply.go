package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
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

var errNesting = errors.New("too deep reply")

// reader parses replies from a stream.
type reader struct {
	src  io.Reader
	buf  []byte
	r, w int
	mid  bool // part of a reply has come
}

const readSize = 16 << 10

// buffered is the number of bytes that have been read and not parsed.
func (p *reader) buffered() int { return p.w - p.r }

func (p *reader) fill() error {
	if p.r == p.w {
		p.r, p.w = 0, 0
		if len(p.buf) > 4*readSize {
			p.buf = nil
		}
	}
	if p.buf == nil {
		p.buf = make([]byte, readSize)
	}
	if p.w == len(p.buf) {
		if p.r > 0 {
			p.w = copy(p.buf, p.buf[p.r:p.w])
			p.r = 0
		} else {
			p.buf = append(p.buf, make([]byte, len(p.buf))...)
		}
	}
	n, err := p.src.Read(p.buf[p.w:])
	p.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// line returns the next line as a cosocket's receive("*l") gives it: without
// its end and without any CR. It is valid until the next read.
func (p *reader) line() ([]byte, error) {
	from := 0
	for {
		if i := bytes.IndexByte(p.buf[p.r+from:p.w], '\n'); i >= 0 {
			p.mid = true
			b := p.buf[p.r : p.r+from+i]
			p.r += from + i + 1
			if n := len(b); n > 0 && b[n-1] == '\r' {
				b = b[:n-1]
			}
			if bytes.IndexByte(b, '\r') >= 0 {
				b = bytes.ReplaceAll(b, []byte{'\r'}, nil)
			}
			return b, nil
		}
		from = p.w - p.r
		p.mid = p.mid || from > 0
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
}

func (p *reader) reply(depth int) (Reply, error) {
	if depth == 0 {
		p.mid = false
	} else if depth > maxNesting {
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
		if !ok {
			return Reply{}, badLength(b)
		}
		if n < 0 {
			return Reply{Kind: Null}, nil
		}
		s, err := p.bulk(int(n))
		return Reply{Kind: Bulk, Str: s}, err
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

// bulk reads n bytes and the line end behind them.
func (p *reader) bulk(n int) (string, error) {
	if n <= 4*readSize {
		for p.buffered() < n+2 {
			if err := p.fill(); err != nil {
				return "", err
			}
		}
		s := string(p.buf[p.r : p.r+n])
		p.r += n + 2
		return s, nil
	}
	// Memory grows with what arrives, not with what the length promises.
	var b bytes.Buffer
	for left := n; left > 0; {
		if p.buffered() == 0 {
			if err := p.fill(); err != nil {
				return "", err
			}
		}
		k := min(left, p.buffered())
		b.Write(p.buf[p.r : p.r+k])
		p.r += k
		left -= k
	}
	for p.buffered() < 2 {
		if err := p.fill(); err != nil {
			return "", err
		}
	}
	p.r += 2
	return b.String(), nil
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
