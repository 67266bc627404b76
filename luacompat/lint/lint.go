package lint

import (
	"sort"

	"github.com/yuin/gopher-lua/ast"

	"huidu/luacompat"
	"huidu/luacompat/repair"
)

// Place is where something stands: Line and Col count from 1.
type Place struct{ Line, Col int }

// Level says how huidu treats what a script uses.
type Level uint8

// The levels, from best to worst.
const (
	Supported   Level = iota
	NoEffect          // does nothing here, and need not
	Differs           // does something else
	Unresolved        // what it is shows only when it runs
	Unsupported       // raises an error
)

// Use is one thing that a script uses.
type Use struct {
	Place
	Kind   string // "function", "method", "field", "variable", "dict", "regex"
	Name   string // as one would write it: "ngx.req.get_headers", "tcpsock:getfd"
	Level  Level
	Why    string
	Fix    string
	Absent bool // Unsupported because it is not there: it is nil
}

// Require is a require of a module.
type Require struct {
	Place
	Name    string
	Guarded bool // under pcall: the script goes on without it
}

// Finding is something that is likely to hurt.
type Finding struct {
	Place
	Rule    string // see Rules
	Message string
	Fix     string
}

// Options says what is known of where a script runs.
type Options struct {
	Surface *luacompat.Surface
	// Phase is what ngx.get_phase answers; "" for a module.
	Phase string
	// RealIP: the location has set_real_ip_from. Resolver: it has a resolver.
	RealIP, Resolver bool
	// Variable and Dict tell whether a variable and a shared dictionary exist;
	// nil: all do.
	Variable, Dict func(name string) bool
}

// Script is what was read of one chunk.
type Script struct {
	Uses     []Use
	Requires []Require
	Findings []Finding
}

// Read reads a chunk. The error is a *repair.SyntaxError.
func Read(src, chunkname string, opt Options) (*Script, error) {
	c, err := repair.Parse(src, chunkname)
	if err != nil {
		return nil, err
	}
	r := &reader{opt: opt, chunk: c, out: &Script{}}
	r.resolve()
	r.readUses()
	r.readFlow()
	r.readNulls()
	r.out.sort()
	return r.out, nil
}

// reader is one Read at work.
type reader struct {
	opt   Options
	chunk *repair.Chunk
	out   *Script

	vars    map[*ast.IdentExpr]*variable
	decls   map[ast.Stmt][]*variable // of local and for statements
	params  map[*ast.FunctionExpr][]*variable
	globals map[string]*variable
	funcs   []*ast.FunctionExpr // inner ones first
	within  map[*ast.FunctionExpr]*ast.FunctionExpr
	memo    map[ast.Expr]value
	busy    map[ast.Expr]bool
	ends    map[*ast.FunctionExpr]bool // functions that never return
	seen    map[Use]bool
}

func (r *reader) place(n ast.PositionHolder) Place {
	line, col := r.chunk.Pos(n)
	return Place{line, col}
}

func (r *reader) find(n ast.PositionHolder, rule, message, fix string) {
	r.out.Findings = append(r.out.Findings, Finding{r.place(n), rule, message, fix})
}

func (p Place) before(q Place) bool { return p.Line < q.Line || p.Line == q.Line && p.Col < q.Col }

func (s *Script) sort() {
	sort.SliceStable(s.Uses, func(i, j int) bool { return s.Uses[i].before(s.Uses[j].Place) })
	sort.SliceStable(s.Requires, func(i, j int) bool { return s.Requires[i].before(s.Requires[j].Place) })
	sort.SliceStable(s.Findings, func(i, j int) bool { return s.Findings[i].before(s.Findings[j].Place) })
}
