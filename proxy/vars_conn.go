package proxy

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"huidu/proxy/http1"
)

func timeNow() time.Time { return time.Now() }

func clockISO8601() string { return dates.At(time.Now()).ISO }
func clockLocal() string   { return dates.At(time.Now()).Log }

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

func formatHTTPTime(unix int64) string { return string(http1.AppendDate(nil, time.Unix(unix, 0))) }

// clientAddr is $remote_addr: the peer's address, or what realip found.
func (r *Request) clientAddr() string {
	m := r.main
	if m.realAddrTxt != "" {
		return m.realAddrTxt
	}
	if m.conn == nil {
		return ""
	}
	return m.conn.nc.RemoteText()
}

// connAddr is the peer's address whatever realip found.
func (r *Request) connAddr() string {
	if c := r.main.conn; c != nil {
		return c.nc.RemoteText()
	}
	return ""
}

func (r *Request) clientPort() string {
	m := r.main
	if m.realAddrTxt != "" {
		if p := m.realAddr.Port(); p != 0 {
			return strconv.Itoa(int(p))
		}
		return ""
	}
	return r.connPort()
}

func (r *Request) connPort() string {
	c := r.main.conn
	if c == nil || !c.nc.Remote().IsValid() {
		return ""
	}
	return strconv.Itoa(int(c.nc.Remote().Port()))
}

// binaryClientAddr is $binary_remote_addr: 4 or 16 bytes.
func (r *Request) binaryClientAddr() string {
	m := r.main
	a := m.realAddr.Addr()
	if m.realAddrTxt == "" {
		if m.conn == nil {
			return ""
		}
		a = m.conn.nc.Remote().Addr()
	}
	switch {
	case a.Is4():
		b := a.As4()
		return string(b[:])
	case a.Is6():
		b := a.As16()
		return string(b[:])
	}
	return r.clientAddr()
}

func (r *Request) localAddr() string {
	if c := r.main.conn; c != nil {
		return c.nc.LocalText()
	}
	return ""
}

func (r *Request) localPort() string {
	c := r.main.conn
	if c == nil || !c.nc.Local().IsValid() {
		return ""
	}
	return strconv.Itoa(int(c.nc.Local().Port()))
}

func (r *Request) connSerial() string {
	if c := r.main.conn; c != nil {
		return strconv.FormatUint(c.nc.Number, 10)
	}
	return "0"
}

func (r *Request) connRequests() string {
	if c := r.main.conn; c != nil {
		return strconv.Itoa(c.nc.Requests)
	}
	return "0"
}

func (r *Request) connTime() string {
	if c := r.main.conn; c != nil {
		return formatSeconds(time.Since(c.nc.Created))
	}
	return "0.000"
}

// complete is $request_completion.
func (r *Request) complete() bool { return r.ended && !r.outFailed }

// requestLength is $request_length: line, header and body as received.
func (r *Request) requestLength() int64 {
	if r.isH2() {
		return int64(r.main.conn.h2.headBytes) + r.body.received()
	}
	return int64(len(r.head.RawHead)) + r.body.received()
}

// bodyBytes is $body_bytes_sent: what was written behind the header.
func (r *Request) bodyBytes() int64 {
	if r.conn == nil {
		return 0
	}
	return max(r.bytesSent-int64(r.conn.w.headLen), 0)
}

// received counts the body's bytes read from the wire.
func (b *requestBody) received() int64 {
	if b.framing.Kind == http1.FramingLength {
		return b.framing.Length - b.left
	}
	return b.size
}

// basicAuth is what "Authorization: Basic" carries.
func (r *Request) basicAuth() (user, password string, found bool) {
	v, has := r.headers.Get(http1.HeaderAuthorization)
	if !has || len(v) < 6 || !http1.EqualFold(v[:6], "Basic ") {
		return "", "", false
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(v[6:]))
	if err != nil {
		return "", "", false
	}
	user, password, found = strings.Cut(string(text), ":")
	return user, password, found
}

// varRequestID is $request_id: 16 random bytes, once per request.
func varRequestID(r *Request) (string, bool) {
	m := r.main
	if m.requestID == "" {
		var b [16]byte
		rand.Read(b[:])
		m.requestID = hex.EncodeToString(b[:])
	}
	return m.requestID, true
}

func varRealpathRoot(r *Request) (string, bool) {
	p, err := filepath.EvalSymlinks(r.docRoot())
	if err != nil {
		r.logf(logCrit, "realpath() %q failed (%s)", r.docRoot(), errnoText(err))
		return "", false
	}
	return p, true
}

// varRequestBody is $request_body: the body when it is in memory.
func varRequestBody(r *Request) (string, bool) {
	b := &r.body
	if len(b.memory) == 0 {
		return "", false
	}
	return string(b.memory), true
}

// docRoot is $document_root: root or alias with its variables.
func (r *Request) docRoot() string {
	if a := r.loc.alias; a != nil {
		return r.rt.fullPath(a.eval(r))
	}
	return r.rt.fullPath(r.loc.root.eval(r))
}

// fullPath resolves a path against the prefix.
func (rt *Router) fullPath(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return rt.cfg.Prefix + p
}

// setContentType sets the type that belongs to the URI's extension.
//
// See: ngx_http_set_content_type.
func (r *Request) setContentType() {
	if r.out.contentType != "" {
		return
	}
	if r.exten != "" {
		if t, found := r.loc.types[r.exten]; found {
			r.out.setType(t)
			return
		}
		if t, found := r.loc.types[strings.ToLower(r.exten)]; found {
			r.out.setType(t)
			return
		}
	}
	r.out.setType(r.loc.defaultType)
}

// tempFile makes a file for a body that does not fit into memory.
func (rt *Router) tempFile(dir, fallback string) (*os.File, error) {
	if dir == "" {
		dir = rt.fullPath(fallback)
	}
	f, err := os.CreateTemp(dir, "0*")
	if os.IsNotExist(err) {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			f, err = os.CreateTemp(dir, "0*")
		}
	}
	return f, err
}
