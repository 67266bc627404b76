package proxy

import (
	"errors"
	"strings"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// readHead reads the response's header.
//
// See: ngx_http_upstream_process_header.
func (st *upstreamState) readHead(r *Request) (ft, rc) {
	const doing = "reading response header from upstream"
	c, p := st.conn, st.conf
	c.SetReadTimeout(st.readTimeout)
	c.SetFirstBuffer(p.bufferSize)
	st.parser.Reset()
	interim := 0 // informational heads count with the final one, as in nginx's one buffer
	for {
		if _, err := c.Fill(p.bufferSize - interim); err != nil {
			if errors.Is(err, netconn.ErrBufferFull) {
				r.logf(logError, "upstream sent too big header while %s", doing)
				return nginxconf.NextInvalidHeader, ok
			}
			if why, c, failed := st.senderFailed(r); failed && !st.gone.Load() {
				return why, c
			}
			return st.ioFailed(r, "recv()", err, doing)
		}
		st.gotAny = true
	again:
		n, complete, err := st.parser.Parse(c.Buffered())
		if err != nil {
			r.logf(logError, "%s while %s", err.Error(), doing)
			return nginxconf.NextInvalidHeader, ok
		}
		if !complete {
			continue
		}
		h := &st.parser.Head
		if h.Status/100 == 1 && h.Status != 101 && !h.HTTP09 {
			if h.Status == 103 {
				st.passEarlyHints(r)
			}
			c.Consume(n)
			st.parser.Reset()
			if interim += n; interim >= p.bufferSize {
				r.logf(logError, "upstream sent too big header while %s", doing)
				return nginxconf.NextInvalidHeader, ok
			}
			if len(c.Buffered()) > 0 {
				goto again
			}
			continue
		}
		if h.Status == 101 && !r.head.Headers.Has(http1.HeaderUpgrade) {
			r.logf(logError, "upstream sent unexpected status 101 while %s", doing)
			return nginxconf.NextInvalidHeader, ok
		}
		st.headBytes = c.Received() - st.received0 - int64(len(c.Buffered())-n)
		buf := c.Detach(len(c.Buffered()))
		if buf != nil {
			st.held = append(st.held, buf)
			st.rest = buf.Bytes()[n:]
			st.rawHead = buf.Bytes()[:n]
		}
		break
	}
	h := &st.parser.Head
	t := st.current()
	t.header = st.sinceTry()
	if h.HTTP09 {
		r.logf(logError, "%s while %s", http1.NoValidHeader, doing)
		t.status = 200
	} else if t.status == 0 {
		t.status = h.Status
	}
	for _, w := range h.Warnings {
		r.logf(logWarn, "%s while %s", w, doing)
	}
	st.frame(r)
	return ftNone, ok
}

// frame finds out how the body ends and whether the connection can be kept.
//
// See: ngx_http_proxy_process_header, ngx_http_proxy_input_filter_init.
func (st *upstreamState) frame(r *Request) {
	h := &st.parser.Head
	st.framing = h.Framing(st.headReq)
	st.chunks = http1.Chunked{BareLF: true}
	st.keepalive, st.left = false, -1
	switch st.framing.Kind {
	case http1.FramingNone:
		st.left = 0
	case http1.FramingLength:
		st.left = st.framing.Length
	}
	if st.left == 0 {
		st.keepalive = !h.ConnectionClose()
	}
	if h.Status == 101 {
		st.keepalive = false
		st.upgrade = r.head.Headers.Has(http1.HeaderUpgrade)
	}
}

// nextStatuses are the statuses that proxy_next_upstream knows.
func nextStatus(status int) ft {
	switch status {
	case 500:
		return nginxconf.Next500
	case 502:
		return nginxconf.Next502
	case 503:
		return nginxconf.Next503
	case 504:
		return nginxconf.Next504
	case 403:
		return nginxconf.Next403
	case 404:
		return nginxconf.Next404
	case 429:
		return nginxconf.Next429
	}
	return ftNone
}

// respond takes the response over: passes it on, or says that the next
// upstream is to be tried.
func (st *upstreamState) respond(r *Request) (ft, rc) {
	h := &st.parser.Head
	st.cacheControl(r)
	if h.Status >= 300 {
		if why := nextStatus(h.Status); why != ftNone {
			if st.mayRetry(r, why, st.picker.Tries > 1) {
				return why, ok
			}
			if st.mayUseStale(r, why) {
				return ftNone, st.sendStale(r, cacheStale)
			}
		}
		if h.Status == 304 && st.caching.status == cacheExpired && st.conf.cache.revalidate {
			return ftNone, st.revalidated(r)
		}
		if c := st.interceptErrors(r); c != ok {
			return ftNone, c
		}
	}
	if s := st.group.Sticky; s != nil && s.Learns() && s.Header {
		st.learnStickyNow(r)
	}
	if again, c := st.takeHeaders(r); again || c != ok {
		return ftNone, c
	}
	return ftNone, st.sendResponse(r)
}

// takeHeaders makes the response's header of the upstream's, or redirects as
// that says.
//
// See: ngx_http_upstream_process_headers.
func (st *upstreamState) takeHeaders(r *Request) (redirected bool, c rc) {
	st.caching.decide()
	if to, found := st.parser.Head.Headers.Get(http1.HeaderXAccelRedirect); found && !st.conf.ignore[http1.HeaderXAccelRedirect] {
		return true, st.accelRedirect(r, to)
	}
	r.unconditional = !st.caching.cacheable
	return false, st.copyHeaders(r)
}

// interceptErrors answers with error_page instead of the upstream's error.
//
// See: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_intercept_errors
func (st *upstreamState) interceptErrors(r *Request) rc {
	if !st.conf.intercept {
		return ok
	}
	h := &st.parser.Head
	for i := range r.loc.errorPages {
		if !r.loc.errorPages[i].has(h.Status) {
			continue
		}
		if h.Status == 401 {
			for _, f := range h.Headers {
				if f.ID == http1.HeaderWWWAuthenticate {
					r.out.headers = append(r.out.headers, f)
				}
			}
		}
		st.cacheError(h.Status)
		return rc(h.Status)
	}
	return ok
}

// copyHeaders makes the upstream's header the response's.
//
// See: ngx_http_upstream_process_headers, ngx_http_upstream_headers_in.
func (st *upstreamState) copyHeaders(r *Request) rc {
	p, h, o := st.conf, &st.parser.Head, &r.out
	o.contentLength = -1
	if h.HTTP09 {
		r.head.Version = 9 // what follows is passed on without a header
		return ok
	}
	for i := range h.Headers {
		f := &h.Headers[i]
		if f.Flags&http1.HeaderIgnored != 0 {
			continue
		}
		st.accelHeader(r, f)
		if p.hide.has(f) {
			continue
		}
		if f.ID == http1.HeaderOther {
			o.headers = append(o.headers, *f)
			continue
		}
		switch f.ID {
		case http1.HeaderContentLength, http1.HeaderTransferEncoding, http1.HeaderConnection, http1.HeaderKeepAlive:
		case http1.HeaderContentType:
			st.copyContentType(r, f.Value)
		case http1.HeaderLastModified:
			o.headers = append(o.headers, *f)
			if t, good := parseHTTPTime(f.Value); good {
				o.lastModified = t
			}
		case http1.HeaderLocation:
			st.copyLocation(r, f)
		case http1.HeaderRefresh:
			st.copyRefresh(r, f)
		case http1.HeaderSetCookie:
			line := *f
			if p.cookies != nil {
				line.Value = p.cookies.rewrite(r, f.Value)
			}
			o.headers = append(o.headers, line)
		case http1.HeaderAcceptRanges:
			switch {
			case p.forceRanges:
			case st.caching.cacheable || st.caching.serving:
				o.acceptRanges, r.singleRange = true, !st.caching.serving
			default:
				o.headers = append(o.headers, *f)
			}
		default:
			o.headers = append(o.headers, *f)
		}
	}
	o.status, o.statusLine = h.Status, h.StatusLine
	if st.framing.Kind == http1.FramingLength {
		o.contentLength = st.framing.Length
	} else if v, found := h.Headers.Get(http1.HeaderContentLength); found {
		// HEAD and 304 keep the length of the body that is not sent.
		if n, good := http1.ParseContentLength(v); good {
			o.contentLength = n
		}
	}
	if p.forceRanges {
		o.acceptRanges, r.singleRange = true, !st.caching.serving
	}
	return ok
}

// accelHeader obeys the X-Accel-* fields that steer the gateway itself.
func (st *upstreamState) accelHeader(r *Request, f *http1.Header) {
	switch f.ID {
	case http1.HeaderXAccelLimitRate, http1.HeaderXAccelBuffering, http1.HeaderXAccelCharset:
	default:
		return
	}
	if st.conf.ignore[f.ID] {
		return
	}
	switch f.ID {
	case http1.HeaderXAccelLimitRate:
		if n, good := http1.ParseContentLength(f.Value); good {
			r.limitRate, r.limitSet = n, true
		}
	case http1.HeaderXAccelBuffering:
		switch {
		case http1.EqualFold(f.Value, "no"):
			st.buffering = false
		case http1.EqualFold(f.Value, "yes"):
			st.buffering = true
		}
	case http1.HeaderXAccelCharset:
		r.out.override = f.Value
	}
}

// copyContentType sets the type and notes where its charset parameter is.
//
// See: ngx_http_upstream_copy_content_type.
func (st *upstreamState) copyContentType(r *Request, v string) {
	r.out.setType(v)
	for i := 0; i < len(v); i++ {
		if v[i] != ';' {
			continue
		}
		end := i
		for i++; i < len(v) && v[i] == ' '; i++ {
		}
		if len(v)-i < 8 || !http1.EqualFold(v[i:i+8], "charset=") {
			i--
			continue
		}
		r.out.ctLen = end
		cs := strings.TrimPrefix(v[i+8:], "\"")
		r.out.charset = strings.TrimSuffix(cs, "\"")
		return
	}
}

// parseHTTPTime reads a date in one of the three formats of HTTP.
func parseHTTPTime(v string) (int64, bool) {
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.Unix(), true
		}
	}
	return 0, false
}

