package proxy

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// gzipStage compresses a body as it passes. Its output goes on in pieces of
// gzipPiece bytes, so memory stays bounded whatever the body's size.
type gzipStage struct {
	z     *gzip.Writer
	level int
	out   []byte
	in    int64
	made  int64
}

const gzipPiece = 8 << 10

// gzipWriters hold idle compressors by level: they are large.
var gzipWriters [10]sync.Pool

// compileGzip adds gzip.
//
// See: https://nginx.org/en/docs/http/ngx_http_gzip_module.html
func compileGzip(loc *location, l *nginxconf.Location) {
	f := l.Loc.Filter
	if !f.Gzip.V {
		return
	}
	types, level, least := newMimeTypes(f.GzipTypes.V), f.GzipCompLevel.V, f.GzipMinLength.V
	loc.addHeaderFilter(orderGzip, func(r *Request) rc {
		o := &r.out
		switch o.status {
		case 200, 403, 404:
		default:
			return ok
		}
		if v, found := o.headers.Get(http1.HeaderContentEncoding); found && v != "" || r.headerOnly ||
			o.contentLength >= 0 && o.contentLength < least || !types.has(o) {
			return ok
		}
		o.gzipVary = f.GzipVary.V
		if !r.gzipOK() {
			return ok
		}
		o.headers.AddID(http1.HeaderContentEncoding, "gzip")
		o.clearLength()
		o.weakETag()
		if r.methodID == http1.MethodHead {
			return ok
		}
		r.stages = append(r.stages, newGzipStage(r, level))
		return ok
	})
}

func newGzipStage(r *Request, level int) *gzipStage {
	s := &gzipStage{level: level}
	if z, _ := gzipWriters[level].Get().(*gzip.Writer); z != nil {
		z.Reset(s)
		s.z = z
	} else {
		s.z, _ = gzip.NewWriterLevel(s, level)
	}
	s.z.OS = 3 // Unix, as nginx says
	r.main.modules.gzip = s
	r.onCleanup(s.release)
	return s
}

func (s *gzipStage) release() {
	if s.z != nil {
		s.z.Reset(nil)
		gzipWriters[s.level].Put(s.z)
		s.z = nil
	}
}

// Write takes what the compressor made.
func (s *gzipStage) Write(p []byte) (int, error) {
	s.out = append(s.out, p...)
	s.made += int64(len(p))
	return len(p), nil
}

// sharesOutput: subrequests' output is compressed with the main request's.
func (s *gzipStage) sharesOutput() {}

func (s *gzipStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	if s.z == nil {
		return ok
	}
	s.in += int64(len(p))
	for len(p) > 0 {
		n := min(len(p), 64<<10)
		s.z.Write(p[:n])
		p = p[n:]
		if len(s.out) >= gzipPiece {
			if c := s.pass(r, next, 0); c != ok {
				return c
			}
		}
	}
	switch {
	case fl&last != 0:
		s.z.Close()
		c := s.pass(r, next, fl)
		s.release()
		return c
	case fl&flush != 0:
		s.z.Flush()
		return s.pass(r, next, fl)
	}
	return ok
}

func (s *gzipStage) pass(r *Request, next int, fl outFlag) rc {
	c := r.passBody(next, s.out, fl)
	s.out = s.out[:0]
	return c
}

// varGzipRatio is $gzip_ratio.
//
// See: ngx_http_gzip_ratio_variable.
func varGzipRatio(r *Request) (string, bool) {
	s := r.main.modules.gzip
	if s == nil || s.made == 0 {
		return "", false
	}
	whole, part := s.in/s.made, s.in*100/s.made%100
	if s.in*1000/s.made%10 > 4 {
		if part++; part > 99 {
			whole, part = whole+1, 0
		}
	}
	return fmt.Sprintf("%d.%02d", whole, part), true
}
