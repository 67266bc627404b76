package nginxconf

import (
	"strings"
	"time"
)

const ctxLua = ctxHSLI

func luaLoc(name string, ctx Context, f func(*LuaLoc) *Opt[*LuaCode]) []row {
	return luaPhase(name, ctx, func(b *build, n *Node, c *LuaCode) error {
		o := f(own(&b.cur.loc.Lua))
		if o.Set {
			return errDuplicate
		}
		*o = Opt[*LuaCode]{V: c, Set: true, Pos: n.Pos()}
		return nil
	}, inherited(row{}, inLua(f), nil).hidden())
}

// luaPhase makes the three forms of a phase's directive. The string form is
// not offered where ngx_lua has none (string is false).
func luaPhase(name string, ctx Context, put func(b *build, n *Node, c *LuaCode) error, extra ...row) []row {
	set := func(b *build, n *Node) error {
		c, err := b.luaCode(n, n.Args)
		if err != nil {
			return err
		}
		if err := put(b, n, c); err != errDuplicate || !n.IsLua {
			return err
		}
		return b.emerg("is duplicate") // a block's setter is called by the Lua parser, which adds no name
	}
	rows := []row{blockOf(name+"_block", ctx, noArgs, set), custom(name+"_file", ctx, take1, set)}
	if !onlyBlocks[name] {
		rows = append(rows, custom(name, ctx, take1, set))
	}
	return append(rows, extra...)
}

// onlyBlocks are the phases without a string form.
var onlyBlocks = map[string]bool{"precontent_by_lua": true, "server_rewrite_by_lua": true, "balancer_by_lua": true,
	"exit_worker_by_lua": true, "ssl_certificate_by_lua": true, "ssl_client_hello_by_lua": true,
	"ssl_session_fetch_by_lua": true, "ssl_session_store_by_lua": true, "proxy_ssl_certificate_by_lua": true,
	"proxy_ssl_verify_by_lua": true}

// cycleCode are the files whose names hold no variables: there is no request.
var cycleCode = map[string]bool{"init_by_lua_file": true, "init_worker_by_lua_file": true, "exit_worker_by_lua_file": true}

// luaCode makes the chunk of a by_lua directive; args are its arguments
// without the variable of set_by_lua.
func (b *build) luaCode(n *Node, args []string) (*LuaCode, error) {
	c := &LuaCode{Pos: n.Pos(), Directive: n.Name}
	switch {
	case n.IsLua:
		c.Inline, c.Source = true, n.Lua
	case strings.HasSuffix(n.Name, "_file"):
		if args[0] == "" {
			return nil, asError(b.emerg("invalid location config: no runnable Lua code"))
		}
		v := literal(args[0])
		if !cycleCode[n.Name] {
			var err error
			if v, err = b.value(args[0]); err != nil {
				return nil, err
			}
		}
		if text, ok := v.Literal(); ok {
			v = literal(b.fullName(text))
			c.ChunkName = "@" + v.Text
		}
		c.Path = &v
		return c, nil
	default:
		if args[0] == "" {
			return nil, asError(b.emerg("invalid location config: no runnable Lua code"))
		}
		c.Inline, c.Source = true, args[0]
	}
	c.ChunkName = b.chunkName(n)
	c.Line, c.Col = n.Line, 1
	if b.opt.Observe != nil {
		c.Line, c.Col = b.codePlace(n)
	}
	return c, nil
}

// maxChunkName is ngx_lua's limit for names in messages.
const maxChunkName = 56

// chunkName names inline code as ngx_lua 0.10.23 does.
// See: ngx_http_lua_gen_chunk_name.
func (b *build) chunkName(n *Node) string {
	tag := strings.TrimSuffix(n.Name, "_block")
	line := itoa(n.Line)
	file, pre := n.File, ""
	reserve := len(tag) + len(line)
	cut := func(name string) string {
		if len(name)+reserve > maxChunkName {
			pre = "..."
			return file[len(file)-maxChunkName+reserve+3:]
		}
		return name
	}
	switch {
	case strings.HasSuffix(file, "/nginx.conf"):
		file = "nginx.conf"
	case b.confPrefix != "" && len(file) > len(b.confPrefix) && strings.HasPrefix(file, b.confPrefix):
		file = cut(file[len(b.confPrefix):])
	default:
		file = cut(file)
	}
	return "=" + tag + "(" + pre + file + ":" + line + ")"
}

