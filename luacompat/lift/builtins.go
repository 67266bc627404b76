package lift

import (
	"fmt"
	"strings"

	"huidu/luacompat/expr"
)

// knownGlobals are the names of Lua and ngx_lua that scripts find.
var knownGlobals = map[string]bool{"ngx": true, "string": true, "math": true, "os": true, "table": true, "require": true,
	"tonumber": true, "tostring": true, "type": true, "pcall": true, "error": true, "assert": true, "ipairs": true, "pairs": true,
	"print": true, "setmetatable": true}

// constants are the host's values that are constants.
var constants = func() map[string]expr.Value {
	m := map[string]expr.Value{"ngx.null": {K: expr.Null}, "math.huge": {}}
	delete(m, "math.huge")
	for name, n := range map[string]float64{"OK": 0, "ERROR": -1, "AGAIN": -2, "DONE": -4, "DECLINED": -5,
		"STDERR": 0, "EMERG": 1, "ALERT": 2, "CRIT": 3, "ERR": 4, "WARN": 5, "NOTICE": 6, "INFO": 7, "DEBUG": 8,
		"HTTP_OK": 200, "HTTP_CREATED": 201, "HTTP_NO_CONTENT": 204, "HTTP_MOVED_PERMANENTLY": 301, "HTTP_MOVED_TEMPORARILY": 302,
		"HTTP_SEE_OTHER": 303, "HTTP_NOT_MODIFIED": 304, "HTTP_TEMPORARY_REDIRECT": 307, "HTTP_BAD_REQUEST": 400,
		"HTTP_UNAUTHORIZED": 401, "HTTP_FORBIDDEN": 403, "HTTP_NOT_FOUND": 404, "HTTP_NOT_ALLOWED": 405,
		"HTTP_TOO_MANY_REQUESTS": 429, "HTTP_INTERNAL_SERVER_ERROR": 500, "HTTP_BAD_GATEWAY": 502,
		"HTTP_SERVICE_UNAVAILABLE": 503, "HTTP_GATEWAY_TIMEOUT": 504} {
		m["ngx."+name] = expr.Num(n)
	}
	return m
}()

// knownPath reports whether there is such a thing for certain.
func knownPath(name string) bool {
	return builtins[name] != nil || knownGlobals[name] || name == "redis" || strings.HasPrefix(name, "redis.") ||
		name == "ngx.req" || name == "ngx.var" || name == "ngx.re" || name == "ngx.header"
}

// builtin is a function of the host.
type builtin func(x *exec, args []value) []value

var builtins map[string]builtin

func init() {
	builtins = map[string]builtin{
		"require": require, "pcall": pcall, "error": raiseError, "assert": assert,
		"tonumber": tonumber, "tostring": tostring, "type": typeOf,
		"string.sub": substring, "string.len": strlen, "string.find": find, "string.match": match, "string.byte": strbyte,
		"string.lower":  pureText("lower"),
		"string.upper":  pureText("upper"),
		"string.format": format,
		"math.floor":    pureNumber("floor"), "math.ceil": pureNumber("ceil"), "math.abs": pureNumber("abs"),
		"math.random": random, "math.randomseed": randomseed,
		"ngx.time": clock("time"), "ngx.now": clock("now"), "os.time": osTime, "os.date": osDate,
		"ngx.crc32_short": crc32, "ngx.crc32_long": crc32, "ngx.md5": md5,
		"ngx.re.find": reFind, "ngx.re.match": reFind,
		"ngx.req.get_headers": getHeaders, "ngx.req.get_uri_args": getArgs, "ngx.req.get_method": getMethod,
		"ngx.req.set_header": setHeader, "ngx.req.clear_header": clearHeader,
		"ngx.exec": ngxExec, "ngx.exit": ngxExit, "ngx.redirect": ngxRedirect,
		"ngx.say": output("say"), "ngx.print": output("print"), "ngx.log": ngxLog, "print": nil,
		"redis.new": newRedis,
	}
	delete(builtins, "print")
}

// single evaluates nothing: it is the list of one value.
func single(v value) []value { return []value{v} }

func (x *exec) arg(args []value, i int) term { return x.term(at(args, i)) }

