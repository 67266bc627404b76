package nginxconf

import (
	"net/netip"
	"strings"
)

// mapRows is map, geo, split_clients and charset_map: blocks of raw entries.
func mapRows() []row {
	return []row{
		blockOf("map", CtxHTTP, take2, setMap),
		hashSize("map_hash_max_size", CtxHTTP), hashSize("map_hash_bucket_size", CtxHTTP),
		blockOf("geo", CtxHTTP, take12, setGeo).in("ngx_http_geo_module"),
		blockOf("split_clients", CtxHTTP, take2, setSplitClients).in("ngx_http_split_clients_module"),
	}
}

// setMap follows ngx_http_map_block.
// See: http://nginx.org/en/docs/http/ngx_http_map_module.html
func setMap(b *build, n *Node) error {
	m := &Map{Pos: n.Pos()}
	var err error
	if m.Source, err = b.value(n.Args[0]); err != nil {
		return err
	}
	if !strings.HasPrefix(n.Args[1], "$") {
		return b.emerg(`invalid variable name "%s"`, n.Args[1])
	}
	m.Var = strings.ToLower(n.Args[1][1:])
	if err := b.declare(m.Var, false); err != nil {
		return err
	}
	hasDefault := false
	seen := map[string]bool{}
	err = b.entries(n, func(e *Node) error {
		switch {
		case len(e.Args) == 0 && e.Name == "hostnames":
			m.Hostnames = true
			return nil
		case len(e.Args) == 0 && e.Name == "volatile":
			m.Volatile = true
			return nil
		case len(e.Args) != 1:
			return b.emerg("invalid number of the map parameters")
		case e.Name == "include":
			return b.include(e)
		}
		v, err := b.value(e.Args[0])
		if err != nil {
			return err
		}
		key := e.Name
		entry := MapEntry{Value: v, Pos: e.Pos()}
		switch {
		case key == "default":
			if hasDefault {
				return b.emerg("duplicate default map parameter")
			}
			hasDefault, m.Default = true, v
			return nil
		case key != "" && key[0] == '~':
			pattern, noCase := key[1:], false
			if strings.HasPrefix(pattern, "*") {
				pattern, noCase = pattern[1:], true
			}
			if entry.Regex, err = b.regex(pattern, noCase); err != nil {
				return err
			}
		default:
			key = strings.TrimPrefix(key, `\`)
			entry.Key = strings.ToLower(key)
			if err := b.mapKey(m, entry.Key, key, seen); err != nil {
				return err
			}
		}
		m.Entries = append(m.Entries, entry)
		return nil
	})
	if err != nil {
		return err
	}
	b.conf.HTTP.Maps = append(b.conf.HTTP.Maps, m)
	return b.checkMapHash(m)
}

// mapKey refuses a key that is there already, and a wrong mask.
// See: ngx_hash_add_key.
func (b *build) mapKey(m *Map, key, written string, seen map[string]bool) error {
	if m.Hostnames {
		stars := strings.Count(key, "*")
		wild := strings.HasPrefix(key, "*.") || strings.HasSuffix(key, ".*")
		if stars > 1 || stars == 1 && !wild || strings.Contains(key, "..") {
			return b.emerg(`invalid hostname or wildcard "%s"`, written)
		}
	}
	keys := []string{key}
	if name, ok := strings.CutPrefix(key, "."); ok && m.Hostnames { // the name itself, and all below it
		key, keys = name, []string{name, "*." + name}
	}
	for _, k := range keys {
		if seen[k] {
			return b.emerg(`conflicting parameter "%s"`, key)
		}
		seen[k] = true
	}
	return nil
}

// setGeo follows ngx_http_geo_block.
// See: http://nginx.org/en/docs/http/ngx_http_geo_module.html
func setGeo(b *build, n *Node) error {
	g := &Geo{Pos: n.Pos()}
	names := n.Args
	if !strings.HasPrefix(names[0], "$") {
		return b.emerg(`invalid variable name "%s"`, names[0])
	}
	if len(names) == 2 {
		g.Source = strings.ToLower(names[0][1:])
		b.need(g.Source)
		names = names[1:]
		if !strings.HasPrefix(names[0], "$") {
			return b.emerg(`invalid variable name "%s"`, names[0])
		}
	}
	g.Var = strings.ToLower(names[0][1:])
	if err := b.declare(g.Var, false); err != nil {
		return err
	}
	b.geoNets = map[netip.Prefix]string{}
	err := b.entries(n, func(e *Node) error { return b.geoEntry(g, e) })
	b.conf.HTTP.Geos = append(b.conf.HTTP.Geos, g)
	return err
}

func (b *build) geoEntry(g *Geo, e *Node) error {
	if len(e.Args) == 0 {
		switch e.Name {
		case "ranges":
			if len(g.Entries) > 0 || g.Default != "" {
				return b.emerg(`the "ranges" directive must be the first directive inside "geo" block`)
			}
			g.Ranges = true
			return nil
		case "proxy_recursive":
			g.ProxyRecursive = true
			return nil
		}
	}
	if len(e.Args) != 1 {
		return b.emerg("invalid number of the geo parameters")
	}
	val := e.Args[0]
	switch e.Name {
	case "include":
		return b.include(e)
	case "proxy":
		if _, ok := parseCIDR(val); !ok {
			return b.emerg(`invalid network "%s"`, val)
		}
		g.Proxies = append(g.Proxies, val)
		return nil
	case "default":
		switch {
		case g.Default != "" && g.Ranges:
			b.warn(`duplicate default geo range value: "%s", old value: "%s"`, val, g.Default)
		case g.Default != "": // one tree of IPv4 and one of IPv6
			b.warn(`duplicate network "default", value: "%s", old value: "%s"`, val, g.Default)
			b.warn(`duplicate network "default", value: "%s", old value: "%s"`, val, g.Default)
		}
		g.Default = val
		return nil
	case "delete":
		g.Delete = append(g.Delete, val)
		return b.geoDelete(g, val)
	}
	if g.Ranges {
		lo, hi, ok := strings.Cut(e.Name, "-")
		l, err1 := netip.ParseAddr(lo)
		h, err2 := netip.ParseAddr(hi)
		if !ok || err1 != nil || err2 != nil || !l.Is4() || !h.Is4() || l.Compare(h) > 0 {
			return b.emerg(`invalid range "%s"`, e.Name)
		}
	} else if _, ok := parseCIDR(e.Name); !ok {
		return b.emerg(`invalid network "%s"`, e.Name)
	} else {
		p, _ := parseCIDR(e.Name)
		if p.Masked() != p {
			b.warn(`low address bits of %s are meaningless`, e.Name)
		}
		if old, ok := b.geoNets[p.Masked()]; ok {
			b.warn(`duplicate network "%s", value: "%s", old value: "%s"`, e.Name, val, old)
		}
		b.geoNets[p.Masked()] = val
	}
	g.Entries = append(g.Entries, GeoEntry{e.Name, val, e.Pos()})
	return nil
}

// geoDelete warns of a network that is not there.
func (b *build) geoDelete(g *Geo, net string) error {
	if g.Ranges {
		return nil
	}
	p, ok := parseCIDR(net)
	if !ok {
		return b.emerg(`invalid network "%s"`, net)
	}
	if p.Masked() != p {
		b.warn(`low address bits of %s are meaningless`, net)
	}
	if _, ok := b.geoNets[p.Masked()]; !ok {
		b.warn(`no network "%s" to delete`, net)
	}
	delete(b.geoNets, p.Masked())
	return nil
}

// parseCIDR reads an address, or a network as address/bits or address/mask.
func parseCIDR(s string) (netip.Prefix, bool) {
	host, bits, has := strings.Cut(s, "/")
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Zone() != "" {
		return netip.Prefix{}, false
	}
	if !has {
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	if n, ok := atoi(bits); ok && n <= ip.BitLen() {
		return netip.PrefixFrom(ip, n), true
	}
	return netip.Prefix{}, false
}

// setSplitClients follows ngx_conf_split_clients_block.
// See: http://nginx.org/en/docs/http/ngx_http_split_clients_module.html
func setSplitClients(b *build, n *Node) error {
	s := &SplitClients{Pos: n.Pos()}
	var err error
	if s.Source, err = b.value(n.Args[0]); err != nil {
		return err
	}
	if !strings.HasPrefix(n.Args[1], "$") {
		return b.emerg(`invalid variable name "%s"`, n.Args[1])
	}
	s.Var = strings.ToLower(n.Args[1][1:])
	if err := b.declare(s.Var, false); err != nil {
		return err
	}
	sum := 0
	err = b.entries(n, func(e *Node) error {
		if len(e.Args) == 0 {
			return b.emerg("invalid number of the split_clients parameters")
		}
		p := SplitPart{Value: literal(e.Args[0]), Rest: e.Name == "*"}
		if !p.Rest {
			n, ok := fixed(strings.TrimSuffix(e.Name, "%"), 2)
			if !ok || n == 0 || !strings.HasSuffix(e.Name, "%") {
				return b.emerg(`invalid percent value "%s"`, e.Name)
			}
			p.Percent = n
		}
		s.Parts = append(s.Parts, p)
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range s.Parts {
		if sum += p.Percent; sum > 10000 {
			return b.emergAt(Pos{n.File, n.last}, "percent total is greater than 100%%")
		}
	}
	b.conf.HTTP.SplitClients = append(b.conf.HTTP.SplitClients, s)
	return nil
}