// luaRows is ngx_http_lua_module.
// See: https://github.com/openresty/lua-nginx-module#directives
func luaRows() []row {
	main := func(set func(m *LuaMain, c *LuaCode) bool) func(b *build, n *Node, c *LuaCode) error {
		return func(b *build, n *Node, c *LuaCode) error {
			if !set(&b.conf.HTTP.Lua, c) {
				return errDuplicate
			}
			return nil
		}
	}
	once := func(p **LuaCode, c *LuaCode) bool {
		if *p != nil {
			return false
		}
		*p = c
		return true
	}
	srv := func(f func(s *SrvConf) **LuaCode) func(b *build, n *Node, c *LuaCode) error {
		return func(b *build, n *Node, c *LuaCode) error {
			if !once(f(b.cur.srv), c) {
				return errDuplicate
			}
			return nil
		}
	}
	var rows []row
	add := func(rs ...row) { rows = append(rows, rs...) }
	add(luaPhase("init_by_lua", CtxHTTP, main(func(m *LuaMain, c *LuaCode) bool { return once(&m.InitBy, c) }))...)
	add(luaPhase("init_worker_by_lua", CtxHTTP, main(func(m *LuaMain, c *LuaCode) bool { return once(&m.InitWorkerBy, c) }))...)
	add(luaPhase("exit_worker_by_lua", CtxHTTP, main(func(m *LuaMain, c *LuaCode) bool { return once(&m.ExitWorkerBy, c) }))...)
	add(luaLoc("rewrite_by_lua", ctxLua, func(l *LuaLoc) *Opt[*LuaCode] { return &l.RewriteBy })...)
	add(luaLoc("access_by_lua", ctxLua, func(l *LuaLoc) *Opt[*LuaCode] { return &l.AccessBy })...)
	add(luaLoc("precontent_by_lua", ctxLua, func(l *LuaLoc) *Opt[*LuaCode] { return &l.PrecontentBy })...)
	add(luaPhase("content_by_lua", ctxLI, setContentBy)...)
	add(luaLoc("header_filter_by_lua", ctxLua, func(l *LuaLoc) *Opt[*LuaCode] { return &l.HeaderFilterBy })...)
	add(luaLoc("body_filter_by_lua", ctxLua, func(l *LuaLoc) *Opt[*LuaCode] { return &l.BodyFilterBy })...)
	add(luaLoc("log_by_lua", ctxLua, func(l *LuaLoc) *Opt[*LuaCode] { return &l.LogBy })...)
	add(unsupportedRows(luaLoc("proxy_ssl_verify_by_lua", ctxLI, func(l *LuaLoc) *Opt[*LuaCode] { return &l.ProxySSLVerifyBy }), noLuaUp)...)
	add(unsupportedRows(luaLoc("proxy_ssl_certificate_by_lua", ctxLI, func(l *LuaLoc) *Opt[*LuaCode] { return &l.ProxySSLCertificateBy }), noLuaUp)...)
	add(luaPhase("server_rewrite_by_lua", ctxHS, srv(func(s *SrvConf) **LuaCode { return &s.LuaServerRewrite }))...)
	add(luaPhase("ssl_certificate_by_lua", ctxHS, srv(func(s *SrvConf) **LuaCode { return &s.LuaSSLCertificate }))...)
	add(luaPhase("ssl_client_hello_by_lua", ctxHS, srv(func(s *SrvConf) **LuaCode { return &s.LuaClientHello }))...)
	add(luaPhase("ssl_session_fetch_by_lua", CtxHTTP, srv(func(s *SrvConf) **LuaCode { return &s.LuaSSLSessionFetch }))...)
	add(luaPhase("ssl_session_store_by_lua", CtxHTTP, srv(func(s *SrvConf) **LuaCode { return &s.LuaSSLSessionStore }))...)
	add(luaPhase("balancer_by_lua", CtxUpstream, setBalancerBy)...)
	add(blockOf("set_by_lua_block", ctxSSLI, take1, setSetByLua), custom("set_by_lua", ctxSSLI, twoMore, setSetByLua),
		custom("set_by_lua_file", ctxSSLI, twoMore, setSetByLua))
	add(luaSettings()...)
	return rows
}

func setContentBy(b *build, n *Node, c *LuaCode) error {
	l := own(&b.cur.loc.Lua)
	if l.ContentBy != nil {
		return errDuplicate
	}
	l.ContentBy = c
	b.handlers[b.cur.loc] = HandlerLua
	return nil
}

func setBalancerBy(b *build, n *Node, c *LuaCode) error {
	u := b.cur.up
	if u.BalancerByLua != nil {
		return errDuplicate
	}
	b.balancer(Balancer{Method: "lua"})
	u.BalancerByLua = c
	return nil
}

