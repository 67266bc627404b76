package proxy

import (
	"os"
	"strings"

	"huidu/proxy/http1"
)

// include runs a subrequest: at its place, or for a variable.
//
// See: ngx_http_ssi_include.
func (s *ssiStage) include(r *Request, next int, a *ssiArgs) ssiRC {
	virtual, file, wait, set, stub := &a[0], &a[1], &a[2], &a[3], &a[4]
	switch {
	case virtual.given && file.given:
		r.logf(logError, "inclusion may be either virtual=\"%s\" or file=\"%s\"", virtual.val, file.val)
		return ssiError
	case !virtual.given && !file.given:
		r.logf(logError, "no parameter in \"include\" SSI command")
		return ssiError
	case set.given && stub.given:
		r.logf(logError, "\"set\" and \"stub\" cannot be used together in \"include\" SSI command")
		return ssiError
	case wait.given && !virtual.given:
		r.logf(logError, "\"wait\" cannot be used with file=\"%s\"", file.val)
		return ssiError
	case wait.given && !http1.EqualFold(wait.val, "no") && !http1.EqualFold(wait.val, "yes"):
		r.logf(logError, "invalid value \"%s\" in the \"wait\" parameter", wait.val)
		return ssiError
	}
	waits := !virtual.given || wait.given && len(wait.val) == 3
	uri := virtual.val
	if !virtual.given {
		uri = file.val
	}
	uri, res := s.expand(r, uri)
	if res != ssiOK {
		return res
	}
	if !strings.HasPrefix(uri, "/") {
		uri = r.uri[:strings.LastIndexByte(r.uri, '/')+1] + uri
	}
	path, args, safe := r.parseUnsafeURI(uri)
	if !safe {
		return ssiError
	}
	var w responseWriter = inPlaceWriter{}
	if stub.given {
		b := s.shared(r).block(stub.val)
		if b == nil {
			r.logf(logError, "\"stub\"=\"%s\" for \"include\" not found", stub.val)
			return ssiError
		}
		w = &ssiStubWriter{parent: r, block: b}
	}
	if (set.given || waits) && s.drain(r, next) != ok {
		return ssiFatal
	}
	sr := r.newSubrequest(strings.Clone(path), strings.Clone(args))
	if sr == nil {
		return ssiError
	}
	if set.given {
		return s.includeSet(r, sr, set.val)
	}
	sr.w = w
	if !waits {
		s.queue = append(s.queue, ssiPart{sub: sr})
		return ssiOK
	}
	c := s.passOut(r, next, 0)
	if c != ok {
		sr.vars = nil
		sr.free()
	} else {
		c = s.run(r, sr)
	}
	if c != ok {
		return ssiFatal
	}
	return ssiOK
}

// block finds a block by its name.
func (sh *ssiShared) block(name string) *ssiBlock {
	for _, b := range sh.blocks {
		if b.name == name {
			return b
		}
	}
	return nil
}

// includeSet stores a subrequest's response in a variable.
func (s *ssiStage) includeSet(r, sr *Request, name string) ssiRC {
	w := &ssiSetWriter{}
	sr.w = w
	sr.run()
	status := sr.captureStatus()
	sr.endSubrequest()
	if w.tooBig {
		r.main.drop()
		return ssiFatal
	}
	sh := s.shared(r)
	if status < 300 && len(w.body) > 0 {
		sh.set(name, string(w.body))
	} else if _, found := s.pageVar(r, lower(name)); !found {
		sh.set(name, "")
	}
	return ssiOK
}

// ssiSetWriter collects a response of limited size.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#subrequest_output_buffer_size
type ssiSetWriter struct {
	body   []byte
	tooBig bool
}

func (w *ssiSetWriter) sendHead(*Request) rc { return ok }

// room tells whether n bytes more may come.
func (w *ssiSetWriter) room(r *Request, n int64) bool {
	limit := r.loc.conf.Core.SubrequestOutputBufferSize.V
	if length := r.out.contentLength; length > limit && len(w.body) == 0 {
		r.logf(logError, "too big subrequest response: %d", length)
		w.tooBig = true
	} else if int64(len(w.body))+n > limit {
		r.logf(logError, "too big subrequest response")
		w.tooBig = true
	}
	return !w.tooBig
}

func (w *ssiSetWriter) write(r *Request, p []byte, _ outFlag) rc {
	if len(p) > 0 && !w.room(r, int64(len(p))) {
		return failed
	}
	w.body = append(w.body, p...)
	return ok
}

func (w *ssiSetWriter) writeFile(r *Request, f *os.File, off, n int64, _ outFlag) rc {
	if n == 0 {
		return ok
	}
	if !w.room(r, n) {
		return failed
	}
	start := len(w.body)
	w.body = append(w.body, make([]byte, n)...)
	if _, err := f.ReadAt(w.body[start:], off); err != nil {
		r.logf(logCrit, "pread() \"%s\" failed (%s)", f.Name(), errnoText(err))
		return failed
	}
	return ok
}

// ssiStubWriter is an inPlaceWriter with a block that stands in for a
// response without a body, or for one that failed.
type ssiStubWriter struct {
	inPlaceWriter
	parent *Request
	block  *ssiBlock
	wrote  bool
}

func (w *ssiStubWriter) write(r *Request, p []byte, fl outFlag) rc {
	w.wrote = w.wrote || len(p) > 0
	return w.inPlaceWriter.write(r, p, fl)
}

func (w *ssiStubWriter) writeFile(r *Request, f *os.File, off, n int64, fl outFlag) rc {
	w.wrote = w.wrote || n > 0
	return w.inPlaceWriter.writeFile(r, f, off, n, fl)
}

// finished gets what a subrequest's phases answered, before an error page is
// made of it.
//
// See: ngx_http_ssi_stub_output.
func (w *ssiStubWriter) finished(r *Request, c rc) rc {
	if c == failed || c == restart || r.main.outFailed || w.wrote {
		return c
	}
	if !r.headerSent {
		r.out.contentType, r.out.ctLen = w.parent.out.contentType, w.parent.out.ctLen
		if r.sendHeader() == failed {
			return failed
		}
	}
	if r.ended {
		return r.passBody(0, w.block.text, 0)
	}
	return r.output(w.block.text, last)
}
