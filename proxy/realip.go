package proxy

import (
	"net/netip"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// realIP is what ngx_http_realip_module does at a location.
type realIP struct {
	from      *cidrSet
	header    string
	id        http1.HeaderID
	pp        bool // real_ip_header proxy_protocol
	recursive bool
}

func newRealIP(conf *nginxconf.AccessLoc) *realIP {
	if len(conf.RealIPFrom.V) == 0 {
		return nil
	}
	h := conf.RealIPHeader.V
	return &realIP{from: newCIDRSet(conf.RealIPFrom.V), header: h, id: http1.LookupHeader(h), pp: http1.EqualFold(h, "proxy_protocol"),
		recursive: conf.RealIPRecursive.V}
}

// compileRealIP adds realip to a location's preaccess phase.
func compileRealIP(_ *compiler, loc *location, l *nginxconf.Location) error {
	if ri := newRealIP(l.Loc.Access); ri != nil {
		loc.addPreaccess(preaccessRealIP, ri.handle)
	}
	return nil
}

// compileServerRealIP adds realip to a server's post-read phase.
func compileServerRealIP(_ *compiler, srv *virtualServer) error {
	if ri := newRealIP(srv.conf.Loc.Access); ri != nil {
		srv.postRead = append(srv.postRead, ri.handle)
	}
	return nil
}

// handle replaces the client's address by the one that a trusted peer names.
//
// See: ngx_http_realip_handler.
func (ri *realIP) handle(r *Request) rc {
	m := r.main
	if m.realAddrTxt != "" || m.conn == nil {
		return declined
	}
	var lists []string
	var port uint16
	if ri.pp {
		addr, found := m.proxyProtocol("addr")
		if !found || addr == "" {
			return declined
		}
		lists = []string{addr}
		if text, found := m.proxyProtocol("port"); found {
			if n, err := parseSize(text); err == nil && n > 0 && n < 65536 {
				port = uint16(n)
			}
		}
	} else {
		for i := range r.headers {
			h := &r.headers[i]
			if ri.id != http1.HeaderOther && h.ID == ri.id || ri.id == http1.HeaderOther && http1.EqualFold(h.Key, ri.header) {
				lists = append(lists, h.Value)
			}
		}
		if ri.id != http1.HeaderXForwardedFor && len(lists) > 1 {
			lists = lists[:1]
		}
	}
	if len(lists) == 0 {
		return declined
	}
	peer := m.conn.nc.Remote()
	addr, c := forwardedAddr(netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port()), lists, ri.from, ri.recursive)
	if c == declined {
		return declined
	}
	if ri.pp {
		addr = netip.AddrPortFrom(addr.Addr(), port)
	}
	m.realAddr = addr
	m.realAddrTxt = addr.Addr().String()
	return declined
}
