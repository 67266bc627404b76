package proxy

import (
	"errors"
	"net"
	"sync"
	"time"

	"huidu/proxy/http1"
	"huidu/proxy/http2"
	"huidu/proxy/netconn"
)

// h2Stream is one request's half of an HTTP/2 connection. It has a conn of
// its own for its request, whose netconn.Conn is virtual: addresses and
// number of the real one, hang-ups and interrupts of the stream.
//
// Streams are used again. The connection's reader may still hold one that has
// ended, so it is the reader that gives them back, between two reads.
type h2Stream struct {
	m    *h2Conn
	id   uint32
	c    conn
	head h2Head
	wake sync.Cond // of the body's reader, and of push

	headBytes int
	bodyless  bool // HEADERS said END_STREAM

	h2StreamState
	h2Response
}

// h2StreamState is what the connection's mutex guards of a stream.
type h2StreamState struct {
	inClosed    bool // no more DATA comes
	outClosed   bool // END_STREAM or RST_STREAM was sent or received
	rstSent     bool
	gone        bool // the client, or the connection
	skipData    bool // nobody wants the body
	reading     bool // the request has begun to read its body
	freely      bool // it is read to its end whatever its length: no window
	interrupted bool
	sendWindow  int64
	recvWindow  int
	window      int // what recvWindow is brought back to
	frameLeft   int // bytes of a DATA frame still to come
	in, cur     []byte
	hangup      func()
}

var h2StreamPool = sync.Pool{New: func() any { return new(h2Stream) }}

// recycle gives the streams that have ended back. The reader calls it, while
// it holds none.
func (m *h2Conn) recycle() {
	m.mu.Lock()
	for i, st := range m.spent {
		m.spent[i] = nil
		st.m, st.wake.L, st.hangup = nil, nil, nil
		h2StreamPool.Put(st)
	}
	m.spent = m.spent[:0]
	m.mu.Unlock()
}

// newStream makes a stream and counts it.
//
// See: ngx_http_v2_create_stream.
func (m *h2Conn) newStream(id uint32) *h2Stream {
	st := h2StreamPool.Get().(*h2Stream)
	st.m, st.id, st.headBytes, st.bodyless = m, id, 0, false
	st.head.reset()
	st.h2StreamState = h2StreamState{recvWindow: m.preread}
	st.pend, st.more = st.pend[:0], false
	st.wake.L = &m.mu
	m.c.nc.Requests++
	nc := st.c.nc
	st.c = conn{s: m.c.s, key: m.c.key, worker: m.c.worker, tls: m.c.tls, pp: m.c.pp, h2: st}
	st.c.nc = m.c.nc.Virtual(st, nc)
	m.priorityLimit += m.maxStreams
	m.streamBegins()
	m.mu.Lock()
	st.sendWindow = m.initWindow
	m.streams[id] = st
	m.mu.Unlock()
	return st
}

// run is the life of a request.
func (st *h2Stream) run() {
	m, c := st.m, &st.c
	rt := c.s.router.Load()
	c.rt, c.addr = rt, rt.addrFor(c.key, m.c.nc)
	if c.addr == nil { // a reload took the address away
		st.terminate(http2.RefusedStream)
		st.end(false)
		return
	}
	rt.acquire()
	c.nc.Requests-- // newRequest counts it
	r := c.newRequest()
	r.w = st
	c2 := st.accept(r)
	switch {
	case c2 == failed:
		r.outFailed = true
	case c2 != ok:
		if c2 = r.finish(c2); c2 == restart {
			r.run()
		}
	default:
		r.run()
	}
	st.conclude(r)
	r.free()
	rt.release()
	m.mu.Lock()
	if cap(st.pend) > 2*postponeOutput {
		st.pend = nil
	}
	m.spent = append(m.spent, st)
	m.mu.Unlock()
}

