package nginxconf

import (
	"strings"
	"time"
)

// upstreamModule is a module that passes requests on to upstreams: its name
// in directives, where its values are, and what nginx calls the conditions of
// its next_upstream.
type upstreamModule struct {
	prefix    string
	section   section
	at        func(*LocConf) **ProxyLoc
	nextWords map[string]NextUpstream
}

var (
	proxyModule = upstreamModule{"proxy", secProxy, func(l *LocConf) **ProxyLoc { return &l.Proxy }, proxyNextWords}
	fcgiModule  = upstreamModule{"fastcgi", secFastCGI, func(l *LocConf) **ProxyLoc { return &l.FastCGI }, fastcgiNextWords}
)

func (m upstreamModule) name(s string) string { return m.prefix + "_" + s }

// of is the module's struct of a level, made if need be.
func (m upstreamModule) of(l *level) *ProxyLoc { return own(m.at(l.loc)) }

func inModule[T any](m upstreamModule, f func(*ProxyLoc) *Opt[T]) field[T] {
	return field[T]{m.section, func(l *level) *Opt[T] { return f(m.of(l)) }}
}

func (m upstreamModule) flag(name string, f func(*ProxyLoc) *Opt[bool], def bool) row {
	return flag(name, ctxHSL, inModule(m, f), def)
}

func (m upstreamModule) msec(name string, f func(*ProxyLoc) *Opt[time.Duration], def time.Duration) row {
	return msec(name, ctxHSL, inModule(m, f), def)
}

func (m upstreamModule) size(name string, f func(*ProxyLoc) *Opt[int64], def ...int64) row {
	return size(name, ctxHSL, inModule(m, f), def...)
}

// passRows are the directives that such modules have in common.
func passRows(m upstreamModule) []row {
	return []row{
		m.flag(m.name("pass_request_headers"), func(p *ProxyLoc) *Opt[bool] { return &p.PassRequestHeaders }, true),
		m.flag(m.name("pass_request_body"), func(p *ProxyLoc) *Opt[bool] { return &p.PassRequestBody }, true),
		strs(m.name("hide_header"), ctxHSL, take1, inModule(m, func(p *ProxyLoc) *Opt[[]string] { return &p.HideHeaders })),
		strs(m.name("pass_header"), ctxHSL, take1, inModule(m, func(p *ProxyLoc) *Opt[[]string] { return &p.PassHeaders })),
		bitmask(m.name("ignore_headers"), ctxHSL, inModule(m, func(p *ProxyLoc) *Opt[[]string] { return &p.IgnoreHeaders }), nil,
			"X-Accel-Redirect", "X-Accel-Expires", "X-Accel-Limit-Rate", "X-Accel-Buffering", "X-Accel-Charset", "Expires",
			"Cache-Control", "Set-Cookie", "Vary"),
		m.msec(m.name("connect_timeout"), func(p *ProxyLoc) *Opt[time.Duration] { return &p.ConnectTimeout }, 60*time.Second),
		m.msec(m.name("send_timeout"), func(p *ProxyLoc) *Opt[time.Duration] { return &p.SendTimeout }, 60*time.Second),
		m.msec(m.name("read_timeout"), func(p *ProxyLoc) *Opt[time.Duration] { return &p.ReadTimeout }, 60*time.Second),
		m.size(m.name("send_lowat"), func(p *ProxyLoc) *Opt[int64] { return &p.SendLowat }, 0).checkedBy(noSendLowat(m.name("send_lowat"))).ignored(noEffect),
		m.flag(m.name("buffering"), func(p *ProxyLoc) *Opt[bool] { return &p.Buffering }, true),
		m.flag(m.name("request_buffering"), func(p *ProxyLoc) *Opt[bool] { return &p.RequestBuffering }, true),
		m.size(m.name("buffer_size"), func(p *ProxyLoc) *Opt[int64] { return &p.BufferSize }, 4096),
		bufs(m.name("buffers"), ctxHSL, inModule(m, func(p *ProxyLoc) *Opt[SizeCount] { return &p.Buffers }), SizeCount{8, 4096}),
		m.size(m.name("busy_buffers_size"), func(p *ProxyLoc) *Opt[int64] { return &p.BusyBuffersSize }, -1),
		m.size(m.name("max_temp_file_size"), func(p *ProxyLoc) *Opt[int64] { return &p.MaxTempFileSize }, 1<<30),
		m.size(m.name("temp_file_write_size"), func(p *ProxyLoc) *Opt[int64] { return &p.TempFileWriteSize }, -1),
		tempPath(m.name("temp_path"), ctxHSL, inModule(m, func(p *ProxyLoc) *Opt[string] { return &p.TempPath }), m.prefix+"_temp"),
		value(m.name("limit_rate"), ctxHSL, inModule(m, func(p *ProxyLoc) *Opt[Value] { return &p.LimitRate })).checkedBy(checkRateValue),
		nextUpstream(m.name("next_upstream"), inModule(m, func(p *ProxyLoc) *Opt[NextUpstream] { return &p.NextUpstream }), m.nextWords),
		num(m.name("next_upstream_tries"), ctxHSL, inModule(m, func(p *ProxyLoc) *Opt[int] { return &p.NextUpstreamTries }), 0),
		m.msec(m.name("next_upstream_timeout"), func(p *ProxyLoc) *Opt[time.Duration] { return &p.NextUpstreamTimeout }, 0),
		m.flag(m.name("intercept_errors"), func(p *ProxyLoc) *Opt[bool] { return &p.InterceptErrors }, false),
		m.flag(m.name("ignore_client_abort"), func(p *ProxyLoc) *Opt[bool] { return &p.IgnoreClientAbort }, false),
		m.flag(m.name("force_ranges"), func(p *ProxyLoc) *Opt[bool] { return &p.ForceRanges }, false),
		m.flag(m.name("socket_keepalive"), func(p *ProxyLoc) *Opt[bool] { return &p.SocketKeepalive }, false),
		singleRow(m.name("socket_rcvbuf"), ctxHSL, take1, checkSize).ignored(noEffect),
		singleRow(m.name("socket_sndbuf"), ctxHSL, take1, checkSize).ignored(noEffect),
		newRow(m.name("bind"), ctxHSL, take12, inModule(m, func(p *ProxyLoc) *Opt[*Value] { return &p.Bind }), nil, m.setBind),
		newRow(m.name("store"), ctxHSL, take1, inModule(m, func(p *ProxyLoc) *Opt[*Value] { return &p.Store }), nil, m.setStore),
		newRow(m.name("store_access"), ctxHSL, take123, inModule(m, func(p *ProxyLoc) *Opt[string] { return &p.StoreAccess }), []string{"user:rw"}, setStoreAccess),
	}
}

