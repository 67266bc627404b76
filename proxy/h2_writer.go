package proxy

import (
	"os"
	"strconv"
	"strings"
	"time"

	"huidu/proxy/http1"
	"huidu/proxy/http2"
)

// h2Response is what a stream has of its response: small pieces are collected
// as in h1Writer, and go out as one DATA frame.
type h2Response struct {
	pend []byte
	more bool // pieces of a file follow one another: make full frames of them
}

// sendHead queues the header as nginx's HTTP/2 filter orders it.
//
// See: ngx_http_v2_header_filter.
func (st *h2Stream) sendHead(r *Request) rc {
	m, o, w := st.m, &r.out, &st.c.w
	if o.lastModified >= 0 && o.status != 200 && o.status != 206 && o.status != 304 {
		o.lastModified = -1
		o.headers.DelID(http1.HeaderLastModified)
	}
	if o.status == 204 {
		o.contentType, o.contentLength, o.lastModified = "", -1, -1
		o.headers.DelID(http1.HeaderContentLength)
		o.headers.DelID(http1.HeaderLastModified)
	}
	var room [512]byte
	b := http2.AppendStatus(room[:0], o.status)
	if !o.noServer && !o.headers.Has(http1.HeaderServer) && r.loc.serverHeader != "" {
		v := strings.TrimPrefix(r.loc.serverHeader, "Server: ")
		b = http2.AppendField(b, http2.FieldServer, strings.TrimSuffix(v, "\r\n"))
	}
	if !o.noDate && !o.headers.Has(http1.HeaderDate) {
		line := dates.At(time.Now()).DateLine
		b = http2.AppendField(b, http2.FieldDate, strings.TrimSuffix(strings.TrimPrefix(line, "Date: "), "\r\n"))
	}
	if o.contentType != "" {
		var tmp [96]byte
		b = http2.AppendField(b, http2.FieldContentType, string(o.appendType(tmp[:0])))
	}
	if o.contentLength >= 0 && !o.headers.Has(http1.HeaderContentLength) {
		b = http2.AppendField(b, http2.FieldContentLength, strconv.FormatInt(o.contentLength, 10))
	}
	if o.lastModified >= 0 && !o.headers.Has(http1.HeaderLastModified) {
		b = http2.AppendField(b, http2.FieldLastModified, formatHTTPTime(o.lastModified))
	}
	if o.location != "" {
		b = http2.AppendField(b, http2.FieldLocation, string(r.appendLocation(nil, o.location)))
	}
	if o.gzipVary {
		b = http2.AppendField(b, http2.FieldVary, "Accept-Encoding")
	}
	for i := range o.headers {
		if h := &o.headers[i]; !connectionField(h) {
			b = http2.AppendHeader(b, h.Key, h.Value)
		}
	}
	end := r.headerOnly || o.contentLength == 0 && len(o.trailers) == 0 && !o.expectTrailers

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead || st.outClosed {
		return st.writeFailed(r)
	}
	if m.resized { // tables have the client's new size: ours is none
		m.resized = false
		b = append(http2.AppendTableSize(nil), b...)
	}
	n := len(m.out)
	m.out = http2.AppendHeaders(m.out, b, st.id, end, int(m.maxFrame.Load()))
	n = len(m.out) - n
	m.payloadBytes.Add(int64(len(b)))
	w.headLen, w.started = n, true
	r.bytesSent += int64(n)
	r.limitFrom(w)
	if end {
		st.outClosed = true
		m.flushLocked()
	}
	return ok
}

// connectionField tells whether a field has no place in HTTP/2.
func connectionField(h *http1.Header) bool {
	switch h.ID {
	case http1.HeaderConnection, http1.HeaderKeepAlive, http1.HeaderTransferEncoding, http1.HeaderUpgrade, http1.HeaderProxyConnection:
		return true
	}
	return false
}

// writeFailed ends a response that nobody takes any more.
func (st *h2Stream) writeFailed(r *Request) rc {
	r.outFailed, r.keepalive = true, false
	return failed
}

// write collects or sends a piece of the body.
func (st *h2Stream) write(r *Request, p []byte, fl outFlag) rc {
	if r.outFailed {
		return failed
	}
	chunk := st.chunk(r)
	enough := postponeOutput
	if st.more {
		enough = chunk
	}
	if fl&(last|flush) == 0 && len(st.pend)+len(p) < enough {
		st.pend = append(st.pend, p...)
		return ok
	}
	if len(st.pend) > 0 {
		k := min(len(p), max(chunk-len(st.pend), 0))
		pend := append(st.pend, p[:k]...)
		st.pend, p = pend[:0], p[k:]
		first := fl
		if len(p) > 0 {
			first = 0
		}
		if c := st.send(r, pend, first); c != ok || len(p) == 0 {
			return c
		}
	}
	if st.more && fl == 0 {
		n := len(p) / chunk * chunk
		st.pend = append(st.pend, p[n:]...)
		if p = p[:n]; n == 0 {
			return ok
		}
	}
	return st.send(r, p, fl)
}

// chunk is how long a DATA frame may be at most.
func (st *h2Stream) chunk(r *Request) int {
	return int(max(min(r.loc.conf.Core.HTTP2ChunkSize.V, int64(st.m.maxFrame.Load())), 1))
}

