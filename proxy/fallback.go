package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"huidu/nginxconf"
)

// Fallback is the gateway that huidu stands in for, which goes on serving what
// huidu does not: diverted locations and servers (nginxconf.Diversion), and
// what Only leaves out. Requests are passed to it as clients sent them.
type Fallback struct {
	URL    string           // "http://host:port", "https://host:port" or "unix:/path"
	Client FallbackClient   // how it learns the client's address
	Header string           // for FallbackHeader; "" for FallbackAddrHeader
	Only   []FallbackPrefix // what huidu serves itself; nil: all that it can
}

// FallbackClient says how the fallback learns the address of a client.
type FallbackClient uint8

// The ways. A header of our own, rather than X-Real-IP or X-Forwarded-For,
// leaves those as they came to scripts that look into them.
const (
	FallbackHeader FallbackClient = iota // a header: real_ip_header X-Huidu-Addr
	FallbackProxy                        // the PROXY protocol: no connection is kept
	FallbackNone
)

// FallbackAddrHeader is the header of FallbackHeader when none is named.
const FallbackAddrHeader = "X-Huidu-Addr"

// fallbackVia is the header by which a request that comes back is known.
const fallbackVia = "X-Huidu-Via"

// FallbackPrefix is a path that huidu serves itself: like a prefix location,
// or like an exact one.
type FallbackPrefix struct {
	Path  string
	Exact bool
}

// ParseFallback checks an address given on the command line.
func ParseFallback(url string) (*Fallback, error) {
	if path, isUnix := strings.CutPrefix(url, "unix:"); isUnix && strings.HasPrefix(path, "/") {
		return &Fallback{URL: url}, nil
	}
	rest, isHTTP := strings.CutPrefix(url, "http://")
	if !isHTTP {
		var isTLS bool
		if rest, isTLS = strings.CutPrefix(url, "https://"); !isTLS {
			return nil, fmt.Errorf("want http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH, not %q", url)
		}
	}
	rest = strings.TrimSuffix(rest, "/")
	if host, port, found := splitPort(rest); rest == "" || host == "" || strings.ContainsAny(rest, "/?#$ ;{}\"'@") || found && !validPort(port) {
		return nil, fmt.Errorf("%q is no address of a gateway: want scheme, host and port alone", url)
	}
	return &Fallback{URL: strings.TrimSuffix(url, "/")}, nil
}

func validPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n > 0 && n < 65536
}

// ParseOnly reads a list of paths, "/test,=/exact".
func ParseOnly(list string) ([]FallbackPrefix, error) {
	var out []FallbackPrefix
	for _, path := range strings.Split(list, ",") {
		p := FallbackPrefix{Path: strings.TrimSpace(path)}
		p.Path, p.Exact = strings.CutPrefix(p.Path, "=")
		if !strings.HasPrefix(p.Path, "/") {
			return nil, fmt.Errorf("want paths like /test,/api (or =/exact), not %q", list)
		}
		out = append(out, p)
	}
	return out, nil
}

// Serves tells whether huidu itself serves a decoded path, as far as Only goes.
func (f *Fallback) Serves(uri string) bool {
	for _, p := range f.Only {
		if uri == p.Path || !p.Exact && strings.HasPrefix(uri, p.Path) {
			return true
		}
	}
	return len(f.Only) == 0
}

// fallback is a Fallback made ready.
type fallback struct {
	*Fallback
	loc       *nginxconf.Location // what diverted locations become
	upstreams []*nginxconf.Upstream
	token     string // of this process
	authority string // "host:port" as its redirects name it; "" when it has no port of its own
	addr      string // header with the client's address, lower case; "" none
}

// newFallbackToken is what a process marks its requests with.
func newFallbackToken() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// fallbackConf is the configuration of a location that passes everything on
// untouched, in nginx's own terms. Time limits are the fallback's business.
const fallbackConf = `events {}
http {
    upstream huidu_fallback { server %s max_fails=0; keepalive %d; }
    server {
        listen unix:/unused;
        location / {
            proxy_pass %s://huidu_fallback;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_redirect off;
            proxy_next_upstream off;
            proxy_connect_timeout 10s;
            proxy_send_timeout 1d;
            proxy_read_timeout 1d;
            proxy_buffer_size 64k;
            proxy_buffers 8 64k;
            proxy_busy_buffers_size 128k;
            proxy_ssl_server_name on;
            proxy_ssl_name $host;
            proxy_pass_header Server;
            proxy_pass_header Date;
            proxy_pass_header X-Pad;
            proxy_pass_header X-Accel-Expires;
            proxy_pass_header X-Accel-Redirect;
            proxy_pass_header X-Accel-Limit-Rate;
            proxy_pass_header X-Accel-Buffering;
            proxy_pass_header X-Accel-Charset;
            proxy_ignore_headers X-Accel-Expires X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
            client_max_body_size 0;
        }
    }
}
`

