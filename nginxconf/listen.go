package nginxconf

import (
	"net/netip"
	"strings"
)

const defaultBacklog = 511

// boundAddr is one address that servers listen on, with the options that its
// listens share.
type boundAddr struct {
	key     string // network and address
	text    string // as nginx prints it
	set     bool   // socket options were given
	deflt   *Server
	servers []*Server
	ssl     bool
	http2   bool
	proxyP  bool
}

// setListen follows ngx_http_core_listen.
func setListen(b *build, n *Node) error {
	s := b.cur.server
	a := parseAddress(n.Args[0], 80, true, false)
	if a.err != "" {
		return b.emerg(`%s in "%s" of the "listen" directive`, a.err, n.Args[0])
	}
	var addrs []netip.AddrPort
	if a.unix == "" {
		var ok bool
		if addrs, ok = b.resolve(a); !ok { // nginx resolves before it reads the parameters
			return b.emerg(`host not found in "%s" of the "listen" directive`, n.Args[0])
		}
	}
	l := Listen{Pos: n.Pos(), Original: n.Args[0], Backlog: defaultBacklog, Rcvbuf: -1, Sndbuf: -1}
	l.IPv6Only.V = true
	set := false
	for _, arg := range n.Args[1:] {
		bind, err := b.listenParam(&l, arg)
		if err != nil {
			return err
		}
		set = set || bind
	}
	l.Bind = set
	if a.unix != "" {
		l.Network, l.Address = "unix", a.unix
		return b.addListen(s, l, set)
	}
	for p := a.port + 1; p <= a.last; p++ {
		for _, ap := range addrs[:len(addrs):len(addrs)] {
			if int(ap.Port()) == a.port {
				addrs = append(addrs, netip.AddrPortFrom(ap.Addr(), uint16(p)))
			}
		}
	}
	seen := map[netip.AddrPort]bool{}
	for _, ap := range addrs {
		if seen[ap] {
			continue
		}
		seen[ap] = true
		one := l
		one.Network, one.Address, one.Wildcard = "tcp4", ap.String(), ap.Addr().IsUnspecified()
		if ap.Addr().Is6() {
			one.Network = "tcp6"
		}
		if err := b.addListen(s, one, set); err != nil {
			return err
		}
	}
	return nil
}

// listenParam reads one parameter; bind says that it is a socket option.
func (b *build) listenParam(l *Listen, arg string) (bind bool, err error) {
	key, val, hasVal := strings.Cut(arg, "=")
	switch arg {
	case "default_server", "default":
		l.Default = true
		return false, nil
	case "ssl":
		l.SSL = true
		return false, nil
	case "http2":
		l.HTTP2 = true
		return false, nil
	case "proxy_protocol":
		l.ProxyProtocol = true
		return false, nil
	case "bind", "deferred", "multipath":
		return true, nil
	case "reuseport":
		l.Reuseport = true
		return true, nil
	case "quic":
		return false, b.unsupported(noQUIC, `the "quic" parameter is not supported: `+noQUIC)
	}
	if !hasVal {
		return false, b.emerg(`invalid parameter "%s"`, arg)
	}
	ok := true
	switch key {
	case "backlog":
		if l.Backlog, ok = atoi(val); !ok || l.Backlog == 0 {
			return false, b.emerg(`invalid backlog "%s"`, arg)
		}
	case "rcvbuf":
		if l.Rcvbuf, ok = parseSize(val); !ok {
			return false, b.emerg(`invalid rcvbuf "%s"`, arg)
		}
	case "sndbuf":
		if l.Sndbuf, ok = parseSize(val); !ok {
			return false, b.emerg(`invalid sndbuf "%s"`, arg)
		}
	case "fastopen":
		if _, ok = atoi(val); !ok {
			return false, b.emerg(`invalid fastopen "%s"`, arg)
		}
	case "accept_filter": // nginx says this as an emergency, and goes on
		b.warn(`accept filters "%s" are not supported on this platform, ignored`, arg)
		return false, nil
	case "setfib":
		return false, b.emerg(`invalid parameter "%s"`, arg)
	case "ipv6only":
		if val != "on" && val != "off" {
			if strings.HasPrefix(val, "o") {
				return false, b.emerg(`invalid ipv6only flags "%s"`, val)
			}
			return false, b.emerg(`invalid parameter "%s"`, arg)
		}
		l.IPv6Only = Opt[bool]{V: val == "on", Set: true, Pos: l.Pos}
	case "so_keepalive":
		if !keepaliveValue(val) {
			return false, b.emerg(`invalid so_keepalive value: "%s"`, val)
		}
		l.SoKeepalive = val
	default:
		return false, b.emerg(`invalid parameter "%s"`, arg)
	}
	return true, nil
}

// keepaliveValue checks on, off or [idle]:[interval]:[count].
func keepaliveValue(s string) bool {
	if s == "on" || s == "off" {
		return true
	}
	parts := strings.SplitN(s, ":", 3)
	some := false
	for i, p := range parts {
		if p == "" {
			continue
		}
		ok, zero := false, false
		if i < 2 {
			d, good := parseSec(p)
			ok, zero = good, d == 0
		} else {
			n, good := atoi(p)
			ok, zero = good, n == 0
		}
		if !ok {
			return false
		}
		some = some || !zero
	}
	return some
}

