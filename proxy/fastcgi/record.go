package fastcgi

import "encoding/binary"

// The types of records.
const (
	BeginRequest = 1
	EndRequest   = 3
	Params       = 4
	Stdin        = 5
	Stdout       = 6
	Stderr       = 7
)

const (
	headerSize = 8
	requestID  = 1
	responder  = 1
	keepConn   = 1
)

// MaxContent is the longest content of a record.
const MaxContent = 65535

// AppendHeader appends the header of a record with n bytes of content, and
// returns how many bytes of padding follow them.
func AppendHeader(b []byte, kind byte, n int) (out []byte, padding int) {
	padding = -n & 7
	return append(b, 1, kind, 0, requestID, byte(n>>8), byte(n), byte(padding), 0), padding
}

// AppendBegin appends the record that begins a request. keep asks the
// application not to close the connection after it.
func AppendBegin(b []byte, keep bool) []byte {
	b, _ = AppendHeader(b, BeginRequest, 8)
	flags := byte(0)
	if keep {
		flags = keepConn
	}
	return append(b, 0, responder, flags, 0, 0, 0, 0, 0)
}

// AppendEmpty appends a record without content, which ends a stream.
func AppendEmpty(b []byte, kind byte) []byte {
	b, _ = AppendHeader(b, kind, 0)
	return b
}

// AppendStdin appends a piece of a request body in as many records as it
// takes.
func AppendStdin(b, body []byte) []byte {
	for len(body) > 0 {
		n := min(len(body), 32<<10)
		var padding int
		b, padding = AppendHeader(b, Stdin, n)
		b = append(b, body[:n]...)
		b = append(b, make([]byte, padding)...)
		body = body[n:]
	}
	return b
}

// AppendLengths appends the lengths of a parameter's name and value; both
// follow.
func AppendLengths(b []byte, name, value int) []byte {
	return appendLength(appendLength(b, name), value)
}

func appendLength(b []byte, n int) []byte {
	if n <= 127 {
		return append(b, byte(n))
	}
	return binary.BigEndian.AppendUint32(b, uint32(n)|1<<31)
}
