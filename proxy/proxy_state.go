package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"huidu/proxy/http1"
	"huidu/proxy/netconn"
	"huidu/proxy/upstream"
)

// upstreamTry is one line of nginx's r->upstream_states: one peer asked. The
// one with peer == "" parts the tries before an internal redirect from those
// after it.
type upstreamTry struct {
	peer           string
	status         int
	connect        int64 // milliseconds; -1: not there
	header         int64
	response       int64
	responseLength int64
	bytesReceived  int64
	bytesSent      int64
}

// upstreamState is a request's dealings with upstreams: what $upstream_* say,
// and the state of the handler that is at work. It is pooled, and lives until
// the request has been logged.
type upstreamState struct {
	tries []upstreamTry

	// The run at work: one proxy_pass, several tries.
	conf          *proxyConf
	vars          proxyVars
	group         *upstream.Group
	picker        upstream.Picker
	began         time.Time // of the run
	try           time.Time // of the try
	peer          *upstream.Peer
	peerName, uri string // for the log; peerName outlives peer
	host, tlsName string // of the upstream

	conn      *netconn.Conn
	key       upstream.Key
	cached    bool
	sent0     int64 // counters of a kept connection when the try began
	received0 int64

	head     []byte // request header, kept for the next try
	body     []byte // request body in memory
	bodyFrom bodySource
	bodySize int64
	length   int64 // Content-Length to send; -1: none
	chunked  bool  // the body goes out chunked
	headReq  bool  // HEAD: no response body
	noBuffer bool  // the body is streamed from the client
	assumed  bool  // explained only: nobody was asked
	sentAny  bool
	sentBody bool
	sender   *bodySender
	dialOpts upstream.DialOptions
	balancer luaBalancer

	sendTimeout, readTimeout time.Duration
	dialErr                  bool

	parser       http1.ResponseParser
	held         []*netconn.Buffer // what response headers point into
	rest         []byte            // body bytes that came with the header
	rawHead      []byte            // the header as it came
	first        firstPiece
	headBytes    int64
	framing      http1.Framing
	chunks       http1.Chunked
	left         int64
	keepalive    bool
	broken       bool // the response's framing is lost
	upgrade      bool
	buffering    bool
	gotAny       bool
	headerDone   bool // passed to the client
	stickyID     string
	cookieAt     int
	memcached    *memcachedConf // memcached_pass is at work
	memcachedKey string
	memc         memcState
	storeFile    *proxyStore
	fcgi         fastcgiState
	caching      caching

	// Watching the client.
	client   *netconn.Conn
	onHangup func()
	mu       sync.Mutex
	watching bool
	gone     atomic.Bool
	cancel   context.CancelFunc
}

var upstreamStates = sync.Pool{New: func() any {
	st := new(upstreamState)
	st.onHangup = st.hangup
	return st
}}

// upstreamState returns the request's state, made at first use.
func (r *Request) upstreamState() *upstreamState {
	if r.up == nil {
		r.up = upstreamStates.Get().(*upstreamState)
	}
	return r.up
}

// release gives everything back when the request has been logged.
func (st *upstreamState) release() {
	for i, b := range st.held {
		b.Release()
		st.held[i] = nil
	}
	st.mu.Lock()
	tries, held, head, onHangup, picker, parser := st.tries[:0], st.held[:0], st.head[:0], st.onHangup, st.picker, st.parser
	st.mu.Unlock()
	if cap(head) > 16<<10 {
		head = nil
	}
	parser.Reset()
	st.reset()
	st.tries, st.held, st.head, st.onHangup, st.picker, st.parser = tries, held, head, onHangup, picker, parser
	upstreamStates.Put(st)
}

