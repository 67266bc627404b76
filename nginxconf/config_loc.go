package nginxconf

import "time"

// LocConf is the configuration of one location level, a struct per module.
// A level that sets nothing of a module shares its parent's struct, so
// pointers may be equal between levels; nil never occurs after Load.
type LocConf struct {
	Core    *CoreLoc
	Proxy   *ProxyLoc
	Headers *HeadersLoc
	Log     *LogLoc
	Index   *IndexLoc
	Access  *AccessLoc
	Limit   *LimitLoc
	Filter  *FilterLoc
	Lua     *LuaLoc
	Echo    *EchoLoc
	More    *MoreHeadersLoc
	Misc    *MiscLoc
	FastCGI *ProxyLoc // what the modules have in common is one struct
}

// Handler says which content handler a location has besides the static
// chain; the last one written wins, as in nginx. Not inherited.
type Handler int

// The content handlers.
const (
	HandlerNone Handler = iota
	HandlerProxyPass
	HandlerLua
	HandlerEcho
	HandlerStubStatus
	HandlerEmptyGIF
	HandlerMemcached
	HandlerFastCGI
	HandlerDeny // return-less internal markers of later modules
	HandlerMemc
)

// CoreLoc is ngx_http_core_module at location level.
type CoreLoc struct {
	Handler                    Handler
	Root                       Opt[Value]
	Alias                      Opt[*Value] // V not nil: Root is not used
	AliasLocation              *Location   // whose alias it is: an inherited alias replaces that location's prefix
	Internal                   Opt[bool]
	DefaultType                Opt[string]
	Types                      Opt[map[string]string] // extension → type
	ErrorPages                 Opt[[]ErrorPage]
	RecursiveErrorPages        Opt[bool]
	TryFiles                   Opt[*TryFiles] // not inherited
	PostAction                 Opt[string]
	Satisfy                    Opt[string] // all, any
	ClientMaxBodySize          Opt[int64]  // 0: unlimited
	ClientBodyBufferSize       Opt[int64]
	ClientBodyTimeout          Opt[time.Duration]
	ClientBodyInFileOnly       Opt[string] // off, on, clean
	ClientBodyInSingleBuffer   Opt[bool]
	ClientBodyTempPath         Opt[string]
	KeepaliveTimeout           Opt[time.Duration] // 0: keepalive off
	KeepaliveHeader            Opt[time.Duration] // second argument
	KeepaliveRequests          Opt[int]
	KeepaliveTime              Opt[time.Duration]
	KeepaliveDisable           Opt[[]string] // none, msie6, safari
	KeepaliveMinTimeout        Opt[time.Duration]
	LingeringClose             Opt[string] // off, on, always
	LingeringTime              Opt[time.Duration]
	LingeringTimeout           Opt[time.Duration]
	ResetTimedoutConnection    Opt[bool]
	SendTimeout                Opt[time.Duration]
	SendLowat                  Opt[int64]
	OutputBuffers              Opt[SizeCount]
	PostponeOutput             Opt[int64]
	LimitRate                  Opt[Value] // bytes per second
	LimitRateAfter             Opt[Value]
	Sendfile                   Opt[bool]
	SendfileMaxChunk           Opt[int64]
	DirectIO                   Opt[int64]
	AIO                        Opt[string]
	TCPNopush                  Opt[bool]
	TCPNodelay                 Opt[bool]
	ServerTokens               Opt[string] // on, off, build, or text
	ServerNameInRedirect       Opt[bool]
	PortInRedirect             Opt[bool]
	AbsoluteRedirect           Opt[bool]
	MSIEPadding                Opt[bool]
	MSIERefresh                Opt[bool]
	LogNotFound                Opt[bool]
	LogSubrequest              Opt[bool]
	ChunkedTransferEncoding    Opt[bool]
	ETag                       Opt[bool]
	IfModifiedSince            Opt[string] // off, exact, before
	MaxRanges                  Opt[int]    // -1: unlimited
	DisableSymlinks            Opt[string]
	DisableSymlinksFrom        Opt[Value]
	Resolver                   Opt[*Resolver]
	ResolverTimeout            Opt[time.Duration]
	ErrorLog                   Opt[[]ErrorLog]
	SubrequestOutputBufferSize Opt[int64]
	AuthDelay                  Opt[time.Duration]
	EarlyHints                 Opt[[]Value]
	ReadAhead                  Opt[int64]
	HTTP2ChunkSize             Opt[int64]
}

// ErrorPage is one error_page line.
type ErrorPage struct {
	Codes    []int
	Response int   // "=code"; 0 with Keep: "=" alone; -1: none
	URI      Value // "@name", "/path", "http://…"
	Pos      Pos
}

// TryFiles is a try_files directive.
type TryFiles struct {
	Files []TryFile // all but the last
	Last  Value     // uri or @name
	Code  int       // "=404"; 0 when Last is used
}

// TryFile is one candidate; Dir when it was written with a trailing slash.
type TryFile struct {
	Name Value
	Dir  bool
}

