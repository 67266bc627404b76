package nginxconf

import (
	"strings"
	"time"
)

func pBool(name string, f func(*ProxyLoc) *Opt[bool], def bool) row {
	return flag(name, ctxHSL, inProxy(f), def)
}

func pTime(name string, f func(*ProxyLoc) *Opt[time.Duration], def time.Duration) row {
	return msec(name, ctxHSL, inProxy(f), def)
}

func pSize(name string, f func(*ProxyLoc) *Opt[int64], def ...int64) row {
	return size(name, ctxHSL, inProxy(f), def...)
}

// proxyRows is ngx_http_proxy_module.
// See: http://nginx.org/en/docs/http/ngx_http_proxy_module.html
func proxyRows() []row {
	ssl := func(f func(*ProxySSL) *Opt[string]) field[string] {
		return inProxy(func(p *ProxyLoc) *Opt[string] { return f(&p.SSL) })
	}
	sslBool := func(f func(*ProxySSL) *Opt[bool]) field[bool] {
		return inProxy(func(p *ProxyLoc) *Opt[bool] { return f(&p.SSL) })
	}
	sslValue := func(f func(*ProxySSL) *Opt[*Value]) field[*Value] {
		return inProxy(func(p *ProxyLoc) *Opt[*Value] { return f(&p.SSL) })
	}
	return append([]row{
		custom("proxy_pass", ctxLI|CtxLimitExcept, take1, setProxyPass),
		listRow("proxy_set_header", ctxHSL, take2, inProxy(func(p *ProxyLoc) *Opt[[]HeaderValue] { return &p.SetHeaders }),
			func(b *build, n *Node, o *Opt[[]HeaderValue]) error {
				v, err := b.value(n.Args[1])
				o.V = append(o.V, HeaderValue{Name: n.Args[0], Value: v, Pos: n.Pos()})
				return err
			}),
		valuePtr("proxy_set_body", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[*Value] { return &p.SetBody })),
		valuePtr("proxy_method", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[*Value] { return &p.Method })),
		enum("proxy_http_version", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[string] { return &p.HTTPVersion }), "1.1", "1.0", "1.1").
			checkedBy(func(b *build, n *Node) error {
				if n.Args[0] == "2" {
					return b.unsupported(noHTTP2Up, `value "2" of the "proxy_http_version" directive is not supported: `+noHTTP2Up)
				}
				return nil
			}),
		pBool("proxy_pass_request_headers", func(p *ProxyLoc) *Opt[bool] { return &p.PassRequestHeaders }, true),
		pBool("proxy_pass_request_body", func(p *ProxyLoc) *Opt[bool] { return &p.PassRequestBody }, true),
		pBool("proxy_pass_trailers", func(p *ProxyLoc) *Opt[bool] { return &p.PassTrailers }, false),
		strs("proxy_hide_header", ctxHSL, take1, inProxy(func(p *ProxyLoc) *Opt[[]string] { return &p.HideHeaders })),
		strs("proxy_pass_header", ctxHSL, take1, inProxy(func(p *ProxyLoc) *Opt[[]string] { return &p.PassHeaders })),
		bitmask("proxy_ignore_headers", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[[]string] { return &p.IgnoreHeaders }), nil,
			"X-Accel-Redirect", "X-Accel-Expires", "X-Accel-Limit-Rate", "X-Accel-Buffering", "X-Accel-Charset", "Expires",
			"Cache-Control", "Set-Cookie", "Vary"),
		inherited(custom("proxy_redirect", ctxHSL, take12, setProxyRedirect), inProxy(func(p *ProxyLoc) *Opt[[]ProxyRedirect] { return &p.Redirect }), nil),
		inherited(custom("proxy_cookie_domain", ctxHSL, take12, setCookieDomain), inProxy(func(p *ProxyLoc) *Opt[[]ProxyRewrite] { return &p.CookieDomain }), nil),
		inherited(custom("proxy_cookie_path", ctxHSL, take12, setCookiePath), inProxy(func(p *ProxyLoc) *Opt[[]ProxyRewrite] { return &p.CookiePath }), nil),
		inherited(custom("proxy_cookie_flags", ctxHSL, take1234, setCookieFlags), inProxy(func(p *ProxyLoc) *Opt[[]CookieFlags] { return &p.CookieFlags }), nil),
		pTime("proxy_connect_timeout", func(p *ProxyLoc) *Opt[time.Duration] { return &p.ConnectTimeout }, 60*time.Second),
		pTime("proxy_send_timeout", func(p *ProxyLoc) *Opt[time.Duration] { return &p.SendTimeout }, 60*time.Second),
		pTime("proxy_read_timeout", func(p *ProxyLoc) *Opt[time.Duration] { return &p.ReadTimeout }, 60*time.Second),
		pSize("proxy_send_lowat", func(p *ProxyLoc) *Opt[int64] { return &p.SendLowat }, 0).checkedBy(noSendLowat("proxy_send_lowat")).ignored(noEffect),
		pBool("proxy_buffering", func(p *ProxyLoc) *Opt[bool] { return &p.Buffering }, true),
		pBool("proxy_request_buffering", func(p *ProxyLoc) *Opt[bool] { return &p.RequestBuffering }, true),
		pSize("proxy_buffer_size", func(p *ProxyLoc) *Opt[int64] { return &p.BufferSize }, 4096),
		bufs("proxy_buffers", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[SizeCount] { return &p.Buffers }), SizeCount{8, 4096}),
		pSize("proxy_busy_buffers_size", func(p *ProxyLoc) *Opt[int64] { return &p.BusyBuffersSize }, -1),
		pSize("proxy_max_temp_file_size", func(p *ProxyLoc) *Opt[int64] { return &p.MaxTempFileSize }, 1<<30),
		pSize("proxy_temp_file_write_size", func(p *ProxyLoc) *Opt[int64] { return &p.TempFileWriteSize }, -1),
		tempPath("proxy_temp_path", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[string] { return &p.TempPath }), "proxy_temp"),
		value("proxy_limit_rate", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[Value] { return &p.LimitRate })).checkedBy(checkRateValue),
		nextUpstream("proxy_next_upstream", inProxy(func(p *ProxyLoc) *Opt[NextUpstream] { return &p.NextUpstream }), proxyNextWords),
		num("proxy_next_upstream_tries", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[int] { return &p.NextUpstreamTries }), 0),
		pTime("proxy_next_upstream_timeout", func(p *ProxyLoc) *Opt[time.Duration] { return &p.NextUpstreamTimeout }, 0),
		pBool("proxy_intercept_errors", func(p *ProxyLoc) *Opt[bool] { return &p.InterceptErrors }, false),
		pBool("proxy_ignore_client_abort", func(p *ProxyLoc) *Opt[bool] { return &p.IgnoreClientAbort }, false),
		pBool("proxy_force_ranges", func(p *ProxyLoc) *Opt[bool] { return &p.ForceRanges }, false),
		pBool("proxy_socket_keepalive", func(p *ProxyLoc) *Opt[bool] { return &p.SocketKeepalive }, false),
		singleRow("proxy_socket_rcvbuf", ctxHSL, take1, checkSize).ignored(noEffect),
		singleRow("proxy_socket_sndbuf", ctxHSL, take1, checkSize).ignored(noEffect),
		newRow("proxy_bind", ctxHSL, take12, inProxy(func(p *ProxyLoc) *Opt[*Value] { return &p.Bind }), nil, setBind),
		newRow("proxy_store", ctxHSL, take1, inProxy(func(p *ProxyLoc) *Opt[*Value] { return &p.Store }), nil, setStore),
		newRow("proxy_store_access", ctxHSL, take123, inProxy(func(p *ProxyLoc) *Opt[string] { return &p.StoreAccess }), []string{"user:rw"}, setStoreAccess),
		num("proxy_headers_hash_max_size", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[int] { return &p.HeadersHashMaxSize }), 512).ignored("huidu's tables size themselves"),
		num("proxy_headers_hash_bucket_size", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[int] { return &p.HeadersHashBucketSize }), 64).ignored("huidu's tables size themselves"),

		certValue("proxy_ssl_certificate", sslValue(func(s *ProxySSL) *Opt[*Value] { return &s.Certificate })),
		certValue("proxy_ssl_certificate_key", sslValue(func(s *ProxySSL) *Opt[*Value] { return &s.CertificateKey })),
		singleRow("proxy_ssl_certificate_cache", ctxHSL, take123, nil).ignored("certificates are read when they change"),
		confFile("proxy_ssl_password_file", ctxHSL, ssl(func(s *ProxySSL) *Opt[string] { return &s.PasswordFile })).checkedBy(checkOpens),
		str("proxy_ssl_ciphers", ctxHSL, ssl(func(s *ProxySSL) *Opt[string] { return &s.Ciphers }), "DEFAULT"),
		bitmask("proxy_ssl_protocols", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[[]string] { return &p.SSL.Protocols }), []string{"TLSv1.2", "TLSv1.3"}, sslProtocols...),
		valuePtr("proxy_ssl_name", ctxHSL, sslValue(func(s *ProxySSL) *Opt[*Value] { return &s.Name })),
		flag("proxy_ssl_server_name", ctxHSL, sslBool(func(s *ProxySSL) *Opt[bool] { return &s.ServerName }), false),
		flag("proxy_ssl_session_reuse", ctxHSL, sslBool(func(s *ProxySSL) *Opt[bool] { return &s.SessionReuse }), true),
		confFile("proxy_ssl_trusted_certificate", ctxHSL, ssl(func(s *ProxySSL) *Opt[string] { return &s.TrustedCertificate })),
		confFile("proxy_ssl_crl", ctxHSL, ssl(func(s *ProxySSL) *Opt[string] { return &s.CRL })),
		flag("proxy_ssl_verify", ctxHSL, sslBool(func(s *ProxySSL) *Opt[bool] { return &s.Verify }), false),
		num("proxy_ssl_verify_depth", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[int] { return &p.SSL.VerifyDepth }), 1),
		keyvals("proxy_ssl_conf_command", ctxHSL, inProxy(func(p *ProxyLoc) *Opt[[][2]string] { return &p.SSL.ConfCommand })),
	}, proxyCacheRows()...)
}

