package nginxconf

import (
	"strings"
	"time"
)

// upstreamRows is the upstream block and the modules that live in it.
// See: http://nginx.org/en/docs/http/ngx_http_upstream_module.html
func upstreamRows() []row {
	return []row{
		blockOf("upstream", CtxHTTP, take1, setUpstream),
		custom("server", CtxUpstream, oneMore, setUpstreamServer),
		newRow("resolver", CtxUpstream, oneMore, inUp(func(u *Upstream) *Opt[*Resolver] { return &u.Resolver }), nil, setResolver),
		msec("resolver_timeout", CtxUpstream, inUp(func(u *Upstream) *Opt[time.Duration] { return &u.ResolverTimeout })),
		custom("hash", CtxUpstream, take12, setHash).in("ngx_http_upstream_hash_module"),
		custom("ip_hash", CtxUpstream, noArgs, func(b *build, n *Node) error {
			b.balancer(Balancer{Method: "ip_hash"})
			return nil
		}).in("ngx_http_upstream_ip_hash_module"),
		custom("least_conn", CtxUpstream, noArgs, func(b *build, n *Node) error {
			b.balancer(Balancer{Method: "least_conn"})
			return nil
		}).in("ngx_http_upstream_least_conn_module"),
		custom("least_time", CtxUpstream, take12, nil).unsupported("least_time comes with a later release").in("ngx_http_upstream_least_time_module"),
		custom("random", CtxUpstream, noArgs|take12, setRandom).in("ngx_http_upstream_random_module"),
		custom("sticky", CtxUpstream, twoMore, setSticky).in("ngx_http_upstream_sticky_module"),
		custom("zone", CtxUpstream, take12, setUpstreamZone).in("ngx_http_upstream_zone_module"),
		newRow("keepalive", CtxUpstream, take12, inUp(func(u *Upstream) *Opt[int] { return &u.Keepalive }), nil, setKeepalive).in("ngx_http_upstream_keepalive_module"),
		num("keepalive_requests", CtxUpstream, inUp(func(u *Upstream) *Opt[int] { return &u.KeepaliveRequests })).in("ngx_http_upstream_keepalive_module"),
		msec("keepalive_time", CtxUpstream, inUp(func(u *Upstream) *Opt[time.Duration] { return &u.KeepaliveTime })).in("ngx_http_upstream_keepalive_module"),
		msec("keepalive_timeout", CtxUpstream, inUp(func(u *Upstream) *Opt[time.Duration] { return &u.KeepaliveTimeout })).in("ngx_http_upstream_keepalive_module"),
	}
}

// upKey is how upstreams are found: by name, whatever its case, and port.
func upKey(host string) string { return strings.ToLower(host) }

// setUpstream follows ngx_http_upstream. A proxy_pass may have named the
// upstream before.
func setUpstream(b *build, n *Node) error {
	name := n.Args[0]
	u := b.ups[upKey(name)]
	switch {
	case u == nil:
		u = &Upstream{Name: name, Pos: n.Pos()}
		b.ups[upKey(name)] = u
	case !u.Implicit:
		return b.emerg(`duplicate upstream "%s"`, name)
	default:
		u.Implicit, u.Name = false, name
	}
	for _, i := range b.implicit {
		if i.port > 0 && !i.noPort && upKey(i.host) == upKey(name) {
			b.node = nil
			return b.emergAt(i.up.Pos, `upstream "%s" may not have port %d`, name, i.port)
		}
	}
	u.Pos = n.Pos()
	b.conf.HTTP.Upstreams = append(b.conf.HTTP.Upstreams, u)
	cur := b.cur
	cur.up, cur.rewrite = u, nil
	if err := b.body(n, CtxUpstream, cur); err != nil {
		return err
	}
	if len(u.Servers) == 0 {
		return b.emergAt(Pos{n.File, n.last}, "no servers are inside upstream")
	}
	return nil
}

// implicitUp is an upstream that a directive named by address.
type implicitUp struct {
	up     *Upstream
	host   string
	port   int
	noPort bool
	addr   address
	pos    Pos
}

// upstreamFor finds or makes the upstream that an address names.
// See: ngx_http_upstream_add.
func (b *build) upstreamFor(text string, defaultPort int) (*Upstream, address, error) {
	a := parseAddress(text, defaultPort, false, true)
	if a.err != "" {
		return nil, a, b.emerg(`%s in upstream "%s"`, a.err, text)
	}
	host := a.host
	if a.unix != "" {
		host = "unix:" + a.unix
	}
	if u := b.ups[upKey(host)]; u != nil && a.unix == "" {
		if !u.Implicit && !a.noPort {
			return nil, a, b.emerg(`upstream "%s" may not have port %d`, host, a.port)
		}
		if !u.Implicit {
			return u, a, nil
		}
	}
	for _, i := range b.implicit {
		if upKey(i.host) == upKey(host) && i.port == a.port && (i.noPort == a.noPort || !i.addr.ip.IsValid()) {
			return i.up, a, nil
		}
	}
	u := &Upstream{Pos: b.pos(), Name: host, Implicit: true}
	b.implicit = append(b.implicit, &implicitUp{u, host, a.port, a.noPort, a, b.pos()})
	if a.noPort && b.ups[upKey(host)] == nil {
		b.ups[upKey(host)] = u
	}
	return u, a, nil
}

