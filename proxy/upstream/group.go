package upstream

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"huidu/nginxconf"
)

// Options is what a Group needs of its host.
type Options struct {
	Workers  int                         // worker_processes; keepalive counts per worker
	Now      func() time.Time            // nil: time.Now
	Random   func(n int) int             // nil: math/rand; a number in [0, n)
	Resolver *Resolver                   // for servers with "resolve"; nil: none
	MapAddr  func(string) string         // --map-addr for addresses found at run time; nil: none
	Log      func(level int, msg string) // cycle log; nil: dropped
}

// Group is one upstream: its configuration, the state of its peers and its
// idle connections.
type Group struct {
	Name   string
	Conf   *nginxconf.Upstream // nil for a group made by NewResolved
	Pool   *Pool               // nil: connections are not kept
	Sticky *Sticky             // nil: none

	opts Options
	pick pickFunc
	st   *groupState
	stop context.CancelFunc
}

// groupState is what outlives a reload that leaves the servers as they are.
type groupState struct {
	mu      sync.Mutex
	set     *peerSet
	version uint64 // grows when resolving changes the peers
	hosts   []*resolvedHost
	users   int // groups that share this state
}

// pickFunc chooses a peer for p under the group's lock; nil: none.
type pickFunc func(p *Picker, now int64) (*Peer, error)

// methods are the balancing methods by the directive that selects them.
var methods = map[string]pickFunc{
	"":           (*Picker).roundRobin,
	"lua":        (*Picker).roundRobin, // unless the host sets a peer
	"least_conn": (*Picker).leastConn,
	"ip_hash":    (*Picker).ipHash,
	"hash":       (*Picker).hashKey,
	"consistent": (*Picker).consistent,
	"random":     (*Picker).random,
	"random two": (*Picker).randomTwo,
}

// Supported reports whether the balancing method of u is implemented.
func Supported(u *nginxconf.Upstream) bool { return methods[methodOf(u)] != nil }

func methodOf(u *nginxconf.Upstream) string {
	switch b := &u.Balancer; {
	case b.Method == "hash" && b.Consistent:
		return "consistent"
	case b.Method == "random" && b.Two && (b.TwoMethod == "" || b.TwoMethod == "least_conn"):
		return "random two"
	case b.Method == "random" && b.Two:
		return b.TwoMethod
	default:
		return b.Method
	}
}

// New makes the group of an upstream. old is the group that had the same
// name before a reload, or nil: when its servers are the same, peers' state
// and idle connections are taken over.
func New(u *nginxconf.Upstream, opts Options, old *Group) *Group {
	g := &Group{Name: u.Name, Conf: u, opts: opts.withDefaults(), pick: methods[methodOf(u)]}
	if g.pick == nil {
		g.pick = (*Picker).roundRobin
	}
	if u.Sticky != nil {
		g.Sticky = newSticky(u.Sticky)
		if old != nil {
			g.Sticky.inherit(old.Sticky)
		}
	}
	same := old != nil && old.Conf != nil && sameServers(old.Conf, u)
	if same && old.st.share() {
		g.st = old.st
	} else {
		g.st = newGroupState(u)
		g.st.rebuild(methodOf(u))
	}
	g.Pool = poolFor(u, g.opts, old, same)
	g.resolveServers()
	return g
}

// NewResolved makes the group of a host that was found at run time, for one
// request: its addresses in the order given, each with nginx's defaults. It
// keeps no connections.
func NewResolved(name string, addrs []string, opts Options) *Group {
	g := &Group{Name: name, opts: opts.withDefaults(), pick: (*Picker).roundRobin}
	peers := make([]*Peer, len(addrs))
	srv := nginxconf.UpstreamServer{Name: name, Weight: 1, MaxFails: 1, FailTimeout: 10 * time.Second}
	for i, a := range addrs {
		peers[i] = newPeer(&srv, a)
	}
	g.st = &groupState{set: newPeerSet(peers), users: 1}
	return g
}

func (o Options) withDefaults() Options {
	if o.Workers < 1 {
		o.Workers = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.IntN
	}
	if o.MapAddr == nil {
		o.MapAddr = func(a string) string { return a }
	}
	if o.Log == nil {
		o.Log = func(int, string) {}
	}
	return o
}

func newGroupState(u *nginxconf.Upstream) *groupState {
	st := &groupState{users: 1}
	var primary, backup []*Peer
	hasBackup := false
	for i := range u.Servers {
		s := &u.Servers[i]
		into := &primary
		if s.Backup {
			into, hasBackup = &backup, true
		}
		if s.Resolve && len(s.Addrs) == 0 || s.Service != "" {
			st.hosts = append(st.hosts, &resolvedHost{conf: s})
			continue
		}
		for _, a := range s.Addrs {
			*into = append(*into, newPeer(s, a))
		}
	}
	st.set = newPeerSet(primary)
	// A service may put peers of lower priority among the backups.
	if hasBackup || len(st.hosts) > 0 {
		st.set.next = newPeerSet(backup)
		st.set.next.single = false
		if len(backup) > 0 {
			st.set.single = false
		}
	}
	return st
}

// rebuild makes the tables that methods derive from the peers.
func (st *groupState) rebuild(method string) {
	for s := st.set; s != nil; s = s.next {
		switch method {
		case "consistent":
			s.points = chashPoints(s.peers)
		case "random", "random two":
			s.ranges = randomRanges(s.peers)
		}
	}
}

// share lets one more group use the state; false when it is already closed.
func (st *groupState) share() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.users == 0 {
		return false
	}
	st.users++
	return true
}

// Close ends what runs for the group and closes its idle connections, unless
// a newer group took them over.
func (g *Group) Close() {
	if g.stop != nil {
		g.stop()
	}
	g.st.mu.Lock()
	g.st.users--
	g.st.mu.Unlock()
	if g.Pool != nil {
		g.Pool.release()
	}
}

// sameServers reports whether two upstreams have the same servers chosen in
// the same way.
func sameServers(a, b *nginxconf.Upstream) bool {
	if len(a.Servers) != len(b.Servers) || methodOf(a) != methodOf(b) {
		return false
	}
	for i := range a.Servers {
		x, y := &a.Servers[i], &b.Servers[i]
		if x.Original != y.Original || x.Name != y.Name || x.Weight != y.Weight || x.MaxConns != y.MaxConns ||
			x.MaxFails != y.MaxFails || x.FailTimeout != y.FailTimeout || x.Backup != y.Backup ||
			x.Down != y.Down || x.Resolve != y.Resolve || x.Service != y.Service || x.Route != y.Route ||
			len(x.Addrs) != len(y.Addrs) {
			return false
		}
		for j := range x.Addrs {
			if x.Addrs[j] != y.Addrs[j] {
				return false
			}
		}
	}
	return true
}

// PeerStatus is one peer's accounting, for status pages.
type PeerStatus struct {
	Name, Server             string
	Backup, Down, Failed     bool
	Weight, Conns, Fails     int
	EffectiveWeight, Current int
}

// Status lists the peers as they stand.
func (g *Group) Status() []PeerStatus {
	now := g.opts.Now().Unix()
	g.st.mu.Lock()
	defer g.st.mu.Unlock()
	var out []PeerStatus
	for s := g.st.set; s != nil; s = s.next {
		for _, p := range s.peers {
			out = append(out, PeerStatus{
				Name: p.Name, Server: p.Server, Backup: s != g.st.set, Down: p.down, Failed: p.failed(now),
				Weight: p.weight, Conns: p.conns, Fails: p.fails, EffectiveWeight: p.effective, Current: p.current,
			})
		}
	}
	return out
}
