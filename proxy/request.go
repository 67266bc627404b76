package proxy

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"huidu/luacompat/pcre"
	"huidu/proxy/http1"
)

// Request is one client request or subrequest on its way through the phases.
// Requests are pooled; everything it points to is valid until the request has
// been logged. Strings are views into the connection's buffer unless made by
// a directive, so whoever keeps one longer clones it.
type Request struct {
	rt   *Router // the configuration this request began with
	conn *conn   // nil for the fake requests of Lua timers
	srv  *virtualServer
	loc  *location

	main    *Request // itself for a client's request
	parent  *Request // nil for a client's request
	tracing *tracing // of the main request: who follows it, usually nobody
	nsub    int      // depth of subrequests left

	// What the client asked for.
	head          http1.RequestHead
	method        string
	methodID      http1.MethodID
	uri           string // decoded, normalised
	args          string
	unparsedURI   string // $request_uri
	exten         string
	headers       http1.Headers // the request headers, after directives changed them
	headersSet    bool          // headers is no longer head.Headers
	host          string        // validated, lower-cased; "" when there was none
	start         time.Time
	validURI      bool // unparsedURI still says what uri says
	internal      bool
	unconditional bool // the upstream's response: If-Modified-Since and its like are the upstream's business
	singleRange   bool // the body comes piece by piece: no multipart ranges
	noLocation    bool // rewrite … break: uri no longer begins with the location's prefix
	body          requestBody

	// Where in the phase engine it is.
	next         nextStep
	uriChanges   int // nginx's budget of 10 for rewrites and redirects
	uriChanged   bool
	pipelined    bool // was there before the one before it was answered
	background   bool // runs beside its parent: a mirror
	uriIntoAlias bool // try_files chose a file below a regex location's alias
	ctx          context.Context
	cancel       context.CancelFunc
	errorPage    bool // serving an error page
	errStatus    int  // status to answer instead of 200 while serving one
	keepalive    bool
	lingering    bool
	limitRate    int64
	limitSet     bool
	realAddr     netip.AddrPort // client address, after realip
	realAddrTxt  string

	// Variables and captures.
	vars      []varSlot
	captures  []int // offsets into captureOf, pairs
	captureOf string
	ovector   []int

	// The response.
	out        respHead
	w          responseWriter
	slice      *sliceState      // the response comes in slices
	slicePart  bool             // this is a subrequest for one of them
	beforeHead func(r *Request) // when the header filters are through
	stages     []bodyStage
	headerSent bool
	headerOnly bool  // HEAD, 204, 304: no body bytes
	ended      bool  // last buffer passed
	bytesSent  int64 // header and body, as written
	outFailed  bool
	timedOut   bool
	tlsName    string
	requestID  string
	up         *upstreamState // $upstream_*; made by the first proxied try

	lua             any // luacompat's per-request state
	luaReq          *luaRequest
	luaHeld         []byte // said by a script to an HTTP/1.0 client, to be sent at its end
	luaTypeCleared  bool
	filterFinalized bool // a header filter replaced the response
	luaFinalize     bool
	bodyStageLua    *luaBodyStage
	rawTaken        bool
	fakeWorker      int
	headMem         []byte
	modules         moduleState
	cleanups        []func()
	behind          sync.WaitGroup // updates of the cache that use the request's memory
	sslContext      string         // of the log lines of a TLS handshake's script
	subStatesMu     sync.Mutex
	subStates       []any // luacompat's states of subrequests that have cosockets open
	logFields       []byte
	arena           []byte // scratch for values that must live as long as the request
}

// nextStep says where the phase engine goes on.
type nextStep uint8

const (
	atPostRead nextStep = iota
	atServerRewrite
	atFindConfig
	atRewrite
	atContent
)

// moduleState is the per-request state of the small modules; reset on an
// internal redirect unless noted.
type moduleState struct {
	limitReqStatus  string
	limitConnStatus string
	realipSet       bool
	connLimits      []func()
	echo            *echoState
	uid             *uidState
	gzip            *gzipStage
	ssi             *ssiStage
}

var requestPool = sync.Pool{New: func() any { return new(Request) }}

// matchRegex runs re on subject and keeps the captures for $1..$9.
func (r *Request) matchRegex(re *pcre.Regex, subject string) bool {
	need := 2 * (re.NumCaptures() + 1)
	if cap(r.ovector) < need {
		r.ovector = make([]int, max(need, 20))
	}
	n, err := re.Match(subject, 0, r.ovector[:need])
	if err != nil {
		r.logf(logAlert, "pcre2_match() failed: %v on %q using %q", err, subject, re.String())
		return false
	}
	if n <= 0 {
		return false
	}
	r.captures, r.ovector = r.ovector[:need], r.captures[:0]
	r.captureOf = subject
	return true
}

// capture returns $n of the last matching regular expression.
func (r *Request) capture(n int) string {
	if 2*n+1 >= len(r.captures) {
		return ""
	}
	from, to := r.captures[2*n], r.captures[2*n+1]
	if from < 0 || to < from {
		return ""
	}
	return r.captureOf[from:to]
}

// onCleanup runs f when the request ends, after the log phase.
func (r *Request) onCleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// reset gives the request back its zero state but keeps its allocations.
func (r *Request) reset() {
	if r.up != nil {
		r.up.release()
	}
	clear(r.vars)
	clear(r.stages)
	clear(r.cleanups)
	clear(r.out.headers)
	clear(r.out.trailers)
	*r = Request{vars: r.vars[:0], ovector: r.ovector[:0], captures: r.captures[:0], stages: r.stages[:0],
		cleanups: r.cleanups[:0], arena: r.arena[:0], logFields: r.logFields[:0], luaReq: r.luaReq,
		out: respHead{headers: r.out.headers[:0], trailers: r.out.trailers[:0]}}
	if r.luaReq != nil {
		r.luaReq.r = nil
	}
}
