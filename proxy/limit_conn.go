package proxy

import (
	"huidu/nginxconf"
)

// connLimit is one limit_conn.
type connLimit struct {
	zone *connZone
	max  int
}

// connLimits are the limit_conn lines of a location.
type connLimits struct {
	limits []connLimit
	level  nginxconf.LogLevel
	status int
	dryRun bool
}

func compileLimitConn(c *compiler, loc *location, conf *nginxconf.LimitLoc) error {
	ls := &connLimits{level: conf.ConnLogLevel.V, status: conf.ConnStatus.V, dryRun: conf.ConnDryRun.V}
	for _, l := range conf.Conn.V {
		zone := c.rt.connLimits[l.Zone]
		if zone == nil {
			return errAt(l.Pos, "zero size shared memory zone \"%s\"", l.Zone)
		}
		ls.limits = append(ls.limits, connLimit{zone: zone, max: l.N})
	}
	loc.addPreaccess(preaccessLimitConn, ls.handle)
	return nil
}

// handle counts the request at its keys until it ends, or refuses it.
//
// See: ngx_http_limit_conn_handler.
func (ls *connLimits) handle(r *Request) rc {
	m := r.main
	if m.modules.limitConnStatus != "" || r.background {
		return declined
	}
	type hold struct {
		table *limitTable[int]
		key   string
	}
	var held []hold
	release := func() {
		for _, h := range held {
			h.table.mu.Lock()
			if n := h.table.find(h.key); n != nil {
				if n.data--; n.data <= 0 {
					h.table.drop(h.key)
				}
			}
			h.table.mu.Unlock()
		}
	}
	for i := range ls.limits {
		l := &ls.limits[i]
		key := l.zone.key.eval(r)
		if key == "" {
			continue
		}
		if len(key) > 255 {
			r.logf(logError, "the value of the \"%s\" key is more than 255 bytes: \"%s\"", l.zone.conf.Key.Text, key)
			continue
		}
		t := l.zone.table
		t.mu.Lock()
		n := t.find(key)
		full := n != nil && n.data >= l.max
		if !full {
			if n == nil {
				n = t.add(key, func(count *int) bool { return *count == 0 })
			}
			if n != nil {
				n.data++
				held = append(held, hold{t, n.key})
			}
		}
		t.mu.Unlock()
		if !full && n != nil {
			continue
		}
		if full {
			r.logf(ls.level, "limiting connections%s by zone \"%s\"", pick(ls.dryRun, ", dry run,", ""), l.zone.conf.Name)
		}
		release()
		if ls.dryRun {
			m.modules.limitConnStatus = "REJECTED_DRY_RUN"
			return declined
		}
		m.modules.limitConnStatus = "REJECTED"
		return rc(ls.status)
	}
	if held != nil {
		m.modules.limitConnStatus = "PASSED"
		m.onCleanup(release)
	}
	return declined
}
