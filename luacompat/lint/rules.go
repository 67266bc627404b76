package lint

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// Rules are the rules and what each is for.
var Rules = []struct{ ID, Text string }{
	{"dead-code", "code behind ngx.exec, ngx.exit or ngx.redirect never runs"},
	{"no-keepalive", "a connection is not returned to the pool on some path"},
	{"no-timeout", "a connection without a timeout of its own"},
	{"long-timeout", "a timeout that visitors wait for"},
	{"spoofable-address", "the client's address is taken from a header that anyone can send"},
	{"null-is-not-nil", "what is missing in Redis is ngx.null, which is not nil"},
	{"global", "a global is written, which all requests of a worker share"},
	{"failure-page", "a failure of Redis becomes the visitor's page"},
	{"keepalive-after-error", "set_keepalive on a connection that failed"},
	{"use-after-release", "a connection is used after it was returned"},
	{"exec-after-output", "ngx.exec or ngx.redirect after output was sent"},
	{"blocking", "a call that stops the whole worker"},
	{"reseed", "the random numbers of one second are the same for all"},
	{"redis-keys", "KEYS for every request"},
	{"no-resolver", "a host name without a resolver"},
	{"phase", "a function that this phase forbids"},
}

// storeName is how a kind of object is called in messages.
func storeName(kind string) string {
	switch {
	case strings.HasPrefix(kind, "resty."):
		name := strings.TrimPrefix(kind, "resty.")
		return strings.ToUpper(name[:1]) + name[1:]
	case kind == "tcpsock":
		return "the server"
	}
	return kind
}

// connects looks at a connect: is there a timeout, can the host be found?
func (f *flow) connects(c *ast.FuncCallExpr, fn value, of *variable) {
	args := c.Args
	if c.Receiver == nil && len(args) > 0 {
		args = args[1:]
	}
	if len(args) > 0 && !f.opt.Resolver && f.opt.Phase != "" {
		if host := f.eval(args[0]); host.kind == aString && !strings.HasPrefix(host.name, "unix:") {
			if _, err := netip.ParseAddr(host.name); err != nil {
				f.find(c, "no-resolver", fmt.Sprintf("%q is a name, and there is no resolver to look it up: connect answers \"no resolver defined to resolve %s\"", host.name, host.name),
					"add resolver 127.0.0.53; (or your name server) to the http block")
			}
		}
	}
	if of == nil || of.param {
		return
	}
	var set *ast.FuncCallExpr
	f.eachCall(f.chunk.Stmts, func(x *ast.FuncCallExpr) {
		if v := f.callee(x); v.kind == aMethod && f.object(x) == of && (strings.HasPrefix(v.path[0], "set_timeout") || strings.HasPrefix(v.path[0], "settimeout")) {
			set = x
		}
	})
	if set == nil {
		f.find(c, "no-timeout", fmt.Sprintf("%s has no timeout of its own: when it hangs, every visitor waits for lua_socket_connect_timeout and lua_socket_read_timeout, 60 seconds each unless they are set", of.name),
			fmt.Sprintf("call %s:%s(1000) before connect", of.name, timeoutMethod(fn.name)))
		return
	}
	for i, a := range set.Args {
		if set.Receiver == nil && i == 0 {
			continue
		}
		if v := f.eval(a); v.kind == aNumber {
			if ms, err := strconv.ParseFloat(v.name, 64); err == nil && ms >= 10000 {
				f.find(set, "long-timeout", fmt.Sprintf("when %s hangs, every visitor waits %g seconds for each command", storeName(fn.name), ms/1000), "a second or less is plenty in one network")
				return
			}
		}
	}
}

func timeoutMethod(kind string) string {
	if kind == "tcpsock" {
		return "settimeout"
	}
	return "set_timeout"
}

// says is ngx.say or ngx.print.
func (f *flow) says(c *ast.FuncCallExpr, s *state) {
	if s.failing != nil && !s.status && f.perRequest() {
		f.find(c, "failure-page", fmt.Sprintf("when %s fails (line %d) visitors get this text as their page, with status 200", storeName(s.failing.kind), f.place(s.failing.call).Line),
			`ngx.log(ngx.ERR, …) and go on to the stable side, as for a visitor who is not listed: ngx.exec("@…")`)
	}
	s.said = c
}