// setProxyPass follows ngx_http_proxy_pass.
func setProxyPass(b *build, n *Node) error {
	p := own(&b.cur.loc.Proxy)
	if p.Pass != nil {
		return errDuplicate
	}
	b.handlers[b.cur.loc] = HandlerProxyPass
	text := n.Args[0]
	pass := &ProxyPass{Pos: n.Pos()}
	p.Pass = pass
	var err error
	if pass.URL, err = b.value(text); err != nil {
		return err
	}
	if strings.Contains(text, "$") {
		pass.HasVars = true
		return nil
	}
	port := 80
	switch {
	case len(text) >= 7 && strings.EqualFold(text[:7], "http://"):
		pass.Scheme, text = "http", text[7:]
	case len(text) >= 8 && strings.EqualFold(text[:8], "https://"):
		pass.Scheme, text, port = "https", text[8:], 443
	default:
		return b.emerg("invalid URL prefix")
	}
	up, a, err := b.upstreamFor(text, port)
	if err != nil {
		return err
	}
	pass.Upstream, pass.URI, pass.HasURI = up, a.uri, a.uri != ""
	if strings.HasPrefix(pass.URI, "?") {
		pass.URI = "/" + pass.URI
	}
	pass.Host = strings.TrimSuffix(text, a.uri)
	if a.unix != "" {
		pass.Host = "unix:" + a.unix
	}
	switch b.cur.location.Kind {
	case LocNamed, LocRegex, LocRegexNoCase, LocIf, LocLimitExcept:
		if a.uri != "" {
			return b.emerg(`"proxy_pass" cannot have URI part in location given by regular expression, ` +
				`or inside named location, or inside "if" statement, or inside "limit_except" block`)
		}
	}
	return nil
}

