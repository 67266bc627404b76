package nginxconf

import "strings"

// filterRows is the body filters: gzip, gunzip, sub, addition, charset, mirror.
func filterRows() []row {
	fBool := func(name string, f func(*FilterLoc) *Opt[bool], def bool) row {
		return flag(name, ctxHSL, inFilter(f), def)
	}
	fStrs := func(f func(*FilterLoc) *Opt[[]string]) field[[]string] { return inFilter(f) }
	gzip, gunzip, sub := "ngx_http_gzip_filter_module", "ngx_http_gunzip_filter_module", "ngx_http_sub_filter_module"
	core, add, charset := "ngx_http_core_module", "ngx_http_addition_filter_module", "ngx_http_charset_filter_module"
	return []row{
		size("slice", ctxHSL, inFilter(func(f *FilterLoc) *Opt[int64] { return &f.Slice }), 0).in("ngx_http_slice_filter_module"),
		flag("gzip", ctxHSLI, inFilter(func(f *FilterLoc) *Opt[bool] { return &f.Gzip }), false).in(gzip),
		bufs("gzip_buffers", ctxHSL, inFilter(func(f *FilterLoc) *Opt[SizeCount] { return &f.GzipBuffers }), SizeCount{32, 4096}).in(gzip),
		num("gzip_comp_level", ctxHSL, inFilter(func(f *FilterLoc) *Opt[int] { return &f.GzipCompLevel }), 1).
			checkedBy(func(b *build, n *Node) error { return b.bounds(n, 1, 9) }).in(gzip),
		size("gzip_min_length", ctxHSL, inFilter(func(f *FilterLoc) *Opt[int64] { return &f.GzipMinLength }), 20).in(gzip),
		types("gzip_types", ctxHSL, fStrs(func(f *FilterLoc) *Opt[[]string] { return &f.GzipTypes }), "text/html").in(gzip),
		singleRow("gzip_window", ctxHSL, take1, powerOfTwo(32, "512, 1k, 2k, 4k, 8k, 16k, or 32k")).ignored("memory tuning of zlib").in(gzip),
		singleRow("gzip_hash", ctxHSL, take1, powerOfTwo(128, "512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k")).ignored("memory tuning of zlib").in(gzip),
		singleRow("postpone_gzipping", ctxHSL, take1, checkSize).ignored("memory tuning of zlib").in(gzip),
		singleRow("gzip_no_buffer", ctxHSL, flagArg, checkFlag).ignored("memory tuning of zlib").in(gzip),
		listRow("gzip_disable", ctxHSL, oneMore, fStrs(func(f *FilterLoc) *Opt[[]string] { return &f.GzipDisable }),
			func(b *build, n *Node, o *Opt[[]string]) error {
				for _, a := range n.Args {
					if a != "msie6" {
						if _, err := b.opt.CompileRegex(a, true); err != nil {
							return b.emerg("%s", err)
						}
					}
					o.V = append(o.V, a)
				}
				return nil
			}).in(core),
		enum("gzip_http_version", ctxHSL, inFilter(func(f *FilterLoc) *Opt[string] { return &f.GzipHTTPVersion }), "1.1", "1.0", "1.1").in(core),
		bitmask("gzip_proxied", ctxHSL, fStrs(func(f *FilterLoc) *Opt[[]string] { return &f.GzipProxied }), []string{"off"},
			"off", "expired", "no-cache", "no-store", "private", "no_last_modified", "no_etag", "auth", "any").in(core),
		fBool("gzip_vary", func(f *FilterLoc) *Opt[bool] { return &f.GzipVary }, false).in(core),
		enum("gzip_static", ctxHSL, inFilter(func(f *FilterLoc) *Opt[string] { return &f.GzipStatic }), "off", "off", "on", "always").in("ngx_http_gzip_static_module"),
		fBool("gunzip", func(f *FilterLoc) *Opt[bool] { return &f.Gunzip }, false).in(gunzip),
		bufs("gunzip_buffers", ctxHSL, inFilter(func(f *FilterLoc) *Opt[SizeCount] { return &f.GunzipBuffers }), SizeCount{32, 4096}).in(gunzip),

		listRow("sub_filter", ctxHSL, take2, inFilter(func(f *FilterLoc) *Opt[[]SubFilter] { return &f.SubFilter }), addSubFilter).in(sub),
		fBool("sub_filter_once", func(f *FilterLoc) *Opt[bool] { return &f.SubFilterOnce }, true).in(sub),
		types("sub_filter_types", ctxHSL, fStrs(func(f *FilterLoc) *Opt[[]string] { return &f.SubFilterTypes }), "text/html").in(sub),
		fBool("sub_filter_last_modified", func(f *FilterLoc) *Opt[bool] { return &f.SubFilterLastModified }, false).in(sub),
		str("add_before_body", ctxHSL, inFilter(func(f *FilterLoc) *Opt[string] { return &f.AddBeforeBody })).in(add),
		str("add_after_body", ctxHSL, inFilter(func(f *FilterLoc) *Opt[string] { return &f.AddAfterBody })).in(add),
		types("addition_types", ctxHSL, fStrs(func(f *FilterLoc) *Opt[[]string] { return &f.AdditionTypes }), "text/html").in(add),

		charsetRow("charset", inFilter(func(f *FilterLoc) *Opt[*Value] { return &f.Charset })).in(charset),
		charsetRow("source_charset", inFilter(func(f *FilterLoc) *Opt[*Value] { return &f.SourceCharset })).in(charset),
		flag("override_charset", ctxHSLI, inFilter(func(f *FilterLoc) *Opt[bool] { return &f.OverrideCharset }), false).in(charset),
		types("charset_types", ctxHSL, fStrs(func(f *FilterLoc) *Opt[[]string] { return &f.CharsetTypes }),
			"text/html", "text/xml", "text/plain", "text/vnd.wap.wml", "application/javascript", "application/rss+xml").in(charset),
		blockOf("charset_map", CtxHTTP, take2, setCharsetMap).in(charset),

		inherited(custom("mirror", ctxHSL, take1, setMirror), fStrs(func(f *FilterLoc) *Opt[[]string] { return &f.Mirror }), nil).in("ngx_http_mirror_module"),
		fBool("mirror_request_body", func(f *FilterLoc) *Opt[bool] { return &f.MirrorRequestBody }, true).in("ngx_http_mirror_module"),
	}
}