// redirectHeaders are passed on along an X-Accel-Redirect.
var redirectHeaders = [headerIDs]bool{http1.HeaderContentType: true, http1.HeaderSetCookie: true,
	http1.HeaderContentDisposition: true, http1.HeaderCacheControl: true, http1.HeaderExpires: true, http1.HeaderAcceptRanges: true}

// accelRedirect serves X-Accel-Redirect: the upstream's response is dropped
// and another location makes one.
//
// See: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ignore_headers
func (st *upstreamState) accelRedirect(r *Request, to string) rc {
	h := &st.parser.Head
	for i := range h.Headers {
		f := &h.Headers[i]
		if f.ID == http1.HeaderOther || !redirectHeaders[f.ID] || f.Flags&http1.HeaderIgnored != 0 {
			st.accelHeader(r, f)
			continue
		}
		if f.ID == http1.HeaderContentType {
			st.copyContentType(r, f.Value)
			continue
		}
		line := *f
		if f.ID == http1.HeaderSetCookie && st.conf.cookies != nil {
			line.Value = st.conf.cookies.rewrite(r, f.Value)
		}
		r.out.headers = append(r.out.headers, line)
	}
	st.unwatch()
	st.endTry(r)
	if strings.HasPrefix(to, "@") {
		return r.namedLocation(to)
	}
	uri, args, safe := r.unsafeURI(to)
	if !safe {
		return 404
	}
	if r.methodID != http1.MethodHead {
		r.method, r.methodID = "GET", http1.MethodGet
	}
	return r.internalRedirect(uri, args)
}

