package proxy

import (
	"cmp"
	"strings"
)

// maxURIChanges is nginx's NGX_HTTP_MAX_URI_CHANGES.
const maxURIChanges = 10

// run takes a request through the phases until its response is complete (or
// given up), internal redirects included. It does not log or release.
//
// See: https://nginx.org/en/docs/dev/development_guide.html#http_phases
func (r *Request) run() {
	for {
		c := r.phases()
		if c == restart {
			continue
		}
		if c = r.finish(c); c != restart {
			return
		}
	}
}

// phases is nginx's phase engine, once around. It answers restart when an
// internal redirect was set up.
func (r *Request) phases() rc {
	if r.next == atPostRead {
		for _, h := range r.srv.postRead {
			if c := h(r); c != declined && c != ok {
				return c
			}
		}
		r.next = atServerRewrite
		if r.srv.away != nil && r == r.main && (r.srv.conf.Diverted != nil || !r.rt.fallback.Serves(r.uri)) {
			return r.passAway()
		}
	}
	if r.next == atServerRewrite {
		if len(r.srv.rewrite) > 0 {
			r.loc = r.srv.loc
			if c := r.runRewrite(r.srv.rewrite); c != declined {
				return c
			}
			r.uriChanged = false
		}
		if r.srv.serverRewriteBy != nil {
			r.loc = r.srv.loc
			if c := r.luaRewrite(r.srv.serverRewriteBy); c != declined {
				return c
			}
		}
		r.next = atFindConfig
	}
	for {
		if r.next == atFindConfig {
			if c := r.findConfig(); c != ok {
				return c
			}
			r.next = atRewrite
		}
		if r.next != atRewrite {
			break
		}
		c := r.rewritePhase()
		if c == relocate { // post-rewrite
			if r.uriChanges--; r.uriChanges <= 0 {
				r.logf(logError, "rewrite or internal redirection cycle while processing %q", r.uri)
				return 500
			}
			r.uriChanged = false
			r.next = atFindConfig
			continue
		}
		if c != declined {
			return c
		}
		break
	}
	r.next = atContent
	for _, h := range r.loc.preaccess {
		if c := h(r); c != declined && c != ok {
			return c
		}
	}
	if c := r.accessPhase(); c != declined {
		return c
	}
	for _, h := range r.loc.precontent {
		if c := h(r); c != declined {
			return c
		}
	}
	return r.contentPhase()
}

// rewritePhase runs the location's rewrite directives and rewrite_by_lua.
// relocate means that the URI changed and a location must be found for it.
func (r *Request) rewritePhase() rc {
	loc := r.loc
	if loc.luaRewriteFirst && loc.rewriteBy != nil {
		if c := r.luaRewrite(loc.rewriteBy); c != declined {
			return c
		}
	}
	if len(loc.rewrite) > 0 {
		if c := r.runRewrite(loc.rewrite); c != declined {
			return c
		}
		if r.uriChanged {
			return relocate
		}
	}
	if r.loc.moreInput != nil {
		r.loc.moreInput(r)
	}
	// An if block may have moved the request to its own configuration.
	if r.loc.rewriteBy != nil && !r.loc.luaRewriteFirst {
		if c := r.luaRewrite(r.loc.rewriteBy); c != declined {
			return c
		}
		if r.uriChanged {
			return relocate
		}
	}
	return declined
}

// accessPhase asks the access handlers. declined means go on.
func (r *Request) accessPhase() rc {
	if r != r.main {
		return declined // subrequests skip it
	}
	loc := r.loc
	denied := declined
	for _, h := range loc.access {
		c := h(r)
		if c == restart || c == done || c == failed || c == statusClose {
			return c
		}
		if !loc.satisfyAny {
			if c == declined || c == ok {
				continue
			}
			if c == 401 {
				return r.delayUnauthorized()
			}
			return c
		}
		switch {
		case c == declined:
		case c == ok:
			return r.accessGranted()
		case c == 403 || c == 401 || c >= 300 && c != 401 && c != 403:
			if c != 403 && c != 401 {
				return c
			}
			if denied != 401 {
				denied = c
			}
		default:
			return c
		}
	}
	if denied != declined {
		if denied == 403 {
			r.logf(logError, "access forbidden by rule")
		}
		if denied == 401 {
			return r.delayUnauthorized()
		}
		return denied
	}
	return declined
}

