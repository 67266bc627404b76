package luacompat

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"time"
)

// Phase is the point of a request's way at which a script runs.
type Phase uint8

// The phases, in the order in which a request or worker passes them.
const (
	PhaseInit Phase = iota
	PhaseInitWorker
	PhaseExitWorker
	PhaseSSLClientHello
	PhaseSSLCertificate
	PhaseSSLSessionFetch
	PhaseSSLSessionStore
	PhaseServerRewrite
	PhaseSet
	PhaseRewrite
	PhaseAccess
	PhasePrecontent
	PhaseContent
	PhaseBalancer
	PhaseHeaderFilter
	PhaseBodyFilter
	PhaseLog
	PhaseTimer
)

// OutcomeKind says how a handler ended.
type OutcomeKind uint8

// The ways a handler can end without a script fault.
const (
	// Continue: the script ended normally, or called ngx.exit(ngx.OK) in a
	// phase where that means "go on" (ngx.exit(0) in rewrite/access ends the
	// handler and continues with the next phase).
	Continue OutcomeKind = iota
	// ExitStatus: ngx.exit(Status) that ends the request: >= 200 (a status to
	// answer or already being answered), or ngx.ERROR (-1), ngx.DECLINED.
	ExitStatus
	// Exec: ngx.exec(URI, Args); URI starts with "@" for a named location.
	Exec
	// Redirect: ngx.redirect(URI, Status); nothing has been sent yet.
	Redirect
	// RewriteJump: ngx.req.set_uri(uri, true) in the rewrite phase: search for
	// a location again.
	RewriteJump
)

// Outcome is how a handler ended.
type Outcome struct {
	Kind    OutcomeKind
	Status  int
	URI     string
	Args    string
	HasArgs bool
	// Value is what set_by_lua returned, first result, as text.
	Value string
}

// Request is what a script may ask of the host. It is implemented by
// proxy's request and by luatest's fake. All methods are called from the
// goroutine that runs the script, with the VM lock held unless a method says
// "blocks". Strings that come out are the callee's to keep (no views).
type Request interface {
	Variables
	Input
	Output
	Subrequests
	Lifecycle
}

// Variables gives access to nginx variables.
type Variables interface {
	// Var returns a variable's value; ok is false when nginx says "not found"
	// (ngx.var.x is nil then). Unknown names are not found, and so are the
	// argument captures $1..$9 when there are none.
	Var(name string) (value string, ok bool)
	// SetVar sets a changeable variable that the configuration declared.
	// Errors are nginx's words: `variable "x" not changeable`,
	// `variable "x" not found for writing; maybe it is a built-in variable
	// that is not changeable or you forgot to use "set $x '';" in the config
	// file to define it first`. remove is ngx.var.x = nil.
	SetVar(name, value string, remove bool) error
}

// Header is one header line.
type Header struct{ Key, Value string }

// Input is the client's request.
type Input interface {
	Method() string
	// SetMethod changes the request's method (ngx.req.set_method).
	SetMethod(m string) error
	// HTTPVersion is 9, 10, 11 or 20; ok is false for none.
	HTTPVersion() int
	// RawRequestLine is the first line without its line end.
	RawRequestLine() string
	// RawHeader is the header as received; without the request line when told.
	// An error for HTTP/2: `http2 requests not supported yet`.
	RawHeader(noRequestLine bool) (string, error)
	// Headers returns up to max headers in the order received (0: all) and
	// whether there were more.
	Headers(max int) (h []Header, truncated bool)
	// Header returns the values of one header, compared without case.
	Header(name string) []string
	// SetHeader replaces a request header with values; none removes it.
	SetHeader(name string, values []string)
	// AddHeader adds a request header line.
	AddHeader(name, value string)
	URI() string // $uri: decoded, normalised
	// SetURI sets the URI; jump is only legal in the rewrite phase and is
	// acted on through the handler's Outcome.
	SetURI(uri string)
	Args() string // raw query string
	SetArgs(args string)
	IsInternal() bool
	IsSubrequest() bool
	StartTime() time.Time
	RemoteAddr() netip.Addr

	// ReadBody reads the whole request body (blocks; the caller has released
	// the VM lock around it). Errors: nginx finalises with a status: *StatusError.
	ReadBody() error
	// DiscardBody reads and drops the body (blocks).
	DiscardBody() error
	BodyRead() bool // whether ReadBody has been called or the body was read
	// BodyData is the body when it is in memory. inFile is true when it lies
	// in a temporary file (BodyFile). Both zero when there is no body.
	BodyData() (data []byte, inFile bool)
	BodyFile() string
	// BodyReader streams an in-file body for get_body_data(max) and copies.
	BodyLen() int64
	SetBodyData(data []byte)
	SetBodyFile(path string, autoClean bool) error
	// InitBody, AppendBody, FinishBody build a new body.
	InitBody(bufSize int) error
	AppendBody(data []byte) error
	FinishBody() error
	// RawSocket hands the connection over for ngx.req.socket. raw is
	// ngx.req.socket(true). The returned conn yields body bytes only when
	// raw is false. Errors in ngx_lua's words (`no body`, `request body already
	// exists`, …).
	RawSocket(raw bool) (net.Conn, error)
}

