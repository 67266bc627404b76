package proxy

import (
	"errors"
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/fastcgi"
	"huidu/proxy/http1"
)

// fastcgiState is a try's way through an application's output.
type fastcgiState struct {
	demux fastcgi.Demux
	head  []byte // of the response, behind statusLine
	first bool   // what decode gets next is out of its records already
	log   []byte // a line of stderr that has not ended
}

// statusLine stands in for the one that FastCGI has not: the header is parsed
// as HTTP's.
const statusLine = "HTTP/1.1 200 OK\r\n"

var errCaught = errors.New("caught")

// take takes stdout out of p and appends it to out; stderr is logged.
func (st *upstreamState) takeFastCGI(r *Request, out, p []byte) ([]byte, error) {
	d := &st.fcgi.demux
	for len(p) > 0 && !d.Done() {
		piece, kind, n, err := d.Next(p)
		if err != nil {
			return out, err
		}
		p = p[n:]
		switch kind {
		case fastcgi.Stdout:
			out = append(out, piece...)
		case fastcgi.Stderr:
			if st.logStderr(r, piece) {
				return out, errCaught
			}
		}
	}
	return out, nil
}

// logStderr logs what the application says; caught: fastcgi_catch_stderr has
// the response refused for it.
func (st *upstreamState) logStderr(r *Request, p []byte) (caught bool) {
	f := &st.fcgi
	f.log = append(f.log, p...)
	if st.fcgi.demux.Left() > 0 {
		return false
	}
	text := strings.TrimRight(string(f.log), "\r\n.\x00")
	f.log = f.log[:0]
	if text == "" {
		return false
	}
	r.logf(logError, "FastCGI sent in stderr: \"%s\" while %s", text, st.doing())
	for _, c := range st.conf.fastcgi.catch {
		if strings.Contains(text, c) && !st.headerDone {
			return true
		}
	}
	return false
}

// readFastCGIHead reads the header of the response.
//
// See: ngx_http_fastcgi_process_header.
func (st *upstreamState) readFastCGIHead(r *Request) (ft, rc) {
	const doing = "reading response header from upstream"
	c, p, f := st.conn, st.conf, &st.fcgi
	c.SetReadTimeout(st.readTimeout)
	c.SetFirstBuffer(p.bufferSize)
	st.parser.Reset()
	*f = fastcgiState{head: append(make([]byte, 0, p.bufferSize+len(statusLine)), statusLine...)}
	for {
		if _, err := c.Fill(p.bufferSize); err != nil {
			if why, c, failed := st.senderFailed(r); failed && !st.gone.Load() {
				return why, c
			}
			return st.ioFailed(r, "recv()", err, doing)
		}
		st.gotAny = true
		var err error
		f.head, err = st.takeFastCGI(r, f.head, c.Buffered())
		c.Consume(len(c.Buffered()))
		if err != nil {
			if err != errCaught {
				r.logf(logError, "%v while %s", err, doing)
			}
			return nginxconf.NextInvalidHeader, ok
		}
		n, complete, err := st.parser.Parse(f.head)
		if err != nil {
			r.logf(logError, "%s while %s", err.Error(), doing)
			return nginxconf.NextInvalidHeader, ok
		}
		if complete {
			st.rest, st.rawHead = f.head[n:], f.head[len(statusLine):n]
			f.first = true
			break
		}
		switch {
		case len(f.head) >= p.bufferSize+len(statusLine):
			r.logf(logError, "upstream sent too big header while %s", doing)
			return nginxconf.NextInvalidHeader, ok
		case f.demux.Closed() || f.demux.Done():
			r.logf(logError, "upstream prematurely closed FastCGI stdout while %s", doing)
			return nginxconf.NextInvalidHeader, ok
		}
	}
	st.headBytes = c.Received() - st.received0 - int64(len(st.rest))
	if !st.fastcgiStatus(r) {
		return nginxconf.NextInvalidHeader, ok
	}
	t := st.current()
	t.header = st.sinceTry()
	if t.status == 0 {
		t.status = st.parser.Head.Status
	}
	for _, w := range st.parser.Head.Warnings {
		r.logf(logWarn, "%s while %s", w, doing)
	}
	st.framing, st.keepalive, st.left = http1.Framing{Kind: http1.FramingClose}, false, -1
	if v, found := st.parser.Head.Headers.Get(http1.HeaderContentLength); found {
		if n, good := http1.ParseContentLength(v); good {
			st.framing, st.left = http1.Framing{Kind: http1.FramingLength, Length: n}, n
		}
	}
	if s := st.parser.Head.Status; s == 204 || s == 304 {
		st.left = 0
	}
	return ftNone, ok
}

// fastcgiStatus takes the status out of the header: from Status, else 302 for
// a Location, else 200.
func (st *upstreamState) fastcgiStatus(r *Request) bool {
	h := &st.parser.Head
	h.HTTP09 = false
	h.Status, h.StatusLine = 200, "200 OK"
	if v, found := h.Headers.GetName("Status"); found {
		if len(v) < 3 || v[0] < '0' || v[0] > '9' || v[1] < '0' || v[1] > '9' || v[2] < '0' || v[2] > '9' {
			r.logf(logError, "upstream sent invalid status \"%s\" while reading response header from upstream", v)
			return false
		}
		h.Status, h.StatusLine = int(v[0]-'0')*100+int(v[1]-'0')*10+int(v[2]-'0'), ""
		if len(v) > 3 {
			h.StatusLine = v
		}
	} else if h.Headers.Has(http1.HeaderLocation) {
		h.Status, h.StatusLine = 302, "302 Moved Temporarily"
	}
	return true
}

// decodeFastCGI takes a piece of the body out of its records, in place.
//
// See: ngx_http_fastcgi_input_filter.
func (st *upstreamState) decodeFastCGI(r *Request, p []byte) (payload []byte, complete bool, err error) {
	const doing = "reading upstream"
	f := &st.fcgi
	if f.first {
		f.first = false
		payload = p
	} else if payload, err = st.takeFastCGI(r, p[:0], p); err != nil {
		r.logf(logError, "%v while %s", err, doing)
		return payload, false, err
	}
	if st.left >= 0 {
		if int64(len(payload)) > st.left {
			r.logf(logWarn, "upstream sent more data than specified in \"Content-Length\" header while %s", doing)
			payload = payload[:st.left]
		}
		st.left -= int64(len(payload))
	}
	if !f.demux.Done() && (!f.demux.Closed() || st.left <= 0) {
		return payload, false, nil
	}
	st.keepalive = f.demux.Done() && st.conf.fastcgi.keepConn
	if st.left > 0 {
		r.logf(logError, "upstream prematurely closed FastCGI stdout while %s", doing)
		st.keepalive = false
		return payload, false, errPremature
	}
	return payload, true, nil
}

// parseFastCGICached reads the header in a cache file: nginx keeps it in the
// record that it came in.
func (st *upstreamState) parseFastCGICached(r *Request, head []byte) (complete bool, err error) {
	saved := st.fcgi
	st.fcgi = fastcgiState{}
	b, err := st.takeFastCGI(r, []byte(statusLine), head)
	st.fcgi = saved
	if err != nil {
		return false, err
	}
	if _, complete, err = st.parser.Parse(b); err != nil || !complete {
		return false, err
	}
	return st.fastcgiStatus(r), nil
}

// fastcgiRecord puts a header into a record, as nginx keeps it in a cache
// file.
func fastcgiRecord(head []byte) []byte {
	b, _ := fastcgi.AppendHeader(make([]byte, 0, len(head)+8), fastcgi.Stdout, len(head))
	b[6] = 0
	return append(b, head...)
}