func (m upstreamModule) setStore(b *build, n *Node, o *Opt[*Value]) error {
	switch n.Args[0] {
	case "off":
		return nil
	case "":
		return b.emerg("empty path")
	}
	if m.of(&b.cur).Cache.Zone.V != nil {
		return dirErr(`is incompatible with "` + m.name("cache") + `"`)
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

// fastcgiNextWords are the conditions of fastcgi_next_upstream.
var fastcgiNextWords = map[string]NextUpstream{
	"error": NextError, "timeout": NextTimeout, "invalid_header": NextInvalidHeader, "non_idempotent": NextNonIdempotent,
	"http_500": Next500, "http_503": Next503, "http_403": Next403, "http_404": Next404, "http_429": Next429,
	"updating": NextUpdating, "off": NextOff,
}

func (m upstreamModule) setBind(b *build, n *Node, o *Opt[*Value]) error {
	if len(n.Args) == 2 && n.Args[0] != "off" && n.Args[1] == "transparent" {
		m.of(&b.cur).BindTransparent = true
	}
	return setBind(b, n, o)
}

// finishUpstreamLoc checks sizes against each other and gives an if or a
// limit_except its location's pass.
// See: ngx_http_proxy_merge_loc_conf, ngx_http_fastcgi_merge_loc_conf.
func (b *build) finishUpstreamLoc(m upstreamModule, h Handler, parent, child *level, ownStruct bool) error {
	if !ownStruct {
		return nil
	}
	b.node = nil
	c, p := *m.at(child.loc), *m.at(parent.loc)
	if msg := c.badSizes(); msg != "" {
		return b.emergAt(b.endOfHTTP, "%s", strings.ReplaceAll(msg, "PREFIX", m.prefix))
	}
	if err := b.finishCache(m, c); err != nil {
		return err
	}
	if l := child.location; l != nil && (l.Kind == LocIf || l.Kind == LocLimitExcept) && c.Pass == nil && p.Pass != nil {
		c.Pass = p.Pass
		if l.Kind == LocLimitExcept {
			if child.loc.Core.Handler == HandlerNone {
				unshareCore(child)
				child.loc.Core.Handler = h
			}
		}
	}
	return nil
}

// badSizes is what is wrong with the buffers, in nginx's words; "PREFIX"
// stands for the module.
func (c *ProxyLoc) badSizes() string {
	big := max(c.BufferSize.V, c.Buffers.V.Size)
	busy, write := c.BusyBuffersSize.V, c.TempFileWriteSize.V
	if busy < 0 {
		busy = 2 * big
	}
	if write < 0 {
		write = 2 * big
	}
	switch {
	case c.Buffers.V.Num < 2:
		return `there must be at least 2 "PREFIX_buffers"`
	case busy < big:
		return `"PREFIX_busy_buffers_size" must be equal to or greater than the maximum of the value of "PREFIX_buffer_size" and one of the "PREFIX_buffers"`
	case busy > int64(c.Buffers.V.Num-1)*c.Buffers.V.Size:
		return `"PREFIX_busy_buffers_size" must be less than the size of all "PREFIX_buffers" minus one buffer`
	case write < big:
		return `"PREFIX_temp_file_write_size" must be equal to or greater than the maximum of the value of "PREFIX_buffer_size" and one of the "PREFIX_buffers"`
	case c.MaxTempFileSize.V != 0 && c.MaxTempFileSize.V < big:
		return `"PREFIX_max_temp_file_size" must be equal to zero to disable temporary files usage or must be equal to or greater than ` +
			`the maximum of the value of "PREFIX_buffer_size" and one of the "PREFIX_buffers"`
	}
	return ""
}
