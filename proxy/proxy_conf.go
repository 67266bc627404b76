package proxy

import (
	"errors"
	"net"
	"strings"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/http1"
	"huidu/proxy/upstream"
)

// proxyConf is ngx_http_proxy_module's part of a location, compiled: what
// does not depend on the request is text already.
type proxyConf struct {
	pass  *nginxconf.ProxyPass
	group *upstream.Group // nil when the URL holds variables
	url   value           // with variables
	vars  proxyVars       // of a URL without variables

	location  string // the prefix that the URL's URI replaces
	method    *value
	setBody   *value
	headers   []sentHeader
	exclude   headerSet    // names of the client's headers that are not passed
	fastcgi   *fastcgiConf // of fastcgi_pass
	cache     *cacheConf   // proxy_cache; nil: off
	http11    bool
	passBody  bool
	passHead  bool
	buffering bool
	reqBuf    bool

	hide      headerSet
	ignore    [headerIDs]bool
	redirects []proxyRewrite
	cookies   *cookieRewrite

	bufferSize  int
	bufsSize    int // proxy_buffers in all
	bodyRead    int // size of one read of a body
	maxTemp     int64
	tempDir     string
	limitRate   *value
	intercept   bool
	ignoreAbort bool
	forceRanges bool
	earlyHints  []value

	connectTimeout, sendTimeout, readTimeout time.Duration

	next        nginxconf.NextUpstream
	nextTries   int
	nextTimeout time.Duration

	socketKeepalive bool
	bind            *value
	transparent     bool
	ssl             *proxyTLS
	store           *value
	storeOn         bool
	storeAccess     string
	fallback        *fallback // the request goes as the client sent it
}

// proxyVars is what proxy_pass's URL says.
type proxyVars struct {
	tls        bool
	schema     string // "http://"
	hostHeader string // $proxy_host
	port       string // $proxy_port
	uri        string // URI part with its leading "/", "" for none
}

// headerIDs is more than there are known headers.
const headerIDs = 128

// headerSet is a set of header names, quick to ask for known ones.
type headerSet struct {
	known [headerIDs]bool
	other []string
}

func (s *headerSet) add(name string) {
	if id := http1.LookupHeader(name); id != http1.HeaderOther {
		s.known[id] = true
		return
	}
	s.other = append(s.other, name)
}

func (s *headerSet) del(name string) {
	if id := http1.LookupHeader(name); id != http1.HeaderOther {
		s.known[id] = false
	}
	for i, o := range s.other {
		if http1.EqualFold(o, name) {
			s.other = append(s.other[:i:i], s.other[i+1:]...)
			return
		}
	}
}

func (s *headerSet) has(h *http1.Header) bool {
	if h.ID != http1.HeaderOther {
		return s.known[h.ID]
	}
	for _, o := range s.other {
		if len(o) == len(h.Key) && http1.EqualFold(o, h.Key) {
			return true
		}
	}
	return false
}

// sentHeader is a piece of the request header: fixed text, then perhaps one
// line whose value is computed and which is left out when it is empty.
type sentHeader struct {
	fixed string
	name  string // "Name: "; "" when only fixed text is left
	kind  sentHeaderKind
	value value
}

type sentHeaderKind uint8

const (
	headerValue sentHeaderKind = iota
	headerHost
	headerLength
	headerChunked
	headerCacheModified // of the stale response that is asked for again
	headerCacheETag
)

// defaultHeader is a header that nginx sets or drops by itself.
type defaultHeader struct {
	name string
	kind sentHeaderKind
	drop bool
}

// proxyDefaultHeaders are the headers that nginx sets or drops by itself.
var proxyDefaultHeaders = []defaultHeader{
	{name: "Host", kind: headerHost},
	{name: "Connection", drop: true},
	{name: "Content-Length", kind: headerLength},
	{name: "Transfer-Encoding", kind: headerChunked},
	{name: "TE", drop: true},
	{name: "Keep-Alive", drop: true},
	{name: "Expect", drop: true},
	{name: "Upgrade", drop: true},
}

// proxyHideHeaders are the response headers that are not passed unless
// proxy_pass_header says so.
var proxyHideHeaders = []string{"Date", "Server", "X-Pad", "X-Accel-Expires", "X-Accel-Redirect",
	"X-Accel-Limit-Rate", "X-Accel-Buffering", "X-Accel-Charset"}

