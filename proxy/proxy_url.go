package proxy

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"huidu/proxy/http1"
	"huidu/proxy/upstream"
)

// evalURL evaluates a proxy_pass URL that holds variables.
//
// See: ngx_http_proxy_eval.
func (st *upstreamState) evalURL(r *Request) rc {
	url := strings.Clone(st.conf.url.eval(r))
	v := &st.vars
	switch {
	case len(url) > 7 && strings.EqualFold(url[:7], "http://"):
		v.schema = url[:7]
	case len(url) > 8 && strings.EqualFold(url[:8], "https://"):
		v.schema, v.tls = url[:8], true
	default:
		r.logf(logError, "invalid URL prefix in \"%s\"", url)
		return 500
	}
	rest := url[len(v.schema):]
	u, problem := parseUpstreamURL(rest)
	if problem != "" {
		r.logf(logError, "%s in upstream \"%s\"", problem, rest)
		return 500
	}
	v.uri = u.uri
	if strings.HasPrefix(v.uri, "?") {
		v.uri = "/" + v.uri
	}
	v.hostHeader, v.port = hostHeader(u.authority, v.tls)
	st.host = u.host
	return st.findGroup(r, u, pick(v.tls, "443", "80"))
}

// findGroup finds the upstream that a parsed address means: a named one, or
// one made of the address; without either, resolve looks the host up.
func (st *upstreamState) findGroup(r *Request, u upstreamURL, port string) rc {
	if g := r.rt.groupFor(u.host, u.port); g != nil {
		st.group = g
		return ok
	}
	if u.port != "" {
		port = u.port
	}
	if u.unix != "" {
		st.group = upstream.NewResolved(u.host, []string{"unix:" + u.unix}, r.rt.groupOptions())
		return ok
	}
	if a, literal := upstream.Literal(u.host); literal {
		if port == "0" {
			r.logf(logError, "no port in upstream \"%s\"", u.host)
			return 500
		}
		addr := r.rt.mapAddr(upstream.JoinAddr(a, port))
		st.group = upstream.NewResolved(u.host, []string{addr}, r.rt.groupOptions())
		return ok
	}
	st.vars.port = port
	return ok // resolve finds the addresses
}

// upstreamURL is a parsed "host:port/uri" or "unix:/path:/uri".
type upstreamURL struct {
	authority, host, port, uri, unix string
}

// parseUpstreamURL is ngx_parse_url for proxy_pass; problem is nginx's word
// for what is wrong.
func parseUpstreamURL(s string) (u upstreamURL, problem string) {
	if len(s) >= 5 && strings.EqualFold(s[:5], "unix:") {
		path := s[5:]
		if i := strings.IndexByte(path, ':'); i >= 0 {
			path, u.uri = path[:i], path[i+1:]
		}
		if path == "" {
			return u, "no path in the unix domain socket"
		}
		if len(path) > 107 {
			return u, "too long path in the unix domain socket"
		}
		u.unix, u.host, u.authority = path, "unix:"+path, "unix:"+path
		return u, ""
	}
	end := len(s)
	start := 0
	if strings.HasPrefix(s, "[") {
		if start = strings.IndexByte(s, ']'); start < 0 {
			return u, "invalid host"
		}
	}
	if i := strings.IndexAny(s[start:], "/?"); i >= 0 {
		end = start + i
	}
	u.authority, u.uri = s[:end], s[end:]
	host, port, found := splitPort(u.authority)
	if found {
		n, err := strconv.ParseUint(port, 10, 32)
		if err != nil || n < 1 || n > 65535 {
			return u, "invalid port"
		}
		u.port = port
	}
	if host == "" {
		return u, "no host"
	}
	u.host = host
	return u, ""
}

// resolve finds the addresses of a host name with the location's resolver.
//
// See: ngx_http_upstream_resolve_handler.
func (st *upstreamState) resolve(r *Request) rc {
	res := r.resolver()
	if res == nil {
		r.logf(logError, "no resolver defined to resolve %s", st.host)
		return 502
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	st.mu.Lock()
	st.cancel = cancel
	st.mu.Unlock()
	addrs, err := res.Lookup(ctx, st.host)
	st.mu.Lock()
	st.cancel = nil
	st.mu.Unlock()
	if err != nil {
		if st.gone.Load() {
			return st.clientGone(r, "resolving upstream")
		}
		var re *upstream.ResolveError
		if !errors.As(err, &re) {
			r.logf(logError, "%v", err)
			return 502
		}
		r.logf(logError, "%s", re.Error())
		return 502
	}
	port := st.vars.port
	list := make([]string, 0, len(addrs))
	for _, a := range addrs {
		list = append(list, r.rt.mapAddr(net.JoinHostPort(a.String(), port)))
	}
	st.group = upstream.NewResolved(st.host, list, r.rt.groupOptions())
	return ok
}

// appendURI appends the URI of the upstream request.
//
// See: ngx_http_proxy_create_request and proxy_pass in the manual.
func (st *upstreamState) appendURI(b []byte, r *Request) []byte {
	uri := st.vars.uri
	if st.conf.pass.HasVars && uri != "" {
		return append(b, uri...)
	}
	if uri == "" && r.validURI {
		return append(b, r.unparsedURI...)
	}
	from := 0
	if !r.noLocation {
		if uri != "" {
			from = min(len(st.conf.location), len(r.uri))
		}
		b = append(b, uri...)
	}
	if r.head.QuotedURI || r.internal {
		b = http1.EscapeURI(b, r.uri[from:], http1.EscapePath)
	} else {
		b = append(b, r.uri[from:]...)
	}
	if r.args != "" {
		b = append(b, '?')
		b = append(b, r.args...)
	}
	return b
}