// ProxyLoc is ngx_http_proxy_module.
type ProxyLoc struct {
	Pass                  *ProxyPass         // not inherited, except into if and limit_except
	SetHeaders            Opt[[]HeaderValue] // proxy_set_header, all of one level
	SetBody               Opt[*Value]
	Method                Opt[*Value]
	HTTPVersion           Opt[string] // 1.0, 1.1; default 1.1 (nginx 1.30)
	PassRequestHeaders    Opt[bool]
	PassRequestBody       Opt[bool]
	PassTrailers          Opt[bool]
	HideHeaders           Opt[[]string]
	PassHeaders           Opt[[]string]
	IgnoreHeaders         Opt[[]string]
	Redirect              Opt[[]ProxyRedirect] // nil with Set: off
	CookieDomain          Opt[[]ProxyRewrite]
	CookiePath            Opt[[]ProxyRewrite]
	CookieFlags           Opt[[]CookieFlags]
	ConnectTimeout        Opt[time.Duration]
	SendTimeout           Opt[time.Duration]
	ReadTimeout           Opt[time.Duration]
	SendLowat             Opt[int64]
	Buffering             Opt[bool]
	RequestBuffering      Opt[bool]
	BufferSize            Opt[int64]
	Buffers               Opt[SizeCount]
	BusyBuffersSize       Opt[int64]
	MaxTempFileSize       Opt[int64]
	TempFileWriteSize     Opt[int64]
	TempPath              Opt[string]
	LimitRate             Opt[Value]
	NextUpstream          Opt[NextUpstream]
	NextUpstreamTries     Opt[int]
	NextUpstreamTimeout   Opt[time.Duration]
	InterceptErrors       Opt[bool]
	IgnoreClientAbort     Opt[bool]
	ForceRanges           Opt[bool]
	SocketKeepalive       Opt[bool]
	AllowUpstream         Opt[[]Value]
	Bind                  Opt[*Value] // nil with Set: off
	BindTransparent       bool
	Store                 Opt[*Value] // "on" is Text "on"
	StoreAccess           Opt[string]
	Cache                 ProxyCache
	FastCGI               FastCGI // of fastcgi_*
	HeadersHashMaxSize    Opt[int]
	HeadersHashBucketSize Opt[int]
	SSL                   ProxySSL
}

// ProxySSL is proxy_ssl_*. Certificates are resolved as those of SSLSrv.
type ProxySSL struct {
	Certificate        Opt[*Value]
	CertificateKey     Opt[*Value]
	PasswordFile       Opt[string]
	Ciphers            Opt[string]
	Protocols          Opt[[]string]
	Name               Opt[*Value]
	ServerName         Opt[bool]
	SessionReuse       Opt[bool]
	TrustedCertificate Opt[string]
	CRL                Opt[string]
	Verify             Opt[bool]
	VerifyDepth        Opt[int]
	ConfCommand        Opt[[][2]string]
}

// ProxyPass is a proxy_pass directive.
type ProxyPass struct {
	Pos      Pos
	URL      Value // as written
	HasVars  bool
	Scheme   string // "http", "https" when HasVars is false
	Host     string // authority as written: name, host:port, or unix:path
	URI      string // URI part with its leading "/"; "" when there was none
	HasURI   bool
	Upstream *Upstream // the named or implicit upstream; nil with HasVars
}

// HeaderValue is "name value" with variables in the value.
type HeaderValue struct {
	Name   string
	Value  Value
	Always bool
	Pos    Pos
}

// ProxyRedirect is one proxy_redirect: Default, a prefix or a regex.
type ProxyRedirect struct {
	Default     bool
	From        Value
	Regex       *Regex
	Replacement Value
}

// ProxyRewrite is one proxy_cookie_domain or proxy_cookie_path.
type ProxyRewrite struct {
	From        Value
	Regex       *Regex
	Replacement Value
}

// CookieFlags is one proxy_cookie_flags.
type CookieFlags struct {
	Cookie Value
	Regex  *Regex
	Flags  []Value
}

// NextUpstream is proxy_next_upstream as a bit set.
type NextUpstream uint32

// The conditions of proxy_next_upstream.
const (
	NextError NextUpstream = 1 << iota
	NextTimeout
	NextInvalidHeader
	NextDenied
	Next500
	Next502
	Next503
	Next504
	Next403
	Next404
	Next429
	NextUpdating
	NextNonIdempotent
	NextOff
)

// HeadersLoc is ngx_http_headers_module.
type HeadersLoc struct {
	AddHeaders        Opt[[]HeaderValue]
	AddTrailers       Opt[[]HeaderValue]
	Expires           Opt[Expires]
	AddHeaderInherit  Opt[string]
	AddTrailerInherit Opt[string]
}

// Expires is the expires directive. Kind: "off", "epoch", "max", "access"
// (relative to now), "modified", "daily" (@time), or "value" (a variable
// decides per request: Value).
type Expires struct {
	Kind  string
	Time  time.Duration
	Value Value
}

