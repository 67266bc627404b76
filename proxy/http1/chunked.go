package http1

import "math"

// Chunked decodes a chunked body. The zero value is at its beginning; Reset
// makes it so again.
//
// See: RFC 9112, 7.1; ngx_http_parse_chunked.
type Chunked struct {
	size     int64
	overhead int
	state    chunkState
	// KeepTrailers stops at the trailer section and leaves its lines to
	// the caller (see TrailerParser) instead of skipping them.
	KeepTrailers bool
	// BareLF takes a line end without CR, as nginx does. It is for upstreams:
	// between a client and a server behind the gateway it would open the door
	// to smuggled requests.
	BareLF bool
}

type chunkState uint8

const (
	csStart chunkState = iota
	csSize
	csExt
	csExtDone
	csData
	csAfterData
	csAfterDataDone
	csLastExt
	csLastExtDone
	csTrailer
	csTrailerDone
	csTrailerLine
	csTrailerLineDone
	csEnd
)

// maxChunkOverhead bounds the bytes of one chunk line with its extensions,
// and of the trailer section.
//
// Differs: nginx has no bound of its own here.
const maxChunkOverhead = 64 << 10

// Reset prepares for another body.
func (c *Chunked) Reset() { *c = Chunked{KeepTrailers: c.KeepTrailers, BareLF: c.BareLF} }

// Done tells whether the end of the body has been decoded.
func (c *Chunked) Done() bool { return c.state == csEnd }

// Left is how much of the chunk at hand is still to come.
func (c *Chunked) Left() int64 { return c.size }

// Next decodes from the front of buf. It returns the first piece of payload
// as a view into buf (empty if there is none yet), the number of bytes that
// are dealt with, that piece included, and whether the body is at its end.
// Call it again with the rest of buf until n == len(buf) or done.
func (c *Chunked) Next(buf []byte) (data []byte, n int, done bool, err error) {
	i := 0
	for i < len(buf) {
		if c.state == csData {
			if c.size == 0 {
				c.state = csAfterData
				continue
			}
			end := len(buf)
			if int64(end-i) > c.size {
				end = i + int(c.size)
			}
			c.size -= int64(end - i)
			return buf[i:end], end, false, nil
		}
		if done, err := c.step(buf[i]); err != nil {
			return nil, i, false, err
		} else if done {
			return nil, i + 1, true, nil
		}
		i++
	}
	return nil, i, c.state == csEnd, nil
}

// step handles one byte outside of chunk data.
func (c *Chunked) step(ch byte) (done bool, err error) {
	if c.overhead++; c.overhead > maxChunkOverhead {
		return false, errChunked
	}
	if ch == '\n' && c.BareLF {
		// The CR that is missing is taken as read.
		switch c.state {
		case csSize, csExt, csAfterData, csLastExt, csTrailer, csTrailerLine:
			if _, err := c.step('\r'); err != nil {
				return false, err
			}
		}
	}
	switch c.state {
	case csStart:
		d, ok := unhex(ch)
		if !ok {
			return false, errChunked
		}
		c.size, c.state, c.overhead = int64(d), csSize, 0
	case csSize:
		if c.size > math.MaxInt64/16 {
			return false, errChunked
		}
		if d, ok := unhex(ch); ok {
			c.size = c.size<<4 | int64(d)
			break
		}
		switch ch {
		case '\r':
			c.state = csExtDone
		case ';', ' ', '\t':
			c.state = csExt
		default:
			return false, errChunked
		}
		if c.size == 0 {
			c.state += csLastExt - csExt
		}
		if c.size > math.MaxInt64-5 {
			return false, errChunked
		}
	case csExt, csLastExt, csTrailerLine:
		switch ch {
		case '\r':
			c.state++
		case '\n':
			return false, errChunked
		}
	case csExtDone, csLastExtDone, csAfterDataDone, csTrailerLineDone, csTrailerDone:
		if ch != '\n' {
			return false, errChunked
		}
		switch c.state {
		case csExtDone:
			c.state = csData
		case csAfterDataDone:
			c.state = csStart
		case csTrailerLineDone:
			c.state = csTrailer
		case csLastExtDone:
			c.state = csTrailer
			if c.KeepTrailers {
				c.state = csEnd
				return true, nil
			}
		case csTrailerDone:
			c.state = csEnd
			return true, nil
		}
	case csAfterData:
		if ch != '\r' {
			return false, errChunked
		}
		c.state = csAfterDataDone
	case csTrailer:
		switch ch {
		case '\r':
			c.state = csTrailerDone
		case '\n':
			return false, errChunked
		default:
			c.state = csTrailerLine
		}
	default:
		return false, errChunked
	}
	return false, nil
}