// unsafeURI parses a URI that an upstream or a script gave.
//
// See: ngx_http_parse_unsafe_uri.
func (r *Request) unsafeURI(text string) (uri, args string, safe bool) {
	bad := func() (string, string, bool) {
		r.logf(logError, "unsafe URI \"%s\" was detected", text)
		return "", "", false
	}
	if text == "" || text[0] == '?' {
		return bad()
	}
	path := text
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, args = path[:i], path[i+1:]
	}
	if strings.IndexByte(path, '%') >= 0 {
		path = string(http1.UnescapeURI(nil, path, http1.UnescapeURIComponent))
	}
	if strings.IndexByte(path, 0) >= 0 || path == ".." || strings.HasPrefix(path, "../") ||
		strings.HasSuffix(path, "/..") || strings.Contains(path, "/../") {
		return bad()
	}
	return strings.Clone(path), strings.Clone(args), true
}

// passEarlyHints passes a 103 response on, where early_hints says so.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#early_hints
func (st *upstreamState) passEarlyHints(r *Request) {
	if len(st.conf.earlyHints) == 0 || r != r.main || r.conn == nil || r.headerSent || r.head.Version < 1001 {
		return
	}
	wanted := false
	for i := range st.conf.earlyHints {
		if v := st.conf.earlyHints[i].eval(r); v != "" && v != "0" {
			wanted = true
		}
	}
	if !wanted {
		return
	}
	if r.conn.h2 != nil {
		r.conn.h2.earlyHints(st.parser.Head.Headers, st.conf.hide.has)
		return
	}
	b := http1.AppendStatusLine(nil, 103)
	for i := range st.parser.Head.Headers {
		f := &st.parser.Head.Headers[i]
		if !st.conf.hide.has(f) {
			b = http1.AppendHeader(b, f.Key, f.Value)
		}
	}
	b = append(b, '\r', '\n')
	r.conn.nc.SetWriteTimeout(r.loc.sendTimeout)
	r.conn.nc.Write(b)
}
