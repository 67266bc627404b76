package proxy

import (
	"os"
	"strings"
)

// postAction runs the request that post_action names, for its effects only,
// once the response is out.
//
// See: ngx_http_post_action.
func (r *Request) postAction() {
	target := r.loc.conf.Core.PostAction.V
	if r.outFailed || r.uriChanges <= 0 {
		return
	}
	w, sent, keep := r.w, r.bytesSent, r.keepalive
	r.w = discardWriter{}
	r.headerSent, r.ended, r.headerOnly = false, false, false
	c := restart
	if strings.HasPrefix(target, "/") {
		c = r.internalRedirect(target, "")
	} else {
		c = r.namedLocation(target)
	}
	if c == restart {
		r.run()
	} else if r.finish(c) == restart {
		r.run()
	}
	r.w, r.bytesSent, r.keepalive, r.outFailed = w, sent, keep, false
}

// discardWriter takes a response that nobody gets.
type discardWriter struct{}

func (discardWriter) sendHead(r *Request) rc {
	r.headerOnly = true
	return ok
}

func (discardWriter) write(*Request, []byte, outFlag) rc { return ok }

func (discardWriter) writeFile(*Request, *os.File, int64, int64, outFlag) rc { return ok }
