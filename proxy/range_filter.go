package proxy

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"sync/atomic"

	"huidu/proxy/http1"
)

type byteRange struct {
	start, end int64
	head       []byte // of its part in a multipart response
}

// rangeStage cuts the ranges out of a body. It stands before all other body
// filters.
type rangeStage struct {
	ranges []byteRange
	tail   []byte
	off    int64
	ended  bool
}

// rangeFilter answers Range requests for bodies of known length.
//
// See: ngx_http_range_header_filter.
func rangeFilter(r *Request) rc {
	o := &r.out
	if r.loc.conf.Core.MaxRanges.V == 0 || o.status != 200 || o.contentLength < 0 || r.head.Version < 1000 || r != r.main {
		return ok
	}
	v, found := r.headers.Get(http1.HeaderRange)
	if !found || len(v) < 7 || !http1.EqualFold(v[:6], "bytes=") || !r.ifRange() {
		o.headers.AddID(http1.HeaderAcceptRanges, "bytes")
		return ok
	}
	limit := r.loc.conf.Core.MaxRanges.V
	if r.singleRange {
		limit = 1
	}
	ranges, c := parseRanges(v[6:], o.contentLength, limit)
	switch c {
	case declined:
		o.headers.AddID(http1.HeaderAcceptRanges, "bytes")
		return ok
	case 416:
		o.status = 416
		o.headers.SetID(http1.HeaderContentRange, "bytes */"+formatInt(o.contentLength))
		o.contentLength = -1
		o.headers.DelID(http1.HeaderContentLength)
		return 416
	}
	o.status, o.statusLine = 206, ""
	s := &rangeStage{ranges: ranges, off: o.contentOffset}
	if len(ranges) == 1 {
		o.headers.SetID(http1.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", ranges[0].start, ranges[0].end-1, o.contentLength))
		o.contentLength = ranges[0].end - ranges[0].start
		o.contentOffset = ranges[0].start
	} else {
		s.multipart(o)
	}
	o.headers.DelID(http1.HeaderContentLength)
	r.stages = slices.Insert(r.stages, 0, bodyStage(s))
	return ok
}

// ifRange reports whether the entity is still the one that If-Range names.
func (r *Request) ifRange() bool {
	v, found := r.headers.Get(http1.HeaderIfRange)
	if !found {
		return true
	}
	if len(v) >= 2 && v[len(v)-1] == '"' {
		tag, has := r.out.headers.Get(http1.HeaderETag)
		return has && tag == v
	}
	if r.out.lastModified < 0 {
		return false
	}
	t, valid := parseHTTPTime(v)
	return valid && t == r.out.lastModified
}

// parseRanges reads a Range field behind "bytes=". The answer is ok, declined
// (send everything) or 416. limit -1 is no limit.
//
// See: ngx_http_range_parse.
func parseRanges(s string, length int64, limit int) ([]byteRange, rc) {
	const cutoff = math.MaxInt64 / 10
	left, unlimited := limit, limit < 0
	if unlimited {
		left = math.MaxInt32
	}
	var out []byteRange
	var size int64
	i := 0
	spaces := func() {
		for i < len(s) && s[i] == ' ' {
			i++
		}
	}
	number := func() (n int64, valid bool) {
		if i == len(s) || s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			d := int64(s[i] - '0')
			if n >= cutoff && (n > cutoff || d > math.MaxInt64%10) {
				return 0, false
			}
			n = n*10 + d
			i++
		}
		return n, true
	}
	atEnd := func() bool { return i == len(s) || s[i] == ',' }
	for {
		var start, end int64
		valid, suffix, open := true, false, false
		spaces()
		if i < len(s) && s[i] == '-' {
			suffix = true
			i++
		} else {
			if start, valid = number(); !valid {
				return nil, 416
			}
			spaces()
			if i == len(s) || s[i] != '-' {
				return nil, 416
			}
			i++
			spaces()
			if atEnd() {
				end, open = length, true
			}
		}
		if !open {
			if end, valid = number(); !valid {
				return nil, 416
			}
			spaces()
			if !atEnd() {
				return nil, 416
			}
			if suffix {
				start, end = max(length-end, 0), length-1
			}
			end = min(end, length-1) + 1
		}
		if start < end {
			if size > math.MaxInt64-(end-start) {
				return nil, 416
			}
			out = append(out, byteRange{start: start, end: end})
			size += end - start
			if left == 0 {
				return nil, declined
			}
			left--
		} else if start == 0 {
			return nil, declined
		}
		if i == len(s) {
			break
		}
		i++
	}
	switch {
	case len(out) == 0:
		return nil, 416
	case len(out) == 1:
		return out, ok
	case size > length, unlimited && size+int64(len(out))*256 > length+4096:
		return nil, declined
	}
	return out, ok
}

