package proxy

import (
	"errors"
	"io"
	"os"

	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// requestBody is the client's request body: unread on the connection, in
// memory, or in a temporary file.
type requestBody struct {
	framing   http1.Framing
	declared  int64 // Content-Length; 0 for none or chunked
	chunks    http1.Chunked
	left      int64 // bytes of a Content-Length body still on the wire
	ended     bool  // nothing is left on the wire
	started   bool  // something was read already
	read      bool  // readAll has succeeded
	discarded bool
	expect    bool // "100 Continue" has been dealt with
	memory    []byte
	temp      *os.File
	path      string
	keepFile  bool
	size      int64 // decoded bytes so far
	replaced  bool  // a directive or script gave another body
	shared    bool  // a subrequest's view of its parent's body
	broken    bool  // the framing is lost
	gone      bool  // the client closed before the end: nobody to answer
	building  bool  // between init_body and finish_body
	buildSize int64
	buf       *netconn.Buffer
}

// begin takes over what the head says of the body.
func (b *requestBody) begin(f http1.Framing) {
	*b = requestBody{framing: f}
	switch f.Kind {
	case http1.FramingLength:
		b.declared, b.left = f.Length, f.Length
		b.ended = f.Length == 0
	case http1.FramingChunked:
	default:
		b.ended = true
	}
}

// present reports whether the request came with a body at all.
func (b *requestBody) present() bool {
	return b.framing.Kind == http1.FramingChunked || b.declared > 0 || b.replaced && b.size > 0
}

// file is the path of the temporary file, "" when the body is not in one.
func (b *requestBody) file() string { return b.path }

// release drops buffers and removes the temporary file.
func (b *requestBody) release() {
	if b.shared {
		*b = requestBody{}
		return
	}
	if b.temp != nil {
		b.temp.Close()
	}
	if b.path != "" && !b.keepFile {
		os.Remove(b.path)
	}
	*b = requestBody{}
}

// errBodyTooLarge and its kin end a body with a status.
type bodyError struct{ status rc }

func (e *bodyError) Error() string { return "request body: " + statusText[e.status] }

// sendContinue answers "Expect: 100-continue" before the body is read.
//
// See: ngx_http_test_expect.
func (r *Request) sendContinue() error {
	b := &r.body
	if b.expect || r.head.Version < 1001 || r.headerSent || r.conn == nil || r.conn.h2 != nil {
		return nil
	}
	b.expect = true
	v, found := r.head.Headers.Get(http1.HeaderExpect)
	if !found || !http1.EqualFold(v, "100-continue") {
		return nil
	}
	r.conn.nc.SetWriteTimeout(r.loc.sendTimeout)
	if _, err := r.conn.nc.Write(continueLine); err != nil {
		return err
	}
	return nil
}

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// readPart returns the next piece of the body as a view into the connection's
// buffer, valid until the next call; io.EOF at its end, *bodyError for a
// status to answer.
func (r *Request) readPart() ([]byte, error) {
	if r.conn.h2 != nil {
		return r.conn.h2.readPart(r)
	}
	b, nc := &r.body, r.conn.nc
	if !b.started {
		b.started = true
		if err := r.sendContinue(); err != nil {
			return nil, &bodyError{statusClientClosed}
		}
	}
	if b.ended {
		return nil, io.EOF
	}
	if b.buf != nil {
		b.buf.Release()
		b.buf = nil
	}
	for {
		in := nc.Buffered()
		if len(in) > 0 {
			if b.framing.Kind == http1.FramingLength {
				n := int(min(int64(len(in)), b.left))
				b.buf = nc.Detach(n)
				b.left -= int64(n)
				b.ended = b.left == 0
				b.size += int64(n)
				return b.buf.Bytes()[:n], nil
			}
			data, n, end, err := b.chunks.Next(in)
			if err != nil {
				r.logf(logError, "client sent invalid chunked body")
				return nil, &bodyError{400}
			}
			if len(data) > 0 || end {
				if end {
					b.ended = true
				}
				b.size += int64(len(data))
				if err := r.checkChunked(); err != nil {
					return nil, err
				}
				if len(data) > 0 {
					// data lies somewhere within the n bytes; Detach keeps
					// their memory.
					b.buf = nc.Detach(n)
					return data, nil
				}
				nc.Consume(n)
				return nil, io.EOF
			}
			if n > 0 {
				nc.Consume(n)
				if err := r.checkChunked(); err != nil {
					return nil, err
				}
				continue
			}
		}
		nc.SetReadTimeout(r.loc.bodyTimeout)
		size := bodyBuffer
		if b.framing.Kind == http1.FramingLength {
			size = int(min(b.left, bodyBuffer))
		}
		nc.SetFirstBuffer(size)
		_, err := nc.Fill(bodyBuffer)
		nc.SetFirstBuffer(r.srv.head.bufferSize)
		if err != nil {
			return nil, r.bodyReadError(err)
		}
	}
}

const bodyBuffer = 16 << 10

// checkChunked refuses a chunked body as soon as what has come and what the
// chunk at hand promises is too large.
func (r *Request) checkChunked() error {
	b := &r.body
	limit, left := r.loc.clientMaxBodySize, b.chunks.Left()
	if limit <= 0 || b.discarded || b.size <= limit && left <= limit-b.size {
		return nil
	}
	r.logf(logError, "client intended to send too large chunked body: %d+%d bytes", b.size, left)
	r.lingering = true
	return &bodyError{413}
}

func (r *Request) bodyReadError(err error) error {
	if errors.Is(err, netconn.ErrTimeout) {
		r.timedOut = true
		r.logf(logInfo, "client timed out (110: Connection timed out) while reading client request body")
		return &bodyError{408}
	}
	if errors.Is(err, io.EOF) {
		r.logf(logInfo, "client prematurely closed connection")
	}
	r.body.gone = !errors.Is(err, netconn.ErrInterrupted)
	return &bodyError{400}
}

// readBody reads the whole body: into memory up to
// client_body_buffer_size, else into a temporary file. ok, or the status to
// answer.
//
// See: ngx_http_read_client_request_body.
func (r *Request) readBody() rc {
	if r != r.main {
		return ok
	}
	b := &r.body
	if b.read || b.discarded || b.replaced {
		return ok
	}
	if r.conn != nil && r.conn.h2 != nil && !b.ended {
		r.conn.h2.openWindow(r, true)
	}
	for {
		part, err := r.readPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			var be *bodyError
			if errors.As(err, &be) {
				return be.status
			}
			return 500
		}
		if c := r.storeBody(part); c != ok {
			return c
		}
	}
	if v := r.loc.conf.Core.ClientBodyInFileOnly.V; b.temp == nil && b.framing.Kind == http1.FramingChunked && v != "off" && v != "" {
		if c := r.storeBody(nil); c != ok { // an empty body gets its file, too
			return c
		}
	}
	b.read = true
	if b.buf != nil {
		b.buf.Release()
		b.buf = nil
	}
	return ok
}