// Output is the response.
type Output interface {
	Status() int     // 0 when not set yet
	SetStatus(s int) // ignored with the log line of ngx_lua when sent: the caller checks HeaderSent
	HeaderSent() bool
	// RespHeaders lists the response headers so far, the built-in ones
	// (content-type, content-length, connection, server-made) included when
	// all is set, as ngx.resp.get_headers does.
	RespHeaders() []Header
	RespHeader(name string) []string
	// SetRespHeader replaces a response header; no values (or "") removes it.
	// Name has its underscores already turned into hyphens where wanted.
	SetRespHeader(name string, values []string) error
	AddRespHeader(name, value string) error
	// SendHeader sends the response header (ngx.send_headers). Blocks.
	SendHeader() error
	// Write passes p to the body filters (sends the header first). It may
	// buffer; Flush pushes what is buffered; wait waits until the client's
	// kernel has it. Blocks. Errors: `nginx output filter error`, client gone.
	Write(p []byte) error
	Flush(wait bool) error
	// EOF ends the response (last buffer).
	EOF() error
	EOFSent() bool
	// BodyChunk and SetBodyChunk are ngx.arg[1], ngx.arg[2] in the body
	// filter phase.
	BodyChunk() (data []byte, last bool)
	SetBodyChunk(data []byte, last bool)
	// IsHeadOnly: HEAD request.
	HeadOnly() bool
}

// CaptureRequest is one subrequest of ngx.location.capture.
type CaptureRequest struct {
	URI, Args   string
	Method      string // "" is GET
	Body        []byte
	HasBody     bool
	ForwardBody bool // always_forward_body
	ShareVars   bool // share_all_vars: the very same variables
	CopyVars    bool // copy_all_vars
	Vars        map[string]string
	Ctx         any // the Lua ctx table for the child (nil: its own)
}

// CaptureResponse is what a subrequest answered.
type CaptureResponse struct {
	Status    int
	Headers   []Header
	Body      []byte
	Truncated bool
}

// Subrequests runs other locations.
type Subrequests interface {
	// Capture runs the subrequests side by side and waits for all (blocks).
	Capture(reqs []CaptureRequest) ([]CaptureResponse, error)
}

// Lifecycle is logging, cancellation and the slot for luacompat's own state.
type Lifecycle interface {
	// Context is cancelled when the handler must stop (client gone with
	// lua_check_client_abort on, worker shut down).
	Context() context.Context
	// Log writes one line to the request's error log with nginx's prefix and
	// suffix (", client: …, server: …, request: …"). level is ngx.ERR etc.
	// (nginx's numbers 0 stderr … 8 debug).
	Log(level int, msg string)
	// LogEnabled reports whether a line of that level would be written.
	LogEnabled(level int) bool
	// LuaState is where luacompat hangs its per-request state (ngx.ctx, light
	// threads, …); nil at first. It survives internal redirects as nginx's
	// ngx_lua module context does: the host resets it to nil on exec/redirect
	// (ngx.ctx is lost), and calls Runtime.Release(state) at the request's end.
	LuaState() any
	SetLuaState(s any)
	// Conf is the location's Lua settings.
	Conf() *LocationConf
	// OnAbort: ask the host to watch for the client going away; f is called
	// once, from another goroutine (ngx.on_abort).
	OnAbort(f func()) error
	// Worker index, for ngx.worker.id().
	WorkerID() int
	// BalancerPeer etc. live in the Balancer interface of the balancer phase.
}

// LocationConf is the Lua part of a location's configuration, made once at
// load.
type LocationConf struct {
	// TimeLimit and MemoryLimit bound each handler, see vm.Meter; 0: nothing does.
	TimeLimit   time.Duration
	MemoryLimit int64

	SocketConnectTimeout, SocketSendTimeout, SocketReadTimeout time.Duration
	SocketKeepaliveTimeout                                     time.Duration
	SocketPoolSize                                             int
	SocketBufferSize                                           int
	SocketLogErrors                                            bool
	CodeCache                                                  bool
	CheckClientAbort                                           bool
	HTTP10Buffering                                            bool
	TransformUnderscores                                       bool
	NeedRequestBody                                            bool
	UseDefaultType                                             bool
	SSLVerifyDepth                                             int
	SSLTrustedCertificate                                      string
	// SSLRevoked looks a chain up in lua_ssl_crl; nil: there is none.
	SSLRevoked func(chain []*x509.Certificate) string
	// TLS holds lua_ssl_protocols, _ciphers, _certificate and so on; nil:
	// defaults.
	TLS *tls.Config
	// Resolve looks a host name up as nginx's resolver would (blocks);
	// nil: `no resolver defined to resolve "host"`.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// StatusError ends the request with a status code (413 for a body that is
// too large, 499 for a client that went away, …).
type StatusError struct{ Status int }

func (e *StatusError) Error() string { return "request ended with a status" }