// compileProxy compiles proxy_pass of a location and makes it the handler.
//
// See: https://nginx.org/en/docs/http/ngx_http_proxy_module.html
func compileProxy(c *compiler, loc *location, l *nginxconf.Location) error {
	pc := l.Loc.Proxy
	if l.Loc.Core.Handler != nginxconf.HandlerProxyPass || pc.Pass == nil {
		return nil
	}
	p := &proxyConf{http11: pc.HTTPVersion.V != "1.0"}
	p.compileCommon(pc, loc)
	if err := p.compileCache(c, pc, "proxy_temp"); err != nil {
		return err
	}
	if err := p.compileURL(c, pc.Pass); err != nil {
		return err
	}
	for _, step := range []func(*compiler, *nginxconf.ProxyLoc, *nginxconf.Location) error{
		p.compileHeaders, p.compileValues, p.compileRedirects, p.compileCookies, p.compileTLS,
	} {
		if err := step(c, pc, l); err != nil {
			return err
		}
	}
	p.compileHidden(pc, proxyHideHeaders)
	loc.autoRedirect = slashRedirect(loc, l)
	if f := c.rt.fallback; f != nil && pc == f.loc.Loc.Proxy {
		p.fallback = f
	}
	loc.proxy = p
	loc.handler = proxyPass
	return nil
}

// slashRedirect tells whether a request for the location's name without its
// final slash is redirected.
func slashRedirect(loc *location, l *nginxconf.Location) bool {
	return strings.HasSuffix(loc.name, "/") && (l.Kind == nginxconf.LocPrefix || l.Kind == nginxconf.LocExact || l.Kind == nginxconf.LocNoRegex)
}

// compileCommon takes over what all modules that pass requests on have.
func (p *proxyConf) compileCommon(pc *nginxconf.ProxyLoc, loc *location) {
	p.pass, p.location = pc.Pass, loc.name
	p.passBody, p.passHead = pc.PassRequestBody.V, pc.PassRequestHeaders.V
	p.buffering, p.reqBuf = pc.Buffering.V, pc.RequestBuffering.V
	p.bufferSize, p.bufsSize = int(pc.BufferSize.V), pc.Buffers.V.Num*int(pc.Buffers.V.Size)
	p.maxTemp, p.tempDir = pc.MaxTempFileSize.V, pc.TempPath.V
	p.intercept, p.ignoreAbort, p.forceRanges = pc.InterceptErrors.V, pc.IgnoreClientAbort.V, pc.ForceRanges.V
	p.connectTimeout, p.sendTimeout, p.readTimeout = pc.ConnectTimeout.V, pc.SendTimeout.V, pc.ReadTimeout.V
	p.next, p.nextTries, p.nextTimeout = pc.NextUpstream.V, pc.NextUpstreamTries.V, pc.NextUpstreamTimeout.V
	p.socketKeepalive, p.transparent = pc.SocketKeepalive.V, pc.BindTransparent
	p.storeAccess = pc.StoreAccess.V
	p.bodyRead = min(max(p.bufsSize, p.bufferSize), 64<<10)
}

// compileHidden finds out which response headers are not passed on, and which
// are not obeyed.
func (p *proxyConf) compileHidden(pc *nginxconf.ProxyLoc, hidden []string) {
	for _, h := range hidden {
		p.hide.add(h)
	}
	for _, h := range pc.HideHeaders.V {
		p.hide.add(h)
	}
	for _, h := range pc.PassHeaders.V {
		p.hide.del(h)
	}
	for _, h := range pc.IgnoreHeaders.V {
		if id := http1.LookupHeader(h); id != http1.HeaderOther {
			p.ignore[id] = true
		}
	}
}

func (p *proxyConf) compileURL(c *compiler, pass *nginxconf.ProxyPass) error {
	if pass.HasVars {
		var err error
		p.url, err = c.value(pass.URL, pass.Pos)
		return err
	}
	p.vars = proxyVars{tls: pass.Scheme == "https", schema: pass.Scheme + "://", uri: pass.URI}
	p.vars.hostHeader, p.vars.port = hostHeader(pass.Host, p.vars.tls)
	p.group = c.rt.groupOf[pass.Upstream]
	if p.group == nil {
		return errAt(pass.Pos, "no upstream for \"%s\"", pass.URL.Text)
	}
	return nil
}