// addListen joins a listen with those of the same address.
// See: ngx_http_add_listen, ngx_http_add_addresses.
func (b *build) addListen(s *Server, l Listen, set bool) error {
	key := l.Network + " " + l.Address
	var at *boundAddr
	for _, x := range b.listens {
		if x.key == key {
			at = x
			break
		}
	}
	s.Listens = append(s.Listens, l)
	if at == nil {
		text := l.Address
		if l.Network == "unix" {
			text = "unix:" + text
		}
		at = &boundAddr{key: key, text: text, set: set, servers: []*Server{s}, ssl: l.SSL, http2: l.HTTP2, proxyP: l.ProxyProtocol}
		if l.Default {
			at.deflt = s
		}
		b.listens = append(b.listens, at)
		return nil
	}
	for _, other := range at.servers {
		if other == s {
			return b.emerg("a duplicate listen %s", at.text)
		}
	}
	at.servers = append(at.servers, s)
	if set {
		if at.set {
			return b.emerg("duplicate listen options for %s", at.text)
		}
		at.set = true
	}
	if l.Default {
		if at.deflt != nil {
			return b.emerg("a duplicate default server for %s", at.text)
		}
		at.deflt = s
	}
	at.ssl, at.http2, at.proxyP = at.ssl || l.SSL, at.http2 || l.HTTP2, at.proxyP || l.ProxyProtocol
	return nil
}

// finishListens warns of names that collide on one address, shares what all
// servers of an address share, and maps the addresses.
func (b *build) finishListens() error {
	b.node = nil
	for _, at := range b.listens {
		if len(at.servers) > 1 {
			if err := b.checkNames(at); err != nil {
				return err
			}
			if err := b.checkNamesHash(at); err != nil {
				return err
			}
		}
	}
	byKey := map[string]*boundAddr{}
	for _, at := range b.listens {
		byKey[at.key] = at
	}
	for _, s := range b.conf.HTTP.Servers {
		for i := range s.Listens {
			l := &s.Listens[i]
			at := byKey[l.Network+" "+l.Address]
			l.SSL, l.HTTP2, l.ProxyProtocol = at.ssl, at.http2, at.proxyP
			l.Default = at.deflt == s
		}
	}
	return nil
}

// checkNames follows ngx_http_server_names.
func (b *build) checkNames(at *boundAddr) error {
	seen := map[string]bool{}
	for _, s := range at.servers {
		for _, name := range s.Names {
			keys := []string{name.Name}
			switch name.Kind {
			case NameRegex:
				continue
			case NameDot:
				keys = []string{name.Name, "*." + name.Name}
			}
			if strings.Contains(strings.TrimPrefix(strings.TrimSuffix(name.Name, ".*"), "*."), "*") ||
				strings.Contains(name.Name, "..") {
				return b.emergAt(Pos{}, `invalid server name or wildcard "%s" on %s`, name.Name, at.text)
			}
			dup := false
			for _, k := range keys {
				dup = dup || seen[k]
				seen[k] = true
			}
			if dup {
				shown := name.Name
				if name.Kind == NameDot {
					shown = "." + shown
				}
				b.warnAt(Pos{}, `conflicting server name "%s" on %s, ignored`, shown, at.text)
			}
		}
	}
	return nil
}

// setServerName follows ngx_http_core_server_name.
func setServerName(b *build, n *Node) error {
	s := b.cur.server
	for _, arg := range n.Args {
		if strings.HasPrefix(arg, "*") && (len(arg) < 3 || arg[1] != '.') || strings.HasPrefix(arg, ".") && len(arg) < 2 {
			return b.emerg(`server name "%s" is invalid`, arg)
		}
		if strings.Contains(arg, "/") {
			b.warn(`server name "%s" has suspicious symbols`, arg)
		}
		switch {
		case strings.EqualFold(arg, "$hostname"):
			s.Names = append(s.Names, ServerName{Kind: NameExact, Name: strings.ToLower(b.opt.Hostname)})
		case strings.HasPrefix(arg, "~"):
			if len(arg) == 1 {
				return b.emerg(`empty regex in server name "%s"`, arg)
			}
			re, err := b.regex(arg[1:], strings.ContainsFunc(arg, func(r rune) bool { return r >= 'A' && r <= 'Z' }))
			if err != nil {
				return err
			}
			s.Names = append(s.Names, ServerName{Kind: NameRegex, Name: arg[1:], Regex: re})
		default:
			s.Names = append(s.Names, serverName(strings.ToLower(arg)))
		}
	}
	return nil
}

func serverName(name string) ServerName {
	switch {
	case strings.HasPrefix(name, "."):
		return ServerName{Kind: NameDot, Name: name[1:]}
	case strings.HasPrefix(name, "*."):
		return ServerName{Kind: NameWildHead, Name: name}
	case strings.HasSuffix(name, ".*"):
		return ServerName{Kind: NameWildTail, Name: name}
	}
	return ServerName{Kind: NameExact, Name: name}
}
