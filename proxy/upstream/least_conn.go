package upstream

// leastConn chooses the peer with the fewest connections for its weight, and
// by round robin among equals.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#least_conn
func (p *Picker) leastConn(now int64) (*Peer, error) {
	for !p.set.single {
		if peer := p.leastConnSet(now); peer != nil {
			return peer, nil
		}
		if !p.toBackup() {
			return nil, ErrNoLive
		}
	}
	return p.roundRobin(now)
}

func (p *Picker) leastConnSet(now int64) *Peer {
	if i, peer := p.bySID(now); peer != nil {
		p.mark(i)
		peer.touch(now)
		return peer
	}
	peers := p.set.peers
	var best *Peer
	bi, many := 0, false
	for i, peer := range peers {
		if p.tried(i) || !peer.usable(now) {
			continue
		}
		switch {
		case best == nil || peer.conns*best.weight < best.conns*peer.weight:
			best, bi, many = peer, i, false
		case peer.conns*best.weight == best.conns*peer.weight:
			many = true
		}
	}
	if best == nil {
		return nil
	}
	total := 0
	if many {
		for i := bi; i < len(peers); i++ {
			peer := peers[i]
			if p.tried(i) || !peer.usable(now) || peer.conns*best.weight != best.conns*peer.weight {
				continue
			}
			total += peer.gain()
			if peer.current > best.current {
				best, bi = peer, i
			}
		}
	}
	best.current -= total
	best.touch(now)
	p.mark(bi)
	return best
}