// reset clears the run but for what is pooled with it.
func (st *upstreamState) reset() {
	st.conf, st.group, st.peer, st.conn, st.client, st.cancel = nil, nil, nil, nil, nil, nil
	st.vars, st.key, st.peerName, st.uri, st.host, st.tlsName, st.stickyID = proxyVars{}, upstream.Key{}, "", "", "", "", ""
	st.body, st.rest, st.rawHead, st.sender, st.dialOpts, st.balancer = nil, nil, nil, nil, upstream.DialOptions{}, luaBalancer{}
	st.bodyFrom, st.bodySize, st.length = bodyNone, 0, -1
	st.cached, st.chunked, st.headReq, st.noBuffer, st.sentAny, st.sentBody, st.dialErr = false, false, false, false, false, false, false
	st.assumed = false
	st.broken = false
	st.keepalive, st.upgrade, st.buffering, st.gotAny, st.headerDone = false, false, false, false, false
	st.headBytes, st.left, st.framing, st.cookieAt = 0, 0, http1.Framing{}, -1
	st.first, st.fcgi = firstPiece{}, fastcgiState{}
	st.chunks, st.storeFile, st.caching = http1.Chunked{}, nil, caching{}
	st.watching, st.memcached, st.memcachedKey = false, nil, ""
	st.memc = memcState{}
	st.gone.Store(false)
}

// hangup is called, from another goroutine, when the client has gone away.
func (st *upstreamState) hangup() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.watching || st.client == nil || !st.client.HungUp() {
		return
	}
	st.gone.Store(true)
	if st.conn != nil {
		st.conn.Interrupt()
	}
	if st.cancel != nil {
		st.cancel()
	}
}

// watch begins to look out for the client going away.
//
// See: ngx_http_upstream_rd_check_broken_connection.
func (st *upstreamState) watch(r *Request) {
	if st.conf.ignoreAbort || st.conf.storing() || st.caching.cacheable || r.main.conn == nil {
		return
	}
	nc := r.main.conn.nc
	st.mu.Lock()
	armed := st.watching
	st.watching, st.client = true, nc
	st.mu.Unlock()
	if !armed {
		nc.OnHangup(st.onHangup)
	}
}

// unwatch ends that.
func (st *upstreamState) unwatch() {
	st.mu.Lock()
	armed, nc := st.watching, st.client
	st.watching = false
	st.mu.Unlock()
	if armed {
		nc.OnHangup(nil)
	}
}

// setConn makes c the connection that a hang-up of the client interrupts.
func (st *upstreamState) setConn(c *netconn.Conn) {
	st.mu.Lock()
	st.conn = c
	gone := st.gone.Load()
	st.mu.Unlock()
	if gone && c != nil {
		c.Interrupt()
	}
}

// current is the try at work.
func (st *upstreamState) current() *upstreamTry { return &st.tries[len(st.tries)-1] }

// sinceTry is the time since the try began, in milliseconds.
func (st *upstreamState) sinceTry() int64 { return time.Since(st.try).Milliseconds() }

// begin starts a run.
func (st *upstreamState) begin(conf *proxyConf) {
	if len(st.tries) > 0 {
		st.tries = append(st.tries, upstreamTry{connect: -1, header: -1, response: -1})
	}
	st.reset()
	st.parser.Reset()
	st.conf = conf
	st.began = time.Now()
}

// count writes the connection's counters into the try.
func (st *upstreamState) count() {
	if st.conn == nil {
		return
	}
	t := st.current()
	t.bytesSent = st.conn.Sent() - st.sent0
	t.bytesReceived = st.conn.Received() - st.received0
	if t.bytesReceived > st.headBytes {
		t.responseLength = t.bytesReceived - st.headBytes
	}
}

// logContext appends `, upstream: "http://127.0.0.1:8080/uri"`.
func (st *upstreamState) logContext(b []byte, _ *Request) []byte {
	if st.peerName == "" {
		return b
	}
	b = append(b, ", upstream: \""...)
	b = append(b, st.vars.schema...)
	b = append(b, st.peerName...)
	if len(st.peerName) > 5 && st.peerName[:5] == "unix:" {
		b = append(b, ':')
	}
	b = append(b, st.uri...)
	return append(b, '"')
}
