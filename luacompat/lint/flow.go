package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// state is what may hold at a point of a function body.
type state struct {
	dead    bool     // nothing comes here
	by      ast.Expr // the call that ended the script, when dead by one
	said    ast.Expr // output that has been sent for certain
	status  bool     // ngx.status may have been set
	failing *fact    // this is the branch for a failure
	conns   map[*variable]conn
	facts   map[*variable]fact
}

// conn is the set of states that a connection may be in.
type conn uint8

const (
	fresh conn = 1 << iota
	connected
	released
)

// fact says what a variable tells about a call on a connection.
type fact struct {
	call  *ast.FuncCallExpr
	of    *variable // the connection; nil when it is not a variable of ours
	kind  string    // of object: "resty.redis"
	name  string    // of the method
	isErr bool      // it is the error, not the result
}

func newState() *state {
	return &state{conns: map[*variable]conn{}, facts: map[*variable]fact{}}
}

func (s *state) fork() *state {
	c := *s
	c.conns, c.facts = maps.Clone(s.conns), maps.Clone(s.facts)
	return &c
}

// join is what holds after either of two.
func join(a, b *state) *state {
	switch {
	case a.dead:
		return b
	case b.dead:
		return a
	}
	out := a.fork()
	for v, c := range b.conns {
		if have, ok := out.conns[v]; ok {
			out.conns[v] = have | c
		}
	}
	for v := range out.conns {
		if _, ok := b.conns[v]; !ok {
			delete(out.conns, v) // forgotten on one side
		}
	}
	for v, f := range out.facts {
		if b.facts[v] != f {
			delete(out.facts, v)
		}
	}
	if b.said == nil {
		out.said = nil
	}
	out.status = a.status || b.status
	return out
}

// flow walks one function body.
type flow struct {
	*reader
	fn      *ast.FunctionExpr // nil for the chunk
	opened  map[*variable]ast.Expr
	leaks   map[*variable][]int // lines of exits at which it is open
	freed   map[*variable]bool
	returns bool
	breaks  []*state
}

// readFlow walks every function, inner ones first, and then the chunk.
func (r *reader) readFlow() {
	for _, fn := range r.funcs {
		r.walk(fn, fn.Stmts)
	}
	r.walk(nil, r.chunk.Stmts)
}

func (r *reader) walk(fn *ast.FunctionExpr, body []ast.Stmt) {
	f := &flow{reader: r, fn: fn, opened: map[*variable]ast.Expr{}, leaks: map[*variable][]int{}, freed: map[*variable]bool{}}
	end := f.block(body, newState())
	if end.dead && !f.returns {
		r.ends[fn] = true
	}
	if !end.dead {
		line := 0
		if n := len(body); n > 0 {
			line = body[n-1].LastLine()
		}
		f.exit(end, line)
	}
	f.report()
}

func (f *flow) block(list []ast.Stmt, s *state) *state {
	for i, st := range list {
		if s.dead {
			if s.by != nil {
				f.deadCode(list[i:], s.by)
			}
			return s
		}
		s = f.stmt(st, s)
	}
	return s
}

// deadCode finds what stands behind the end of the script.
func (f *flow) deadCode(rest []ast.Stmt, by ast.Expr) {
	switch st := rest[0].(type) {
	case *ast.ReturnStmt:
		if len(st.Exprs) == 0 {
			return
		}
	case *ast.LabelStmt, *ast.BreakStmt, *ast.GotoStmt:
		return
	}
	what := f.text(by)
	msg := fmt.Sprintf("this never runs: %s in line %d ends the script", what, f.place(by).Line)
	fix := "move it before that call"
	f.eachCall(rest, func(c *ast.FuncCallExpr) {
		if v := f.callee(c); v.kind == aMethod && (v.path[0] == "close" || v.path[0] == "set_keepalive" || v.path[0] == "setkeepalive") {
			fix = fmt.Sprintf("return the connection before %s: %s:set_keepalive(10000, 100)", what, f.objectName(c))
		}
	})
	f.find(rest[0], "dead-code", msg, fix)
}

// objectName is how the object of a method call is called.
func (f *flow) objectName(c *ast.FuncCallExpr) string {
	e := c.Receiver
	if e == nil {
		if a, ok := c.Func.(*ast.AttrGetExpr); ok {
			e = a.Object
		}
	}
	if id, ok := e.(*ast.IdentExpr); ok {
		return id.Value
	}
	return "red"
}