// fn is a call of a function of expressions; when its arguments may not be
// what it takes it is evaluated here.
func (x *exec) fn(name string, ok bool, args ...term) []value {
	t := &expr.Call{Fn: name, Args: args}
	if folded, isConst := fold(t); isConst {
		return single(folded)
	}
	if !ok {
		return single(x.fallible(x.hinted(name), t))
	}
	return single(t)
}

func (x *exec) all(k kinds, ts ...term) bool {
	for _, t := range ts {
		if x.kindsOf(t)&^k != 0 {
			return false
		}
	}
	return true
}

func require(x *exec, args []value) []value {
	name, ok := constOf(x.arg(args, 0))
	if !ok || name.K != expr.String {
		x.refuse("a module whose name is not known is required")
	}
	if name.S == "resty.redis" {
		return single(&path{"redis"})
	}
	if v, ok := x.modules[name.S]; ok {
		return single(v)
	}
	if x.src.Module == nil {
		x.refuse("the module %s is not understood", name.S)
	}
	file, text, ok := x.src.Module(name.S)
	if !ok {
		x.refuse("the module %s is not understood", name.S)
	}
	c, err := x.parse(file, "@"+file, text, 0)
	if err != nil {
		panic(err)
	}
	x.rule.Modules = append(x.rule.Modules, file)
	savedChunk, savedAt, before := x.chunk, x.at, x.steps
	x.chunk = c
	x.loading++
	f := x.returned(x.stmts(c.Stmts, nil))
	x.loading--
	if f.kind != returns || x.steps != before {
		x.at = nil
		x.refuse("what the module %s does when it is loaded is not understood", name.S)
	}
	x.chunk, x.at, x.st = savedChunk, savedAt, f.st
	v := at(f.vals, 0)
	x.modules[name.S] = v
	return single(v)
}

// pcall is pcall(f, ...): what may raise an error in it is in a try.
func pcall(x *exec, args []value) []value {
	if len(args) == 0 {
		x.refuse("pcall without a function")
	}
	faults, before := x.faults, x.st.clone()
	var vals []value
	x.trying++
	list, f := x.nested(func() *flow {
		vals = x.invoke(args[0], args[1:])
		return &flow{kind: falls, st: x.st}
	})
	x.trying--
	if x.faults == faults {
		*x.list = append(*x.list, list...)
		if f.kind == ends {
			panic(requestEnded{})
		}
		x.st = f.st
		return append(single(tTrue), vals...)
	}
	x.faults = faults
	r := x.name("ok", kBool)
	x.steps++
	*x.list = append(*x.list, Step{Name: "try", Args: []string{"$" + r.Name}, Kids: list, Block: true})
	failed := &opaque{"the text of an error that Lua raised is used"}
	if f.kind == ends {
		x.st = before
		return []value{tFalse, failed}
	}
	for c, v := range before.cells {
		if w := f.st.cells[c]; w != v && !sameValue(v, w) {
			x.refuse("%s is changed inside a pcall that may fail half way", c.name)
		}
	}
	for t, m := range before.tables {
		for k, v := range m {
			if w := f.st.tables[t][k]; w != v && !sameValue(v, w) {
				x.refuse("a table is changed inside a pcall that may fail half way")
			}
		}
		if len(f.st.tables[t]) != len(m) {
			x.refuse("a table is changed inside a pcall that may fail half way")
		}
	}
	st := f.st
	st.facts, st.bound = before.facts, before.bound
	x.st = st
	out := single(r)
	for i := range max(len(vals), 1) {
		v := at(vals, i)
		if i == 0 {
			out = append(out, &choice{r, v, failed})
		} else {
			out = append(out, x.pick(r, v, tNil))
		}
	}
	return out
}

func sameValue(a, b value) bool {
	ta, ok := a.(term)
	tb, ok2 := b.(term)
	return ok && ok2 && same(ta, tb)
}

func raiseError(x *exec, args []value) []value {
	x.raise("error")
	return nil
}

