package proxy

import (
	"strings"
)

// getter returns a variable's value; ok is false when nginx says "not found".
type getter func(r *Request) (val string, ok bool)

// setter stores a variable's value.
type setter func(r *Request, val string)

// varSlot holds the value of one variable of one request: what set stored, or
// the cached result of a map and its kind.
type varSlot struct {
	val   string
	state slotState
}

type slotState uint8

const (
	slotEmpty slotState = iota
	slotValid
	slotNotFound
)

// varTable resolves names to getters and setters for one Router. It is
// complete before the first location is compiled and read-only afterwards.
type varTable struct {
	builtin    map[string]getter
	set        map[string]setter
	slots      map[string]int
	derived    map[string]getter // map, geo, split_clients, …
	late       map[int]getter    // derived variables by slot
	assignable map[string]bool
	nslots     int
	used       map[string]getter // memo, so that equal names share a closure
}

func newVarTable() *varTable {
	return &varTable{builtin: allVars, set: builtinSetters, slots: map[string]int{}, derived: map[string]getter{}, late: map[int]getter{}, assignable: map[string]bool{}, used: map[string]getter{}}
}

// declare makes room for a variable that directives assign.
func (t *varTable) declare(name string) int {
	if i, found := t.slots[name]; found {
		return i
	}
	i := t.nslots
	t.slots[name] = i
	t.nslots++
	return i
}

// reserve makes a name known before its value can be compiled, so that maps
// may refer to each other whatever their order.
func (t *varTable) reserve(name string) {
	i := t.declare(name)
	t.derived[name] = func(r *Request) (string, bool) { return t.late[i](r) }
}

// derive registers a variable that is computed from others. Its value is
// kept for the request unless volatile.
func (t *varTable) derive(name string, get getter, volatile bool) {
	i := t.declare(name)
	if volatile {
		t.late[i] = get
		return
	}
	t.late[i] = func(r *Request) (string, bool) {
		s := &r.vars[i]
		switch s.state {
		case slotValid:
			return s.val, true
		case slotNotFound:
			return "", false
		}
		val, found := get(r)
		s = &r.vars[i]
		s.val, s.state = val, slotValid
		if !found {
			s.state = slotNotFound
		}
		return val, found
	}
}

// getter resolves a name; nil when no such variable exists.
func (t *varTable) getter(name string) getter {
	if g, found := t.used[name]; found {
		return g
	}
	g := t.resolve(name)
	if g != nil {
		t.used[name] = g
	}
	return g
}

func (t *varTable) resolve(name string) getter {
	if g := t.derived[name]; g != nil {
		return g
	}
	if i, found := t.slots[name]; found {
		if g := t.builtin[name]; g != nil {
			// A built-in that a directive also assigns (set $args …).
			if t.set[name] != nil {
				return g
			}
			return func(r *Request) (string, bool) {
				if s := &r.vars[i]; s.state == slotValid {
					return s.val, true
				}
				return g(r)
			}
		}
		if g := prefixGetter(name); g != nil {
			return func(r *Request) (string, bool) {
				if s := &r.vars[i]; s.state == slotValid {
					return s.val, true
				}
				return g(r)
			}
		}
		return func(r *Request) (string, bool) {
			s := &r.vars[i]
			switch s.state {
			case slotValid:
				return s.val, true
			case slotEmpty:
				if r.rt.warnUninitialized {
					r.logf(logWarn, "using uninitialized \"%s\" variable", name)
				}
				s.state = slotValid
				return "", true
			}
			return "", false
		}
	}
	if g := t.builtin[name]; g != nil {
		return g
	}
	if g := tlsGetter(name); g != nil {
		return g
	}
	return prefixGetter(name)
}

// setter resolves the assignment of a name declared by a directive.
func (t *varTable) setter(name string) setter {
	if s := t.set[name]; s != nil {
		return s
	}
	i := t.declare(name)
	return func(r *Request, val string) {
		r.vars[i] = varSlot{val: val, state: slotValid}
	}
}

// prefixGetter serves the families of variables: $arg_x, $http_x, ….
func prefixGetter(name string) getter {
	for _, f := range prefixVars {
		if rest, found := strings.CutPrefix(name, f.prefix); found {
			return f.make(rest)
		}
	}
	return nil
}

// lookupVar is ngx.var's way: by name at run time.
func (r *Request) lookupVar(name string) (string, bool) {
	g := r.rt.varByName(name)
	if g == nil {
		return "", false
	}
	return g(r)
}

// varByName resolves a name that no directive mentioned, with a cache that
// Lua scripts share.
func (rt *Router) varByName(name string) getter {
	if g, found := rt.vars.used[name]; found { // read-only after Compile
		return g
	}
	if g, found := rt.luaVars.Load(name); found {
		gg, _ := g.(getter)
		return gg
	}
	lower := strings.ToLower(name)
	g := rt.vars.resolve(lower)
	if rt.luaVarCount.Add(1) < 10000 {
		rt.luaVars.Store(strings.Clone(name), g)
	}
	return g
}
