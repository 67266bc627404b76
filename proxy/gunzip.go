package proxy

import (
	"io"
	"iter"

	"github.com/klauspost/compress/gzip"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// gunzipStage decompresses a body as it passes. The reader runs as a
// coroutine: it stops whenever it needs more input.
type gunzipStage struct {
	in     []byte
	ended  bool // no more input will come
	next   func() ([]byte, bool)
	stop   func()
	err    error
	closed bool
}

// compileGunzip adds gunzip.
//
// See: https://nginx.org/en/docs/http/ngx_http_gunzip_module.html
func compileGunzip(loc *location, l *nginxconf.Location) {
	f := l.Loc.Filter
	if !f.Gunzip.V {
		return
	}
	loc.addHeaderFilter(orderGunzip, func(r *Request) rc {
		o := &r.out
		v, found := o.headers.Get(http1.HeaderContentEncoding)
		if !found || !http1.EqualFold(v, "gzip") {
			return ok
		}
		o.gzipVary = f.GzipVary.V
		if r.gzipOK() {
			return ok
		}
		o.headers.DelID(http1.HeaderContentEncoding)
		o.clearLength()
		o.weakETag()
		s := &gunzipStage{}
		s.next, s.stop = iter.Pull(s.run)
		r.onCleanup(s.stop)
		r.stages = append(r.stages, s)
		return ok
	})
}

// run yields decompressed pieces, and nil whenever it needs input.
func (s *gunzipStage) run(yield func([]byte) bool) {
	feed := &gunzipFeed{s: s, yield: yield}
	z, err := gzip.NewReader(feed)
	if err != nil {
		s.err = err
		return
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := z.Read(buf)
		if n > 0 && !yield(buf[:n]) {
			return
		}
		if err != nil {
			if err != io.EOF {
				s.err = err
			}
			return
		}
	}
}

// gunzipFeed gives the reader what has come, and waits for more.
type gunzipFeed struct {
	s     *gunzipStage
	yield func([]byte) bool
}

func (f *gunzipFeed) Read(p []byte) (int, error) {
	for len(f.s.in) == 0 {
		if f.s.ended {
			return 0, io.EOF
		}
		if !f.yield(nil) {
			f.s.ended = true
			return 0, io.ErrUnexpectedEOF
		}
	}
	n := copy(p, f.s.in)
	f.s.in = f.s.in[n:]
	return n, nil
}

func (f *gunzipFeed) ReadByte() (byte, error) {
	var b [1]byte
	_, err := f.Read(b[:])
	return b[0], err
}

func (s *gunzipStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	s.in, s.ended = p, fl&last != 0
	for !s.closed {
		piece, more := s.next()
		if !more {
			s.closed = true
			break
		}
		if piece == nil {
			break
		}
		if c := r.passBody(next, piece, 0); c != ok {
			return c
		}
	}
	s.in = nil
	if s.err != nil {
		r.logf(logError, "inflate() failed: %v", s.err)
		return failed
	}
	if fl != 0 {
		return r.passBody(next, nil, fl)
	}
	return ok
}
