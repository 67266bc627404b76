package nginxconf

import (
	"time"
)

// Pos is where something was written: File as nginx prints it (the path it
// was opened by) and the 1-based line of the terminating ";" or "{".
type Pos struct {
	File string
	Line int
}

// Opt is a directive's value at one level. After Load, V is the effective
// value (own, inherited, or default) and Set says whether this very level
// wrote it. Pos is where it was written; it is inherited with the value.
type Opt[T any] struct {
	V   T
	Set bool
	Pos Pos
}

// Value is a "complex value": text with variables, parsed once at load.
// A Value with no variables has one literal part (or none when empty).
type Value struct {
	Text  string // as written, after quote and escape decoding
	Parts []Part
}

// Part is one piece of a Value. Exactly one of its fields is meaningful:
// Var names a variable (without "$", lower-cased as nginx does), Capture is
// 1..9 for $1..$9 when Var is empty and IsCapture is set; else Lit.
type Part struct {
	Lit       string
	Var       string
	Capture   int
	IsCapture bool
}

// Literal reports whether v holds no variables, and its text.
func (v Value) Literal() (string, bool) {
	switch len(v.Parts) {
	case 0:
		return "", true
	case 1:
		p := v.Parts[0]
		return p.Lit, p.Var == "" && !p.IsCapture
	}
	return "", false
}

// Regex is a regular expression as written; compiled by its user through
// luacompat/pcre. Load has already checked that it compiles.
type Regex struct {
	Pattern string
	NoCase  bool
	Names   []string // named captures, which become variables
	Pos     Pos
}

// Config is a whole configuration, typed, with positions, before anything
// about serving is decided. It is immutable after Load.
type Config struct {
	Prefix string // -p, ends in "/"
	File   string // the main file's full path
	Main   Main
	Events Events
	HTTP   *HTTP   // nil when there is no http block
	Stream *Stream // nil when there is no stream block
	// TempPaths are the folders of client_body_temp_path, proxy_temp_path,
	// proxy_cache_path and their like, each once.
	TempPaths []string
	Files     []SourceFile // every file read, in the order -T prints them
}

// SourceFile is one configuration file verbatim, for -T.
type SourceFile struct {
	Name string
	Data []byte
}

// Main holds the directives of the main context.
type Main struct {
	Daemon        Opt[bool]
	MasterProcess Opt[bool]
	User          Opt[string]
	Group         Opt[string]
	// ThreadPools are the pools of ngx.run_worker_thread.
	ThreadPools           map[string]ThreadPool
	WorkerProcesses       Opt[int] // "auto" is resolved to the number of CPUs
	WorkerRlimitNofile    Opt[int]
	WorkerShutdownTimeout Opt[time.Duration]
	WorkingDirectory      Opt[string]
	PID                   Opt[string] // full path
	ErrorLog              []ErrorLog  // empty: logs/error.log at level error
	Env                   []EnvVar
	SSLEngine             Opt[string]
	LoadModules           []string
}

// EnvVar is one env directive: a name alone keeps the inherited value.
type EnvVar struct {
	Name  string
	Value Opt[string]
}

// LogLevel is a severity of nginx's error log, 1 emerg to 8 debug.
type LogLevel int

// The severities, as in ngx_log.h.
const (
	LogStderr LogLevel = iota
	LogEmerg
	LogAlert
	LogCrit
	LogError
	LogWarn
	LogNotice
	LogInfo
	LogDebug
)

// ErrorLog is one destination of error_log.
type ErrorLog struct {
	Target string // full path, "stderr", "syslog:…" or "memory:…"
	Level  LogLevel
	Pos    Pos
}

// Events holds the events block.
type Events struct {
	Present           bool
	WorkerConnections Opt[int]
	MultiAccept       Opt[bool]
	DebugConnection   []string
}

// HTTP is the http block: everything that is declared once for all servers.
type HTTP struct {
	Servers        []*Server
	Upstreams      []*Upstream
	Maps           []*Map
	Geos           []*Geo
	SplitClients   []*SplitClients
	CharsetMaps    []*CharsetMap
	LogFormats     map[string]*LogFormat // "combined" is always there
	LimitReqZones  map[string]*LimitZone
	LimitConnZones map[string]*LimitZone
	CachePaths     []*CachePath
	Lua            LuaMain
	Srv            *SrvConf // http-level defaults of server-level directives
	Loc            *LocConf // http-level defaults of location-level directives
	// Variables declared anywhere by set, set_by_lua, map, geo, named
	// captures, auth_request_set…; names without "$", lower-cased.
	Declared map[string]bool
	Diverted *Diversion // every server goes to the fallback
}

// Server is one server block.
type Server struct {
	Pos       Pos
	Listens   []Listen     // never empty: the default is added by Load
	Names     []ServerName // in the order written; "" is a name too
	Srv       *SrvConf
	Loc       *LocConf
	Rewrite   []RewriteOp // server-level rewrite-module directives in order
	Locations []*Location
	Diverted  *Diversion // all of it goes to the fallback
}