// hostHeader is $proxy_host and $proxy_port for an authority: the port is
// left out when it is the scheme's own.
func hostHeader(host string, tls bool) (header, port string) {
	if strings.HasPrefix(host, "unix:") {
		return "localhost", ""
	}
	own := "80"
	if tls {
		own = "443"
	}
	name, p, found := splitPort(host)
	if !found || p == own {
		return name, own
	}
	return host, p
}

// splitPort parts "host:port"; an IPv6 address keeps its brackets.
func splitPort(host string) (name, port string, found bool) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.IndexByte(host[i:], ']') >= 0 {
		return host, "", false
	}
	return host[:i], host[i+1:], true
}

// compileHeaders lays out the request header in nginx's order: what
// proxy_set_header sets, then the defaults that it did not mention.
func (p *proxyConf) compileHeaders(c *compiler, pc *nginxconf.ProxyLoc, _ *nginxconf.Location) (err error) {
	if p.headers, err = p.layHeaders(c, pc, proxyDefaultHeaders, &p.exclude); err == nil && p.cache != nil {
		p.cache.headers, err = p.layHeaders(c, pc, cacheDefaultHeaders, &p.cache.exclude)
	}
	return err
}

func (p *proxyConf) layHeaders(c *compiler, pc *nginxconf.ProxyLoc, defaults []defaultHeader, exclude *headerSet) ([]sentHeader, error) {
	var headers []sentHeader
	var cur sentHeader
	flush := func() {
		headers = append(headers, cur)
		cur = sentHeader{}
	}
	set := map[string]bool{}
	for _, h := range pc.SetHeaders.V {
		set[strings.ToLower(h.Name)] = true
		exclude.add(h.Name)
		v, err := c.value(h.Value, h.Pos)
		if err != nil {
			return nil, err
		}
		if v.isLiteral() {
			if v.lit != "" {
				cur.fixed += h.Name + ": " + v.lit + "\r\n"
			}
			continue
		}
		cur.name, cur.value = h.Name+": ", v
		flush()
	}
	for _, d := range defaults {
		if set[strings.ToLower(d.name)] {
			continue
		}
		exclude.add(d.name)
		switch {
		case d.drop:
		case d.kind == headerHost && !p.pass.HasVars:
			cur.fixed += "Host: " + p.vars.hostHeader + "\r\n"
		default:
			cur.name, cur.kind = d.name+": ", d.kind
			flush()
		}
	}
	if cur.fixed != "" {
		flush()
	}
	return headers, nil
}

func (p *proxyConf) compileValues(c *compiler, pc *nginxconf.ProxyLoc, l *nginxconf.Location) error {
	var errs []error
	ptr := func(o nginxconf.Opt[*nginxconf.Value]) *value {
		v, err := c.valuePtr(o.V, o.Pos)
		errs = append(errs, err)
		return v
	}
	p.method, p.setBody, p.bind, p.store = ptr(pc.Method), ptr(pc.SetBody), ptr(pc.Bind), ptr(pc.Store)
	if p.store != nil && p.store.isLiteral() && p.store.lit == "on" {
		p.store, p.storeOn = nil, true
	}
	if t := pc.LimitRate.V.Text; t != "" && t != "0" {
		v, err := c.value(pc.LimitRate.V, pc.LimitRate.Pos)
		p.limitRate = &v
		errs = append(errs, err)
	}
	for _, h := range l.Loc.Core.EarlyHints.V {
		v, err := c.value(h, l.Loc.Core.EarlyHints.Pos)
		p.earlyHints = append(p.earlyHints, v)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// bindAddr is the local address that proxy_bind wants; nil: any.
func (p *proxyConf) bindAddr(r *Request) (net.Addr, string, error) {
	if p.bind == nil {
		return nil, "", nil
	}
	text := p.bind.eval(r)
	if text == "" {
		return nil, "", nil
	}
	host, port, found := splitPort(text)
	if !found {
		port = "0"
	}
	a, valid := upstream.Literal(host)
	if !valid {
		return nil, text, errors.New("invalid local address \"" + text + "\"")
	}
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(a.String(), port))
	return addr, strings.Clone(text), err
}
