package lift

import (
	"fmt"
	"sort"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"huidu/luacompat/expr"
)

// call executes a function call.
func (x *exec) call(e *ast.FuncCallExpr, sc *scope) []value {
	hint := x.hint
	if e.Receiver != nil {
		obj := x.eval(e.Receiver, sc)
		args := x.args(e.Args, sc)
		x.at, x.hint = e, hint
		return x.method(obj, e.Method, args)
	}
	fn := x.eval(e.Func, sc)
	args := x.args(e.Args, sc)
	x.at, x.hint = e, hint
	return x.invoke(fn, args)
}

func (x *exec) args(es []ast.Expr, sc *scope) []value {
	return x.exprList(es, sc, -1, nil)
}

func (x *exec) invoke(fn value, args []value) []value {
	switch f := x.settle(fn).(type) {
	case *closure:
		return x.enter(f, args)
	case *path:
		// red.get(red, key) is red:get(key).
		if m, ok := strings.CutPrefix(f.name, "redis."); ok && m != "new" && len(args) > 0 {
			if h, ok := x.settle(args[0]).(*handle); ok {
				return x.redis(h, m, args[1:])
			}
		}
		if b := builtins[f.name]; b != nil {
			return b(x, args)
		}
		x.refuse("%s is not understood", f.name)
	case *opaque:
		x.refuse("%s", f.why)
	case term:
		if k := x.kindsOf(f); k&kList == 0 {
			x.raise("attempt to call a value")
		}
	}
	x.refuse("what is called here is not known")
	return nil
}

// enter executes a function of the script.
func (x *exec) enter(f *closure, args []value) []value {
	if x.depth > 30 {
		x.refuse("functions call each other too deeply")
	}
	if f.fn.ParList.HasVargs {
		x.refuse("a function with ... is not understood")
	}
	sc := f.sc
	for i, n := range f.fn.ParList.Names {
		c := x.newCell(n)
		x.st.cells[c] = at(args, i)
		sc = &scope{sc, n, c}
	}
	saved, hint := x.chunk, x.hint
	x.chunk = f.chunk
	x.depth++
	fl := x.returned(x.stmts(f.fn.Stmts, sc))
	x.depth--
	x.chunk, x.hint = saved, hint
	if fl.kind == ends {
		panic(requestEnded{})
	}
	x.st = fl.st
	return fl.vals
}

// returned makes one return of all ways out of a function.
func (x *exec) returned(f *flow) *flow {
	switch f.kind {
	case falls:
		return &flow{kind: returns, st: f.st}
	case splits:
		return x.meet(f.cond, x.returned(f.a), x.returned(f.b))
	case breaks:
		x.refuse("break outside of a loop")
	}
	return f
}

// raise is an error that is certain here.
func (x *exec) raise(msg string) {
	x.faults++
	x.emit("fault", escapeWord(msg))
	panic(requestEnded{})
}

func escapeWord(s string) string { return strings.ReplaceAll(s, "$", "$$") }

func sortedKeys(m map[expr.Value]value) []expr.Value {
	keys := make([]expr.Value, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, b := keys[i], keys[j]
		if a.K != b.K {
			return a.K < b.K
		}
		if a.K == expr.Number {
			return a.N < b.N
		}
		return a.S < b.S
	})
	return keys
}

// method executes obj:name(args).
func (x *exec) method(obj value, name string, args []value) []value {
	switch o := x.settle(obj).(type) {
	case *handle:
		return x.redis(o, name, args)
	case *table:
		return x.invoke(x.indexTable(o, tText(name)), append([]value{o}, args...))
	case *path:
		if o.name == "redis" {
			return x.invoke(&path{"redis." + name}, append([]value{o}, args...))
		}
		if dict, ok := strings.CutPrefix(o.name, "ngx.shared."); ok {
			return x.dict(dict, name, args)
		}
		x.refuse("%s:%s is not understood", o.name, name)
	case term:
		b := builtins["string."+name]
		if b == nil {
			x.refuse("the method %s of a value is not understood", name)
		}
		self := o
		if x.kindsOf(o)&^kString != 0 {
			self = x.fallible(x.hint, &expr.Call{Fn: "str", Args: []term{o}})
		}
		return b(x, append([]value{self}, args...))
	case *choice:
		x.refuse("a method of a value is called that is an object on one path and none on another")
	case *opaque:
		x.refuse("%s", o.why)
	}
	x.refuse("the method %s of this value is not understood", name)
	return nil
}