// Listen is one listen directive of a server.
type Listen struct {
	Pos            Pos
	Network        string // "tcp4", "tcp6", "unix"
	Address        string // "0.0.0.0:80", "[::]:80", "/run/x.sock"
	Wildcard       bool   // address is * / 0.0.0.0 / [::]
	Original       string // as written, before --map-listen
	Default        bool   // default_server
	SSL            bool
	HTTP2          bool
	ProxyProtocol  bool
	Reuseport      bool
	Backlog        int
	IPv6Only       Opt[bool]
	SoKeepalive    string
	Rcvbuf, Sndbuf int64
	Bind           bool
	Implicit       bool // no listen was written
}

// ServerName is one name of server_name.
type ServerName struct {
	Kind  NameKind
	Name  string // lower-cased; wildcard names keep "*." or ".*"; ".x" is NameDot with "x"
	Regex *Regex
}

// NameKind says how a server name matches.
type NameKind int

// The kinds of server names, in nginx's matching order.
const (
	NameExact    NameKind = iota
	NameDot               // .example.com: exact and *.example.com
	NameWildHead          // *.example.com
	NameWildTail          // www.example.*
	NameRegex
)

// LocKind says how a location matches, or what else it is.
type LocKind int

// The kinds of locations. LocIf and LocLimitExcept are the anonymous
// locations that those blocks make.
const (
	LocPrefix      LocKind = iota
	LocExact               // =
	LocNoRegex             // ^~
	LocRegex               // ~
	LocRegexNoCase         // ~*
	LocNamed               // @
	LocIf
	LocLimitExcept
)

// Location is one location block.
type Location struct {
	Pos         Pos
	Kind        LocKind
	Name        string // prefix, exact text, regex pattern or "@name"
	Regex       *Regex
	Loc         *LocConf
	Rewrite     []RewriteOp
	Locations   []*Location
	LimitExcept *LimitExcept
	Diverted    *Diversion // it goes to the fallback
}

// LimitExcept is a limit_except block: requests whose method is not in
// Methods are served with Loc's access rules.
type LimitExcept struct {
	Methods []string
	Loc     *Location
}

// Upstream is one upstream block.
type Upstream struct {
	Pos               Pos
	Name              string
	Servers           []UpstreamServer
	Balancer          Balancer
	Keepalive         Opt[int] // 0 = off; nginx 1.30 default is 32, "local"
	KeepaliveRequests Opt[int]
	KeepaliveTime     Opt[time.Duration]
	KeepaliveTimeout  Opt[time.Duration]
	Zone              Opt[string]
	ZoneSize          int64
	Sticky            *Sticky
	Resolver          Opt[*Resolver]
	ResolverTimeout   Opt[time.Duration]
	BalancerByLua     *LuaCode
	Implicit          bool // made for a literal proxy_pass address
	Diverted          *Diversion
}

// Sticky is the sticky directive of an upstream.
type Sticky struct {
	Kind string // cookie, route, learn
	Args []string
	Pos  Pos
}

// UpstreamServer is one server line of an upstream.
type UpstreamServer struct {
	Pos         Pos
	Original    string   // as written
	Addrs       []string // "127.0.0.1:80", "unix:/x": resolved at load, after --map-addr
	Name        string   // $upstream name for Host of health output: as written
	Weight      int
	MaxConns    int
	MaxFails    int
	FailTimeout time.Duration
	SlowStart   time.Duration
	Backup      bool
	Down        bool
	Resolve     bool
	Service     string
	Route       string
}

// Balancer names an upstream's method: "" (round robin), "least_conn",
// "ip_hash", "hash", "random", "least_time", "lua".
type Balancer struct {
	Method     string
	Key        Value // hash
	Consistent bool
	Two        bool // random two
	TwoMethod  string
	Pos        Pos
}

// Map is a map block.
type Map struct {
	Pos       Pos
	Source    Value
	Var       string
	Default   Value
	Entries   []MapEntry
	Hostnames bool
	Volatile  bool
}

// MapEntry is one line of a map: an exact key (lower-cased), a hostname
// mask when Hostnames is set, or a regular expression.
type MapEntry struct {
	Key   string
	Regex *Regex
	Value Value
	Pos   Pos
}

// Geo is a geo block.
type Geo struct {
	Pos            Pos
	Source         string // variable that holds the address; "" is $remote_addr
	Var            string
	Ranges         bool
	Default        string
	Entries        []GeoEntry
	Delete         []string
	Proxies        []string
	ProxyRecursive bool
}

// GeoEntry is one network or range of a geo block.
type GeoEntry struct {
	Net   string // CIDR, or "a-b" with Ranges
	Value string
	Pos   Pos
}