// setSetByLua is set_by_lua in its three forms.
func setSetByLua(b *build, n *Node) error {
	name, err := b.newVariable(n.Args[0])
	if err != nil {
		return err
	}
	c, err := b.luaCode(n, n.Args[1:])
	if err != nil {
		return err
	}
	op := &SetLuaOp{Var: name, Code: c}
	if !n.IsLua {
		if op.Args, err = b.values(n.Args[2:]); err != nil {
			return err
		}
	}
	b.op(RewriteOp{SetLua: op})
	return nil
}

// luaSettings are the lua_* directives.
func luaSettings() []row {
	lm := inLuaMain[int]
	lBool := func(name string, f func(*LuaLoc) *Opt[bool], def bool) row { return flag(name, ctxLua, inLua(f), def) }
	lTime := func(name string, f func(*LuaLoc) *Opt[time.Duration], def time.Duration) row {
		return msec(name, ctxLua, inLua(f), def)
	}
	return []row{
		str("lua_package_path", CtxHTTP, inLuaMain(func(m *LuaMain) *Opt[string] { return &m.PackagePath })),
		str("lua_package_cpath", CtxHTTP, inLuaMain(func(m *LuaMain) *Opt[string] { return &m.PackageCPath })),
		custom("lua_shared_dict", CtxHTTP, take2, setSharedDict),
		num("lua_max_pending_timers", CtxHTTP, lm(func(m *LuaMain) *Opt[int] { return &m.MaxPendingTimers })),
		num("lua_max_running_timers", CtxHTTP, lm(func(m *LuaMain) *Opt[int] { return &m.MaxRunningTimers })),
		num("lua_regex_cache_max_entries", CtxHTTP, lm(func(m *LuaMain) *Opt[int] { return &m.RegexCacheMaxEntries })),
		num("lua_regex_match_limit", CtxHTTP, lm(func(m *LuaMain) *Opt[int] { return &m.RegexMatchLimit })),
		num("lua_thread_cache_max_entries", CtxHTTP, lm(func(m *LuaMain) *Opt[int] { return &m.ThreadCacheMaxEntries })),
		num("lua_malloc_trim", CtxHTTP, lm(func(m *LuaMain) *Opt[int] { return &m.MallocTrim })).checkedBy(func(b *build, n *Node) error {
			if _, ok := atoi(n.Args[0]); !ok {
				return dirErr("invalid number in the 1st argument")
			}
			return nil
		}).ignored("Go's runtime returns memory by itself"),
		num("lua_worker_thread_vm_pool_size", CtxHTTP, lm(func(m *LuaMain) *Opt[int] { return &m.WorkerThreadVMPoolSize })),
		size("lua_capture_error_log", CtxHTTP, inLuaMain(func(m *LuaMain) *Opt[int64] { return &m.CaptureErrorLog })),
		custom("lua_load_resty_core", CtxHTTP, flagArg, func(b *build, n *Node) error {
			b.warn("lua_load_resty_core is deprecated (the lua-resty-core library is required since ngx_lua v0.10.16)")
			return nil
		}),
		singleRow("lua_sa_restart", CtxHTTP, flagArg, checkFlag).ignored("Go's runtime restarts system calls"),
		flag("rewrite_by_lua_no_postpone", CtxHTTP, inLuaMain(func(m *LuaMain) *Opt[bool] { return &m.RewriteNoPostpone }), false),
		flag("access_by_lua_no_postpone", CtxHTTP, inLuaMain(func(m *LuaMain) *Opt[bool] { return &m.AccessNoPostpone }), false),
		flag("precontent_by_lua_no_postpone", CtxHTTP, inLuaMain(func(m *LuaMain) *Opt[bool] { return &m.PrecontentNoPostpone }), false),
		checked("balancer_keepalive", CtxUpstream, take1, checkNum).unsupported("it is not in the ngx_lua that huidu follows"),

		lBool("lua_code_cache", func(l *LuaLoc) *Opt[bool] { return &l.CodeCache }, true),
		lBool("lua_need_request_body", func(l *LuaLoc) *Opt[bool] { return &l.NeedRequestBody }, false),
		lBool("lua_http10_buffering", func(l *LuaLoc) *Opt[bool] { return &l.HTTP10Buffering }, true),
		lBool("lua_check_client_abort", func(l *LuaLoc) *Opt[bool] { return &l.CheckClientAbort }, false),
		lBool("lua_use_default_type", func(l *LuaLoc) *Opt[bool] { return &l.UseDefaultType }, true),
		lBool("lua_transform_underscores_in_response_headers", func(l *LuaLoc) *Opt[bool] { return &l.TransformUnderscores }, true),
		lBool("lua_socket_log_errors", func(l *LuaLoc) *Opt[bool] { return &l.SocketLogErrors }, true),
		lTime("lua_handler_time_limit", func(l *LuaLoc) *Opt[time.Duration] { return &l.HandlerTimeLimit }, 0).in("huidu"),
		size("lua_handler_memory_limit", ctxLua, inLua(func(l *LuaLoc) *Opt[int64] { return &l.HandlerMemoryLimit }), 0).in("huidu"),
		lTime("lua_socket_connect_timeout", func(l *LuaLoc) *Opt[time.Duration] { return &l.SocketConnectTimeout }, time.Minute),
		lTime("lua_socket_send_timeout", func(l *LuaLoc) *Opt[time.Duration] { return &l.SocketSendTimeout }, time.Minute),
		lTime("lua_socket_read_timeout", func(l *LuaLoc) *Opt[time.Duration] { return &l.SocketReadTimeout }, time.Minute),
		lTime("lua_socket_keepalive_timeout", func(l *LuaLoc) *Opt[time.Duration] { return &l.SocketKeepaliveTimeout }, time.Minute),
		size("lua_socket_send_lowat", ctxLua, inLua(func(l *LuaLoc) *Opt[int64] { return &l.SocketSendLowat }), 0).checkedBy(noSendLowat("lua_send_lowat")),
		size("lua_socket_buffer_size", ctxLua, inLua(func(l *LuaLoc) *Opt[int64] { return &l.SocketBufferSize }), 4096),
		num("lua_socket_pool_size", ctxLua, inLua(func(l *LuaLoc) *Opt[int] { return &l.SocketPoolSize }), 30),
		bitmask("lua_ssl_protocols", ctxHSL, inLua(func(l *LuaLoc) *Opt[[]string] { return &l.SSLProtocols }), []string{"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"}, sslProtocols...),
		str("lua_ssl_ciphers", ctxHSL, inLua(func(l *LuaLoc) *Opt[string] { return &l.SSLCiphers }), "DEFAULT"),
		num("lua_ssl_verify_depth", ctxHSL, inLua(func(l *LuaLoc) *Opt[int] { return &l.SSLVerifyDepth }), 1),
		confFile("lua_ssl_trusted_certificate", ctxHSL, inLua(func(l *LuaLoc) *Opt[string] { return &l.SSLTrustedCertificate })),
		confFile("lua_ssl_crl", ctxHSL, inLua(func(l *LuaLoc) *Opt[string] { return &l.SSLCRL })),
		confFile("lua_ssl_certificate", ctxHSL, inLua(func(l *LuaLoc) *Opt[string] { return &l.SSLCertificate })),
		confFile("lua_ssl_certificate_key", ctxHSL, inLua(func(l *LuaLoc) *Opt[string] { return &l.SSLCertificateKey })),
		confFile("lua_ssl_key_log", ctxHSL, inLua(func(l *LuaLoc) *Opt[string] { return &l.SSLKeyLog })),
		keyvals("lua_ssl_conf_command", ctxHSL, inLua(func(l *LuaLoc) *Opt[[][2]string] { return &l.SSLConfCommand })),
		checked("lua_upstream_skip_openssl_default_verify", ctxLI, flagArg, checkFlag).unsupported("it is not in the ngx_lua that huidu follows"),
	}
}

