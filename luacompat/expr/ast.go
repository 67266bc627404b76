package expr

import (
	"strconv"
	"strings"

	"huidu/luacompat/stdlib"
)

// Expr is an expression. Expressions are never changed once made.
type Expr interface {
	write(b *strings.Builder, limit int)
}

// The expressions.
type (
	// Const is a constant.
	Const struct{ V Value }
	// Ref is $Name.
	Ref struct{ Name string }
	// Call is Fn(Args...).
	Call struct {
		Fn   string
		Args []Expr
	}
	// Binary is L Op R; Op is and, or, ??, a comparison, .. or arithmetic.
	Binary struct {
		Op   string
		L, R Expr
	}
	// Unary is not X, -X or #X.
	Unary struct {
		Op string
		X  Expr
	}
	// Cond is If ? Then : Else.
	Cond struct{ If, Then, Else Expr }
)

// The strength of operators, Lua's with ?: and ?? below.
const (
	precCond = iota
	precNil
	precOr
	precAnd
	precCompare
	precConcat
	precAdd
	precMul
	precUnary
	precAtom
)

var binaryPrec = map[string]int{
	"??": precNil, "or": precOr, "and": precAnd, "==": precCompare, "~=": precCompare, "<": precCompare,
	"<=": precCompare, ">": precCompare, ">=": precCompare, "..": precConcat, "+": precAdd, "-": precAdd,
	"*": precMul, "/": precMul, "%": precMul,
}

// Print writes an expression so that Parse reads it back.
func Print(e Expr) string {
	var b strings.Builder
	e.write(&b, precCond)
	return b.String()
}

func paren(b *strings.Builder, own, limit int, body func()) {
	if own < limit {
		b.WriteByte('(')
		body()
		b.WriteByte(')')
		return
	}
	body()
}

func (e *Const) write(b *strings.Builder, limit int) {
	switch e.V.K {
	case Nil:
		b.WriteString("nil")
	case False:
		b.WriteString("false")
	case True:
		b.WriteString("true")
	case Null:
		b.WriteString("null")
	case Number:
		paren(b, precUnary, limit, func() { b.WriteString(numeral(e.V.N)) })
	case String:
		b.WriteString(Quote(e.V.S))
	}
}

// numeral writes a number exactly.
func numeral(f float64) string {
	if f == float64(int64(f)) && f > -1e15 && f < 1e15 {
		return strconv.FormatInt(int64(f), 10)
	}
	if s := stdlib.NumberString(f); parses(s, f) {
		return s
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func parses(s string, f float64) bool {
	g, err := strconv.ParseFloat(s, 64)
	return err == nil && g == f
}

// Quote writes a string as expressions have it.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < 0x20 || c == 0x7f:
			b.WriteString(`\x`)
			b.WriteString(hex2(c))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

func hex2(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

func (e *Ref) write(b *strings.Builder, _ int) {
	b.WriteByte('$')
	b.WriteString(e.Name)
}

func (e *Call) write(b *strings.Builder, _ int) {
	b.WriteString(e.Fn)
	b.WriteByte('(')
	for i, a := range e.Args {
		if i > 0 {
			b.WriteString(", ")
		}
		a.write(b, precCond)
	}
	b.WriteByte(')')
}

func (e *Binary) write(b *strings.Builder, limit int) {
	p := binaryPrec[e.Op]
	left, right := p, p+1
	if e.Op == ".." || e.Op == "??" || e.Op == "or" || e.Op == "and" {
		left, right = p+1, p
	}
	if p == precCompare {
		left = p + 1
	}
	paren(b, p, limit, func() {
		e.L.write(b, left)
		b.WriteString(" " + e.Op + " ")
		e.R.write(b, right)
	})
}

func (e *Unary) write(b *strings.Builder, limit int) {
	if x, ok := e.X.(*Binary); ok && e.Op == "not" && x.Op == "==" {
		(&Binary{"~=", x.L, x.R}).write(b, limit)
		return
	}
	paren(b, precUnary, limit, func() {
		b.WriteString(e.Op)
		if e.Op == "not" {
			b.WriteByte(' ')
		}
		e.X.write(b, precAtom)
	})
}

func (e *Cond) write(b *strings.Builder, limit int) {
	paren(b, precCond, limit, func() {
		e.If.write(b, precNil)
		b.WriteString(" ? ")
		e.Then.write(b, precNil)
		b.WriteString(" : ")
		e.Else.write(b, precCond)
	})
}
