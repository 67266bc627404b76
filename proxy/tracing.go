package proxy

import (
	"fmt"
	"strconv"
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/trace"
)

// tracing follows one client request, with its subrequests, for "huidu
// explain" or for a signed request to a live gateway. Requests that nobody
// follows have none.
type tracing struct {
	rec *trace.Recorder
	dry *dryRun // nil on a live gateway
}

// dryRun is what takes the place of upstreams when a request is only
// explained.
type dryRun struct {
	status int // assumed of every upstream
}

// note records an event of r.
func (r *Request) note(e trace.Event) {
	e.Depth += maxSubrequests - r.nsub
	r.main.tracing.rec.Add(e)
}

// place is a position of the configuration as traces name it.
func place(pos nginxconf.Pos) string {
	if pos.File == "" {
		return ""
	}
	return pos.File + ":" + strconv.Itoa(pos.Line)
}

// traceBegin records what was asked and which server it was given to.
func (r *Request) traceBegin() {
	rec := r.main.tracing.rec
	rec.Edit(func(t *trace.Trace) {
		t.Request = strings.Clone(r.head.Line)
		t.Client, t.Listen = strings.Clone(r.conn.nc.RemoteText()), r.conn.listenText()
		t.Decision.Server = r.srv.name
	})
	name := r.srv.name
	if name == "" {
		name = `""`
	}
	r.note(trace.Event{Kind: trace.Server, Place: place(r.srv.conf.Pos), What: name, Why: r.conn.addr.whyServer(r.srv, r.host)})
}

// whyServer says by what rule findServer gave srv for host.
func (a *addrConf) whyServer(srv *virtualServer, host string) string {
	if a.names == nil {
		return "the only server of this address"
	}
	if host == "" && !a.names.hasEmpty {
		return "no host was asked for: the default server of this address"
	}
	if a.names.exact[host] == srv {
		return fmt.Sprintf("%q is one of its names", host)
	}
	for i := range host {
		if host[i] == '.' && i > 0 && a.names.head[host[i:]] == srv {
			return fmt.Sprintf("%q matches its name *%s", host, host[i:])
		}
		if host[i] == '.' && a.names.tail[host[:i+1]] == srv {
			return fmt.Sprintf("%q matches its name %s*", host, host[:i+1])
		}
	}
	for i := range a.names.regex {
		if n := &a.names.regex[i]; n.srv == srv {
			if ov := make([]int, 2*(n.re.NumCaptures()+1)); matches(n.re.Match(host, 0, ov)) {
				return fmt.Sprintf("%q matches its name ~%s", host, n.re.String())
			}
		}
	}
	return fmt.Sprintf("no server is named %q: the default server of this address", host)
}

func matches(n int, err error) bool { return err == nil && n > 0 }

// traceLocation records the location found for the URI, with the candidates.
func (r *Request) traceLocation(loc *location) {
	e := trace.Event{Kind: trace.Location, Place: place(loc.pos), What: loc.title(), Why: "for " + strconv.Quote(r.uri)}
	if r.srv.tree != nil {
		e.Tried = r.srv.tree.tried(r.uri)
	}
	if n := len(e.Tried); n > 0 && loc != r.srv.loc {
		e.Why += ": " + e.Tried[n-1].Result
	} else {
		e.Why += ": no location matches, so the server's own settings hold"
	}
	r.note(e)
	r.main.tracing.rec.Edit(func(t *trace.Trace) {
		if r == r.main {
			t.Decision.Location = loc.title()
		}
	})
}

// title is a location as the configuration writes it.
func (l *location) title() string {
	switch l.kind {
	case nginxconf.LocExact:
		return "= " + l.name
	case nginxconf.LocNoRegex:
		return "^~ " + l.name
	case nginxconf.LocRegex:
		return "~ " + l.name
	case nginxconf.LocRegexNoCase:
		return "~* " + l.name
	case nginxconf.LocIf:
		return "if in " + orServer(l.name)
	case nginxconf.LocLimitExcept:
		return "limit_except in " + orServer(l.name)
	}
	return orServer(l.name)
}

func orServer(name string) string {
	if name == "" {
		return "(the server itself)"
	}
	return name
}

// noMatch is the result of a regular expression that does not match.
const noMatch = "does not match"

// tried lists the locations that find looks at for uri, in its order, the
// last one being its choice unless that does not match.
func (t *locTree) tried(uri string) []trace.Candidate {
	var out []trace.Candidate
	add := func(l *location, result string) {
		out = append(out, trace.Candidate{Location: l.title(), Place: place(l.pos), Result: result})
	}
	var best *location
	noRegex := false
	if t.root != nil {
		exact, prefix, slash := t.root.lookup(uri)
		if exact != nil {
			add(exact, "equal to the URI, which ends the search")
			return out
		}
		if slash != nil {
			add(slash, "the URI lacks its final slash: redirected to it")
			return out
		}
		if prefix != nil {
			best, noRegex = prefix, prefix.noRegex
			if prefix.kids != nil {
				if inner := prefix.kids.tried(uri); len(inner) > 0 {
					add(prefix, "the longest prefix; the locations inside it are searched")
					return append(out, inner...)
				}
			}
			if noRegex {
				add(prefix, `the longest prefix, and "^~" ends the search`)
				return out
			}
			add(prefix, "the longest prefix; regular expressions are tried first")
		}
	}
	for i := range t.regex {
		rx := &t.regex[i]
		ov := make([]int, 2*(rx.re.NumCaptures()+1))
		if !matches(rx.re.Match(uri, 0, ov)) {
			add(rx.loc, noMatch)
			continue
		}
		add(rx.loc, "the first regular expression that matches")
		if rx.loc.kids != nil {
			out = append(out, rx.loc.kids.tried(uri)...)
		}
		return out
	}
	if best != nil {
		why := "the longest prefix"
		if len(t.regex) > 0 {
			why += ", as no regular expression matches"
		}
		if n := len(out); out[n-1].Location == best.title() {
			out = out[:n-1]
		}
		add(best, why)
	}
	return out
}

