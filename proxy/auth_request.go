package proxy

import (
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// authSet is one auth_request_set.
type authSet struct {
	set   setter
	value value
}

// compileAuthRequest adds auth_request.
//
// See: https://nginx.org/en/docs/http/ngx_http_auth_request_module.html
func compileAuthRequest(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Access
	uri := conf.AuthRequest.V
	if uri == "" {
		return nil
	}
	var sets []authSet
	for _, s := range conf.AuthRequestSet.V {
		v, err := c.value(s.Value, conf.AuthRequestSet.Pos)
		if err != nil {
			return err
		}
		sets = append(sets, authSet{set: c.rt.vars.setter(s.Var), value: v})
	}
	loc.addAccess(accessRequest, func(r *Request) rc { return r.authRequest(uri, sets) })
	return nil
}

// authRequest asks a subrequest whether the request may go on.
//
// See: ngx_http_auth_request_handler.
func (r *Request) authRequest(uri string, sets []authSet) rc {
	sr := r.newSubrequest(uri, "")
	if sr == nil {
		return 500
	}
	sr.method, sr.methodID = "GET", http1.MethodGet
	sr.body = requestBody{ended: true, read: true}
	sr.w = discardWriter{}
	sr.run()
	defer sr.endSubrequest()
	status := sr.captureStatus()
	for i := range sets {
		sets[i].set(r, strings.Clone(sets[i].value.eval(sr)))
	}
	switch {
	case status == 403:
		return 403
	case status == 401:
		if v, found := sr.out.headers.Get(http1.HeaderWWWAuthenticate); found {
			r.out.headers.AddID(http1.HeaderWWWAuthenticate, strings.Clone(v))
		}
		return 401
	case status >= 200 && status < 300:
		return ok
	}
	r.logf(logError, "auth request unexpected status: %d", status)
	return 500
}