// text is a call as it was written, up to its line's end.
func (f *flow) text(e ast.Expr) string {
	t := f.chunk.Text(e)
	if i := strings.Index(t, ")"); i >= 0 && strings.Count(t[:i+1], "(") == 1 {
		t = t[:i+1]
	}
	if len(t) > 60 {
		t = t[:57] + "..."
	}
	return t
}

func (f *flow) stmt(st ast.Stmt, s *state) *state {
	switch st := st.(type) {
	case *ast.LocalAssignStmt:
		f.effects(st.Exprs, s)
		f.assign(f.decls[st], st.Exprs, s)
	case *ast.AssignStmt:
		f.effects(st.Rhs, s)
		f.targets(st, s)
	case *ast.FuncCallStmt:
		f.effect(st.Expr, s)
	case *ast.DoBlockStmt:
		return f.block(st.Stmts, s)
	case *ast.IfStmt:
		f.effect(st.Condition, s)
		if s.dead {
			return s
		}
		then, els := s.fork(), s.fork()
		f.refine(st.Condition, true, then)
		f.refine(st.Condition, false, els)
		then, els = f.block(st.Then, then), f.block(st.Else, els)
		both := then.dead && els.dead && then.by != nil && els.by != nil
		out := join(then, els)
		out.failing = s.failing
		if out.dead && !both {
			out.by = nil
		}
		return out
	case *ast.WhileStmt:
		f.effect(st.Condition, s)
		return f.loop(st.Stmts, s)
	case *ast.RepeatStmt:
		return f.loop(st.Stmts, s)
	case *ast.NumberForStmt:
		return f.loop(st.Stmts, s)
	case *ast.GenericForStmt:
		f.effects(st.Exprs, s)
		return f.loop(st.Stmts, s)
	case *ast.ReturnStmt:
		f.effects(st.Exprs, s)
		if !s.dead {
			for _, e := range st.Exprs {
				f.escape(e, s)
			}
			f.returns = true
			f.exit(s, f.place(st).Line)
		}
		if !s.dead {
			s.dead, s.by = true, nil
		}
	case *ast.BreakStmt:
		f.breaks = append(f.breaks, s.fork())
		s.dead, s.by = true, nil
	case *ast.GotoStmt:
		s.conns = map[*variable]conn{} // anything may follow
		f.breaks = append(f.breaks, s.fork())
		f.returns = true
		s.dead, s.by = true, nil
	case *ast.LabelStmt:
		s.conns = map[*variable]conn{}
	}
	return s
}

// loop runs a body once or not at all.
func (f *flow) loop(body []ast.Stmt, s *state) *state {
	if s.dead {
		return s
	}
	outer := f.breaks
	f.breaks = nil
	after := f.block(body, s.fork())
	after.by = nil
	out := join(s, after)
	for _, b := range f.breaks {
		out = join(out, b)
	}
	f.breaks = outer
	return out
}

// assign notes what variables tell from now on.
func (f *flow) assign(vars []*variable, exprs []ast.Expr, s *state) {
	for i, v := range vars {
		if v == nil {
			continue
		}
		delete(s.facts, v)
		var e ast.Expr
		at := 0
		switch n := len(exprs); {
		case i < n:
			e = exprs[i]
		case n > 0:
			e, at = exprs[n-1], i-n+1
		}
		if id, ok := e.(*ast.IdentExpr); ok && s.conns[f.vars[id]] != 0 {
			delete(s.conns, f.vars[id]) // two names for one connection
		}
		c, ok := e.(*ast.FuncCallExpr)
		if !ok || at > 1 {
			continue
		}
		switch fn := f.callee(c); {
		case fn.kind == aMethod && isStore(fn.name):
			if nullable[fn.path[0]] && len(vars) == 1 {
				break // its nil is taken for what is not there
			}
			s.facts[v] = fact{call: c, of: f.object(c), kind: fn.name, name: fn.path[0], isErr: at == 1}
		case f.eval(c).kind == anObject && isStore(f.eval(c).name):
			o := f.eval(c)
			if fn.kind == aFunction {
				s.facts[v] = fact{call: c, kind: o.name, name: "connect", isErr: false}
				if at == 1 {
					s.facts[v] = fact{call: c, kind: o.name, name: "connect", isErr: true}
				}
			} else if at == 0 && len(v.values) == 1 {
				s.conns[v] = fresh
			}
		case at == 1 && fn.kind == aFunction && f.returned(fn.fn).kind == anObject:
			s.facts[v] = fact{call: c, kind: f.returned(fn.fn).name, name: "connect", isErr: true}
		}
	}
}

