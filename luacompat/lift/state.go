package lift

import (
	"github.com/yuin/gopher-lua/ast"

	"huidu/luacompat/expr"
)

// value is what a Lua variable holds: a term, or something of Lua's that is
// known: a *table, *closure, *path, *handle or *choice between two values.
type value interface{}

// table is a table that the script made; what it holds is in the state.
type table struct {
	module bool // made while a module was loaded: it lives on between requests
}

// closure is a function of the script.
type closure struct {
	fn    *ast.FunctionExpr
	sc    *scope
	chunk *chunk
	name  string
}

// path is a function or table of the host, by its name: ngx.req.get_headers.
type path struct{ name string }

// handle is an object of resty.redis.
type handle struct{ name string }

// headersOf and argsOf are the tables of get_headers and get_uri_args.
type headersOf struct{ limit int }
type argsOf struct{ limit int }

// choice is a when cond holds, else b; at least one is no term.
type choice struct {
	cond term
	a, b value
}

// opaque is a value that cannot be known; using it is refused.
type opaque struct{ why string }

// cell is a variable.
type cell struct {
	name   string
	module bool
}

// scope finds the cell of a name; scopes are never changed.
type scope struct {
	up   *scope
	name string
	cell *cell
}

func (s *scope) find(name string) *cell {
	for ; s != nil; s = s.up {
		if s.name == name {
			return s.cell
		}
	}
	return nil
}

// state is what holds at one point of one path.
type state struct {
	cells   map[*cell]value
	tables  map[*table]map[expr.Value]value
	array   map[*table]int // 1..n are there, and nothing else but string keys
	globals map[string]value
	facts   map[string]bool // of printed terms: their truth on this path
	bound   map[string]*expr.Ref
	vars    map[string]term // ngx.var.x that the script has set
	changed bool            // a variable was set that others may depend on
	headers bool            // a request header was changed
	kept    map[*handle]string
}

func newState() *state {
	return &state{cells: map[*cell]value{}, tables: map[*table]map[expr.Value]value{}, array: map[*table]int{}, globals: map[string]value{},
		facts: map[string]bool{}, bound: map[string]*expr.Ref{}, vars: map[string]term{}, kept: map[*handle]string{}}
}