func assert(x *exec, args []value) []value {
	c := x.truth(at(args, 0))
	if truth, known := x.decided(c); known {
		if !truth {
			x.raise("assertion failed!")
		}
		return args
	}
	f := x.branch(c, func() *flow { return &flow{kind: falls, st: x.st} }, func() *flow {
		x.raise("assertion failed!")
		return nil
	})
	x.st = f.st
	return args
}

func tonumber(x *exec, args []value) []value {
	t := x.arg(args, 0)
	if len(args) > 1 {
		base, ok := constOf(x.arg(args, 1))
		if !ok || base.N != 16 && base.N != 10 {
			x.refuse("tonumber with this base is not understood")
		}
		if base.N == 16 {
			return x.fn("hexnumber", x.all(kText, t), t)
		}
	}
	if x.kindsOf(t) == kNumber {
		return single(t)
	}
	return x.fn("tonumber", true, t)
}

func (x *exec) noList(t term, what string) {
	if x.kindsOf(t)&kList != 0 {
		x.refuse("%s can be a table (a header or an argument that came twice), whose text is its address", what)
	}
}

func tostring(x *exec, args []value) []value {
	t := x.arg(args, 0)
	if x.kindsOf(t) == kString {
		return single(t)
	}
	x.noList(t, "what tostring takes")
	return x.fn("tostring", true, t)
}

func typeOf(x *exec, args []value) []value {
	if len(args) == 0 {
		x.raise("bad argument #1 to 'type' (value expected)")
	}
	switch v := x.settle(args[0]).(type) {
	case *table, *handle, *headersOf, *argsOf:
		return single(tText("table"))
	case *closure:
		return single(tText("function"))
	case term:
		names := map[kinds]string{kString: "string", kNumber: "number", kNil: "nil", kNull: "userdata", kList: "table", kTrue: "boolean", kFalse: "boolean"}
		if n, ok := names[x.kindsOf(v)]; ok {
			return single(tText(n))
		}
		return single(&expr.Call{Fn: "type", Args: []term{v}})
	}
	return single(&expr.Call{Fn: "type", Args: []term{x.arg(args, 0)}})
}

func substring(x *exec, args []value) []value {
	ts := []term{x.arg(args, 0), x.arg(args, 1)}
	if len(args) > 2 {
		ts = append(ts, x.arg(args, 2))
	}
	return x.fn("sub", x.all(kText, ts[0]) && x.all(kNumber, ts[1:]...), ts...)
}

func strlen(x *exec, args []value) []value {
	t := x.arg(args, 0)
	if x.kindsOf(t)&^kString != 0 {
		t = x.term(x.fn("sub", x.all(kText, t), t, tNum(1))[0])
	}
	return single(x.length(t))
}

func strbyte(x *exec, args []value) []value {
	if len(args) > 2 {
		x.refuse("string.byte of several bytes is not understood")
	}
	ts := []term{x.arg(args, 0)}
	if len(args) > 1 {
		ts = append(ts, x.arg(args, 1))
	}
	return x.fn("byte", x.all(kText, ts[0]) && x.all(kNumber, ts[1:]...), ts...)
}

func pureText(name string) builtin {
	return func(x *exec, args []value) []value {
		t := x.arg(args, 0)
		return x.fn(name, x.all(kText, t), t)
	}
}

func pureNumber(name string) builtin {
	return func(x *exec, args []value) []value {
		t := x.arg(args, 0)
		return x.fn(name, x.all(kNumber, t), t)
	}
}

// pattern is a constant pattern and how many captures it has.
func (x *exec) pattern(t term) (special bool, captures int) {
	p, ok := constOf(t)
	if !ok || p.K != expr.String {
		x.refuse("a pattern that is not known is used")
	}
	depth := false
	for i := 0; i < len(p.S); i++ {
		switch c := p.S[i]; {
		case c == '%':
			i++
		case c == '[':
			depth = true
		case c == ']':
			depth = false
		case c == '(' && !depth:
			captures++
		}
	}
	return strings.ContainsAny(p.S, "^$*+?.([%-"), captures
}

