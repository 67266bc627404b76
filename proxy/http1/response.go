package http1

import "fmt"

// ResponseParser parses one response head at a time; Reset prepares it for
// the next, be it after an informational one.
type ResponseParser struct {
	Head ResponseHead

	state     statusState
	fields    fieldScanner
	inHeaders bool
	off       int
	digits    int
	codeAt    int
	textEnd   int
	headersAt int
	major     int
	minor     int
	code      int
	spans     []span
	seen      uint64
}

type statusState uint8

const (
	// States below ssFirstMajor are places in "HTTP/".
	ssFirstMajor statusState = iota + 5
	ssMajor
	ssFirstMinor
	ssMinor
	ssStatus
	ssSpace
	ssText
	ssAlmostDone
)

// Reset prepares the parser for another response, keeping its memory.
func (p *ResponseParser) Reset() {
	headers, spans := p.Head.Headers[:0], p.spans[:0]
	clear(p.Head.Headers)
	if cap(headers) > 128 {
		headers, spans = nil, nil
	}
	*p = ResponseParser{spans: spans}
	p.Head.Headers = headers
}

// Parse looks at buf, which holds everything since the first byte of the
// response, under the same rules as RequestParser.Parse. done with
// Head.HTTP09 set and n == 0 means that there is no status line.
func (p *ResponseParser) Parse(buf []byte) (n int, done bool, err error) {
	if !p.inHeaders {
		ok, valid := p.parseStatus(buf)
		if !valid {
			p.Head = ResponseHead{HTTP09: true, Version: 9, Headers: p.Head.Headers[:0], connClose: true}
			return 0, true, nil
		}
		if !ok {
			return 0, false, nil
		}
		p.inHeaders = true
		p.headersAt = p.off
		p.fields = fieldScanner{off: p.off, underscore: true, upstream: true}
		if p.major == 0 || p.major*1000+p.minor < 1001 {
			if p.code == 103 {
				return 0, false, &Error{Status: 502, Message: "upstream sent HTTP/1.0 response with early hints"}
			}
			p.Head.connClose = true
		}
	}
	for {
		switch p.fields.next(buf) {
		case frAgain:
			return 0, false, nil
		case frField:
			p.field(buf)
		case frEnd:
			p.fill(buf)
			if err := p.judge(); err != nil {
				return p.fields.off, false, err
			}
			return p.fields.off, true, nil
		case frInvalid:
			f := &p.fields
			return 0, false, upstreamErrorf("upstream sent invalid header: \"%s\\x%02x...\"",
				buf[f.start:f.valEnd], buf[f.valEnd])
		}
	}
}

func (p *ResponseParser) field(buf []byte) {
	f := &p.fields
	id := LookupHeader(view(buf[f.start:f.keyEnd]))
	p.spans = append(p.spans, span{int32(f.start), int32(f.keyEnd), int32(f.valStart), int32(f.valEnd), id, f.flags()})
}

func (p *ResponseParser) fill(buf []byte) {
	all := view(buf)
	h := &p.Head
	h.Version = p.major*1000 + p.minor
	h.Status = p.code
	h.StatusLine = all[p.codeAt:p.textEnd]
	h.RawHeader = all[p.headersAt:p.fields.off]
	for _, s := range p.spans {
		h.Headers = append(h.Headers, Header{all[s.key:s.keyEnd], all[s.val:s.valEnd], s.id, s.flags})
	}
}

// onceFields are taken from their first line; later ones are ignored with a
// warning.
const onceFields = 1<<HeaderStatus | 1<<HeaderContentType | 1<<HeaderDate | 1<<HeaderLastModified |
	1<<HeaderETag | 1<<HeaderServer | 1<<HeaderLocation | 1<<HeaderRefresh | 1<<HeaderXAccelRedirect |
	1<<HeaderExpires | 1<<HeaderXAccelExpires | 1<<HeaderXAccelLimitRate