// boundaries number the multipart responses, as nginx's temporary names do.
var boundaries atomic.Uint64

// multipart prepares the parts' headers.
func (s *rangeStage) multipart(o *respHead) {
	boundary := fmt.Sprintf("%020d", boundaries.Add(1))
	head := "\r\n--" + boundary
	if o.contentType != "" {
		head += "\r\nContent-Type: " + o.fullType()
	}
	head += "\r\nContent-Range: bytes "
	total := "/" + formatInt(o.contentLength) + "\r\n\r\n"
	s.tail = []byte("\r\n--" + boundary + "--\r\n")
	length := int64(len(s.tail))
	for i := range s.ranges {
		br := &s.ranges[i]
		br.head = append([]byte(head), formatInt(br.start)...)
		br.head = append(br.head, '-')
		br.head = strconv.AppendInt(br.head, br.end-1, 10)
		br.head = append(br.head, total...)
		length += int64(len(br.head)) + br.end - br.start
	}
	o.setType("multipart/byteranges; boundary=" + boundary)
	o.ctLen = len(o.contentType)
	o.charset = ""
	o.contentLength = length
	o.headers.DelID(http1.HeaderContentRange)
}

func (s *rangeStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	if len(s.ranges) > 1 {
		return s.filterParts(r, next, p, fl)
	}
	if s.ended {
		return ok
	}
	br := &s.ranges[0]
	from := s.off
	s.off += int64(len(p))
	if s.off >= br.end {
		p = p[:max(br.end-from, 0)]
		fl |= last
	}
	if br.start > from {
		p = p[min(br.start-from, int64(len(p))):]
	}
	s.ended = fl&last != 0
	if len(p) == 0 && fl == 0 {
		return ok
	}
	return r.passBody(next, p, fl)
}

// filterParts makes a multipart body: only from a body in one piece, as the
// ranges may come in any order.
func (s *rangeStage) filterParts(r *Request, next int, p []byte, fl outFlag) rc {
	if s.ended || len(p) == 0 && fl&last == 0 {
		return ok
	}
	if fl&last == 0 {
		for i := range s.ranges {
			if s.ranges[i].end > int64(len(p)) {
				r.logf(logAlert, "range in overlapped buffers")
				return failed
			}
		}
	}
	s.ended = true
	for i := range s.ranges {
		br := &s.ranges[i]
		if c := r.passBody(next, br.head, 0); c != ok {
			return c
		}
		if c := r.passBody(next, p[min(br.start, int64(len(p))):min(br.end, int64(len(p)))], 0); c != ok {
			return c
		}
	}
	return r.passBody(next, s.tail, last)
}

// filterFile cuts the ranges out of a file without reading what is not sent.
func (s *rangeStage) filterFile(r *Request, next int, f *os.File, off, n int64, fl outFlag) rc {
	if s.ended {
		return ok
	}
	if len(s.ranges) == 1 {
		br := &s.ranges[0]
		from, to := max(br.start-s.off, 0), min(br.end-s.off, n)
		s.off += n
		if s.off >= br.end {
			fl |= last
		}
		s.ended = fl&last != 0
		if to <= from {
			return r.passBody(next, nil, fl)
		}
		return r.passFile(next, f, off+from, to-from, fl)
	}
	s.ended = true
	for i := range s.ranges {
		br := &s.ranges[i]
		if c := r.passBody(next, br.head, 0); c != ok {
			return c
		}
		if c := r.passFile(next, f, off+br.start, br.end-br.start, 0); c != ok {
			return c
		}
	}
	return r.passBody(next, s.tail, last)
}
