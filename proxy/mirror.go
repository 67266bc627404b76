package proxy

import (
	"runtime"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// compileMirror adds mirror.
//
// See: https://nginx.org/en/docs/http/ngx_http_mirror_module.html
func compileMirror(_ *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Filter
	if len(conf.Mirror.V) == 0 {
		return nil
	}
	uris, withBody := conf.Mirror.V, conf.MirrorRequestBody.V
	loc.addPrecontent(precontentMirror, func(r *Request) rc {
		if r != r.main {
			return declined
		}
		if withBody {
			if c := r.readBody(); c != ok {
				return c
			}
		}
		for _, uri := range uris {
			r.mirrorTo(uri, withBody)
		}
		return declined
	})
	return nil
}

// mirrorTo starts a copy of the request beside it. The answer goes nowhere;
// the request's end waits for it, as its memory is shared.
//
// See: ngx_http_mirror_handler_internal.
func (r *Request) mirrorTo(uri string, withBody bool) {
	sr := r.newSubrequest(uri, r.args)
	if sr == nil {
		return
	}
	sr.background = true
	sr.method, sr.methodID = r.method, r.methodID
	sr.headers = append(make(http1.Headers, 0, len(r.headers)+2), r.headers...)
	sr.headersSet = true
	sr.vars = append([]varSlot(nil), r.vars...)
	if !withBody {
		sr.body = requestBody{ended: true, read: true}
	}
	sr.w = discardWriter{}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		sr.run()
		sr.endSubrequest()
	}()
	runtime.Gosched() // several mirrors begin in the order written, not the last first
	r.onCleanup(func() { <-finished })
}