// judge looks for contradictions between fields, as the handlers of
// ngx_http_upstream_headers_in do, in the order of the wire.
func (p *ResponseParser) judge() error {
	h := &p.Head
	if h.Status == 103 {
		return nil
	}
	const framing = 1<<HeaderContentLength | 1<<HeaderTransferEncoding
	for i := range h.Headers {
		f := &h.Headers[i]
		if f.ID == HeaderOther || f.ID >= 64 {
			continue
		}
		bit := uint64(1) << f.ID
		switch {
		case bit&framing != 0:
			if p.seen&bit != 0 {
				return upstreamErrorf("upstream sent %s", p.duplicate(i))
			}
			if p.seen&framing != 0 {
				return upstreamErrorf("upstream sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time")
			}
			if f.ID == HeaderTransferEncoding {
				if !EqualFold(f.Value, "chunked") {
					return upstreamErrorf("upstream sent unknown \"Transfer-Encoding\": \"%s\"", f.Value)
				}
			} else if _, ok := ParseContentLength(f.Value); !ok {
				return upstreamErrorf("upstream sent invalid \"Content-Length\" header: \"%s: %s\"", f.Key, f.Value)
			}
		case bit&onceFields != 0 && p.seen&bit != 0:
			f.Flags |= HeaderIgnored
			h.Warnings = append(h.Warnings, "upstream sent "+p.duplicate(i)+", ignored")
		case f.ID == HeaderConnection:
			h.connClose = h.connClose || containsFold(f.Value, "close")
		}
		p.seen |= bit
	}
	return nil
}

func (p *ResponseParser) duplicate(i int) string {
	f := &p.Head.Headers[i]
	prev := &p.Head.Headers[p.Head.Headers.IndexID(f.ID)]
	return fmt.Sprintf("duplicate header line: \"%s: %s\", previous value: \"%s: %s\"",
		f.Key, f.Value, prev.Key, prev.Value)
}

// parseStatus is ngx_http_parse_status_line.
func (p *ResponseParser) parseStatus(buf []byte) (done, valid bool) {
	i, state := p.off, p.state
	for ; i < len(buf); i++ {
		c := buf[i]
		switch state {
		default: // the prefix
			if c != "HTTP/"[state] {
				return false, false
			}
			state++
		case ssFirstMajor:
			if c < '1' || c > '9' {
				return false, false
			}
			p.major = int(c - '0')
			state = ssMajor
		case ssMajor:
			if c == '.' {
				state = ssFirstMinor
				break
			}
			if !isDigit(c) || p.major > 99 {
				return false, false
			}
			p.major = p.major*10 + int(c-'0')
		case ssFirstMinor:
			if !isDigit(c) {
				return false, false
			}
			p.minor = int(c - '0')
			state = ssMinor
		case ssMinor:
			if c == ' ' {
				state = ssStatus
				break
			}
			if !isDigit(c) || p.minor > 99 {
				return false, false
			}
			p.minor = p.minor*10 + int(c-'0')
		case ssStatus:
			if c == ' ' {
				break
			}
			if !isDigit(c) {
				return false, false
			}
			p.code = p.code*10 + int(c-'0')
			if p.digits++; p.digits == 3 {
				p.codeAt = i - 2
				state = ssSpace
			}
		case ssSpace:
			switch c {
			case ' ', '.': // IIS may send 403.1
				state = ssText
			case '\r':
				state = ssAlmostDone
			case '\n':
				p.textEnd, p.off, p.state = i, i+1, state
				return true, true
			default:
				return false, false
			}
		case ssText:
			switch c {
			case '\r':
				state = ssAlmostDone
			case '\n':
				p.textEnd, p.off, p.state = i, i+1, state
				return true, true
			}
		case ssAlmostDone:
			if c != '\n' {
				return false, false
			}
			p.textEnd, p.off, p.state = i-1, i+1, state
			return true, true
		}
	}
	p.off, p.state = i, state
	return false, true
}