func find(x *exec, args []value) []value {
	ts := []term{x.arg(args, 0), x.arg(args, 1)}
	if len(args) > 2 {
		ts = append(ts, x.arg(args, 2))
	}
	plain := false
	if len(args) > 3 {
		v, ok := constOf(x.arg(args, 3))
		if !ok {
			x.refuse("whether find takes a pattern is not known")
		}
		if plain = v.Truthy(); plain {
			ts = append(ts, tTrue)
		}
	}
	ok := x.all(kText, ts[0]) && (len(ts) < 3 || x.all(kNumber, ts[2]))
	if plain {
		ok = ok && x.all(kText, ts[1])
	} else {
		special, captures := x.pattern(ts[1])
		if captures > 0 {
			x.refuse("string.find with captures is not understood")
		}
		ok = ok && !special
	}
	from := x.fn("find", ok, ts...)
	return append(from, &expr.Call{Fn: "find_end", Args: ts})
}

func match(x *exec, args []value) []value {
	if len(args) > 2 {
		x.refuse("string.match from a place on is not understood")
	}
	s, p := x.arg(args, 0), x.arg(args, 1)
	_, captures := x.pattern(p)
	var out []value
	hint := x.hint
	for i := 1; i <= max(captures, 1); i++ {
		ts := []term{s, p}
		if i > 1 {
			ts = append(ts, tNum(float64(i)))
		}
		x.hint = hint
		out = append(out, x.fn("match", false, ts...)...)
	}
	return out
}

// format is string.format with %s and %% only.
func format(x *exec, args []value) []value {
	f, ok := constOf(x.arg(args, 0))
	if !ok || f.K != expr.String {
		x.refuse("a format that is not known is used")
	}
	var out term = tText("")
	add := func(t term) {
		if v, ok := constOf(out); ok && v.S == "" {
			out = t
		} else {
			out = x.term(x.concat(out, t))
		}
	}
	n := 1
	for s := f.S; s != ""; {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			add(tText(s))
			break
		}
		if i > 0 {
			add(tText(s[:i]))
		}
		if i+1 >= len(s) || s[i+1] != 's' && s[i+1] != '%' {
			x.refuse("string.format with other than %%s is not understood")
		}
		if s[i+1] == '%' {
			add(tText("%"))
		} else {
			if n >= len(args) {
				x.raise("bad argument to 'format'")
			}
			add(x.term(tostring(x, args[n:n+1])[0]))
			n++
		}
		s = s[i+2:]
	}
	return single(out)
}

func random(x *exec, args []value) []value {
	var ts []term
	for i := range args {
		t := x.arg(args, i)
		if x.kindsOf(t) != kNumber {
			x.refuse("the bounds of math.random are not known to be numbers")
		}
		ts = append(ts, t)
	}
	if x.loading > 0 {
		x.refuse("math.random is called while a module is loaded")
	}
	return single(x.let(x.hinted("chance"), &expr.Call{Fn: "random", Args: ts}))
}

func randomseed(x *exec, _ []value) []value {
	x.refuse("math.randomseed makes the same numbers for a whole second: math.random is no chance here")
	return nil
}

func clock(name string) builtin {
	return func(x *exec, args []value) []value {
		if x.loading > 0 {
			x.refuse("the time is taken while a module is loaded")
		}
		return single(x.let(x.hinted("now"), &expr.Call{Fn: name}))
	}
}

func osTime(x *exec, args []value) []value {
	if len(args) > 0 {
		x.refuse("os.time of a table is not understood")
	}
	return clock("time")(x, nil)
}

