package nginxconf

import "strings"

// Tree reads file and what it includes into one tree without includes, the
// form that another syntax is written from. It says nothing about whether
// the directives are right; Load does. See: Options.ReadTree, the way back.
func Tree(files Files, file string, opt Options) ([]*Node, error) {
	opt.setDefaults()
	b := newBuild(files, opt)
	b.confPrefix = dirPrefix(file)
	s, err := b.read(opt.MapPath(file))
	if err != nil {
		return nil, err
	}
	b.opened = append(b.opened, opt.MapPath(file))
	nodes, err := b.expand(s.kids)
	if err != nil {
		return nil, err
	}
	if s.err != nil {
		return nil, b.lexical(s.name, s.err)
	}
	if first := fragment(nodes); first != nil && !opt.Strict {
		nodes = wrapFragment(nodes, first)
	}
	return nodes, nil
}

// expand puts the directives of included files where the include stands.
func (b *build) expand(nodes []*Node) ([]*Node, error) {
	var out []*Node
	for _, n := range nodes {
		b.node = n
		if n.noSemi {
			n.Note = `its ";" was missing`
		}
		if n.Name == "include" && len(n.Args) == 1 && !n.Block {
			kids, err := b.included(n)
			if err != nil {
				return nil, err
			}
			if len(kids) > 0 {
				kids[0].Note = "from here on: include " + n.Args[0]
			}
			out = append(out, kids...)
			continue
		}
		if n.broken != nil {
			return nil, b.lexical(n.File, n.broken)
		}
		var err error
		if n.Kids, err = b.expand(n.Kids); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func (b *build) included(n *Node) ([]*Node, error) {
	name := b.confName(n.Args[0])
	names := []string{name}
	if strings.ContainsAny(name, "*?[") {
		names = glob(b.files, name)
	}
	var out []*Node
	for _, name := range names {
		if contains(b.opened, name) {
			return nil, b.emerg(`include "%s" leads back to itself`, n.Args[0])
		}
		s, err := b.read(name)
		if err != nil {
			return nil, err
		}
		b.opened = append(b.opened, name)
		kids, err := b.expand(s.kids)
		b.opened = b.opened[:len(b.opened)-1]
		if err == nil && s.err != nil {
			err = b.lexical(s.name, s.err)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, kids...)
	}
	return out, nil
}

// wrapFragment puts what belongs there into an http block, and adds the events
// block that a whole configuration needs.
func wrapFragment(nodes []*Node, first *Node) []*Node {
	http := &Node{Name: "http", Block: true, File: first.File, Line: first.Line,
		Note: "the file had no http block: it was read as if inside one"}
	out := []*Node{{Name: "events", Block: true, File: first.File, Line: first.Line}}
	for _, n := range nodes {
		if onlyIn(n.Name, CtxMain, CtxHTTP) {
			out = append(out, n)
		} else {
			http.Kids = append(http.Kids, n)
		}
	}
	return append(out, http)
}

// Words splits text into words as nginx does, quotes and escapes decoded.
func Words(text string) ([]string, bool) {
	stmts, err := scan("w "+text+";", true, false)
	if err != nil || len(stmts) != 1 || stmts[0].block {
		return nil, false
	}
	return stmts[0].args[1:], true
}

// Suggest is the directive that name may have been meant to be, or "".
func Suggest(name string) string { return nearest(name, CtxAny) }
