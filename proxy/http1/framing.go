package http1

import "math"

// FramingKind says how the end of a body is known.
type FramingKind uint8

const (
	// FramingNone: there is no body.
	FramingNone FramingKind = iota
	// FramingLength: Framing.Length bytes follow.
	FramingLength
	// FramingChunked: the body is chunked.
	FramingChunked
	// FramingClose: the body ends with the connection.
	FramingClose
)

// Framing is the decision where a body ends.
type Framing struct {
	Kind FramingKind
	// Length is meaningful for FramingLength; it may be 0.
	Length int64
}

// ParseContentLength reads a Content-Length: digits only, no sign, no
// overflow.
func ParseContentLength(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !isDigit(c) {
			return 0, false
		}
		d := int64(c - '0')
		if n > math.MaxInt64/10 || n == math.MaxInt64/10 && d > math.MaxInt64%10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// Framing decides where the request's body ends, and refuses what must not
// be passed on: ngx_http_process_request_header. allowConnect is
// allow_connect (nginx 1.29).
//
// Differs: none; a message with both Content-Length and Transfer-Encoding
// is refused although RFC 9112 would let a server ignore the length.
func (h *RequestHead) Framing(allowConnect bool) (Framing, error) {
	if h.Version > 1000 && !h.Headers.Has(HeaderHost) {
		return Framing{}, errNoHost
	}
	f := Framing{}
	length, hasLength := h.Headers.Get(HeaderContentLength)
	if hasLength {
		n, ok := ParseContentLength(length)
		if !ok {
			return Framing{}, errContentLength
		}
		f = Framing{FramingLength, n}
	}
	if te, ok := h.Headers.Get(HeaderTransferEncoding); ok {
		switch {
		case h.Version < 1001:
			return Framing{}, errTE10
		case !EqualFold(te, "chunked"):
			return Framing{}, clientErrorf(501, "client sent unknown \"Transfer-Encoding\": \"%s\"", te)
		case hasLength:
			return Framing{}, errBothFramings
		}
		f = Framing{Kind: FramingChunked}
	}
	switch {
	case h.MethodID == MethodConnect && (h.Version != 1001 || !allowConnect):
		return Framing{}, errConnect
	case h.MethodID == MethodTrace:
		return Framing{}, errTrace
	}
	return f, nil
}

// Framing decides where the response's body ends. head tells that the
// request was HEAD. Contradictions have been refused while parsing.
func (h *ResponseHead) Framing(head bool) Framing {
	switch {
	case h.HTTP09:
		return Framing{Kind: FramingClose}
	case head, h.Status == 204, h.Status == 304, h.Status/100 == 1:
		return Framing{}
	}
	if h.Headers.Has(HeaderTransferEncoding) {
		return Framing{Kind: FramingChunked}
	}
	if v, ok := h.Headers.Get(HeaderContentLength); ok {
		if n, ok := ParseContentLength(v); ok {
			return Framing{FramingLength, n}
		}
	}
	return Framing{Kind: FramingClose}
}