func clone[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func (s *state) clone() *state {
	t := *s
	t.cells, t.array, t.globals, t.facts = clone(s.cells), clone(s.array), clone(s.globals), clone(s.facts)
	t.bound, t.vars, t.kept = clone(s.bound), clone(s.vars), clone(s.kept)
	t.tables = make(map[*table]map[expr.Value]value, len(s.tables))
	for k, v := range s.tables {
		t.tables[k] = clone(v)
	}
	return &t
}

// assume notes that a condition holds, or does not.
func (s *state) assume(c term, truth bool) {
	s.facts[expr.Print(c)] = truth
	switch c := c.(type) {
	case *expr.Unary:
		if c.Op == "not" {
			s.assume(c.X, !truth)
		}
	case *expr.Binary:
		switch {
		case c.Op == "and" && truth, c.Op == "or" && !truth:
			s.assume(c.L, truth)
			s.assume(c.R, truth)
		}
	}
}

// join is the state where two paths meet: a where c held, b where not.
func (x *exec) join(c term, a, b *state) *state {
	if a == b {
		return a
	}
	out := newState()
	for k, va := range a.cells {
		if vb, ok := b.cells[k]; ok {
			out.cells[k] = x.pick(c, va, vb)
		} else {
			out.cells[k] = va
		}
	}
	for k, vb := range b.cells {
		if _, ok := a.cells[k]; !ok {
			out.cells[k] = vb
		}
	}
	for t, ma := range a.tables {
		mb, ok := b.tables[t]
		if !ok {
			out.tables[t], out.array[t] = ma, a.array[t]
			continue
		}
		m := map[expr.Value]value{}
		for k, va := range ma {
			vb, ok := mb[k]
			if !ok {
				vb = tNil
			}
			m[k] = x.pick(c, va, vb)
		}
		for k, vb := range mb {
			if _, ok := ma[k]; !ok {
				m[k] = x.pick(c, tNil, vb)
			}
		}
		out.tables[t] = m
		if out.array[t] = a.array[t]; a.array[t] != b.array[t] {
			out.array[t] = -1
		}
	}
	for t, mb := range b.tables {
		if _, ok := a.tables[t]; !ok {
			out.tables[t], out.array[t] = mb, b.array[t]
		}
	}
	for k, va := range a.globals {
		if vb, ok := b.globals[k]; ok {
			out.globals[k] = x.pick(c, va, vb)
		} else {
			out.globals[k] = &opaque{"the global " + k + " is not set on every path"}
		}
	}
	for k := range b.globals {
		if _, ok := a.globals[k]; !ok {
			out.globals[k] = &opaque{"the global " + k + " is not set on every path"}
		}
	}
	for k, v := range a.facts {
		if w, ok := b.facts[k]; ok && v == w {
			out.facts[k] = v
		}
	}
	for k, v := range a.bound {
		if w, ok := b.bound[k]; ok && v == w {
			out.bound[k] = v
		}
	}
	for k, v := range a.vars {
		w, ok := b.vars[k]
		if !ok {
			out.vars[k] = nil // not known: reading it is refused
		} else if v != nil && w != nil {
			out.vars[k] = x.cond(c, v, w)
		} else {
			out.vars[k] = nil
		}
	}
	for k := range b.vars {
		if _, ok := a.vars[k]; !ok {
			out.vars[k] = nil
		}
	}
	out.changed, out.headers = a.changed || b.changed, a.headers || b.headers
	for h, v := range a.kept {
		if b.kept[h] == v {
			out.kept[h] = v
		}
	}
	return out
}

// pick is a where c holds and b where not.
func (x *exec) pick(c term, a, b value) value {
	if a == b {
		return a
	}
	ta, oka := a.(term)
	tb, okb := b.(term)
	if oka && okb {
		saved := x.st
		x.st = newState()
		out := x.cond(c, ta, tb)
		x.st = saved
		return out
	}
	if pa, ok := a.(*path); ok {
		if pb, ok := b.(*path); ok && pa.name == pb.name {
			return a
		}
	}
	if oa, ok := a.(*opaque); ok {
		return oa
	}
	if ob, ok := b.(*opaque); ok {
		return ob
	}
	if v, ok := constOf(c); ok {
		if v.Truthy() {
			return a
		}
		return b
	}
	return &choice{c, a, b}
}

// settle is a value as the path knows it: a choice whose condition is decided
// is none.
func (x *exec) settle(v value) value {
	for {
		c, ok := v.(*choice)
		if !ok {
			break
		}
		truth, known := x.decided(c.cond)
		if !known {
			break
		}
		if v = c.b; truth {
			v = c.a
		}
	}
	if t, ok := v.(term); ok {
		return x.refine(t)
	}
	return v
}

// decided is whether the path knows a condition's truth.
func (x *exec) decided(c term) (truth, known bool) {
	if v, ok := constOf(c); ok {
		return v.Truthy(), true
	}
	if t, ok := x.st.facts[expr.Print(c)]; ok {
		return t, true
	}
	switch c := c.(type) {
	case *expr.Unary:
		if c.Op == "not" {
			t, ok := x.decided(c.X)
			return !t, ok
		}
	case *expr.Binary:
		l, okl := x.decided(c.L)
		r, okr := x.decided(c.R)
		switch c.Op {
		case "and":
			if okl && !l || okr && !r {
				return false, true
			}
			return true, okl && okr
		case "or":
			if okl && l || okr && r {
				return true, true
			}
			return false, okl && okr
		}
	}
	if k := x.kindsOf(c); k&(kNil|kFalse) == 0 {
		return true, true
	} else if k&^(kNil|kFalse) == 0 {
		return false, true
	}
	return false, false
}

// refine takes out of a term what the path has decided.
func (x *exec) refine(t term) term {
	switch t := t.(type) {
	case *expr.Cond:
		if truth, ok := x.decided(t.If); ok {
			if truth {
				return x.refine(t.Then)
			}
			return x.refine(t.Else)
		}
	case *expr.Binary:
		if t.Op == "??" {
			k := x.kindsOf(t.L)
			if k == kNil {
				return x.refine(t.R)
			}
			if k&kNil == 0 {
				return x.refine(t.L)
			}
		}
	}
	return t
}
