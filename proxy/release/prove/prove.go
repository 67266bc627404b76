package prove

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/expr"
	"huidu/luacompat/lift"
	"huidu/luacompat/resty/redis/link"
	"huidu/nginxconf"
	"huidu/proxy/release"
)

// Input is a script and the rule that is to be the same.
type Input struct {
	Script      luacompat.Chunk
	Phase       luacompat.Phase
	Prefix      string
	PackagePath string
	MapPath     func(string) string
	Dicts       map[string]int64 // lua_shared_dict, with their sizes
	Rule        *nginxconf.Release
	Facts       *lift.Rule // what the rule asks
	Seed        uint64
	Count       int
	Extra       []*Case // recorded requests; their worlds are made up
	// Stable is the target of on_store_failure: where the store fails the
	// rule goes there instead of doing what the script does.
	Stable string
}

// Result is what a proof saw.
type Result struct {
	Cases    int
	Recorded int
	Seed     uint64
	Repeated int // runs that differed once because a timeout passed
	Branches int // ways that the rule's conditions can go
	Reached  int
	Missing  []string // conditions of which one way was never gone
}

// Mismatch is a case in which rule and script differ.
type Mismatch struct {
	Number       int
	Case         *Case
	Script, Rule string
}

func (m *Mismatch) Error() string {
	return fmt.Sprintf("case %d: script and rule differ\ncase: %s\nscript: %s\nrule:   %s", m.Number, m.Case, m.Script, m.Rule)
}

// String shows a case.
func (c *Case) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s ?%s now=%d", c.Method, c.Args, c.Now.Unix())
	for i, h := range c.Headers {
		if i < 12 {
			fmt.Fprintf(&b, " [%s: %s]", h.Key, h.Value)
		}
	}
	names := make([]string, 0, len(c.Vars))
	for n := range c.Vars {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		fmt.Fprintf(&b, " $%s=%q", n, c.Vars[n])
	}
	fmt.Fprintf(&b, " refuse=%v auth=%q replies=%q dice=%.3v", c.Refuse, c.Auth, c.Replies, c.Dice)
	return b.String()
}

// fails reports whether the store of the case does.
func (c *Case) fails() bool {
	bad := c.Refuse || c.Auth != "+OK"
	for _, r := range c.Replies {
		bad = bad || r == "" || r[0] == '-'
	}
	return bad
}

// overrides makes a script's time and chance those of the case.
const overrides = `
local time, date, now = os.time, os.date, ngx.time
os.time = function(t) if t == nil then return now() end return time(t) end
os.date = function(f, t) return date(f, t or now()) end
math.random = function(...)
	local d, n = tonumber(ngx.var.` + drawVar + `), select("#", ...)
	local a, b = ...
	if n == 0 then return d end
	if n == 1 then return math.floor(d * a) + 1 end
	return math.floor(d * (b - a + 1)) + a
end
`

// side is one of the two engines.
type side struct {
	srv   *server
	dicts *luacompat.SharedDicts
	run   func(ctx context.Context, req luacompat.Request) (luacompat.Outcome, error)
	done  func(req *request)
	end   func()
}

// Run proves. The error is a *Mismatch, or why nothing could be run.
func Run(in Input) (*Result, error) {
	now := &clock{}
	script, err := in.scriptSide(now)
	if err != nil {
		return nil, err
	}
	defer script.end()
	cover := &release.Cover{}
	rule, err := in.ruleSide(now, cover)
	if err != nil {
		return nil, err
	}
	defer rule.end()
	g := newGenerator(in.Seed, in.Facts)
	res := &Result{Seed: in.Seed}
	one := func(c *Case) error {
		now.t = c.Now
		g.dicts(c)
		// All that a case holds is the same in every run of it, but the time
		// that a script waits for Redis is real: on a machine that stands still
		// it passes, on one side or the other. What differs in every run differs.
		for try := 1; ; try++ {
			a := script.observe(c)
			b := rule.observe(c)
			if a == b || in.Stable != "" && c.fails() && strings.HasPrefix(b, fmt.Sprintf("outcome {Kind:%d Status:0 URI:%s ", luacompat.Exec, in.Stable)) {
				break
			}
			if try == maxTries {
				return &Mismatch{res.Cases + res.Recorded + 1, c, a, b}
			}
			res.Repeated++
			script.srv.hangUp()
			rule.srv.hangUp()
		}
		return nil
	}
	for range in.Count {
		if err := one(g.next()); err != nil {
			return res, err
		}
		res.Cases++
	}
	for _, extra := range in.Extra {
		c := g.next()
		c.Method, c.Headers, c.Args = extra.Method, extra.Headers, extra.Args
		for k, v := range extra.Vars {
			c.Vars[k] = v
		}
		if err := one(c); err != nil {
			return res, err
		}
		res.Recorded++
	}
	for _, w := range cover.Whens {
		res.Branches += 2
		for _, hit := range []bool{w.Then.Load(), w.Else.Load()} {
			if hit {
				res.Reached++
			}
		}
		if !w.Then.Load() || !w.Else.Load() {
			res.Missing = append(res.Missing, w.Cond)
		}
	}
	return res, nil
}

// maxTries is how often a case is run before its difference counts.
const maxTries = 4

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func (in *Input) zones(now func() time.Time) (*luacompat.SharedDicts, error) {
	dicts := luacompat.NewSharedDicts(now)
	for name, size := range in.Dicts {
		if _, err := dicts.Declare(name, size); err != nil {
			return nil, err
		}
	}
	return dicts, nil
}

