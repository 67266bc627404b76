package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"huidu/luacompat"
	"huidu/proxy/http1"
)

// maxSubrequests is nginx's NGX_HTTP_MAX_SUBREQUESTS: how deep subrequests
// may nest.
const maxSubrequests = 50

// newSubrequest prepares a request for uri below r. It shares r's variables
// and sees r's body.
//
// See: ngx_http_subrequest.
func (r *Request) newSubrequest(uri, args string) *Request {
	if r.nsub == 0 {
		r.logf(logError, "subrequests cycle while processing %q", uri)
		return nil
	}
	sr := requestPool.Get().(*Request)
	sr.rt, sr.conn, sr.srv, sr.main, sr.parent = r.rt, r.conn, r.srv, r.main, r
	sr.loc = r.srv.loc
	sr.head = r.head
	sr.headers = r.headers
	sr.method, sr.methodID = "GET", http1.MethodGet
	sr.uri, sr.args = uri, args
	sr.unparsedURI = r.unparsedURI
	sr.setExten()
	sr.internal, sr.validURI = true, false
	sr.host, sr.start = r.host, timeNow()
	sr.vars = r.vars
	sr.nsub = r.nsub - 1
	sr.uriChanges = maxURIChanges + 1
	sr.out.init()
	sr.next = atServerRewrite
	sr.body.shared, sr.body.ended, sr.body.read = true, true, true
	sr.body.memory, sr.body.temp, sr.body.path, sr.body.size = r.body.memory, r.body.temp, r.body.path, r.body.size
	return sr
}

// endSubrequest logs a subrequest where wanted and gives it back.
func (sr *Request) endSubrequest() {
	sr.log()
	sr.vars = nil
	sr.free()
}

// captureWriter collects a subrequest's response in memory.
type captureWriter struct {
	body  bytes.Buffer
	whole bool // the last piece has come
}

func (w *captureWriter) sendHead(*Request) rc { return ok }

// refuse takes a subrequest's end with a status: the script gets the status
// without a body, whatever error page there might be.
//
// See: ngx_http_lua_post_subrequest.
func (w *captureWriter) refuse(r *Request, c rc) bool {
	if r.headerSent || c < 300 && c != 201 && c != 204 {
		return false
	}
	r.out.status = int(c)
	r.setContentType()
	return true
}

func (w *captureWriter) write(_ *Request, p []byte, fl outFlag) rc {
	w.whole = w.whole || fl&last != 0
	w.body.Write(p)
	return ok
}

func (w *captureWriter) writeFile(r *Request, f *os.File, off, n int64, fl outFlag) rc {
	w.whole = w.whole || fl&last != 0
	start := w.body.Len()
	w.body.Grow(int(n))
	b := w.body.AvailableBuffer()[:n]
	k, err := f.ReadAt(b, off)
	w.body.Write(b[:k])
	if err != nil && int64(w.body.Len()-start) < n {
		return failed
	}
	return ok
}

// Capture is ngx.location.capture and capture_multi.
//
// See: https://github.com/openresty/lua-nginx-module#ngxlocationcapture
func (q *luaRequest) Capture(reqs []luacompat.CaptureRequest) ([]luacompat.CaptureResponse, error) {
	for i := range reqs {
		if err := q.r.assignable(reqs[i].Vars); err != nil {
			q.Log(logErrorLevel, err.Error())
			return nil, errors.New("failed to issue subrequest: -1")
		}
	}
	out := make([]luacompat.CaptureResponse, len(reqs))
	if len(reqs) == 1 {
		q.r.capture1(&reqs[0], &out[0])
		return out, nil
	}
	var wg sync.WaitGroup
	for i := range reqs {
		sr := q.r.prepareCapture(&reqs[i])
		wg.Go(func() { q.r.runCapture(sr, &out[i]) })
		runtime.Gosched() // they begin in the order asked for, not the last first
	}
	wg.Wait()
	return out, nil
}

// logErrorLevel is ngx.ERR.
const logErrorLevel = 4

