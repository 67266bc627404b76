package proxy

import (
	"errors"
	"io"
	"strconv"
	"time"
	"unsafe"

	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// bodySource says where the body of the upstream request comes from.
type bodySource uint8

const (
	bodyNone   bodySource = iota
	bodyMemory            // st.body
	bodyFile              // the request's temporary file
	bodyClient            // the client's connection, while it is read
)

// inlineBody is the size up to which a body is sent before the response is
// looked for. Larger ones and streamed ones are sent beside, since an upstream
// may answer without reading them.
const inlineBody = 64 << 10

// prepareBody reads the client's body, or arranges for streaming it.
func (st *upstreamState) prepareBody(r *Request) rc {
	p, b := st.conf, &r.body
	if p.setBody == nil && p.passBody && !p.reqBuf && r == r.main && r.conn != nil && !b.read && !b.replaced &&
		!b.discarded && !b.ended && (b.framing.Kind != http1.FramingChunked || p.http11) {
		arrived, c := r.bodyArrived()
		if c != ok {
			return c
		}
		if !arrived {
			st.noBuffer, st.bodyFrom, st.length = true, bodyClient, -1
			if st.chunked = b.framing.Kind == http1.FramingChunked; !st.chunked {
				st.length = b.declared
			}
			return ok
		}
	}
	if c := r.readBody(); c != ok {
		return c
	}
	if p.setBody != nil {
		// Its text goes behind the head; createRequest adds it.
		st.body = p.setBody.appendTo(nil, r)
		st.bodyFrom, st.length = bodyMemory, int64(len(st.body))
		return ok
	}
	if b.discarded {
		return ok
	}
	st.length = r.bodyLength()
	if !p.passBody {
		return ok
	}
	switch {
	case b.temp != nil:
		st.bodyFrom, st.bodySize = bodyFile, b.size
	case len(b.memory) > 0:
		st.bodyFrom, st.body = bodyMemory, b.memory
	}
	return ok
}

// bodyArrived tells whether all of the body came along with the header, so
// that there is nothing to stream. What the header's buffer cut off is given
// a moment to be read. A body that is broken in what has come, or that ends
// there, is not worth an upstream's connection: 400.
func (r *Request) bodyArrived() (bool, rc) {
	if r.conn.h2 != nil {
		return r.conn.h2.bodyArrived(min(inlineBody, r.loc.bodyBufferSize)), ok
	}
	nc := r.conn.nc
	if len(nc.Buffered()) == 0 {
		return false, ok
	}
	nc.SetReadTimeout(time.Millisecond)
	for {
		whole, err := r.wholeBody()
		if whole {
			return true, ok
		}
		if err != nil {
			r.logf(logError, "client sent invalid chunked body")
			return false, 400
		}
		if _, err = nc.Fill(bodyBuffer); err != nil {
			if !errors.Is(err, netconn.ErrTimeout) && !errors.Is(err, netconn.ErrBufferFull) {
				r.bodyReadError(err)
				return false, 400
			}
			return false, ok
		}
	}
}

// wholeBody tells whether the body ends in the connection's buffer; the error
// is what is wrong with it there.
func (r *Request) wholeBody() (bool, error) {
	b, in := &r.body, r.conn.nc.Buffered()
	if b.framing.Kind != http1.FramingChunked {
		return int64(len(in)) >= b.left && b.left <= inlineBody, nil
	}
	trial := b.chunks
	for len(in) > 0 {
		_, n, done, err := trial.Next(in)
		if done || err != nil {
			return done, err
		}
		in = in[n:]
	}
	return false, nil
}

// bodyLength is nginx's headers_in.content_length_n once the body is read: -1
// without a body.
func (r *Request) bodyLength() int64 {
	b := &r.body
	switch {
	case b.replaced, b.framing.Kind == http1.FramingChunked, b.shared && b.size > 0:
		return b.size
	case b.framing.Kind == http1.FramingLength:
		return b.declared
	}
	return -1
}

// createRequest lays out the request line and header.
//
// See: ngx_http_proxy_create_request.
func (st *upstreamState) createRequest(r *Request) rc {
	p := st.conf
	if p.fallback != nil {
		return st.createFallback(r)
	}
	method := r.method
	headers, exclude := p.headers, &p.exclude
	if st.caching.cacheable {
		headers, exclude = p.cache.headers, &p.cache.exclude
	}
	switch {
	case st.caching.asGet:
		method = "GET"
	case p.method != nil:
		method = p.method.eval(r)
	}
	st.headReq = http1.EqualFold(method, "HEAD")
	b := st.head[:0]
	b = append(b, method...)
	b = append(b, ' ')
	at := len(b)
	b = st.appendURI(b, r)
	if len(b) == at {
		r.logf(logError, "zero length URI to proxy")
		return 500
	}
	uriEnd := len(b)
	if p.http11 {
		b = append(b, " HTTP/1.1\r\n"...)
	} else {
		b = append(b, " HTTP/1.0\r\n"...)
	}
	for i := range headers {
		h := &headers[i]
		b = append(b, h.fixed...)
		if h.name == "" {
			continue
		}
		line := len(b)
		b = append(b, h.name...)
		from := len(b)
		switch h.kind {
		case headerValue:
			b = h.value.appendTo(b, r)
		case headerHost:
			b = append(b, st.vars.hostHeader...)
		case headerLength:
			if st.length >= 0 {
				b = strconv.AppendInt(b, st.length, 10)
			}
		case headerChunked:
			if st.chunked {
				b = append(b, "chunked"...)
			}
		case headerCacheModified:
			b = append(b, st.caching.lastModified()...)
		case headerCacheETag:
			b = append(b, st.caching.etag()...)
		}
		if len(b) == from {
			b = b[:line]
			continue
		}
		b = append(b, '\r', '\n')
	}
	if p.passHead {
		for i := range r.headers {
			h := &r.headers[i]
			if exclude.has(h) {
				continue
			}
			b = append(b, h.Key...)
			b = append(b, ':', ' ')
			b = append(b, h.Value...)
			b = append(b, '\r', '\n')
		}
	}
	b = append(b, '\r', '\n')
	st.head = b
	st.uri = unsafe.String(&b[at], uriEnd-at)
	return ok
}

// send sends the request. A large or streamed body goes on being sent while
// the response is awaited.
//
// See: ngx_http_upstream_send_request.
func (st *upstreamState) send(r *Request) (ft, rc) {
	c := st.conn
	c.SetWriteTimeout(st.sendTimeout)
	st.sentAny, st.sentBody = true, false
	var err error
	switch {
	case st.bodyFrom == bodyNone:
		_, err = c.Write(st.head)
		st.sentBody = true
	case st.bodyFrom == bodyMemory && len(st.body) <= inlineBody:
		_, err = c.Writev(st.head, st.body)
		st.sentBody = true
	default:
		st.startSender(r)
		return ftNone, ok
	}
	if err == nil {
		return ftNone, ok
	}
	return st.ioFailed(r, "writev()", err, "sending request to upstream")
}

// bodySender sends a request in a goroutine of its own.
type bodySender struct {
	done   chan struct{}
	client *netconn.Conn // whose body is streamed; nil: none
	err    error         // of the upstream's connection
	status rc            // of the client's body: 400, 408, 413, …
	whole  bool
}

func (st *upstreamState) startSender(r *Request) {
	s := &bodySender{done: make(chan struct{})}
	st.sender = s
	if st.bodyFrom == bodyClient {
		s.client = r.conn.nc
		// The client's connection is being read: a hang-up shows there.
		st.unwatch()
	}
	fcgi := st.conf.fastcgi != nil
	c, head, body, from, size, chunked := st.conn, st.head, st.body, st.bodyFrom, st.bodySize, st.chunked
	go func() {
		defer close(s.done)
		if fcgi {
			if _, s.err = c.Write(head); s.err == nil {
				s.sendFastCGIBody(r, c, from, body, r.body.temp, size)
			}
			from = bodyNone
		}
		switch from {
		case bodyMemory:
			_, s.err = c.Writev(head, body)
		case bodyFile:
			if _, s.err = c.Write(head); s.err == nil {
				_, s.err = c.SendFile(r.body.temp, 0, size)
			}
		case bodyClient:
			s.stream(r, c, head, chunked)
		}
		s.whole = s.err == nil && s.status == ok
		switch {
		case s.whole && s.client != nil:
			st.watch(r)
		case s.status != ok, errors.Is(s.err, netconn.ErrTimeout):
			// Nothing will come on the connection; wake who waits for it. A
			// broken connection shows to the reader by itself, behind what
			// the upstream may have answered.
			c.Interrupt()
		}
	}()
}

// stream passes the client's body on piece by piece.
func (s *bodySender) stream(r *Request, c *netconn.Conn, head []byte, chunked bool) {
	first := true
	if len(r.conn.nc.Buffered()) == 0 {
		if _, s.err = c.Write(head); s.err != nil {
			return
		}
		first = false
	}
	for ; ; first = false {
		part, err := r.readPart()
		if err != nil && err != io.EOF {
			s.status = bodyStatus(err)
			return
		}
		end := err == io.EOF
		var lines [24]byte
		h, tail := lines[:0], []byte(nil)
		if chunked {
			if len(part) > 0 {
				h, tail = http1.AppendChunkHeader(h, len(part)), crlf
			}
			if end {
				tail = []byte(http1.LastChunk)
			}
		}
		if first {
			_, s.err = c.Writev(head, h, part, tail)
		} else if len(h)+len(part)+len(tail) > 0 {
			_, s.err = c.Writev(h, part, tail)
		}
		if s.err != nil || end {
			return
		}
	}
}

// bodyStatus is what is answered when a client's body cannot be read.
func bodyStatus(err error) rc {
	var be *bodyError
	if errors.As(err, &be) {
		return be.status
	}
	return 400
}

// stopSender ends the sender, if one is at work, and tells whether the whole
// request went out.
func (st *upstreamState) stopSender() bool {
	s := st.sender
	if s == nil {
		return st.sentBody
	}
	st.sender = nil
	select {
	case <-s.done:
	default:
		st.conn.Interrupt()
		if s.client != nil {
			s.client.Interrupt()
		}
		<-s.done
		if s.client != nil {
			s.client.ClearInterrupt()
		}
		if s.whole { // it was at its end just then
			st.conn.ClearInterrupt()
		}
	}
	st.sentBody = s.whole
	return s.whole
}

// senderFailed tells why a read was interrupted by the sender.
func (st *upstreamState) senderFailed(r *Request) (ft, rc, bool) {
	s := st.sender
	if s == nil {
		return ftNone, ok, false
	}
	select {
	case <-s.done:
	default:
		return ftNone, ok, false
	}
	switch {
	case s.whole:
		return ftNone, ok, false
	case s.status != ok:
		return ftNone, s.status, true
	}
	why, c := st.ioFailed(r, "writev()", s.err, "sending request to upstream")
	return why, c, true
}
