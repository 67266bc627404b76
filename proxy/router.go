package proxy

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/proxy/cache"
	"huidu/proxy/http1"
	"huidu/proxy/upstream"
)

// Router is a compiled configuration: immutable and shared by all requests
// that began under it. A reload makes a new one and swaps it in.
type Router struct {
	cfg       *nginxconf.Config
	opts      *Options
	sockets   []*socketConf
	vars      *varTable
	upstreams map[string]*upstream.Group // by lower-cased name
	groupOf   map[*nginxconf.Upstream]*upstream.Group
	hashKeys  map[*nginxconf.Upstream]*value
	balancers map[*nginxconf.Upstream]*luacompat.Script
	resolvers map[*nginxconf.Resolver]*upstream.Resolver
	httpLoc   *location // http level: for requests that have no server yet
	logs      *logFiles
	errorLog  *errorLog // of the main context
	lua       *luacompat.Runtime
	fallback  *fallback // nil: none
	luaMain   luaScripts

	luaVars     sync.Map // name → getter, for ngx.var
	luaVarCount atomic.Int32

	warnUninitialized bool
	luaDefaults       *luacompat.LocationConf
	reqLimits         map[string]*reqZone
	connLimits        map[string]*connZone
	caches            map[string]*cache.Zone // proxy_cache_path, by zone
	resolve           func(ctx context.Context, host string) ([]netip.Addr, error)

	files    fileCache              // small static files
	recoders map[recodeKey]*recoder // charset_map
	varLogs  varLogs                // access logs with variables in their names

	requests atomic.Int64 // requests under way: the router is closed after the last
	retired  atomic.Bool
	closed   sync.Once
	closers  []func()
}

// luaScripts are the scripts of the http level.
type luaScripts struct {
	init, initWorker, exitWorker *luacompat.Script
}

// socketConf is one listening socket with the addresses it serves.
type socketConf struct {
	network, address string // as for net.Listen
	listen           nginxconf.Listen
	wildcard         *addrConf
	addrs            []*addrConf // specific addresses that share a wildcard socket
}

// addrConf is what an address:port serves.
type addrConf struct {
	addr          netip.Addr // zero for the wildcard and unix sockets
	ssl           bool
	http2         bool // spoken if the client wants it
	http2Always   bool // "listen … http2": spoken with every client
	proxyProtocol bool
	defaultServer *virtualServer
	servers       []*virtualServer
	names         *nameTable // nil when there is but one server and no regex
	tls           *tlsConf
}

// virtualServer is a compiled server block.
type virtualServer struct {
	conf            *nginxconf.Server
	name            string // $server_name: the first one written
	loc             *location
	tree            *locTree
	rewrite         []rewriteOp
	postRead        []phaseHandler
	away            *location // where requests go that are left to the fallback; nil: none are
	serverRewriteBy *luacompat.Script
	head            headLimits
}

// headLimits are the server's rules for request heads.
type headLimits struct {
	headerTimeout time.Duration
	bufferSize    int
	large         nginxconf.SizeCount
	ignoreInvalid bool
	underscores   bool
	mergeSlashes  bool
	maxHeaders    int
}

// phaseHandler is one handler of a phase. declined passes on to the next.
type phaseHandler func(r *Request) rc

