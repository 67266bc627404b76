package cache

import (
	"encoding/binary"
	"errors"
)

// The layout of a cache file: a header of fixed size, "\nKEY: key\n", the
// response's header as the upstream sent it, its body.
const (
	version    = 5
	headerSize = 336
	etagMax    = 128
	varyMax    = 128
	keyIntro   = "\nKEY: "
)

// VaryMax is the longest Vary that a cache file can hold.
const VaryMax = varyMax

// header is ngx_http_file_cache_header_t as a 64-bit little-endian machine
// lays it out.
type header struct {
	Meta
	crc         uint32
	headerStart int
	bodyStart   int
	variant     Key
}

// Meta is what a cache file says of its response besides the response.
// Times are Unix seconds.
type Meta struct {
	Valid        int64 // fresh until then
	Updating     int64 // seconds that it may be used while it is updated
	Error        int64 // seconds that it may be used instead of an error
	LastModified int64 // -1: unknown
	Date         int64 // when it came
	ETag         string
	Vary         string
}

// appendHeader appends the fixed part of a file.
func (h *header) appendTo(b []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, headerSize)...)
	p := b[at:]
	le := binary.LittleEndian
	le.PutUint64(p[0:], version)
	le.PutUint64(p[8:], uint64(h.Valid))
	le.PutUint64(p[16:], uint64(h.Updating))
	le.PutUint64(p[24:], uint64(h.Error))
	le.PutUint64(p[32:], uint64(h.LastModified))
	le.PutUint64(p[40:], uint64(h.Date))
	le.PutUint32(p[48:], h.crc)
	le.PutUint16(p[54:], uint16(h.headerStart))
	le.PutUint16(p[56:], uint16(h.bodyStart))
	if len(h.ETag) <= etagMax {
		p[58] = byte(len(h.ETag))
		copy(p[59:], h.ETag)
	}
	if h.Vary != "" && len(h.Vary) <= varyMax {
		p[187] = byte(len(h.Vary))
		copy(p[188:], h.Vary)
		copy(p[316:], h.variant[:])
	}
	return b
}

var (
	errTooSmall = errors.New("is too small")
	errVersion  = errors.New("version mismatch")
	errVaryLen  = errors.New("has incorrect vary length")
)

// parseHeader reads the fixed part of a file.
func parseHeader(p []byte) (h header, err error) {
	if len(p) < headerSize {
		return h, errTooSmall
	}
	le := binary.LittleEndian
	if le.Uint64(p) != version {
		return h, errVersion
	}
	h.Valid = int64(le.Uint64(p[8:]))
	h.Updating = int64(le.Uint64(p[16:]))
	h.Error = int64(le.Uint64(p[24:]))
	h.LastModified = int64(le.Uint64(p[32:]))
	h.Date = int64(le.Uint64(p[40:]))
	h.crc = le.Uint32(p[48:])
	h.headerStart = int(le.Uint16(p[54:]))
	h.bodyStart = int(le.Uint16(p[56:]))
	if p[58] <= etagMax {
		h.ETag = string(p[59 : 59+int(p[58])])
	}
	if p[187] > varyMax {
		return h, errVaryLen
	}
	h.Vary = string(p[188 : 188+int(p[187])])
	copy(h.variant[:], p[316:])
	return h, nil
}
