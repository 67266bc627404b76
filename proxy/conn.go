package proxy

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// conn is a client's connection: it reads one request after the other and
// runs each to its end on the connection's own goroutine.
type conn struct {
	s       *Server
	nc      *netconn.Conn
	key     string // of the listening socket, to find it again after a reload
	worker  int
	parser  http1.RequestParser
	tls     *tlsState // nil for plain text
	pp      *proxyHeader
	rt      *Router
	addr    *addrConf
	w       h1Writer
	h2      *h2Stream              // of a stream's conn; nil for a real connection
	mux     atomic.Pointer[h2Conn] // once the connection speaks HTTP/2
	idle    atomic.Bool
	under   atomic.Pointer[Router] // what the request at hand runs under
	explain *tracing               // of a request that is only explained

	decided *Decision       // of an Exchange: how its request was decided
	ctx     context.Context // of an Exchange: ends its request's handlers
}

// serve is the life of a connection.
//
// See: ngx_http_init_connection, ngx_http_wait_request_handler.
func (c *conn) serve() {
	linger := false
	defer func() {
		if !linger {
			c.nc.Close()
		}
		c.s.forget(c)
	}()
	if !c.begin() {
		return
	}
	if c.addr.http2 && c.speaksH2() {
		linger = true
		c.serveH2()
		return
	}
	idle := c.addr.defaultServer.head.headerTimeout
	for {
		keep := c.serveOne(idle)
		switch keep {
		case connKeep:
			idle = c.w.keepTimeout
			continue
		case connLinger:
			linger = true
			c.nc.CloseLinger(c.w.lingerTime, c.w.lingerTimeout)
		case connReset:
			linger = true
			c.nc.CloseReset()
		}
		return
	}
}

// connEnd is what becomes of a connection after a request.
type connEnd uint8

const (
	connClose connEnd = iota
	connKeep
	connLinger
	connReset
)

// begin finds the address configuration, reads a PROXY protocol header and
// does the TLS handshake.
func (c *conn) begin() bool {
	rt := c.s.router.Load()
	c.addr = rt.addrFor(c.key, c.nc)
	if c.addr == nil {
		return false
	}
	c.rt = rt
	if c.addr.proxyProtocol && !c.readProxyHeader() {
		return false
	}
	if c.addr.ssl {
		return c.handshake()
	}
	return true
}

// serveOne waits for a request, runs it and logs it.
func (c *conn) serveOne(wait time.Duration) connEnd {
	first := c.nc.Requests == 0
	pipelined := !first && len(c.nc.Buffered()) > 0
	if len(c.nc.Buffered()) == 0 {
		c.nc.SetReadTimeout(wait)
		if !c.s.idleBegin(c, first) {
			return connClose
		}
		_, err := c.nc.Fill(c.addr.defaultServer.head.options().MaxHead())
		c.s.idleEnd(c)
		if err != nil {
			return c.idleError(err, first)
		}
	}
	rt := c.s.router.Load()
	if rt != c.rt {
		if c.rt, c.addr = rt, rt.addrFor(c.key, c.nc); c.addr == nil {
			return connClose
		}
	}
	rt.acquire()
	c.under.Store(rt)
	r := c.newRequest()
	r.pipelined = pipelined
	end := c.handle(r)
	r.free()
	c.under.Store(nil)
	rt.release()
	return end
}

func (c *conn) idleError(err error, first bool) connEnd {
	if first && errors.Is(err, netconn.ErrTimeout) {
		c.rt.errorLog.conn(logInfo, c, "client timed out (110: Connection timed out) while waiting for request")
		if c.addr.defaultServer.loc.conf.Core.ResetTimedoutConnection.V {
			return connReset
		}
	}
	return connClose
}

// newRequest prepares a pooled request for the connection.
func (c *conn) newRequest() *Request {
	r := requestPool.Get().(*Request)
	r.main, r.rt, r.conn, r.srv, r.loc = r, c.rt, c, c.addr.defaultServer, c.addr.defaultServer.loc
	r.uriChanges = maxURIChanges + 1
	r.nsub = maxSubrequests
	r.tracing = c.explain
	r.start = time.Now()
	r.out.init()
	if n := c.rt.vars.nslots; cap(r.vars) < n {
		r.vars = make([]varSlot, n)
	} else {
		r.vars = r.vars[:n]
	}
	c.w.reset(c)
	r.w = &c.w
	c.nc.Requests++
	c.s.total.Add(1)
	return r
}

