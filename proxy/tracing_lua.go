package proxy

import (
	"os"
	"strconv"
	"strings"

	"huidu/luacompat"
	"huidu/proxy/trace"
)

// luaTracer tells a request's recorder what its scripts do.
type luaTracer struct{ r *Request }

var _ luacompat.Tracer = luaTracer{}

// tracerOf is luacompat.Options.Tracer.
func tracerOf(q luacompat.Request) luacompat.Tracer {
	l, is := q.(*luaRequest)
	if !is || l.r == nil || l.r.main.tracing == nil {
		return nil
	}
	return luaTracer{l.r}
}

func (t luaTracer) Call(where, call string) {
	t.r.note(trace.Event{Kind: trace.Call, Place: where, What: call})
}

func (t luaTracer) Redis(where, call, results string) {
	t.r.note(trace.Event{Kind: trace.Redis, Place: where, What: call, Result: results})
}

func (t luaTracer) Branch(where string, taken bool) {
	e := trace.Event{Kind: trace.Branch, Place: where, What: "condition", Result: strconv.FormatBool(taken)}
	e.Source = t.r.rt.luaLine(where)
	t.r.note(e)
}

func (t luaTracer) Set(where, name, value string) {
	t.r.note(trace.Event{Kind: trace.Set, Place: where, What: "ngx.var." + name, Result: strconv.Quote(value)})
}

// luaLine is the source line that a place in Lua code names: of a file, or of
// a block in the configuration, whose chunk name holds the place of its "{".
func (rt *Router) luaLine(where string) string {
	i := strings.LastIndexByte(where, ':')
	if i < 0 {
		return ""
	}
	file, n := where[:i], where[i+1:]
	line, err := strconv.Atoi(n)
	if err != nil {
		return ""
	}
	if _, inside, found := strings.Cut(file, "("); found && strings.HasSuffix(inside, ")") {
		name, first, _ := strings.Cut(strings.TrimSuffix(inside, ")"), ":")
		from, err := strconv.Atoi(first)
		if err != nil {
			return ""
		}
		for _, f := range rt.cfg.Files {
			if strings.HasSuffix(f.Name, strings.TrimPrefix(name, "...")) {
				return lineOf(f.Data, line+from-1)
			}
		}
		return ""
	}
	if rt.opts.MapPath != nil {
		file = rt.opts.MapPath(file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return lineOf(b, line)
}

// lineOf is the n-th line of a text without the white space around it.
func lineOf(text []byte, n int) string {
	for line := range strings.Lines(string(text)) {
		if n--; n == 0 {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// traceScript records that a script begins.
func (r *Request) traceScript(s *luacompat.Script) {
	r.note(trace.Event{Kind: trace.Script, What: s.Directive(), Place: s.Place(r.forLua())})
}
