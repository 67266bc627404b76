package proxy

import (
	"io"
	"os"
	"strings"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/proxy/fastcgi"
	"huidu/proxy/http1"
	"huidu/proxy/netconn"
)

// fastcgiConf is fastcgi_pass of a location; what it has in common with
// proxy_pass is proxyConf.
type fastcgiConf struct {
	proxyConf
	params      []fastcgiParam
	cacheParams []fastcgiParam // for a request whose response is to be cached
	names       map[string]bool
	cacheNames  map[string]bool // HTTP_* that are set: the client's header is not passed
	index       string
	split       *pcre.Regex
	keepConn    bool
	catch       []string
}

type fastcgiParam struct {
	name       string
	value      value
	kind       sentHeaderKind
	ifNotEmpty bool
}

// fastcgiHideHeaders are not passed on unless fastcgi_pass_header says so.
var fastcgiHideHeaders = []string{"Status", "X-Accel-Expires", "X-Accel-Redirect", "X-Accel-Limit-Rate", "X-Accel-Buffering", "X-Accel-Charset"}

// fastcgiCacheParams are what a request asks with whose response is to be
// cached.
//
// See: ngx_http_fastcgi_cache_headers.
var fastcgiCacheParams = []struct {
	name string
	kind sentHeaderKind
	drop bool
}{
	{"HTTP_IF_MODIFIED_SINCE", headerCacheModified, false}, {"HTTP_IF_UNMODIFIED_SINCE", 0, true},
	{"HTTP_IF_NONE_MATCH", headerCacheETag, false}, {"HTTP_IF_MATCH", 0, true}, {"HTTP_RANGE", 0, true}, {"HTTP_IF_RANGE", 0, true},
}

// compileFastCGI compiles fastcgi_pass of a location and makes it the handler.
//
// See: https://nginx.org/en/docs/http/ngx_http_fastcgi_module.html
func compileFastCGI(c *compiler, loc *location, l *nginxconf.Location) error {
	pc := l.Loc.FastCGI
	if pc.Pass == nil {
		return nil
	}
	f := &fastcgiConf{index: pc.FastCGI.Index.V, keepConn: pc.FastCGI.KeepConn.V, catch: pc.FastCGI.CatchStderr.V}
	p := &f.proxyConf
	p.fastcgi, p.http11 = f, true
	p.compileCommon(pc, loc)
	p.vars = proxyVars{schema: "fastcgi://"}
	var err error
	if pc.Pass.HasVars {
		p.url, err = c.value(pc.Pass.URL, pc.Pass.Pos)
	} else if p.group = c.rt.groupOf[pc.Pass.Upstream]; p.group == nil {
		err = errAt(pc.Pass.Pos, "no upstream for \"%s\"", pc.Pass.URL.Text)
	}
	if err != nil {
		return err
	}
	if err := p.compileCache(c, pc, "fastcgi_temp"); err != nil {
		return err
	}
	if err := p.compileValues(c, pc, l); err != nil {
		return err
	}
	p.compileHidden(pc, fastcgiHideHeaders)
	if re := pc.FastCGI.SplitPath.V; re != nil {
		if f.split, err = c.regex(re); err != nil {
			return err
		}
	}
	if err := f.compileParams(c, pc.FastCGI.Params.V); err != nil {
		return err
	}
	loc.autoRedirect = slashRedirect(loc, l)
	loc.fastcgi = f
	loc.handler = fastcgiPass
	return nil
}

func (f *fastcgiConf) compileParams(c *compiler, list []nginxconf.FastCGIParam) error {
	f.names, f.cacheNames = map[string]bool{}, map[string]bool{}
	for _, p := range list {
		v, err := c.value(p.Value, p.Pos)
		if err != nil {
			return err
		}
		if name, isHeader := strings.CutPrefix(p.Name, "HTTP_"); isHeader && name != "" {
			f.names[strings.ToLower(name)] = true
			if p.Value.Text == "" {
				continue
			}
		}
		f.params = append(f.params, fastcgiParam{name: p.Name, value: v, ifNotEmpty: p.IfNotEmpty})
	}
	f.cacheParams = append([]fastcgiParam(nil), f.params...)
	for n := range f.names {
		f.cacheNames[n] = true
	}
	for _, p := range fastcgiCacheParams {
		name := strings.ToLower(strings.TrimPrefix(p.name, "HTTP_"))
		if f.cacheNames[name] {
			continue
		}
		f.cacheNames[name] = true
		if !p.drop {
			f.cacheParams = append(f.cacheParams, fastcgiParam{name: p.name, kind: p.kind, ifNotEmpty: true})
		}
	}
	return nil
}

// fastcgiPass is the content handler of fastcgi_pass.
//
// See: ngx_http_fastcgi_handler.
func fastcgiPass(r *Request) rc {
	f := r.loc.fastcgi
	p := &f.proxyConf
	st := r.upstreamState()
	st.begin(p)
	st.vars, st.group = p.vars, p.group
	if st.group != nil {
		st.host = st.group.Name
	} else if c := f.eval(r, st); c != ok {
		return c
	}
	st.buffering = p.buffering
	if c := st.prepareBody(r); c != ok {
		return c
	}
	if p.cache != nil {
		if c, answered := st.askCache(r); answered {
			st.endCache(c)
			return c
		}
	}
	if c := f.createRequest(r, st); c != ok {
		st.endCache(c)
		return c
	}
	return st.run(r)
}

