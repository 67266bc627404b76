package release

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/expr"
	"huidu/nginxconf"
)

// compiler is the one pass over a rule.
type compiler struct {
	rule   *Rule
	scope  expr.Scope
	stores map[string]int
	addrs  map[int]*address // of stores that the first ask opens
}

// Compile checks and compiles a rule. Errors name the step's place.
func Compile(spec *nginxconf.Release, o Options) (*Rule, error) {
	c := &compiler{rule: &Rule{opts: o}, stores: map[string]int{}, addrs: map[int]*address{}}
	c.declare(spec.Steps)
	steps, err := c.block(spec.Steps)
	if err != nil {
		return nil, err
	}
	c.rule.steps, c.rule.slots, c.rule.stores = steps, c.scope.Len(), len(c.stores)
	return c.rule, nil
}

// results are the steps whose first argument is the name of what they give.
var results = map[string]bool{"let": true, "connect": true, "auth": true, "select": true, "ask": true, "keepalive": true,
	"close": true, "dict_get": true, "dict_set": true, "try": true}

// hasError are those that also give $name_error.
var hasError = map[string]bool{"connect": true, "auth": true, "select": true, "ask": true, "dict_get": true, "dict_set": true,
	"keepalive": true, "close": true}

// declare gives slots to all names first, so that an expression never takes a
// name of the rule for a variable.
func (c *compiler) declare(steps []nginxconf.ReleaseStep) {
	for i := range steps {
		s := &steps[i]
		if results[s.Name] && len(s.Args) > 0 && strings.HasPrefix(s.Args[0], "$") {
			c.scope.Declare(s.Args[0][1:])
			if hasError[s.Name] {
				c.scope.Declare(s.Args[0][1:] + "_error")
			}
		}
		c.declare(s.Kids)
	}
}

func (c *compiler) block(steps []nginxconf.ReleaseStep) ([]step, error) {
	var out []step
	for i := 0; i < len(steps); i++ {
		s := &steps[i]
		var other *nginxconf.ReleaseStep
		if s.Name == "when" && i+1 < len(steps) && steps[i+1].Name == "otherwise" {
			i++
			other = &steps[i]
		}
		st, err := c.step(s, other)
		if err != nil {
			return nil, fmt.Errorf("%w in %s:%d", err, s.Pos.File, s.Pos.Line)
		}
		if st != nil {
			out = append(out, st)
		}
	}
	return out, nil
}

func (c *compiler) step(s, other *nginxconf.ReleaseStep) (step, error) {
	switch s.Name {
	case "when":
		return c.when(s, other)
	case "try":
		return c.try(s)
	}
	make := makers[s.Name]
	if make == nil {
		return nil, fmt.Errorf(`"%s" is no step of a release rule`, s.Name)
	}
	return make(c, s.Args)
}

func (c *compiler) expr(text string) (expr.Func, error) {
	e, err := expr.Parse(text)
	if err != nil {
		return nil, err
	}
	return expr.Compile(e, &c.scope)
}

// slot is the slot of a result's name.
func (c *compiler) slot(name string) (int, error) {
	if !strings.HasPrefix(name, "$") {
		return 0, fmt.Errorf("a name like $name is expected, not %q", name)
	}
	i, _ := c.scope.Slot(name[1:])
	return i, nil
}

// errSlot is the slot of the error that goes with a result.
func (c *compiler) errSlot(name string) int {
	i, _ := c.scope.Slot(name[1:] + "_error")
	return i
}

func (c *compiler) dict(name string) *luacompat.Dict {
	if c.rule.opts.Dict == nil {
		return nil
	}
	return c.rule.opts.Dict(name)
}

func (c *compiler) store(name string) int {
	i, ok := c.stores[name]
	if !ok {
		i = len(c.stores)
		c.stores[name] = i
	}
	return i
}

