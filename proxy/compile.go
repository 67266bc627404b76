package proxy

import (
	"fmt"
	"net/netip"
	"strings"

	"huidu/luacompat"
	"huidu/luacompat/pcre"
	"huidu/nginxconf"
)

// Compile turns a configuration into a Router: every name resolved, every
// regular expression and script compiled. It opens no listener. An error
// carries nginx's words and place.
func Compile(cfg *nginxconf.Config, opts *Options) (rt *Router, err error) {
	rt = &Router{cfg: cfg, opts: opts, vars: newVarTable(), warnUninitialized: true}
	rt.logs = opts.logs
	defer func() {
		if err != nil {
			rt.close()
			rt = nil
		}
	}()
	if !rt.logs.discard {
		if err = createPaths(cfg); err != nil {
			return rt, err
		}
	}
	if rt.errorLog, err = rt.logs.errorLog(cfg.Main.ErrorLog, cfg.Prefix, opts.ErrorLogPath); err != nil {
		return rt, err
	}
	if cfg.HTTP == nil {
		return rt, nil
	}
	c := &compiler{rt: rt, http: cfg.HTTP}
	rt.closers = append(rt.closers, rt.varLogs.close)
	for _, step := range []func() error{c.declareVars, c.fallback, c.upstreams, c.zones, c.cacheZones, c.luaRuntime, c.balancerScripts, c.httpLevel, c.servers, c.listens, c.luaScripts} {
		if err := step(); err != nil {
			return rt, err
		}
	}
	return rt, nil
}

// compiler is the one pass over a configuration.
type compiler struct {
	rt         *Router
	http       *nginxconf.HTTP
	srvs       []*virtualServer
	regexes    map[string]*pcre.Regex
	pages      map[string]specialPages
	srv        *virtualServer
	tlsServers map[*virtualServer]*serverTLS
	luaConfs   map[luaConfKey]*luacompat.LocationConf
	logs       map[string]*accessLog
	formats    map[*nginxconf.LogFormat]*logFormat

	sessionZones map[string]*sessionCache
	ocspZones    map[string]*ocspCache
}

// errAt puts a place behind an error, as nginx does.
func errAt(pos nginxconf.Pos, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if pos.File == "" {
		return fmt.Errorf("%s", msg)
	}
	return fmt.Errorf("%s in %s:%d", msg, pos.File, pos.Line)
}

// regex compiles an expression once per configuration.
func (c *compiler) regex(re *nginxconf.Regex) (*pcre.Regex, error) {
	key := re.Pattern
	var flags pcre.Flags
	if re.NoCase {
		key, flags = "i"+key, pcre.Caseless
	} else {
		key = "s" + key
	}
	if got := c.regexes[key]; got != nil {
		return got, nil
	}
	got, err := pcre.Compile(re.Pattern, flags)
	if err != nil {
		return nil, errAt(re.Pos, "%v", err)
	}
	if c.regexes == nil {
		c.regexes = map[string]*pcre.Regex{}
	}
	c.regexes[key] = got
	return got, nil
}

// value compiles a complex value with its place for the error.
func (c *compiler) value(v nginxconf.Value, pos nginxconf.Pos) (value, error) {
	out, err := c.rt.compileValue(v)
	if err != nil {
		return value{}, errAt(pos, "%v", err)
	}
	return out, nil
}

func (c *compiler) valuePtr(v *nginxconf.Value, pos nginxconf.Pos) (*value, error) {
	if v == nil {
		return nil, nil
	}
	out, err := c.value(*v, pos)
	return &out, err
}

// servers compiles every server block with its locations.
func (c *compiler) servers() error {
	for _, s := range c.http.Servers {
		srv, err := c.server(s)
		if err != nil {
			return err
		}
		c.srvs = append(c.srvs, srv)
	}
	return nil
}

