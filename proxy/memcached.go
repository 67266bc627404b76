package proxy

import (
	"bytes"
	"errors"
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// memcachedConf is memcached_pass of a location; the peers, their timeouts
// and their tries are those of the upstream engine.
type memcachedConf struct {
	proxyConf
	to       value // with variables
	gzipFlag int
	memc     *memcConf // nil: memcached_pass
}

// memcachedEnd follows the value.
const memcachedEnd = "\r\nEND\r\n"

// compileMemcached compiles memcached_pass.
//
// See: https://nginx.org/en/docs/http/ngx_http_memcached_module.html
func compileMemcached(c *compiler, loc *location, l *nginxconf.Location) error {
	k := l.Loc.Misc
	if k.MemcachedPass.V == nil {
		return nil
	}
	m := &memcachedConf{gzipFlag: k.MemcachedGzipFlag.V}
	p := &m.proxyConf
	p.connectTimeout, p.sendTimeout, p.readTimeout = k.MemcachedConnectTimeout.V, k.MemcachedSendTimeout.V, k.MemcachedReadTimeout.V
	p.bufferSize = int(k.MemcachedBufferSize.V)
	p.next, p.nextTries, p.nextTimeout = k.MemcachedNextUpstream.V, k.MemcachedNextUpstreamTries.V, k.MemcachedNextUpstreamTimeout.V
	p.socketKeepalive = k.MemcachedSocketKeepalive.V
	p.vars.schema = "memcached://"
	var err error
	if p.bind, err = c.valuePtr(k.MemcachedBind.V, k.MemcachedBind.Pos); err != nil {
		return err
	}
	if k.MemcachedUpstream != nil {
		if p.group = c.rt.groupOf[k.MemcachedUpstream]; p.group == nil {
			return errAt(k.MemcachedPass.Pos, "no upstream for \"%s\"", k.MemcachedPass.V.Text)
		}
	} else if m.to, err = c.value(*k.MemcachedPass.V, k.MemcachedPass.Pos); err != nil {
		return err
	}
	loc.handler = m.pass
	return nil
}

// pass is the content handler of memcached_pass.
func (m *memcachedConf) pass(r *Request) rc {
	if r.methodID != http1.MethodGet && r.methodID != http1.MethodHead {
		return 405
	}
	if c := r.discardBody(); c != ok {
		return c
	}
	r.setContentType()
	st := r.upstreamState()
	st.begin(&m.proxyConf)
	st.memcached, st.vars = m, m.vars
	if st.group = m.group; st.group != nil {
		st.host = st.group.Name
	} else if c := m.eval(r, st); c != ok {
		return c
	}
	key, found := r.lookupVar("memcached_key")
	if !found || key == "" {
		r.logf(logError, "the \"$memcached_key\" variable is not set")
		return 500
	}
	b := append(st.head[:0], "get "...)
	b = http1.EscapeURI(b, key, http1.EscapeMemcached)
	st.memcachedKey = string(b[4:])
	st.head = append(b, '\r', '\n')
	st.uri = ""
	return st.run(r)
}

// eval finds the server that memcached_pass with variables names.
func (m *memcachedConf) eval(r *Request, st *upstreamState) rc {
	text := strings.Clone(m.to.eval(r))
	u, problem := parseUpstreamURL(text)
	if problem != "" {
		r.logf(logError, "%s in upstream \"%s\"", problem, text)
		return 500
	}
	st.host = u.host
	if u.unix == "" && u.port == "" && r.rt.groupFor(u.host, "") == nil {
		r.logf(logError, "no port in upstream \"%s\"", u.host)
		return 500
	}
	return st.findGroup(r, u, u.port)
}

// memcachedHead reads the first line of the answer.
//
// See: ngx_http_memcached_process_header.
func (st *upstreamState) memcachedHead(r *Request) (ft, rc) {
	const doing = "reading response header from upstream"
	c, m := st.conn, st.memcached
	c.SetReadTimeout(st.readTimeout)
	c.SetFirstBuffer(m.bufferSize)
	var line []byte
	for {
		if _, err := c.Fill(m.bufferSize); err != nil {
			if errors.Is(err, netconn.ErrBufferFull) {
				r.logf(logError, "upstream sent too big header while %s", doing)
				return nginxconf.NextInvalidHeader, ok
			}
			return st.ioFailed(r, "recv()", err, doing)
		}
		st.gotAny = true
		in := c.Buffered()
		i := bytes.IndexByte(in, '\n')
		if i < 0 {
			continue
		}
		line = in[:i]
		buf := c.Detach(len(in))
		st.held = append(st.held, buf)
		st.rest = buf.Bytes()[i+1:]
		st.headBytes = int64(i + 1)
		break
	}
	t := st.current()
	t.header = st.sinceTry()
	text, isLine := strings.CutSuffix(string(line), "\r")
	invalid := func(what string) (ft, rc) {
		r.logf(logError, "memcached sent invalid %s in response \"%s\" for key \"%s\" while %s", what, text, st.memcachedKey, doing)
		return nginxconf.NextInvalidHeader, ok
	}
	if isLine && text == "END" && (st.memc.cmd == "" || st.memc.cmd == "get") {
		r.logf(logInfo, "key: \"%s\" was not found by memcached while %s", st.memcachedKey, doing)
		t.status, st.left, st.keepalive = 404, 0, len(st.rest) == 0
		return ftNone, ok
	}
	rest, isValue := strings.CutPrefix(text, "VALUE ")
	if cmd := st.memc.cmd; cmd != "" && cmd != "get" {
		return st.memcSimple(r, cmd, isLine)
	}
	if !isLine || !isValue {
		r.logf(logError, "memcached sent invalid response: \"%s\" while %s", text, doing)
		return nginxconf.NextInvalidHeader, ok
	}
	rest, same := strings.CutPrefix(rest, st.memcachedKey)
	if !same {
		return invalid("key")
	}
	fields := strings.SplitN(rest, " ", 3)
	if len(fields) != 3 || fields[0] != "" {
		r.logf(logError, "memcached sent invalid response: \"%s\" while %s", text, doing)
		return nginxconf.NextInvalidHeader, ok
	}
	if m.memc != nil {
		m.memc.flags(r, fields[1])
	}
	if m.gzipFlag != 0 {
		flags, good := http1.ParseContentLength(fields[1])
		if !good {
			return invalid("flags")
		}
		if int(flags)&m.gzipFlag != 0 {
			r.out.headers.AddID(http1.HeaderContentEncoding, "gzip")
		}
	}
	n, good := http1.ParseContentLength(fields[2])
	if !good {
		return invalid("length")
	}
	t.status, st.left = 200, n
	return ftNone, ok
}

// memcachedRespond passes the value on.
//
// See: ngx_http_memcached_filter.
func (st *upstreamState) memcachedRespond(r *Request) (ft, rc) {
	if st.current().status == 404 {
		if st.mayRetry(r, nginxconf.Next404, st.picker.Tries > 1) {
			return nginxconf.Next404, ok
		}
		return ftNone, 404
	}
	r.unconditional = true
	r.out.status, r.out.contentLength = st.current().status, st.left
	if c := r.sendHeader(); c != ok {
		return ftNone, c
	}
	st.headerDone = true
	if r.headerOnly {
		return ftNone, ok
	}
	if st.memc.whole {
		return ftNone, st.memcBody(r)
	}
	return ftNone, st.memcachedBody(r)
}

// memcachedBody passes the bytes of the value on and checks what follows.
func (st *upstreamState) memcachedBody(r *Request) rc {
	end := memcachedEnd
	buf := netconn.NewBuffer(16 << 10)
	defer buf.Release()
	in := st.rest
	for {
		if n := min(st.left, int64(len(in))); n > 0 {
			if c := r.output(in[:n], 0); c != ok {
				return c
			}
			st.left -= n
			in = in[n:]
		}
		if st.left == 0 {
			n := min(len(end), len(in))
			if string(in[:n]) != end[:n] || len(in) > len(end) {
				r.logf(logError, "memcached sent invalid trailer while reading upstream")
				// The value itself is whole.
				return r.output(nil, last)
			}
			if end = end[n:]; end == "" {
				st.keepalive = true
				st.unwatch()
				st.endTry(r)
				return r.output(nil, last)
			}
		}
		n, err := st.conn.Read(buf.Free())
		if n == 0 {
			if c, failure := st.ioFailed(r, "recv()", err, "reading upstream"); c == ftNone {
				return failure
			}
			return st.bodyFailed(r, nil)
		}
		in = buf.Free()[:n]
	}
}
