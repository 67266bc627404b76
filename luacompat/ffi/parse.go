package ffi

import (
	"fmt"
	"strconv"
	"strings"
)

// scope holds what C declarations have declared.
type scope struct {
	types    map[string]*ctype // typedef names
	tags     map[string]*ctype // "struct x", "union x", "enum x"
	consts   map[string]int64  // enum constants and static const integers
	symbols  map[string]*ctype // functions and variables
	nameless int
}

func newScope() *scope {
	s := &scope{types: map[string]*ctype{}, tags: map[string]*ctype{}, consts: map[string]int64{}, symbols: map[string]*ctype{}}
	for n, t := range predefined {
		s.types[n] = t
	}
	return s
}

// parser reads C declarations. params replace the $ of a parameterised type.
type parser struct {
	*scope
	src    string
	pos    int
	line   int
	tok    string // the token read ahead; "" at the end
	params []*ctype
	// declaring is set in ffi.cdef, where a tag may be new.
	declaring bool
}

// parseError is raised as a Lua error.
type parseError struct{ msg string }

func (p *parser) fail(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if p.line > 1 {
		msg += fmt.Sprintf(" at line %d", p.line)
	}
	panic(parseError{msg})
}

// unexpected is LuaJIT's complaint about the token at hand.
func (p *parser) unexpected(want string) {
	near := p.tok
	if near == "" {
		near = "<eof>"
	}
	if want != "" {
		p.fail("'%s' expected near '%s'", want, near)
	}
	p.fail("unexpected symbol near '%s'", near)
}

func (s *scope) parser(src string, params []*ctype) *parser {
	p := &parser{scope: s, src: src, line: 1, params: params}
	p.next()
	return p
}

func isNameByte(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}

// next reads a token: a name, a number, a string or an operator.
func (p *parser) next() {
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '\n':
			p.line++
			p.pos++
		case c == ' ' || c >= '\t' && c <= '\r':
			p.pos++
		case strings.HasPrefix(p.src[p.pos:], "//"):
			if i := strings.IndexByte(p.src[p.pos:], '\n'); i >= 0 {
				p.pos += i
			} else {
				p.pos = len(p.src)
			}
		case strings.HasPrefix(p.src[p.pos:], "/*"):
			i := strings.Index(p.src[p.pos+2:], "*/")
			if i < 0 {
				p.pos = len(p.src)
				break
			}
			p.line += strings.Count(p.src[p.pos:p.pos+i+4], "\n")
			p.pos += i + 4
		default:
			start := p.pos
			p.pos++
			switch {
			case isNameByte(c):
				for p.pos < len(p.src) && isNameByte(p.src[p.pos]) {
					p.pos++
				}
			case c == '"' || c == '\'':
				for p.pos < len(p.src) && p.src[p.pos] != c {
					if p.src[p.pos] == '\\' {
						p.pos++
					}
					p.pos++
				}
				p.pos = min(p.pos+1, len(p.src))
			case strings.HasPrefix(p.src[start:], "..."):
				p.pos = start + 3
			case strings.HasPrefix(p.src[start:], "<<"), strings.HasPrefix(p.src[start:], ">>"):
				p.pos = start + 2
			}
			p.tok = p.src[start:p.pos]
			return
		}
	}
	p.tok = ""
}

