package repair

import (
	"fmt"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// parser is a recursive descent parser in the shape of LuaJIT's, so that errors
// are found at the same places and read the same.
type parser struct {
	lx     *lexer
	fn     *function
	level  int
	labels int
	kinds  map[*ast.IdentExpr]byte
	notes  []string // by number; 0 is no note
	ids    map[string]int
	parens map[ast.Expr]bool          // in parentheses, so no target of an assignment
	chains map[*ast.FuncCallExpr]bool // concatenations that may grow to the left
	closes map[int]int                // note of a goto → locals that stay open
	plain  *Chunk                     // the AST is to be as written: see Parse

	branches string // name of the chunk whose conditions go through HelperBranch; "" for none
}

// parse reads a chunk. The lines of its nodes carry note numbers: see mark.
func parse(src, shown string, plain *Chunk, branches string) (chunk []ast.Stmt, p *parser, err error) {
	p = &parser{
		branches: branches,
		lx:       newLexer(src, shown),
		plain:    plain,
		kinds:    map[*ast.IdentExpr]byte{},
		notes:    []string{""},
		ids:      map[string]int{},
		closes:   map[int]int{},
		parens:   map[ast.Expr]bool{},
		chains:   map[*ast.FuncCallExpr]bool{},
	}
	defer func() {
		if r := recover(); r != nil {
			se, ok := r.(*SyntaxError)
			if !ok {
				panic(r)
			}
			err = se
		}
	}()
	p.lx.next()
	p.openFunction(0).vararg = true
	chunk = p.chunk()
	if p.lx.tok.kind != tEOF {
		p.expected(tEOF)
	}
	p.closeFunction()
	return chunk, p, nil
}

// mark gives a node its line and, above bit 32, the number of its note.
func (p *parser) mark(n ast.PositionHolder, line int, note string) {
	n.SetLine(line | p.note(note)<<32)
	n.SetLastLine(line)
}

func (p *parser) note(s string) int {
	if s == "" || p.plain != nil {
		return 0
	}
	id, ok := p.ids[s]
	if !ok {
		id = len(p.notes)
		p.notes = append(p.notes, s)
		p.ids[s] = id
	}
	return id
}

func (p *parser) fail(msg string) { p.lx.fail(p.lx.tok.near(), msg) }

func (p *parser) expected(kind int) { p.fail(fmt.Sprintf("'%s' expected", kindName(kind))) }

func (p *parser) accept(kind int) bool {
	if p.lx.tok.kind != kind {
		return false
	}
	p.lx.next()
	return true
}

func (p *parser) expect(kind int) {
	if !p.accept(kind) {
		p.expected(kind)
	}
}

// match closes what was opened at line.
func (p *parser) match(what, who, line int) {
	if p.accept(what) {
		return
	}
	if line == p.lx.line {
		p.expected(what)
	}
	p.fail(fmt.Sprintf("'%s' expected (to close '%s' at line %d)", kindName(what), kindName(who), line))
}

func (p *parser) name() string {
	t := p.lx.tok
	if t.kind == tGoto { // not reserved in Lua 5.1
		p.lx.next()
		return "goto"
	}
	if t.kind != tName {
		p.expected(tName)
	}
	p.lx.next()
	return t.text
}

func (p *parser) enter() {
	p.level++
	if p.level >= maxLevels {
		p.lx.fail("", "chunk has too many syntax levels")
	}
}

func (p *parser) leave() { p.level-- }

func blockEnd(kind int) bool {
	switch kind {
	case tElse, tElseif, tEnd, tUntil, tEOF:
		return true
	}
	return false
}

// chunk parses statements up to the end of the block, whose scope is open.
func (p *parser) chunk() []ast.Stmt {
	p.enter()
	defer p.leave()
	var out []ast.Stmt
	for !blockEnd(p.lx.tok.kind) {
		var last bool
		at, n := p.lx.tok.pos, len(out)
		out, last = p.statement(out)
		for _, s := range out[n:] {
			p.place(s, at)
		}
		p.accept(';')
		if last {
			break
		}
	}
	if p.plain != nil {
		return out
	}
	return p.padLabels(out)
}

func (p *parser) statement(out []ast.Stmt) ([]ast.Stmt, bool) {
	line := p.lx.line
	switch p.lx.tok.kind {
	case tIf:
		return append(out, p.ifStmt(line)), false
	case tWhile:
		return append(out, p.whileStmt(line)...), false
	case tDo:
		p.lx.next()
		s := &ast.DoBlockStmt{Stmts: p.scoped(nil)}
		p.match(tEnd, tDo, line)
		p.span(s, line)
		return append(out, s), false
	case tFor:
		return append(out, p.forStmt(line)...), false
	case tRepeat:
		return append(out, p.repeatStmt(line)...), false
	case tFunction:
		return append(out, p.functionStmt(line)), false
	case tLocal:
		p.lx.next()
		if p.accept(tFunction) {
			return append(out, p.localFunction(line)), false
		}
		return append(out, p.localStmt(line)), false
	case tReturn:
		return append(out, p.returnStmt(line)), true
	case tBreak:
		p.lx.next()
		return append(out, p.breakStmt(line)), false
	case ';':
		return out, false
	case tLabel:
		return append(out, p.labelStmt(line)), false
	case tGoto:
		if p.lx.lookahead() == tName {
			p.lx.next()
			return append(out, p.gotoStmt(p.name(), line)), false
		}
	}
	return p.exprStmt(out), false
}

// span sets the lines of a statement that ends here.
func (p *parser) span(s ast.PositionHolder, line int) {
	s.SetLine(line)
	s.SetLastLine(p.lx.last)
}

// scoped parses a block in a scope of its own.
func (p *parser) scoped(loop *int) []ast.Stmt {
	p.openBlock(loop)
	out := p.chunk()
	p.closeBlock()
	return out
}

func (p *parser) ifStmt(line int) ast.Stmt {
	p.lx.next()
	s := &ast.IfStmt{}
	s.Condition = p.condition(line)
	p.expect(tThen)
	s.Then = p.scoped(nil)
	switch p.lx.tok.kind {
	case tElseif:
		p.enter()
		at, pos := p.lx.line, p.lx.tok.pos
		s.Else = []ast.Stmt{p.elseif(at, line)}
		p.place(s.Else[0], pos)
		p.leave()
		p.span(s, line)
		return s
	case tElse:
		p.lx.next()
		s.Else = p.scoped(nil)
	}
	p.match(tEnd, tIf, line)
	p.span(s, line)
	return s
}

// condition parses the condition of an if that stands at line.
func (p *parser) condition(line int) ast.Expr {
	e := p.expr()
	if p.branches == "" {
		return e
	}
	at := &ast.StringExpr{Value: p.branches + ":" + strconv.Itoa(line)}
	p.mark(at, line, "")
	c := &ast.FuncCallExpr{Func: p.helper(HelperBranch, line), Args: []ast.Expr{e, at}, AdjustRet: true}
	p.mark(c, line, "")
	return c
}

// elseif parses one branch of a chain without using Go stack for each.
func (p *parser) elseif(line, first int) ast.Stmt {
	head := &ast.IfStmt{}
	s := head
	for {
		p.lx.next()
		s.Condition = p.condition(line)
		p.expect(tThen)
		s.Then = p.scoped(nil)
		p.span(s, line)
		if p.lx.tok.kind != tElseif {
			break
		}
		line = p.lx.line
		n := &ast.IfStmt{}
		p.place(n, p.lx.tok.pos)
		s.Else = []ast.Stmt{n}
		s = n
	}
	if p.accept(tElse) {
		s.Else = p.scoped(nil)
	}
	p.match(tEnd, tIf, first)
	return head
}

func (p *parser) whileStmt(line int) []ast.Stmt {
	p.lx.next()
	s := &ast.WhileStmt{}
	s.Condition = p.expr()
	p.expect(tDo)
	loop := 0
	s.Stmts = p.scoped(&loop)
	p.match(tEnd, tWhile, line)
	p.span(s, line)
	return p.loop(s, loop, line)
}

func (p *parser) repeatStmt(line int) []ast.Stmt {
	p.lx.next()
	s := &ast.RepeatStmt{}
	loop := 0
	p.openBlock(&loop)
	s.Stmts = p.chunk()
	p.match(tUntil, tRepeat, line)
	s.Condition = p.expr()
	p.closeBlock()
	p.span(s, line)
	return p.loop(s, loop, line)
}

// loop adds the label that breaks out of inner blocks jump to.
func (p *parser) loop(s ast.Stmt, label, line int) []ast.Stmt {
	p.padLoop(s, line)
	if label == 0 {
		return []ast.Stmt{s}
	}
	l := &ast.LabelStmt{Name: breakLabel(label)}
	p.span(l, line)
	do := &ast.DoBlockStmt{Stmts: []ast.Stmt{s, l}}
	p.span(do, line)
	return []ast.Stmt{do}
}

func breakLabel(n int) string { return "break#" + strconv.Itoa(n) }

func (p *parser) breakStmt(line int) ast.Stmt {
	loop, crosses := p.breakTarget()
	if loop == nil {
		p.lx.line = line
		p.lx.fail("", "no loop to break")
	}
	if !crosses || p.plain != nil {
		s := &ast.BreakStmt{}
		p.span(s, line)
		return s
	}
	if *loop == 0 {
		p.labels++
		*loop = p.labels
	}
	level := 0
	for b := p.fn.block; b != nil; b = b.parent {
		if b.loop == loop {
			level = b.base
		}
	}
	return p.jumpTo(breakLabel(*loop), line, level)
}

// jumpTo makes a goto whose CLOSE instruction finish corrects to level.
func (p *parser) jumpTo(unique string, line, level int) *ast.GotoStmt {
	s := &ast.GotoStmt{Label: unique}
	if p.plain != nil {
		p.notes = append(p.notes, "")
		p.span(s, line)
		return s
	}
	id := len(p.notes)
	p.notes = append(p.notes, "")
	p.closes[id] = level
	s.SetLine(line | id<<32)
	s.SetLastLine(line)
	return s
}

func (p *parser) gotoStmt(name string, line int) ast.Stmt {
	s := p.jumpTo("", line, 0)
	j := &jump{stmt: s, name: name, line: line, level: len(p.fn.locals), note: len(p.notes) - 1}
	for b := p.fn.block; b != nil; b = b.parent {
		if l := b.labels[name]; l != nil {
			p.resolve(j, l)
			return s
		}
	}
	p.fn.block.gotos = append(p.fn.block.gotos, j)
	return s
}

func (p *parser) labelStmt(line int) ast.Stmt {
	p.lx.next()
	name := p.name()
	for b := p.fn.block; b != nil; b = b.parent {
		if b.labels[name] != nil {
			p.lx.fail("", fmt.Sprintf("duplicate label '%s'", name))
		}
	}
	p.expect(tLabel)
	b := p.fn.block
	l := &label{name: name, unique: p.uniqueLabel(name), level: len(p.fn.locals)}
	s := &ast.LabelStmt{Name: l.unique}
	p.span(s, line)
	for p.lx.tok.kind == ';' {
		p.lx.next()
	}
	if k := p.lx.tok.kind; blockEnd(k) && k != tUntil || k == tLabel && p.trailing() {
		l.level = b.base
	}
	if b.labels == nil {
		b.labels = map[string]*label{}
	}
	b.labels[name] = l
	rest := b.gotos[:0]
	for _, j := range b.gotos {
		if j.name == name {
			p.resolve(j, l)
		} else {
			rest = append(rest, j)
		}
	}
	b.gotos = rest
	return s
}

// trailing tells whether only labels follow up to the end of the block.
func (p *parser) trailing() bool {
	lx := *p.lx
	for lx.tok.kind == tLabel || lx.tok.kind == ';' {
		if lx.tok.kind == tLabel {
			lx.next()
			lx.next()
		}
		lx.next()
	}
	return blockEnd(lx.tok.kind) && lx.tok.kind != tUntil
}