// location is a compiled location, if block, limit_except block, or the
// server's own level. Everything in it is read-only.
type location struct {
	conf *nginxconf.LocConf
	pos  nginxconf.Pos
	kind nginxconf.LocKind
	name string
	rt   *Router
	kids *locTree

	noRegex      bool
	autoRedirect bool
	internal     bool
	internalAway bool // diverted, and internal where it goes

	rewrite         []rewriteOp
	rewriteLog      bool
	rewriteBy       *luacompat.Script
	luaRewriteFirst bool
	preaccess       []phaseHandler
	access          []phaseHandler
	satisfyAny      bool
	precontent      []phaseHandler
	content         []phaseHandler // the static chain
	handler         phaseHandler   // the location's own content handler
	luaContent      bool           // handler is content_by_lua
	proxy           *proxyConf     // proxy_pass
	fastcgi         *fastcgiConf   // fastcgi_pass
	headerFilters   []headerFilter
	moreInput       func(r *Request) // more_set_input_headers
	logHandlers     []func(r *Request)

	order orderedHandlers // while compiling

	root                value
	alias               *value
	aliasCapture        bool // alias inside a regex location replaces the whole URI
	aliasPrefix         int  // length of the prefix that alias replaces
	symlinksFrom        *value
	gzipRules           *gzipRules
	except              *location // limit_except: where other methods go
	exceptMethods       []http1.MethodID
	authDelay           time.Duration
	userID              *userID
	logCache            *logCacheConf
	browsers            *browsers
	referers            *referers
	secureLink          *secureLink
	defaultType         string
	types               map[string]string
	errorPages          []errorPageRule
	recursiveErrorPages bool
	pages               specialPages
	serverHeader        string // "Server: nginx/x\r\n" or ""
	msiePadding         bool
	clientMaxBodySize   int64
	bodyBufferSize      int64
	bodyTimeout         time.Duration
	sendTimeout         time.Duration
	keepaliveTimeout    time.Duration
	keepaliveHeader     time.Duration
	keepaliveRequests   int
	keepaliveDisable    uint8
	chunkedEncoding     bool
	keepaliveTime       time.Duration
	limitRate           value
	limitRateAfter      value
	limitsRate          bool
	etag                bool
	logNotFound         bool
	logSubrequest       bool
	errorLog            *errorLog
	accessLogs          []*accessLog
	lua                 *luacompat.LocationConf
	logBy               *luacompat.Script
	bodyFilterBy        *luacompat.Script
	headerFilterBy      *luacompat.Script
	module              map[string]any // what the modules compiled, by module name
}

// specialPage returns nginx's own page for status; nil for one without.
func (l *location) specialPage(status int) []byte { return l.pages[status] }

// acquire counts a request in; release counts it out. A retired router is
// closed when its last request is through.
func (rt *Router) acquire() { rt.requests.Add(1) }

func (rt *Router) release() {
	if rt.requests.Add(-1) == 0 && rt.retired.Load() {
		rt.close()
	}
}

// retire marks the router as replaced.
func (rt *Router) retire() {
	rt.retired.Store(true)
	if rt.requests.Load() == 0 {
		rt.close()
	}
}

func (rt *Router) close() {
	rt.closed.Do(func() {
		for i := len(rt.closers) - 1; i >= 0; i-- {
			rt.closers[i]()
		}
	})
}

// findServer chooses the virtual server for a host name.
//
// See: https://nginx.org/en/docs/http/request_processing.html
func (a *addrConf) findServer(r *Request, host string) *virtualServer {
	if a.names == nil || host == "" && !a.names.hasEmpty {
		return a.defaultServer
	}
	if s := a.names.find(r, host); s != nil {
		return s
	}
	return a.defaultServer
}

// namedServer is the server that goes by a name; nil when none does.
func (a *addrConf) namedServer(host string) *virtualServer {
	if a.names != nil {
		return a.names.find(nil, host)
	}
	for _, n := range a.defaultServer.conf.Names {
		if n.Name == host {
			return a.defaultServer
		}
	}
	return nil
}

// nameTable finds a server by name, in nginx's order: exact, longest leading
// wildcard, longest trailing wildcard, first regular expression.
type nameTable struct {
	exact    map[string]*virtualServer
	head     map[string]*virtualServer // ".example.com" → server
	tail     map[string]*virtualServer // "www.example." → server
	regex    []regexName
	hasEmpty bool
}

type regexName struct {
	re    *pcre.Regex
	srv   *virtualServer
	names []namedCapture
}

// find finds the server of a name; without a request, as for the name of a TLS
// handshake, captures are not kept.
func (t *nameTable) find(r *Request, host string) *virtualServer {
	if s := t.exact[host]; s != nil {
		return s
	}
	if len(t.head) > 0 {
		for i := 0; i < len(host); i++ {
			if host[i] == '.' && i > 0 {
				if s := t.head[host[i:]]; s != nil {
					return s
				}
			}
		}
	}
	if len(t.tail) > 0 {
		for i := len(host) - 2; i > 0; i-- {
			if host[i] == '.' {
				if s := t.tail[host[:i+1]]; s != nil {
					return s
				}
			}
		}
	}
	for i := range t.regex {
		n := &t.regex[i]
		if r == nil && n.re.MatchString(host) || r != nil && r.matchNamed(n.re, n.names, host) {
			return n.srv
		}
	}
	return nil
}