func addSubFilter(b *build, n *Node, o *Opt[[]SubFilter]) error {
	if n.Args[0] == "" {
		return b.emerg("empty search pattern")
	}
	from, err := b.value(strings.ToLower(n.Args[0]))
	if err != nil {
		return err
	}
	to, err := b.value(n.Args[1])
	o.V = append(o.V, SubFilter{from, to})
	return err
}

// charsetRow follows ngx_http_set_charset_slot.
func charsetRow(name string, f field[*Value]) row {
	return newRow(name, ctxHSLI, take1, f, nil, func(b *build, n *Node, o *Opt[*Value]) error {
		if n.Args[0] == "off" && name == "charset" {
			return nil
		}
		v, err := b.value(n.Args[0])
		o.V = &v
		return err
	})
}

func setMirror(b *build, n *Node) error {
	o := &own(&b.cur.loc.Filter).Mirror
	off, err := offOrList(b, n, o)
	if off || err != nil {
		return err
	}
	o.V = append(o.V, n.Args[0])
	return nil
}

// setCharsetMap reads a recoding table.
// See: http://nginx.org/en/docs/http/ngx_http_charset_module.html#charset_map
func setCharsetMap(b *build, n *Node) error {
	m := &CharsetMap{Pos: n.Pos(), From: n.Args[0], To: n.Args[1]}
	if strings.EqualFold(m.From, m.To) {
		return b.emerg(`"charset_map" between the same charsets "%s" and "%s"`, m.From, m.To)
	}
	for _, o := range b.conf.HTTP.CharsetMaps {
		if strings.EqualFold(o.From, m.From) && strings.EqualFold(o.To, m.To) ||
			strings.EqualFold(o.From, m.To) && strings.EqualFold(o.To, m.From) {
			return b.emerg(`duplicate "charset_map" between "%s" and "%s"`, m.From, m.To)
		}
	}
	b.conf.HTTP.CharsetMaps = append(b.conf.HTTP.CharsetMaps, m)
	utf8 := strings.EqualFold(m.To, "utf-8")
	return b.entries(n, func(e *Node) error {
		if e.Name == "include" && len(e.Args) == 1 {
			return b.include(e)
		}
		if len(e.Args) != 1 {
			return b.emerg("invalid parameters number")
		}
		src, ok := hexBytes(e.Name)
		if !ok || len(src) != 1 {
			return b.emerg(`invalid value "%s"`, e.Name)
		}
		dst, ok := hexBytes(e.Args[0])
		if !ok || len(dst) == 0 || !utf8 && len(dst) != 1 || len(dst) > 6 {
			return b.emerg(`invalid value "%s"`, e.Args[0])
		}
		m.Table = append(m.Table, CharsetPair{src[0], string(dst)})
		return nil
	})
}

// hexBytes reads pairs of hexadecimal digits; one digit alone is a byte too.
func hexBytes(s string) ([]byte, bool) {
	if len(s)%2 == 1 {
		s = "0" + s
	}
	out := make([]byte, 0, len(s)/2)
	for i := 0; i < len(s); i += 2 {
		var v byte
		for _, c := range []byte(s[i : i+2]) {
			d := strings.IndexByte("0123456789abcdef", c|0x20)
			if c >= '0' && c <= '9' {
				d = int(c - '0')
			}
			if d < 0 {
				return nil, false
			}
			v = v<<4 | byte(d)
		}
		out = append(out, v)
	}
	return out, true
}
