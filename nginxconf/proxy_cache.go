package nginxconf

import (
	"strings"
	"time"
)

func inCache[T any](m upstreamModule, f func(*ProxyCache) *Opt[T]) field[T] {
	return inModule(m, func(p *ProxyLoc) *Opt[T] { return f(&p.Cache) })
}

// cacheRows are the directives of the cache.
// See: http://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache
func cacheRows(m upstreamModule) []row {
	onOff := func(name string, f func(*ProxyCache) *Opt[bool], def bool) row {
		return flag(name, ctxHSL, inCache(m, f), def)
	}
	predicates := func(name string, f func(*ProxyCache) *Opt[[]Value]) row {
		return listRow(name, ctxHSL, oneMore, inCache(m, f), func(b *build, n *Node, o *Opt[[]Value]) error {
			vs, err := b.values(n.Args)
			o.V = append(o.V, vs...)
			return err
		})
	}
	rows := []row{
		custom(m.name("cache_path"), CtxHTTP, twoMore, m.addCachePath),
		newRow(m.name("cache"), ctxHSL, take1, inCache(m, func(c *ProxyCache) *Opt[*Value] { return &c.Zone }), nil, m.setCache),
		valuePtr(m.name("cache_key"), ctxHSL, inCache(m, func(c *ProxyCache) *Opt[*Value] { return &c.Key })),
		listRow(m.name("cache_valid"), ctxHSL, oneMore, inCache(m, func(c *ProxyCache) *Opt[[]CacheValid] { return &c.Valid }), addCacheValid),
		bitmask(m.name("cache_methods"), ctxHSL, inCache(m, func(c *ProxyCache) *Opt[[]string] { return &c.Methods }), nil, "GET", "HEAD", "POST"),
		num(m.name("cache_min_uses"), ctxHSL, inCache(m, func(c *ProxyCache) *Opt[int] { return &c.MinUses }), 1),
		predicates(m.name("cache_bypass"), func(c *ProxyCache) *Opt[[]Value] { return &c.Bypass }),
		predicates(m.name("no_cache"), func(c *ProxyCache) *Opt[[]Value] { return &c.NoCache }),
		onOff(m.name("cache_lock"), func(c *ProxyCache) *Opt[bool] { return &c.Lock }, false),
		msec(m.name("cache_lock_timeout"), ctxHSL, inCache(m, func(c *ProxyCache) *Opt[time.Duration] { return &c.LockTimeout }), 5*time.Second),
		msec(m.name("cache_lock_age"), ctxHSL, inCache(m, func(c *ProxyCache) *Opt[time.Duration] { return &c.LockAge }), 5*time.Second),
		cacheStale(m, m.name("cache_use_stale"), inCache(m, func(c *ProxyCache) *Opt[NextUpstream] { return &c.UseStale })),
		onOff(m.name("cache_revalidate"), func(c *ProxyCache) *Opt[bool] { return &c.Revalidate }, false),
		onOff(m.name("cache_background_update"), func(c *ProxyCache) *Opt[bool] { return &c.BackgroundUpdate }, false),
		offset(m.name("cache_max_range_offset"), ctxHSL, inCache(m, func(c *ProxyCache) *Opt[int64] { return &c.MaxRangeOffset }), -1),
	}
	if m.prefix == "proxy" {
		rows = append(rows, onOff(m.name("cache_convert_head"), func(c *ProxyCache) *Opt[bool] { return &c.ConvertHead }, true))
	}
	return rows
}

// cacheStale is proxy_cache_use_stale: the conditions of next_upstream that
// it knows, and nothing by default.
func cacheStale(m upstreamModule, name string, f field[NextUpstream]) row {
	words := map[string]NextUpstream{}
	for w, bit := range m.nextWords {
		words[w] = bit
	}
	delete(words, "non_idempotent")
	delete(words, "denied")
	r := nextUpstream(name, f, words)
	return inherited(r, f, []NextUpstream{0})
}

// setCache follows ngx_http_proxy_cache.
func (m upstreamModule) setCache(b *build, n *Node, o *Opt[*Value]) error {
	if n.Args[0] == "off" {
		return nil
	}
	if m.of(&b.cur).Store.V != nil {
		return dirErr(`is incompatible with "` + m.name("store") + `"`)
	}
	v, err := b.value(n.Args[0])
	if err != nil {
		return err
	}
	o.V = &v
	if name, ok := v.Literal(); ok {
		return b.sharedZone(name, m.name("cache"), 0)
	}
	return nil
}

// finishCache finds caches that are used and never made.
// See: ngx_http_proxy_merge_loc_conf.
func (b *build) finishCache(m upstreamModule, c *ProxyLoc) error {
	if c.Cache.Zone.V == nil {
		return nil
	}
	name, ok := c.Cache.Zone.V.Literal()
	if !ok || b.conf.HTTP.CachePath(name) != nil {
		return nil
	}
	return b.emergAt(b.endOfHTTP, `"%s" zone "%s" is unknown`, m.name("cache"), name)
}