// Compact decodes all of buf in place: the payload is moved to the front of
// buf, wire bytes behind the end of the body directly after it. It returns
// the payload and the bytes that follow the body (only when done).
func (c *Chunked) Compact(buf []byte) (payload, rest []byte, done bool, err error) {
	w, r := 0, 0
	for r < len(buf) && !done {
		var data []byte
		var n int
		data, n, done, err = c.Next(buf[r:])
		if err != nil {
			return buf[:w], nil, false, err
		}
		if len(data) > 0 {
			if w == r+n-len(data) {
				w += len(data)
			} else {
				w += copy(buf[w:], data)
			}
		}
		r += n
	}
	return buf[:w], buf[r:], done, nil
}

// TrailerParser reads the field lines of a trailer section.
type TrailerParser struct {
	fields fieldScanner
	set    bool
	spans  []span
}

// Parse looks at buf, which holds everything since the trailer section's
// first byte. When the section is complete it returns its length and fields.
func (p *TrailerParser) Parse(buf []byte, hs Headers) (n int, trailers Headers, done bool, err error) {
	if !p.set {
		p.set, p.fields = true, fieldScanner{underscore: true}
	}
	for {
		switch p.fields.next(buf) {
		case frAgain:
			if len(buf) > maxChunkOverhead {
				return 0, hs, false, errChunked
			}
			return 0, hs, false, nil
		case frField:
			f := &p.fields
			p.spans = append(p.spans, span{int32(f.start), int32(f.keyEnd), int32(f.valStart), int32(f.valEnd),
				LookupHeader(view(buf[f.start:f.keyEnd])), f.flags()})
		case frInvalid:
			f := &p.fields
			return 0, hs, false, upstreamErrorf("upstream sent invalid trailer: \"%s\\x%02x...\"",
				buf[f.start:f.valEnd], buf[f.valEnd])
		case frEnd:
			all := view(buf)
			for _, s := range p.spans {
				hs = append(hs, Header{all[s.key:s.keyEnd], all[s.val:s.valEnd], s.id, s.flags})
			}
			n := p.fields.off
			p.fields, p.spans, p.set = fieldScanner{}, p.spans[:0], false
			return n, hs, true, nil
		}
	}
}

// LastChunk ends a chunked body without trailers.
const LastChunk = "0\r\n\r\n"

// AppendChunkHeader appends the line before n bytes of chunk data; n > 0.
// The data is followed by "\r\n".
func AppendChunkHeader(dst []byte, n int) []byte {
	const hex = "0123456789abcdef"
	shift := 0
	for n>>shift > 15 {
		shift += 4
	}
	for ; shift >= 0; shift -= 4 {
		dst = append(dst, hex[n>>shift&15])
	}
	return append(dst, '\r', '\n')
}

// AppendChunk appends data as one whole chunk, nothing if it is empty.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = append(AppendChunkHeader(dst, len(data)), data...)
	return append(dst, '\r', '\n')
}

// AppendLastChunk appends the end of a chunked body with its trailers.
func AppendLastChunk(dst []byte, trailers Headers) []byte {
	dst = append(dst, '0', '\r', '\n')
	for i := range trailers {
		dst = AppendHeader(dst, trailers[i].Key, trailers[i].Value)
	}
	return append(dst, '\r', '\n')
}
