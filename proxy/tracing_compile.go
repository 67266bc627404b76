package proxy

import (
	"strconv"

	"huidu/nginxconf"
	"huidu/proxy/trace"
)

// When requests may be followed (Options.Explain, Options.TraceKey), the
// handlers and rewrite directives are wrapped at load, so that gateways
// without traces pay nothing for them.

// traces tells whether the configuration is compiled for following.
func (c *compiler) traces() bool { return c.rt.opts.Explain || len(c.rt.opts.TraceKey) > 0 }

// tracedOp is a directive of the rewrite module that says what it did.
type tracedOp struct {
	rewriteOp
	conf *nginxconf.RewriteOp
}

func (op *tracedOp) exec(r *Request, e *rewriteState) rc {
	t := r.main.tracing
	if t == nil {
		return op.rewriteOp.exec(r, e)
	}
	ev := trace.Event{Kind: trace.Rewrite, Place: place(op.conf.Pos)}
	d := op.conf
	if d.If != nil { // its directives report themselves
		inner := op.rewriteOp.(*ifOp)
		cond := inner.cond
		taken := *inner
		taken.cond = func(r *Request) bool {
			yes := cond(r)
			ev.What, ev.Result = "if ("+condText(&d.If.Cond)+")", strconv.FormatBool(yes)
			r.note(ev)
			return yes
		}
		return taken.exec(r, e)
	}
	before := r.uri
	c := op.rewriteOp.exec(r, e)
	switch {
	case d.Break:
		ev.What = "break"
	case d.Set != nil:
		ev.What, ev.Result = "set $"+d.Set.Var, r.varText(d.Set.Var)
	case d.SetLua != nil:
		ev.What, ev.Result = "set_by_lua $"+d.SetLua.Var, r.varText(d.SetLua.Var)
	case d.SetMisc != nil:
		ev.What = "set by a directive of set-misc"
	case d.Return != nil:
		ev.What = "return"
		if d.Return.Code != 0 {
			ev.What += " " + strconv.Itoa(d.Return.Code)
		}
		if d.Return.Text != nil {
			ev.What += " " + strconv.Quote(d.Return.Text.Text)
		}
	case d.Rewrite != nil:
		ev.What = "rewrite " + d.Rewrite.Regex.Pattern
		switch {
		case c >= 300:
			ev.Result = "redirect"
		case r.uri != before || r.uriChanged:
			ev.Result = r.uri
			if r.args != "" {
				ev.Result += "?" + r.args
			}
		default:
			ev.Result = "does not match " + r.uri
		}
	}
	r.note(ev)
	return c
}

// varText is a variable's value, quoted.
func (r *Request) varText(name string) string {
	v, _ := r.lookupVar(name)
	return strconv.Quote(v)
}

// condText writes a condition as the configuration has it.
func condText(d *nginxconf.Cond) string {
	switch {
	case d.Op == "":
		return "$" + d.Var
	case d.Var == "":
		return d.Op + " " + d.Value.Text
	case d.Regex != nil:
		return "$" + d.Var + " " + d.Op + " " + d.Regex.Pattern
	}
	return "$" + d.Var + " " + d.Op + " " + strconv.Quote(d.Value.Text)
}

// The names of the handlers of a phase, by their order.
var (
	preaccessNames  = []string{"set_real_ip_from", "limit_req", "limit_conn"}
	accessNames     = []string{"allow and deny", "auth_basic", "auth_request", "access_by_lua"}
	precontentNames = []string{"try_files", "mirror", "precontent_by_lua"}
)

// traceHandlers wraps what was collected for a location, before it is settled.
func (o *orderedHandlers) traceHandlers(pos nginxconf.Pos) {
	wrap := func(list []ordered[phaseHandler], kind trace.Kind, names []string) {
		for i := range list {
			name := "handler"
			if at := list[i].at; at >= 0 && at < len(names) {
				name = names[at]
			} else if at == -1 {
				name = "access_by_lua"
			}
			h := list[i].h
			list[i].h = func(r *Request) rc {
				if r.main.tracing == nil {
					return h(r)
				}
				uri := r.uri
				c := h(r)
				e := trace.Event{Kind: kind, Place: place(pos), What: name, Result: answerText(c)}
				if r.uri != uri {
					e.Result = r.uri
				}
				r.note(e)
				return c
			}
		}
	}
	wrap(o.preaccess, trace.Limit, preaccessNames)
	wrap(o.access, trace.Access, accessNames)
	wrap(o.precontent, trace.Precontent, precontentNames)
}

// answerText says what a handler's answer means.
func answerText(c rc) string {
	switch {
	case c == declined, c == ok:
		return "passes"
	case c == restart:
		return "goes elsewhere"
	case c == done:
		return "answered"
	case c == failed, c == statusClose:
		return "closes the connection"
	}
	return "refuses with " + strconv.Itoa(int(c))
}