// setSharedDict follows ngx_http_lua_shared_dict.
func setSharedDict(b *build, n *Node) error {
	name := n.Args[0]
	if name == "" {
		return b.emerg(`invalid lua shared dict name "%s"`, name)
	}
	v, ok := parseSize(n.Args[1])
	if !ok || v <= 8191 {
		return b.emerg(`invalid lua shared dict size "%s"`, n.Args[1])
	}
	for _, d := range b.conf.HTTP.Lua.SharedDicts {
		if d.Name == name {
			return b.emerg(`lua_shared_dict "%s" is already defined as "%s"`, name, name)
		}
	}
	if err := b.sharedZone(name, "lua_shared_dict", v); err != nil {
		return err
	}
	b.conf.HTTP.Lua.SharedDicts = append(b.conf.HTTP.Lua.SharedDicts, SharedDict{name, v, n.Pos()})
	return nil
}

// inheritLuaSrv gives a server the Lua of http{}.
func inheritLuaSrv(p, c *SrvConf) {
	for _, f := range []func(*SrvConf) **LuaCode{
		func(s *SrvConf) **LuaCode { return &s.LuaServerRewrite }, func(s *SrvConf) **LuaCode { return &s.LuaSSLCertificate },
		func(s *SrvConf) **LuaCode { return &s.LuaClientHello }, func(s *SrvConf) **LuaCode { return &s.LuaSSLSessionFetch },
		func(s *SrvConf) **LuaCode { return &s.LuaSSLSessionStore }} {
		if *f(c) == nil {
			*f(c) = *f(p)
		}
	}
}
