package native

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"huidu/nginxconf"
)

// IsFile reports whether a file's name says that it is huidu.yaml's syntax.
func IsFile(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// ReadTree is nginxconf.Options.ReadTree for files that end in .yaml.
func ReadTree(name string, data []byte) ([]*nginxconf.Node, bool, *nginxconf.Diagnostic) {
	if !IsFile(name) {
		return nil, false, nil
	}
	nodes, err := Read(name, data)
	if err == nil {
		return nodes, true, nil
	}
	d := nginxconf.Diagnostic{Severity: nginxconf.Emerg, Message: err.Error()}
	return nil, true, &d
}

// Read parses huidu.yaml. Its errors hold file, line and column.
func Read(name string, data []byte) ([]*nginxconf.Node, error) {
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		var ye yaml.Error
		if errors.As(err, &ye) && ye.GetToken() != nil {
			p := ye.GetToken().Position
			return nil, fmt.Errorf("%s in %s:%d:%d", ye.GetMessage(), name, p.Line, p.Column)
		}
		return nil, fmt.Errorf("%w in %s", err, name)
	}
	if len(f.Docs) != 1 || f.Docs[0].Body == nil {
		return nil, fmt.Errorf("one YAML document is expected in %s", name)
	}
	r := &reader{name: name, blocks: map[string]bool{}, simple: map[string]bool{}, flags: map[string]bool{}, bare: map[string]bool{}}
	for _, row := range nginxconf.Rows() {
		if row.Block {
			r.blocks[row.Name] = true
		} else {
			r.simple[row.Name] = true
		}
		r.flags[row.Name] = r.flags[row.Name] || row.Args == "on|off"
		r.bare[row.Name] = r.bare[row.Name] || strings.HasPrefix(row.Args, "0")
	}
	return r.body(nil, f.Docs[0].Body, false)
}

type reader struct {
	name                        string
	blocks, simple, flags, bare map[string]bool
}

func (r *reader) fail(n ast.Node, format string, args ...any) error {
	p := n.GetToken().Position
	return fmt.Errorf("%s in %s:%d:%d", fmt.Sprintf(format, args...), r.name, p.Line, p.Column)
}

// entries are the keys of a mapping, in order; of a list, those of its items.
func (r *reader) entries(n ast.Node) ([]*ast.MappingValueNode, error) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	case *ast.SequenceNode:
		var out []*ast.MappingValueNode
		for _, v := range n.Values {
			if _, ok := v.(*ast.SequenceNode); ok {
				return nil, r.fail(v, "a list where a key is expected")
			}
			e, err := r.entries(v)
			if err != nil {
				return nil, err
			}
			out = append(out, e...)
		}
		return out, nil
	case *ast.NullNode:
		return nil, nil
	}
	return nil, r.fail(n, "a mapping is expected, not %s", strings.ToLower(n.Type().String()))
}

func (r *reader) body(parent *nginxconf.Node, n ast.Node, raw bool) ([]*nginxconf.Node, error) {
	entries, err := r.entries(n)
	if err != nil {
		return nil, err
	}
	var out []*nginxconf.Node
	for _, e := range entries {
		name, err := r.text(e.Key)
		if err != nil {
			return nil, err
		}
		var nodes []*nginxconf.Node
		switch {
		case raw:
			nodes, err = r.simples(parent, name, e, true)
		case name == "steps":
			nodes, err = r.body(parent, e.Value, false)
		default:
			nodes, err = r.directive(parent, name, e)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, nodes...)
	}
	return out, nil
}

func (r *reader) directive(parent *nginxconf.Node, name string, e *ast.MappingValueNode) ([]*nginxconf.Node, error) {
	for directive, k := range blockKeys {
		if k == name {
			return r.blocksOf(parent, directive, e)
		}
	}
	switch {
	case strings.HasSuffix(name, "_by_lua_block") && r.blocks[name]:
		return r.lua(parent, name, e)
	case r.blocks[name] && !(r.simple[name] && !hasMapping(e.Value)):
		return r.blocksOf(parent, name, e)
	case r.simple[name]:
		return r.simples(parent, name, e, false)
	}
	if near := nginxconf.Suggest(name); near != "" {
		return nil, r.fail(e.Key, "unknown key %q, did you mean %q?", name, near)
	}
	return nil, r.fail(e.Key, "unknown key %q", name)
}

func hasMapping(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	case *ast.SequenceNode:
		for _, v := range n.Values {
			if hasMapping(v) {
				return true
			}
		}
	}
	return false
}

