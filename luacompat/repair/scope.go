package repair

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

// LuaJIT's limits, which are also within gopher-lua's.
const (
	maxLocals   = 200
	maxUpvalues = 60
	maxLevels   = 200
)

// function is the scope state of one function being parsed. Its active locals
// are numbered as gopher-lua numbers registers.
type function struct {
	parent   *function
	line     int // 0 for the main chunk
	vararg   bool
	locals   []local
	upvalues map[string]struct{}
	block    *block
}

type local struct {
	name string
}

type block struct {
	parent *block
	base   int  // active locals at its start
	loop   *int // label number for break, 0 until one is needed; nil if no loop
	labels map[string]*label
	gotos  []*jump // not resolved yet
	inner  bool    // holds a local (of this block)
}

type label struct {
	name   string // as written
	unique string // as the compiler sees it
	level  int    // active locals at the label
}

type jump struct {
	stmt  *ast.GotoStmt
	name  string
	line  int
	level int // active locals at the jump, lowered as blocks are left
	note  int
}

func (p *parser) openFunction(line int) *function {
	f := &function{parent: p.fn, line: line}
	p.fn = f
	p.openBlock(nil)
	return f
}

func (p *parser) closeFunction() {
	p.closeBlock()
	p.fn = p.fn.parent
}

func (p *parser) openBlock(loop *int) {
	f := p.fn
	f.block = &block{parent: f.block, base: len(f.locals), loop: loop}
}

// closeBlock ends the scope of the block's locals and hands its unresolved
// gotos to the block around it.
func (p *parser) closeBlock() {
	f := p.fn
	b := f.block
	f.locals = f.locals[:b.base]
	f.block = b.parent
	for _, j := range b.gotos {
		if b.parent == nil {
			p.lx.line = j.line
			p.lx.fail("", fmt.Sprintf("undefined label '%s'", j.name))
		}
		if j.level > b.base {
			j.level = b.base
		}
		if l := b.parent.labels[j.name]; l != nil {
			p.resolve(j, l)
		} else {
			b.parent.gotos = append(b.parent.gotos, j)
		}
	}
}

func (p *parser) resolve(j *jump, l *label) {
	if j.level < l.level {
		p.lx.line = j.line
		p.lx.fail("", fmt.Sprintf("<goto %s> jumps into the scope of local '%s'", j.name, p.fn.locals[j.level].name))
	}
	j.stmt.Label = l.unique
	p.closes[j.note] = l.level
}

// declare adds locals that are active from now on.
func (p *parser) declare(names ...string) {
	f := p.fn
	for _, n := range names {
		if len(f.locals) >= maxLocals {
			p.limit(maxLocals, "local variables")
		}
		f.locals = append(f.locals, local{name: n})
	}
	f.block.inner = true
}

func (p *parser) limit(n int, what string) {
	if p.fn.line == 0 {
		p.lx.fail("", fmt.Sprintf("main function has more than %d %s", n, what))
	}
	p.lx.fail("", fmt.Sprintf("function at line %d has more than %d %s", p.fn.line, n, what))
}

// lookup tells what a name is here: 'l', 'u' or 'g', for local, upvalue, global.
func (p *parser) lookup(name string) byte {
	for f := p.fn; f != nil; f = f.parent {
		if f.index(name) < 0 {
			continue
		}
		if f == p.fn {
			return 'l'
		}
		for g := p.fn; g != f; g = g.parent {
			if _, ok := g.upvalues[name]; !ok {
				if g.upvalues == nil {
					g.upvalues = map[string]struct{}{}
				}
				if len(g.upvalues) >= maxUpvalues {
					p.limit(maxUpvalues, "upvalues")
				}
				g.upvalues[name] = struct{}{}
			}
		}
		return 'u'
	}
	return 'g'
}

func (f *function) index(name string) int {
	for i := len(f.locals) - 1; i >= 0; i-- {
		if f.locals[i].name == name {
			return i
		}
	}
	return -1
}

// breakTarget finds the loop that a break leaves and whether blocks with locals
// of their own lie between: gopher-lua would not close those.
func (p *parser) breakTarget() (loop *int, crosses bool) {
	for b := p.fn.block; b != nil; b = b.parent {
		if b.loop != nil {
			return b.loop, crosses
		}
		crosses = crosses || b.inner
	}
	return nil, false
}

func (p *parser) uniqueLabel(name string) string {
	p.labels++
	return fmt.Sprintf("%s#%d", name, p.labels)
}