// storeBody keeps one piece of the body.
func (r *Request) storeBody(part []byte) rc {
	b := &r.body
	inFileOnly := r.loc.conf.Core.ClientBodyInFileOnly.V
	if b.temp == nil && (int64(len(b.memory)+len(part)) > r.loc.bodyBufferSize || inFileOnly != "off" && inFileOnly != "") {
		if err := r.bodyToFile(); err != nil {
			r.logf(logCrit, "%v", err)
			return 500
		}
		b.keepFile = inFileOnly == "on"
	}
	if b.temp == nil {
		if b.memory == nil && b.declared > 0 {
			b.memory = make([]byte, 0, min(b.declared, r.loc.bodyBufferSize))
		}
		b.memory = append(b.memory, part...)
		return ok
	}
	if _, err := b.temp.Write(part); err != nil {
		r.logf(logCrit, "pwrite() %q failed: %v", b.path, err)
		return 500
	}
	return ok
}

// bodyToFile moves the body into a temporary file.
func (r *Request) bodyToFile() error {
	b := &r.body
	f, err := r.rt.tempFile(r.loc.conf.Core.ClientBodyTempPath.V, "client_body_temp")
	if err != nil {
		return err
	}
	b.temp, b.path = f, f.Name()
	if !r.isLuaBody() {
		r.logf(logWarn, "a client request body is buffered to a temporary file %s", b.path)
	}
	_, err = f.Write(b.memory)
	b.memory = nil
	return err
}

// discardLater marks the body as unwanted: what is on the wire already is
// dropped now, the rest after the response.
//
// See: ngx_http_discard_request_body.
func (r *Request) discardLater() { r.discardBody() }

// discardBody is discardLater for handlers that can still answer a broken
// body: ok, or the status to answer.
func (r *Request) discardBody() rc {
	b := &r.body
	if r != r.main || r.conn == nil || b.discarded || b.started {
		return ok
	}
	if r.sendContinue() != nil {
		return failed
	}
	if b.ended {
		return ok
	}
	b.discarded = true
	if r.conn.h2 != nil {
		r.conn.h2.stopBody()
		return ok
	}
	nc := r.conn.nc
	for in := nc.Buffered(); len(in) > 0 && !b.ended; in = nc.Buffered() {
		n := 0
		if b.framing.Kind == http1.FramingLength {
			n = int(min(int64(len(in)), b.left))
			b.left -= int64(n)
			b.ended = b.left == 0
		} else {
			var err error
			if _, n, b.ended, err = b.chunks.Next(in); err != nil {
				b.broken = true
				r.keepalive = false
				return 400
			}
			if n == 0 {
				break
			}
		}
		nc.Consume(n)
	}
	return ok
}

// finish reads and drops what is left of the body, so that the next request
// can follow. false: it cannot, close lingering.
func (b *requestBody) finish(r *Request) bool {
	if b.ended {
		return true
	}
	if !r.keepalive || b.broken {
		return false
	}
	b.discarded, b.started, b.expect = true, true, true
	nc := r.conn.nc
	if r.head.Headers.Has(http1.HeaderExpect) {
		return false // the client may be waiting for a "100 Continue" that never comes
	}
	core := r.loc.conf.Core
	deadline := timeNow().Add(core.LingeringTime.V)
	for !b.ended {
		if len(nc.Buffered()) == 0 {
			wait := min(core.LingeringTimeout.V, deadline.Sub(timeNow()))
			if wait <= 0 {
				return false
			}
			nc.SetReadTimeout(wait)
			if _, err := nc.Fill(bodyBuffer); err != nil {
				r.outFailed = !errors.Is(err, netconn.ErrTimeout)
				return false
			}
		}
		in := nc.Buffered()
		if b.framing.Kind == http1.FramingLength {
			n := int(min(int64(len(in)), b.left))
			nc.Consume(n)
			b.left -= int64(n)
			b.ended = b.left == 0
			continue
		}
		_, n, end, err := b.chunks.Next(in)
		if err != nil {
			return false
		}
		nc.Consume(n)
		b.ended = end
	}
	return true
}
