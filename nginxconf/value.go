package nginxconf

import "strings"

// ParseValue splits text into literals, variables and captures.
// The error is nginx's message.
// See: ngx_http_script_compile.
func ParseValue(text string) (Value, error) {
	v := Value{Text: text}
	if strings.IndexByte(text, '$') < 0 {
		if text != "" {
			v.Parts = []Part{{Lit: text}}
		}
		return v, nil
	}
	for i := 0; i < len(text); {
		if text[i] != '$' {
			end := strings.IndexByte(text[i:], '$')
			if end < 0 {
				end = len(text) - i
			}
			v.Parts = append(v.Parts, Part{Lit: text[i : i+end]})
			i += end
			continue
		}
		if i++; i == len(text) {
			return v, valueErr("invalid variable name")
		}
		if c := text[i]; c >= '1' && c <= '9' {
			v.Parts = append(v.Parts, Part{Capture: int(c - '0'), IsCapture: true})
			i++
			continue
		}
		bracket := text[i] == '{'
		if bracket {
			if i++; i == len(text) {
				return v, valueErr("invalid variable name")
			}
		}
		start := i
		for i < len(text) && nameByte(text[i]) {
			i++
		}
		name := text[start:i]
		if bracket {
			if i == len(text) || text[i] != '}' {
				return v, valueErr(`the closing bracket in "` + name + `" variable is missing`)
			}
			i++
		}
		if name == "" {
			return v, valueErr("invalid variable name")
		}
		v.Parts = append(v.Parts, Part{Var: strings.ToLower(name)})
	}
	return v, nil
}

// valueErr is a message about a value.
type valueErr string

func (e valueErr) Error() string { return string(e) }

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// value parses text and notes the variables it needs.
func (b *build) value(text string) (Value, error) {
	v, err := ParseValue(text)
	if err != nil {
		return v, b.emerg("%s", err)
	}
	b.needAll(v)
	return v, nil
}

// needAll notes the variables of a value.
func (b *build) needAll(v Value) {
	for _, p := range v.Parts {
		if p.Var != "" {
			b.need(p.Var)
		}
	}
}

// values parses each text.
func (b *build) values(texts []string) ([]Value, error) {
	out := make([]Value, len(texts))
	for i, t := range texts {
		v, err := b.value(t)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// pathValue parses a path with variables; one that does not start with a
// variable is resolved against the prefix.
func (b *build) pathValue(text string) (Value, error) {
	if text == "" || text[0] != '$' {
		text = b.fullName(text)
	}
	return b.value(text)
}

// literal is a Value without variables.
func literal(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{Text: text, Parts: []Part{{Lit: text}}}
}

// regex checks a regular expression and declares its named captures.
func (b *build) regex(pattern string, noCase bool) (*Regex, error) {
	names, err := b.opt.CompileRegex(pattern, noCase)
	if err != nil {
		return nil, b.emerg("%s", err)
	}
	b.observe(ObservedRegex, pattern, Supported, "")
	for _, name := range names {
		if err := b.declare(name, false); err != nil {
			return nil, err
		}
		b.need(strings.ToLower(name))
	}
	return &Regex{Pattern: pattern, NoCase: noCase, Names: names, Pos: b.pos()}, nil
}
