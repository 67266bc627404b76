package nginxconf

import "strings"

// limitRows is limit_req and limit_conn.
func limitRows() []row {
	level := func(name string, f func(*LimitLoc) *Opt[LogLevel]) row {
		return newRow(name, ctxHSL, take1, inLimit(f), []LogLevel{LogError}, func(b *build, n *Node, o *Opt[LogLevel]) error {
			lv := logLevel(strings.ToLower(n.Args[0]))
			if lv != LogInfo && lv != LogNotice && lv != LogWarn && lv != LogError {
				return b.emerg(`invalid value "%s"`, n.Args[0])
			}
			o.V = lv
			return nil
		})
	}
	status := func(name string, f func(*LimitLoc) *Opt[int]) row {
		return num(name, ctxHSL, inLimit(f), 503).checkedBy(func(b *build, n *Node) error { return b.bounds(n, 400, 599) })
	}
	return []row{
		custom("limit_req_zone", CtxHTTP, take3, func(b *build, n *Node) error { return b.limitZone(n, b.conf.HTTP.LimitReqZones, true) }),
		listRow("limit_req", ctxHSL, take123, inLimit(func(l *LimitLoc) *Opt[[]LimitReq] { return &l.Req }), addLimitReq),
		level("limit_req_log_level", func(l *LimitLoc) *Opt[LogLevel] { return &l.ReqLogLevel }),
		status("limit_req_status", func(l *LimitLoc) *Opt[int] { return &l.ReqStatus }),
		flag("limit_req_dry_run", ctxHSL, inLimit(func(l *LimitLoc) *Opt[bool] { return &l.ReqDryRun }), false),
		custom("limit_conn_zone", CtxHTTP, take2, func(b *build, n *Node) error { return b.limitZone(n, b.conf.HTTP.LimitConnZones, false) }).in(limitConnModule),
		listRow("limit_conn", ctxHSL, take2, inLimit(func(l *LimitLoc) *Opt[[]LimitConn] { return &l.Conn }), addLimitConn).in(limitConnModule),
		level("limit_conn_log_level", func(l *LimitLoc) *Opt[LogLevel] { return &l.ConnLogLevel }).in(limitConnModule),
		status("limit_conn_status", func(l *LimitLoc) *Opt[int] { return &l.ConnStatus }).in(limitConnModule),
		flag("limit_conn_dry_run", ctxHSL, inLimit(func(l *LimitLoc) *Opt[bool] { return &l.ConnDryRun }), false).in(limitConnModule),
	}
}

const limitConnModule = "ngx_http_limit_conn_module"

// bounds is ngx_conf_check_num_bounds.
func (b *build) bounds(n *Node, low, high int) error {
	v, ok := atoi(n.Args[0])
	switch {
	case !ok:
		return nil // the setter says so
	case high < 0 && v < low:
		return b.emerg("value must be equal to or greater than %d", low)
	case high >= 0 && (v < low || v > high):
		return b.emerg("value must be between %d and %d", low, high)
	}
	return nil
}

// limitZone follows ngx_http_limit_req_zone and ngx_http_limit_conn_zone.
func (b *build) limitZone(n *Node, zones map[string]*LimitZone, req bool) error {
	key, err := b.value(n.Args[0])
	if err != nil {
		return err
	}
	z := &LimitZone{Pos: n.Pos(), Key: key, Rate: 1000}
	for _, a := range n.Args[1:] {
		name, val, has := strings.Cut(a, "=")
		switch {
		case has && name == "zone":
			zone, sizeText, ok := strings.Cut(val, ":")
			if !ok {
				return b.emerg(`invalid zone size "%s"`, a)
			}
			v, ok := parseSize(sizeText)
			switch {
			case !ok:
				return b.emerg(`invalid zone size "%s"`, a)
			case v < 8*4096:
				return b.emerg(`zone "%s" is too small`, a)
			}
			z.Name, z.Size = zone, v
		case req && has && name == "rate":
			scale := 1
			if r, ok := strings.CutSuffix(val, "r/s"); ok {
				val = r
			} else if r, ok := strings.CutSuffix(val, "r/m"); ok {
				val, scale = r, 60
			}
			rate, ok := atoi(val)
			if !ok || rate <= 0 {
				return b.emerg(`invalid rate "%s"`, a)
			}
			z.Rate = rate * 1000 / scale
		default:
			return b.emerg(`invalid parameter "%s"`, a)
		}
	}
	if z.Name == "" {
		return b.emerg(`"%s" must have "zone" parameter`, n.Name)
	}
	if old := zones[z.Name]; old != nil {
		text, _ := old.Key.Literal()
		if text == "" {
			text = old.Key.Text
		}
		return b.emerg(`%s "%s" is already bound to key "%s"`, n.Name, z.Name, text)
	}
	kind := "limit_conn"
	if req {
		kind = "limit_req"
	}
	if err := b.sharedZone(z.Name, kind, z.Size); err != nil {
		return err
	}
	zones[z.Name] = z
	return nil
}