// exits is ngx.exit in a branch for a failure.
func (f *flow) exits(c *ast.FuncCallExpr, s *state) {
	if s.failing == nil || len(c.Args) == 0 || s.said != nil || !f.perRequest() {
		return
	}
	v := f.eval(c.Args[0])
	code := v.name
	if v.kind == aPath && len(v.path) == 2 {
		code = v.path[1]
	}
	if strings.HasPrefix(code, "5") || strings.HasPrefix(code, "HTTP_INTERNAL") || strings.HasPrefix(code, "HTTP_SERVICE") || strings.HasPrefix(code, "HTTP_BAD_GATEWAY") || code == "ERROR" || strings.HasPrefix(code, "HTTP_GATEWAY") {
		f.find(c, "failure-page", fmt.Sprintf("when %s fails (line %d) every visitor gets an error page", storeName(s.failing.kind), f.place(s.failing.call).Line),
			`ngx.log(ngx.ERR, …) and go on to the stable side, as for a visitor who is not listed: ngx.exec("@…")`)
	}
}

// reseeds is math.randomseed.
func (f *flow) reseeds(c *ast.FuncCallExpr) {
	if !f.perRequest() || f.opt.Phase == "" || len(c.Args) == 0 {
		return
	}
	timed := false
	var look func(e ast.Expr)
	look = func(e ast.Expr) {
		if x, ok := e.(*ast.FuncCallExpr); ok {
			v := f.callee(x)
			timed = timed || v.is("os", "time") || v.is("ngx", "time") || v.is("ngx", "now")
		}
		for _, kid := range kids(e) {
			look(kid)
		}
	}
	look(c.Args[0])
	if timed {
		f.find(c, "reseed", "the seed is the time, for every request anew: requests of the same moment draw the same numbers, so a percentage goes to one side in bursts",
			"seed once, in init_worker_by_lua, with ngx.worker.pid() in it")
	}
}

// refine is what a condition that turned out so tells.
func (f *flow) refine(cond ast.Expr, so bool, s *state) {
	switch e := cond.(type) {
	case *ast.UnaryNotOpExpr:
		f.refine(e.Expr, !so, s)
	case *ast.LogicalOpExpr:
		if (e.Operator == "and") == so {
			f.refine(e.Lhs, so, s)
			f.refine(e.Rhs, so, s)
		} else if l, ok := f.factOf(e.Lhs, so, s); ok {
			// "not ok or err": either tells of the same failure.
			if w, ok := f.factOf(e.Rhs, so, s); ok && w.call == l.call {
				f.fails(l, s)
			}
		}
	case *ast.RelationalOpExpr:
		_, null := e.Rhs.(*ast.NilExpr)
		if _, no := e.Rhs.(*ast.FalseExpr); null || no {
			f.refine(e.Lhs, (e.Operator == "~=") == so, s)
		}
	case *ast.FuncCallExpr, *ast.IdentExpr:
		if l, ok := f.factOf(cond, so, s); ok {
			f.fails(l, s)
		}
	}
}

// factOf is the failure that a condition tells of, if it does.
func (f *flow) factOf(cond ast.Expr, so bool, s *state) (fact, bool) {
	for {
		n, ok := cond.(*ast.UnaryNotOpExpr)
		if !ok {
			break
		}
		cond, so = n.Expr, !so
	}
	switch e := cond.(type) {
	case *ast.IdentExpr:
		x, ok := s.facts[f.vars[e]]
		return x, ok && x.isErr == so
	case *ast.FuncCallExpr:
		if fn := f.callee(e); fn.kind == aMethod && isStore(fn.name) && !so {
			return fact{call: e, of: f.object(e), kind: fn.name, name: fn.path[0]}, true
		}
	}
	return fact{}, false
}