// accessGranted takes back what a denying handler had prepared under
// "satisfy any".
func (r *Request) accessGranted() rc {
	r.out.del("WWW-Authenticate")
	return declined
}

// contentPhase makes the response.
func (r *Request) contentPhase() rc {
	loc := r.loc
	if r.main.tracing != nil {
		r.traceContent()
	}
	if loc.handler != nil {
		return loc.handler(r)
	}
	for _, h := range loc.content {
		if c := h(r); c != declined {
			return c
		}
	}
	// Nobody wanted it.
	if strings.HasSuffix(r.uri, "/") {
		r.logf(logError, "directory index of %q is forbidden", r.mapPath())
		return 403
	}
	r.logf(logError, "no handler found")
	return 404
}

// findConfig looks the location up and applies its limits.
//
// See: ngx_http_core_find_config_phase.
func (r *Request) findConfig() rc {
	loc, _, slash := r.srv.tree.find(r, r.uri)
	if r.main.tracing != nil {
		r.traceLocation(cmp.Or(slash, loc, r.srv.loc))
	}
	if slash != nil {
		r.setLocation(slash)
		target := escapePath(slash.name)
		if r.args != "" {
			target += "?" + r.args
		}
		r.out.location = target
		return 301
	}
	if loc == nil {
		loc = r.srv.loc
	}
	if loc.internal && !r.internal {
		r.setLocation(r.srv.loc)
		return 404
	}
	r.setLocation(loc)
	if limit := loc.clientMaxBodySize; limit != 0 && r.body.declared > limit && !r.body.discarded && r == r.main {
		r.logf(logError, "client intended to send too large body: %d bytes", r.body.declared)
		r.lingering = true
		r.body.expect = true // it is not to be sent after all
		r.discardLater()
		return 413
	}
	return ok
}

// setLocation makes loc the request's configuration.
func (r *Request) setLocation(loc *location) {
	if loc.except != nil && loc.limited(r.methodID) {
		loc = loc.except
	}
	r.loc = loc
	if r == r.main {
		r.keepalive = r.conn != nil && r.conn.wantsKeepalive(r, loc)
	}
}

// internalRedirect sends the request to uri inside the server.
//
// See: ngx_http_internal_redirect.
func (r *Request) internalRedirect(uri, args string) rc {
	if r.uriChanges--; r.uriChanges <= 0 {
		r.logf(logError, "rewrite or internal redirection cycle while internally redirecting to %q", uri)
		return 500
	}
	if r.main.tracing != nil {
		r.traceJump(uri)
	}
	r.uri, r.args = uri, args
	r.setExten()
	r.clearModules()
	r.internal, r.validURI = true, false
	r.noLocation, r.uriIntoAlias = false, false
	r.uriChanged = false
	r.loc = r.srv.loc
	r.next = atServerRewrite
	return restart
}

// namedLocation sends the request to a named location.
//
// See: ngx_http_named_location.
func (r *Request) namedLocation(name string) rc {
	if r.uriChanges--; r.uriChanges <= 0 {
		r.logf(logError, "rewrite or internal redirection cycle while redirect to named location %q", name)
		return 500
	}
	if r.uri == "" {
		r.logf(logError, "empty URI in redirect to named location %q", name)
		return 500
	}
	loc := r.srv.tree.named[name]
	if loc == nil {
		r.logf(logError, "could not find named location %q", name)
		return 500
	}
	if r.main.tracing != nil {
		r.traceJump(name)
		r.traceNamed(loc)
	}
	r.internal = true
	r.uriChanged = false
	r.clearModules()
	r.setLocation(loc)
	r.next = atRewrite
	return restart
}

// clearModules forgets the modules' per-request state, as nginx does on every
// internal redirect; variables and captures stay.
func (r *Request) clearModules() {
	r.releaseLua()
	r.luaFinalize = false
	r.stages = r.stages[:0]
	limits := r.modules
	r.modules = moduleState{limitReqStatus: limits.limitReqStatus, limitConnStatus: limits.limitConnStatus,
		realipSet: limits.realipSet, connLimits: limits.connLimits}
}

// setExten finds the extension of the last path segment.
func (r *Request) setExten() {
	r.exten = ""
	for i := len(r.uri) - 1; i > 1; i-- {
		switch r.uri[i] {
		case '.':
			if r.uri[i-1] != '/' {
				r.exten = r.uri[i+1:]
			}
			return
		case '/':
			return
		}
	}
}
