package nginxconf

import (
	"strings"
	"time"
)

const noEffect = "Go's runtime does this by itself"

func coreBool(name string, ctx Context, f func(*CoreLoc) *Opt[bool], def bool) row {
	return flag(name, ctx, inCore(f), def)
}

func coreTime(name string, ctx Context, f func(*CoreLoc) *Opt[time.Duration], def time.Duration) row {
	return msec(name, ctx, inCore(f), def)
}

func coreSize(name string, ctx Context, f func(*CoreLoc) *Opt[int64], def int64) row {
	return size(name, ctx, inCore(f), def)
}

// coreRows is ngx_http_core_module.
// See: http://nginx.org/en/docs/http/ngx_http_core_module.html
func coreRows() []row {
	return []row{
		blockOf("server", CtxHTTP, noArgs, setServer),
		blockOf("location", ctxSL, take12, setLocation),
		blockOf("limit_except", CtxLocation, oneMore, setLimitExcept),
		blockOf("types", ctxHSL, noArgs, setTypes),
		custom("listen", CtxServer, oneMore, setListen),
		custom("server_name", CtxServer, oneMore, setServerName),

		poolSize("connection_pool_size", ctxHS, inSrv(func(s *SrvConf) *Opt[int64] { return &s.ConnectionPoolSize }), 512),
		poolSize("request_pool_size", ctxHS, inSrv(func(s *SrvConf) *Opt[int64] { return &s.RequestPoolSize }), 4096),
		msec("client_header_timeout", ctxHS, inSrv(func(s *SrvConf) *Opt[time.Duration] { return &s.ClientHeaderTimeout }), 60*time.Second),
		size("client_header_buffer_size", ctxHS, inSrv(func(s *SrvConf) *Opt[int64] { return &s.ClientHeaderBufferSize }), 1024),
		bufs("large_client_header_buffers", ctxHS, inSrv(func(s *SrvConf) *Opt[SizeCount] { return &s.LargeClientHeaderBuffers }), SizeCount{4, 8192}),
		num("max_headers", ctxHS, inSrv(func(s *SrvConf) *Opt[int] { return &s.MaxHeaders }), 1000),
		flag("ignore_invalid_headers", ctxHS, inSrv(func(s *SrvConf) *Opt[bool] { return &s.IgnoreInvalidHeaders }), true),
		flag("merge_slashes", ctxHS, inSrv(func(s *SrvConf) *Opt[bool] { return &s.MergeSlashes }), true),
		flag("underscores_in_headers", ctxHS, inSrv(func(s *SrvConf) *Opt[bool] { return &s.UnderscoresInHeaders }), false),

		rootRow("root", ctxHSLI), rootRow("alias", CtxLocation),
		newRow("internal", CtxLocation, noArgs, inCore(func(c *CoreLoc) *Opt[bool] { return &c.Internal }), []bool{false},
			func(_ *build, _ *Node, o *Opt[bool]) error {
				o.V = true
				return nil
			}),
		str("default_type", ctxHSL, inCore(func(c *CoreLoc) *Opt[string] { return &c.DefaultType }), "text/plain"),
		inherited(row{name: "types_", ctx: 0}, inCore(func(c *CoreLoc) *Opt[map[string]string] { return &c.Types }), []map[string]string{defaultTypes}).hidden(),
		listRow("error_page", ctxHSLI, twoMore, inCore(func(c *CoreLoc) *Opt[[]ErrorPage] { return &c.ErrorPages }), addErrorPage),
		coreBool("recursive_error_pages", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.RecursiveErrorPages }, false),
		str("post_action", ctxHSLI, inCore(func(c *CoreLoc) *Opt[string] { return &c.PostAction })),
		enum("satisfy", ctxHSL, inCore(func(c *CoreLoc) *Opt[string] { return &c.Satisfy }), "all", "all", "any"),
		listRow("error_log", ctxHSL, oneMore, inCore(func(c *CoreLoc) *Opt[[]ErrorLog] { return &c.ErrorLog }),
			func(b *build, n *Node, o *Opt[[]ErrorLog]) error {
				l, err := b.errorLog(n)
				o.V = append(o.V, l)
				return err
			}),

		offset("client_max_body_size", ctxHSL, inCore(func(c *CoreLoc) *Opt[int64] { return &c.ClientMaxBodySize }), 1<<20),
		coreSize("client_body_buffer_size", ctxHSL, func(c *CoreLoc) *Opt[int64] { return &c.ClientBodyBufferSize }, 16384),
		coreTime("client_body_timeout", ctxHSL, func(c *CoreLoc) *Opt[time.Duration] { return &c.ClientBodyTimeout }, 60*time.Second),
		enum("client_body_in_file_only", ctxHSL, inCore(func(c *CoreLoc) *Opt[string] { return &c.ClientBodyInFileOnly }), "off", "off", "on", "clean"),
		coreBool("client_body_in_single_buffer", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.ClientBodyInSingleBuffer }, false),
		tempPath("client_body_temp_path", ctxHSL, inCore(func(c *CoreLoc) *Opt[string] { return &c.ClientBodyTempPath }), "client_body_temp"),
		checked("client_body_early_read", ctxHS, oneMore, nil).unsupported("it is not in the open source nginx that huidu follows"),

		newRow("keepalive_timeout", ctxHSL, take12, inCore(func(c *CoreLoc) *Opt[time.Duration] { return &c.KeepaliveTimeout }),
			[]time.Duration{75 * time.Second}, setKeepaliveTimeout),
		inherited(row{}, inCore(func(c *CoreLoc) *Opt[time.Duration] { return &c.KeepaliveHeader }), nil).hidden(),
		num("keepalive_requests", ctxHSL, inCore(func(c *CoreLoc) *Opt[int] { return &c.KeepaliveRequests }), 1000),
		coreTime("keepalive_time", ctxHSL, func(c *CoreLoc) *Opt[time.Duration] { return &c.KeepaliveTime }, time.Hour),
		coreTime("keepalive_min_timeout", ctxHSL, func(c *CoreLoc) *Opt[time.Duration] { return &c.KeepaliveMinTimeout }, 0),
		withArgs(bitmask("keepalive_disable", ctxHSL, inCore(func(c *CoreLoc) *Opt[[]string] { return &c.KeepaliveDisable }),
			[]string{"msie6"}, "none", "msie6", "safari"), take12),
		enum("lingering_close", ctxHSL, inCore(func(c *CoreLoc) *Opt[string] { return &c.LingeringClose }), "on", "off", "on", "always"),
		coreTime("lingering_time", ctxHSL, func(c *CoreLoc) *Opt[time.Duration] { return &c.LingeringTime }, 30*time.Second),
		coreTime("lingering_timeout", ctxHSL, func(c *CoreLoc) *Opt[time.Duration] { return &c.LingeringTimeout }, 5*time.Second),
		coreBool("reset_timedout_connection", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.ResetTimedoutConnection }, false),
		coreTime("send_timeout", ctxHSL, func(c *CoreLoc) *Opt[time.Duration] { return &c.SendTimeout }, 60*time.Second),
		coreSize("send_lowat", ctxHSL, func(c *CoreLoc) *Opt[int64] { return &c.SendLowat }, 0).checkedBy(noSendLowat("send_lowat")).ignored(noEffect),
		coreSize("postpone_output", ctxHSL, func(c *CoreLoc) *Opt[int64] { return &c.PostponeOutput }, 1460).ignored(noEffect),
		value("limit_rate", ctxHSLI, inCore(func(c *CoreLoc) *Opt[Value] { return &c.LimitRate })).checkedBy(checkRateValue),
		value("limit_rate_after", ctxHSLI, inCore(func(c *CoreLoc) *Opt[Value] { return &c.LimitRateAfter })).checkedBy(checkRateValue),
		coreBool("sendfile", ctxHSLI, func(c *CoreLoc) *Opt[bool] { return &c.Sendfile }, false),
		coreSize("sendfile_max_chunk", ctxHSL, func(c *CoreLoc) *Opt[int64] { return &c.SendfileMaxChunk }, 2<<20).ignored(noEffect),
		newRow("directio", ctxHSL, take1, inCore(func(c *CoreLoc) *Opt[int64] { return &c.DirectIO }), []int64{-1},
			func(_ *build, n *Node, o *Opt[int64]) error {
				o.V = -1
				if n.Args[0] == "off" {
					return nil
				}
				v, ok := parseOffset(n.Args[0])
				if !ok {
					return dirErr("invalid value")
				}
				o.V = v
				return nil
			}).ignored("files are read through the page cache"),
		singleRow("directio_alignment", ctxHSL, take1, checkOffset).ignored("files are read through the page cache"),
		newRow("aio", ctxHSL, take1, inCore(func(c *CoreLoc) *Opt[string] { return &c.AIO }), []string{"off"}, setAIO).ignored(noEffect),
		singleRow("aio_write", ctxHSL, flagArg, checkFlag).ignored(noEffect),
		coreSize("read_ahead", ctxHSL, func(c *CoreLoc) *Opt[int64] { return &c.ReadAhead }, 0).ignored(noEffect),
		coreBool("tcp_nopush", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.TCPNopush }, false).ignored("header and body leave in one write"),
		coreBool("tcp_nodelay", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.TCPNodelay }, true),
		newRow("server_tokens", ctxHSL, take1, inCore(func(c *CoreLoc) *Opt[string] { return &c.ServerTokens }), []string{"on"},
			func(b *build, n *Node, o *Opt[string]) error {
				if o.V = oneOf(n.Args[0], []string{"on", "off", "build"}); o.V == "" {
					return b.emerg(`invalid value "%s"`, n.Args[0])
				}
				return nil
			}),
		coreBool("server_name_in_redirect", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.ServerNameInRedirect }, false),
		coreBool("port_in_redirect", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.PortInRedirect }, true),
		coreBool("absolute_redirect", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.AbsoluteRedirect }, true),
		coreBool("msie_padding", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.MSIEPadding }, true),
		coreBool("msie_refresh", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.MSIERefresh }, false),
		coreBool("log_not_found", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.LogNotFound }, true),
		coreBool("log_subrequest", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.LogSubrequest }, false),
		coreBool("chunked_transfer_encoding", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.ChunkedTransferEncoding }, true),
		coreBool("etag", ctxHSL, func(c *CoreLoc) *Opt[bool] { return &c.ETag }, true),
		enum("if_modified_since", ctxHSL, inCore(func(c *CoreLoc) *Opt[string] { return &c.IfModifiedSince }), "exact", "off", "exact", "before"),
		num("max_ranges", ctxHSL, inCore(func(c *CoreLoc) *Opt[int] { return &c.MaxRanges }), -1),
		newRow("disable_symlinks", ctxHSL, take12, inCore(func(c *CoreLoc) *Opt[string] { return &c.DisableSymlinks }), []string{"off"}, setDisableSymlinks),
		inherited(row{}, inCore(func(c *CoreLoc) *Opt[Value] { return &c.DisableSymlinksFrom }), nil).hidden(),
		newRow("resolver", ctxHSL, oneMore, inCore(func(c *CoreLoc) *Opt[*Resolver] { return &c.Resolver }), nil, setResolver),
		coreTime("resolver_timeout", ctxHSL, func(c *CoreLoc) *Opt[time.Duration] { return &c.ResolverTimeout }, 30*time.Second),
		coreSize("subrequest_output_buffer_size", ctxHSL, func(c *CoreLoc) *Opt[int64] { return &c.SubrequestOutputBufferSize }, 4096),
		coreTime("auth_delay", ctxHSL, func(c *CoreLoc) *Opt[time.Duration] { return &c.AuthDelay }, 0),
		listRow("early_hints", ctxHSL, oneMore, inCore(func(c *CoreLoc) *Opt[[]Value] { return &c.EarlyHints }),
			func(b *build, n *Node, o *Opt[[]Value]) error {
				vs, err := b.values(n.Args)
				o.V = append(o.V, vs...)
				return err
			}),
		singleRow("open_file_cache", ctxHSL, take12, checkOpenFileCache).ignored("harmless: files are opened when needed"),
		singleRow("open_file_cache_valid", ctxHSL, take1, checkSec).ignored("harmless: files are opened when needed"),
		singleRow("open_file_cache_min_uses", ctxHSL, take1, checkNum).ignored("harmless: files are opened when needed"),
		singleRow("open_file_cache_errors", ctxHSL, flagArg, checkFlag).ignored("harmless: files are opened when needed"),
		singleRow("open_file_cache_events", ctxHSL, flagArg, checkFlag).ignored("harmless: files are opened when needed"),
		hashSize("types_hash_max_size", ctxHSL), hashSize("types_hash_bucket_size", ctxHSL),
		hashSize("server_names_hash_max_size", CtxHTTP), hashSize("server_names_hash_bucket_size", CtxHTTP),
		hashSize("variables_hash_max_size", CtxHTTP), hashSize("variables_hash_bucket_size", CtxHTTP),

		bufs("output_buffers", ctxHSL, inCore(func(c *CoreLoc) *Opt[SizeCount] { return &c.OutputBuffers }), SizeCount{2, 32768}).in("ngx_http_copy_filter_module"),
		newRow("try_files", ctxSL, twoMore, inCore(func(c *CoreLoc) *Opt[*TryFiles] { return &c.TryFiles }), nil, setTryFiles).local().in("ngx_http_try_files_module"),
	}
}