// traceJump records an internal redirect.
func (r *Request) traceJump(what string) {
	why := ""
	if r.errorPage {
		why = fmt.Sprintf("error_page for status %d", r.errStatus)
	}
	r.note(trace.Event{Kind: trace.Redirect, What: what, Why: why})
}

// traceNamed records the named location that a request goes to.
func (r *Request) traceNamed(loc *location) {
	r.note(trace.Event{Kind: trace.Location, Place: place(loc.pos), What: loc.title(), Why: "by its name"})
	if r == r.main {
		r.main.tracing.rec.Edit(func(t *trace.Trace) { t.Decision.Location = loc.title() })
	}
}

// traceContent records what makes the response.
func (r *Request) traceContent() {
	e := trace.Event{Kind: trace.Content, Place: place(r.loc.pos), What: handlerNames[r.loc.conf.Core.Handler]}
	if r.loc.handler == nil || e.What == "" {
		e.What = "files below " + r.loc.root.eval(r)
		if r.loc.alias != nil {
			e.What = "files below " + r.loc.alias.eval(r)
		}
	}
	r.note(e)
}

var handlerNames = map[nginxconf.Handler]string{
	nginxconf.HandlerProxyPass: "proxy_pass", nginxconf.HandlerLua: "content_by_lua",
	nginxconf.HandlerEmptyGIF: "empty_gif", nginxconf.HandlerStubStatus: "stub_status",
	nginxconf.HandlerFastCGI: "fastcgi_pass", nginxconf.HandlerMemcached: "memcached_pass", nginxconf.HandlerMemc: "memc_pass", nginxconf.HandlerEcho: "echo",
}

// traceResponse records the response header of r.
func (r *Request) traceResponse() {
	o := &r.out
	e := trace.Event{Kind: trace.Response, What: strconv.Itoa(o.status)}
	target := o.location
	if target == "" {
		target, _ = o.headers.GetName("Location")
	} else {
		target = string(r.appendLocation(nil, target))
	}
	if target != "" {
		e.What += " to " + strings.Clone(target)
	}
	if t := r.main.tracing; t.dry != nil && r.up != nil && r.up.assumed {
		e.Result = "assumed"
	}
	r.note(e)
	if r != r.main {
		return
	}
	r.tracing.rec.Edit(func(t *trace.Trace) {
		t.Decision.Status, t.Decision.Target = o.status, strings.Clone(target)
	})
	if r.tracing.dry == nil {
		o.set(trace.Header, r.tracing.rec.Trace().Encode())
	}
}

// traceUpstream records the peer of a try and the request for it. dry tells
// that the request ends here, with c.
func (st *upstreamState) traceUpstream(r *Request) (c rc, dry bool) {
	t := r.main.tracing
	name, peer := st.host, ""
	e := trace.Event{Kind: trace.Upstream, What: name}
	if st.group != nil {
		name, e.What = st.group.Name, st.group.Name
		if st.group.Conf != nil {
			e.Place = place(st.group.Conf.Pos)
			e.Why = "balanced by " + balancerName(st.group.Conf)
		}
	}
	if st.peer != nil {
		peer = st.peer.Name
		e.Result = peer
	}
	r.note(e)
	if r == r.main {
		head := strings.Clone(string(st.head))
		t.rec.Edit(func(tr *trace.Trace) {
			d := &tr.Decision
			d.Upstream, d.Peer, d.Request, d.BodySize = strings.Clone(name), strings.Clone(peer), head, max(st.length, 0)
		})
	}
	if t.dry == nil {
		return ok, false
	}
	if r != r.main {
		t.rec.Caveat(fmt.Sprintf("the upstream of a subrequest was not asked; it is assumed to answer %d without a body", t.dry.status))
	}
	st.assumed = true
	return r.assumeAnswer(t.dry.status), true
}

func balancerName(u *nginxconf.Upstream) string {
	if u.BalancerByLua != nil {
		return "balancer_by_lua"
	}
	if u.Balancer.Method == "" {
		return "round robin"
	}
	return u.Balancer.Method
}

// assumeAnswer is the response of an upstream that is not asked.
func (r *Request) assumeAnswer(status int) rc {
	if r.loc.proxy != nil && r.loc.proxy.intercept && status >= 300 {
		return rc(status)
	}
	r.out.status, r.out.contentLength = status, 0
	if c := r.sendHeader(); c != ok {
		return c
	}
	return r.output(nil, last)
}

// traceLog records a line for the error log.
func (r *Request) traceLog(level nginxconf.LogLevel, msg string) {
	if level > logNotice {
		return
	}
	r.note(trace.Event{Kind: trace.Log, What: "[" + levelNames[level] + "] " + strings.Clone(msg)})
}

// follow begins the trace of a request that is to have one.
func (r *Request) follow() {
	if len(r.rt.opts.TraceKey) > 0 {
		r.traceSigned()
	}
	if r.tracing != nil {
		r.traceBegin()
	}
}

// traceSigned begins to follow a request that carries a signature made with
// the gateway's key. The signature does not travel on.
func (r *Request) traceSigned() {
	value, found := r.headers.GetName(trace.Header)
	if !found || !trace.Verify(r.rt.opts.TraceKey, value, r.method, r.host, r.unparsedURI, timeNow()) {
		return
	}
	r.tracing = &tracing{rec: trace.NewRecorder()}
	r.setRequestHeader(trace.Header, nil)
}