// free puts a finished request back into the pool.
func (r *Request) free() {
	r.behind.Wait()
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	r.releaseLua()
	r.releaseSubStates()
	r.body.release()
	if r.cancel != nil {
		r.cancel()
	}
	r.reset()
	requestPool.Put(r)
}

// handle reads the head, runs the phases, finishes the body and logs.
func (c *conn) handle(r *Request) connEnd {
	buf, c2 := c.readHead(r)
	if c2 != ok {
		if c2 == failed { // the client went away before a whole head
			return connClose
		}
		r.method = r.head.Method
		r.keepalive = false
		if r.errStatus == 0 {
			if c2 = r.finish(c2); c2 == restart {
				r.run()
			}
		}
		return c.conclude(r, buf)
	}
	r.run()
	return c.conclude(r, buf)
}

// conclude flushes what is left, logs, and decides about the connection.
//
// See: ngx_http_finalize_connection.
func (c *conn) conclude(r *Request, buf *netconn.Buffer) connEnd {
	if r.outFailed {
		c.w.drop()
	} else if c.w.flushAll(r) != ok {
		r.outFailed = true
	}
	if r.loc.conf.Core.PostAction.V != "" {
		r.postAction()
	}
	if o := &r.out; o.contentLength > 0 && !r.headerOnly && r.conn.w.started && r.bodyBytes() < o.contentLength {
		r.keepalive = false // shorter than promised: the client must not wait for more
	}
	end := connClose
	switch {
	case r.outFailed:
		r.keepalive = false
		if c.nc.HungUp() && r.out.status == 0 {
			r.out.status = 499
		}
	case !r.body.finish(r):
		r.keepalive = false
		if r.loc.conf.Core.LingeringClose.V != "off" {
			end = connLinger
		}
	case r.keepalive && r.loc.keepaliveTimeout > 0 && !c.s.quitting():
		end = connKeep
		c.w.keepTimeout = r.loc.keepaliveTimeout
	}
	if end == connClose && !r.outFailed {
		switch lc := r.loc.conf.Core.LingeringClose.V; {
		case lc == "always", lc == "on" && (r.lingering || len(c.nc.Buffered()) > 0):
			end = connLinger
		}
	}
	if end == connLinger {
		c.w.lingerTime, c.w.lingerTimeout = r.loc.conf.Core.LingeringTime.V, r.loc.conf.Core.LingeringTimeout.V
	}
	r.log()
	buf.Release()
	if r.outFailed && r.loc.conf.Core.ResetTimedoutConnection.V && r.timedOut {
		return connReset
	}
	return end
}

// wantsKeepalive tells whether the connection may live on after r under loc.
//
// See: ngx_http_update_location_config.
func (c *conn) wantsKeepalive(r *Request, loc *location) bool {
	if !r.keepalive || loc.keepaliveTimeout <= 0 || c.nc.Requests >= loc.keepaliveRequests {
		return false
	}
	if loc.keepaliveTime > 0 && r.start.Sub(c.nc.Created) > loc.keepaliveTime {
		return false
	}
	if d := loc.keepaliveDisable; d != 0 {
		ua := r.headers.Value(http1.HeaderUserAgent)
		if d&keepDisableMSIE6 != 0 && r.methodID == http1.MethodPost && isMSIE6(ua) {
			return false
		}
		if d&keepDisableSafari != 0 && isOldSafari(ua) {
			return false
		}
	}
	return true
}

const (
	keepDisableMSIE6 = 1 << iota
	keepDisableSafari
)

// isMSIE6 follows ngx_http_process_user_agent.
func isMSIE6(ua string) bool {
	i := strings.Index(ua, "MSIE ")
	if i < 0 || i+7 >= len(ua) || ua[i+6] != '.' {
		return false
	}
	return ua[i+5] == '4' || ua[i+5] == '5' || ua[i+5] == '6' && !strings.Contains(ua[i+8:], "SV1")
}

func isOldSafari(ua string) bool {
	if strings.Contains(ua, "MSIE ") || strings.Contains(ua, "Opera") {
		return false
	}
	return strings.Contains(ua, "Safari/") && strings.Contains(ua, "Mac OS X") && !strings.Contains(ua, "Chrome/")
}