// CachePath finds the cache with a zone of that name; nil: there is none.
func (h *HTTP) CachePath(zone string) *CachePath {
	for _, p := range h.CachePaths {
		if p.Zone == zone {
			return p
		}
	}
	return nil
}

// addCacheValid follows ngx_http_file_cache_valid_set_slot.
func addCacheValid(b *build, n *Node, o *Opt[[]CacheValid]) error {
	end := len(n.Args) - 1
	valid, ok := parseSec(n.Args[end])
	if !ok {
		return b.emerg(`invalid time value "%s"`, n.Args[end])
	}
	if end == 0 {
		for _, s := range []int{200, 301, 302} {
			o.V = append(o.V, CacheValid{s, valid})
		}
		return nil
	}
	for _, a := range n.Args[:end] {
		status := 0
		if a != "any" {
			if status, ok = atoi(a); !ok || status < 100 || status > 599 {
				return b.emerg(`invalid status "%s"`, a)
			}
		}
		o.V = append(o.V, CacheValid{status, valid})
	}
	return nil
}

// addCachePath follows ngx_http_file_cache_set_slot.
func (m upstreamModule) addCachePath(b *build, n *Node) error {
	p := &CachePath{Pos: n.Pos(), Inactive: 10 * time.Minute, MaxSize: -1, UseTempPath: true,
		LoaderFiles: 100, LoaderSleep: 50 * time.Millisecond, LoaderThreshold: 200 * time.Millisecond,
		ManagerFiles: 100, ManagerSleep: 50 * time.Millisecond, ManagerThreshold: 200 * time.Millisecond}
	p.Path = b.fullName(strings.TrimSuffix(n.Args[0], "/"))
	for _, a := range n.Args[1:] {
		name, val, has := strings.Cut(a, "=")
		if !has {
			return b.emerg(`invalid parameter "%s"`, a)
		}
		if err := b.cachePathParam(p, a, name, val); err != nil {
			return err
		}
	}
	if p.Zone == "" || p.ZoneSize == 0 {
		return b.emerg(`"%s" must have "keys_zone" parameter`, n.Name)
	}
	if err := b.sharedZone(p.Zone, m.name("cache"), p.ZoneSize); err != nil {
		return err
	}
	if b.conf.HTTP.CachePath(p.Zone) != nil {
		return b.emerg(`duplicate zone "%s"`, p.Zone)
	}
	b.conf.HTTP.CachePaths = append(b.conf.HTTP.CachePaths, p)
	if !contains(b.conf.TempPaths, p.Path) {
		b.conf.TempPaths = append(b.conf.TempPaths, p.Path)
	}
	return nil
}

func (b *build) cachePathParam(p *CachePath, arg, name, val string) error {
	ok := true
	switch name {
	case "levels":
		p.Levels, ok = cacheLevels(val)
		if !ok {
			return b.emerg(`invalid "levels" "%s"`, arg)
		}
		return nil
	case "use_temp_path":
		p.UseTempPath = val == "on"
		if val != "on" && val != "off" {
			return b.emerg(`invalid use_temp_path value "%s", it must be "on" or "off"`, arg)
		}
		return nil
	case "keys_zone":
		zone, text, colon := strings.Cut(val, ":")
		if p.ZoneSize, ok = parseSize(text); !colon || !ok {
			return b.emerg(`invalid keys zone size "%s"`, arg)
		}
		if p.ZoneSize < 2*4096 {
			return b.emerg(`keys zone "%s" is too small`, arg)
		}
		p.Zone = zone
		return nil
	case "inactive":
		p.Inactive, ok = parseSec(val)
	case "max_size":
		p.MaxSize, ok = parseOffset(val)
	case "min_free":
		p.MinFree, ok = parseOffset(val)
	case "loader_files":
		p.LoaderFiles, ok = atoi(val)
	case "loader_sleep":
		p.LoaderSleep, ok = parseMsec(val)
	case "loader_threshold":
		p.LoaderThreshold, ok = parseMsec(val)
	case "manager_files":
		p.ManagerFiles, ok = atoi(val)
	case "manager_sleep":
		p.ManagerSleep, ok = parseMsec(val)
	case "manager_threshold":
		p.ManagerThreshold, ok = parseMsec(val)
	default:
		return b.emerg(`invalid parameter "%s"`, arg)
	}
	if !ok {
		return b.emerg(`invalid %s value "%s"`, name, arg)
	}
	return nil
}

// cacheLevels reads "1:2": up to three levels of one or two characters.
func cacheLevels(s string) ([]int, bool) {
	if s == "" {
		return nil, true
	}
	var levels []int
	for part := range strings.SplitSeq(s, ":") {
		if part != "1" && part != "2" || len(levels) == 3 {
			return nil, false
		}
		levels = append(levels, int(part[0]-'0'))
	}
	return levels, true
}
