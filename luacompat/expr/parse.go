package expr

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads an expression. Errors name the place in the text.
func Parse(text string) (e Expr, err error) {
	p := &parser{src: text}
	defer func() {
		if r := recover(); r != nil {
			pe, ok := r.(parseError)
			if !ok {
				panic(r)
			}
			e, err = nil, fmt.Errorf("%s at character %d of %q", pe.msg, pe.at+1, text)
		}
	}()
	p.next()
	e = p.cond()
	if p.tok != "" {
		p.fail("unexpected " + strconv.Quote(p.tok))
	}
	return e, nil
}

type parseError struct {
	msg string
	at  int
}

type parser struct {
	src   string
	at    int // behind tok
	start int
	tok   string // "" at the end
	kind  byte   // 's' string, 'n' number, 'w' word, '$' reference, 'o' operator
	val   string // of a string
	depth int
}

func (p *parser) fail(msg string) { panic(parseError{msg, p.start}) }

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

var operators = []string{"==", "~=", "<=", ">=", "..", "??", "<", ">", "+", "-", "*", "/", "%", "#", "(", ")", ",", "?", ":"}

func (p *parser) next() {
	s := p.src
	for p.at < len(s) && (s[p.at] == ' ' || s[p.at] >= '\t' && s[p.at] <= '\r') {
		p.at++
	}
	p.start = p.at
	if p.at >= len(s) {
		p.tok, p.kind = "", 0
		return
	}
	i := p.at
	switch c := s[i]; {
	case c == '\'' || c == '"':
		p.quoted(c)
		return
	case isLetter(c):
		for i < len(s) && (isLetter(s[i]) || isDigit(s[i])) {
			i++
		}
		p.kind = 'w'
	case c == '$':
		i++
		for i < len(s) && (isLetter(s[i]) || isDigit(s[i])) {
			i++
		}
		if i == p.at+1 {
			p.fail("a name is expected after $")
		}
		p.kind = '$'
	case isDigit(c):
		for i < len(s) && (isDigit(s[i]) || isLetter(s[i]) || s[i] == '.' && !strings.HasPrefix(s[i:], "..") ||
			(s[i] == '-' || s[i] == '+') && s[i-1]|0x20 == 'e') {
			i++
		}
		p.kind = 'n'
	default:
		p.kind = 'o'
		for _, op := range operators {
			if strings.HasPrefix(s[i:], op) {
				i += len(op)
				break
			}
		}
		if i == p.at {
			p.fail("unexpected " + strconv.Quote(s[i:i+1]))
		}
	}
	p.tok, p.at = s[p.at:i], i
}

func (p *parser) quoted(q byte) {
	var b strings.Builder
	s := p.src
	for i := p.at + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == q:
			p.tok, p.kind, p.val, p.at = s[p.at:i+1], 's', b.String(), i+1
			return
		case c == '\\' && i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 'x':
				n, err := strconv.ParseUint(s[i+1:min(i+3, len(s))], 16, 8)
				if err != nil {
					p.fail("bad \\x in a string")
				}
				b.WriteByte(byte(n))
				i += 2
			default:
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	p.fail("a string without its end")
}

func (p *parser) accept(op string) bool {
	if p.kind != 's' && p.tok == op {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(op string) {
	if !p.accept(op) {
		p.fail(strconv.Quote(op) + " is expected")
	}
}

func (p *parser) cond() Expr {
	if p.depth++; p.depth > 200 {
		p.fail("too deep an expression")
	}
	defer func() { p.depth-- }()
	e := p.binary(precNil)
	if p.accept("?") {
		then := p.binary(precNil)
		p.expect(":")
		return &Cond{e, then, p.cond()}
	}
	return e
}

func (p *parser) binary(limit int) Expr {
	if p.depth++; p.depth > 200 {
		p.fail("too deep an expression")
	}
	defer func() { p.depth-- }()
	e := p.unary()
	for p.kind == 'o' || p.kind == 'w' {
		op := p.tok
		prec, ok := binaryPrec[op]
		if !ok || prec < limit {
			break
		}
		p.next()
		right := prec + 1
		if op == ".." || op == "??" || op == "or" || op == "and" {
			right = prec
		}
		e = &Binary{op, e, p.binary(right)}
	}
	return e
}

func (p *parser) unary() Expr {
	if p.kind == 'w' && p.tok == "not" || p.kind == 'o' && (p.tok == "-" || p.tok == "#") {
		op := p.tok
		p.next()
		x := p.binary(precUnary)
		if c, ok := x.(*Const); ok && op == "-" && c.V.K == Number {
			return &Const{Num(-c.V.N)}
		}
		return &Unary{op, x}
	}
	return p.atom()
}

func (p *parser) atom() Expr {
	tok := p.tok
	switch p.kind {
	case 's':
		v := p.val
		p.next()
		return &Const{Text(v)}
	case 'n':
		f, err := strconv.ParseFloat(tok, 64)
		if err != nil {
			p.fail("bad number " + strconv.Quote(tok))
		}
		p.next()
		return &Const{Num(f)}
	case '$':
		p.next()
		return &Ref{tok[1:]}
	case 'w':
		p.next()
		switch tok {
		case "nil":
			return &Const{}
		case "true", "false":
			return &Const{Bool(tok == "true")}
		case "null":
			return &Const{Value{K: Null}}
		}
		c := &Call{Fn: tok}
		if !p.accept("(") {
			p.fail("unknown word " + strconv.Quote(tok) + ": text needs quotes, a name needs $")
		}
		for !p.accept(")") {
			if len(c.Args) > 0 {
				p.expect(",")
			}
			c.Args = append(c.Args, p.cond())
		}
		return c
	}
	if p.accept("(") {
		e := p.cond()
		p.expect(")")
		return e
	}
	if tok == "" {
		p.fail("an expression is expected")
	}
	p.fail("unexpected " + strconv.Quote(tok))
	return nil
}