// fallback makes the configuration's fallback ready.
func (c *compiler) fallback() error {
	conf := c.rt.opts.Fallback
	if conf == nil {
		return nil
	}
	f := &fallback{Fallback: conf, token: c.rt.opts.fallbackToken}
	scheme, server := "http", conf.URL
	if s, rest, found := strings.Cut(conf.URL, "://"); found {
		scheme, server = s, rest
		_, port, hasPort := splitPort(rest)
		if !hasPort {
			server += pick(scheme == "https", ":443", ":80")
		} else if port != pick(scheme == "https", "443", "80") {
			f.authority = port
		}
	}
	keep := 64
	switch conf.Client {
	case FallbackProxy:
		keep = 0 // the header is the connection's, and so is the client
	case FallbackHeader:
		f.addr = conf.Header
		if f.addr == "" {
			f.addr = FallbackAddrHeader
		}
	}
	files := nginxconf.MapFiles{"/conf/nginx.conf": fmt.Sprintf(fallbackConf, server, keep, scheme)}
	cfg, diags := nginxconf.Load(files, "/conf/nginx.conf", nginxconf.Options{Prefix: c.rt.cfg.Prefix})
	if cfg == nil {
		return fmt.Errorf("fallback %s: %w", conf.URL, diags.Err())
	}
	f.loc, f.upstreams = cfg.HTTP.Servers[0].Locations[0], cfg.HTTP.Upstreams
	c.rt.fallback = f
	return c.fallbackElsewhere(server)
}

// fallbackElsewhere refuses a fallback that is this gateway.
func (c *compiler) fallbackElsewhere(server string) error {
	for _, s := range c.http.Servers {
		for _, l := range s.Listens {
			if sameSocket(l, server) {
				return errAt(l.Pos, "the fallback %s is this gateway's own \"listen\"", c.rt.fallback.URL)
			}
		}
	}
	return nil
}

func sameSocket(l nginxconf.Listen, server string) bool {
	if path, isUnix := strings.CutPrefix(server, "unix:"); isUnix || l.Network == "unix" {
		return isUnix && l.Network == "unix" && l.Address == path
	}
	to, err := netip.ParseAddrPort(server)
	if host, port, found := splitPort(server); err != nil && found && host == "localhost" {
		to, err = netip.ParseAddrPort("127.0.0.1:" + port)
	}
	own, err2 := netip.ParseAddrPort(l.Address)
	if err != nil || err2 != nil || own.Port() != to.Port() {
		return false
	}
	if own.Addr() == to.Addr() {
		return true
	}
	return l.Wildcard && ownAddress(to.Addr())
}

// ownAddress tells whether an address is this machine's.
func ownAddress(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, i := range list {
		if p, err := netip.ParsePrefix(i.String()); err == nil && p.Addr() == a {
			return true
		}
	}
	return false
}

// diverted compiles a location that is left to the fallback. Only its place
// among the locations, its logs and how it deals with the client's connection
// are its own.
func (c *compiler) diverted(l *nginxconf.Location) (*location, error) {
	f := c.rt.fallback
	if f == nil {
		d := l.Diverted
		return nil, errAt(d.Pos, "%q is not supported: %s; there is no fallback", d.Directive, d.Reason)
	}
	conf, core, own := *f.loc.Loc, *f.loc.Loc.Core, l.Loc.Core
	core.ErrorLog, core.LogNotFound, core.LogSubrequest, core.ServerTokens = own.ErrorLog, own.LogNotFound, own.LogSubrequest, own.ServerTokens
	core.KeepaliveTimeout, core.KeepaliveHeader, core.KeepaliveRequests = own.KeepaliveTimeout, own.KeepaliveHeader, own.KeepaliveRequests
	core.KeepaliveTime, core.KeepaliveDisable = own.KeepaliveTime, own.KeepaliveDisable
	core.SendTimeout, core.ClientBodyTimeout = own.SendTimeout, own.ClientBodyTimeout
	core.LingeringClose, core.LingeringTime, core.LingeringTimeout = own.LingeringClose, own.LingeringTime, own.LingeringTimeout
	conf.Core, conf.Log = &core, l.Loc.Log
	loc, err := c.location(&nginxconf.Location{Pos: l.Pos, Kind: l.Kind, Name: l.Name, Regex: l.Regex, Loc: &conf, Locations: l.Locations}, nil)
	if err != nil {
		return nil, err
	}
	loc.internalAway = own.Internal.V
	loc.autoRedirect = loc.autoRedirect && (own.Handler == nginxconf.HandlerProxyPass || own.Handler == nginxconf.HandlerMemcached ||
		l.Diverted != nil && strings.HasSuffix(l.Diverted.Directive, "_pass"))
	return loc, nil
}

// divertServer gives a server the place that what is not served here goes to,
// and makes that all there is when the server itself is diverted.
func (c *compiler) divertServer(srv *virtualServer) (whole bool, err error) {
	s := srv.conf
	if c.rt.fallback == nil && s.Diverted == nil {
		return false, nil
	}
	if s.Diverted == nil && len(c.rt.fallback.Only) == 0 {
		return false, nil
	}
	srv.away, err = c.diverted(&nginxconf.Location{Pos: s.Pos, Loc: s.Loc, Diverted: s.Diverted})
	if err != nil || s.Diverted == nil {
		return false, err
	}
	srv.loc, srv.tree = srv.away, &locTree{named: map[string]*location{}}
	return true, nil
}