// accept makes the request out of its head, as acceptHead does for HTTP/1.
func (st *h2Stream) accept(r *Request) rc {
	const doing = "while reading client request headers"
	h := &st.head
	h.complete()
	r.head = h.RequestHead
	r.headers = h.Headers
	r.method, r.methodID, r.unparsedURI = h.Method, h.MethodID, h.UnparsedURI
	r.host = h.HostName
	for _, line := range h.notes {
		r.logf(logInfo, "%s %s", line, doing)
	}
	if h.invalid != "" {
		r.logf(logInfo, "%s %s", h.invalid, doing)
		st.terminate(http2.ProtocolError)
		return failed
	}
	r.body.ended = true
	if h.HostName != "" {
		if srv := st.c.addr.findServer(r, r.host); srv != r.srv {
			r.srv, r.loc = srv, srv.loc
		}
	}
	r.follow()
	if h.status != 0 {
		r.logf(logInfo, "%s %s", h.refused, doing)
		return h.status
	}
	uri, arena, err := h.URI(r.arena, r.srv.head.mergeSlashes)
	r.arena = arena
	if err != nil {
		r.logf(logInfo, "client sent invalid :path header: %q %s", h.UnparsedURI, doing)
		return 400
	}
	r.uri, r.args, r.exten, r.validURI = uri.Path, uri.Args, uri.Exten, true
	var f http1.Framing
	if v, has := h.Headers.Get(http1.HeaderContentLength); has {
		n, valid := http1.ParseContentLength(v)
		if !valid {
			r.logf(logInfo, "client sent invalid \"Content-Length\" header %s", doing)
			return 400
		}
		if n > 0 && st.bodyless {
			r.logf(logInfo, "client prematurely closed stream %s", doing)
			return 400
		}
		f = http1.Framing{Kind: http1.FramingLength, Length: n}
	} else if !st.bodyless {
		f = http1.Framing{Kind: http1.FramingChunked}
	}
	r.body.begin(f)
	if r.conn.tls != nil {
		if c := r.checkTLS(); c != ok {
			return c
		}
	}
	r.next = atPostRead
	return ok
}

// conclude sends what is left, logs, and ends the stream.
//
// See: ngx_http_v2_close_stream.
func (st *h2Stream) conclude(r *Request) {
	if !r.outFailed && st.flushAll(r) != ok {
		r.outFailed = true
	}
	if r.loc.conf.Core.PostAction.V != "" {
		r.postAction()
	}
	if r.outFailed && st.c.nc.HungUp() && r.out.status == 0 {
		r.out.status = 499
	}
	st.end(r.timedOut)
	r.log()
	st.m.streamEnds()
}

// end closes both directions.
func (st *h2Stream) end(timedOut bool) {
	m := st.m
	m.mu.Lock()
	if !st.rstSent && !st.gone {
		switch {
		case !st.outClosed && timedOut:
			m.out = http2.AppendRSTStream(m.out, st.id, http2.ProtocolError)
		case !st.outClosed:
			m.out = http2.AppendRSTStream(m.out, st.id, http2.InternalError)
		case !st.inClosed:
			m.out = http2.AppendRSTStream(m.out, st.id, http2.NoError)
		}
	}
	st.outClosed, st.inClosed, st.skipData = true, true, true
	st.in, st.cur = nil, nil
	delete(m.streams, st.id)
	st.wake.Broadcast()
	m.flushLocked()
	m.mu.Unlock()
}

// fail ends the stream from the client's side: nothing more comes or goes.
func (st *h2Stream) fail() {
	st.m.mu.Lock()
	st.inClosed, st.outClosed, st.gone = true, true, true
	f := st.hangup
	st.hangup = nil
	st.wake.Broadcast()
	st.m.room.Broadcast()
	st.m.mu.Unlock()
	if f != nil {
		f()
	}
}

// terminate resets the stream.
func (st *h2Stream) terminate(code http2.Code) {
	m := st.m
	m.mu.Lock()
	if st.rstSent || st.gone {
		m.mu.Unlock()
		return
	}
	st.rstSent, st.skipData = true, true
	m.out = http2.AppendRSTStream(m.out, st.id, code)
	m.flushLater()
	m.mu.Unlock()
	st.fail()
}