// flushAll sends what is collected.
func (st *h2Stream) flushAll(r *Request) rc {
	if len(st.pend) == 0 {
		st.m.flush()
		return ok
	}
	return st.write(r, nil, flush)
}

// send queues p as DATA frames as the windows allow, and writes them.
//
// See: ngx_http_v2_send_chain.
func (st *h2Stream) send(r *Request, p []byte, fl outFlag) rc {
	m, o := st.m, &r.out
	end := fl&last != 0
	trailers := end && len(o.trailers) > 0
	m.mu.Lock()
	defer m.mu.Unlock()
	var deadline time.Time
	for {
		if m.dead || st.gone || st.rstSent {
			return st.writeFailed(r)
		}
		if st.outClosed {
			return ok // the header said it all
		}
		n := min(len(p), int(min(st.sendWindow, m.sendWindow)), st.chunk(r))
		if len(p) > 0 && n <= 0 || len(m.out) >= h2QueueMax {
			m.flushLocked()
			if n > 0 && len(m.out) < h2QueueMax || m.dead || st.gone {
				continue
			}
			n = min(len(p), int(min(st.sendWindow, m.sendWindow)))
			if len(p) > 0 && n > 0 && len(m.out) < h2QueueMax {
				continue
			}
			if !st.wait(&m.room, &deadline, r.loc.sendTimeout) {
				r.timedOut = true
				r.logf(logInfo, "client timed out (110: Connection timed out) while sending response to client")
				return st.writeFailed(r)
			}
			continue
		}
		if w := &st.c.w; w.limit.rate > 0 && n > 0 {
			k, c := st.limited(r, n)
			if c != ok {
				return c
			}
			if k == 0 {
				continue
			}
			n = k
		}
		deadline = time.Time{}
		fin := end && !trailers && n == len(p)
		if n == 0 && !fin && !trailers {
			break
		}
		if n > 0 || fin {
			flags := uint8(0)
			if fin {
				flags = http2.FlagEndStream
			}
			m.out = append(http2.AppendFrameHeader(m.out, n, http2.FrameData, flags, st.id), p[:n]...)
			st.sendWindow -= int64(n)
			m.sendWindow -= int64(n)
			m.payloadBytes.Add(int64(n))
			r.bytesSent += int64(n + http2.FrameHeaderSize)
			st.c.w.headLen += http2.FrameHeaderSize
			p = p[n:]
		}
		if fin {
			st.outClosed = true
			break
		}
		if len(p) > 0 {
			continue
		}
		if trailers {
			st.sendTrailers(r)
		}
		break
	}
	if fl&(last|flush) != 0 || len(m.out) >= h2FlushAt {
		m.flushLocked()
	}
	if m.dead {
		return st.writeFailed(r)
	}
	return ok
}

// h2FlushAt is how much is queued before a response that goes on is written.
const h2FlushAt = 16 << 10

// sendTrailers ends the stream with fields. The mutex is held.
//
// See: ngx_http_v2_create_trailers_frame.
func (st *h2Stream) sendTrailers(r *Request) {
	m := st.m
	var b []byte
	if m.resized {
		m.resized = false
		b = http2.AppendTableSize(b)
	}
	for i := range r.out.trailers {
		if t := &r.out.trailers[i]; !connectionField(t) {
			b = http2.AppendHeader(b, t.Key, t.Value)
		}
	}
	n := len(m.out)
	m.out = http2.AppendHeaders(m.out, b, st.id, true, int(m.maxFrame.Load()))
	n = len(m.out) - n
	r.bytesSent += int64(n)
	st.c.w.headLen += n
	m.payloadBytes.Add(int64(len(b)))
	st.outClosed = true
}

// limited is how many of n bytes limit_rate lets go now; 0 after a pause. The
// mutex is held, and released for the pause.
func (st *h2Stream) limited(r *Request, n int) (int, rc) {
	m, w := st.m, &st.c.w
	if r.main.limitRate > 0 {
		w.limit.rate = r.main.limitRate
	}
	rate := w.limit.rate
	budget := rate*(time.Now().Unix()-w.limit.start+1) - (r.bodyBytes() - w.limit.after)
	if budget > 0 {
		return int(min(int64(n), budget)), ok
	}
	m.flushLocked()
	m.mu.Unlock()
	c := r.pause(time.Duration(-budget*1000/rate+1) * time.Millisecond)
	m.mu.Lock()
	if c != ok {
		return 0, st.writeFailed(r)
	}
	return 0, ok
}

// writeFile sends part of a file.
func (st *h2Stream) writeFile(r *Request, f *os.File, off, n int64, fl outFlag) rc {
	return r.readFile(f, off, n, fl, func(p []byte, fl outFlag, more bool) rc {
		st.more = more
		return st.write(r, p, fl)
	})
}

// earlyHints sends an informational header.
func (st *h2Stream) earlyHints(hs http1.Headers, hidden func(*http1.Header) bool) {
	b := http2.AppendStatus(nil, 103)
	for i := range hs {
		if f := &hs[i]; !connectionField(f) && !hidden(f) {
			b = http2.AppendHeader(b, f.Key, f.Value)
		}
	}
	m := st.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead || st.outClosed {
		return
	}
	m.out = http2.AppendHeaders(m.out, b, st.id, false, int(m.maxFrame.Load()))
	m.flushLocked()
}
