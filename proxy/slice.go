package proxy

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"huidu/proxy/http1"
)

// sliceState is a request that is answered in slices: the upstream is asked
// for one range after the other, so that each can be cached by itself.
//
// See: https://nginx.org/en/docs/http/ngx_http_slice_module.html
type sliceState struct {
	size       int64
	start, end int64 // of what has not been sent yet
	text       string
	etag       string
	active     bool // the first slice has been found to be one
}

// varSliceRange is $slice_range. Asking for it is what turns slicing on.
//
// See: ngx_http_slice_range_variable.
func varSliceRange(r *Request) (string, bool) {
	if r.main.slice != nil {
		return r.main.slice.text, true
	}
	size := r.loc.conf.Filter.Slice.V
	if r != r.main || r.headerSent || size == 0 {
		return "", false
	}
	s := &sliceState{size: size}
	s.start = size * (r.sliceStart() / size)
	s.say()
	r.slice = s
	return s.text, true
}

func (s *sliceState) say() { s.text = fmt.Sprintf("bytes=%d-%d", s.start, s.start+s.size-1) }

// sliceStart is where the client's range begins.
//
// See: ngx_http_slice_get_start.
func (r *Request) sliceStart() int64 {
	v, found := r.headers.Get(http1.HeaderRange)
	if !found || r.headers.Has(http1.HeaderIfRange) || len(v) < 7 || !http1.EqualFold(v[:6], "bytes=") || strings.Contains(v, ",") {
		return 0
	}
	v = strings.TrimLeft(v[6:], " ")
	n := 0
	for n < len(v) && v[n] >= '0' && v[n] <= '9' {
		n++
	}
	start, err := strconv.ParseInt(v[:n], 10, 64)
	if err != nil {
		return 0
	}
	return start
}

// sliceHeader looks at the header of a slice: r is the request itself, or one
// of those for the slices after the first.
//
// See: ngx_http_slice_header_filter.
func (r *Request) sliceHeader() rc {
	s, o := r.main.slice, &r.out
	if o.status != 206 {
		if r == r.main {
			r.slice = nil
			return ok
		}
		r.logf(logError, "unexpected status code %d in slice response", o.status)
		return failed
	}
	etag, _ := o.headers.Get(http1.HeaderETag)
	if s.etag != "" && s.etag != etag {
		r.logf(logError, "etag mismatch in slice response")
		return failed
	}
	if s.etag == "" {
		s.etag = strings.Clone(etag)
	}
	v, _ := o.headers.Get(http1.HeaderContentRange)
	from, to, total, good := parseContentRange(v)
	switch {
	case !good:
		r.logf(logError, "invalid range in slice response")
		return failed
	case total < 0:
		r.logf(logError, "no complete length in slice response")
		return failed
	}
	if end := min(from+s.size, total); from != s.start || to != end {
		r.logf(logError, "unexpected range in slice response: %d-%d", from, to)
		return failed
	}
	s.start, s.active = to, true
	o.status, o.statusLine = 200, ""
	o.contentLength, o.contentOffset = total, from
	o.headers.DelID(http1.HeaderContentRange)
	o.headers.DelID(http1.HeaderContentLength)
	o.headers.DelID(http1.HeaderAcceptRanges)
	o.acceptRanges, r.singleRange = true, true
	s.end = total
	return ok
}

// sliceRanged notes which part of the whole the client gets, when the range
// filter is through.
func (r *Request) sliceRanged() {
	s, o := r.slice, &r.out
	if o.status != 206 {
		return
	}
	if s.start+s.size <= o.contentOffset {
		s.start = s.size * (o.contentOffset / s.size)
	}
	s.end = o.contentOffset + o.contentLength
}

// sliceRest sends the slices after the first; the piece that ended that one
// has been sent.
//
// See: ngx_http_slice_body_filter.
func (r *Request) sliceRest(c rc) rc {
	s := r.slice
	for c == ok && s.start < s.end {
		s.say()
		s.active = false
		if len(r.stages) > 0 {
			if rs, ranged := r.stages[0].(*rangeStage); ranged {
				rs.off = s.start // slices before the range may have been left out
			}
		}
		sr := r.newSubrequest(r.uri, r.args)
		if sr == nil {
			return failed
		}
		sr.loc, sr.validURI, sr.noLocation = r.loc, r.validURI, r.noLocation
		sr.method, sr.methodID = r.method, r.methodID
		sr.captures, sr.captureOf = append([]int(nil), r.captures...), r.captureOf
		sr.slicePart = true
		w := &sliceWriter{r: r}
		sr.w = w
		c = sr.loc.handler(sr)
		if c == ok && w.c != ok {
			c = w.c
		}
		if c == ok && (!s.active || !w.whole) {
			c = failed
		}
		if c != ok {
			c = failed
		}
		sr.endSubrequest()
	}
	if c != ok {
		r.drop()
		return c
	}
	r.slice = nil
	return r.output(nil, last)
}

// sliceWriter passes the body of a slice on as part of the whole.
type sliceWriter struct {
	r     *Request
	c     rc
	whole bool
}

func (w *sliceWriter) sendHead(*Request) rc { return ok }

func (w *sliceWriter) write(_ *Request, p []byte, fl outFlag) rc {
	w.whole = w.whole || fl&last != 0
	w.c = w.r.passBody(0, p, fl&^last)
	return w.c
}

func (w *sliceWriter) writeFile(_ *Request, f *os.File, off, n int64, fl outFlag) rc {
	w.whole = w.whole || fl&last != 0
	w.c = w.r.passFile(0, f, off, n, fl&^last)
	return w.c
}

// parseContentRange reads "bytes 0-9/100"; to is behind the last byte, total
// -1 where it is "*".
//
// See: ngx_http_slice_parse_content_range.
func parseContentRange(v string) (from, to, total int64, good bool) {
	v, found := strings.CutPrefix(v, "bytes ")
	if !found {
		return 0, 0, 0, false
	}
	first, rest, dash := strings.Cut(v, "-")
	final, length, slash := strings.Cut(rest, "/")
	from, err1 := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
	to, err2 := strconv.ParseInt(strings.TrimSpace(final), 10, 64)
	if !dash || !slash || err1 != nil || err2 != nil || from < 0 || to < from {
		return 0, 0, 0, false
	}
	total = -1
	if length = strings.TrimSpace(length); length != "*" {
		if total, err1 = strconv.ParseInt(length, 10, 64); err1 != nil || total < 0 {
			return 0, 0, 0, false
		}
	}
	return from, to + 1, total, true
}
