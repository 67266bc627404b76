package proxy

import (
	"strconv"
	"strings"
	"unsafe"

	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// createFallback lays out the request for the fallback: line and header as the
// client sent them, whatever directives and scripts have made of them since.
// Left out is what concerns the client's connection only; a subrequest, which
// no client sent, goes as it is.
func (st *upstreamState) createFallback(r *Request) rc {
	f, m := st.conf.fallback, r.main
	if r != m && r.loc.internalAway {
		r.logf(logError, "subrequest to internal location %q, which the fallback has, cannot be passed to it", r.loc.name)
		return 502
	}
	if via, found := findHeader(m.head.Headers, fallbackVia); found && strings.Contains(via, f.token) {
		r.logf(logError, "the fallback %s passes requests back to this gateway", f.URL)
		return 502
	}
	method, headers := m.head.Method, m.head.Headers
	b := st.head[:0]
	if r != m {
		method, headers = r.method, r.headers
	}
	st.headReq = http1.EqualFold(method, "HEAD")
	b = append(append(b, method...), ' ')
	at := len(b)
	if r == m {
		b = append(b, m.target()...)
	} else {
		b = append(b, escapePath(r.uri)...)
		if r.args != "" {
			b = append(append(b, '?'), r.args...)
		}
	}
	end := len(b)
	b = append(b, pick(m.head.Version > 1000, " HTTP/1.1\r\n", " HTTP/1.0\r\n")...)
	upgrade := r == m && headers.Has(http1.HeaderUpgrade)
	framed := false
	for i := range headers {
		h := &headers[i]
		switch h.ID {
		case http1.HeaderConnection:
			if !upgrade {
				continue
			}
		case http1.HeaderKeepAlive, http1.HeaderExpect:
			continue
		case http1.HeaderContentLength, http1.HeaderTransferEncoding:
			if !framed {
				b = st.appendFraming(b)
				framed = true
			}
			continue
		case http1.HeaderOther:
			if http1.EqualFold(h.Key, fallbackVia) || f.addr != "" && http1.EqualFold(h.Key, f.addr) {
				continue
			}
		default:
			if f.addr != "" && http1.EqualFold(h.Key, f.addr) {
				continue
			}
		}
		b = appendHeaderLine(b, h.Key, h.Value)
	}
	if !framed {
		b = st.appendFraming(b)
	}
	if f.addr != "" {
		b = appendHeaderLine(b, f.addr, r.clientAddr())
	}
	via := f.token
	if before, found := findHeader(m.head.Headers, fallbackVia); found {
		via = before + ", " + via
	}
	b = appendHeaderLine(b, fallbackVia, via)
	b = append(b, '\r', '\n')
	st.head = b
	st.uri = unsafe.String(&b[at], end-at)
	return ok
}

// target is what the request line names, as it was sent.
func (r *Request) target() string {
	if r.conn.h2 != nil {
		return r.unparsedURI
	}
	line := strings.TrimLeft(strings.TrimPrefix(r.head.Line, r.head.Method), " ")
	if i := strings.LastIndexByte(line, ' '); i >= 0 && r.head.Version > 9 {
		line = strings.TrimRight(line[:i], " ")
	}
	return line
}

// appendFraming says how long the body is, if there is one.
func (st *upstreamState) appendFraming(b []byte) []byte {
	switch {
	case st.chunked:
		return appendHeaderLine(b, "Transfer-Encoding", "chunked")
	case st.length >= 0:
		b = append(b, "Content-Length: "...)
		return append(strconv.AppendInt(b, st.length, 10), '\r', '\n')
	}
	return b
}

func appendHeaderLine(b []byte, name, value string) []byte {
	b = append(append(b, name...), ':', ' ')
	return append(append(b, value...), '\r', '\n')
}

func findHeader(list http1.Headers, name string) (string, bool) {
	for i := range list {
		if http1.EqualFold(list[i].Key, name) {
			return list[i].Value, true
		}
	}
	return "", false
}

// announce writes the PROXY protocol's header on a new connection.
//
// See: https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt
func (f *fallback) announce(r *Request, c *netconn.Conn) error {
	line := "PROXY UNKNOWN\r\n"
	if conn := r.main.conn; conn != nil && conn.nc.Local().IsValid() {
		local, client := conn.nc.Local(), r.clientAddr()
		family := pick(strings.Contains(client, ":"), "TCP6", "TCP4")
		if local.Addr().Unmap().Is4() == (family == "TCP4") {
			port := r.clientPort()
			if port == "" {
				port = "0"
			}
			line = "PROXY " + family + " " + client + " " + local.Addr().Unmap().String() + " " + port + " " + strconv.Itoa(int(local.Port())) + "\r\n"
		}
	}
	_, err := c.Write([]byte(line))
	return err
}

// relocate mends a redirect that the fallback made for itself: it names its
// own port and, behind this gateway's TLS, the wrong scheme.
func (f *fallback) relocate(r *Request, v string) string {
	if f.authority == "" {
		return v
	}
	scheme, rest, found := strings.Cut(v, "://")
	if !found || scheme != "http" && scheme != "https" {
		return v
	}
	auth, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		auth, path = rest[:i], rest[i:]
	}
	host, port, found := splitPort(auth)
	if !found || port != f.authority || !http1.EqualFold(host, r.main.host) && host != r.srv.name {
		return v
	}
	if p := r.localPort(); p != "" && p != pick(r.isTLS(), "443", "80") {
		host += ":" + p
	}
	return r.scheme() + "://" + host + path
}

// passAway sends a request that only the fallback serves on its way, before
// anything of its server has looked at it.
func (r *Request) passAway() rc {
	r.setLocation(r.srv.away)
	r.next = atContent
	return r.srv.away.handler(r)
}

// backend is $huidu_backend: who answered. That is the upstream's name or
// address for what was passed on, "fallback" for what the fallback got, and else "huidu".
func (r *Request) backend() string {
	st := r.up
	switch {
	case st == nil || st.conf == nil:
		return "huidu"
	case st.conf.fallback != nil:
		return "fallback"
	case st.vars.hostHeader != "":
		return st.vars.hostHeader
	}
	return st.host
}
