package proxy

import (
	"io"
	"time"

	"huidu/proxy/http1"
	"huidu/proxy/http2"
)

// h2BodyAhead is how much of a body that is read freely may wait in memory
// before the connection's reader waits for it to be stored.
const h2BodyAhead = 256 << 10

// expects tells whether a DATA frame's payload belongs to the body, and takes
// it off the stream's window.
//
// See: ngx_http_v2_state_data.
func (st *h2Stream) expects(h http2.FrameHeader, size, payload int) bool {
	m := st.m
	m.mu.Lock()
	log := m.c.rt.errorLog
	if size > st.recvWindow {
		window := st.recvWindow
		m.mu.Unlock()
		log.conn(logInfo, m.c, "client violated flow control for stream %d: received DATA frame length %d, available window %d"+
			" while processing HTTP/2 connection", st.id, size, window)
		st.terminate(http2.FlowControlError)
		return false
	}
	st.recvWindow -= size
	if st.freely && st.recvWindow < http2.MaxWindow/4 {
		m.out = http2.AppendWindowUpdate(m.out, st.id, uint32(http2.MaxWindow-st.recvWindow))
		st.recvWindow = http2.MaxWindow
		m.flushLater()
	}
	if st.inClosed {
		gone := st.gone
		m.mu.Unlock()
		if !gone {
			log.conn(logInfo, m.c, "client sent DATA frame for half-closed stream %d while processing HTTP/2 connection", st.id)
			st.terminate(http2.StreamClosed)
		}
		return false
	}
	if st.skipData {
		if h.Flags&http2.FlagEndStream != 0 {
			st.inClosed = true
		}
		m.mu.Unlock()
		return false
	}
	st.frameLeft = payload
	m.mu.Unlock()
	return true
}

// push hands a piece of the body over; left is what the frame has still to
// come.
func (st *h2Stream) push(p []byte, left int) {
	m := st.m
	m.mu.Lock()
	defer m.mu.Unlock()
	for st.freely && len(st.in) > h2BodyAhead && !st.skipData && !st.gone && !m.aborted.Load() {
		st.wake.Wait()
	}
	st.frameLeft = left
	if st.skipData || st.gone {
		return
	}
	st.in = append(st.in, p...)
	st.wake.Broadcast()
}

// endIn notes the end of the body.
func (st *h2Stream) endIn() {
	st.m.mu.Lock()
	st.inClosed = true
	st.wake.Broadcast()
	st.m.mu.Unlock()
}

// openWindow begins to read the body. freely: it is going to be stored as
// fast as it comes, so that there is no need of a window.
//
// See: ngx_http_v2_read_request_body.
func (st *h2Stream) openWindow(r *Request, freely bool) {
	m := st.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if st.reading {
		return
	}
	st.reading, st.freely = true, freely
	if st.inClosed {
		return
	}
	grow := 0
	if freely {
		grow = http2.MaxWindow - st.recvWindow
	} else {
		n := r.loc.bodyBufferSize
		if d := r.body.declared; d > 0 && d < n {
			n = d + 1
		}
		st.window = int(min(max(n, int64(m.preread)), http2.MaxWindow))
		grow = st.window - m.preread
	}
	if grow > 0 {
		st.grow(grow)
	}
}

// grow gives the client more room for the body. The mutex is held.
func (st *h2Stream) grow(n int) {
	st.recvWindow += n
	st.m.out = http2.AppendWindowUpdate(st.m.out, st.id, uint32(n))
	st.m.flushLater()
}

// readPart is Request.readPart for a stream.
func (st *h2Stream) readPart(r *Request) ([]byte, error) {
	b, m := &r.body, st.m
	if b.ended {
		return nil, io.EOF
	}
	b.started = true
	st.openWindow(r, false)
	m.mu.Lock()
	defer m.mu.Unlock()
	if st.skipData && !st.gone { // given up before: an error page is under way
		b.ended = true
		return nil, io.EOF
	}
	if !st.freely && len(st.in) == 0 && !st.inClosed {
		if n := st.window - st.frameLeft - st.recvWindow; n > 0 {
			st.grow(n)
		}
	}
	if len(st.in) == 0 && cap(st.in)+cap(st.cur) > bodyBuffer {
		st.in, st.cur = nil, nil // a client that is slow holds no memory
	}
	var deadline time.Time
	for len(st.in) == 0 && !st.inClosed && !st.gone && !st.interrupted {
		if !st.wait(&st.wake, &deadline, r.loc.bodyTimeout) {
			r.timedOut, st.skipData = true, true
			r.logf(logInfo, "client timed out (110: Connection timed out) while reading client request body")
			return nil, &bodyError{408}
		}
	}
	if st.gone || st.interrupted {
		st.skipData, b.discarded = true, true
		return nil, st.errBody(r)
	}
	if len(st.in) == 0 {
		b.ended = true
		if b.declared > 0 && b.left > 0 {
			r.logf(logInfo, "client prematurely closed stream: only %d out of %d bytes of request body received", b.declared-b.left, b.declared)
			return nil, &bodyError{400}
		}
		return nil, io.EOF
	}
	if st.inClosed && b.declared > 0 && b.left > int64(len(st.in)) {
		n := b.declared - b.left + int64(len(st.in))
		st.skipData = true
		r.logf(logInfo, "client prematurely closed stream: only %d out of %d bytes of request body received", n, b.declared)
		return nil, &bodyError{400}
	}
	p := st.in
	st.in, st.cur = st.cur[:0], p
	st.wake.Broadcast() // push may be waiting for room
	b.size += int64(len(p))
	if b.framing.Kind != http1.FramingChunked {
		if b.left -= int64(len(p)); b.left < 0 {
			b.left, st.skipData = 0, true
			r.logf(logInfo, "client intended to send body data larger than declared")
			return nil, &bodyError{400}
		}
		return p, nil
	}
	if limit := r.loc.clientMaxBodySize; limit > 0 && b.size > limit && !b.discarded {
		r.logf(logError, "client intended to send too large chunked body: %d bytes", b.size)
		st.skipData = true
		return nil, &bodyError{413}
	}
	return p, nil
}

// stopBody drops what there is and comes of the body.
func (st *h2Stream) stopBody() {
	st.m.mu.Lock()
	st.skipData = true
	st.in = nil
	st.wake.Broadcast()
	st.m.mu.Unlock()
}
