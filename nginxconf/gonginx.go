package nginxconf

import (
	"fmt"
	"sync"

	"github.com/tufanbarisyildirim/gonginx/config"
	"github.com/tufanbarisyildirim/gonginx/parser"
)

// plainWrappers takes away gonginx's typed views, which reorder servers, drop
// extra arguments and lose duplicates; done once, before the first parse.
var plainWrappers = sync.OnceFunc(func() {
	clear(config.BlockWrappers)
	clear(config.DirectiveWrappers)
	clear(config.IncludeWrappers)
	config.BlockWrappers["_by_lua_block"] = func(d *config.Directive) (config.IDirective, error) {
		d.Block = &config.Block{IsLuaBlock: true}
		return d, nil
	}
})

// parse reads one file's text into nodes.
func parse(name, src string, strict, param bool) (*source, error) {
	plainWrappers()
	stmts, lexErr := scan(src, strict, param)
	open := 0
	for i := range stmts {
		switch {
		case stmts[i].end:
			open--
		case stmts[i].block && !stmts[i].isLua:
			open++
		}
	}
	tree, err := parser.NewStringParser(normalise(src, stmts, open),
		parser.WithSkipValidDirectivesErr(), parser.WithSkipComments()).Parse()
	if err != nil {
		return nil, fmt.Errorf("internal error: %s: gonginx: %w", name, err)
	}
	j := &joiner{name: name, src: src, stmts: stmts, param: param}
	kids, err := j.join(nil, tree.GetDirectives())
	if err != nil {
		return nil, err
	}
	if j.at != len(stmts) {
		return nil, fmt.Errorf("internal error: %s: gonginx found %d of %d statements", name, j.at, len(stmts))
	}
	s := &source{name: name, kids: kids, err: lexErr}
	if lexErr != nil && j.open != nil { // stopped inside a block
		j.open.broken, s.err = lexErr, nil
	}
	return s, nil
}

// joiner walks gonginx's tree and our statements side by side, in document
// order, and makes our nodes of both; a disagreement is an internal error.
type joiner struct {
	name  string
	src   string
	stmts []stmt
	at    int
	param bool  // the text of -g, where nginx counts no lines
	open  *Node // the innermost block that was not closed
}

func (j *joiner) join(parent *Node, ds []config.IDirective) ([]*Node, error) {
	nodes := make([]*Node, 0, len(ds))
	slab := make([]Node, len(ds))
	for i, d := range ds {
		if j.at >= len(j.stmts) {
			return nil, j.mismatch(d, "a directive too many")
		}
		st := &j.stmts[j.at]
		j.at++
		if st.end {
			return nil, j.mismatch(d, "a directive where a block ends")
		}
		if err := j.check(d, st); err != nil {
			return nil, err
		}
		n := &slab[i]
		*n = Node{Name: st.args[0], Args: st.args[1:], File: j.name, Line: st.line, Parent: parent,
			Block: st.block, IsLua: st.isLua, words: st.words, noSemi: st.noSemi}
		if j.param {
			n.Line = 0
		}
		nodes = append(nodes, n)
		switch {
		case st.isLua:
			n.Lua = j.src[st.lua[0]:st.lua[1]]
			n.last = st.luaLast
		case st.block:
			kids, err := j.join(n, d.GetBlock().GetDirectives())
			if err != nil {
				return nil, err
			}
			n.Kids = kids
			if j.at < len(j.stmts) && j.stmts[j.at].end {
				n.last = j.stmts[j.at].line
				j.at++
			} else if j.open == nil {
				j.open = n
			}
		}
	}
	return nodes, nil
}

// check compares name, argument count, block and, for simple directives, the
// line of one statement as both parsers see it.
func (j *joiner) check(d config.IDirective, st *stmt) error {
	w := st.words[0]
	want := placeholder
	if raw := j.src[w.start:w.end]; plain(raw, w, st.isLua) {
		want = raw
	}
	switch {
	case d.GetName() != want:
		return j.mismatch(d, "the name "+st.args[0])
	case len(d.GetParameters()) != len(st.args)-1:
		return j.mismatch(d, "another number of arguments")
	case (d.GetBlock() != nil) != st.block:
		return j.mismatch(d, "a block on one side")
	case !st.block && d.GetLine() != st.line:
		return j.mismatch(d, fmt.Sprintf("line %d", st.line))
	}
	return nil
}

func (j *joiner) mismatch(d config.IDirective, what string) error {
	return fmt.Errorf("internal error: gonginx and scan disagree on %q in %s:%d: %s", d.GetName(), j.name, d.GetLine(), what)
}