// in names the module of a row that stands among another's.
func (r row) in(module string) row {
	r.module = module
	return r
}

// local takes inheritance away.
func (r row) local() row {
	r.inherit = nil
	return r
}

// hidden is a value that inherits but is written by another directive.
func (r row) hidden() row {
	r.name = ""
	return r
}

// checkedBy adds a check before the setter.
func (r row) checkedBy(check func(b *build, n *Node) error) row {
	set := r.set
	r.set = func(b *build, n *Node) error {
		if err := check(b, n); err != nil {
			return err
		}
		return set(b, n)
	}
	return r
}

// withArgs replaces the argument counts.
func withArgs(r row, args argSpec) row {
	r.args = args
	return r
}

// poolSize is a size with nginx's limits for memory pools.
func poolSize(name string, ctx Context, f field[int64], def int64) row {
	return size(name, ctx, f, def).checkedBy(func(b *build, n *Node) error {
		v, ok := parseSize(n.Args[0])
		switch {
		case !ok:
			return nil // the setter says so
		case v < 112:
			return b.emerg("the pool size must be no less than 112")
		case v%16 != 0:
			return b.emerg("the pool size must be a multiple of 16")
		}
		return nil
	})
}

// checkRateValue checks limit_rate without variables.
func checkRateValue(b *build, n *Node) error {
	if strings.Contains(n.Args[0], "$") {
		return nil
	}
	return checkSize(b, n)
}