// targets is assign for an assignment; what is put into a table is forgotten.
func (f *flow) targets(st *ast.AssignStmt, s *state) {
	vars := make([]*variable, len(st.Lhs))
	for i, l := range st.Lhs {
		switch l := l.(type) {
		case *ast.IdentExpr:
			vars[i] = f.vars[l]
		case *ast.AttrGetExpr:
			if f.eval(l).is("ngx", "status") {
				s.status = true
			}
			if i < len(st.Rhs) {
				f.escape(st.Rhs[i], s)
			}
		}
	}
	f.assign(vars, st.Rhs, s)
}

// isStore tells the kinds of objects that are connections.
func isStore(kind string) bool {
	return kind == "tcpsock" || strings.HasPrefix(kind, "resty.redis") || kind == "resty.memcached" || kind == "resty.mysql"
}

// object is the variable whose method a call calls, also as v.connect(v, …).
func (f *flow) object(c *ast.FuncCallExpr) *variable {
	if id, ok := c.Receiver.(*ast.IdentExpr); ok {
		return f.vars[id]
	}
	if a, ok := c.Func.(*ast.AttrGetExpr); ok {
		if id, ok := a.Object.(*ast.IdentExpr); ok && len(c.Args) > 0 {
			if self, ok := c.Args[0].(*ast.IdentExpr); ok && f.vars[self] == f.vars[id] {
				return f.vars[id]
			}
		}
	}
	return nil
}

func (f *flow) effects(list []ast.Expr, s *state) {
	for _, e := range list {
		f.effect(e, s)
	}
}

// effect is what evaluating an expression does.
func (f *flow) effect(e ast.Expr, s *state) {
	switch e := e.(type) {
	case nil:
		return
	case *ast.FunctionExpr:
		f.captured(e, s)
		return
	case *ast.FuncCallExpr:
		f.calls(e, s)
		return
	}
	for _, kid := range kids(e) {
		f.effect(kid, s)
	}
}

// captured forgets the connections that a function inside uses.
func (f *flow) captured(fn *ast.FunctionExpr, s *state) {
	for v := range s.conns {
		for _, id := range v.uses {
			if f.contains(fn, id) {
				delete(s.conns, v)
				break
			}
		}
	}
}

func (f *flow) contains(fn *ast.FunctionExpr, id *ast.IdentExpr) bool {
	line := f.place(id).Line
	return line >= fn.Line() && line <= fn.LastLine() && f.vars[id].fn != fn && f.place(fn).before(f.place(id))
}

// escape forgets a connection that goes where it is not followed.
func (f *flow) escape(e ast.Expr, s *state) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		delete(s.conns, f.vars[e])
	case *ast.TableExpr, *ast.LogicalOpExpr:
		for _, kid := range kids(e) {
			f.escape(kid, s)
		}
	}
}

// calls is what a call does.
func (f *flow) calls(c *ast.FuncCallExpr, s *state) {
	if c.Receiver != nil {
		f.effect(c.Receiver, s)
	}
	f.effects(c.Args, s)
	if s.dead {
		return
	}
	fn := f.callee(c)
	of := f.object(c)
	for i, a := range c.Args {
		if keepsNothing(fn) {
			break
		}
		if id, ok := a.(*ast.IdentExpr); ok && s.conns[f.vars[id]] != 0 && !(i == 0 && f.vars[id] == of) {
			f.handed(f.vars[id], fn, i, s)
		} else {
			f.escape(table(a), s)
		}
	}
	switch {
	case fn.is("ngx", "exec"), fn.is("ngx", "redirect"):
		if s.said != nil {
			f.find(c, "exec-after-output", fmt.Sprintf("%s raises an error here: the output of line %d has been sent", fn, f.place(s.said).Line),
				"decide where the request goes before anything is said")
		}
		f.leave(c, s)
	case fn.is("ngx", "exit"):
		if f.opt.Phase != "header_filter" {
			f.exits(c, s)
			f.leave(c, s)
		}
	case fn.is("error"):
		s.dead, s.by = true, nil
	case fn.is("ngx", "say"), fn.is("ngx", "print"):
		f.says(c, s)
	case fn.kind == aFunction && f.ends[fn.fn]:
		f.leave(c, s)
	case fn.is("math", "randomseed"):
		f.reseeds(c)
	case fn.is("os", "execute"), fn.is("io", "popen"):
		if f.perRequest() {
			f.find(c, "blocking", fmt.Sprintf("%s stops this worker, with all its requests, until the program ends", fn),
				"do it outside of the gateway, or in a timer of init_worker_by_lua if it is rare")
		}
	case fn.kind == aMethod && isStore(fn.name):
		f.method(c, fn, of, s)
	}
}