// readHead reads and checks one request head. ok with the buffer that the
// head's strings point into; failed when there is nobody to answer; else the
// status to answer.
//
// See: ngx_http_process_request_line, ngx_http_process_request_headers.
func (c *conn) readHead(r *Request) (*netconn.Buffer, rc) {
	limits := &r.srv.head
	opts := limits.options()
	c.parser.SetOptions(opts)
	c.parser.Reset()
	deadline := r.start.Add(limits.headerTimeout)
	for {
		n, complete, err := c.parser.Parse(c.nc.Buffered())
		if err != nil {
			return nil, r.refuseHead(&c.parser, err)
		}
		if complete {
			buf := c.nc.Detach(n)
			r.head = c.parser.Head
			r.headMem = buf.Bytes()
			return buf, r.acceptHead()
		}
		if n > 0 {
			c.nc.Consume(n)
		}
		c.nc.SetReadTimeout(max(time.Until(deadline), time.Millisecond))
		c.s.reading.Add(1)
		_, err = c.nc.Fill(opts.MaxHead())
		c.s.reading.Add(-1)
		if err != nil {
			return nil, c.headError(r, err)
		}
	}
}

func (c *conn) headError(r *Request, err error) rc {
	if !c.parser.Started() {
		return failed
	}
	r.head = c.parser.Head
	what := pick(c.parser.InHeaders(), "headers", "line")
	if errors.Is(err, netconn.ErrTimeout) {
		r.logf(logInfo, "client timed out (110: Connection timed out) while reading client request %s", what)
		r.timedOut, r.outFailed, r.errStatus, r.out.status = true, true, 0, 408
		c.logOnly(r)
		return failed
	}
	if errors.Is(err, io.EOF) {
		r.logf(logInfo, "client prematurely closed connection while reading client request %s", what)
	} else {
		r.logf(logInfo, "recv() failed (%s) while reading client request %s", errnoText(err), what)
	}
	r.out.status, r.outFailed = 400, true
	c.logOnly(r)
	return failed
}

// logOnly writes the access log for a request that gets no response.
func (c *conn) logOnly(r *Request) { r.log() }

// refuseHead answers a head that breaks the rules.
func (r *Request) refuseHead(p *http1.RequestParser, err error) rc {
	r.head = p.Head
	if r.head.Version == 0 {
		r.head.Version = 1000 // so that the answer has a header
	}
	r.body.begin(http1.Framing{})
	r.headers = r.head.Headers
	r.method, r.methodID = r.head.Method, r.head.MethodID
	var e *http1.Error
	if !errors.As(err, &e) {
		return 400
	}
	what := pick(p.InHeaders(), "headers", "line")
	r.logf(logInfo, "%s while reading client request %s", e.Message, what)
	r.lingering = e.Linger
	return rc(e.Status)
}

// acceptHead makes the request out of its head: URI, host and server, framing
// of the body.
func (r *Request) acceptHead() rc {
	h := &r.head
	r.headers = h.Headers
	r.method, r.methodID, r.unparsedURI = h.Method, h.MethodID, h.UnparsedURI
	for _, line := range h.Dropped {
		r.logf(logInfo, "client sent invalid header line: %q while reading client request headers", line)
	}
	uri, arena, err := h.URI(r.arena, r.srv.head.mergeSlashes)
	r.arena = arena
	if err != nil {
		return r.refuseURI(err)
	}
	r.uri, r.args, r.exten, r.validURI = uri.Path, uri.Args, uri.Exten, !h.EmptyPath
	r.host = h.HostName
	if srv := r.conn.addr.findServer(r, r.host); srv != r.srv {
		r.srv, r.loc = srv, srv.loc
	}
	r.follow()
	framing, err := h.Framing(false)
	if err != nil {
		return r.refuseURI(err)
	}
	r.body.begin(framing)
	r.keepalive = h.KeepAlive()
	if r.conn.tls != nil {
		if c := r.checkTLS(); c != ok {
			return c
		}
	}
	r.next = atPostRead
	return ok
}

func (r *Request) refuseURI(err error) rc {
	var e *http1.Error
	if errors.As(err, &e) {
		r.logf(logInfo, "%s while reading client request %s", e.Message, pick(len(r.headers) > 0, "headers", "line"))
		return rc(e.Status)
	}
	return 400
}

// options are the parser's rules for a server.
func (h *headLimits) options() http1.ParseOptions {
	return http1.ParseOptions{KeepInvalid: !h.ignoreInvalid, Underscores: h.underscores, FirstBuffer: h.bufferSize,
		LargeBuffer: int(h.large.Size), LargeBuffers: h.large.Num, MaxHeaders: h.maxHeaders}
}
