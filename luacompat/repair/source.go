package repair

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/gopher-lua/ast"
)

// Chunk is a parsed chunk whose AST is as it was written, for programs that
// read scripts instead of running them. What Compile rewrites for gopher-lua
// is left alone: a .. b is a StringConcatOpExpr, an assignment an AssignStmt
// with all its targets, a break a BreakStmt, a table constructor has its
// fields in order. Labels are made unique, numbers are in gopher-lua's form.
// Lines of nodes are plain lines; they begin at 1.
type Chunk struct {
	Stmts []ast.Stmt

	src       string
	lines     []int // offsets at which lines begin
	places    map[ast.PositionHolder]int
	kinds     map[*ast.IdentExpr]byte
	functions map[*ast.LocalAssignStmt]bool
}

// Parse reads a chunk without compiling it. chunkname is as for Compile.
// Errors are *SyntaxError, and the same as Compile's.
func Parse(src, chunkname string) (*Chunk, error) {
	c := &Chunk{src: src, places: map[ast.PositionHolder]int{}, functions: map[*ast.LocalAssignStmt]bool{}}
	stmts, p, err := parse(src, ShortSource(chunkname), c, "")
	if err != nil {
		return nil, err
	}
	c.Stmts, c.kinds = stmts, p.kinds
	return c, nil
}

// Pos is where a statement or an expression begins: a call or an index at the
// start of what is called or indexed, an operator at its left operand. Columns
// count characters from 1; both are 0 for nodes of other chunks.
func (c *Chunk) Pos(n ast.PositionHolder) (line, col int) {
	at, ok := c.places[n]
	if !ok {
		return 0, 0
	}
	return c.line(at), column(c.src, at)
}

// Text is the source from a node's beginning to the end of its line, shortened.
func (c *Chunk) Text(n ast.PositionHolder) string {
	at, ok := c.places[n]
	if !ok {
		return ""
	}
	s := c.src[at:]
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, " \t")
}

// IsGlobal tells whether a name is no local or upvalue where it stands.
func (c *Chunk) IsGlobal(e *ast.IdentExpr) bool { return c.kinds[e] == 'g' }

// IsLocalFunction tells "local function f", whose body sees f, from
// "local f = function", whose body does not.
func (c *Chunk) IsLocalFunction(s *ast.LocalAssignStmt) bool { return c.functions[s] }

// line is the line of an offset.
func (c *Chunk) line(at int) int {
	if c.lines == nil {
		c.lines = []int{0}
		for i := 0; i < len(c.src); i++ {
			if ch := c.src[i]; ch == '\n' || ch == '\r' {
				if i+1 < len(c.src) && (c.src[i+1] == '\n' || c.src[i+1] == '\r') && c.src[i+1] != ch {
					i++
				}
				c.lines = append(c.lines, i+1)
			}
		}
	}
	lo, hi := 0, len(c.lines)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; c.lines[mid] <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + 1
}

// column counts the characters from the line's start, from 1.
func column(src string, at int) int {
	start := strings.LastIndexAny(src[:at], "\r\n") + 1
	return utf8.RuneCountInString(src[start:at]) + 1
}

// place notes where a node begins, for Parse.
func (p *parser) place(n ast.PositionHolder, at int) {
	if p.plain != nil {
		p.plain.places[n] = at
	}
}