func osDate(x *exec, args []value) []value {
	f := expr.Text("%c")
	if len(args) > 0 {
		v, ok := constOf(x.arg(args, 0))
		if !ok || v.K != expr.String {
			x.refuse("the format of os.date is not known")
		}
		f = v
	}
	var when term
	if len(args) > 1 {
		when = x.arg(args, 1)
		if x.kindsOf(when) != kNumber {
			x.refuse("the time of os.date is not known to be a number")
		}
	} else {
		hint := x.hint
		x.hint = "now"
		when = x.term(clock("time")(x, nil)[0])
		x.hint = hint
	}
	utc := strings.TrimPrefix(f.S, "!")
	mark := f.S[:len(f.S)-len(utc)]
	at := func(layout string) term {
		return &expr.Call{Fn: "date_at", Args: []term{tText(mark + layout), when}}
	}
	if !strings.HasPrefix(utc, "*t") {
		return single(at(utc))
	}
	number := func(layout string) term { return &expr.Call{Fn: "digits", Args: []term{at(layout)}} }
	t := &table{}
	x.st.tables[t] = map[expr.Value]value{
		expr.Text("hour"): number("%H"), expr.Text("min"): number("%M"), expr.Text("sec"): number("%S"), expr.Text("day"): number("%d"),
		expr.Text("month"): number("%m"), expr.Text("year"): number("%Y"), expr.Text("yday"): number("%j"),
		expr.Text("wday"):  &expr.Binary{Op: "+", L: number("%w"), R: tNum(1)},
		expr.Text("isdst"): &opaque{"whether it is summer time is used"},
	}
	return single(t)
}

func crc32(x *exec, args []value) []value {
	t := x.arg(args, 0)
	x.noList(t, "what crc32 takes")
	if x.kindsOf(t)&^kText != 0 {
		x.refuse("what crc32 takes may be no text")
	}
	return x.fn("crc32", true, t)
}

func md5(x *exec, args []value) []value {
	t := x.arg(args, 0)
	x.noList(t, "what ngx.md5 takes")
	if x.kindsOf(t)&^(kText|kNil) != 0 {
		x.refuse("what ngx.md5 takes may be no text")
	}
	return x.fn("md5", true, t)
}

// reFind is ngx.re.find and, as far as it is asked whether there is a match,
// ngx.re.match.
func reFind(x *exec, args []value) []value {
	s := x.arg(args, 0)
	x.noList(s, "what a regular expression is matched with")
	ts := []term{s, x.arg(args, 1)}
	if len(args) > 2 {
		ts = append(ts, x.arg(args, 2))
	}
	if len(args) > 3 {
		x.refuse("ngx.re with a context is not understood")
	}
	for _, t := range ts[1:] {
		if v, ok := constOf(t); !ok || v.K != expr.String {
			x.refuse("a regular expression that is not known is used")
		}
	}
	c := &expr.Call{Fn: "matches", Args: ts}
	if _, err := expr.Compile(c, &expr.Scope{}); err != nil {
		x.refuse("%v", err)
	}
	matched := &opaque{"what a regular expression matched is used, not only whether"}
	return []value{&choice{c, &found{matched}, tNil}, matched, matched}
}

// found is a match: it is there, and not more is known.
type found struct{ *opaque }

func (x *exec) request(what string) {
	if x.loading > 0 {
		x.refuse("%s is called while a module is loaded", what)
	}
}

func tableLimit(x *exec, args []value) int {
	if len(args) == 0 {
		return 100
	}
	v, ok := constOf(x.arg(args, 0))
	if !ok || v.K != expr.Number && v.K != expr.Nil || len(args) > 1 {
		x.refuse("how many headers or arguments are looked at is not known")
	}
	if v.K == expr.Nil || v.N < 0 {
		return 100
	}
	return int(v.N)
}

func getHeaders(x *exec, args []value) []value {
	x.request("ngx.req.get_headers")
	return []value{&headersOf{tableLimit(x, args)}, &opaque{"whether headers were left out is used"}}
}

func getArgs(x *exec, args []value) []value {
	x.request("ngx.req.get_uri_args")
	return []value{&argsOf{tableLimit(x, args)}, &opaque{"whether arguments were left out is used"}}
}

func getMethod(x *exec, _ []value) []value {
	x.request("ngx.req.get_method")
	return single(&expr.Call{Fn: "method"})
}

func setHeader(x *exec, args []value) []value {
	x.request("ngx.req.set_header")
	name, ok := constOf(x.arg(args, 0))
	v := x.arg(args, 1)
	if !ok || name.K != expr.String || x.kindsOf(v)&(kNil|kList) != 0 {
		x.refuse("a request header is set to what can be a table or nil")
	}
	x.st.headers = true
	x.emit("request_header", escapeWord(name.S), x.word("value", v))
	return nil
}