func (in *Input) scriptSide(now *clock) (*side, error) {
	srv, err := newServer()
	if err != nil {
		return nil, err
	}
	dicts, err := in.zones(now.now)
	if err != nil {
		return nil, err
	}
	rt, err := luacompat.New(luacompat.Options{Prefix: in.Prefix, PackagePath: in.PackagePath, MapPath: in.MapPath, Dicts: dicts, Dial: srv.dial, Now: now.now})
	if err != nil {
		return nil, err
	}
	init, err := rt.Compile(luacompat.Chunk{Directive: "init_by_lua_block", Name: "=init_by_lua(prove)", Source: overrides, Inline: true, Phase: luacompat.PhaseInit})
	if err != nil {
		return nil, err
	}
	if err := rt.Init(context.Background(), init); err != nil {
		return nil, err
	}
	s, err := rt.Compile(in.Script)
	if err != nil {
		return nil, err
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	run := func(ctx context.Context, req luacompat.Request) (luacompat.Outcome, error) {
		if in.Phase == luacompat.PhaseSet {
			return s.RunSet(ctx, req, nil)
		}
		return s.Run(ctx, in.Phase, req)
	}
	return &side{srv: srv, dicts: dicts, run: run, done: func(r *request) {
		rt.Release(r.state)
		r.state = nil
	}, end: func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		rt.Shutdown(ctx)
		srv.close()
	}}, nil
}

func (in *Input) ruleSide(now *clock, cover *release.Cover) (*side, error) {
	srv, err := newServer()
	if err != nil {
		return nil, err
	}
	dicts, err := in.zones(now.now)
	if err != nil {
		return nil, err
	}
	hub := link.NewHub(link.Options{Dial: srv.dial})
	var current *request
	rule, err := release.Compile(in.Rule, release.Options{Hub: hub, Dict: dicts.Zone, Now: now.now, Cover: cover,
		Rand: func() float64 { return current.draw() }})
	if err != nil {
		return nil, err
	}
	return &side{srv: srv, dicts: dicts, run: func(ctx context.Context, req luacompat.Request) (luacompat.Outcome, error) {
		current = req.(*request)
		return rule.Run(ctx, in.Phase, req)
	}, done: func(*request) {}, end: func() {
		hub.Close()
		srv.close()
	}}, nil
}

var tableAddress = regexp.MustCompile(`table: 0x[0-9a-f]+`)

// observe runs a case and says all that the outside can see of it.
func (s *side) observe(c *Case) string {
	i := 0
	s.srv.begin(c, func(words []string) string {
		rep := c.Replies[i%len(c.Replies)]
		i++
		if rep == matchArg {
			return bulk(words[len(words)-1])
		}
		return rep
	})
	for name, d := range s.dicts.Zones() {
		d.Flush()
		for k, v := range c.Dict[name] {
			d.Put(k, v.(expr.Value), 0)
		}
	}
	r := newRequest(c)
	out, err := s.run(context.Background(), r)
	s.done(r)
	if c.Refuse || c.Auth != "+OK" {
		s.srv.hangUp()
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "outcome %+v", out)
	var fault *luacompat.ScriptError
	if errors.As(err, &fault) {
		b.WriteString(" fault")
	} else if err != nil {
		fmt.Fprintf(&b, " error %v", err)
	}
	fmt.Fprintf(&b, " status %d sent %v eof %v headers %v body %q", r.status, r.sent, r.eof, r.resp, r.body.String())
	for _, name := range sorted(r.vars) {
		if v := r.vars[name]; v != c.Vars[name] {
			fmt.Fprintf(&b, " $%s=%q", name, v)
		}
	}
	for name := range c.Vars {
		if _, ok := r.vars[name]; !ok {
			fmt.Fprintf(&b, " no $%s", name)
		}
	}
	if !slices.Equal(r.head, c.Headers) {
		fmt.Fprintf(&b, " request headers %v", r.head)
	}
	fmt.Fprintf(&b, " draws %d redis %q", r.draws, s.srv.commands())
	names := s.dicts.Zones()
	for _, name := range sorted(names) {
		b.WriteString(" dict " + name + names[name].Dump())
	}
	return tableAddress.ReplaceAllString(b.String(), "table: 0x")
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// dicts fills shared memory with what the script may look for.
func (g *generator) dicts(c *Case) {
	for _, name := range unique(g.facts.Dicts) {
		c.Dict[name] = map[string]any{}
		for range g.r.IntN(6) {
			k := g.text()
			if g.chance(0.3) {
				k = g.texts[g.r.IntN(len(g.texts))] + g.text()
			}
			if k == "" {
				continue
			}
			v := expr.Text(g.text())
			switch g.r.IntN(5) {
			case 0:
				v = expr.Bool(g.chance(0.5))
			case 1:
				v = expr.Num(float64(g.r.IntN(3)))
			}
			c.Dict[name][k] = v
		}
	}
}

// Spec is a lifted rule as the configuration has it.
func Spec(phase string, steps []lift.Step, file string) *nginxconf.Release {
	return &nginxconf.Release{Phase: phase, Steps: spec(steps, file), Pos: nginxconf.Pos{File: file, Line: 1}}
}

func spec(steps []lift.Step, file string) (out []nginxconf.ReleaseStep) {
	for i, s := range steps {
		out = append(out, nginxconf.ReleaseStep{Name: s.Name, Args: s.Args, Kids: spec(s.Kids, file), Pos: nginxconf.Pos{File: file, Line: i + 1}})
	}
	return out
}