func (c *compiler) when(s, other *nginxconf.ReleaseStep) (step, error) {
	cond, err := c.expr(s.Args[0])
	if err != nil {
		return nil, err
	}
	then, err := c.block(s.Kids)
	if err != nil {
		return nil, err
	}
	var els []step
	if other != nil {
		if els, err = c.block(other.Kids); err != nil {
			return nil, err
		}
	}
	if cover := c.rule.opts.Cover; cover != nil {
		w, plain := &When{Cond: s.Args[0]}, cond
		cover.Whens = append(cover.Whens, w)
		cond = func(f *expr.Frame) expr.Value {
			v := plain(f)
			if v.Truthy() {
				w.Then.Store(true)
			} else {
				w.Else.Store(true)
			}
			return v
		}
	}
	return func(r *run) flow {
		if cond(&r.Frame).Truthy() {
			return r.steps(then)
		}
		return r.steps(els)
	}, nil
}

// try runs steps in which a fault does not end the request: $ok is false then.
func (c *compiler) try(s *nginxconf.ReleaseStep) (step, error) {
	at, err := c.slot(s.Args[0])
	if err != nil {
		return nil, err
	}
	body, err := c.block(s.Kids)
	if err != nil {
		return nil, err
	}
	return func(r *run) (f flow) {
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(*expr.Fault); !ok {
					panic(p)
				}
				r.Slots[at] = expr.Bool(false)
			}
		}()
		r.Slots[at] = expr.Bool(true)
		return r.steps(body)
	}, nil
}

// word is a compiled word: a value, and the same as text in the several ways
// that texts are made.
type word struct {
	val   expr.Func
	parts []wordPart // when it is text with names in it
}

type wordPart struct {
	lit string
	val expr.Func
}

// word compiles text with $names; "$$" is a dollar sign.
func (c *compiler) word(s string) (word, error) {
	var parts []wordPart
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			parts = append(parts, wordPart{lit: s})
			break
		}
		if i > 0 {
			parts = append(parts, wordPart{lit: s[:i]})
		}
		s = s[i+1:]
		if strings.HasPrefix(s, "$") {
			parts = append(parts, wordPart{lit: "$"})
			s = s[1:]
			continue
		}
		n := 0
		name := s
		if strings.HasPrefix(s, "{") {
			if n = strings.IndexByte(s, '}'); n < 0 {
				return word{}, fmt.Errorf(`the "{" of a name is not closed`)
			}
			name, s = s[1:n], s[n+1:]
		} else {
			for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || s[n] >= '0' && s[n] <= '9') {
				n++
			}
			name, s = s[:n], s[n:]
		}
		if name == "" {
			return word{}, fmt.Errorf(`a name is expected after "$" ("$$" is a dollar sign)`)
		}
		f, err := expr.Compile(&expr.Ref{Name: name}, &c.scope)
		if err != nil {
			return word{}, err
		}
		parts = append(parts, wordPart{val: f})
	}
	if len(parts) == 1 && parts[0].val != nil {
		return word{val: parts[0].val}, nil
	}
	lit, all := "", true
	for _, p := range parts {
		all = all && p.val == nil
		lit += p.lit
	}
	if all {
		v := expr.Text(lit)
		return word{val: func(*expr.Frame) expr.Value { return v }}, nil
	}
	joined := func(f *expr.Frame) expr.Value {
		var b strings.Builder
		for _, p := range parts {
			if p.val == nil {
				b.WriteString(p.lit)
				continue
			}
			b.WriteString(expr.Join(p.val(f)))
		}
		return expr.Text(b.String())
	}
	return word{val: joined, parts: parts}, nil
}

func (c *compiler) words(list []string) ([]word, error) {
	out := make([]word, len(list))
	for i, s := range list {
		w, err := c.word(s)
		if err != nil {
			return nil, err
		}
		out[i] = w
	}
	return out, nil
}

// duration reads a time as nginx does: ms, s, m, h.
func duration(s string) (time.Duration, error) {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(n) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("invalid time %q", s)
	}
	return d, nil
}
