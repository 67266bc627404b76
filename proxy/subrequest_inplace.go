package proxy

import (
	"os"
	"strings"

	"huidu/proxy/http1"
)

// inPlaceWriter passes a subrequest's body into its parent's response, behind
// what the parent has put out so far. Requests run one after the other here,
// so nginx's postpone filter needs no queue. Its header goes nowhere.
//
// See: ngx_http_postpone_filter.
type inPlaceWriter struct{}

func (inPlaceWriter) sendHead(*Request) rc { return ok }

func (inPlaceWriter) write(r *Request, p []byte, fl outFlag) rc {
	target, stage := r.outputOwner()
	if target.headerOnly || target.ended || len(p) == 0 && fl&flush == 0 {
		return ok
	}
	fl &^= last
	if target == r.main {
		return target.passBody(stage, p, fl)
	}
	return target.w.write(target, p, fl)
}

func (inPlaceWriter) writeFile(r *Request, f *os.File, off, n int64, fl outFlag) rc {
	target, stage := r.outputOwner()
	if target.headerOnly || target.ended || n == 0 {
		return ok
	}
	fl &^= last
	if target == r.main {
		return target.passFile(stage, f, off, n, fl)
	}
	return target.w.writeFile(target, f, off, n, fl)
}

// outputOwner is the request whose writer takes r's output in the end, and
// the first of its body filters that sees subrequests' output too.
func (r *Request) outputOwner() (*Request, int) {
	for r = r.parent; r != r.main; r = r.parent {
		if _, inPlace := r.w.(inPlaceWriter); !inPlace {
			break
		}
	}
	for i, s := range r.stages {
		if _, shared := s.(sharedStage); shared {
			return r, i
		}
	}
	return r, len(r.stages)
}

// sharedStage is a body filter behind the postpone filter: it works on the
// whole response, subrequests included.
type sharedStage interface {
	bodyStage
	sharesOutput()
}

// runInPlace runs a subrequest to its end with its output in r's response.
func (r *Request) runInPlace(sr *Request) {
	sr.w = inPlaceWriter{}
	sr.run()
	sr.endSubrequest()
}

// parseUnsafeURI splits and decodes a URI that a directive or an upstream
// gave. false: it is empty or leaves its root.
//
// See: ngx_http_parse_unsafe_uri.
func (r *Request) parseUnsafeURI(s string) (uri, args string, safe bool) {
	uri, args, _ = strings.Cut(s, "?")
	if uri == "" || climbs(uri) {
		r.logf(logError, "unsafe URI \"%s\" was detected", s)
		return "", "", false
	}
	if strings.IndexByte(uri, '%') >= 0 {
		uri = string(http1.UnescapeURI(nil, uri, http1.UnescapeURIComponent))
		if climbs(uri) {
			r.logf(logError, "unsafe URI \"%s\" was detected", s)
			return "", "", false
		}
	}
	return uri, args, true
}

// climbs reports whether a path holds a NUL or a ".." segment.
func climbs(p string) bool {
	if strings.IndexByte(p, 0) >= 0 {
		return true
	}
	if !strings.Contains(p, "..") {
		return false
	}
	for seg := range strings.SplitSeq(p, "/") {
		if seg == ".." {
			return true
		}
	}
	return false
}
