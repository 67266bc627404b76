package proxy

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"huidu/luacompat"
	"huidu/nginxconf"
	"huidu/proxy/upstream"
)

// luaBalancer is what balancer_by_lua* has said in this run.
type luaBalancer struct {
	peer      *upstream.Peer
	moreTries int
	total     int // tries begun
	last      string
	running   bool
}

// balancerScripts compiles the balancer_by_lua* of all upstreams.
func (c *compiler) balancerScripts() error {
	for _, u := range c.http.Upstreams {
		if u.BalancerByLua == nil {
			continue
		}
		s, err := c.script(u.BalancerByLua, luacompat.PhaseBalancer)
		if err != nil {
			return err
		}
		if c.rt.balancers == nil {
			c.rt.balancers = map[*nginxconf.Upstream]*luacompat.Script{}
		}
		c.rt.balancers[u] = s
	}
	return nil
}

// balancerBy is the group's balancer_by_lua*, or nil.
func (st *upstreamState) balancerBy(r *Request) *luacompat.Script {
	if len(r.rt.balancers) == 0 || st.group.Conf == nil {
		return nil
	}
	return r.rt.balancers[st.group.Conf]
}

// runBalancer lets the script choose the peer of this try. Without one the
// upstream's own servers are used.
//
// See: ngx_http_lua_balancer_get_peer.
func (st *upstreamState) runBalancer(r *Request, s *luacompat.Script) (ft, rc) {
	b := &st.balancer
	b.peer, b.moreTries = nil, 0
	b.total++
	b.running = true
	out, err := s.Run(r.context(), luacompat.PhaseBalancer, r.forLua())
	b.running = false
	switch {
	case err != nil:
		return ftNone, 500
	case out.Kind != luacompat.ExitStatus || out.Status == 0:
	case rc(out.Status) == declined:
		return nginxconf.NextError, ok
	case out.Status >= 300:
		return ftNone, rc(out.Status)
	default:
		return ftNone, 500
	}
	if b.peer != nil {
		st.peer = st.picker.SetPeer(b.peer)
		st.picker.Tries += b.moreTries
	}
	return ftNone, ok
}

var (
	errNoUpstream   = errors.New("no upstream found")
	errNoBalancer   = errors.New("API disabled in the current context")
	errNoHost       = errors.New("no host allowed")
	errInvalidPeer  = errors.New("invalid port")
	reducedTriesMsg = "reduced tries due to limit"
)

func (q *luaRequest) balancer() (*upstreamState, error) {
	switch st := q.r.up; {
	case st == nil || st.conf == nil:
		return nil, errNoUpstream
	case !st.balancer.running:
		return nil, errNoBalancer
	default:
		return st, nil
	}
}

// SetCurrentPeer implements luacompat.Balancer.
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/balancer.md#set_current_peer
func (q *luaRequest) SetCurrentPeer(addr string, port int) error {
	st, err := q.balancer()
	if err != nil {
		return err
	}
	if path, unix := strings.CutPrefix(addr, "unix:"); unix {
		if path == "" {
			return errors.New("no path in the unix domain socket")
		}
		st.balancer.peer = upstream.ForeignPeer("unix", strings.Clone(path))
		return nil
	}
	host := addr
	if _, err := netip.ParseAddr(host); err != nil {
		// "host:port" has its own port.
		if h, p, found := splitPort(addr); found {
			n, err := strconv.Atoi(p)
			if err != nil || n < 1 || n > 65535 {
				return errInvalidPeer
			}
			host, port = h, n
		}
	}
	a, literal := upstream.Literal(host)
	if !literal {
		return errNoHost
	}
	st.balancer.peer = upstream.ForeignPeer("tcp", q.r.rt.mapAddr(upstream.JoinAddr(a, strconv.Itoa(port))))
	return nil
}

// SetMoreTries implements luacompat.Balancer.
func (q *luaRequest) SetMoreTries(n int) (warning string, err error) {
	st, err := q.balancer()
	if err != nil {
		return "", err
	}
	b := &st.balancer
	total := b.total + st.picker.Tries - 1
	if limit := st.conf.nextTries; limit > 0 && total+n > limit {
		n, warning = limit-total, reducedTriesMsg
	}
	b.moreTries = n
	return warning, nil
}

// LastFailure implements luacompat.Balancer.
func (q *luaRequest) LastFailure() (state string, status int) {
	st, err := q.balancer()
	if err != nil {
		return "", 0
	}
	if n := len(st.tries); n > 1 {
		status = st.tries[n-2].status
	}
	return st.balancer.last, status
}

// SetTimeouts implements luacompat.Balancer.
func (q *luaRequest) SetTimeouts(connect, send, read time.Duration) error {
	st, err := q.balancer()
	if err != nil {
		return err
	}
	for _, t := range []struct {
		to *time.Duration
		d  time.Duration
	}{{&st.dialOpts.Timeout, connect}, {&st.sendTimeout, send}, {&st.readTimeout, read}} {
		if t.d > 0 {
			*t.to = t.d
		}
	}
	return nil
}

// RecreateRequest implements luacompat.Balancer.
func (q *luaRequest) RecreateRequest() error {
	st, err := q.balancer()
	if err != nil {
		return err
	}
	if st.createRequest(q.r) != ok {
		return errors.New("failed to recreate the upstream request")
	}
	return nil
}
