package nginxconf

import (
	"strings"
	"time"
)

// miscRows is the small modules: referer, secure_link, userid, browser,
// memcached, stub_status, empty_gif.
func miscRows() []row {
	mStr := func(name string, ctx Context, f func(*MiscLoc) *Opt[string], def ...string) row {
		return str(name, ctx, inMisc(f), def...)
	}
	mTime := func(name string, f func(*MiscLoc) *Opt[time.Duration]) row {
		return msec(name, ctxHSL, inMisc(f), time.Minute).in(memcachedModule)
	}
	return []row{
		handlerRow("stub_status", ctxSL, noArgs|take1, HandlerStubStatus, "ngx_http_stub_status_module"),
		handlerRow("empty_gif", CtxLocation, noArgs, HandlerEmptyGIF, "ngx_http_empty_gif_module"),

		inherited(row{name: "valid_referers", ctx: ctxSL, args: oneMore, set: setValidReferers},
			inMisc(func(m *MiscLoc) *Opt[[]string] { return &m.ValidReferers }), nil).in("ngx_http_referer_module"),
		hashSize("referer_hash_max_size", ctxSL).in("ngx_http_referer_module"),
		hashSize("referer_hash_bucket_size", ctxSL).in("ngx_http_referer_module"),

		valuePtr("secure_link", ctxHSL, inMisc(func(m *MiscLoc) *Opt[*Value] { return &m.SecureLink })).in(secureLinkModule),
		valuePtr("secure_link_md5", ctxHSL, inMisc(func(m *MiscLoc) *Opt[*Value] { return &m.SecureLinkMD5 })).in(secureLinkModule),
		mStr("secure_link_secret", ctxHSL, func(m *MiscLoc) *Opt[string] { return &m.SecureLinkSecret }).in(secureLinkModule),

		enum("userid", ctxHSL, inMisc(func(m *MiscLoc) *Opt[string] { return &m.UserID }), "off", "off", "log", "v1", "on").in(userIDModule),
		mStr("userid_name", ctxHSL, func(m *MiscLoc) *Opt[string] { return &m.UserIDName }, "uid").in(userIDModule),
		mStr("userid_domain", ctxHSL, func(m *MiscLoc) *Opt[string] { return &m.UserIDDomain }, "none").in(userIDModule),
		mStr("userid_path", ctxHSL, func(m *MiscLoc) *Opt[string] { return &m.UserIDPath }, "/").in(userIDModule),
		newRow("userid_expires", ctxHSL, take1, inMisc(func(m *MiscLoc) *Opt[time.Duration] { return &m.UserIDExpires }), nil, setUserIDExpires).in(userIDModule),
		newRow("userid_mark", ctxHSL, take1, inMisc(func(m *MiscLoc) *Opt[string] { return &m.UserIDMark }), nil, setUserIDMark).in(userIDModule),
		newRow("userid_p3p", ctxHSL, take1, inMisc(func(m *MiscLoc) *Opt[Value] { return &m.UserIDP3P }), []Value{literal("none")},
			func(b *build, n *Node, o *Opt[Value]) error {
				o.V = literal(n.Args[0])
				return nil
			}).in(userIDModule),
		newRow("userid_service", ctxHSL, take1, inMisc(func(m *MiscLoc) *Opt[string] { return &m.UserIDService }), nil,
			func(b *build, n *Node, o *Opt[string]) error {
				if _, ok := atoi(n.Args[0]); !ok {
					return dirErr("invalid number")
				}
				o.V = n.Args[0]
				return nil
			}).in(userIDModule),
		withArgs(bitmask("userid_flags", ctxHSL, inMisc(func(m *MiscLoc) *Opt[[]string] { return &m.UserIDFlags }), []string{"off"},
			"off", "secure", "httponly", "samesite=strict", "samesite=lax", "samesite=none"), take123).in(userIDModule),

		strs("ancient_browser", ctxHSL, oneMore, inMisc(func(m *MiscLoc) *Opt[[]string] { return &m.AncientBrowser })).in(browserModule),
		again(mStr("ancient_browser_value", ctxHSL, func(m *MiscLoc) *Opt[string] { return &m.AncientBrowserValue }, "1"), func(l *level) { own(&l.loc.Misc).AncientBrowserValue.Set = false }).in(browserModule),
		listRow("modern_browser", ctxHSL, take12, inMisc(func(m *MiscLoc) *Opt[[][2]string] { return &m.ModernBrowser }), addModernBrowser).in(browserModule),
		again(mStr("modern_browser_value", ctxHSL, func(m *MiscLoc) *Opt[string] { return &m.ModernBrowserValue }, "1"), func(l *level) { own(&l.loc.Misc).ModernBrowserValue.Set = false }).in(browserModule),

		custom("memcached_pass", ctxLI, take1, setMemcachedPass).in(memcachedModule),
		mTime("memcached_connect_timeout", func(m *MiscLoc) *Opt[time.Duration] { return &m.MemcachedConnectTimeout }),
		mTime("memcached_send_timeout", func(m *MiscLoc) *Opt[time.Duration] { return &m.MemcachedSendTimeout }),
		mTime("memcached_read_timeout", func(m *MiscLoc) *Opt[time.Duration] { return &m.MemcachedReadTimeout }),
		size("memcached_buffer_size", ctxHSL, inMisc(func(m *MiscLoc) *Opt[int64] { return &m.MemcachedBufferSize }), 4096).in(memcachedModule),
		num("memcached_gzip_flag", ctxHSL, inMisc(func(m *MiscLoc) *Opt[int] { return &m.MemcachedGzipFlag }), 0).in(memcachedModule),
		nextUpstream("memcached_next_upstream", inMisc(func(m *MiscLoc) *Opt[NextUpstream] { return &m.MemcachedNextUpstream }),
			map[string]NextUpstream{"error": NextError, "timeout": NextTimeout, "denied": NextDenied, "invalid_response": NextInvalidHeader,
				"not_found": Next404, "off": NextOff}).in(memcachedModule),
		num("memcached_next_upstream_tries", ctxHSL, inMisc(func(m *MiscLoc) *Opt[int] { return &m.MemcachedNextUpstreamTries }), 0).in(memcachedModule),
		msec("memcached_next_upstream_timeout", ctxHSL, inMisc(func(m *MiscLoc) *Opt[time.Duration] { return &m.MemcachedNextUpstreamTimeout }), 0).in(memcachedModule),
		flag("memcached_socket_keepalive", ctxHSL, inMisc(func(m *MiscLoc) *Opt[bool] { return &m.MemcachedSocketKeepalive }), false).in(memcachedModule),
		newRow("memcached_bind", ctxHSL, take12, inMisc(func(m *MiscLoc) *Opt[*Value] { return &m.MemcachedBind }), nil, setBind).in(memcachedModule),
	}
}