func (c *compiler) server(s *nginxconf.Server) (*virtualServer, error) {
	srv := &virtualServer{conf: s}
	c.srv = srv
	if len(s.Names) > 0 {
		srv.name = serverNameText(s.Names[0])
	}
	sc := s.Srv
	srv.head = headLimits{
		headerTimeout: sc.ClientHeaderTimeout.V, bufferSize: int(sc.ClientHeaderBufferSize.V),
		large: sc.LargeClientHeaderBuffers.V, ignoreInvalid: sc.IgnoreInvalidHeaders.V,
		underscores: sc.UnderscoresInHeaders.V, mergeSlashes: sc.MergeSlashes.V, maxHeaders: sc.MaxHeaders.V,
	}
	whole, err := c.divertServer(srv)
	if err != nil {
		return nil, err
	}
	if whole {
		return srv, compileServerRealIP(c, srv)
	}
	if srv.loc, err = c.location(&nginxconf.Location{Pos: s.Pos, Loc: s.Loc, Rewrite: nil}, nil); err != nil {
		return nil, err
	}
	if srv.tree, err = c.tree(s.Locations, true); err != nil {
		return nil, err
	}
	if srv.rewrite, err = c.rewriteOps(s.Rewrite, srv.loc); err != nil {
		return nil, err
	}
	for _, m := range srvModules {
		if err := m(c, srv); err != nil {
			return nil, err
		}
	}
	return srv, nil
}