// fails makes this the branch of a failure: a connection that failed need not
// be returned.
func (f *flow) fails(x fact, s *state) {
	s.failing = &x
	if c, ok := s.conns[x.of]; ok && x.of != nil {
		s.conns[x.of] = c&^connected | fresh
	}
}

// addressHeaders are the headers that are taken for the client's address.
var addressHeaders = map[string]bool{"x-real-ip": true, "x-forwarded-for": true, "x-client-ip": true, "client-ip": true, "true-client-ip": true,
	"x-cluster-client-ip": true, "proxy-client-ip": true, "wl-proxy-client-ip": true, "http-client-ip": true, "x-forwarded": true, "forwarded": true,
	"remote-addr": true, "x-remote-addr": true, "x-original-forwarded-for": true}

// readNulls looks at every variable and header: globals that are written,
// results of Redis that are compared with nil, addresses that anyone can send.
func (r *reader) readNulls() {
	r.writtenGlobals()
	r.addresses()
	null := &nulls{reader: r}
	null.stmts(r.chunk.Stmts)
	null.report()
}

// writtenGlobals finds assignments to globals.
func (r *reader) writtenGlobals() {
	if !r.perRequest() {
		return
	}
	done := map[string]bool{}
	var visit func(list []ast.Stmt)
	visit = func(list []ast.Stmt) {
		for _, s := range list {
			if a, ok := s.(*ast.AssignStmt); ok {
				for _, l := range a.Lhs {
					id, ok := l.(*ast.IdentExpr)
					if !ok || !r.chunk.IsGlobal(id) || done[id.Value] {
						continue
					}
					done[id.Value] = true
					r.find(l, "global", fmt.Sprintf("%s is a global: all requests of a worker share it, and one that waits for Redis finds the value of another", id.Value),
						"local "+id.Value)
				}
			}
			for _, b := range blocks(s) {
				visit(b)
			}
		}
	}
	visit(r.chunk.Stmts)
	for _, fn := range r.funcs {
		visit(fn.Stmts)
	}
}

// addresses finds client addresses that are read from headers.
func (r *reader) addresses() {
	if r.opt.RealIP {
		return
	}
	done := map[string]bool{}
	find := func(n ast.PositionHolder, header string) {
		key := strings.ReplaceAll(strings.ToLower(header), "_", "-")
		if !addressHeaders[key] || done[key] {
			return
		}
		done[key] = true
		r.find(n, "spoofable-address", fmt.Sprintf("anyone can send %s, and so choose the address that is looked up", header),
			"take ngx.var.remote_addr; behind a load balancer, name it: set_real_ip_from ADDRESS; real_ip_header "+canonical(key)+";")
	}
	r.eachExpr(func(e ast.Expr) {
		a, ok := e.(*ast.AttrGetExpr)
		if !ok {
			return
		}
		key := r.eval(a.Key)
		if key.kind != aString {
			return
		}
		switch o := r.eval(a.Object); {
		case o.kind == anObject && o.name == "request headers":
			find(a, key.name)
		case o.is("ngx", "var") && strings.HasPrefix(strings.ToLower(key.name), "http_"):
			find(a, key.name[len("http_"):])
		}
	})
}

// canonical is a header's name as it is usually written.
func canonical(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts {
		if p == "ip" {
			parts[i] = "IP"
		} else if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}

// eachExpr visits every expression of the chunk.
func (r *reader) eachExpr(f func(ast.Expr)) {
	var expr func(e ast.Expr)
	var stmts func(list []ast.Stmt)
	expr = func(e ast.Expr) {
		if e == nil {
			return
		}
		f(e)
		if fn, ok := e.(*ast.FunctionExpr); ok {
			stmts(fn.Stmts)
			return
		}
		for _, kid := range kids(e) {
			expr(kid)
		}
	}
	stmts = func(list []ast.Stmt) {
		for _, s := range list {
			for _, e := range exprsOf(s) {
				expr(e)
			}
			for _, b := range blocks(s) {
				stmts(b)
			}
		}
	}
	stmts(r.chunk.Stmts)
}