const (
	secureLinkModule = "ngx_http_secure_link_module"
	userIDModule     = "ngx_http_userid_filter_module"
	browserModule    = "ngx_http_browser_module"
	memcachedModule  = "ngx_http_memcached_module"
)

// handlerRow is a directive that only chooses the content handler.
func handlerRow(name string, ctx Context, args argSpec, h Handler, module string) row {
	return custom(name, ctx, args, func(b *build, n *Node) error {
		b.handlers[b.cur.loc] = h
		return nil
	}).in(module)
}

// setValidReferers follows ngx_http_valid_referers.
func setValidReferers(b *build, n *Node) error {
	o := &own(&b.cur.loc.Misc).ValidReferers
	b.vars.declared["invalid_referer"] = true
	for _, a := range n.Args {
		switch {
		case a == "":
			return b.emerg(`invalid referer "%s"`, a)
		case strings.HasPrefix(a, "~"):
			if len(a) == 1 {
				return b.emerg(`empty regex in "%s"`, a)
			}
			if _, err := b.opt.CompileRegex(a[1:], true); err != nil {
				return b.emerg("%s", err)
			}
		case a != "none" && a != "blocked" && a != "server_names":
			host, _, _ := strings.Cut(a, "/")
			if stars := strings.Count(host, "*"); stars > 1 || stars == 1 && !strings.HasPrefix(host, "*.") && !strings.HasSuffix(host, ".*") {
				return b.emerg(`invalid hostname or wildcard "%s"`, host)
			}
			for _, other := range o.V {
				if h, _, _ := strings.Cut(other, "/"); strings.EqualFold(h, host) {
					return b.emerg(`conflicting parameter "%s"`, strings.ToLower(host))
				}
			}
		}
		o.V = append(o.V, a)
	}
	if !o.Set {
		o.Set, o.Pos = true, n.Pos()
	}
	return nil
}

