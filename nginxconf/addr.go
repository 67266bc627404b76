package nginxconf

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// address is what nginx's ngx_parse_url makes of an address.
type address struct {
	unix    string // path of a unix socket
	host    string
	port    int
	last    int // of a range of ports, in listen; 0: one port
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
		if port, last, digits, ok := portRange(host); digits {
			if !ok {
				return fail("invalid port")
			}
			a.port, a.last, a.anyHost, a.ip = port, last, true, netip.IPv4Unspecified()
			return a
		}
	}
	if hasPort {
		port, last, _, ok := portRange(portText)
		if !ok || last > 0 && !listen {
			return fail("invalid port")
		}
		a.port, a.last = port, last
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

// shortIPv4 reads the forms of an address that getaddrinfo takes besides the
// usual one: fewer numbers, of which the last fills the rest, in C's notation.
// See: inet_aton(3).
func shortIPv4(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var ip uint64
	for i, p := range parts {
		if p == "" || p[0] < '0' || p[0] > '9' {
			return netip.Addr{}, false
		}
		n, err := strconv.ParseUint(p, 0, 32)
		last := i == len(parts)-1
		if err != nil || strings.Contains(p, "_") || strings.ContainsAny(p, "bBoO") && !strings.HasPrefix(p, "0x") || !last && n > 255 ||
			last && n >= 1<<(8*(4-i)) {
			return netip.Addr{}, false
		}
		if last {
			ip |= n
		} else {
			ip |= n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}), true
}

// portRange reads "80" or "80-90". digits is false for text that is no port.
func portRange(s string) (port, last int, digits, ok bool) {
	first, end, isRange := strings.Cut(s, "-")
	port, digits = atoi(first)
	if isRange {
		n, good := atoi(end)
		digits = digits && good
		last = n
		ok = digits && port >= 1 && last <= 65535 && last >= port
		return port, last, digits, ok
	}
	return port, 0, digits, digits && port >= 1 && port <= 65535
}

// resolve gives the socket addresses of a, asking for a host name's.
func (b *build) resolve(a address) ([]netip.AddrPort, bool) {
	if a.ip.IsValid() {
		return []netip.AddrPort{netip.AddrPortFrom(a.ip, uint16(a.port))}, true
	}
	if ip, ok := shortIPv4(a.host); ok {
		return []netip.AddrPort{netip.AddrPortFrom(ip, uint16(a.port))}, true
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
