package upstream

// roundRobin is nginx's smooth weighted round robin, with the backup servers
// after the primary ones.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#upstream
func (p *Picker) roundRobin(now int64) (*Peer, error) {
	for {
		if peer := p.roundRobinSet(now); peer != nil {
			return peer, nil
		}
		if !p.toBackup() {
			return nil, ErrNoLive
		}
	}
}

func (p *Picker) roundRobinSet(now int64) *Peer {
	s := p.set
	if s.single {
		// max_fails and fail_timeout mean nothing for a lone server.
		if _, peer := p.bySID(now); peer != nil {
			return peer
		}
		if peer := s.peers[0]; !peer.down && !peer.drain && (peer.maxConns == 0 || peer.conns < peer.maxConns) {
			return peer
		}
		return nil
	}

	si, sticky := p.bySID(now)
	if sticky != nil && sticky.current <= -(s.totalWeight-sticky.weight) {
		// Do not let one server's faithful clients push its weight down
		// without end.
		p.mark(si)
		sticky.touch(now)
		return sticky
	}

	var best *Peer
	bi, total := 0, 0
	for i, peer := range s.peers {
		if p.tried(i) || !peer.usable(now) {
			continue
		}
		total += peer.gain()
		if best == nil || peer.current > best.current {
			best, bi = peer, i
		}
	}
	if sticky != nil {
		best, bi = sticky, si
	}
	if best == nil {
		return nil
	}
	best.current -= total
	p.mark(bi)
	best.touch(now)
	return best
}
