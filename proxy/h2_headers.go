package proxy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"

	"huidu/proxy/http1"
	"huidu/proxy/http2"
)

// h2Block is a header block on its way in.
type h2Block struct {
	open     bool
	ended    bool // the stream has no body
	id       uint32
	st       *h2Stream // nil: only the decoder's table is kept up to date
	room     int       // bytes of names and values left
	timed    bool
	deadline time.Time
	fault    error // ends the connection
}

// headerRoom is how much one request's fields may come to.
func (m *h2Conn) headerRoom() int {
	large := m.conf.head.large
	return int(large.Size) * large.Num
}

// beginBlock makes the stream that a header block belongs to.
func (m *h2Conn) beginBlock() {
	st := m.newStream(m.block.id)
	st.inClosed, st.bodyless = m.block.ended, m.block.ended
	m.block.st = st
	m.block.timed, m.block.deadline = true, time.Now().Add(m.conf.head.headerTimeout)
}

// fragment feeds a piece of a header block to the decoder and, with the last
// one, runs the stream.
//
// See: ngx_http_v2_state_header_block.
func (m *h2Conn) fragment(length, padding int, flags uint8) error {
	if st := m.block.st; st != nil {
		st.headBytes += length
	}
	for length > 0 {
		b, err := m.need(1)
		if err != nil {
			return err
		}
		b = b[:min(length, len(b))]
		_, err = m.dec.Write(b)
		m.c.nc.Consume(len(b))
		length -= len(b)
		if m.block.fault != nil {
			return m.block.fault
		}
		if err != nil {
			if errors.Is(err, hpack.ErrStringLength) {
				return h2Fail(http2.EnhanceYourCalm, "client sent too large header field")
			}
			return h2Fail(http2.CompressionError, "client sent invalid header block: %v", err)
		}
	}
	if err := m.skip(padding); err != nil {
		return err
	}
	if flags&http2.FlagEndHeaders == 0 {
		return nil
	}
	if err := m.dec.Close(); err != nil {
		return h2Fail(http2.FrameSizeError, "client sent header block with incorrect length")
	}
	st := m.block.st
	m.block = h2Block{}
	if st != nil {
		m.payloadBytes.Add(int64(st.headBytes))
		m.running.Add(1)
		m.c.s.h2.run(h2Work{st: st})
	}
	return nil
}

// endBlock gives up the stream whose header block is not complete.
func (m *h2Conn) endBlock() {
	st := m.block.st
	m.block.st, m.block.timed = nil, false
	if st != nil {
		m.mu.Lock()
		delete(m.streams, st.id)
		m.mu.Unlock()
		m.streamEnds()
	}
}

// headerTimeout ends the stream whose header block stopped coming.
func (m *h2Conn) headerTimeout() {
	m.c.rt.errorLog.conn(logInfo, m.c, "client timed out (110: Connection timed out) while reading client request headers")
	id := m.block.id
	m.endBlock()
	m.answer(func(b []byte) []byte { return http2.AppendRSTStream(b, id, http2.ProtocolError) })
}

// h2Head is what the fields of a request come to.
type h2Head struct {
	http1.RequestHead
	scheme   string
	hasAuth  bool
	cookies  []string
	invalid  string // what was wrong: the stream is reset
	refused  string // what was wrong: the answer is an error page
	status   rc
	notes    []string // log lines that end nothing
	regulars int
}

// reset makes the head ready for another request, keeping its memory.
func (h *h2Head) reset() {
	headers := h.Headers
	clear(headers)
	if cap(headers) > 64 {
		headers = nil
	}
	clear(h.cookies)
	*h = h2Head{cookies: h.cookies[:0]}
	h.Headers = headers[:0]
}

func (h *h2Head) refuse(status rc, format string, args ...any) {
	h.status, h.refused = status, fmt.Sprintf(format, args...)
}

// field takes one decoded field.
//
// See: ngx_http_v2_state_process_header.
func (m *h2Conn) field(f hpack.HeaderField) {
	k := &m.block
	if k.fault != nil {
		return
	}
	if f.Name == "" {
		k.fault = h2Fail(http2.ProtocolError, "client sent zero header name length")
		return
	}
	if k.room -= len(f.Name) + len(f.Value); k.room < 0 {
		k.fault = h2Fail(http2.EnhanceYourCalm, "client sent too large header")
		return
	}
	st := k.st
	if st == nil || st.head.invalid != "" || st.head.status != 0 {
		return
	}
	h := &st.head
	flags, valid := h2FieldFlags(f.Name, m.conf.head.underscores)
	if !valid {
		h.invalid = fmt.Sprintf("client sent invalid header name: %q", f.Name)
		return
	}
	if strings.ContainsAny(f.Value, "\x00\r\n") {
		h.invalid = fmt.Sprintf("client sent header %q with invalid value: %q", f.Name, f.Value)
		return
	}
	if f.Name[0] == ':' {
		h.pseudo(f.Name, f.Value)
		return
	}
	h.regulars++
	if flags&http1.HeaderInvalid != 0 && m.conf.head.ignoreInvalid {
		h.notes = append(h.notes, fmt.Sprintf("client sent invalid header: %q", f.Name))
		return
	}
	if limit := m.conf.head.maxHeaders; limit > 0 && h.regulars > limit {
		h.refuse(http1.StatusHeaderTooLarge, "client sent too many header lines")
		return
	}
	if f.Name == "cookie" {
		h.cookies = append(h.cookies, f.Value)
		return
	}
	if err := h.AddField(f.Name, f.Value, flags); err != nil {
		h.refuse(400, "%v", err)
	}
}