// rewritePattern reads the first argument of proxy_redirect and its like:
// text with variables, or "~" and a regular expression.
func (b *build) rewritePattern(arg string, always bool) (from Value, re *Regex, err error) {
	if rest, ok := strings.CutPrefix(arg, "~"); ok {
		noCase := always
		if r, ok := strings.CutPrefix(rest, "*"); ok {
			rest, noCase = r, true
		}
		re, err = b.regex(rest, noCase)
		return from, re, err
	}
	from, err = b.value(arg)
	return from, nil, err
}

// offOrList serves the directives that are "off" once or a list of many: it
// reports whether the directive said off.
func offOrList[T any](b *build, n *Node, o *Opt[[]T]) (off bool, err error) {
	if o.Set && o.V == nil {
		return false, errDuplicate
	}
	if len(n.Args) == 1 && n.Args[0] == "off" {
		if o.Set {
			return false, errDuplicate
		}
		*o = Opt[[]T]{Set: true, Pos: n.Pos()}
		return true, nil
	}
	if !o.Set {
		o.Set, o.Pos = true, n.Pos()
	}
	return false, nil
}

func setProxyRedirect(b *build, n *Node) error {
	p := own(&b.cur.loc.Proxy)
	off, err := offOrList(b, n, &p.Redirect)
	if off || err != nil {
		return err
	}
	var r ProxyRedirect
	if len(n.Args) == 1 {
		switch {
		case n.Args[0] != "default":
			return b.emerg(`invalid parameter "%s"`, n.Args[0])
		case p.Pass != nil && p.Pass.HasVars:
			return b.emerg(`"proxy_redirect default" cannot be used with "proxy_pass" directive with variables`)
		case p.Pass == nil:
			return b.emerg(`"proxy_redirect default" should be placed after the "proxy_pass" directive`)
		}
		r.Default = true
	} else {
		if r.From, r.Regex, err = b.rewritePattern(n.Args[0], false); err != nil {
			return err
		}
		if r.Replacement, err = b.value(n.Args[1]); err != nil {
			return err
		}
	}
	p.Redirect.V = append(p.Redirect.V, r)
	return nil
}

