package upstream

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"huidu/nginxconf"
)

// resolvedHost is a server with "resolve": the template of the peers that its
// name stands for at present.
type resolvedHost struct {
	conf *nginxconf.UpstreamServer
}

// found is one address of a resolved server.
type found struct {
	addr   string
	server string
	weight int
	backup bool
}

// resolveServers keeps the peers of servers with "resolve" up to date for as
// long as the group is open.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#resolve
func (g *Group) resolveServers() {
	if len(g.st.hosts) == 0 || g.opts.Resolver == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.stop = cancel
	for _, h := range g.st.hosts {
		go g.keepResolved(ctx, h)
	}
}

// keepResolved looks a server's name up whenever the last answer expires.
func (g *Group) keepResolved(ctx context.Context, h *resolvedHost) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(g.resolveOnce(ctx, h))
	}
}

// resolveOnce updates one server and tells when to do so again.
func (g *Group) resolveOnce(ctx context.Context, h *resolvedHost) time.Duration {
	again := max(g.opts.Resolver.Timeout(), time.Second)
	host, port, err := net.SplitHostPort(h.conf.Name)
	if err != nil {
		host, port = h.conf.Name, "80"
	}
	var list []found
	var e *dnsEntry
	if service := h.conf.Service; service != "" {
		e, err = g.opts.Resolver.lookup(ctx, serviceName(service, host), true)
	} else {
		e, err = g.opts.Resolver.lookup(ctx, host, false)
	}
	if ctx.Err() != nil {
		return again
	}
	var re *ResolveError
	switch {
	case errors.As(err, &re):
		if h.conf.Service != "" {
			g.opts.Log(levelError, "service "+h.conf.Service+" of "+host+" could not be resolved ("+
				strconv.Itoa(re.Code)+": "+ResolveText(re.Code)+")")
		} else {
			g.opts.Log(levelError, (&ResolveError{host, re.Code}).Error())
		}
		if re.Code != ResolveNXDomain {
			return again
		}
		again = time.Second
	case err != nil:
		return again
	default:
		list = g.foundIn(h, e, port)
		again = max(e.until.Sub(g.opts.Now())+time.Second, time.Second)
	}
	g.st.update(h, list, methodOf(g.Conf))
	return again
}

// serviceName is the name of a service's SRV records: "http" becomes
// "_http._tcp", a name with dots or underscores is taken as it is.
func serviceName(service, host string) string {
	for i := range service {
		if service[i] == '.' {
			return service + "." + host
		}
	}
	if service[0] == '_' {
		return service + "." + host
	}
	return "_" + service + "._tcp." + host
}

func (g *Group) foundIn(h *resolvedHost, e *dnsEntry, port string) []found {
	var list []found
	if h.conf.Service == "" {
		for _, a := range e.addrs {
			list = append(list, found{addr: g.opts.MapAddr(JoinAddr(a, port)), server: h.conf.Name,
				weight: h.conf.Weight, backup: h.conf.Backup})
		}
		return list
	}
	lowest := uint16(65535)
	for _, s := range e.srvs {
		lowest = min(lowest, s.priority)
	}
	for _, s := range e.srvs {
		w := h.conf.Weight
		if w == 1 && s.weight > 0 {
			w = int(s.weight)
		}
		for _, a := range s.addrs {
			list = append(list, found{addr: g.opts.MapAddr(JoinAddr(a, strconv.Itoa(int(s.port)))), server: s.target,
				weight: w, backup: h.conf.Backup || s.priority != lowest})
		}
	}
	return list
}

// update makes the peers of one server those of list, keeping the state of
// the ones that stay. Requests under way finish with the peer they have and
// get no other, as in nginx.
func (st *groupState) update(h *resolvedHost, list []found, method string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	changed := false
	merge := func(old []*Peer, backup bool) []*Peer {
		var kept []*Peer
		used := make([]bool, len(list))
		for _, p := range old {
			if p.host != h {
				kept = append(kept, p)
				continue
			}
			stays := false
			for i, f := range list {
				if !used[i] && f.backup == backup && f.addr == p.Name && f.weight == p.weight && f.server == p.Server {
					used[i], stays = true, true
					break
				}
			}
			if stays {
				kept = append(kept, p)
			} else {
				changed = true
			}
		}
		for i, f := range list {
			if used[i] || f.backup != backup {
				continue
			}
			p := newPeer(h.conf, f.addr)
			p.Server, p.weight, p.effective, p.host = f.server, f.weight, f.weight, h
			kept = append(kept, p)
			changed = true
		}
		return kept
	}
	primary := merge(st.set.peers, false)
	backup := merge(st.set.next.peers, true)
	if !changed {
		return
	}
	// Pickers under way may hold the old sets: never change those.
	set := newPeerSet(primary)
	set.next = newPeerSet(backup)
	set.next.single = false
	set.single = len(primary) == 1 && len(backup) == 0
	st.set = set
	st.version++
	st.rebuild(method)
}