// The methods of netconn.Stream.

// OnHangup sets what is called when the stream ends early.
func (st *h2Stream) OnHangup(f func()) {
	st.m.mu.Lock()
	gone := st.gone
	st.hangup = f
	if gone {
		st.hangup = nil
	}
	st.m.mu.Unlock()
	if gone && f != nil {
		f()
	}
}

// HungUp tells whether it has.
func (st *h2Stream) HungUp() bool {
	st.m.mu.Lock()
	defer st.m.mu.Unlock()
	return st.gone
}

var errH2NoBytes = errors.New("an HTTP/2 stream has no bytes of its own")

// Read and Write are never used: bodies are read and written as pieces.
func (st *h2Stream) Read([]byte) (int, error)  { return 0, errH2NoBytes }
func (st *h2Stream) Write([]byte) (int, error) { return 0, errH2NoBytes }

// Close does nothing: the stream ends with its request.
func (st *h2Stream) Close() error         { return nil }
func (st *h2Stream) LocalAddr() net.Addr  { return st.m.c.nc.NetConn().LocalAddr() }
func (st *h2Stream) RemoteAddr() net.Addr { return st.m.c.nc.NetConn().RemoteAddr() }

// SetDeadline is how netconn interrupts; other times mean nothing here.
func (st *h2Stream) SetDeadline(t time.Time) error {
	st.m.mu.Lock()
	st.interrupted = !t.IsZero()
	st.wake.Broadcast()
	st.m.room.Broadcast()
	st.m.mu.Unlock()
	return nil
}

// SetReadDeadline does nothing.
func (st *h2Stream) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (st *h2Stream) SetWriteDeadline(time.Time) error { return nil }

var _ netconn.Stream = (*h2Stream)(nil)

// refuseUpgrade is what "101 Switching Protocols" comes to in a stream.
func (st *h2Stream) refuseUpgrade(r *Request, doing string) rc {
	r.logf(logError, "connection upgrade in HTTP/2 request while %s", doing)
	return failed
}

// isH2 tells whether the request came in an HTTP/2 stream.
func (r *Request) isH2() bool { return r.main.conn != nil && r.main.conn.h2 != nil }

// http2Text is $http2: "h2" over TLS, "h2c" without, "" for HTTP/1.
func (r *Request) http2Text() string {
	switch {
	case !r.isH2():
		return ""
	case r.isTLS():
		return "h2"
	}
	return "h2c"
}

// bodyArrived for a stream: all of the body is here, and it is small.
func (st *h2Stream) bodyArrived(most int64) bool {
	st.m.mu.Lock()
	defer st.m.mu.Unlock()
	return st.inClosed && !st.gone && int64(len(st.in)) <= most
}

// wait waits on a condition until it is signalled or the deadline has come.
// The connection's mutex is held. False: it has come.
func (st *h2Stream) wait(c *sync.Cond, deadline *time.Time, timeout time.Duration) bool {
	if timeout > 0 && deadline.IsZero() {
		*deadline = time.Now().Add(timeout)
	}
	if timeout <= 0 {
		c.Wait()
		return true
	}
	left := time.Until(*deadline)
	if left <= 0 {
		return false
	}
	mu := c.L
	t := time.AfterFunc(left, func() {
		mu.Lock()
		c.Broadcast()
		mu.Unlock()
	})
	c.Wait()
	t.Stop()
	return true
}

// errBody is what reading a body that broke off comes to.
func (st *h2Stream) errBody(r *Request) error {
	if !st.gone { // interrupted: whoever reads has no use of it any more
		return &bodyError{statusClientClosed}
	}
	r.logf(logInfo, "client prematurely closed stream")
	if st.freely {
		return &bodyError{statusClientClosed}
	}
	return &bodyError{400}
}