// eval finds the server that fastcgi_pass with variables names.
//
// See: ngx_http_fastcgi_eval.
func (f *fastcgiConf) eval(r *Request, st *upstreamState) rc {
	text := strings.Clone(f.url.eval(r))
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

// createRequest lays out the records of a request. A small body in memory
// follows at once.
//
// See: ngx_http_fastcgi_create_request.
func (f *fastcgiConf) createRequest(r *Request, st *upstreamState) rc {
	params, names := f.params, f.names
	if st.caching.cacheable {
		params, names = f.cacheParams, f.cacheNames
	}
	body := make([]byte, 0, 1024)
	for i := range params {
		p := &params[i]
		v := ""
		switch p.kind {
		case headerCacheModified:
			v = st.caching.lastModified()
		case headerCacheETag:
			v = st.caching.etag()
		default:
			v = p.value.eval(r)
		}
		if v == "" && p.ifNotEmpty {
			continue
		}
		body = fastcgi.AppendLengths(body, len(p.name), len(v))
		body = append(append(body, p.name...), v...)
	}
	if f.passHead {
		body = appendHeaderParams(body, r.headers, names)
	}
	if len(body) > fastcgi.MaxContent {
		r.logf(logAlert, "fastcgi request record is too big: %d", len(body))
		return 500
	}
	b := fastcgi.AppendBegin(st.head[:0], f.keepConn)
	b, padding := fastcgi.AppendHeader(b, fastcgi.Params, len(body))
	b = append(b, body...)
	b = append(b, make([]byte, padding)...)
	b = fastcgi.AppendEmpty(b, fastcgi.Params)
	if st.bodyFrom == bodyMemory && len(st.body) <= inlineBody {
		b = fastcgi.AppendStdin(b, st.body)
		st.bodyFrom = bodyNone
	}
	if st.bodyFrom == bodyNone {
		b = fastcgi.AppendEmpty(b, fastcgi.Stdin)
	}
	st.head, st.uri, st.headReq = b, "", false
	return ok
}

// appendHeaderParams appends the client's headers as HTTP_* parameters, lines
// of one name as one.
func appendHeaderParams(b []byte, headers http1.Headers, names map[string]bool) []byte {
	for i := range headers {
		h := &headers[i]
		name := strings.ReplaceAll(strings.ToLower(h.Key), "-", "_")
		if names[name] || seenBefore(headers, i) {
			continue
		}
		sep := ", "
		if h.ID == http1.HeaderCookie {
			sep = "; "
		}
		v := h.Value
		for j := i + 1; j < len(headers); j++ {
			if sameName(&headers[j], h) {
				v += sep + headers[j].Value
			}
		}
		b = fastcgi.AppendLengths(b, len("HTTP_")+len(name), len(v))
		b = append(b, "HTTP_"...)
		b = append(b, strings.ToUpper(name)...)
		b = append(b, v...)
	}
	return b
}

func sameName(a, b *http1.Header) bool {
	return len(a.Key) == len(b.Key) && http1.EqualFold(a.Key, b.Key)
}

func seenBefore(headers http1.Headers, i int) bool {
	for j := range i {
		if sameName(&headers[j], &headers[i]) {
			return true
		}
	}
	return false
}

// sendFastCGIBody sends a body that did not go with the parameters.
func (s *bodySender) sendFastCGIBody(r *Request, c *netconn.Conn, from bodySource, body []byte, file *os.File, size int64) {
	var room []byte
	put := func(p []byte, end bool) {
		room = fastcgi.AppendStdin(room[:0], p)
		if end {
			room = fastcgi.AppendEmpty(room, fastcgi.Stdin)
		}
		_, s.err = c.Write(room)
	}
	switch from {
	case bodyMemory:
		put(body, true)
	case bodyFile:
		buf := make([]byte, 64<<10)
		for at := int64(0); at < size && s.err == nil; {
			n, err := file.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
			if n == 0 {
				s.err = err
				return
			}
			at += int64(n)
			put(buf[:n], at == size)
		}
	case bodyClient:
		for s.err == nil {
			part, err := r.readPart()
			if err != nil && err != io.EOF {
				s.status = bodyStatus(err)
				return
			}
			put(part, err == io.EOF)
			if err == io.EOF {
				return
			}
		}
	}
}

// fastcgiSplit is $fastcgi_script_name and $fastcgi_path_info.
//
// See: ngx_http_fastcgi_split.
func (r *Request) fastcgiSplit() (script, info string) {
	f := r.loc.fastcgi
	if f == nil || f.split == nil {
		script = r.uri
		if f != nil && strings.HasSuffix(script, "/") {
			script += f.index
		}
		return script, ""
	}
	ov := make([]int, 2*(f.split.NumCaptures()+1))
	if n, err := f.split.Match(r.uri, 0, ov); err != nil || n <= 0 || len(ov) < 6 || ov[2] < 0 || ov[4] < 0 {
		script = r.uri
	} else {
		script, info = r.uri[ov[2]:ov[3]], r.uri[ov[4]:ov[5]]
	}
	if strings.HasSuffix(script, "/") {
		script += f.index
	}
	return script, info
}