// tree compiles the locations of one level. Named locations exist only at a
// server's own level.
func (c *compiler) tree(locs []*nginxconf.Location, top bool) (*locTree, error) {
	if len(locs) == 0 {
		if top {
			return &locTree{named: map[string]*location{}}, nil
		}
		return nil, nil
	}
	t := &locTree{}
	if top {
		t.named = map[string]*location{}
	}
	for _, l := range locs {
		compile := c.location
		if l.Diverted != nil {
			compile = func(l *nginxconf.Location, _ *location) (*location, error) { return c.diverted(l) }
		}
		loc, err := compile(l, nil)
		if err != nil {
			return nil, err
		}
		if err := c.plant(t, l, loc); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// plant puts a location where requests find it.
func (c *compiler) plant(t *locTree, l *nginxconf.Location, loc *location) error {
	switch l.Kind {
	case nginxconf.LocNamed:
		t.named[l.Name] = loc
	case nginxconf.LocRegex, nginxconf.LocRegexNoCase:
		re, err := c.regex(l.Regex)
		if err != nil {
			return err
		}
		t.regex = append(t.regex, regexLoc{re: re, loc: loc, names: c.namedCaptures(re)})
	default:
		if t.root == nil {
			t.root = &trieNode{}
		}
		n := t.root.insert(l.Name)
		if l.Kind == nginxconf.LocExact {
			n.exact = loc
		} else {
			n.prefix = loc
		}
	}
	return nil
}

// location compiles one location-like block. parent is set for if and
// limit_except blocks, whose place in the URI space is their parent's.
func (c *compiler) location(l *nginxconf.Location, parent *location) (*location, error) {
	loc := &location{conf: l.Loc, pos: l.Pos, kind: l.Kind, name: l.Name, rt: c.rt, module: map[string]any{}}
	if parent != nil {
		loc.name, loc.kids, loc.rewriteLog = parent.name, parent.kids, parent.rewriteLog
		loc.noRegex = parent.noRegex
	}
	loc.noRegex = loc.noRegex || l.Kind == nginxconf.LocNoRegex
	if err := c.core(loc, l, parent); err != nil {
		return nil, err
	}
	for _, m := range locModules {
		if err := m(c, loc, l); err != nil {
			return nil, err
		}
	}
	if l.Kind == nginxconf.LocIf && parent != nil && loc.handler == nil && parent.luaContent {
		loc.handler, loc.luaContent = parent.handler, true // content_by_lua goes on inside an if
	}
	if c.traces() {
		loc.order.traceHandlers(l.Pos)
	}
	loc.order.settle(loc)
	kids, err := c.tree(l.Locations, false)
	if err != nil {
		return nil, err
	}
	if kids != nil {
		loc.kids = kids
	}
	if err := c.limitExcept(loc, l); err != nil {
		return nil, err
	}
	if loc.rewrite, err = c.rewriteOps(l.Rewrite, loc); err != nil {
		return nil, err
	}
	return loc, nil
}

// core compiles what ngx_http_core_module needs of a location.
func (c *compiler) core(loc *location, l *nginxconf.Location, parent *location) error {
	k := l.Loc.Core
	var err error
	if loc.root, err = c.value(k.Root.V, k.Root.Pos); err != nil {
		return err
	}
	if k.Root.V.Text == "" {
		loc.root = literal(c.rt.cfg.Prefix + "html")
	}
	if loc.alias, err = c.valuePtr(k.Alias.V, k.Alias.Pos); err != nil {
		return err
	}
	loc.aliasPrefix = len(loc.name)
	if of := k.AliasLocation; of != nil && of.Kind != nginxconf.LocIf && of.Kind != nginxconf.LocLimitExcept { // an inherited alias
		loc.aliasPrefix = len(of.Name)
	}
	loc.aliasCapture = l.Kind == nginxconf.LocRegex || l.Kind == nginxconf.LocRegexNoCase || l.Kind == nginxconf.LocNamed ||
		parent != nil && parent.aliasCapture
	if of := k.AliasLocation; of != nil && of.Kind != nginxconf.LocIf && of.Kind != nginxconf.LocLimitExcept {
		loc.aliasCapture = of.Kind == nginxconf.LocRegex || of.Kind == nginxconf.LocRegexNoCase
	}
	c.rt.resolverOf(k.Resolver.V, k.ResolverTimeout.V)
	loc.internal = k.Internal.V
	loc.defaultType, loc.types = k.DefaultType.V, k.Types.V
	loc.recursiveErrorPages = k.RecursiveErrorPages.V
	loc.satisfyAny = k.Satisfy.V == "any"
	for _, p := range k.ErrorPages.V {
		uri, err := c.value(p.URI, p.Pos)
		if err != nil {
			return err
		}
		loc.errorPages = append(loc.errorPages, errorPageRule{codes: p.Codes, response: p.Response, uri: uri})
	}
	loc.pages, loc.serverHeader = c.tokens(k.ServerTokens.V)
	loc.msiePadding = k.MSIEPadding.V
	loc.clientMaxBodySize, loc.bodyBufferSize, loc.bodyTimeout = k.ClientMaxBodySize.V, k.ClientBodyBufferSize.V, k.ClientBodyTimeout.V
	loc.sendTimeout = k.SendTimeout.V
	loc.keepaliveTimeout, loc.keepaliveHeader = k.KeepaliveTimeout.V, k.KeepaliveHeader.V
	loc.keepaliveRequests, loc.keepaliveTime = k.KeepaliveRequests.V, k.KeepaliveTime.V
	if loc.limitRate, err = c.value(k.LimitRate.V, k.LimitRate.Pos); err != nil {
		return err
	}
	if loc.limitRateAfter, err = c.value(k.LimitRateAfter.V, k.LimitRateAfter.Pos); err != nil {
		return err
	}
	loc.limitsRate = k.LimitRate.V.Text != "" && k.LimitRate.V.Text != "0"
	loc.etag, loc.logNotFound, loc.logSubrequest = k.ETag.V, k.LogNotFound.V, k.LogSubrequest.V
	loc.errorLog = c.rt.errorLog
	if len(k.ErrorLog.V) > 0 {
		loc.errorLog, err = c.rt.logs.errorLog(k.ErrorLog.V, c.rt.cfg.Prefix, "")
	}
	return err
}

// tokens gives the pages and the Server header of a server_tokens setting.
func (c *compiler) tokens(setting string) (specialPages, string) {
	product := "nginx/" + Version
	if setting == "off" {
		product = "nginx"
	}
	if c.pages == nil {
		c.pages = map[string]specialPages{}
	}
	if c.pages[product] == nil {
		c.pages[product] = makeSpecialPages(specialTail(product))
	}
	return c.pages[product], "Server: " + product + "\r\n"
}

// listens groups the servers by the sockets they listen on.
//
// See: ngx_http_optimize_servers.
func (c *compiler) listens() error {
	byKey := map[string]*addrConf{}
	var order []*addrListen
	for i, s := range c.http.Servers {
		for _, l := range s.Listens {
			key := l.Network + " " + l.Address
			a := byKey[key]
			if a == nil {
				a = &addrConf{}
				if !l.Wildcard && l.Network != "unix" {
					if ap, err := netip.ParseAddrPort(l.Address); err == nil {
						a.addr = ap.Addr().Unmap()
					}
				}
				byKey[key] = a
				order = append(order, &addrListen{conf: a, listen: l})
			}
			a.ssl, a.http2, a.proxyProtocol = a.ssl || l.SSL, a.http2 || l.HTTP2 || s.Srv.HTTP2.V, a.proxyProtocol || l.ProxyProtocol
			a.http2Always = a.http2Always || l.HTTP2
			a.servers = append(a.servers, c.srvs[i])
			if a.defaultServer == nil || l.Default {
				a.defaultServer = c.srvs[i]
			}
			if o := find(order, a); o != nil && (l.Default || l.Bind) {
				o.listen = l
			}
		}
	}
	sockets := map[string]*socketConf{}
	for _, o := range order {
		if err := c.names(o.conf); err != nil {
			return err
		}
		if err := c.tlsFor(o.conf); err != nil {
			return err
		}
		if o.listen.Wildcard || o.listen.Network == "unix" {
			s := &socketConf{network: o.listen.Network, address: o.listen.Address, listen: o.listen, wildcard: o.conf}
			sockets[o.listen.Network+" "+portOf(o.listen)] = s
			c.rt.sockets = append(c.rt.sockets, s)
		}
	}
	for _, o := range order {
		if o.listen.Wildcard || o.listen.Network == "unix" {
			continue
		}
		if s := sockets[o.listen.Network+" "+portOf(o.listen)]; s != nil && !o.listen.Bind {
			s.addrs = append(s.addrs, o.conf)
			continue
		}
		c.rt.sockets = append(c.rt.sockets, &socketConf{network: o.listen.Network, address: o.listen.Address, listen: o.listen, wildcard: o.conf})
	}
	return nil
}

type addrListen struct {
	conf   *addrConf
	listen nginxconf.Listen
}

func find(list []*addrListen, a *addrConf) *addrListen {
	for _, o := range list {
		if o.conf == a {
			return o
		}
	}
	return nil
}

func portOf(l nginxconf.Listen) string {
	if l.Network == "unix" {
		return l.Address
	}
	return l.Address[strings.LastIndexByte(l.Address, ':')+1:]
}

// names builds an address's table of server names.
func (c *compiler) names(a *addrConf) error {
	t := &nameTable{exact: map[string]*virtualServer{}, head: map[string]*virtualServer{}, tail: map[string]*virtualServer{}}
	for _, s := range a.servers {
		for _, n := range s.conf.Names {
			conflict := func(m map[string]*virtualServer, key string) {
				if m[key] != nil && m[key] != s {
					c.rt.logf(logWarn, "conflicting server name \"%s\" on %s, ignored", serverNameText(n), s.conf.Listens[0].Address)
				} else {
					m[key] = s
				}
			}
			switch n.Kind {
			case nginxconf.NameExact:
				conflict(t.exact, n.Name)
				t.hasEmpty = t.hasEmpty || n.Name == ""
			case nginxconf.NameDot:
				bare := strings.TrimPrefix(n.Name, ".")
				conflict(t.exact, bare)
				conflict(t.head, "."+bare)
			case nginxconf.NameWildHead:
				conflict(t.head, strings.TrimPrefix(n.Name, "*"))
			case nginxconf.NameWildTail:
				conflict(t.tail, strings.TrimSuffix(n.Name, "*"))
			case nginxconf.NameRegex:
				re, err := c.regex(n.Regex)
				if err != nil {
					return err
				}
				t.regex = append(t.regex, regexName{re: re, srv: s, names: c.namedCaptures(re)})
			}
		}
	}
	if len(a.servers) > 1 || len(t.regex) > 0 {
		a.names = t
	}
	return nil
}

// serverNameText is a server name as it was written.
func serverNameText(n nginxconf.ServerName) string {
	if n.Regex != nil {
		return "~" + n.Regex.Pattern
	}
	return n.Name
}
