package proxy

import (
	"container/list"
	"sync"

	"huidu/nginxconf"
)

// limitTable is what a limit_req_zone or limit_conn_zone holds: a node per
// key, the least recently used last. Its memory is bounded by the zone's size,
// and a reload keeps it.
type limitTable[N any] struct {
	mu    sync.Mutex
	nodes map[string]*list.Element
	order *list.List // of *limitNode[N], the most recently used first
	used  int64
	size  int64
}

type limitNode[N any] struct {
	key  string
	data N
}

// limitNodeCost is what a node takes of its zone besides its key, about what
// nginx's slabs make of it.
const limitNodeCost = 64

func newLimitTable[N any](size int64) *limitTable[N] {
	return &limitTable[N]{nodes: map[string]*list.Element{}, order: list.New(), size: size}
}

// find returns the node for a key and makes it the most recently used one.
func (t *limitTable[N]) find(key string) *limitNode[N] {
	e := t.nodes[key]
	if e == nil {
		return nil
	}
	t.order.MoveToFront(e)
	return e.Value.(*limitNode[N])
}

// add makes a node. Idle nodes go to make room; nil when none may go.
func (t *limitTable[N]) add(key string, idle func(*N) bool) *limitNode[N] {
	cost := limitNodeCost + int64(len(key))
	for t.used+cost > t.size {
		e := t.order.Back()
		for tries := 0; e != nil && tries < 5 && !idle(&e.Value.(*limitNode[N]).data); tries++ {
			e = e.Prev()
		}
		if e == nil || !idle(&e.Value.(*limitNode[N]).data) {
			return nil
		}
		t.remove(e)
	}
	n := &limitNode[N]{key: string([]byte(key))}
	t.nodes[n.key] = t.order.PushFront(n)
	t.used += cost
	return n
}

func (t *limitTable[N]) remove(e *list.Element) {
	n := t.order.Remove(e).(*limitNode[N])
	delete(t.nodes, n.key)
	t.used -= limitNodeCost + int64(len(n.key))
}

// drop removes the node of a key.
func (t *limitTable[N]) drop(key string) {
	if e := t.nodes[key]; e != nil {
		t.remove(e)
	}
}

// expire removes up to two idle nodes from the end, as nginx does on every
// new one.
func (t *limitTable[N]) expire(idle func(*N) bool) {
	for range 2 {
		e := t.order.Back()
		if e == nil || !idle(&e.Value.(*limitNode[N]).data) {
			return
		}
		t.remove(e)
	}
}

// reqZone is a compiled limit_req_zone.
type reqZone struct {
	conf  *nginxconf.LimitZone
	key   value
	rate  int64 // requests per 1000 seconds
	table *limitTable[reqNode]
}

// connZone is a compiled limit_conn_zone.
type connZone struct {
	conf  *nginxconf.LimitZone
	key   value
	table *limitTable[int]
}

// zones compiles the zones of limit_req and limit_conn; those that a reload
// did not change keep their counts.
func (c *compiler) zones() error {
	rt, old := c.rt, c.rt.opts.old
	rt.reqLimits, rt.connLimits = map[string]*reqZone{}, map[string]*connZone{}
	for name, z := range c.http.LimitReqZones {
		key, err := c.value(z.Key, z.Pos)
		if err != nil {
			return err
		}
		zone := &reqZone{conf: z, key: key, rate: int64(z.Rate)}
		if old != nil {
			if o := old.reqLimits[name]; o != nil && o.conf.Size == z.Size && o.conf.Key.Text == z.Key.Text {
				zone.table = o.table
			}
		}
		if zone.table == nil {
			zone.table = newLimitTable[reqNode](z.Size)
		}
		rt.reqLimits[name] = zone
	}
	for name, z := range c.http.LimitConnZones {
		key, err := c.value(z.Key, z.Pos)
		if err != nil {
			return err
		}
		zone := &connZone{conf: z, key: key}
		if old != nil {
			if o := old.connLimits[name]; o != nil && o.conf.Size == z.Size && o.conf.Key.Text == z.Key.Text {
				zone.table = o.table
			}
		}
		if zone.table == nil {
			zone.table = newLimitTable[int](z.Size)
		}
		rt.connLimits[name] = zone
	}
	return nil
}
