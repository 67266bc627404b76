package proxy

import (
	"fmt"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// compileContent sets the content handler that a directive of the location
// chose: the last one written wins, as in nginx.
func compileContent(c *compiler, loc *location, l *nginxconf.Location) error {
	if l.Kind == nginxconf.LocLimitExcept && l.Loc.Core.Handler == nginxconf.HandlerNone {
		return nil
	}
	switch l.Loc.Core.Handler {
	case nginxconf.HandlerProxyPass:
		return compileProxy(c, loc, l)
	case nginxconf.HandlerEmptyGIF:
		loc.handler = emptyGIF
	case nginxconf.HandlerStubStatus:
		loc.handler = stubStatus
	case nginxconf.HandlerFastCGI:
		return compileFastCGI(c, loc, l)
	case nginxconf.HandlerMemcached:
		return compileMemcached(c, loc, l)
	case nginxconf.HandlerMemc:
		return compileMemc(c, loc, l)
	case nginxconf.HandlerEcho:
		return compileEcho(c, loc, l)
	}
	return nil
}

// emptyGIF answers with a transparent pixel.
//
// See: ngx_http_empty_gif_handler.
func emptyGIF(r *Request) rc {
	if !isGetHead(r) {
		return 405
	}
	if c := r.discardBody(); c != ok {
		return c
	}
	o := &r.out
	o.status = 200
	o.setType("image/gif")
	o.contentLength = int64(len(emptyPixel))
	o.lastModified = emptyPixelTime
	if c := r.sendHeader(); c != ok || r.headerOnly {
		return c
	}
	return r.output(emptyPixel, last)
}

// emptyPixelTime is 23 Sep 1993 00:00:00 GMT, as ngx_http_empty_gif_module
// dates its picture.
var emptyPixelTime = time.Date(1970, 9, 28, 6, 0, 0, 0, time.UTC).Unix()

// emptyPixel is a GIF of one transparent pixel.
var emptyPixel = []byte{
	'G', 'I', 'F', '8', '9', 'a',
	1, 0, 1, 0, 0x80, 1, 0, // one by one, a palette of two colours
	0, 0, 0, 0xff, 0xff, 0xff,
	0x21, 0xf9, 4, 1, 0, 0, 1, 0, // transparent: colour 1
	0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0,
	2, 2, 0x4c, 1, 0, 0x3b,
}

// stubStatus answers with the server's counters.
//
// See: https://nginx.org/en/docs/http/ngx_http_stub_status_module.html
func stubStatus(r *Request) rc {
	if !isGetHead(r) {
		return 405
	}
	if c := r.discardBody(); c != ok {
		return c
	}
	n := r.counters()
	body := fmt.Appendf(nil, "Active connections: %d \nserver accepts handled requests\n %d %d %d \nReading: %d Writing: %d Waiting: %d \n",
		n.active, n.accepted, n.handled, n.requests, n.reading, n.writing, n.waiting)
	o := &r.out
	o.status = 200
	o.setType("text/plain")
	o.contentLength = int64(len(body))
	if c := r.sendHeader(); c != ok || r.headerOnly {
		return c
	}
	return r.output(body, last)
}

func isGetHead(r *Request) bool {
	return r.methodID == http1.MethodGet || r.methodID == http1.MethodHead
}

// counters are the numbers of stub_status.
type counters struct {
	active, accepted, handled, requests, reading, writing, waiting int64
}

func (r *Request) counters() (n counters) {
	if r.main.conn == nil {
		return n
	}
	s := r.main.conn.s
	s.mu.Lock()
	n.active = int64(len(s.conns))
	s.mu.Unlock()
	n.accepted, n.requests = s.accepted.Load(), s.total.Load()
	n.handled = n.accepted
	n.reading, n.waiting = s.reading.Load(), s.waiting.Load()
	n.writing = max(n.active-n.waiting-n.reading, 1)
	return n
}