func (p *parser) accept(tok string) bool {
	if p.tok != tok {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(tok string) {
	if !p.accept(tok) {
		p.unexpected(tok)
	}
}

func (p *parser) isName() bool {
	return p.tok != "" && isNameByte(p.tok[0]) && (p.tok[0] < '0' || p.tok[0] > '9')
}

// specifiers are what stands before a declarator.
type specifiers struct {
	t                           *ctype
	typedef, constant, external bool
	packed                      bool
	static                      bool
}

// baseWords are the words that make up a base type.
var baseWords = map[string]bool{
	"void": true, "char": true, "short": true, "int": true, "long": true, "float": true, "double": true,
	"signed": true, "unsigned": true, "_Bool": true, "__signed": true, "__signed__": true,
	"__int8": true, "__int16": true, "__int32": true, "__int64": true,
}

// isType tells whether a declaration can start with the token at hand.
func (p *parser) isType() bool {
	switch p.tok {
	case "struct", "union", "enum", "const", "volatile", "static", "extern", "typedef", "inline", "$",
		"__attribute__", "__extension__", "__const", "__const__", "register":
		return true
	}
	return baseWords[p.tok] || p.types[p.tok] != nil
}

func (p *parser) specifiers() specifiers {
	var s specifiers
	words := map[string]int{}
	var last string
	for {
		switch p.tok {
		case "typedef":
			s.typedef = true
		case "extern":
			s.external = true
		case "static":
			s.static = true
		case "const", "__const", "__const__":
			s.constant = true
		case "volatile", "restrict", "__restrict", "__restrict__", "inline", "__inline", "__inline__", "register",
			"__extension__", "__volatile__":
		case "__attribute__":
			s.packed = p.attribute() || s.packed
			continue
		case "struct", "union":
			s.t = p.structure()
			continue
		case "enum":
			s.t = p.enumeration()
			continue
		case "$":
			if len(p.params) == 0 {
				p.unexpected("")
			}
			s.t, p.params = p.params[0], p.params[1:]
		default:
			switch {
			case baseWords[p.tok]:
				words[p.tok]++
				last = p.tok
			case s.t == nil && last == "" && p.types[p.tok] != nil:
				s.t = p.types[p.tok]
			default:
				if last != "" {
					s.t = baseType(words)
				}
				if s.t == nil {
					if p.isName() {
						p.fail("declaration specifier expected near '%s'", p.tok)
					}
					if p.tok == "" {
						p.fail("declaration specifier expected near '<eof>'")
					}
					p.fail("declaration specifier expected near '%s'", p.tok)
				}
				if s.constant {
					s.t = s.t.asConst()
				}
				return s
			}
		}
		p.next()
	}
}

// baseType is the type that a set of words names.
func baseType(w map[string]int) *ctype {
	unsigned := w["unsigned"] > 0
	pick := func(s, u *ctype) *ctype {
		if unsigned {
			return u
		}
		return s
	}
	switch {
	case w["void"] > 0:
		return typeVoid
	case w["_Bool"] > 0:
		return typeBool
	case w["float"] > 0:
		return typeFloat
	case w["double"] > 0:
		return typeDouble
	case w["char"] > 0, w["__int8"] > 0:
		return pick(typeChar, typeUChar)
	case w["short"] > 0, w["__int16"] > 0:
		return pick(typeShort, typeUShort)
	case w["long"] > 0, w["__int64"] > 0:
		return pick(typeInt64, typeUInt64)
	}
	return pick(typeInt, typeUInt)
}

// attribute reads __attribute__((...)); it tells of packed.
func (p *parser) attribute() (packed bool) {
	p.next()
	depth := 0
	for {
		switch p.tok {
		case "(":
			depth++
		case ")":
			depth--
		case "packed", "__packed__":
			packed = true
		case "":
			p.unexpected(")")
		}
		p.next()
		if depth == 0 {
			return packed
		}
	}
}

func (p *parser) tag(what string) *ctype {
	if !p.isName() {
		p.nameless++
		return &ctype{kind: kindStruct, align: 1, name: what + " " + strconv.Itoa(100+p.nameless), union: what == "union"}
	}
	key := what + " " + p.tok
	t := p.tags[key]
	if t == nil {
		if name := p.tok; !p.declaring {
			if p.next(); p.tok != "{" {
				p.fail("undeclared or implicit tag '%s'", name)
			}
			t = &ctype{kind: kindStruct, align: 1, name: key, union: what == "union"}
			p.tags[key] = t
			return t
		}
		t = &ctype{kind: kindStruct, align: 1, name: key, union: what == "union"}
		p.tags[key] = t
	}
	p.next()
	return t
}

func (p *parser) structure() *ctype {
	what := p.tok
	p.next()
	packed := false
	for p.tok == "__attribute__" {
		packed = p.attribute() || packed
	}
	t := p.tag(what)
	if p.tok != "{" {
		return t
	}
	if t.complete {
		p.fail("attempt to redefine '%s'", t.name)
	}
	p.next()
	for !p.accept("}") {
		s := p.specifiers()
		if p.accept(";") {
			if s.t.kind == kindStruct { // nameless member
				t.fields = append(t.fields, field{t: s.t})
			}
			continue
		}
		for {
			name, ft := p.declarator(s.t)
			if p.tok == ":" {
				p.fail("bit-fields are not supported by huidu")
			}
			if ft.kind == kindArray && ft.n == unsized && !ft.variable { // a flexible member
				ft.n, ft.complete = 0, true
			}
			if ft.kind == kindVoid || ft.kind == kindFunc || ft.kind == kindStruct && !ft.complete {
				p.fail("size of C type is unknown or too large")
			}
			t.fields = append(t.fields, field{name: name, t: ft})
			for p.tok == "__attribute__" {
				p.attribute()
			}
			if !p.accept(",") {
				break
			}
		}
		p.expect(";")
	}
	for p.tok == "__attribute__" {
		packed = p.attribute() || packed
	}
	t.layout(packed)
	return t
}

func (p *parser) enumeration() *ctype {
	p.next()
	name := "enum " + strconv.Itoa(100+p.nameless)
	if p.isName() {
		name = "enum " + p.tok
		p.next()
	} else {
		p.nameless++
	}
	t := p.tags[name]
	if t == nil {
		t = base(name, kindInt, 4, true)
		t.isEnum = true
		p.tags[name] = t
	}
	if p.accept("{") {
		next := int64(0)
		for !p.accept("}") {
			if !p.isName() {
				p.unexpected("")
			}
			c := p.tok
			p.next()
			if p.accept("=") {
				next = p.constantExpr(0)
			}
			p.consts[c] = next
			next++
			if !p.accept(",") && p.tok != "}" {
				p.unexpected("}")
			}
		}
	}
	return t
}

// declarator reads one declarator of a declaration whose specifiers gave t.
func (p *parser) declarator(t *ctype) (string, *ctype) {
	for {
		switch {
		case p.accept("*"):
			t = pointerTo(t)
			continue
		case p.tok == "const" || p.tok == "__const" || p.tok == "__const__":
			t = t.asConst()
			p.next()
			continue
		case p.tok == "volatile" || p.tok == "restrict" || p.tok == "__restrict" || p.tok == "__restrict__":
			p.next()
			continue
		case p.tok == "__attribute__":
			p.attribute()
			continue
		}
		break
	}
	var name string
	var inner *ctype // what a declarator in parentheses is made of
	switch {
	case p.tok == "(" && p.nested():
		p.next()
		inner = &ctype{}
		var whole *ctype
		name, whole = p.declarator(inner)
		p.expect(")")
		t = p.suffixes(t)
		*inner = *t
		if whole != inner {
			complete(whole)
			return name, whole
		}
		return name, t
	case p.isName():
		name = p.tok
		p.next()
	}
	return name, p.suffixes(t)
}

// complete gives the arrays of a declarator in parentheses their sizes.
func complete(t *ctype) {
	if t.kind == kindArray {
		complete(t.elem)
		t.align = t.elem.align
		if t.n >= 0 {
			t.size = t.n * t.elem.size
		}
	}
}

// nested tells a declarator in parentheses from a parameter list.
func (p *parser) nested() bool {
	save := *p
	p.next()
	is := p.tok == "*" || p.tok == "(" || p.isName() && !p.isType()
	*p = save
	return is
}

func (p *parser) suffixes(t *ctype) *ctype {
	switch {
	case p.tok == "[":
		p.next()
		n, variable := unsized, false
		switch {
		case p.tok == "?":
			p.next()
			variable = true
		case p.tok == "]":
		default:
			n = int(p.constantExpr(0))
			if n < 0 || n > 1<<30 {
				p.fail("size of C type is unknown or too large")
			}
		}
		p.expect("]")
		a := arrayOf(p.suffixes(t), n)
		a.variable = variable
		return a
	case p.tok == "(":
		p.next()
		f := &ctype{kind: kindFunc, elem: t, align: 1, complete: true}
		for !p.accept(")") {
			if p.accept("...") {
				f.vararg = true
				p.expect(")")
				break
			}
			s := p.specifiers()
			_, pt := p.declarator(s.t)
			switch pt.kind {
			case kindArray:
				pt = pointerTo(pt.elem)
			case kindFunc:
				pt = pointerTo(pt)
			}
			if pt.kind != kindVoid {
				f.params = append(f.params, pt)
			}
			if !p.accept(",") && p.tok != ")" {
				p.unexpected(")")
			}
		}
		return f
	}
	return t
}

// typeName reads a type without a declaration, as ffi.new takes it.
func (p *parser) typeName() *ctype {
	s := p.specifiers()
	_, t := p.declarator(s.t)
	if p.tok != "" {
		p.unexpected("")
	}
	return t
}

// declarations reads what ffi.cdef takes.
func (p *parser) declarations() {
	p.declaring = true
	for p.tok != "" {
		if p.accept(";") {
			continue
		}
		s := p.specifiers()
		for p.tok != ";" {
			name, t := p.declarator(s.t)
			t = p.finishDeclarator(s, name, t)
			switch {
			case s.typedef:
				p.types[name] = t
			case s.static && s.constant && p.accept("="):
				p.consts[name] = p.constantExpr(0)
			case t.kind == kindFunc:
				f := *t
				if f.symbol == "" {
					f.symbol = name
				}
				p.symbols[name] = &f
			default:
				p.symbols[name] = t
			}
			if !p.accept(",") {
				break
			}
		}
		if p.tok != "" {
			p.expect(";")
		}
	}
}

// finishDeclarator reads attributes and asm names behind a declarator.
func (p *parser) finishDeclarator(s specifiers, name string, t *ctype) *ctype {
	for {
		switch p.tok {
		case "__attribute__":
			p.attribute()
		case "asm", "__asm", "__asm__":
			p.next()
			p.expect("(")
			if t.kind == kindFunc && len(p.tok) > 1 && p.tok[0] == '"' {
				f := *t
				f.symbol = strings.Trim(p.tok, `"`)
				t = &f
			}
			p.next()
			p.expect(")")
		default:
			if name == "" {
				p.unexpected("<identifier>")
			}
			return t
		}
	}
}

// precedence of the binary operators of constant expressions.
var precedence = map[string]int{"|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6}

func (p *parser) constantExpr(level int) int64 {
	v := p.constantTerm()
	for {
		op := p.tok
		prec := precedence[op]
		if prec == 0 || prec <= level {
			return v
		}
		p.next()
		w := p.constantExpr(prec)
		switch op {
		case "|":
			v |= w
		case "^":
			v ^= w
		case "&":
			v &= w
		case "<<":
			v <<= uint64(w) & 63
		case ">>":
			v >>= uint64(w) & 63
		case "+":
			v += w
		case "-":
			v -= w
		case "*":
			v *= w
		default:
			if w == 0 {
				p.unexpected("")
			}
			if op == "/" {
				v /= w
			} else {
				v %= w
			}
		}
	}
}

func (p *parser) constantTerm() int64 {
	tok := p.tok
	switch {
	case tok == "-":
		p.next()
		return -p.constantTerm()
	case tok == "+":
		p.next()
		return p.constantTerm()
	case tok == "~":
		p.next()
		return ^p.constantTerm()
	case tok == "(":
		p.next()
		v := p.constantExpr(0)
		p.expect(")")
		return v
	case tok == "sizeof":
		p.next()
		p.expect("(")
		s := p.specifiers()
		_, t := p.declarator(s.t)
		p.expect(")")
		return int64(t.size)
	case len(tok) > 2 && tok[0] == '\'':
		p.next()
		if r, _, _, err := strconv.UnquoteChar(tok[1:len(tok)-1], '\''); err == nil {
			return int64(r)
		}
	case tok != "" && tok[0] >= '0' && tok[0] <= '9':
		p.next()
		v, err := strconv.ParseUint(strings.TrimRight(tok, "uUlL"), 0, 64)
		if err == nil {
			return int64(v)
		}
	default:
		if v, ok := p.consts[tok]; ok {
			p.next()
			return v
		}
	}
	p.unexpected("")
	return 0
}
