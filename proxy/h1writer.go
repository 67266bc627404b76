package proxy

import (
	"os"
	"strconv"
	"time"

	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// h1Writer writes responses to an HTTP/1.x client. The header and small
// pieces of the body are collected and leave with the next large piece, a
// flush or the end, in one system call.
type h1Writer struct {
	c       *conn
	out     *netconn.Buffer // collected bytes; nil when there are none
	chunked bool
	headLen int
	started bool
	limit   rateLimit

	keepTimeout               time.Duration
	lingerTime, lingerTimeout time.Duration
}

func (w *h1Writer) reset(c *conn) {
	w.c = c
	w.chunked, w.headLen, w.started = false, 0, false
	w.limit = rateLimit{}
}

// dates formats each second once for all requests.
var dates http1.DateCache

// sendHead writes status line and header as nginx's header filter orders
// them.
//
// See: ngx_http_header_filter.
func (w *h1Writer) sendHead(r *Request) rc {
	if r.head.Version < 1000 { // HTTP/0.9 has no header
		r.keepalive = false
		return ok
	}
	o := &r.out
	if o.lastModified >= 0 && o.status != 200 && o.status != 206 && o.status != 304 {
		o.lastModified = -1
		o.headers.DelID(http1.HeaderLastModified)
	}
	if o.status == 204 {
		o.contentType, o.contentLength, o.lastModified = "", -1, -1
		o.headers.DelID(http1.HeaderContentLength)
		o.headers.DelID(http1.HeaderLastModified)
	}
	w.frame(r)
	if w.out == nil {
		w.out = netconn.NewBuffer(4096)
	}
	pending := w.out.Len()
	b := w.out.Bytes()
	if o.statusLine != "" {
		b = append(append(append(b, "HTTP/1.1 "...), o.statusLine...), '\r', '\n')
	} else {
		b = http1.AppendStatusLine(b, o.status)
	}
	if !o.noServer && !o.headers.Has(http1.HeaderServer) {
		b = append(b, r.loc.serverHeader...)
	}
	if !o.noDate && !o.headers.Has(http1.HeaderDate) {
		b = append(b, dates.At(time.Now()).DateLine...)
	}
	if o.contentType != "" {
		b = append(b, "Content-Type: "...)
		b = o.appendType(b)
		b = append(b, '\r', '\n')
	}
	if o.contentLength >= 0 && !o.headers.Has(http1.HeaderContentLength) {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, o.contentLength, 10)
		b = append(b, '\r', '\n')
	}
	if o.lastModified >= 0 && !o.headers.Has(http1.HeaderLastModified) {
		b = append(b, "Last-Modified: "...)
		b = http1.AppendDate(b, time.Unix(o.lastModified, 0))
		b = append(b, '\r', '\n')
	}
	if o.location != "" {
		b = append(b, "Location: "...)
		b = r.appendLocation(b, o.location)
		b = append(b, '\r', '\n')
	}
	if w.chunked {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case o.status == 101:
		b = append(b, "Connection: upgrade\r\n"...)
	case r.keepalive && !w.c.s.quitting():
		b = append(b, "Connection: keep-alive\r\n"...)
		if r.loc.keepaliveHeader > 0 {
			b = append(b, "Keep-Alive: timeout="...)
			b = strconv.AppendInt(b, int64(r.loc.keepaliveHeader/time.Second), 10)
			b = append(b, '\r', '\n')
		}
	default:
		r.keepalive = false
		b = append(b, "Connection: close\r\n"...)
	}
	if o.gzipVary {
		b = append(b, "Vary: Accept-Encoding\r\n"...)
	}
	for i := range o.headers {
		h := &o.headers[i]
		b = append(b, h.Key...)
		b = append(b, ':', ' ')
		b = append(b, h.Value...)
		b = append(b, '\r', '\n')
	}
	b = append(b, '\r', '\n')
	w.headLen = len(b) - pending
	w.started = true
	w.keep(b)
	r.limitFrom(w)
	if r.headerOnly {
		return w.flushAll(r)
	}
	return ok
}

// keep takes b, which began as w.out's bytes, as the collected bytes.
func (w *h1Writer) keep(b []byte) {
	if len(b) <= w.out.Cap() {
		w.out.Extend(len(b) - w.out.Len())
		return
	}
	bigger := netconn.NewBuffer(len(b))
	copy(bigger.Free(), b)
	bigger.Extend(len(b))
	w.out.Release()
	w.out = bigger
}