// SplitClients is a split_clients block. Parts' Percent is in 1/100 %; the
// last part may be "*" (Rest).
type SplitClients struct {
	Pos    Pos
	Source Value
	Var    string
	Parts  []SplitPart
}

// SplitPart is one line of split_clients.
type SplitPart struct {
	Percent int
	Rest    bool
	Value   Value
}

// CharsetMap is a charset_map block.
type CharsetMap struct {
	Pos      Pos
	From, To string
	Table    []CharsetPair
}

// CharsetPair recodes one byte of From to To's bytes.
type CharsetPair struct {
	From byte
	To   string
}

// LogFormat is one log_format.
type LogFormat struct {
	Pos    Pos
	Name   string
	Escape string // "default", "json", "none"
	Format Value
}

// LimitZone is limit_req_zone or limit_conn_zone.
type LimitZone struct {
	Pos  Pos
	Name string
	Key  Value
	Size int64
	Rate int // requests per 1000 seconds; limit_req only
}

// RewriteOp is one directive of the rewrite phase, run in the order written.
// Exactly one of the pointers is set.
type RewriteOp struct {
	Pos        Pos
	Rewrite    *RewriteRule
	Return     *ReturnOp
	Set        *SetOp
	If         *IfOp
	Break      bool
	SetLua     *SetLuaOp
	SetMisc    *SetMiscOp // set-misc and other ndk_set_var directives
	RewriteLog Opt[bool]
}

// RewriteRule is a rewrite directive.
type RewriteRule struct {
	Regex       *Regex
	Replacement Value
	Flag        string // "", last, break, redirect, permanent
}

// ReturnOp is a return directive. Code 0 with a URL in Text is 302.
type ReturnOp struct {
	Code int
	Text *Value
}

// SetOp is a set directive.
type SetOp struct {
	Var   string
	Value Value
}

// IfOp is an if block in the rewrite phase.
type IfOp struct {
	Cond Cond
	Loc  *Location // Kind LocIf; its Rewrite runs when the condition holds
}

// Cond is the condition of an if.
// Op: "" (variable is true), "=", "!=", "~", "~*", "!~", "!~*",
// "-f", "-d", "-e", "-x" and their "!" forms.
type Cond struct {
	Var   string // for the variable forms
	Op    string
	Value Value // right side of = and !=, or the file name
	Regex *Regex
}

// SetLuaOp is set_by_lua*, with its extra arguments.
type SetLuaOp struct {
	Var  string
	Code *LuaCode
	Args []Value
}

// SetMiscOp is a directive of set-misc or another module that sets a
// variable from arguments, e.g. set_unescape_uri $x $y.
type SetMiscOp struct {
	Name string
	Var  string
	Args []Value
}

// LuaCode is a chunk of Lua: inline text or a file whose path may hold
// variables.
type LuaCode struct {
	Pos       Pos
	Directive string // content_by_lua_block, …
	Inline    bool
	Source    string   // inline text, verbatim
	Path      *Value   // file form; relative paths are resolved against the prefix
	ChunkName string   // as ngx_lua names it: "=content_by_lua(nginx.conf:6)" or "@path"
	Release   *Release // a rule in the script's place
	Line, Col int      // where inline text begins in Pos.File
}

// LuaMain holds the lua_* directives of the http block.
type LuaMain struct {
	PackagePath            Opt[string] // "$prefix" and ";;" not yet expanded
	PackageCPath           Opt[string]
	SharedDicts            []SharedDict
	InitBy                 *LuaCode
	InitWorkerBy           *LuaCode
	ExitWorkerBy           *LuaCode
	MaxPendingTimers       Opt[int]
	MaxRunningTimers       Opt[int]
	RegexCacheMaxEntries   Opt[int]
	RegexMatchLimit        Opt[int]
	LoadRestyCore          Opt[bool]
	CaptureErrorLog        Opt[int64]
	MallocTrim             Opt[int]
	SaHandler              Opt[string]
	RewriteNoPostpone      Opt[bool]
	AccessNoPostpone       Opt[bool]
	PrecontentNoPostpone   Opt[bool]
	ThreadCacheMaxEntries  Opt[int]
	WorkerThreadVMPoolSize Opt[int]
}

// SharedDict is lua_shared_dict.
type SharedDict struct {
	Name string
	Size int64
	Pos  Pos
}

// Resolver is a resolver directive.
type Resolver struct {
	Addrs      []string // "127.0.0.1:53" after --map-addr
	Valid      time.Duration
	IPv4, IPv6 bool
	StatusZone string
	Local      bool // "local=on": /etc/resolv.conf
	Pos        Pos
}

// ThreadPool is a thread_pool.
//
// See: https://nginx.org/en/docs/ngx_core_module.html#thread_pool
type ThreadPool struct{ Threads, MaxQueue int }