func setCookieDomain(b *build, n *Node) error {
	return setCookieRewrite(b, n, &own(&b.cur.loc.Proxy).CookieDomain, true)
}

func setCookiePath(b *build, n *Node) error {
	return setCookieRewrite(b, n, &own(&b.cur.loc.Proxy).CookiePath, false)
}

func setCookieRewrite(b *build, n *Node, o *Opt[[]ProxyRewrite], domain bool) error {
	off, err := offOrList(b, n, o)
	if off || err != nil {
		return err
	}
	if len(n.Args) == 1 {
		return b.emerg(`invalid parameter "%s"`, n.Args[0])
	}
	from, to := n.Args[0], n.Args[1]
	if domain && !strings.HasPrefix(from, "~") {
		from, to = strings.TrimPrefix(from, "."), strings.TrimPrefix(to, ".")
	}
	var r ProxyRewrite
	if r.From, r.Regex, err = b.rewritePattern(from, true); err != nil {
		return err
	}
	if r.Replacement, err = b.value(to); err != nil {
		return err
	}
	o.V = append(o.V, r)
	return nil
}

func setCookieFlags(b *build, n *Node) error {
	o := &own(&b.cur.loc.Proxy).CookieFlags
	off, err := offOrList(b, n, o)
	if off || err != nil {
		return err
	}
	if len(n.Args) == 1 {
		return b.emerg(`invalid parameter "%s"`, n.Args[0])
	}
	var c CookieFlags
	if c.Cookie, c.Regex, err = b.rewritePattern(n.Args[0], true); err != nil {
		return err
	}
	if c.Flags, err = b.values(n.Args[1:]); err != nil {
		return err
	}
	o.V = append(o.V, c)
	return nil
}

func setBind(b *build, n *Node, o *Opt[*Value]) error {
	if len(n.Args) == 1 && n.Args[0] == "off" {
		return nil
	}
	v, err := b.value(n.Args[0])
	if err != nil {
		return err
	}
	if text, ok := v.Literal(); ok {
		if a := parseAddress(text, 0, false, false); a.err != "" || !a.ip.IsValid() {
			return b.emerg(`invalid address "%s"`, text)
		}
	}
	if len(n.Args) == 2 {
		if n.Args[1] != "transparent" {
			return b.emerg(`invalid parameter "%s"`, n.Args[1])
		}
		own(&b.cur.loc.Proxy).BindTransparent = true
	}
	o.V = &v
	return nil
}