// dict executes a method of a shared dict.
func (x *exec) dict(dict, name string, args []value) []value {
	if x.loading > 0 {
		x.refuse("shared memory is used while a module is loaded")
	}
	x.rule.Dicts = append(x.rule.Dicts, dict)
	word := func(i int) string {
		t := x.term(at(args, i))
		if x.kindsOf(t)&kList != 0 {
			x.refuse("what can be a table goes into shared memory")
		}
		if v, ok := constOf(t); ok && v.K != expr.String {
			return "$" + x.let("value", t).Name
		}
		return x.word("key", t)
	}
	switch name {
	case "get":
		r := x.name(x.hinted("cached"), kNil|kBool|kText)
		x.emit("dict_get", "$"+r.Name, dict, word(0))
		return []value{r, x.errorOf2(r, kNil|kText)}
	case "set":
		if len(args) > 3 {
			x.refuse("flags of shared memory are not understood")
		}
		a := []string{"", dict, word(0), word(1)}
		if len(args) == 3 {
			ttl, ok := constOf(x.term(args[2]))
			if !ok || ttl.K != expr.Number || ttl.N < 0 {
				x.refuse("how long the shared memory keeps this is not known")
			}
			a = append(a, fmt.Sprint(ttl.N))
		}
		r := x.name("stored", kNil|kBool)
		a[0] = "$" + r.Name
		x.emit("dict_set", a...)
		return []value{r, x.errorOf2(r, kNil|kString), &opaque{"whether the shared memory dropped something is used"}}
	}
	x.refuse("ngx.shared.%s:%s is not understood", dict, name)
	return nil
}

func (x *exec) errorOf2(r *expr.Ref, k kinds) term {
	t := x.errorOf(r)
	x.names[r.Name+"_error"] = k
	return t
}

// hinted is the name that the script gives the value, or another.
func (x *exec) hinted(other string) string {
	if x.hint != "" && x.hint != "_" {
		return x.hint
	}
	return other
}

// redis executes a method of resty.redis.
func (x *exec) redis(h *handle, name string, args []value) []value {
	if x.loading > 0 {
		x.refuse("redis is used while a module is loaded")
	}
	number := func(i int, what string) float64 {
		v, ok := constOf(x.term(at(args, i)))
		if !ok || v.K != expr.Number {
			x.refuse("%s of redis is not known", what)
		}
		return v.N
	}
	result := func(step, other string, k kinds, words ...string) []value {
		r := x.name(x.hinted(other), k)
		x.emit(step, append([]string{"$" + r.Name, h.name}, words...)...)
		return []value{r, x.errorOf(r)}
	}
	switch name {
	case "set_timeout":
		x.emit("timeout", h.name, milliseconds(number(0, "the timeout")))
		return nil
	case "set_timeouts":
		x.emit("timeout", h.name, milliseconds(number(0, "a timeout")), milliseconds(number(1, "a timeout")), milliseconds(number(2, "a timeout")))
		return nil
	case "connect":
		host, ok := constOf(x.term(at(args, 0)))
		if !ok || host.K != expr.String {
			x.refuse("the address of redis is not known")
		}
		addr := host.S
		more := 2
		if strings.HasPrefix(addr, "unix:") {
			more = 1
		} else {
			port := number(1, "the port")
			if strings.Contains(addr, ":") {
				addr = "[" + strings.Trim(addr, "[]") + "]"
			}
			if port != float64(int(port)) || port < 0 || port > 65535 {
				x.refuse("%v is no port", port)
			}
			addr = fmt.Sprintf("%s:%d", addr, int(port))
		}
		if len(args) > more {
			x.refuse("options of connect are not understood")
		}
		return result("connect", "connected", kNil|kNumber, addr)
	case "auth":
		if len(args) < 1 || len(args) > 2 {
			x.refuse("auth with %d arguments is not understood", len(args))
		}
		var ws []string
		for i := range args {
			t := x.term(args[i])
			if x.kindsOf(t)&^kText != 0 {
				x.refuse("the password can be something other than text")
			}
			ws = append(ws, x.word("password", t))
		}
		return result("auth", "authenticated", kNil|kFalse|kString, ws...)
	case "select":
		db := number(0, "the database")
		if db < 0 || db != float64(int(db)) || len(args) != 1 {
			x.refuse("this database is not understood")
		}
		return result("select", "selected", kNil|kFalse|kString, fmt.Sprint(int(db)))
	case "set_keepalive", "close":
		for i := range args {
			number(i, "an argument of "+name)
		}
		step := "close"
		if name == "set_keepalive" {
			step = "keepalive"
		}
		r := x.name(x.hinted("closed"), kNil|kNumber)
		x.emit(step, "$"+r.Name, h.name)
		return []value{r, x.errorOf(r)}
	case "get_reused_times":
		x.refuse("get_reused_times tells how often the connection was used, which rules do not know")
	}
	if !askable[name] {
		x.refuse("the redis command %s is not understood", name)
	}
	ws := []string{name}
	for _, a := range args {
		ws = append(ws, x.word("key", x.term(a)))
	}
	return result("ask", name+"_answer", kAny&^kTrue, ws...)
}

// askable are the commands that rules send: each is one answer.
var askable = func() map[string]bool {
	m := map[string]bool{}
	for _, c := range strings.Fields(`get exists mget hget hmget hgetall hexists hlen sismember smembers scard zscore zrank zcard
		llen lindex lrange ttl type strlen getbit bitcount incr incrby decr set setex setnx expire del hset hincrby sadd srem
		zadd zrem lpush rpush getset zrangebyscore zrange keys ping echo dbsize`) {
		m[c] = true
	}
	return m
}()

func milliseconds(ms float64) string {
	if ms > 0 && ms == float64(int(ms)) && int(ms)%1000 == 0 {
		return fmt.Sprintf("%ds", int(ms)/1000)
	}
	return fmt.Sprintf("%dms", int(ms))
}
