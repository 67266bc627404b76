package proxy

import "huidu/nginxconf"

// additionStage puts other locations' responses around a body.
type additionStage struct {
	before, after string
	begun         bool
}

// compileAddition adds add_before_body and add_after_body.
//
// See: https://nginx.org/en/docs/http/ngx_http_addition_module.html
func compileAddition(loc *location, l *nginxconf.Location) {
	f := l.Loc.Filter
	before, after := f.AddBeforeBody.V, f.AddAfterBody.V
	if before == "" && after == "" {
		return
	}
	types := newMimeTypes(f.AdditionTypes.V)
	loc.addHeaderFilter(orderAddition, func(r *Request) rc {
		if r.out.status != 200 || r != r.main || !types.has(&r.out) {
			return ok
		}
		r.out.clearLength()
		r.out.weakETag()
		r.stages = append(r.stages, &additionStage{before: before, after: after})
		return ok
	})
}

func (s *additionStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	if !s.begun {
		s.begun = true
		if c := s.insert(r, s.before); c != ok {
			return c
		}
	}
	if s.after == "" || fl&last == 0 {
		return r.passBody(next, p, fl)
	}
	if len(p) > 0 || len(r.stages) > next {
		if c := r.passBody(next, p, fl&^last|flush&fl); c != ok {
			return c
		}
	}
	if c := s.insert(r, s.after); c != ok {
		return c
	}
	return r.passBody(next, nil, last)
}

// insert runs a subrequest in place. The response is not at its end yet, even
// if its own last piece is on its way.
func (s *additionStage) insert(r *Request, uri string) rc {
	if uri == "" {
		return ok
	}
	path, args, safe := r.parseUnsafeURI(uri)
	if !safe {
		return failed
	}
	sr := r.newSubrequest(path, args)
	if sr == nil {
		return failed
	}
	ended := r.ended
	r.ended = false
	r.runInPlace(sr)
	r.ended = ended
	if r.outFailed {
		return failed
	}
	return ok
}
