package http2

import "golang.org/x/net/http2/hpack"

// The static table's entries that responses use.
const (
	indexStatus        = 8
	indexContentLength = 28
	indexContentType   = 31
	indexDate          = 33
	indexLastModified  = 44
	indexLocation      = 46
	indexServer        = 54
	indexVary          = 59
)

// Field is a header name that the static table knows.
type Field uint8

// The fields that nginx makes itself.
const (
	FieldContentLength Field = indexContentLength
	FieldContentType   Field = indexContentType
	FieldDate          Field = indexDate
	FieldLastModified  Field = indexLastModified
	FieldLocation      Field = indexLocation
	FieldServer        Field = indexServer
	FieldVary          Field = indexVary
)

// AppendTableSize appends the announcement that the encoder's dynamic table
// is empty and stays so, due when a client has changed its size.
func AppendTableSize(b []byte) []byte { return append(b, 1<<5) }

// AppendStatus appends ":status".
func AppendStatus(b []byte, status int) []byte {
	switch status {
	case 200:
		return append(b, 0x80|8)
	case 204:
		return append(b, 0x80|9)
	case 206:
		return append(b, 0x80|10)
	case 304:
		return append(b, 0x80|11)
	case 400:
		return append(b, 0x80|12)
	case 404:
		return append(b, 0x80|13)
	case 500:
		return append(b, 0x80|14)
	}
	return append(b, indexStatus, 3, byte('0'+status/100%10), byte('0'+status/10%10), byte('0'+status%10))
}

// AppendField appends a field whose name is in the static table.
func AppendField(b []byte, f Field, value string) []byte {
	return appendString(appendInt(b, 0, 4, uint64(f)), value, false)
}

// AppendHeader appends any field; its name is lower-cased.
func AppendHeader(b []byte, name, value string) []byte {
	return appendString(appendString(append(b, 0), name, true), value, false)
}

// appendString appends a string, Huffman coded where that is shorter.
func appendString(b []byte, s string, lower bool) []byte {
	if lower && hasUpper(s) {
		var tmp [64]byte
		l := append(tmp[:0], s...)
		for i, c := range l {
			if 'A' <= c && c <= 'Z' {
				l[i] = c + 'a' - 'A'
			}
		}
		s = string(l)
	}
	if n := hpack.HuffmanEncodeLength(s); n < uint64(len(s)) {
		return hpack.AppendHuffmanString(appendInt(b, 0x80, 7, n), s)
	}
	return append(appendInt(b, 0, 7, uint64(len(s))), s...)
}

func hasUpper(s string) bool {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

// appendInt appends an integer with a prefix of bits bits.
func appendInt(b []byte, first byte, bits uint, n uint64) []byte {
	limit := uint64(1)<<bits - 1
	if n < limit {
		return append(b, first|byte(n))
	}
	b = append(b, first|byte(limit))
	for n -= limit; n >= 128; n >>= 7 {
		b = append(b, 0x80|byte(n))
	}
	return append(b, byte(n))
}
