package proxy

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/upstream"
)

// upstreams makes a group of every upstream, named or implicit; those whose
// servers did not change take over the state and connections of the
// configuration before.
func (c *compiler) upstreams() error {
	rt := c.rt
	rt.upstreams = map[string]*upstream.Group{}
	rt.groupOf = map[*nginxconf.Upstream]*upstream.Group{}
	rt.hashKeys = map[*nginxconf.Upstream]*value{}
	rt.resolvers = map[*nginxconf.Resolver]*upstream.Resolver{}
	list := c.http.Upstreams
	if rt.fallback != nil {
		list = append(list[:len(list):len(list)], rt.fallback.upstreams...)
	}
	for _, u := range list {
		if !upstream.Supported(u) {
			return errAt(u.Balancer.Pos, "balancing method \"%s\" is not supported", u.Balancer.Method)
		}
		if u.Sticky != nil {
			if msg := upstream.StickyError(u.Sticky); msg != "" {
				return errAt(u.Sticky.Pos, "\"sticky\" directive %s", msg)
			}
		}
		if u.Balancer.Method == "hash" {
			key, err := c.value(u.Balancer.Key, u.Balancer.Pos)
			if err != nil {
				return err
			}
			rt.hashKeys[u] = &key
		}
		o := rt.groupOptions()
		res, timeout := u.Resolver.V, u.ResolverTimeout.V
		if res == nil {
			res = c.http.Loc.Core.Resolver.V
		}
		if timeout == 0 {
			timeout = c.http.Loc.Core.ResolverTimeout.V
		}
		o.Resolver = rt.resolverOf(res, timeout)
		name := strings.ToLower(u.Name)
		var old *upstream.Group
		if prev := rt.opts.old; prev != nil {
			old = prev.upstreams[name]
		}
		g := upstream.New(u, o, old)
		rt.groupOf[u] = g
		rt.closers = append(rt.closers, g.Close)
		if _, twice := rt.upstreams[name]; !twice && !u.Implicit {
			rt.upstreams[name] = g
		}
	}
	return nil
}

func (rt *Router) groupOptions() upstream.Options {
	workers := 1
	if rt.cfg != nil && rt.cfg.Main.WorkerProcesses.V > 0 {
		workers = rt.cfg.Main.WorkerProcesses.V
	}
	return upstream.Options{Workers: workers, MapAddr: rt.opts.MapAddr,
		Log: func(level int, msg string) { rt.logf(nginxconf.LogLevel(level), "%s", msg) }}
}

func (rt *Router) mapAddr(addr string) string {
	if rt.opts.MapAddr == nil {
		return addr
	}
	return rt.opts.MapAddr(addr)
}

// groupFor finds the upstream that a URL with variables names.
//
// See: ngx_http_upstream_init_request.
func (rt *Router) groupFor(host, port string) *upstream.Group {
	name := strings.ToLower(host)
	if g := rt.upstreams[name]; g != nil && port == "" {
		return g
	}
	if port != "" {
		if g := rt.upstreams[name+":"+port]; g != nil {
			return g
		}
	}
	return nil
}

// resolverOf makes one resolver per resolver directive.
func (rt *Router) resolverOf(conf *nginxconf.Resolver, timeout time.Duration) *upstream.Resolver {
	if conf == nil || len(conf.Addrs) == 0 {
		return nil
	}
	if r := rt.resolvers[conf]; r != nil {
		return r
	}
	r := upstream.NewResolver(upstream.ResolverOptions{Servers: conf.Addrs, Valid: conf.Valid, IPv4: conf.IPv4, IPv6: conf.IPv6,
		Timeout: timeout, Log: func(level int, msg string) { rt.logf(nginxconf.LogLevel(level), "%s", msg) }})
	rt.resolvers[conf] = r
	rt.closers = append(rt.closers, r.Close)
	return r
}

// resolver is the resolver of the request's location; nil: none defined.
func (r *Request) resolver() *upstream.Resolver {
	return r.rt.resolvers[r.loc.conf.Core.Resolver.V]
}

// resolverFor makes the function by which scripts resolve names; nil: no
// resolver is defined.
func (c *compiler) resolverFor(l *nginxconf.LocConf) func(ctx context.Context, host string) ([]netip.Addr, error) {
	r := c.rt.resolverOf(l.Core.Resolver.V, l.Core.ResolverTimeout.V)
	if r == nil {
		return nil
	}
	return r.Lookup
}

// clientIP is the address that ip_hash hashes: the client's, or what realip
// found.
func (r *Request) clientIP() netip.Addr {
	if r.realAddr.IsValid() {
		return r.realAddr.Addr().Unmap()
	}
	if r.conn == nil {
		return netip.Addr{}
	}
	return r.conn.nc.Remote().Addr().Unmap()
}