// frame decides how the end of the body will be known.
//
// See: ngx_http_chunked_header_filter.
func (w *h1Writer) frame(r *Request) {
	o := &r.out
	if o.status == 304 || o.status == 204 || o.status/100 == 1 || r.methodID == http1.MethodHead {
		return
	}
	known := o.contentLength >= 0 || o.headers.Has(http1.HeaderContentLength)
	if known && len(o.trailers) == 0 && !o.expectTrailers {
		return
	}
	if r.head.Version < 1001 {
		if !known {
			r.keepalive = false
		}
		return
	}
	if !r.loc.chunkedEncoding {
		if !known {
			r.keepalive = false
		}
		return
	}
	if known {
		o.contentLength = -1
		o.headers.DelID(http1.HeaderContentLength)
	}
	w.chunked, o.chunked = true, true
}

// write collects or sends a piece of the body.
func (w *h1Writer) write(r *Request, p []byte, fl outFlag) rc {
	if r.outFailed {
		return failed
	}
	if w.chunked {
		return w.writeChunk(r, p, fl)
	}
	if fl&(last|flush) == 0 && w.pendingLen()+len(p) < postponeOutput {
		w.collect(p)
		return ok
	}
	return w.send(r, p, nil)
}

// postponeOutput is nginx's default of postpone_output.
const postponeOutput = 1460

func (w *h1Writer) pendingLen() int {
	if w.out == nil {
		return 0
	}
	return w.out.Len()
}

func (w *h1Writer) collect(p []byte) {
	if len(p) == 0 {
		return
	}
	if w.out == nil {
		w.out = netconn.NewBuffer(4096)
	}
	if len(w.out.Free()) >= len(p) {
		copy(w.out.Free(), p)
		w.out.Extend(len(p))
		return
	}
	w.keep(append(w.out.Bytes(), p...))
}

func (w *h1Writer) writeChunk(r *Request, p []byte, fl outFlag) rc {
	var tail []byte
	if len(p) > 0 {
		var head [20]byte
		h := http1.AppendChunkHeader(head[:0], len(p))
		w.collect(h)
	}
	if fl&last != 0 {
		var end [256]byte
		tail = end[:0]
		if len(p) > 0 {
			tail = append(tail, '\r', '\n')
		}
		tail = http1.AppendLastChunk(tail, r.out.trailers)
	} else if len(p) > 0 {
		tail = crlf
	}
	if fl&(last|flush) == 0 && w.pendingLen()+len(p)+len(tail) < postponeOutput {
		w.collect(p)
		w.collect(tail)
		return ok
	}
	if len(tail) <= 256 && w.out != nil && len(w.out.Free()) >= len(p)+len(tail) && len(p) < 2048 {
		w.collect(p)
		w.collect(tail)
		return w.send(r, nil, nil)
	}
	return w.send(r, p, tail)
}

var crlf = []byte("\r\n")

// send writes the collected bytes, p and tail.
func (w *h1Writer) send(r *Request, p, tail []byte) rc {
	if w.limit.rate > 0 {
		return w.sendLimited(r, p, tail)
	}
	w.c.nc.SetWriteTimeout(r.loc.sendTimeout)
	var n int64
	var err error
	if w.out != nil && len(p) > 0 && len(p) <= 1024 && len(tail) == 0 && len(w.out.Free()) >= len(p) {
		w.collect(p)
		p = nil
	}
	switch {
	case w.out == nil || w.out.Len() == 0:
		switch {
		case len(p) == 0 && len(tail) == 0:
			return ok
		case len(tail) == 0:
			var k int
			k, err = w.c.nc.Write(p)
			n = int64(k)
		default:
			n, err = w.c.nc.Writev(p, tail)
		}
	case len(p) == 0 && len(tail) == 0:
		var k int
		k, err = w.c.nc.Write(w.out.Bytes())
		n = int64(k)
	default:
		n, err = w.c.nc.Writev(w.out.Bytes(), p, tail)
	}
	r.bytesSent += n
	if w.out != nil {
		w.out.Release()
		w.out = nil
	}
	if err != nil {
		return r.clientWriteFailed(err)
	}
	return ok
}

// writeFile sends part of a file, by the kernel where it can.
func (w *h1Writer) writeFile(r *Request, f *os.File, off, n int64, fl outFlag) rc {
	if w.chunked || w.limit.rate > 0 || n <= sendfileMin {
		return r.readFile(f, off, n, fl, func(p []byte, fl outFlag, _ bool) rc { return w.write(r, p, fl) })
	}
	if c := w.send(r, nil, nil); c != ok {
		return c
	}
	sent, err := w.c.nc.SendFile(f, off, n)
	r.bytesSent += sent
	if err != nil {
		return r.clientWriteFailed(err)
	}
	return ok
}

// sendfileMin is the size up to which one read and one writev are cheaper
// than header and sendfile.
const sendfileMin = 32 << 10

// flushAll sends what is collected.
func (w *h1Writer) flushAll(r *Request) rc {
	if w.pendingLen() == 0 {
		return ok
	}
	return w.send(r, nil, nil)
}

// drop forgets what is collected.
func (w *h1Writer) drop() {
	if w.out != nil {
		w.out.Release()
		w.out = nil
	}
}
