package nginxconf

import "strings"

// indexRows is index, autoindex and random_index.
func indexRows() []row {
	iBool := func(name string, f func(*IndexLoc) *Opt[bool], def bool) row {
		return flag(name, ctxHSL, inIndex(f), def).in("ngx_http_autoindex_module")
	}
	return []row{
		inherited(row{name: "index", ctx: ctxHSL, args: oneMore, set: setIndex}, inIndex(func(i *IndexLoc) *Opt[[]Value] { return &i.Index }),
			[][]Value{{literal("index.html")}}),
		iBool("autoindex", func(i *IndexLoc) *Opt[bool] { return &i.Autoindex }, false),
		iBool("autoindex_exact_size", func(i *IndexLoc) *Opt[bool] { return &i.AutoindexExactSize }, true),
		iBool("autoindex_localtime", func(i *IndexLoc) *Opt[bool] { return &i.AutoindexLocaltime }, false),
		enum("autoindex_format", ctxHSL, inIndex(func(i *IndexLoc) *Opt[string] { return &i.AutoindexFormat }), "html", "html", "json", "jsonp", "xml").in("ngx_http_autoindex_module"),
		flag("random_index", CtxLocation, inIndex(func(i *IndexLoc) *Opt[bool] { return &i.RandomIndex }), false).in("ngx_http_random_index_module"),
	}
}

func setIndex(b *build, n *Node) error {
	o := &own(&b.cur.loc.Index).Index
	for i, a := range n.Args {
		if strings.HasPrefix(a, "/") && i != len(n.Args)-1 {
			b.warn("only the last index in \"index\" directive should be absolute")
		}
		if a == "" {
			return b.emerg(`index "%s" in "index" directive is invalid`, n.Args[0]) // nginx names the first
		}
		v, err := b.value(a)
		if err != nil {
			return err
		}
		o.V = append(o.V, v)
	}
	if !o.Set {
		o.Set, o.Pos = true, n.Pos()
	}
	return nil
}
