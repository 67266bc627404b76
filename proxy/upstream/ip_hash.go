package upstream

// ipHash chooses by the client's address: the first three octets of IPv4, all
// sixteen of IPv6.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#ip_hash
func (p *Picker) ipHash(now int64) (*Peer, error) {
	s := p.set
	if p.loops > maxLoops || len(s.peers) < 2 {
		return p.roundRobin(now)
	}
	if i, peer := p.bySID(now); peer != nil {
		return p.take(i, now), nil
	}
	var addr [16]byte
	n := 3
	switch {
	case p.req.Client.Is4():
		a := p.req.Client.As4()
		copy(addr[:], a[:3])
	case p.req.Client.Is6():
		addr, n = p.req.Client.As16(), 16
	}
	hash := p.iph
	for {
		for _, b := range addr[:n] {
			hash = (hash*113 + uint(b)) % 6271
		}
		i := s.at(int(hash % uint(s.totalWeight)))
		if !p.tried(i) && s.peers[i].usable(now) {
			p.iph = hash
			return p.take(i, now), nil
		}
		if p.loops++; p.loops > maxLoops {
			return p.roundRobin(now)
		}
	}
}