// onlyNone reports whether no name is among the referers but "none" or
// "blocked" is; regular expressions do not count as names.
func onlyNone(referers []string) bool {
	special := false
	for _, r := range referers {
		switch {
		case r == "none" || r == "blocked":
			special = true
		case !strings.HasPrefix(r, "~"):
			return false
		}
	}
	return special
}

func setUserIDExpires(b *build, n *Node, o *Opt[time.Duration]) error {
	switch n.Args[0] {
	case "max":
		o.V = -1
	case "off":
		o.V = 0
	default:
		v, ok := parseSec(n.Args[0])
		if !ok {
			return dirErr("invalid value")
		}
		o.V = v
	}
	return nil
}

func setUserIDMark(b *build, n *Node, o *Opt[string]) error {
	a := n.Args[0]
	if a == "off" {
		return nil
	}
	if len(a) != 1 || !(nameByte(a[0]) && a[0] != '_' || a[0] == '=') {
		return dirErr(`value must be "off" or a single letter, digit or "="`)
	}
	o.V = a
	return nil
}

var browserNames = []string{"msie", "gecko", "safari", "opera", "konqueror"}

func addModernBrowser(b *build, n *Node, o *Opt[[][2]string]) error {
	if len(n.Args) == 1 {
		if n.Args[0] != "unlisted" {
			return b.emerg(`unknown browser name "%s"`, n.Args[0])
		}
		o.V = append(o.V, [2]string{"unlisted", ""})
		return nil
	}
	if !contains(browserNames, n.Args[0]) {
		return b.emerg(`unknown browser name "%s"`, n.Args[0])
	}
	parts := strings.Split(n.Args[1], ".")
	for _, p := range parts {
		if _, ok := atoi(p); !ok || len(parts) > 4 {
			return b.emerg(`invalid browser version "%s"`, n.Args[1])
		}
	}
	o.V = append(o.V, [2]string{n.Args[0], n.Args[1]})
	return nil
}

// setMemcachedPass follows ngx_http_memcached_pass.
func setMemcachedPass(b *build, n *Node) error {
	m := own(&b.cur.loc.Misc)
	if m.MemcachedPass.Set {
		return errDuplicate
	}
	v, err := b.value(n.Args[0])
	if err != nil {
		return err
	}
	m.MemcachedPass = Opt[*Value]{V: &v, Set: true, Pos: n.Pos()}
	b.handlers[b.cur.loc] = HandlerMemcached
	if text, ok := v.Literal(); ok {
		up, _, err := b.upstreamFor(text, 0)
		if err != nil {
			return err
		}
		m.MemcachedUpstream = up
	}
	b.need("memcached_key")
	return nil
}

// finishMisc checks secure_link and gives an if its location's memcached.
func (b *build) finishMisc(parent, child *level, own bool) error {
	if !own {
		return nil
	}
	b.node = nil
	c, p := child.loc.Misc, parent.loc.Misc
	if c.SecureLinkSecret.Set && (c.SecureLink.Set || c.SecureLinkMD5.Set) {
		return b.emergAt(b.endOfHTTP, `"secure_link_secret" cannot be mixed with "secure_link" and "secure_link_md5"`)
	}
	if c.ValidReferers.Set && onlyNone(c.ValidReferers.V) {
		return b.emergAt(Pos{}, `the "none" or "blocked" referers are specified in the "valid_referers" directive without any valid referer`)
	}
	switch { // the two ways of secure_link do not mix, so neither inherits into the other
	case c.SecureLinkSecret.Set:
		c.SecureLink, c.SecureLinkMD5 = Opt[*Value]{}, Opt[*Value]{}
	case c.SecureLink.Set || c.SecureLinkMD5.Set:
		c.SecureLinkSecret = Opt[string]{}
	}
	if l := child.location; l != nil && (l.Kind == LocIf || l.Kind == LocLimitExcept) && !c.MemcachedPass.Set && p.MemcachedPass.Set {
		c.MemcachedPass, c.MemcachedUpstream = p.MemcachedPass, p.MemcachedUpstream
		if l.Kind == LocLimitExcept && child.loc.Core.Handler == HandlerNone {
			unshareCore(child)
			child.loc.Core.Handler = HandlerMemcached
		}
	}
	if l := child.location; l != nil && (l.Kind == LocIf || l.Kind == LocLimitExcept) && !c.MemcPass.Set && p.MemcPass.Set {
		c.MemcPass, c.MemcUpstream = p.MemcPass, p.MemcUpstream
	}
	return nil
}
