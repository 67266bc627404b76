package proxy

import (
	"errors"
	"strconv"
	"strings"

	"huidu/luacompat"
	"huidu/proxy/http1"
)

var (
	errOutput = errors.New("nginx output filter error")
	errHeader = errors.New("nginx header filter error")
)

// Status is ngx.status.
func (q *luaRequest) Status() int {
	r := q.r
	if r.errStatus != 0 && !r.headerSent && r.out.status == 0 {
		return r.errStatus
	}
	return r.out.status
}

func (q *luaRequest) SetStatus(s int) {
	r := q.r
	r.out.status, r.out.statusLine = s, ""
	r.errStatus = 0
}

func (q *luaRequest) HeaderSent() bool { return q.r.headerSent || len(q.r.luaHeld) > 0 }

// RespHeaders is ngx.resp.get_headers: the built-in headers, then the list.
func (q *luaRequest) RespHeaders() []luacompat.Header {
	r := q.r
	o := &r.out
	var out []luacompat.Header
	for i := range o.headers {
		out = append(out, luacompat.Header{Key: r.own(o.headers[i].Key), Value: r.own(o.headers[i].Value)})
	}
	if o.contentType != "" {
		out = append(out, luacompat.Header{Key: "Content-Type", Value: o.fullType()})
	}
	if o.contentLength >= 0 && !o.headers.Has(http1.HeaderContentLength) {
		out = append(out, luacompat.Header{Key: "Content-Length", Value: formatInt(o.contentLength)})
	}
	if r.keepalive {
		out = append(out, luacompat.Header{Key: "Connection", Value: "keep-alive"})
	} else {
		out = append(out, luacompat.Header{Key: "Connection", Value: "close"})
	}
	if o.chunked {
		out = append(out, luacompat.Header{Key: "Transfer-Encoding", Value: "chunked"})
	}
	return out
}

// RespHeader is ngx.header[name].
func (q *luaRequest) RespHeader(name string) []string {
	r := q.r
	o := &r.out
	switch http1.LookupHeader(name) {
	case http1.HeaderContentType:
		if o.contentType == "" {
			return nil
		}
		return []string{o.fullType()}
	case http1.HeaderContentLength:
		if o.contentLength >= 0 {
			return []string{formatInt(o.contentLength)}
		}
	case http1.HeaderLastModified:
		if o.lastModified >= 0 && !o.headers.Has(http1.HeaderLastModified) {
			return []string{formatHTTPTime(o.lastModified)}
		}
	case http1.HeaderLocation:
		if o.location != "" {
			return []string{o.location}
		}
	}
	var out []string
	for i := range o.headers {
		if h := &o.headers[i]; http1.EqualFold(h.Key, name) {
			out = append(out, r.own(h.Value))
		}
	}
	return out
}

// SetRespHeader is ngx.header[name] = values.
//
// See: https://github.com/openresty/lua-nginx-module#ngxheaderheader
func (q *luaRequest) SetRespHeader(name string, values []string) error {
	r := q.r
	o := &r.out
	if len(values) == 1 && values[0] == "" {
		values = nil
	}
	first := ""
	if len(values) > 0 {
		first = values[0]
	}
	switch http1.LookupHeader(name) {
	case http1.HeaderContentType:
		r.luaTypeCleared = len(values) == 0
		if n := len(values); n > 0 {
			first = values[n-1] // the last of several wins
		}
		o.setType(first)
		if first != "" {
			o.parseCharset()
		}
		return nil
	case http1.HeaderContentLength:
		o.headers.DelID(http1.HeaderContentLength)
		o.contentLength = -1
		if first == "" {
			return nil
		}
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil || n < 0 {
			return errors.New("failed to set header content-length (error: -1)")
		}
		o.contentLength = n
		return nil
	case http1.HeaderLastModified:
		o.lastModified = -1
		o.headers.DelID(http1.HeaderLastModified)
		if t, valid := parseHTTPTime(first); valid {
			o.lastModified = t
		}
		if first == "" {
			return nil
		}
	case http1.HeaderLocation:
		o.location = ""
	case http1.HeaderConnection, http1.HeaderTransferEncoding:
		return nil // nginx writes its own
	}
	if len(values) == 0 {
		o.headers.Del(name)
		return nil
	}
	o.headers.Set(name, first)
	for _, v := range values[1:] {
		o.headers.Add(name, v)
	}
	return nil
}

func (q *luaRequest) AddRespHeader(name, value string) error {
	switch http1.LookupHeader(name) {
	case http1.HeaderContentType, http1.HeaderContentLength, http1.HeaderLastModified:
		return q.SetRespHeader(name, []string{value})
	}
	q.r.out.headers.Add(name, value)
	return nil
}

// SendHeader is ngx.send_headers.
func (q *luaRequest) SendHeader() error {
	r := q.r
	if r.headerSent {
		return nil
	}
	if r.out.status == 0 {
		r.out.status = 200
		if r.errStatus != 0 {
			r.out.status = r.errStatus
		}
	}
	r.luaContentType()
	if c := r.sendHeader(); c != ok {
		return errHeader
	}
	return nil
}