// h2FieldFlags looks at a name; false means that it must not be sent at all.
//
// See: ngx_http_v2_validate_header.
func h2FieldFlags(name string, underscores bool) (flags http1.HeaderFlags, valid bool) {
	i := 0
	if name[0] == ':' {
		i = 1
	}
	for ; i < len(name); i++ {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', c == '-', '0' <= c && c <= '9':
		case c == '_':
			flags |= http1.HeaderUnderscore
			if !underscores {
				flags |= http1.HeaderInvalid
			}
		case c <= 0x20, c == 0x7f, c == ':', 'A' <= c && c <= 'Z':
			return 0, false
		default:
			flags |= http1.HeaderInvalid
		}
	}
	return flags, true
}

// pseudo takes a field that stands for a part of the request line.
//
// See: ngx_http_v2_pseudo_header.
func (h *h2Head) pseudo(name, value string) {
	had := false
	switch name {
	case ":path":
		had = h.UnparsedURI != ""
	case ":method":
		had = h.Method != ""
	case ":scheme":
		had = h.scheme != ""
	case ":authority":
		if h.hasAuth {
			h.refuse(400, "client sent duplicate \":authority\" header")
			return
		}
		h.hasAuth = true
		host, port, valid := http1.ValidateHost(value)
		if !valid {
			h.refuse(400, "client sent invalid \":authority\" header")
			return
		}
		h.Authority, h.HostName, h.Port = value, host, port
		return
	default:
		h.refuse(400, "client sent unknown pseudo-header %q", name)
		return
	}
	switch {
	case had:
		h.refuse(400, "client sent duplicate %s header", name)
	case value == "":
		h.refuse(400, "client sent empty %s header", name)
	case name == ":path":
		if !h.SetTarget(value) {
			h.refuse(400, "client sent invalid :path header: %q", value)
		}
	case name == ":method":
		h.Method, h.MethodID = value, http1.LookupMethod(value)
		if h.MethodID == http1.MethodUnknown {
			for i := 0; i < len(value); i++ {
				if c := value[i]; (c < 'A' || c > 'Z') && c != '_' && c != '-' {
					h.refuse(400, "client sent invalid method: %q", value)
					return
				}
			}
		}
	default:
		for i := 0; i < len(value); i++ {
			c := value[i]
			if l := c | 0x20; 'a' <= l && l <= 'z' || i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.') {
				continue
			}
			h.refuse(400, "client sent invalid :scheme header: %q", value)
			return
		}
		h.scheme, h.Schema = value, value
	}
}

// complete judges the fields together, once all are there.
//
// See: ngx_http_v2_run_request.
func (h *h2Head) complete() {
	h.Version, h.Protocol = 2000, "HTTP/2.0"
	h.SetKeepAlive(false)
	if h.status != 0 || h.invalid != "" {
		return
	}
	switch {
	case h.Method == "":
		h.refuse(400, "client sent no :method header")
		return
	case h.scheme == "":
		h.refuse(400, "client sent no :scheme header")
		return
	case h.UnparsedURI == "":
		h.refuse(400, "client sent no :path header")
		return
	}
	h.Line = h.Method + " " + h.UnparsedURI + " HTTP/2.0"
	if len(h.cookies) > 0 {
		h.AddField("cookie", strings.Join(h.cookies, "; "), 0)
	}
	host, hasHost := h.Headers.Get(http1.HeaderHost)
	switch {
	case h.hasAuth && hasHost && host != h.Authority:
		h.refuse(400, "client sent \":authority\" and \"Host\" headers with different values")
		return
	case h.hasAuth && !hasHost:
		h.AddField("host", h.Authority, 0)
	case hasHost && !h.hasAuth:
		name, port, valid := http1.ValidateHost(host)
		if !valid {
			h.refuse(400, "client sent invalid host header")
			return
		}
		h.HostName, h.Port = name, port
	case !hasHost:
		h.refuse(400, "client sent neither \":authority\" nor \"Host\" header")
		return
	}
	for i := range h.Headers {
		f := &h.Headers[i]
		switch f.ID {
		case http1.HeaderConnection, http1.HeaderTransferEncoding, http1.HeaderUpgrade, http1.HeaderKeepAlive, http1.HeaderProxyConnection:
			// RFC 9113, 8.2.2: what belongs to a connection has no place
			// in a stream, and would be passed on to upstreams.
			h.refuse(400, "client sent connection-specific header %q in HTTP/2 request", f.Key)
			return
		case http1.HeaderTE:
			if !http1.EqualFold(f.Value, "trailers") {
				h.refuse(400, "client sent invalid \"TE\" header in HTTP/2 request")
				return
			}
		}
	}
	switch h.MethodID {
	case http1.MethodConnect:
		h.refuse(405, "client sent CONNECT method")
	case http1.MethodTrace:
		h.refuse(405, "client sent TRACE method")
	}
}
