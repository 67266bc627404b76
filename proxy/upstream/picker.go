package upstream

import (
	"errors"
	"net/netip"
)

// ErrNoLive is returned when no peer can be tried. nginx logs "no live
// upstreams while connecting to upstream" and answers 502.
var ErrNoLive = errors.New("no live upstreams")

// State says how a try ended.
type State uint8

// The states of a try.
const (
	OK     State = iota
	Failed       // counts against the peer: error, timeout, invalid header, 5xx that next_upstream names
	Next         // go on with the next peer without blaming this one: 403, 404
)

// PickRequest is what a request brings to the choice of a peer.
type PickRequest struct {
	Client netip.Addr // ip_hash; invalid (unix sockets) hashes as nginx's pseudo address
	Key    string     // hash: the key's value
	Hint   string     // sticky: the peer's identifier that the request carries; "" for none
}

// Picker chooses the peers of one request, one per try. It belongs inside
// the request's state; Group.Start makes it ready for use, again and again.
type Picker struct {
	// Tries is how many peers may still be tried; the host adds one when a
	// kept connection turns out to be dead, as nginx does.
	Tries int

	g       *Group
	set     *peerSet
	version uint64
	cur     *Peer
	foreign bool // cur was set by a script, not by the group
	req     PickRequest

	data  uint64 // tried peers, when they fit
	many  []uint64
	loops int // nginx's hp->tries
	hash  uint32
	rehsh uint32
	iph   uint
}

// Start makes p ready to choose peers of g for one request.
func (g *Group) Start(p *Picker, req PickRequest) {
	many := p.many
	*p = Picker{g: g, req: req, iph: 89}
	g.st.mu.Lock()
	p.set, p.version = g.st.set, g.st.version
	p.Tries = p.set.triesInAll()
	n := len(p.set.peers)
	if p.set.next != nil {
		n = max(n, len(p.set.next.peers))
	}
	g.st.mu.Unlock()
	if n > 64 {
		words := (n + 63) / 64
		if cap(many) < words {
			many = make([]uint64, words)
		}
		p.many = many[:words]
		clear(p.many)
	}
	if len(p.set.points) > 0 {
		p.hash = findPoint(p.set.points, crcOf(req.Key))
	}
}

// Next chooses the peer of the next try and counts a connection to it. Done
// must follow. The error is ErrNoLive.
func (p *Picker) Next() (*Peer, error) {
	now := p.g.opts.Now().Unix()
	st := p.g.st
	st.mu.Lock()
	if p.version != st.version {
		// The peers were replaced while this request was under way.
		st.mu.Unlock()
		return nil, ErrNoLive
	}
	peer, err := p.g.pick(p, now)
	if peer != nil {
		peer.conns++
	}
	st.mu.Unlock()
	p.cur, p.foreign = peer, false
	return peer, err
}

// SetPeer takes a peer from outside the group for this try (balancer_by_lua).
// Such peers have no accounting.
func (p *Picker) SetPeer(peer *Peer) *Peer {
	p.cur, p.foreign = peer, true
	return peer
}

// ForeignPeer makes a peer for SetPeer: network is "tcp" or "unix".
func ForeignPeer(network, addr string) *Peer {
	name := addr
	if network == "unix" {
		name = "unix:" + addr
	}
	return &Peer{Name: name, Network: network, Addr: addr, Server: name}
}

// Current is the peer of the present try, or nil.
func (p *Picker) Current() *Peer { return p.cur }

// Group is the group that p chooses from.
func (p *Picker) Group() *Group { return p.g }

// Done ends the present try. disabled reports that this failure took the
// peer out of use; nginx then logs `upstream server temporarily disabled` at
// level warn.
func (p *Picker) Done(s State) (disabled bool) {
	peer := p.cur
	p.cur = nil
	if peer == nil {
		return false
	}
	if p.foreign {
		if p.Tries > 0 {
			p.Tries--
		}
		return false
	}
	st := p.g.st
	var now int64
	if s == Failed {
		now = p.g.opts.Now().Unix()
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	peer.conns--
	if p.set.single {
		// A lone server is never taken out of use.
		peer.fails = 0
		p.Tries = 0
		return false
	}
	if s == Failed {
		peer.fails++
		peer.accessed, peer.checked = now, now
		if peer.maxFails > 0 {
			peer.effective -= peer.weight / peer.maxFails
			disabled = peer.fails >= peer.maxFails
		}
		peer.effective = max(peer.effective, 0)
	} else if peer.accessed < peer.checked {
		// It was let in again to be checked, and passed.
		peer.fails = 0
	}
	if p.Tries > 0 {
		p.Tries--
	}
	return disabled
}

func (p *Picker) tried(i int) bool {
	if p.many != nil {
		return p.many[i/64]&(1<<(i%64)) != 0
	}
	return p.data&(1<<i) != 0
}

func (p *Picker) mark(i int) {
	if p.many != nil {
		p.many[i/64] |= 1 << (i % 64)
		return
	}
	p.data |= 1 << i
}

// toBackup goes over to the backup servers; false when there are none.
func (p *Picker) toBackup() bool {
	if p.set.next == nil {
		return false
	}
	p.set = p.set.next
	p.data = 0
	clear(p.many)
	return true
}

// bySID is the peer that the request's sticky hint names, if it may be used.
// A draining server serves those who already belong to it.
func (p *Picker) bySID(now int64) (int, *Peer) {
	if p.req.Hint == "" {
		return 0, nil
	}
	for i, peer := range p.set.peers {
		if peer.SID != p.req.Hint {
			continue
		}
		if p.tried(i) || peer.down || peer.failed(now) || peer.maxConns > 0 && peer.conns >= peer.maxConns {
			return 0, nil
		}
		return i, peer
	}
	return 0, nil
}