// Write is the way of ngx.print: header first, then body filters.
func (q *luaRequest) Write(p []byte) error {
	if q.r.luaBuffers() {
		q.r.luaHeld = append(q.r.luaHeld, p...)
		return nil
	}
	if err := q.SendHeader(); err != nil {
		return err
	}
	if len(p) == 0 || q.r.headerOnly {
		return nil
	}
	if c := q.r.output(p, 0); c != ok {
		return errOutput
	}
	return nil
}

// WriteQuick takes p when that is only a copy: no filter, no system call.
func (q *luaRequest) WriteQuick(p []byte) bool {
	r := q.r
	if r.luaBuffers() {
		r.luaHeld = append(r.luaHeld, p...)
		return true
	}
	if r != r.main || r.conn == nil || r.conn.h2 != nil || r.outFailed || len(r.loc.headerFilters) > 0 || r.headerOnly {
		return false
	}
	if !r.headerSent {
		if r.methodID == http1.MethodHead || len(p) > 1024 {
			return false
		}
		if q.SendHeader() != nil {
			return false
		}
		if r.headerOnly {
			return true
		}
	}
	if len(r.stages) > 0 || r.ended || r.conn.w.pendingLen()+len(p)+32 >= postponeOutput {
		return false
	}
	return r.output(p, 0) == ok
}

// Flush is ngx.flush.
func (q *luaRequest) Flush(bool) error {
	if q.r.luaBuffers() {
		q.Log(int(logDebug), "lua http 1.0 buffering makes ngx.flush() a no-op")
		return nil
	}
	if err := q.SendHeader(); err != nil {
		return err
	}
	if c := q.r.output(nil, flush); c != ok {
		return errOutput
	}
	return nil
}

// EOF is ngx.eof.
func (q *luaRequest) EOF() error {
	held := q.r.luaRelease()
	if err := q.SendHeader(); err != nil {
		return err
	}
	if q.r.ended {
		return nil
	}
	if c := q.r.output(held, last); c != ok {
		return errOutput
	}
	return nil
}

// luaBuffers tells whether what a script says is held until its end: a client
// that speaks HTTP/1.0 needs a Content-Length to keep its connection.
//
// See: https://github.com/openresty/lua-nginx-module#lua_http10_buffering
func (r *Request) luaBuffers() bool {
	return r.head.Version == 1000 && r == r.main && !r.headerSent && !r.ended && r.loc.lua != nil &&
		r.loc.lua.HTTP10Buffering && r.out.contentLength < 0
}

// luaRelease gives back what was held and sets its length.
func (r *Request) luaRelease() []byte {
	if !r.luaBuffers() {
		return nil
	}
	held := r.luaHeld
	r.luaHeld = nil
	r.out.contentLength = int64(len(held))
	return held
}

func (q *luaRequest) EOFSent() bool { return q.r.ended }

// HeadOnly: a 101 has no body of HTTP's, but the script goes on with the socket.
func (q *luaRequest) HeadOnly() bool {
	return q.r.headerOnly && q.r.out.status != 101 || q.r.methodID == http1.MethodHead
}

// BodyChunk is ngx.arg in body_filter_by_lua.
func (q *luaRequest) BodyChunk() ([]byte, bool) {
	if s := q.r.bodyStageLua; s != nil {
		return s.chunk, s.isLast
	}
	return nil, false
}

func (q *luaRequest) SetBodyChunk(data []byte, isLast bool) {
	if s := q.r.bodyStageLua; s != nil {
		s.chunk, s.isLast = data, isLast
	}
}

// fullType is the Content-Type line's value.
func (h *respHead) fullType() string {
	if h.charset == "" || !h.typeOnly() {
		return h.contentType
	}
	return string(h.appendType(nil))
}

func (h *respHead) typeOnly() bool { return h.ctLen == 0 || h.ctLen == len(h.contentType) }

// appendType appends the Content-Type line's value.
func (h *respHead) appendType(b []byte) []byte {
	b = append(b, h.contentType...)
	if h.charset != "" && h.typeOnly() {
		b = append(b, "; charset="...)
		b = append(b, h.charset...)
	}
	return b
}

// parseCharset splits a charset parameter off the content type, as filters
// expect it.
func (h *respHead) parseCharset() {
	t := h.contentType
	for i := 0; i < len(t); i++ {
		if t[i] != ';' {
			continue
		}
		rest := strings.TrimLeft(t[i+1:], " ")
		if len(rest) < 8 || !http1.EqualFold(rest[:8], "charset=") {
			continue
		}
		h.ctLen = i
		for h.ctLen > 0 && t[h.ctLen-1] == ' ' {
			h.ctLen--
		}
		h.charset = strings.Trim(rest[8:], "\"")
		return
	}
}
