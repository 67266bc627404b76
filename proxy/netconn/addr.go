package netconn

import (
	"net"
	"net/netip"
	"strings"
)

func addrOf(a net.Addr) (netip.AddrPort, string) {
	switch a := a.(type) {
	case *net.TCPAddr:
		ap := a.AddrPort()
		ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		return ap, ap.Addr().String()
	case *net.UnixAddr:
		return netip.AddrPort{}, "unix:" + a.Name
	case nil:
		return netip.AddrPort{}, ""
	}
	return netip.AddrPort{}, a.String()
}

// netAddr is the inverse of addrOf.
func netAddr(ap netip.AddrPort, text string) net.Addr {
	if ap.IsValid() {
		return net.TCPAddrFromAddrPort(ap)
	}
	return &net.UnixAddr{Net: "unix", Name: strings.TrimPrefix(text, "unix:")}
}
