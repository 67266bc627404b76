package nginxconf

import (
	"net"
	"net/netip"
	"strings"
)

// address is what nginx's ngx_parse_url makes of an address.
type address struct {
	unix    string // path of a unix socket
	host    string
	port    int
	noPort  bool
	uri     string // with its "/" or "?"; only where a URI is allowed
	hasURI  bool
	anyHost bool // "*" or a port alone, in listen
	ip      netip.Addr
	err     string // nginx's word for what is wrong
}

// parseAddress reads host:port, [v6]:port, unix:path and, for listen, a port
// alone. Where uri is set, the rest from "/" or "?" is split off.
// See: ngx_parse_url.
func parseAddress(s string, defaultPort int, listen, uri bool) address {
	a := address{port: defaultPort}
	fail := func(why string) address {
		a.err = why
		return a
	}
	if len(s) >= 5 && strings.EqualFold(s[:5], "unix:") {
		p := s[5:]
		if uri {
			if i := strings.IndexByte(p, ':'); i >= 0 {
				a.uri, a.hasURI = p[i+1:], true
				p = p[:i]
			}
		}
		switch {
		case p == "":
			return fail("no path in the unix domain socket")
		case len(p) > 107:
			return fail("too long path in the unix domain socket")
		}
		a.unix = p
		return a
	}
	v6 := strings.HasPrefix(s, "[")
	host := s
	if i := strings.IndexAny(s, "/?"); i >= 0 {
		if listen || !uri {
			return fail("invalid host")
		}
		host, a.uri, a.hasURI = s[:i], s[i:], true
	}
	portText, hasPort := "", false
	if v6 {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return fail("invalid host")
		}
		if rest := host[end+1:]; rest != "" {
			if rest[0] != ':' {
				return fail("invalid host")
			}
			portText, hasPort = rest[1:], true
		}
		host = host[1:end]
	} else if i := strings.IndexByte(host, ':'); i >= 0 {
		portText, hasPort = host[i+1:], true
		host = host[:i]
	} else if listen {
		if n, ok := atoi(host); ok {
			if n < 1 || n > 65535 {
				return fail("invalid port")
			}
			a.port, a.anyHost, a.ip = n, true, netip.IPv4Unspecified()
			return a
		}
	}
	if hasPort {
		n, ok := atoi(portText)
		if !ok || n < 1 || n > 65535 {
			return fail("invalid port")
		}
		a.port = n
	} else {
		a.noPort = true
	}
	if v6 {
		ip, err := netip.ParseAddr(host)
		if err != nil || !ip.Is6() {
			return fail("invalid IPv6 address")
		}
		a.ip, a.host = ip, "["+host+"]"
		return a
	}
	if host == "" {
		return fail("no host")
	}
	a.host = host
	if listen && host == "*" {
		a.anyHost, a.ip = true, netip.IPv4Unspecified()
		return a
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		a.ip = ip
	}
	return a
}

// resolve gives the socket addresses of a, asking for a host name's.
func (b *build) resolve(a address) ([]netip.AddrPort, bool) {
	if a.ip.IsValid() {
		return []netip.AddrPort{netip.AddrPortFrom(a.ip, uint16(a.port))}, true
	}
	hosts, err := b.opt.LookupHost(a.host)
	if err != nil || len(hosts) == 0 {
		return nil, false
	}
	var out []netip.AddrPort
	for _, h := range hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			out = append(out, netip.AddrPortFrom(ip.Unmap().WithZone(""), uint16(a.port)))
		}
	}
	return out, len(out) > 0
}

func hostPort(host string, port int) string {
	return net.JoinHostPort(strings.Trim(host, "[]"), itoa(port))
}
