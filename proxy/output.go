package proxy

import (
	"os"
)

// outFlag says what follows a piece of the response body.
type outFlag uint8

const (
	// last: the response ends with this piece.
	last outFlag = 1 << iota
	// flush: pass on everything buffered so far.
	flush
	// lastInSub: the end of a subrequest's part of a response.
	lastInSub
)

// bodyStage is an active body filter of one response. filter gets the next
// piece; it passes what it makes to r.passBody(next, …). p is only valid
// during the call.
type bodyStage interface {
	filter(r *Request, next int, p []byte, fl outFlag) rc
}

// headerFilter looks at r.out before it is sent and may add a bodyStage. An
// answer >= 300 replaces the response by that status.
type headerFilter func(r *Request) rc

// responseWriter is where a response goes: the client's connection, memory
// (captures) or the parent's response (in-place subrequests).
type responseWriter interface {
	// sendHead is called once, when the header filters are through.
	sendHead(r *Request) rc
	// write takes a piece of the body; it does not keep p.
	write(r *Request, p []byte, fl outFlag) rc
	// writeFile takes n bytes of f from off.
	writeFile(r *Request, f *os.File, off, n int64, fl outFlag) rc
}

// sendHeader runs the header filters and hands the header to the writer.
func (r *Request) sendHeader() rc {
	if r.headerSent {
		r.logf(logAlert, "header already sent")
		return failed
	}
	if r.errStatus != 0 {
		r.out.status, r.out.statusLine = r.errStatus, ""
	}
	r.stages = r.stages[:0]
	if r.slicePart || r.slice != nil {
		if c := r.sliceHeader(); c != ok {
			return c
		}
		if r.slicePart {
			return r.headToWriter()
		}
	}
	if r.out.status == 200 && r == r.main && !r.unconditional {
		if c := notModifiedFilter(r); c != ok {
			return c
		}
	}
	for _, f := range r.loc.headerFilters {
		if c := f(r); c != ok && c != declined {
			if c < 300 && c != 201 && c != 204 {
				return c
			}
			return r.filterFinalize(c)
		}
	}
	if r.out.acceptRanges {
		if c := rangeFilter(r); c != ok {
			return c // 416: the handler ends the request with it
		}
	}
	if r.slice != nil {
		r.sliceRanged()
	}
	return r.headToWriter()
}

// headToWriter hands the header on, the filters being through.
func (r *Request) headToWriter() rc {
	r.headerSent = true
	if r.main.tracing != nil {
		r.traceResponse()
	}
	if r.head.Version < 1000 {
		// HTTP/0.9 has no header that would tell of the missing body.
	} else if r == r.main {
		if r.methodID == methodHead || r.out.status/100 == 1 || r.out.status == 204 || r.out.status == 304 {
			r.headerOnly = true
		}
	} else if r.methodID == methodHead {
		r.headerOnly = true
	}
	if r.beforeHead != nil {
		r.beforeHead(r)
	}
	return r.w.sendHead(r)
}

// filterFinalize replaces a response that a header filter refused.
//
// See: ngx_http_filter_finalize_request.
func (r *Request) filterFinalize(status rc) rc {
	r.out.clean()
	r.stages = r.stages[:0]
	r.filterFinalized, r.keepalive = true, false
	c := r.specialResponse(status)
	if c == restart || c == failed {
		return c
	}
	r.ended = true
	return done
}

// output passes a piece of the body to the body filters.
func (r *Request) output(p []byte, fl outFlag) rc {
	if r.headerOnly || r.ended {
		if fl&last != 0 && !r.ended {
			r.ended = true
			return r.w.write(r, nil, fl)
		}
		return ok
	}
	if fl&last != 0 {
		if r.slice != nil {
			return r.sliceRest(r.passBody(0, p, fl&^last))
		}
		r.ended = true
	}
	return r.passBody(0, p, fl)
}

// passBody gives a piece to the stage with that number, or to the writer.
func (r *Request) passBody(stage int, p []byte, fl outFlag) rc {
	if stage < len(r.stages) {
		return r.stages[stage].filter(r, stage+1, p, fl)
	}
	return r.w.write(r, p, fl)
}

// fileStage is a bodyStage that knows what to do with a piece of a file
// without reading it.
type fileStage interface {
	filterFile(r *Request, next int, f *os.File, off, n int64, fl outFlag) rc
}

// outputFile passes n bytes of f from off to the body filters; without any,
// the writer may let the kernel copy.
func (r *Request) outputFile(f *os.File, off, n int64, fl outFlag) rc {
	if r.headerOnly || r.ended {
		return r.output(nil, fl)
	}
	if fl&last != 0 {
		if r.slice != nil {
			return r.sliceRest(r.passFile(0, f, off, n, fl&^last))
		}
		r.ended = true
	}
	return r.passFile(0, f, off, n, fl)
}

// passFile gives a piece of a file to the stage with that number, or to the
// writer.
func (r *Request) passFile(stage int, f *os.File, off, n int64, fl outFlag) rc {
	if stage >= len(r.stages) {
		return r.w.writeFile(r, f, off, n, fl)
	}
	if fs, can := r.stages[stage].(fileStage); can {
		return fs.filterFile(r, stage+1, f, off, n, fl)
	}
	return r.readFile(f, off, n, fl, func(p []byte, fl outFlag, _ bool) rc { return r.passBody(stage, p, fl) })
}

// readFile reads n bytes of f from off and gives them to emit in pieces, an
// empty one if there are none. fl goes with the last of them; more tells that
// others follow.
func (r *Request) readFile(f *os.File, off, n int64, fl outFlag, emit func(p []byte, fl outFlag, more bool) rc) rc {
	if n == 0 {
		return emit(nil, fl, false)
	}
	buf := fileBuffers.Get().(*[]byte)
	defer fileBuffers.Put(buf)
	for n > 0 {
		k, err := f.ReadAt((*buf)[:min(n, int64(len(*buf)))], off)
		if k == 0 {
			r.logf(logCrit, "pread() %q failed: %v", f.Name(), err)
			return failed
		}
		off, n = off+int64(k), n-int64(k)
		piece := outFlag(0)
		if n == 0 {
			piece = fl
		}
		if c := emit((*buf)[:k], piece, n > 0); c != ok {
			return c
		}
	}
	return ok
}
