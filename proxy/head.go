package proxy

import (
	"huidu/proxy/http1"
)

// respHead is the response header before it is written: nginx's headers_out.
// Fields that have a member of their own stand in headers only when an
// upstream or a directive gave them as text.
type respHead struct {
	status        int    // 0: not set
	statusLine    string // "404 Not Found" as an upstream or a script worded it
	contentType   string // with parameters
	ctLen         int    // length of the type without parameters; 0: all
	charset       string
	contentLength int64  // -1: unknown
	lastModified  int64  // Unix seconds; -1: none
	location      string // a Location that nginx made itself, subject to absolute_redirect
	acceptRanges  bool   // ranges may be answered
	gzipVary      bool
	chunked       bool
	contentOffset int64
	headers       http1.Headers
	trailers      http1.Headers
	date, server  bool   // headers holds one of these already
	override      string // charset override
	noServer      bool   // headers-more took the Server line away
	noDate        bool

	expectTrailers bool // add_trailer will have some
}

func (h *respHead) init() {
	h.contentLength, h.lastModified = -1, -1
}

// set replaces or appends a header line.
func (h *respHead) set(name, value string) { h.headers.Set(name, value) }

// del removes every header line of that name.
func (h *respHead) del(name string) { h.headers.Del(name) }

// clean drops everything that belonged to the response a filter refused.
//
// See: ngx_http_clean_header.
func (h *respHead) clean() {
	h.headers = h.headers[:0]
	h.trailers = h.trailers[:0]
	h.status, h.statusLine, h.contentType, h.ctLen, h.charset = 0, "", "", 0, ""
	h.contentLength, h.lastModified = -1, -1
	h.location, h.acceptRanges, h.gzipVary = "", false, false
	h.date, h.server = false, false
	h.noServer, h.noDate, h.expectTrailers = false, false, false
}

// clearEntity drops what described a body that will not be sent after all.
func (h *respHead) clearEntity() {
	h.contentLength = -1
	h.headers.DelID(http1.HeaderContentLength)
	h.clearRanges()
	h.lastModified = -1
	h.headers.DelID(http1.HeaderLastModified)
	h.headers.DelID(http1.HeaderETag)
}

// clearLength is for filters that change the body: neither its length nor
// ranges of it are known any more.
func (h *respHead) clearLength() {
	h.contentLength = -1
	h.headers.DelID(http1.HeaderContentLength)
	h.clearRanges()
}

func (h *respHead) clearRanges() {
	h.acceptRanges = false
	h.headers.DelID(http1.HeaderAcceptRanges)
}

// setType sets the content type and splits off its parameters' place.
func (h *respHead) setType(t string) {
	h.contentType = t
	h.ctLen = 0
}

// mediaType is the content type without parameters.
func (h *respHead) mediaType() string {
	t := h.contentType
	if h.ctLen > 0 {
		return t[:h.ctLen]
	}
	for i := 0; i < len(t); i++ {
		if t[i] == ';' {
			for i > 0 && t[i-1] == ' ' {
				i--
			}
			return t[:i]
		}
	}
	return t
}
