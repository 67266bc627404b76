package proxy

import (
	"math"
	"time"

	"huidu/nginxconf"
)

// reqNode is the leaky bucket of one key. excess counts thousandths of a
// request, last is in milliseconds.
type reqNode struct {
	excess, last int64
	count        int // requests between look-up and account
}

// reqLimit is one limit_req.
type reqLimit struct {
	zone         *reqZone
	burst, delay int64 // thousandths of a request
}

// reqLimits are the limit_req lines of a location.
type reqLimits struct {
	limits       []reqLimit
	level, delay nginxconf.LogLevel
	status       int
	dryRun       bool
}

// compileLimits adds limit_req and limit_conn.
func compileLimits(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Limit
	if len(conf.Req.V) > 0 {
		ls := &reqLimits{level: conf.ReqLogLevel.V, status: conf.ReqStatus.V, dryRun: conf.ReqDryRun.V}
		ls.delay = ls.level + 1
		if ls.level == logInfo {
			ls.delay = logInfo
		}
		for _, r := range conf.Req.V {
			zone := c.rt.reqLimits[r.Zone]
			if zone == nil {
				return errAt(r.Pos, "zero size shared memory zone \"%s\"", r.Zone)
			}
			lim := reqLimit{zone: zone, burst: int64(r.Burst) * 1000, delay: int64(r.Delay) * 1000}
			if r.NoDelay {
				lim.delay = math.MaxInt64 / 2000
			}
			ls.limits = append(ls.limits, lim)
		}
		loc.addPreaccess(preaccessLimitReq, ls.handle)
	}
	if len(conf.Conn.V) > 0 {
		return compileLimitConn(c, loc, conf)
	}
	return nil
}

// monotonic is a clock in milliseconds that never goes back.
func monotonic() int64 { return int64(time.Since(processStart) / time.Millisecond) }

var processStart = time.Now()

// handle lets a request pass, makes it wait, or refuses it.
//
// See: ngx_http_limit_req_handler.
func (ls *reqLimits) handle(r *Request) rc {
	if r.main.modules.limitReqStatus != "" || r.background {
		return declined
	}
	var held [8]*limitNode[reqNode]
	nodes := held[:0]
	var excess int64
	c := declined
	at := 0
	for i := range ls.limits {
		lim := &ls.limits[i]
		key := lim.zone.key.eval(r)
		if key == "" {
			continue
		}
		if len(key) > 65535 {
			r.logf(logError, "the value of the \"%s\" key is more than 65535 bytes: \"%s\"", lim.zone.conf.Key.Text, key)
			continue
		}
		at = i
		var n *limitNode[reqNode]
		excess, n, c = lim.lookup(key, i == len(ls.limits)-1)
		if c != again {
			break
		}
		nodes = append(nodes, n)
	}
	if c == declined {
		return declined
	}
	dry := pick(ls.dryRun, ", dry run", "")
	if c == 503 || c == failed {
		if c == 503 {
			r.logf(ls.level, "limiting requests%s, excess: %d.%03d by zone \"%s\"", dry, excess/1000, excess%1000, ls.limits[at].zone.conf.Name)
		} else {
			r.logf(logAlert, "could not allocate node in limit_req zone \"%s\"", ls.limits[at].zone.conf.Name)
		}
		ls.unlock(nodes)
		if ls.dryRun {
			r.main.modules.limitReqStatus = "REJECTED_DRY_RUN"
			return declined
		}
		r.main.modules.limitReqStatus = "REJECTED"
		return rc(ls.status)
	}
	if c == again {
		excess = 0
	}
	wait, excess, zone := ls.account(nodes, excess, at)
	if wait == 0 {
		r.main.modules.limitReqStatus = "PASSED"
		return declined
	}
	r.logf(ls.delay, "delaying request%s, excess: %d.%03d, by zone \"%s\"", dry, excess/1000, excess%1000, zone.conf.Name)
	if ls.dryRun {
		r.main.modules.limitReqStatus = "DELAYED_DRY_RUN"
		return declined
	}
	r.main.modules.limitReqStatus = "DELAYED"
	if c := r.pause(time.Duration(wait) * time.Millisecond); c != ok {
		return c
	}
	return declined
}

// again is nginx's NGX_AGAIN.
const again rc = -2

// leak is a bucket's excess now, with one more request in it.
func (n *reqNode) leak(now, rate int64) (excess, ms int64) {
	ms = now - n.last
	if ms < 0 {
		ms = 1
	}
	return max(n.excess-rate*ms/1000+1000, 0), ms
}

// lookup tests one limit. ok or again: it lets the request pass; ok has
// counted it, again leaves that to account.
//
// See: ngx_http_limit_req_lookup.
func (lim *reqLimit) lookup(key string, account bool) (int64, *limitNode[reqNode], rc) {
	t := lim.zone.table
	now := monotonic()
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.find(key); n != nil {
		excess, ms := n.data.leak(now, lim.zone.rate)
		if excess > lim.burst {
			return excess, nil, 503
		}
		if account {
			n.data.excess = excess
			if ms > 0 {
				n.data.last = now
			}
			return excess, n, ok
		}
		n.data.count++
		return excess, n, again
	}
	idle := func(d *reqNode) bool { return d.count == 0 }
	t.expire(func(d *reqNode) bool {
		if d.count != 0 || now-d.last < 60000 {
			return false
		}
		return d.excess-lim.zone.rate*(now-d.last)/1000 <= 0
	})
	n := t.add(key, idle)
	if n == nil {
		return 0, nil, failed
	}
	n.data.last = now
	if account {
		return 0, n, ok
	}
	n.data.count = 1
	return 0, n, again
}

// account counts the request in every limit and gives the longest wait, in
// milliseconds.
//
// See: ngx_http_limit_req_account.
func (ls *reqLimits) account(nodes []*limitNode[reqNode], excess int64, at int) (int64, int64, *reqZone) {
	lim := &ls.limits[at]
	wait, zone := int64(0), lim.zone
	if excess > lim.delay {
		wait = (excess - lim.delay) * 1000 / zone.rate
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		lim := ls.limitOf(nodes[i])
		t := lim.zone.table
		now := monotonic()
		t.mu.Lock()
		d := &nodes[i].data
		e, ms := d.leak(now, lim.zone.rate)
		if ms > 0 {
			d.last = now
		}
		d.excess = e
		d.count--
		t.mu.Unlock()
		if e <= lim.delay {
			continue
		}
		if w := (e - lim.delay) * 1000 / lim.zone.rate; w > wait {
			wait, excess, zone = w, e, lim.zone
		}
	}
	return wait, excess, zone
}

// limitOf finds the limit whose table holds the node.
func (ls *reqLimits) limitOf(n *limitNode[reqNode]) *reqLimit {
	for i := range ls.limits {
		t := ls.limits[i].zone.table
		t.mu.Lock()
		e := t.nodes[n.key]
		t.mu.Unlock()
		if e != nil && e.Value.(*limitNode[reqNode]) == n {
			return &ls.limits[i]
		}
	}
	return &ls.limits[0]
}

// unlock takes back the look-ups of limits that came before a refusal.
func (ls *reqLimits) unlock(nodes []*limitNode[reqNode]) {
	for _, n := range nodes {
		t := ls.limitOf(n).zone.table
		t.mu.Lock()
		n.data.count--
		t.mu.Unlock()
	}
}
