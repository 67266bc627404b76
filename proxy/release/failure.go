package release

import (
	"container/list"
	"fmt"
	"strings"
	"sync"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/expr"
)

// policy is on_store_failure: what holds when a store does not answer.
type policy struct {
	target string
	known  *memory // of last_known
}

// makePolicy is on_store_failure stable TARGET, or last_known TIME TARGET.
func makePolicy(c *compiler, args []string) (step, error) {
	if c.rule.policy != nil {
		return nil, fmt.Errorf(`"on_store_failure" is there twice`)
	}
	switch {
	case args[0] == "stable" && len(args) == 2:
		c.rule.policy = &policy{target: args[1]}
	case args[0] == "last_known" && len(args) == 3:
		d, err := duration(args[1])
		if err != nil {
			return nil, err
		}
		c.rule.policy = &policy{target: args[2], known: newMemory(d)}
	default:
		return nil, fmt.Errorf(`"on_store_failure" takes: stable TARGET, or last_known TIME TARGET`)
	}
	return nil, nil
}

// apply ends the run at the policy's target.
func (p *policy) apply(r *run) {
	out, err := luacompat.ExecOutcome(r.req, p.target, "")
	if err != nil {
		expr.Raise("%s", err.Error())
	}
	r.out = out
}

// maxKnown bounds how many answers a rule remembers.
const maxKnown = 10000

// memory holds the last answers of a rule's stores, the newest first.
type memory struct {
	bound time.Duration

	mu    sync.Mutex
	items map[string]*list.Element
	order list.List
}

type known struct {
	key  string
	v    expr.Value
	when time.Time
}

func newMemory(bound time.Duration) *memory {
	return &memory{bound: bound, items: map[string]*list.Element{}}
}

// keep remembers an answer.
func (m *memory) keep(key string, v expr.Value, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.items[key]; e != nil {
		*e.Value.(*known) = known{key, v, now}
		m.order.MoveToFront(e)
		return
	}
	m.items[key] = m.order.PushFront(&known{key, v, now})
	if len(m.items) > maxKnown {
		last := m.order.Back()
		delete(m.items, last.Value.(*known).key)
		m.order.Remove(last)
	}
}

// last is what was answered within the bound.
func (m *memory) last(key string, now time.Time) (expr.Value, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.items[key]
	if e == nil {
		return expr.Value{}, false
	}
	k := e.Value.(*known)
	if now.Sub(k.when) > m.bound {
		return expr.Value{}, false
	}
	return k.v, true
}

// question is a command as a key of memory.
func question(store int, cmd string, words []expr.Value) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", store, cmd)
	for _, w := range words {
		b.WriteByte(0)
		b.WriteString(w.ToString())
	}
	return b.String()
}
