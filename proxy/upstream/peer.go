package upstream

import (
	"crypto/md5"
	"encoding/hex"
	"strings"

	"huidu/nginxconf"
)

// Peer is one address of an upstream's server. The exported fields are
// immutable; the rest is accounting, guarded by the group's lock.
type Peer struct {
	Name    string // as in $upstream_addr: "127.0.0.1:8080", "unix:/run/x.sock"
	Network string // "tcp" or "unix"
	Addr    string // what to dial: "127.0.0.1:8080", "/run/x.sock"
	Server  string // the server directive's argument, which consistent hashing hashes
	SID     string // what sticky cookies and routes name this peer by

	weight, effective, current int
	conns, maxConns            int
	fails, maxFails            int
	accessed, checked          int64 // unix seconds
	failTimeout                int64 // seconds
	down, drain                bool
	route                      bool
	host                       *resolvedHost // the server with "resolve" that this peer comes from
}

// newPeer makes the peer for one address of a server.
func newPeer(s *nginxconf.UpstreamServer, addr string) *Peer {
	p := &Peer{
		Name: addr, Network: "tcp", Addr: addr,
		Server:    s.Name,
		weight:    s.Weight,
		effective: s.Weight,
		maxConns:  s.MaxConns,
		maxFails:  s.MaxFails,
		// nginx counts fail_timeout in whole seconds.
		failTimeout: int64(s.FailTimeout.Seconds()),
		down:        s.Down,
	}
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		p.Network, p.Addr = "unix", path
	}
	if p.Server == "" {
		p.Server = s.Original
	}
	p.setSID(s.Route)
	return p
}

// setSID names the peer for sticky: by its route, else by the MD5 of its
// printed address.
func (p *Peer) setSID(route string) {
	if route != "" {
		p.SID, p.route = route, true
		return
	}
	sum := md5.Sum([]byte(p.Name))
	p.SID = hex.EncodeToString(sum[:])
}

// failed reports whether passive health keeps the peer out for now.
func (p *Peer) failed(now int64) bool {
	return p.maxFails > 0 && p.fails >= p.maxFails && now-p.checked <= p.failTimeout
}

// usable reports whether the peer may be tried: not down, not failed, and
// below max_conns.
func (p *Peer) usable(now int64) bool {
	return !p.down && !p.drain && !p.failed(now) && (p.maxConns == 0 || p.conns < p.maxConns)
}

// touch opens a new check interval for the peer that was just chosen.
func (p *Peer) touch(now int64) {
	if now-p.checked > p.failTimeout {
		p.checked = now
	}
}

// gain takes part in one smooth weighted round: the current weight grows by
// the effective one, which recovers by one from earlier failures. It returns
// what was added.
func (p *Peer) gain() int {
	added := p.effective
	p.current += added
	if p.effective < p.weight {
		p.effective++
	}
	return added
}

// peerSet is a list of peers among which a method chooses: the primary
// servers, or the backup ones (next).
type peerSet struct {
	peers       []*Peer
	totalWeight int
	tries       int
	single      bool
	next        *peerSet

	points []point // hash consistent
	ranges []int   // random: where each peer's share of the weight begins
}

// newPeerSet counts peers as nginx does. single is only decided for a set
// that has no backup.
func newPeerSet(peers []*Peer) *peerSet {
	s := &peerSet{peers: peers, single: len(peers) == 1}
	for _, p := range peers {
		s.totalWeight += p.weight
		if !p.down {
			s.tries++
		}
	}
	return s
}

// triesInAll is how often a request may try peers of s and its backups.
func (s *peerSet) triesInAll() int {
	if s.next != nil {
		return s.tries + s.next.tries
	}
	return s.tries
}

// at finds the peer that the weight w falls on.
func (s *peerSet) at(w int) (i int) {
	for i = range s.peers {
		if w < s.peers[i].weight {
			return i
		}
		w -= s.peers[i].weight
	}
	return i
}