// sharedZone is a zone of shared memory: who uses it, and how large it is; 0
// where only a later directive says so.
type sharedZone struct {
	kind string
	size int64
}

// sharedZone refuses a zone name that another module uses, or another size.
// See: ngx_shared_memory_add.
func (b *build) sharedZone(name, kind string, size int64) error {
	z := b.zones[name]
	switch {
	case z == nil:
		b.zones[name] = &sharedZone{kind, size}
		b.zoneOrder = append(b.zoneOrder, name)
		return nil
	case z.kind != kind:
		return b.emerg(`the shared memory zone "%s" is already declared for a different use`, name)
	case z.size == 0:
		z.size = size
	case size != 0 && size != z.size:
		return b.emerg(`the size %d of shared memory zone "%s" conflicts with already declared size %d`, size, name, z.size)
	}
	return nil
}

// checkZones refuses a zone whose size nobody has said.
func (b *build) checkZones() error {
	b.node = nil
	for _, name := range b.zoneOrder {
		if b.zones[name].size == 0 {
			return late(b.emergAt(Pos{}, `zero size shared memory zone "%s"`, name))
		}
	}
	return nil
}

func addLimitReq(b *build, n *Node, o *Opt[[]LimitReq]) error {
	l := LimitReq{Pos: n.Pos()}
	for _, a := range n.Args {
		name, val, has := strings.Cut(a, "=")
		ok := true
		switch {
		case has && name == "zone":
			l.Zone = val
		case has && name == "burst":
			if l.Burst, ok = atoi(val); !ok || l.Burst == 0 {
				return b.emerg(`invalid burst value "%s"`, a)
			}
		case has && name == "delay":
			if l.Delay, ok = atoi(val); !ok || l.Delay == 0 {
				return b.emerg(`invalid delay value "%s"`, a)
			}
		case a == "nodelay":
			l.NoDelay = true
		default:
			return b.emerg(`invalid parameter "%s"`, a)
		}
	}
	if l.Zone == "" {
		return b.emerg(`"limit_req" must have "zone" parameter`)
	}
	if err := b.sharedZone(l.Zone, "limit_req", 0); err != nil {
		return err
	}
	for _, other := range o.V {
		if other.Zone == l.Zone {
			return errDuplicate
		}
	}
	o.V = append(o.V, l)
	return nil
}

func addLimitConn(b *build, n *Node, o *Opt[[]LimitConn]) error {
	if err := b.sharedZone(n.Args[0], "limit_conn", 0); err != nil {
		return err
	}
	for _, other := range o.V {
		if other.Zone == n.Args[0] {
			return errDuplicate
		}
	}
	v, ok := atoi(n.Args[1])
	switch {
	case !ok || v == 0:
		return b.emerg(`invalid number of connections "%s"`, n.Args[1])
	case v > 65535:
		return b.emerg("connection limit must be less 65536")
	}
	o.V = append(o.V, LimitConn{n.Args[0], v, n.Pos()})
	return nil
}

// checkLimitZones finds zones that are used and never made.
func (b *build) checkLimitZones() error {
	var missing *Pos
	var text string
	b.eachLoc(func(l *LocConf) {
		if l.Limit == nil {
			return
		}
		for i := range l.Limit.Req.V {
			if r := &l.Limit.Req.V[i]; missing == nil && b.conf.HTTP.LimitReqZones[r.Zone] == nil {
				missing, text = &r.Pos, r.Zone
			}
		}
		for i := range l.Limit.Conn.V {
			if c := &l.Limit.Conn.V[i]; missing == nil && b.conf.HTTP.LimitConnZones[c.Zone] == nil {
				missing, text = &c.Pos, c.Zone
			}
		}
	})
	if missing == nil {
		return nil
	}
	b.node = nil
	err := b.emergAt(Pos{}, `zero size shared memory zone "%s"`, text)
	late(err).(*confErr).d.Hint = "the zone is used in " + missing.File + ":" + itoa(missing.Line) + " and defined nowhere"
	return err
}