// assignable checks the variables that a capture sets.
func (r *Request) assignable(vars map[string]string) error {
	t := r.rt.vars
	for name := range vars {
		if _, found := t.slots[name]; found && (t.derived[name] == nil || t.assignable[name]) || t.set[name] != nil {
			continue
		}
		if t.builtin[name] != nil || t.derived[name] != nil || prefixGetter(name) != nil {
			return fmt.Errorf("variable \"%s\" not changeable", name)
		}
		return fmt.Errorf("variable \"%s\" cannot be assigned a value (maybe you forgot to define it first?)", name)
	}
	return nil
}

func (r *Request) capture1(c *luacompat.CaptureRequest, out *luacompat.CaptureResponse) {
	r.runCapture(r.prepareCapture(c), out)
}

// prepareCapture makes the subrequest that a capture asks for.
func (r *Request) prepareCapture(c *luacompat.CaptureRequest) *Request {
	sr := r.newSubrequest(c.URI, c.Args)
	if sr == nil {
		return nil
	}
	if c.Method != "" {
		sr.method, sr.methodID = c.Method, http1.LookupMethod(c.Method)
	}
	sr.headers = append(make(http1.Headers, 0, len(r.headers)+2), r.headers...)
	sr.headersSet = true
	switch {
	case c.HasBody:
		sr.body = requestBody{ended: true}
		sr.replaceBody(c.Body)
	case c.ForwardBody || sr.methodID == http1.MethodPost || sr.methodID == http1.MethodPut:
	default:
		sr.body = requestBody{ended: true, read: true}
		sr.headers.DelID(http1.HeaderContentLength)
		sr.headers.DelID(http1.HeaderTransferEncoding)
	}
	if !c.ShareVars {
		vars := make([]varSlot, len(r.vars))
		if c.CopyVars {
			copy(vars, r.vars)
		}
		sr.vars = vars
	}
	for name, v := range c.Vars {
		if i, found := r.rt.vars.slots[name]; found {
			sr.vars[i] = varSlot{val: v, state: slotValid}
		} else if set := r.rt.vars.set[name]; set != nil {
			set(sr, v)
		}
	}
	sr.ctx, sr.cancel = context.WithCancel(r.context())
	sr.lua = c.Ctx // luacompat takes the table as the child's ngx.ctx
	return sr
}

// runCapture runs a subrequest to its end and takes its response.
func (r *Request) runCapture(sr *Request, out *luacompat.CaptureResponse) {
	if sr == nil {
		out.Status = 500
		return
	}
	w := &captureWriter{}
	sr.w = w
	sr.run()
	out.Status = sr.captureStatus()
	out.Body = w.body.Bytes()
	out.Truncated = sr.outFailed || !w.whole && !sr.headerOnly
	for i := range sr.out.headers {
		h := &sr.out.headers[i]
		out.Headers = append(out.Headers, luacompat.Header{Key: sr.own(h.Key), Value: sr.own(h.Value)})
	}
	if sr.out.contentType != "" {
		out.Headers = append(out.Headers, luacompat.Header{Key: "Content-Type", Value: sr.out.fullType()})
	}
	if sr.out.contentLength >= 0 && !sr.out.headers.Has(http1.HeaderContentLength) {
		out.Headers = append(out.Headers, luacompat.Header{Key: "Content-Length", Value: formatInt(sr.out.contentLength)})
	}
	if sr.out.lastModified >= 0 && !sr.out.headers.Has(http1.HeaderLastModified) {
		out.Headers = append(out.Headers, luacompat.Header{Key: "Last-Modified", Value: formatHTTPTime(sr.out.lastModified)})
	}
	if sr.out.location != "" {
		out.Headers = append(out.Headers, luacompat.Header{Key: "Location", Value: sr.out.location})
	}
	sr.endSubrequest()
}

// captureStatus is res.status.
func (sr *Request) captureStatus() int {
	switch {
	case sr.out.status != 0:
		return sr.out.status
	case sr.errStatus != 0:
		return sr.errStatus
	case sr.outFailed:
		return 500
	}
	return 200
}
