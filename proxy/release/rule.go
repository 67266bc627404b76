package release

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/expr"
	"huidu/luacompat/resty/redis/link"
)

// Options is what rules need of their host.
type Options struct {
	Hub  *link.Hub
	Dict func(name string) *luacompat.Dict // a shared dict, nil when there is none
	Now  func() time.Time                  // nil: time.Now
	Rand func() float64                    // nil: math/rand
	// Cover, when it is not nil, is told which ways conditions go.
	Cover *Cover
}

// Cover counts the ways that the conditions of a rule went.
type Cover struct{ Whens []*When }

// When is one condition of a rule.
type When struct {
	Cond       string
	Then, Else atomic.Bool
}

// Rule is a compiled rule, safe for concurrent use.
type Rule struct {
	opts   Options
	steps  []step
	slots  int
	stores int
	runs   sync.Pool
	policy *policy

	running atomic.Int32
}

// flow is how a step went.
type flow uint8

const (
	next   flow = iota
	ended       // the outcome stands
	done        // the rule ran to its end
	failed      // a store failed and the rule says what then
)

// step is one compiled step.
type step func(r *run) flow

// run is one run of a rule. It is the expressions' Host, too.
type run struct {
	expr.Frame
	rule   *Rule
	ctx    context.Context
	phase  luacompat.Phase
	req    luacompat.Request
	out    luacompat.Outcome
	stores []store
	q      link.Request
	buf    []byte
	words  []expr.Value
	look   HeaderFinder // req, when it is one
}

// HeaderFinder is a Request that finds a header without making a list of all:
// the value and the number of the headers, among the first limit (0: all),
// for which equal holds.
type HeaderFinder interface {
	FindHeader(limit int, name string, equal func(header, name string) bool) (first string, n int)
}

// Run runs the rule for a request, as luacompat.Script.Run runs a script.
func (rule *Rule) Run(ctx context.Context, phase luacompat.Phase, req luacompat.Request) (out luacompat.Outcome, err error) {
	r, _ := rule.runs.Get().(*run)
	if r == nil {
		r = &run{rule: rule, stores: make([]store, rule.stores)}
		r.Slots = make([]expr.Value, rule.slots)
		r.Now, r.Rand = rule.opts.Now, rule.opts.Rand
		if r.Now == nil {
			r.Now = time.Now
		}
		if r.Rand == nil {
			r.Rand = rand.Float64
		}
		r.Host = host{r}
	}
	r.ctx, r.phase, r.req = ctx, phase, req
	r.look, _ = req.(HeaderFinder)
	rule.running.Add(1)
	defer func() {
		rule.running.Add(-1)
		if p := recover(); p != nil {
			f, ok := p.(*expr.Fault)
			if !ok {
				panic(p)
			}
			out, err = r.fault(f)
		}
		r.free()
	}()
	f := r.steps(rule.steps)
	if f == failed {
		rule.policy.apply(r)
		f = ended
	}
	return luacompat.Leave(phase, req, r.out, f == next || f == done)
}

func (r *run) steps(list []step) flow {
	for _, s := range list {
		if f := s(r); f != next {
			return f
		}
	}
	return next
}

// fault ends the request as an error in a script does.
func (r *run) fault(f *expr.Fault) (luacompat.Outcome, error) {
	r.req.Log(logErr, "release rule: "+f.Msg)
	return luacompat.Faulted(r.phase, r.req, f.Msg)
}

func (r *run) free() {
	for i := range r.stores {
		r.stores[i].end()
	}
	clear(r.Slots)
	clear(r.words)
	r.q.Reset()
	r.ctx, r.req, r.look, r.out = nil, nil, nil, luacompat.Outcome{}
	r.rule.runs.Put(r)
}

const (
	logErr  = 4
	logWarn = 5
)
