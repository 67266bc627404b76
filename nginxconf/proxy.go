package nginxconf

import (
	"strings"
)

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
	rows := []row{
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
		proxyModule.flag("proxy_pass_trailers", func(p *ProxyLoc) *Opt[bool] { return &p.PassTrailers }, false),
		inherited(custom("proxy_redirect", ctxHSL, take12, setProxyRedirect), inProxy(func(p *ProxyLoc) *Opt[[]ProxyRedirect] { return &p.Redirect }), nil),
		inherited(custom("proxy_cookie_domain", ctxHSL, take12, setCookieDomain), inProxy(func(p *ProxyLoc) *Opt[[]ProxyRewrite] { return &p.CookieDomain }), nil),
		inherited(custom("proxy_cookie_path", ctxHSL, take12, setCookiePath), inProxy(func(p *ProxyLoc) *Opt[[]ProxyRewrite] { return &p.CookiePath }), nil),
		inherited(custom("proxy_cookie_flags", ctxHSL, take1234, setCookieFlags), inProxy(func(p *ProxyLoc) *Opt[[]CookieFlags] { return &p.CookieFlags }), nil),
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
	}
	rows = append(rows, passRows(proxyModule)...)
	return append(rows, cacheRows(proxyModule)...)
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
	}
	o.V = &v
	return nil
}

// finishProxy checks and completes a level.
// See: ngx_http_proxy_merge_loc_conf.
func (b *build) finishProxy(parent, child *level, ownStruct bool) error {
	if err := b.finishUpstreamLoc(proxyModule, HandlerProxyPass, parent, child, ownStruct); err != nil || !ownStruct {
		return err
	}
	return b.finishProxySSL(child.loc.Proxy)
}

// unshareCore gives a level a core struct of its own.
func unshareCore(child *level) {
	c := *child.loc.Core
	child.loc.Core = &c
}
