package proxy

import (
	"strings"

	"golang.org/x/sys/unix"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// A rewrite program is the rewrite-module directives of one server, location
// or if block in the order written, compiled. See: ngx_http_script.c and
// https://nginx.org/en/docs/http/ngx_http_rewrite_module.html

// rewriteOp is one step. It answers declined to go on with the next step and
// anything else to end the program; stop ends it without a result.
type rewriteOp interface {
	exec(r *Request, e *rewriteState) rc
}

// stop is an op's answer that ends the program but not the phase (break).
const stop rc = -101

// rewriteState is nginx's script engine state over one run.
type rewriteState struct {
	quote bool // captures are escaped again
	log   bool // rewrite_log on
}

// runRewrite runs a program. declined means: go on with the phase.
func (r *Request) runRewrite(ops []rewriteOp) rc {
	e := rewriteState{quote: true, log: r.loc.rewriteLog}
	return r.runOps(ops, &e)
}

func (r *Request) runOps(ops []rewriteOp, e *rewriteState) rc {
	for _, op := range ops {
		if c := op.exec(r, e); c != declined {
			if c == stop {
				return declined
			}
			return c
		}
	}
	return declined
}

// ifOp is an if block: when the condition holds, the request moves to the
// block's configuration and its directives run as part of the program.
type ifOp struct {
	cond func(r *Request) bool
	loc  *location // nil at server level without a configuration of its own
	ops  []rewriteOp
	// orphan is loc for a request that another if block has given a
	// proxy_pass: nginx keeps the handler, which then lacks its upstream.
	orphan *location
}

// noUpstream is a proxy_pass handler without a proxy_pass.
func noUpstream(r *Request) rc {
	r.logf(logAlert, "no upstream configuration")
	return 500
}

func (op *ifOp) exec(r *Request, e *rewriteState) rc {
	if !op.cond(r) {
		return declined
	}
	switch {
	case op.orphan != nil && r.loc.kind == nginxconf.LocIf && r.loc.conf.Core.Handler == nginxconf.HandlerProxyPass:
		r.setLocation(op.orphan)
	case op.loc != nil:
		r.setLocation(op.loc)
	}
	for _, inner := range op.ops {
		if c := inner.exec(r, e); c != declined {
			return c
		}
	}
	return declined
}

// breakOp ends the program.
type breakOp struct{}

func (breakOp) exec(r *Request, _ *rewriteState) rc {
	r.noLocation = r.noLocation || r.uriChanged
	r.uriChanged = false
	return stop
}

// setOp is the set directive.
type setOp struct {
	set   setter
	value value
}

func (op *setOp) exec(r *Request, e *rewriteState) rc {
	op.set(r, evalQuoted(&op.value, r, e.quote))
	return declined
}

// evalQuoted evaluates v; captures are escaped as arguments when quote holds
// and the client's URI was escaped.
func evalQuoted(v *value, r *Request, quote bool) string {
	if v.parts == nil {
		return v.lit
	}
	if !quote || !r.uriQuoted() {
		return v.eval(r)
	}
	var b []byte
	for i := range v.parts {
		p := &v.parts[i]
		if p.capture > 0 {
			b = http1.EscapeURI(b, p.text(r), http1.EscapeArgs)
			continue
		}
		b = append(b, p.text(r)...)
	}
	return string(b)
}

// uriQuoted reports whether the client's URI held an escape or a plus.
func (r *Request) uriQuoted() bool { return r.head.QuotedURI || r.head.PlusInURI }

// returnOp is the return directive.
type returnOp struct {
	code int
	text *value // nil: none given
}

func (op *returnOp) exec(r *Request, _ *rewriteState) rc {
	if op.code >= 400 && op.text == nil {
		return rc(op.code)
	}
	return r.sendText(op.code, op.text, "")
}

// sendText is nginx's ngx_http_send_response: status with a text body, or a
// redirect whose place the text is.
func (r *Request) sendText(status int, text *value, contentType string) rc {
	if c := r.discardBody(); c != ok {
		return c
	}
	if status == 444 {
		return statusClose
	}
	var body string
	if text != nil {
		body = text.eval(r)
	}
	switch status {
	case 301, 302, 303, 307, 308:
		r.out.del("Location")
		r.out.location = body
		return rc(status)
	}
	r.out.status = status
	r.out.contentLength = int64(len(body))
	if contentType != "" {
		r.out.setType(contentType)
	} else {
		r.setContentType()
	}
	if c := r.sendHeader(); c != ok || r.headerOnly {
		return c
	}
	return r.output([]byte(body), last)
}

// rewriteRule is the rewrite directive.
type rewriteRule struct {
	re       *pcre.Regex
	pattern  string
	names    []namedCapture
	parts    []rewritePart // replacement; argsAt marks where arguments begin
	addArgs  bool          // the request's arguments are appended
	hasArgs  bool          // the replacement itself holds "?"
	redirect int           // 301, 302 or 0
	brk      bool          // flag break
	last     bool          // ends the program
}

// rewritePart is a piece of a replacement; inArgs pieces stand behind "?".
type rewritePart struct {
	valuePart
	inArgs bool
}

func (op *rewriteRule) exec(r *Request, e *rewriteState) rc {
	if !r.matchNamed(op.re, op.names, r.uri) {
		if e.log {
			r.logf(logNotice, "%q does not match %q", op.pattern, r.uri)
		}
		return declined
	}
	if e.log {
		r.logf(logNotice, "%q matches %q", op.pattern, r.uri)
	}
	if op.redirect == 0 {
		r.internal, r.validURI = true, false
		r.uriChanged = !op.brk
		r.noLocation = r.noLocation || op.brk
	}
	quoted := r.uriQuoted()
	var buf []byte
	argsAt := -1
	for i := range op.parts {
		p := &op.parts[i]
		if p.inArgs && argsAt < 0 {
			if op.redirect != 0 {
				buf = append(buf, '?')
			}
			argsAt = len(buf)
		}
		if p.capture > 0 && quoted && (p.inArgs || op.redirect != 0) {
			buf = http1.EscapeURI(buf, p.text(r), http1.EscapeArgs)
			continue
		}
		buf = append(buf, p.text(r)...)
	}
	if op.hasArgs && argsAt < 0 {
		argsAt = len(buf)
	}
	e.quote = false
	if op.redirect != 0 {
		target, rest := http1.UnescapeURIRest(nil, string(buf), http1.UnescapeRedirect)
		target = append(target, rest...)
		if op.addArgs && r.args != "" {
			if op.hasArgs {
				target = append(target, '&')
			} else {
				target = append(target, '?')
			}
			target = append(target, r.args...)
		}
		if e.log {
			r.logf(logNotice, "rewritten redirect: %q", target)
		}
		r.out.del("Location")
		r.out.location = string(target)
		return rc(op.redirect)
	}
	text := string(buf)
	switch {
	case argsAt >= 0:
		uri, args := text[:argsAt], text[argsAt:]
		if op.addArgs && r.args != "" {
			args += "&" + r.args
		}
		r.uri, r.args = uri, args
	default:
		r.uri = text
		if !op.addArgs {
			r.args = ""
		}
	}
	if e.log {
		r.logf(logNotice, "rewritten data: %q, args: %q", r.uri, r.args)
	}
	if r.uri == "" {
		r.logf(logError, "the rewritten URI has a zero length")
		return 500
	}
	r.setExten()
	if op.last {
		return stop
	}
	return declined
}

// fileTest answers the file conditions of if.
//
// See: ngx_http_script_file_code.
func fileTest(r *Request, op, name string) bool {
	st, oe := r.statPath(name)
	if oe != nil {
		if !oe.is(enoent, enotdir, enametoolong) {
			r.logf(logCrit, "%s \"%s\" failed (%s)", oe.call, name, errnoText(oe.err))
		}
		return false
	}
	switch op {
	case "-f":
		return st.Mode&unix.S_IFMT == unix.S_IFREG
	case "-d":
		return st.Mode&unix.S_IFMT == unix.S_IFDIR
	case "-x":
		return st.Mode&unix.S_IXUSR != 0
	}
	return true // -e
}

// truthy is nginx's idea of a variable as a condition.
func truthy(s string) bool { return s != "" && s != "0" }

// trimRedirect tells whether a replacement is a redirect by its look.
func isRedirectText(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "$scheme")
}
