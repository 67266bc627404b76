package proxy

import (
	"net/netip"
	"strings"
)

// cidrSet is a list of networks, with "unix:" for local peers.
type cidrSet struct {
	nets []netip.Prefix
	unix bool
}

// newCIDRSet reads addresses and networks that the configuration has checked.
func newCIDRSet(list []string) *cidrSet {
	s := &cidrSet{}
	for _, t := range list {
		if t == "unix:" {
			s.unix = true
			continue
		}
		if p, valid := parsePrefix(t); valid {
			s.nets = append(s.nets, p)
		}
	}
	return s
}

// parsePrefix reads an address or a network; host bits are cleared.
func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, false
		}
		return unmapPrefix(netip.PrefixFrom(a, a.BitLen())), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return unmapPrefix(p), true
}

func unmapPrefix(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// has reports whether a peer belongs to the set; an invalid address is that of
// a unix socket.
func (s *cidrSet) has(a netip.Addr) bool {
	if !a.IsValid() {
		return s.unix
	}
	a = a.Unmap()
	for _, p := range s.nets {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// peerAddr is the client's address, or what realip found; invalid for a unix
// socket.
func (r *Request) peerAddr() netip.Addr { return r.main.clientIP() }

// forwardedAddr follows a list of forwarded addresses back from a peer that
// may be trusted. declined: it may not, or the list makes no sense; done: the
// address found stands before one that is not trusted.
//
// See: ngx_http_get_forwarded_addr.
func forwardedAddr(addr netip.AddrPort, lists []string, trusted *cidrSet, recursive bool) (netip.AddrPort, rc) {
	found := false
	c := declined
	for i := len(lists) - 1; i >= 0; i-- {
		addr, c = forwardedIn(addr, lists[i], trusted, recursive)
		if !recursive {
			break
		}
		if c == declined && found {
			c = done
			break
		}
		if c != ok {
			break
		}
		found = true
	}
	return addr, c
}

func forwardedIn(addr netip.AddrPort, list string, trusted *cidrSet, recursive bool) (netip.AddrPort, rc) {
	if !trusted.has(addr.Addr()) {
		return addr, declined
	}
	list = strings.TrimRight(list, " ,")
	i := strings.LastIndexAny(list, " ,") + 1
	next, valid := parseForwarded(list[i:])
	if !valid {
		return addr, declined
	}
	if recursive && i > 0 {
		further, c := forwardedIn(next, list[:i-1], trusted, true)
		if c == declined {
			return next, done
		}
		return further, c
	}
	return next, ok
}

// parseForwarded reads an address with or without a port.
func parseForwarded(s string) (netip.AddrPort, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), true
	}
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		bare = s[1 : len(s)-1]
	}
	a, err := netip.ParseAddr(bare)
	if err != nil || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), 0), true
}