func (r *reader) node(parent *nginxconf.Node, name string, at ast.Node, args []string) *nginxconf.Node {
	return &nginxconf.Node{Name: name, Args: args, File: r.name, Line: at.GetToken().Position.Line, Parent: parent}
}

// words splits a block's key into its arguments.
func (r *reader) words(k ast.Node) ([]string, error) {
	text, err := r.text(k)
	if err != nil {
		return nil, err
	}
	words, ok := nginxconf.Words(text)
	if !ok {
		return nil, r.fail(k, "%q cannot be split into arguments", text)
	}
	return words, nil
}

// blocksOf reads a block directive: bodies, or bodies by their arguments.
func (r *reader) blocksOf(parent *nginxconf.Node, name string, e *ast.MappingValueNode) ([]*nginxconf.Node, error) {
	var out []*nginxconf.Node
	one := func(at, body ast.Node, args []string) error {
		n := r.node(parent, name, at, args)
		n.Block = true
		var err error
		n.Kids, err = r.body(n, body, rawBlock(name))
		out = append(out, n)
		return err
	}
	if r.bare[name] { // a block that takes no arguments
		seq, ok := e.Value.(*ast.SequenceNode)
		if !ok || name != "server" {
			return out, one(e.Key, e.Value, nil)
		}
		for _, v := range seq.Values {
			if err := one(v, v, nil); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	entries, err := r.entries(e.Value)
	if err != nil {
		return nil, err
	}
	for _, k := range entries {
		args, err := r.words(k.Key)
		if verbatim(name) {
			args = make([]string, 1)
			args[0], err = r.text(k.Key)
		}
		if err != nil {
			return nil, err
		}
		if err := one(k.Key, k.Value, args); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// lua reads a Lua body, or bodies by their arguments.
func (r *reader) lua(parent *nginxconf.Node, name string, e *ast.MappingValueNode) ([]*nginxconf.Node, error) {
	var out []*nginxconf.Node
	one := func(at, body ast.Node, args []string) error {
		text, err := r.text(body)
		n := r.node(parent, name, at, args)
		n.Block, n.IsLua, n.Lua = true, true, text
		out = append(out, n)
		return err
	}
	if !hasMapping(e.Value) {
		return out, errors.Join(one(e.Key, e.Value, nil))
	}
	entries, err := r.entries(e.Value)
	if err != nil {
		return nil, err
	}
	for _, k := range entries {
		args, err := r.words(k.Key)
		if err != nil {
			return nil, err
		}
		if err := one(k.Key, k.Value, args); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// simples reads a simple directive, written once or more.
func (r *reader) simples(parent *nginxconf.Node, name string, e *ast.MappingValueNode, raw bool) ([]*nginxconf.Node, error) {
	seq, ok := e.Value.(*ast.SequenceNode)
	if !ok {
		switch v := e.Value.(type) {
		case *ast.NullNode:
			return []*nginxconf.Node{r.node(parent, name, e.Key, nil)}, nil
		case *ast.BoolNode:
			switch {
			case raw:
			case r.flags[name] || !r.bare[name]:
				return []*nginxconf.Node{r.node(parent, name, e.Key, []string{map[bool]string{true: "on", false: "off"}[v.Value]})}, nil
			case v.Value:
				return []*nginxconf.Node{r.node(parent, name, e.Key, nil)}, nil
			default:
				return nil, r.fail(v, "%q takes true or is left out", name)
			}
		}
		text, err := r.text(e.Value)
		return []*nginxconf.Node{r.node(parent, name, e.Key, []string{text})}, err
	}
	many := false
	for _, v := range seq.Values {
		if _, ok := v.(*ast.SequenceNode); ok {
			many = true
		}
	}
	if !many {
		args, err := r.texts(seq)
		return []*nginxconf.Node{r.node(parent, name, e.Key, args)}, err
	}
	var out []*nginxconf.Node
	for _, v := range seq.Values {
		args, err := r.texts(v)
		if err != nil {
			return nil, err
		}
		out = append(out, r.node(parent, name, v, args))
	}
	return out, nil
}

func (r *reader) texts(n ast.Node) ([]string, error) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		text, err := r.text(n)
		return []string{text}, err
	}
	var out []string
	for _, v := range seq.Values {
		text, err := r.text(v)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

// text is a scalar as it was written: numbers keep their digits.
func (r *reader) text(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode, *ast.NullNode:
		return n.GetToken().Value, nil
	}
	return "", r.fail(n, "a text is expected, not %s", strings.ToLower(n.Type().String()))
}
