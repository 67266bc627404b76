package proxy

import (
	"context"

	"huidu/luacompat"
)

// forLua is the request as scripts see it.
func (r *Request) forLua() *luaRequest {
	if r.luaReq == nil {
		r.luaReq = new(luaRequest)
	}
	r.luaReq.r = r
	return r.luaReq
}

// context is cancelled when the request's handler must stop. It is made when
// first asked for.
func (r *Request) context() context.Context {
	if r.ctx == nil {
		if r.main != r {
			return r.main.context()
		}
		base := context.Background()
		if r.conn != nil && r.conn.ctx != nil {
			base = r.conn.ctx
		}
		r.ctx, r.cancel = context.WithCancel(base)
	}
	return r.ctx
}

// releaseLua ends the request's Lua threads and forgets ngx.ctx.
func (r *Request) releaseLua() {
	if r.lua != nil {
		if m := r.main; m != r && r.rt.lua.HoldsSockets(r.lua) {
			m.subStatesMu.Lock()
			m.subStates = append(m.subStates, r.lua)
			m.subStatesMu.Unlock()
		} else {
			r.rt.lua.Release(r.lua)
		}
		r.lua = nil
	}
}

// releaseSubStates ends the states of subrequests whose cosockets stayed open.
func (r *Request) releaseSubStates() {
	for _, st := range r.subStates {
		r.rt.lua.Release(st)
	}
}

// luaRewrite runs a rewrite-phase script. restart: the URI changed.
func (r *Request) luaRewrite(s *luacompat.Script) rc {
	if c := r.luaNeedsBody(); c != ok {
		return c
	}
	c := r.luaRun(s, s.Phase())
	if c == ok {
		return declined
	}
	return c
}

// luaAccess runs access_by_lua. ok and declined both mean: go on.
func (r *Request) luaAccess(s *luacompat.Script) rc {
	if c := r.luaNeedsBody(); c != ok {
		return c
	}
	return r.luaRun(s, luacompat.PhaseAccess)
}

func (r *Request) luaPrecontent(s *luacompat.Script) rc {
	c := r.luaRun(s, luacompat.PhasePrecontent)
	if c == ok {
		return declined
	}
	return c
}

// luaContent runs content_by_lua.
func (r *Request) luaContent(s *luacompat.Script) rc {
	if c := r.luaNeedsBody(); c != ok {
		return c
	}
	c := r.luaRun(s, luacompat.PhaseContent)
	if c == ok && !r.headerSent && !r.ended && !r.rawTaken {
		// The script said nothing: an empty 200, as ngx_lua sends at eof.
		r.sendLuaHeader()
	}
	return c
}

// luaNeedsBody reads the body first under lua_need_request_body.
func (r *Request) luaNeedsBody() rc {
	if r.loc.lua.NeedRequestBody {
		return r.readBody()
	}
	return ok
}

// luaRun runs a script and turns its Outcome into what the phase engine
// understands. ok: the handler ended, or called ngx.exit(ngx.OK).
func (r *Request) luaRun(s *luacompat.Script, phase luacompat.Phase) rc {
	if r.main.tracing != nil {
		r.traceScript(s)
	}
	out, _ := s.Run(r.context(), phase, r.forLua())
	switch out.Kind {
	case luacompat.Continue:
		return ok
	case luacompat.Exec:
		if r.headerSent || len(r.luaHeld) > 0 {
			r.logf(logAlert, "attempt to call ngx.exec after sending out response headers")
			return failed
		}
		if len(out.URI) > 0 && out.URI[0] == '@' {
			return r.namedLocation(out.URI)
		}
		return r.internalRedirect(out.URI, out.Args)
	case luacompat.Redirect:
		// A relative Location stays relative: it is not nginx's own.
		r.out.location = ""
		r.out.set("Location", out.URI)
		return rc(out.Status)
	case luacompat.RewriteJump:
		r.uriChanged = true
		return ok
	}
	return r.luaExit(out.Status, phase)
}

// luaExit is ngx.exit(status) that ends the request.
func (r *Request) luaExit(status int, phase luacompat.Phase) rc {
	switch {
	case status < 0:
		if phase != luacompat.PhaseContent && rc(status) == declined {
			return declined // ngx.exit(ngx.DECLINED): on to the next handler
		}
		return failed
	case r.headerSent:
		// Too late to answer anything else: end what was begun.
		if !r.ended && status != 444 && status != 408 && status != 499 {
			if c := r.output(nil, last); c != ok {
				return c
			}
		}
		if status == 444 || status == 408 || status == 499 {
			return rc(status)
		}
		return done
	case status == 0:
		return ok
	case status < 300 && status != 201 && status != 204 || status == 101:
		// Answered with an empty body.
		r.out.status = status
		if c := r.sendLuaHeader(); c != ok {
			return c
		}
		return done
	}
	return rc(status)
}

// sendLuaHeader sends the header and the end of an empty response.
func (r *Request) sendLuaHeader() rc {
	if r.out.status == 0 {
		r.out.status = 200
	}
	r.luaContentType()
	held := r.luaRelease()
	if c := r.sendHeader(); c != ok {
		return c
	}
	return r.output(held, last)
}

// luaContentType gives a response the default type unless the script chose
// one (lua_use_default_type).
func (r *Request) luaContentType() {
	if r.out.contentType == "" && !r.luaTypeCleared && (r.loc.lua == nil || r.loc.lua.UseDefaultType) {
		r.setContentType()
	}
}

// luaLog runs log_by_lua.
func (r *Request) luaLog() {
	r.loc.logBy.Run(r.context(), luacompat.PhaseLog, r.forLua())
}

// luaHeaderFilter runs header_filter_by_lua and arms body_filter_by_lua.
func luaHeaderFilter(r *Request) rc {
	if s := r.loc.headerFilterBy; s != nil && !r.luaFinalize {
		out, err := s.Run(r.context(), luacompat.PhaseHeaderFilter, r.forLua())
		if err != nil {
			return failed
		}
		if out.Kind == luacompat.ExitStatus && out.Status != 0 {
			if out.Status < 0 {
				return failed
			}
			r.luaFinalize = true
			return rc(out.Status)
		}
	}
	if r.loc.bodyFilterBy != nil {
		r.stages = append(r.stages, &luaBodyStage{})
	}
	return ok
}

// luaBodyStage runs body_filter_by_lua on every piece of the body. What
// follows a piece that the script called the last is dropped; a last piece
// that the script called an ordinary one leaves the response unfinished.
type luaBodyStage struct {
	chunk  []byte
	isLast bool
	seen   bool
}

func (s *luaBodyStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	if s.seen {
		return ok
	}
	s.chunk, s.isLast = p, fl&(last|lastInSub) != 0
	outer := r.bodyStageLua
	r.bodyStageLua = s
	_, err := r.loc.bodyFilterBy.Run(r.context(), luacompat.PhaseBodyFilter, r.forLua())
	r.bodyStageLua = outer
	if err != nil {
		return failed
	}
	s.seen = s.isLast
	if s.isLast {
		fl |= last
	} else {
		if fl&last != 0 {
			r.keepalive = false
		}
		fl &^= last | lastInSub
	}
	return r.passBody(next, s.chunk, fl)
}
