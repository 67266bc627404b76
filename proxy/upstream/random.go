package upstream

import "sort"

// randomRanges is where each peer's share of the total weight begins.
func randomRanges(peers []*Peer) []int {
	ranges := make([]int, len(peers))
	w := 0
	for i, p := range peers {
		ranges[i] = w
		w += p.weight
	}
	return ranges
}

// draw is a peer by chance, weighted.
func (p *Picker) draw() int {
	x := p.g.opts.Random(p.set.totalWeight)
	return sort.SearchInts(p.set.ranges, x+1) - 1
}

// random chooses by chance, by round robin when chance keeps missing.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#random
func (p *Picker) random(now int64) (*Peer, error) {
	if p.loops > maxLoops || len(p.set.peers) < 2 {
		return p.roundRobin(now)
	}
	if i, peer := p.bySID(now); peer != nil {
		return p.take(i, now), nil
	}
	for {
		i := p.draw()
		if !p.tried(i) && p.set.peers[i].usable(now) {
			return p.take(i, now), nil
		}
		if p.loops++; p.loops > maxLoops {
			return p.roundRobin(now)
		}
	}
}

// randomTwo draws two peers and takes the one with fewer connections for its
// weight (random two least_conn).
func (p *Picker) randomTwo(now int64) (*Peer, error) {
	if p.loops > maxLoops || len(p.set.peers) < 2 {
		return p.roundRobin(now)
	}
	if i, peer := p.bySID(now); peer != nil {
		return p.take(i, now), nil
	}
	first := -1
	for {
		if i := p.draw(); i != first && !p.tried(i) && p.set.peers[i].usable(now) {
			if first < 0 {
				first = i
			} else {
				a, b := p.set.peers[first], p.set.peers[i]
				if b.conns*a.weight > a.conns*b.weight {
					i = first
				}
				return p.take(i, now), nil
			}
		}
		if p.loops++; p.loops > maxLoops {
			return p.roundRobin(now)
		}
	}
}