// LogLoc is ngx_http_log_module.
type LogLoc struct {
	AccessLog        Opt[[]AccessLog] // nil with Set: off
	OpenLogFileCache Opt[string]
}

// AccessLog is one access_log line.
type AccessLog struct {
	Pos    Pos
	Path   Value // full path after prefix; may hold variables; "syslog:…"
	Format *LogFormat
	Buffer int64
	Flush  time.Duration
	Gzip   int
	If     *Value
}

// IndexLoc is index, autoindex, random_index.
type IndexLoc struct {
	Index              Opt[[]Value]
	Autoindex          Opt[bool]
	AutoindexExactSize Opt[bool]
	AutoindexFormat    Opt[string]
	AutoindexLocaltime Opt[bool]
	RandomIndex        Opt[bool]
}

// AccessLoc is access, auth_basic, auth_request, realip.
type AccessLoc struct {
	Rules           Opt[[]AccessRule]
	AuthBasic       Opt[*Value] // nil: off
	AuthBasicFile   Opt[*Value]
	AuthRequest     Opt[string] // "": off
	AuthRequestSet  Opt[[]SetOp]
	RealIPFrom      Opt[[]string] // CIDR or "unix:"
	RealIPHeader    Opt[string]
	RealIPRecursive Opt[bool]
}

// AccessRule is one allow or deny. Net is "all", "unix:", address or CIDR.
type AccessRule struct {
	Allow bool
	Net   string
}

// LimitLoc is limit_req and limit_conn.
type LimitLoc struct {
	Req          Opt[[]LimitReq]
	ReqLogLevel  Opt[LogLevel]
	ReqStatus    Opt[int]
	ReqDryRun    Opt[bool]
	Conn         Opt[[]LimitConn]
	ConnLogLevel Opt[LogLevel]
	ConnStatus   Opt[int]
	ConnDryRun   Opt[bool]
}

// LimitReq is one limit_req.
type LimitReq struct {
	Zone    string
	Burst   int
	Delay   int // delay=n
	NoDelay bool
	Pos     Pos
}

// LimitConn is one limit_conn.
type LimitConn struct {
	Zone string
	N    int
	Pos  Pos
}

// LuaLoc holds the *_by_lua* and lua_* of a location level.
type LuaLoc struct {
	RewriteBy              Opt[*LuaCode]
	AccessBy               Opt[*LuaCode]
	PrecontentBy           Opt[*LuaCode]
	ContentBy              *LuaCode // not inherited
	HeaderFilterBy         Opt[*LuaCode]
	BodyFilterBy           Opt[*LuaCode]
	LogBy                  Opt[*LuaCode]
	CodeCache              Opt[bool]
	NeedRequestBody        Opt[bool]
	HTTP10Buffering        Opt[bool]
	CheckClientAbort       Opt[bool]
	HandlerTimeLimit       Opt[time.Duration] // huidu's own
	HandlerMemoryLimit     Opt[int64]         // huidu's own
	UseDefaultType         Opt[bool]
	TransformUnderscores   Opt[bool] // lua_transform_underscores_in_response_headers
	SocketConnectTimeout   Opt[time.Duration]
	SocketSendTimeout      Opt[time.Duration]
	SocketReadTimeout      Opt[time.Duration]
	SocketSendLowat        Opt[int64]
	SocketBufferSize       Opt[int64]
	SocketPoolSize         Opt[int]
	SocketKeepaliveTimeout Opt[time.Duration]
	SocketLogErrors        Opt[bool]
	SSLProtocols           Opt[[]string]
	SSLCiphers             Opt[string]
	SSLVerifyDepth         Opt[int]
	SSLTrustedCertificate  Opt[string]
	SSLCRL                 Opt[string]
	SSLCertificate         Opt[string]
	SSLCertificateKey      Opt[string]
	SSLConfCommand         Opt[[][2]string]
	SSLKeyLog              Opt[string]
	ProxySSLVerifyBy       Opt[*LuaCode]
	ProxySSLCertificateBy  Opt[*LuaCode]
}

// EchoLoc is echo-nginx-module: the commands of one location in order.
type EchoLoc struct {
	Cmds   []EchoCmd // content commands: echo, echo_sleep, …; not inherited
	Before []EchoCmd // echo_before_body
	After  []EchoCmd // echo_after_body
	Status Opt[int]
}

// EchoCmd is one echo_* directive with its arguments.
type EchoCmd struct {
	Name string
	Args []Value
	Pos  Pos
}

// MoreHeadersLoc is headers-more: commands run in order, parent's first.
type MoreHeadersLoc struct {
	Cmds Opt[[]MoreHeadersCmd]
}

// MoreHeadersCmd is one more_(set|clear)_(input_)headers directive.
type MoreHeadersCmd struct {
	Input    bool
	Clear    bool
	Append   bool // -a
	Restrict bool // -r (input)
	Statuses []int
	Types    []string
	Headers  []HeaderValue
}