func setStore(b *build, n *Node, o *Opt[*Value]) error {
	switch n.Args[0] {
	case "off":
		return nil
	case "":
		return b.emerg("empty path")
	}
	if own(&b.cur.loc.Proxy).Cache.Zone.V != nil {
		return dirErr(`is incompatible with "proxy_cache"`)
	}
	text := n.Args[0]
	if text == "on" {
		v := literal("on")
		o.V = &v
		return nil
	}
	v, err := b.value(text)
	o.V = &v
	return err
}

// setStoreAccess checks users:permissions.
func setStoreAccess(b *build, n *Node, o *Opt[string]) error {
	for _, a := range n.Args {
		who, rights, ok := strings.Cut(a, ":")
		if !ok || oneOf(who, []string{"user", "group", "all"}) == "" || oneOf(rights, []string{"r", "w", "rw"}) == "" {
			return b.emerg(`invalid value "%s"`, a)
		}
	}
	o.V = strings.Join(n.Args, " ")
	return nil
}

var proxyNextWords = map[string]NextUpstream{
	"error": NextError, "timeout": NextTimeout, "invalid_header": NextInvalidHeader, "denied": NextDenied,
	"http_500": Next500, "http_502": Next502, "http_503": Next503, "http_504": Next504, "http_403": Next403,
	"http_404": Next404, "http_429": Next429, "updating": NextUpdating, "non_idempotent": NextNonIdempotent, "off": NextOff,
}

// nextUpstream is a *_next_upstream directive.
func nextUpstream(name string, f field[NextUpstream], words map[string]NextUpstream) row {
	r := row{name: name, ctx: ctxHSL, args: oneMore, set: func(b *build, n *Node) error {
		o := f.at(&b.cur)
		for _, a := range n.Args {
			bit, ok := words[strings.ToLower(a)]
			if !ok {
				return b.emerg(`invalid value "%s"`, a)
			}
			if o.V&bit != 0 && o.Set {
				b.warn(`duplicate value "%s"`, a)
			}
			o.V |= bit
			o.Set, o.Pos = true, n.Pos()
		}
		return nil
	}}
	r = inherited(r, f, []NextUpstream{NextError | NextTimeout})
	return r
}

// finishProxy checks sizes against each other and gives an if or a
// limit_except its location's proxy_pass.
// See: ngx_http_proxy_merge_loc_conf.
func (b *build) finishProxy(parent, child *level, ownStruct bool) error {
	if !ownStruct {
		return nil
	}
	b.node = nil
	c, p := child.loc.Proxy, parent.loc.Proxy
	big := max(c.BufferSize.V, c.Buffers.V.Size)
	busy, write := c.BusyBuffersSize.V, c.TempFileWriteSize.V
	if busy < 0 {
		busy = 2 * big
	}
	if write < 0 {
		write = 2 * big
	}
	var msg string
	switch {
	case c.Buffers.V.Num < 2:
		msg = `there must be at least 2 "proxy_buffers"`
	case busy < big:
		msg = `"proxy_busy_buffers_size" must be equal to or greater than the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"`
	case busy > int64(c.Buffers.V.Num-1)*c.Buffers.V.Size:
		msg = `"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer`
	case write < big:
		msg = `"proxy_temp_file_write_size" must be equal to or greater than the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"`
	case c.MaxTempFileSize.V != 0 && c.MaxTempFileSize.V < big:
		msg = `"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage or must be equal to or greater than ` +
			`the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"`
	}
	if msg != "" {
		return b.emergAt(b.endOfHTTP, "%s", msg)
	}
	if err := b.finishProxyCache(c); err != nil {
		return err
	}
	if err := b.finishProxySSL(c); err != nil {
		return err
	}
	if l := child.location; l != nil && (l.Kind == LocIf || l.Kind == LocLimitExcept) && c.Pass == nil && p.Pass != nil {
		c.Pass = p.Pass
		if l.Kind == LocLimitExcept {
			if child.loc.Core.Handler == HandlerNone {
				unshareCore(child)
				child.loc.Core.Handler = HandlerProxyPass
			}
		}
	}
	return nil
}

// unshareCore gives a level a core struct of its own.
func unshareCore(child *level) {
	c := *child.loc.Core
	child.loc.Core = &c
}
