package nginxconf

import "strings"

// The core directives about files: root, alias, types, error_page, try_files.

// rootRow follows ngx_http_core_root, which serves root and alias.
func rootRow(name string, ctx Context) row {
	r := row{name: name, ctx: ctx, args: take1}
	alias := name == "alias"
	r.set = func(b *build, n *Node) error {
		c := own(&b.cur.loc.Core)
		switch {
		case alias && c.Alias.Set, !alias && c.Root.Set:
			return errDuplicate
		case alias && c.Root.Set:
			return b.emerg(`"alias" directive is duplicate, "root" directive was specified earlier`)
		case c.Alias.Set:
			return b.emerg(`"root" directive is duplicate, "alias" directive was specified earlier`)
		case alias && b.cur.location.Kind == LocNamed:
			return b.emerg(`the "alias" directive cannot be used inside the named location`)
		}
		text := n.Args[0]
		for _, v := range []string{"document_root", "realpath_root"} {
			if strings.Contains(text, "$"+v) || strings.Contains(text, "${"+v+"}") {
				return b.emerg(`the $%s variable cannot be used in the "%s" directive`, v, name)
			}
		}
		if !alias {
			text = strings.TrimSuffix(text, "/")
		}
		v, err := b.pathValue(text)
		if err != nil {
			return err
		}
		if alias {
			c.Alias = Opt[*Value]{V: &v, Set: true, Pos: n.Pos()}
			c.AliasLocation = b.cur.location
		} else {
			c.Root = Opt[Value]{V: v, Set: true, Pos: n.Pos()}
		}
		return nil
	}
	r.section = secCore
	if !alias { // root and alias inherit together
		r.inherit = func(parent, child *level) {
			if p, c := parent.loc.Core, child.loc.Core; !c.Root.Set && !c.Alias.Set {
				c.Root.V, c.Root.Pos = p.Root.V, p.Root.Pos
				c.Alias.V, c.Alias.Pos = p.Alias.V, p.Alias.Pos
				c.AliasLocation = p.AliasLocation
			}
		}
	}
	return r
}

var defaultTypes = map[string]string{"html": "text/html", "gif": "image/gif", "jpg": "image/jpeg"}

// setTypes reads a types block; several of one level add up.
func setTypes(b *build, n *Node) error {
	o := &own(&b.cur.loc.Core).Types
	if !o.Set {
		*o = Opt[map[string]string]{V: map[string]string{}, Set: true, Pos: n.Pos()}
	}
	return b.entries(n, func(e *Node) error {
		if e.Name == "include" {
			if len(e.Args) != 1 {
				return b.emerg(`invalid number of arguments in "include" directive`)
			}
			return b.include(e)
		}
		for _, ext := range e.Args {
			ext = strings.ToLower(ext)
			if old, ok := o.V[ext]; ok {
				b.warn(`duplicate extension "%s", content type: "%s", previous content type: "%s"`, ext, e.Name, old)
			}
			o.V[ext] = e.Name
		}
		return nil
	})
}

// addErrorPage follows ngx_http_core_error_page.
func addErrorPage(b *build, n *Node, o *Opt[[]ErrorPage]) error {
	codes := n.Args[:len(n.Args)-1]
	p := ErrorPage{Response: -1, Pos: n.Pos()}
	if last := codes[len(codes)-1]; strings.HasPrefix(last, "=") {
		if len(codes) == 1 {
			return b.emerg(`invalid value "%s"`, last)
		}
		p.Response = 0
		if len(last) > 1 {
			v, ok := atoi(last[1:])
			if !ok {
				return b.emerg(`invalid value "%s"`, last)
			}
			p.Response = v
		}
		codes = codes[:len(codes)-1]
	}
	uri, err := b.value(n.Args[len(n.Args)-1])
	if err != nil {
		return err
	}
	p.URI = uri
	for _, c := range codes {
		v, ok := atoi(c)
		switch {
		case !ok || v == 499:
			return b.emerg(`invalid value "%s"`, c)
		case v < 300 || v > 599:
			return b.emerg(`value "%s" must be between 300 and 599`, c)
		}
		p.Codes = append(p.Codes, v)
	}
	o.V = append(o.V, p)
	return nil
}

// setTryFiles follows ngx_http_try_files.
func setTryFiles(b *build, n *Node, o *Opt[*TryFiles]) error {
	t := &TryFiles{}
	last := len(n.Args) - 1
	for i, a := range n.Args {
		dir := i < last && strings.HasSuffix(a, "/")
		if dir {
			a = a[:len(a)-1]
		}
		v, err := b.value(a)
		if err != nil {
			return err
		}
		if i < last {
			t.Files = append(t.Files, TryFile{Name: v, Dir: dir})
			continue
		}
		t.Last = v
		if strings.HasPrefix(a, "=") {
			code, ok := atoi(a[1:])
			if !ok || code > 999 {
				return b.emerg(`invalid code "%s"`, a)
			}
			t.Code = code
		}
	}
	o.V = t
	return nil
}

// finishSrv checks a server and adds the name "" where none is given.
func (b *build) finishSrv(lv *level) error {
	b.node = nil
	s, c := lv.server, lv.srv
	if c.LargeClientHeaderBuffers.V.Size < c.ConnectionPoolSize.V {
		return b.emergAt(b.endOfHTTP, `the "large_client_header_buffers" size must be equal to or greater than "connection_pool_size"`)
	}
	if len(s.Names) == 0 {
		s.Names = []ServerName{{Kind: NameExact}}
	}
	inheritLuaSrv(b.conf.HTTP.Srv, c)
	return nil
}