// keepsNothing tells the functions that only look at their arguments.
func keepsNothing(fn value) bool {
	return fn.is("assert") || fn.is("type") || fn.is("tostring") || fn.is("print") || fn.is("ngx", "log") || fn.is("ngx", "say") || fn.is("ngx", "print")
}

// table is an argument if it is a table, whose fields may hold a connection.
func table(e ast.Expr) ast.Expr {
	if t, ok := e.(*ast.TableExpr); ok {
		return t
	}
	return nil
}

// handed is a connection given to a function: one of the script that returns
// it to the pool does just that; any other is unknown.
func (f *flow) handed(v *variable, fn value, i int, s *state) {
	if fn.kind == aFunction && i < len(f.params[fn.fn]) {
		p := f.params[fn.fn][i]
		frees := false
		f.eachCall(fn.fn.Stmts, func(c *ast.FuncCallExpr) {
			if id, ok := c.Receiver.(*ast.IdentExpr); ok && f.vars[id] == p && isRelease(c.Method) {
				frees = true
			}
		})
		if frees {
			s.conns[v] = released
			f.freed[v] = true
			return
		}
	}
	delete(s.conns, v)
}

func isRelease(method string) bool {
	return method == "set_keepalive" || method == "setkeepalive" || method == "close"
}

// leave ends the script at a call.
func (f *flow) leave(c ast.Expr, s *state) {
	f.exit(s, f.place(c).Line)
	s.dead, s.by = true, c
}

// exit looks at what is open when the function ends.
func (f *flow) exit(s *state, line int) {
	for v, c := range s.conns {
		if c&connected != 0 && !slices.Contains(f.leaks[v], line) {
			f.leaks[v] = append(f.leaks[v], line)
		}
	}
}

// method is a call on a connection.
func (f *flow) method(c *ast.FuncCallExpr, fn value, of *variable, s *state) {
	name := fn.path[0]
	if name == "keys" && fn.name == "resty.redis" && f.perRequest() {
		f.find(c, "redis-keys", "KEYS walks through the whole data set of Redis, which answers nobody meanwhile, for every request", "keep the addresses in a set and ask SISMEMBER, or use one key for each")
	}
	if name == "connect" {
		f.connects(c, fn, of)
	}
	now, followed := s.conns[of]
	if of == nil || !followed {
		return
	}
	switch {
	case name == "connect":
		if s.failing == nil {
			s.conns[of] = connected
			if f.opened[of] == nil {
				f.opened[of] = c
			}
		}
	case isRelease(name):
		if s.failing != nil && s.failing.name == "connect" && s.failing.of == of && name != "close" {
			f.find(c, "keepalive-after-error", "there is no connection to keep: connect failed (line "+fmt.Sprint(f.place(s.failing.call).Line)+")", "leave it out")
		}
		s.conns[of] = released
		f.freed[of] = true
	case now == released && !strings.HasPrefix(name, "set_timeout") && !strings.HasPrefix(name, "settimeout") && name != "get_reused_times" && name != "getreusedtimes":
		f.find(c, "use-after-release", fmt.Sprintf("%s is used after it went back to the pool or was closed: %s answers nil, \"closed\"", of.name, name), "return it after its last command")
	}
}

// report says which connections stay open.
func (f *flow) report() {
	for v, open := range f.opened {
		lines := f.leaks[v]
		if len(lines) == 0 || !f.perRequest() {
			continue
		}
		slices.Sort(lines)
		where := "line " + fmt.Sprint(lines[0])
		if len(lines) > 1 {
			where = "lines " + strings.Trim(strings.ReplaceAll(fmt.Sprint(lines), " ", ", "), "[]")
		}
		msg := fmt.Sprintf("this connection is not returned to the pool on the way that ends in %s, so the next request connects anew", where)
		if !f.freed[v] {
			msg = fmt.Sprintf("this connection is never returned to the pool: every request connects anew (the script ends in %s)", where)
		}
		f.find(open, "no-keepalive", msg, "call "+v.name+":"+keepalive(f.reader.variable(v).name)+"(10000, 100) on every way out, before ngx.exec too")
	}
}

func keepalive(kind string) string {
	if kind == "tcpsock" {
		return "setkeepalive"
	}
	return "set_keepalive"
}

// perRequest tells whether the script runs for requests, as far as is known.
func (f *reader) perRequest() bool {
	switch f.opt.Phase {
	case "init", "init_worker", "exit_worker", "timer":
		return false
	}
	return true
}