// tempPath is a directory with up to three level numbers.
func tempPath(name string, ctx Context, f field[string], def string) row {
	r := newRow(name, ctx, take1234, f, nil, func(b *build, n *Node, o *Opt[string]) error {
		for _, a := range n.Args[1:] {
			if v, ok := atoi(a); !ok || v == 0 {
				return dirErr("invalid value")
			}
		}
		o.V = b.fullName(n.Args[0])
		if !contains(b.conf.TempPaths, o.V) {
			b.conf.TempPaths = append(b.conf.TempPaths, o.V)
		}
		return nil
	})
	r.dflt = def
	return r
}

func setKeepaliveTimeout(b *build, n *Node, o *Opt[time.Duration]) error {
	v, ok := parseMsec(n.Args[0])
	if !ok {
		return dirErr("invalid value")
	}
	o.V = v
	if len(n.Args) == 2 {
		h, ok := parseSec(n.Args[1])
		if !ok {
			return dirErr("invalid value")
		}
		own(&b.cur.loc.Core).KeepaliveHeader = Opt[time.Duration]{V: h, Set: true, Pos: n.Pos()}
	}
	return nil
}

func setAIO(b *build, n *Node, o *Opt[string]) error {
	a := n.Args[0]
	if a != "on" && a != "off" && a != "threads" && !strings.HasPrefix(a, "threads=") {
		return dirErr("invalid value")
	}
	if _, err := b.value(strings.TrimPrefix(a, "threads=")); err != nil {
		return err
	}
	o.V = a
	return nil
}

