package lift

import (
	"errors"
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"huidu/luacompat/repair"
)

// Source is a script of a configuration.
type Source struct {
	Name  string // of the file, or of the configuration for inline code
	Chunk string // chunk name: "@/path" or "=content_by_lua(nginx.conf:6)"
	Text  string
	Phase string // content, access, rewrite, set
	// Module finds what a script requires: the file's name and text.
	Module func(name string) (file, text string, ok bool)
	// FirstLine is the line of the configuration on which inline code begins
	// its line 1; 0 for files.
	FirstLine int
}

// Step is one step of a rule, as proxy/release has them.
type Step struct {
	Name string
	Args []string
	Kids []Step
	// Block tells that the step holds others.
	Block bool
}

// Rule is what a script does.
type Rule struct {
	Phase string
	Steps []Step
	// Facts that those who prove the rule need: what requests and stores must
	// hold to reach every path.
	Headers, Args, Vars []string // names that are asked
	SetVars             []string
	Dicts               []string
	Texts               []string // constants of the script
	Numbers             []float64
	Modules             []string // files that were read
}

// Refusal is why a script is not lifted.
type Refusal struct {
	File   string
	Line   int
	Reason string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Reason) }

// Lift executes a script. The error is a *Refusal, or a syntax error.
func Lift(src Source) (rule *Rule, err error) {
	x := newExec(src)
	defer func() {
		if r := recover(); r != nil {
			ref, ok := r.(*Refusal)
			if !ok {
				panic(r)
			}
			rule, err = nil, ref
		}
	}()
	chunk, err := x.parse(src.Name, src.Chunk, src.Text, src.FirstLine)
	if err != nil {
		return nil, err
	}
	x.main(chunk)
	steps := tidy(*x.list)
	if n := len(steps); n > 0 && steps[n-1].Name == "done" {
		steps = steps[:n-1]
	}
	x.rule.Phase, x.rule.Steps = src.Phase, steps
	return x.rule, nil
}

// parse reads a chunk.
func (x *exec) parse(file, chunkname, text string, firstLine int) (*chunk, error) {
	c, err := repair.Parse(text, chunkname)
	if err != nil {
		var se *repair.SyntaxError
		if errors.As(err, &se) {
			return nil, &Refusal{file, se.Line + max(firstLine-1, 0), se.Msg}
		}
		return nil, err
	}
	k := &chunk{Chunk: c, file: file, shift: max(firstLine-1, 0)}
	x.collect(c.Stmts)
	return k, nil
}

// chunk is a parsed file.
type chunk struct {
	*repair.Chunk
	file  string
	shift int
}

// refuse ends the attempt.
func (x *exec) refuse(format string, args ...any) {
	file, line := "", 0
	if x.chunk != nil {
		file = x.chunk.file
	}
	if x.at != nil {
		line, _ = x.chunk.Pos(x.at)
		if line == 0 {
			line = x.at.Line()
		}
		line += x.chunk.shift
	}
	panic(&Refusal{file, line, fmt.Sprintf(format, args...)})
}

// tidy writes steps as people would: what only says 200 and a line is one
// say, and so on.
func tidy(steps []Step) []Step {
	var out []Step
	for i := 0; i < len(steps); i++ {
		s := steps[i]
		s.Kids = tidy(s.Kids)
		if s.Name == "timeout" && i+1 < len(steps) && steps[i+1].Name == "connect" && len(s.Args) == 2 && s.Args[0] == steps[i+1].Args[1] {
			c := steps[i+1]
			c.Args = append(append([]string(nil), c.Args...), "timeout="+s.Args[1])
			out = append(out, c)
			i++
			continue
		}
		out = append(out, s)
	}
	return out
}

// Print writes steps as a block of nginx.conf would have them, for people.
func Print(steps []Step) string {
	var b strings.Builder
	printSteps(&b, steps, "")
	return b.String()
}

func printSteps(b *strings.Builder, steps []Step, indent string) {
	for _, s := range steps {
		b.WriteString(indent + s.Name)
		for _, a := range s.Args {
			fmt.Fprintf(b, " %q", a)
		}
		if !s.Block {
			b.WriteString(";\n")
			continue
		}
		b.WriteString(" {\n")
		printSteps(b, s.Kids, indent+"    ")
		b.WriteString(indent + "}\n")
	}
}

// collect notes the constants of a chunk, which are what inputs are compared
// with.
func (x *exec) collect(stmts []ast.Stmt) {
	walk(stmts, func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.StringExpr:
			x.rule.Texts = append(x.rule.Texts, e.Value)
		case *ast.NumberExpr:
			x.rule.Numbers = append(x.rule.Numbers, numberOf(e))
		}
	})
}
