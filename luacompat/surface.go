package luacompat

import (
	"context"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// Surface answers what scripts find: it looks into a VM made like those that
// run them, so that what is told before a start is what happens after it.
type Surface struct {
	rt      *Runtime
	w       *Worker
	objects map[string]*lua.LTable // methods by kind of object
}

// Entry is one thing that a script can name.
type Entry struct {
	Found    bool
	Function bool
	Refused  string // calling it, or requiring the module, raises an error: why
	Differs  string // how it differs
	NoEffect string // why it does nothing
	phases   phaseSet
	anywhere bool
}

// CallableIn tells whether a function may be called in a phase.
func (e Entry) CallableIn(p Phase) bool { return e.anywhere || e.phases.has(p) }

// NewSurface makes a Surface.
func NewSurface() (*Surface, error) {
	dicts := NewSharedDicts(nil)
	if _, err := dicts.Declare("DICT", 1<<16); err != nil {
		return nil, err
	}
	rt, err := New(Options{Workers: 1, Dicts: dicts, PackagePath: "?", PackageCPath: "?", surface: true})
	if err != nil {
		return nil, err
	}
	s := &Surface{rt: rt, w: rt.workers[0]}
	s.w.addZones()
	s.w.vm.Lock()
	defer s.w.vm.Unlock()
	s.objects = map[string]*lua.LTable{
		"tcpsock": s.methods("socket", "tcp"), "udpsock": s.methods("socket", "udp"), "ngx.shared.DICT": s.w.dictMT,
	}
	return s, nil
}

// methods are those of the objects that ngx.LIB.NAME makes.
func (s *Surface) methods(lib, name string) *lua.LTable {
	t, _ := s.w.ngx.RawGetString(lib).(*lua.LTable)
	if t == nil {
		return nil
	}
	made, _ := s.run(t.RawGetString(name)).(*lua.LTable)
	if made == nil {
		return nil
	}
	return indexOf(made)
}

// indexOf is the table that a table looks missing fields up in.
func indexOf(t *lua.LTable) *lua.LTable {
	if mt, ok := t.Metatable.(*lua.LTable); ok {
		if index, ok := mt.RawGetString("__index").(*lua.LTable); ok {
			return index
		}
	}
	return nil
}

// run calls a function as a content handler would; nil when it raises. The
// VM's lock is held.
func (s *Surface) run(fn lua.LValue, args ...lua.LValue) lua.LValue {
	f, ok := fn.(*lua.LFunction)
	if !ok {
		return nil
	}
	s.w.vm.Unlock()
	defer s.w.vm.Lock()
	req := newFakeRequest(context.Background(), s.w, PhaseContent)
	h := s.w.newHandler(context.Background(), PhaseContent, req)
	defer func() {
		s.rt.releaseFake(req)
		h.free()
	}()
	v, err := h.task.Run(f, args...)
	if err != nil {
		return nil
	}
	return v
}

// Close ends the Surface's VM.
func (s *Surface) Close() { s.rt.Shutdown(context.Background()) }

// Global is what a path of names reaches from the globals: "ngx", "req",
// "get_headers".
func (s *Surface) Global(path ...string) Entry {
	s.w.vm.Lock()
	defer s.w.vm.Unlock()
	return s.reach(s.w.vm.Root().G.Global, path)
}

// Method is a method of the objects of a kind: "tcpsock", "udpsock",
// "ngx.shared.DICT", or those that a module makes, by its name.
func (s *Surface) Method(kind, name string) Entry {
	s.w.vm.Lock()
	defer s.w.vm.Unlock()
	if t := s.objects[kind]; t != nil {
		return s.reach(t, []string{name})
	}
	if t, ok := s.load(kind).(*lua.LTable); ok {
		return s.reach(t, []string{name})
	}
	return Entry{}
}

// Module is what require gives for a name, and what a path reaches in it.
func (s *Surface) Module(name string, path ...string) Entry {
	s.w.vm.Lock()
	defer s.w.vm.Unlock()
	pre, _ := s.pkg("preload").RawGetString(name).(*lua.LFunction)
	if pre != nil {
		if r := stdlib.RemarkOf(s.w.vm.Root(), pre); r.Kind == stdlib.Refused {
			return Entry{Found: true, Refused: r.Text}
		}
	}
	m := s.load(name)
	if m == nil {
		return Entry{}
	}
	t, ok := m.(*lua.LTable)
	if !ok || len(path) == 0 {
		e := s.entry(m)
		e.Found = m != lua.LNil
		return e
	}
	return s.reach(t, path)
}

func (s *Surface) pkg(field string) *lua.LTable {
	t, _ := s.w.vm.Root().G.Global.RawGetString("package").(*lua.LTable)
	f, _ := t.RawGetString(field).(*lua.LTable)
	return f
}

// load requires a built-in module; nil for one that there is not.
func (s *Surface) load(name string) lua.LValue {
	if m := s.pkg("loaded").RawGetString(name); m != lua.LNil {
		return m
	}
	if s.pkg("preload").RawGetString(name) == lua.LNil {
		return nil
	}
	return s.run(s.w.vm.Root().G.Global.RawGetString("require"), lua.LString(name))
}

// reach follows a path without calling anything but the __index functions of
// the tables on it, which compute fields.
func (s *Surface) reach(t *lua.LTable, path []string) Entry {
	var v lua.LValue = t
	for _, name := range path {
		table, ok := v.(*lua.LTable)
		if !ok {
			return Entry{}
		}
		v = s.field(table, name)
		if v == nil || v == lua.LNil {
			return Entry{}
		}
	}
	return s.entry(v)
}

func (s *Surface) field(t *lua.LTable, name string) lua.LValue {
	if v := t.RawGetString(name); v != lua.LNil {
		return v
	}
	mt, _ := t.Metatable.(*lua.LTable)
	if mt == nil {
		return lua.LNil
	}
	switch index := mt.RawGetString("__index").(type) {
	case *lua.LTable:
		return index.RawGetString(name)
	case *lua.LFunction:
		return s.run(index, t, lua.LString(name))
	}
	return lua.LNil
}

// entry describes a value.
func (s *Surface) entry(v lua.LValue) Entry {
	e := Entry{Found: true, anywhere: true}
	fn, ok := v.(*lua.LFunction)
	if !ok {
		return e
	}
	e.Function = true
	if p, checked := s.w.phases[fn]; checked {
		e.phases, e.anywhere = p, false
	}
	switch r := stdlib.RemarkOf(s.w.vm.Root(), fn); r.Kind {
	case stdlib.Refused:
		e.Refused = r.Text
	case stdlib.Differs:
		e.Differs = r.Text
	case stdlib.NoEffect:
		e.NoEffect = r.Text
	}
	return e
}

// Modules lists the names that require knows without a file.
func (s *Surface) Modules() []string {
	s.w.vm.Lock()
	defer s.w.vm.Unlock()
	names := map[string]bool{}
	for _, t := range []*lua.LTable{s.pkg("preload"), s.pkg("loaded")} {
		t.ForEach(func(k, _ lua.LValue) {
			if name, ok := k.(lua.LString); ok && name != "_G" {
				names[string(name)] = true
			}
		})
	}
	return sortedNames(names)
}

// Functions lists every function that scripts can reach: from the globals by
// its path ("ngx.req.get_headers"), in modules as "MODULE:NAME" and of objects
// as "KIND:NAME".
func (s *Surface) Functions() []string {
	modules := s.Modules()
	s.w.vm.Lock()
	defer s.w.vm.Unlock()
	names := map[string]bool{}
	seen := map[*lua.LTable]bool{}
	var walk func(prefix string, t *lua.LTable)
	walk = func(prefix string, t *lua.LTable) {
		if seen[t] {
			return
		}
		seen[t] = true
		t.ForEach(func(k, v lua.LValue) {
			name, ok := k.(lua.LString)
			if !ok || strings.HasPrefix(string(name), "__") {
				return
			}
			switch v := v.(type) {
			case *lua.LFunction:
				names[prefix+string(name)] = true
			case *lua.LTable:
				if strings.HasSuffix(prefix, ".") || prefix == "" {
					walk(prefix+string(name)+".", v)
				}
			}
		})
	}
	g := s.w.vm.Root().G.Global
	seen[s.pkg("loaded")], seen[s.pkg("preload")], seen[s.pkg("loaders")] = true, true, true
	walk("", g)
	for kind, t := range s.objects {
		walk(kind+":", t)
	}
	for _, m := range modules {
		if t, ok := s.load(m).(*lua.LTable); ok {
			walk(m+":", t)
		}
	}
	return sortedNames(names)
}

func sortedNames(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for n := range m {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// differs remarks on functions of a table how they differ.
func (w *Worker) differs(t *lua.LTable, how string, names ...string) {
	for _, n := range names {
		if fn, ok := t.RawGetString(n).(*lua.LFunction); ok {
			stdlib.Note(w.vm.Root(), fn, stdlib.Differs, how)
		}
	}
}