func checkOpenFileCache(b *build, n *Node) error {
	hasMax, off := false, false
	for _, a := range n.Args {
		key, val, _ := strings.Cut(a, "=")
		ok := false
		switch {
		case key == "max":
			v, good := atoi(val)
			ok, hasMax = good && v > 0, true
		case key == "inactive":
			_, ok = parseSec(val)
		case a == "off":
			ok, off = true, true
		}
		if !ok {
			return b.emerg(`invalid "open_file_cache" parameter "%s"`, a)
		}
	}
	if !off && !hasMax {
		return b.emerg(`"open_file_cache" must have the "max" parameter`)
	}
	return nil
}

func setDisableSymlinks(b *build, n *Node, o *Opt[string]) error {
	from := false
	for _, a := range n.Args {
		switch {
		case a == "off", a == "if_not_owner", a == "on":
			o.V = a
		case strings.HasPrefix(a, "from="):
			v, err := b.value(a[len("from="):])
			if err != nil {
				return err
			}
			from = true
			own(&b.cur.loc.Core).DisableSymlinksFrom = Opt[Value]{V: v, Set: true, Pos: n.Pos()}
		default:
			return b.emerg(`invalid parameter "%s"`, a)
		}
	}
	switch {
	case o.V == "":
		return b.emerg(`"disable_symlinks" must have "off", "on" or "if_not_owner" parameter`)
	case len(n.Args) == 1:
		return nil
	case !from:
		return b.emerg(`duplicate parameters "%s %s"`, n.Args[0], n.Args[1])
	case o.V == "off":
		return b.emerg(`"from=" cannot be used with "off" parameter`)
	}
	return nil
}