// initUpstreams resolves the implicit upstreams and sets defaults.
// See: ngx_http_upstream_init_round_robin.
func (b *build) initUpstreams() error {
	b.node = nil
	for _, i := range b.implicit {
		u := i.up
		if !u.Implicit {
			continue // an upstream block gave it its servers
		}
		s := UpstreamServer{Pos: u.Pos, Original: i.host, Weight: 1, MaxFails: 1, FailTimeout: 10 * time.Second}
		if i.port > 0 && i.addr.unix == "" {
			s.Name = hostPort(i.host, i.port)
		} else {
			s.Name = i.host
		}
		if i.addr.unix != "" {
			s.Addrs = []string{b.opt.MapAddr("unix:" + i.addr.unix)}
		} else {
			if i.port == 0 {
				return b.emergAt(u.Pos, `no port in upstream "%s"`, i.host)
			}
			addrs, err := b.serverAddrs(i.addr)
			if err != nil {
				return b.emergAt(u.Pos, `host not found in upstream "%s"`, i.host)
			}
			s.Addrs = addrs
		}
		u.Servers = []UpstreamServer{s}
		b.conf.HTTP.Upstreams = append(b.conf.HTTP.Upstreams, u)
	}
	for _, u := range b.conf.HTTP.Upstreams {
		if err := b.initUpstream(u); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) initUpstream(u *Upstream) error {
	primary, resolve := 0, false
	for _, s := range u.Servers {
		if !s.Backup {
			primary++
		}
		resolve = resolve || s.Resolve
	}
	if resolve {
		res := u.Resolver.V
		if res == nil {
			res = b.conf.HTTP.Loc.Core.Resolver.V
		}
		switch {
		case !u.Zone.Set:
			return b.emergAt(Pos{}, `resolving names at run time requires upstream "%s" in %s:%d to be in shared memory`, u.Name, u.Pos.File, u.Pos.Line)
		case res == nil:
			return b.emergAt(u.Pos, `no resolver defined to resolve names at run time in upstream "%s"`, u.Name)
		}
		u.Resolver.V = res
	}
	if primary == 0 {
		return b.emergAt(u.Pos, `no servers in upstream "%s"`, u.Name)
	}
	if !u.Keepalive.Set && !u.Implicit { // nginx keeps no connections to an address that stands in proxy_pass
		u.Keepalive.V = 32
	}
	if !u.KeepaliveRequests.Set {
		u.KeepaliveRequests.V = 1000
	}
	if !u.KeepaliveTime.Set {
		u.KeepaliveTime.V = time.Hour
	}
	if !u.KeepaliveTimeout.Set {
		u.KeepaliveTimeout.V = time.Minute
	}
	if !u.ResolverTimeout.Set {
		u.ResolverTimeout.V = 30 * time.Second
	}
	return nil
}

// serverAddrs maps and resolves an address. The mapping sees the address as
// written first, so that a host name that exists only in production can be
// mapped, and then what it resolves to.
func (b *build) serverAddrs(a address) ([]string, error) {
	if a.unix != "" {
		return []string{b.opt.MapAddr("unix:" + a.unix)}, nil
	}
	written := hostPort(a.host, a.port)
	if mapped := b.opt.MapAddr(written); mapped != written {
		if strings.HasPrefix(mapped, "unix:") {
			return []string{mapped}, nil
		}
		if a = parseAddress(mapped, a.port, false, false); a.err != "" {
			return nil, valueErr(a.err)
		}
		addrs, ok := b.resolve(a)
		if !ok {
			return nil, valueErr("host not found")
		}
		out := make([]string, len(addrs))
		for i, ap := range addrs {
			out[i] = ap.String()
		}
		return out, nil
	}
	addrs, ok := b.resolve(a)
	if !ok {
		return nil, valueErr("host not found")
	}
	out := make([]string, len(addrs))
	for i, ap := range addrs {
		out[i] = b.opt.MapAddr(ap.String())
	}
	return out, nil
}

// setUpstreamServer follows ngx_http_upstream_server.
func setUpstreamServer(b *build, n *Node) error {
	u := b.cur.up
	s := UpstreamServer{Pos: n.Pos(), Original: n.Args[0], Name: n.Args[0], Weight: 1, MaxFails: 1, FailTimeout: 10 * time.Second}
	method := u.Balancer.Method
	for _, arg := range n.Args[1:] {
		key, val, has := strings.Cut(arg, "=")
		num, ok := atoi(val)
		unsupported := false
		switch {
		case has && key == "weight":
			s.Weight, ok = num, ok && num > 0
		case has && key == "max_conns":
			s.MaxConns = num
		case has && key == "max_fails":
			s.MaxFails = num
		case has && key == "fail_timeout":
			s.FailTimeout, ok = parseSec(val)
		case has && key == "slow_start":
			s.SlowStart, ok = parseMsec(val)
		case arg == "backup":
			s.Backup, ok = true, true
			unsupported = method == "hash" || method == "ip_hash" || method == "random"
		case arg == "down":
			s.Down, ok = true, true
		case arg == "drain":
			ok = true
		case has && key == "route":
			if s.Route, ok = val, true; val == "" {
				return b.emerg("route is empty")
			}
			if len(val) > 32 {
				return b.emerg("route is longer than 32")
			}
		case arg == "resolve":
			s.Resolve, ok = true, true
		case has && key == "service":
			if s.Service, ok = val, true; val == "" {
				return b.emerg("service is empty")
			}
		default:
			ok = false
		}
		switch {
		case unsupported:
			return b.emerg(`balancing method does not support parameter "%s"`, arg)
		case !ok:
			return b.emerg(`invalid parameter "%s"`, arg)
		}
	}
	if s.Service != "" && !s.Resolve {
		return b.emerg(`service upstream "%s" requires "resolve" parameter`, n.Args[0])
	}
	a := parseAddress(n.Args[0], 80, false, false)
	if a.err != "" {
		return b.emerg(`%s in upstream "%s"`, a.err, n.Args[0])
	}
	if s.Service != "" && !a.noPort {
		return b.emerg(`service upstream "%s" may not have port`, n.Args[0])
	}
	if s.Resolve && !a.ip.IsValid() && a.unix == "" {
		s.Addrs = []string{hostPort(a.host, a.port)}
	} else {
		s.Resolve = false
		addrs, err := b.serverAddrs(a)
		if err != nil {
			return b.emerg(`%s in upstream "%s"`, err, n.Args[0])
		}
		s.Addrs = addrs
	}
	u.Servers = append(u.Servers, s)
	return nil
}

// balancer sets the method; a second one warns, as nginx does.
func (b *build) balancer(m Balancer) {
	u := b.cur.up
	if u.Balancer.Method != "" || u.Keepalive.Set { // keepalive is a method of its own to nginx
		b.warn("load balancing method redefined")
	}
	m.Pos = b.pos()
	u.Balancer = m
}

func setHash(b *build, n *Node) error {
	key, err := b.value(n.Args[0])
	if err != nil {
		return err
	}
	consistent := len(n.Args) == 2
	m := Balancer{Method: "hash", Key: key, Consistent: consistent}
	if consistent && n.Args[1] != "consistent" {
		return b.emerg(`invalid parameter "%s"`, n.Args[1])
	}
	b.balancer(m)
	return nil
}

func setRandom(b *build, n *Node) error {
	m := Balancer{Method: "random"}
	if len(n.Args) > 0 {
		if n.Args[0] != "two" {
			return b.emerg(`invalid parameter "%s"`, n.Args[0])
		}
		m.Two = true
	}
	if len(n.Args) > 1 {
		if n.Args[1] != "least_conn" {
			return b.emerg(`invalid parameter "%s"`, n.Args[1])
		}
		m.TwoMethod = "least_conn"
	}
	b.balancer(m)
	return nil
}

func setSticky(b *build, n *Node) error {
	if b.cur.up.Sticky != nil {
		return errDuplicate
	}
	switch n.Args[0] {
	case "cookie", "route", "learn":
	default:
		return b.emerg(`invalid parameter "%s"`, n.Args[0])
	}
	for _, a := range n.Args[1:] {
		if _, err := b.value(a); err != nil {
			return err
		}
	}
	b.cur.up.Sticky = &Sticky{Kind: n.Args[0], Args: n.Args[1:], Pos: n.Pos()}
	return nil
}

func setUpstreamZone(b *build, n *Node) error {
	if n.Args[0] == "" {
		return b.emerg(`invalid zone name "%s"`, n.Args[0])
	}
	var v int64
	if len(n.Args) == 2 {
		var ok bool
		v, ok = parseSize(n.Args[1])
		switch {
		case !ok:
			return b.emerg(`invalid zone size "%s"`, n.Args[1])
		case v < 8*4096:
			return b.emerg(`zone "%s" is too small`, n.Args[0])
		}
		b.cur.up.ZoneSize = v
	}
	b.cur.up.Zone = Opt[string]{V: n.Args[0], Set: true, Pos: n.Pos()}
	return b.sharedZone(n.Args[0], "upstream", v)
}

func setKeepalive(b *build, n *Node, o *Opt[int]) error {
	v, ok := atoi(n.Args[0])
	if !ok {
		return b.emerg(`invalid value "%s" in "keepalive" directive`, n.Args[0])
	}
	if len(n.Args) == 2 && n.Args[1] != "local" {
		return b.emerg(`invalid parameter "%s"`, n.Args[1])
	}
	o.V = v
	return nil
}
