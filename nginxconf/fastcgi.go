package nginxconf

import (
	"strings"

	"huidu/luacompat/pcre"
)

func inFastCGI[T any](f func(*FastCGI) *Opt[T]) field[T] {
	return inModule(fcgiModule, func(p *ProxyLoc) *Opt[T] { return f(&p.FastCGI) })
}

// fastcgiRows is ngx_http_fastcgi_module.
// See: http://nginx.org/en/docs/http/ngx_http_fastcgi_module.html
func fastcgiRows() []row {
	rows := []row{
		custom("fastcgi_pass", ctxLI, take1, setFastCGIPass),
		listRow("fastcgi_param", ctxHSL, take23, inFastCGI(func(f *FastCGI) *Opt[[]FastCGIParam] { return &f.Params }), addFastCGIParam),
		str("fastcgi_index", ctxHSL, inFastCGI(func(f *FastCGI) *Opt[string] { return &f.Index })),
		flag("fastcgi_keep_conn", ctxHSL, inFastCGI(func(f *FastCGI) *Opt[bool] { return &f.KeepConn }), false),
		strs("fastcgi_catch_stderr", ctxHSL, take1, inFastCGI(func(f *FastCGI) *Opt[[]string] { return &f.CatchStderr })),
		newRow("fastcgi_split_path_info", ctxHSL, take1, inFastCGI(func(f *FastCGI) *Opt[*Regex] { return &f.SplitPath }), nil, setSplitPath),
	}
	rows = append(rows, passRows(fcgiModule)...)
	return append(rows, cacheRows(fcgiModule)...)
}

// setFastCGIPass follows ngx_http_fastcgi_pass.
func setFastCGIPass(b *build, n *Node) error {
	p := fcgiModule.of(&b.cur)
	if p.Pass != nil {
		return errDuplicate
	}
	b.handlers[b.cur.loc] = HandlerFastCGI
	text := n.Args[0]
	p.Pass = &ProxyPass{Pos: n.Pos()}
	var err error
	if p.Pass.URL, err = b.value(text); err != nil {
		return err
	}
	if strings.Contains(text, "$") {
		p.Pass.HasVars = true
		return nil
	}
	up, _, err := b.upstreamFor(text, 0)
	p.Pass.Upstream, p.Pass.Host = up, text
	return err
}

// addFastCGIParam follows ngx_http_upstream_param_set_slot.
func addFastCGIParam(b *build, n *Node, o *Opt[[]FastCGIParam]) error {
	v, err := b.value(n.Args[1])
	if err != nil {
		return err
	}
	p := FastCGIParam{Name: n.Args[0], Value: v, Pos: n.Pos()}
	if len(n.Args) == 3 {
		if n.Args[2] != "if_not_empty" {
			return b.emerg(`invalid parameter "%s"`, n.Args[2])
		}
		p.IfNotEmpty = true
	}
	o.V = append(o.V, p)
	return nil
}

// setSplitPath follows ngx_http_fastcgi_split_path_info.
func setSplitPath(b *build, n *Node, o *Opt[*Regex]) error {
	re, err := b.regex(n.Args[0], false)
	if err != nil {
		return err
	}
	if c, err := pcre.Compile(n.Args[0], 0); err == nil && c.NumCaptures() != 2 {
		return b.emerg(`pattern "%s" must have 2 captures`, n.Args[0])
	}
	o.V = re
	return nil
}