// setResolver reads resolver's servers and parameters.
// See: ngx_resolver_create.
func setResolver(b *build, n *Node, o *Opt[*Resolver]) error {
	r := &Resolver{IPv4: true, IPv6: true, Pos: n.Pos()}
	for _, a := range n.Args {
		key, val, has := strings.Cut(a, "=")
		onoff := val == "on"
		bad := has && val != "on" && val != "off"
		switch {
		case has && key == "valid":
			v, ok := parseSec(val)
			if !ok {
				return b.emerg("invalid parameter: %s", a)
			}
			r.Valid = v
		case has && (key == "ipv4" || key == "ipv6" || key == "local"):
			if bad {
				return b.emerg("invalid parameter: %s", a)
			}
			switch key {
			case "ipv4":
				r.IPv4 = onoff
			case "ipv6":
				r.IPv6 = onoff
			default:
				r.Local = onoff
			}
		case has && key == "status_zone":
			r.StatusZone = val
		default:
			if err := b.resolverServer(r, a); err != nil {
				return err
			}
		}
	}
	if !r.IPv4 && !r.IPv6 {
		return b.emerg(`"ipv4" and "ipv6" cannot both be "off"`)
	}
	if len(r.Addrs) == 0 && !r.Local {
		return b.emerg("no name servers defined")
	}
	o.V = r
	return nil
}

func (b *build) resolverServer(r *Resolver, text string) error {
	a := parseAddress(text, 53, false, false)
	if a.err != "" {
		return b.emerg(`%s in resolver "%s"`, a.err, text)
	}
	addrs, ok := b.resolve(a)
	if !ok {
		return b.emerg(`host not found in resolver "%s"`, text)
	}
	for _, ap := range addrs {
		r.Addrs = append(r.Addrs, b.opt.MapAddr(ap.String()))
	}
	return nil
}
