package nginxconf

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// Observation is one thing that Load came by: a directive with the status of
// its row, a variable, a regular expression, or a mistake that was forgiven.
// See: Options.Observe.
type Observation struct {
	Kind      ObservedKind
	Name      string
	File      string
	Line, Col int // where it begins, from 1; Col is 0 in files of another syntax
	Status    Status
	Reason    string // why it is ignored or unsupported, or what was forgiven
	// Where it stands: both are nil at the http level and above, Location is
	// nil at a server's own.
	Server   *Server
	Location *Location
	Upstream *Upstream
}

// ObservedKind says what an Observation is of.
type ObservedKind uint8

// The kinds of observations.
const (
	ObservedDirective ObservedKind = iota
	ObservedVariable
	ObservedRegex
	ObservedForgiven
)

// observe tells of the directive being handled, or of something in it.
func (b *build) observe(kind ObservedKind, name string, status Status, reason string) {
	if b.opt.Observe != nil && b.node != nil {
		b.observeAt(b.node, b.cur, kind, name, status, reason)
	}
}

func (b *build) observeAt(n *Node, at level, kind ObservedKind, name string, status Status, reason string) {
	if b.opt.Observe == nil {
		return
	}
	o := Observation{Kind: kind, Name: name, File: n.File, Line: n.Line, Status: status, Reason: reason,
		Server: at.server, Location: at.block, Upstream: at.up}
	if len(n.words) > 0 {
		o.Line, o.Col = b.lineCol(n.File, int(n.words[0].start))
	}
	b.opt.Observe(o)
}

// lineCol is the place of an offset in a file that was read.
func (b *build) lineCol(file string, at int) (line, col int) {
	x := b.lineIndex(file)
	if x == nil || at > len(x.text) {
		return 0, 0
	}
	n := sort.SearchInts(x.starts, at+1)
	return n, utf8.RuneCountInString(x.text[x.starts[n-1]:at]) + 1
}

// lineIndex knows where the lines of a file begin.
type lineIndex struct {
	text   string
	starts []int
}

// lineIndex is that of a file that was read, nil for what is none.
func (b *build) lineIndex(file string) *lineIndex {
	if x, ok := b.lines[file]; ok {
		return x
	}
	var x *lineIndex
	for _, f := range b.conf.Files {
		if f.Name == file {
			x = &lineIndex{text: string(f.Data), starts: []int{0}}
			for i := 0; i < len(x.text); i++ {
				if x.text[i] == '\n' {
					x.starts = append(x.starts, i+1)
				}
			}
		}
	}
	if b.lines == nil {
		b.lines = map[string]*lineIndex{}
	}
	b.lines[file] = x
	return x
}

// codePlace is where Lua code that stands in a configuration begins.
func (b *build) codePlace(n *Node) (line, col int) {
	if len(n.words) == 0 {
		return n.Line, 1
	}
	last := n.words[len(n.words)-1]
	if !n.IsLua {
		return b.lineCol(n.File, int(last.start))
	}
	if x := b.lineIndex(n.File); x != nil && int(last.end) <= len(x.text) {
		if i := strings.IndexByte(x.text[last.end:], '{'); i >= 0 {
			return b.lineCol(n.File, int(last.end)+i+1)
		}
	}
	return n.Line, 1
}

// observeVariables tells of every use of a variable.
func (b *build) observeVariables() {
	for _, name := range b.vars.order {
		status, reason := Supported, ""
		if !b.vars.declared[name] && !knownVariable(name) {
			status, reason = Unsupported, "no module of huidu has this variable"
		}
		for _, u := range b.vars.uses[name] {
			b.observeAt(u.node, u.at, ObservedVariable, "$"+name, status, reason)
		}
	}
}