func clearHeader(x *exec, args []value) []value {
	x.request("ngx.req.clear_header")
	name, ok := constOf(x.arg(args, 0))
	if !ok || name.K != expr.String {
		x.refuse("a request header whose name is not known is removed")
	}
	x.st.headers = true
	x.emit("request_header", escapeWord(name.S))
	return nil
}

func ngxExec(x *exec, args []value) []value {
	x.request("ngx.exec")
	if len(args) < 1 || len(args) > 2 {
		x.raise("expecting one or two arguments")
	}
	uri := x.arg(args, 0)
	if x.kindsOf(uri)&^kText != 0 {
		x.refuse("where ngx.exec goes may be no text")
	}
	ws := []string{x.word("target", uri)}
	if len(args) > 1 {
		more := x.arg(args, 1)
		if k := x.kindsOf(more); k&^(kText|kNil) != 0 {
			x.refuse("the arguments of ngx.exec may be no text")
		} else if k&kNil != 0 {
			more = &expr.Binary{Op: "??", L: more, R: tText("")}
		}
		ws = append(ws, x.word("query", more))
	}
	x.faults++
	x.emit("go", ws...)
	panic(requestEnded{})
}

func ngxExit(x *exec, args []value) []value {
	x.request("ngx.exit")
	n, ok := constOf(x.arg(args, 0))
	if !ok || n.K != expr.Number || n.N == -2 || n.N == -4 {
		x.refuse("the status that ngx.exit takes is not known")
	}
	x.emit("exit", fmt.Sprint(int(n.N)))
	panic(requestEnded{})
}

func ngxRedirect(x *exec, args []value) []value {
	x.request("ngx.redirect")
	uri := x.arg(args, 0)
	if x.kindsOf(uri)&^kText != 0 {
		x.refuse("where ngx.redirect goes may be no text")
	}
	ws := []string{x.word("target", uri)}
	if len(args) > 1 {
		n, ok := constOf(x.arg(args, 1))
		if !ok || n.K != expr.Number {
			x.refuse("the status of ngx.redirect is not known")
		}
		ws = append(ws, fmt.Sprint(int(n.N)))
	}
	x.faults++
	x.emit("redirect", ws...)
	panic(requestEnded{})
}

func output(name string) builtin {
	return func(x *exec, args []value) []value {
		x.request("ngx." + name)
		var ws []string
		for i := range args {
			t := x.arg(args, i)
			if v, ok := constOf(t); ok {
				ws = append(ws, escapeWord(string(v.Print(nil))))
				continue
			}
			x.noList(t, "what is written")
			ws = append(ws, x.word("text", t))
		}
		x.emit(name, ws...)
		return single(&opaque{"whether ngx." + name + " failed is used"})
	}
}

var levels = []string{"stderr", "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}

func ngxLog(x *exec, args []value) []value {
	if x.loading > 0 {
		x.refuse("ngx.log is called while a module is loaded")
	}
	n, ok := constOf(x.arg(args, 0))
	if !ok || n.K != expr.Number || n.N < 0 || int(n.N) >= len(levels) {
		x.refuse("the level of ngx.log is not known")
	}
	ws := []string{levels[int(n.N)]}
	for i := 1; i < len(args); i++ {
		if o, ok := x.settle(args[i]).(*choice); ok {
			if _, isOpaque := o.b.(*opaque); isOpaque {
				ws = append(ws, "(an error)")
				continue
			}
		}
		if _, ok := x.settle(args[i]).(*opaque); ok {
			ws = append(ws, "(an error)")
			continue
		}
		t := x.arg(args, i)
		if v, ok := constOf(t); ok {
			ws = append(ws, escapeWord(string(v.Print(nil))))
			continue
		}
		if x.kindsOf(t)&kList != 0 {
			x.faults++
		}
		ws = append(ws, x.word("text", t))
	}
	x.emit("log", ws...)
	return nil
}

func newRedis(x *exec, _ []value) []value {
	x.request("redis.new")
	x.loops++
	name := x.hinted("redis")
	if x.loops > 1 {
		name = fmt.Sprintf("%s%d", name, x.loops)
	}
	return []value{&handle{name}, tNil}
}
