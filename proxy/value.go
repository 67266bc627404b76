package proxy

import (
	"fmt"

	"huidu/nginxconf"
)

// value is a nginxconf.Value compiled against a Router: its variables are
// resolved to getters, so evaluating one looks up no names.
type value struct {
	lit   string // the whole text when parts is nil
	parts []valuePart
}

type valuePart struct {
	lit     string
	get     getter
	capture int // 1..9: a capture of the last regular expression; 0: none
}

// compileValue resolves v's variables. An unknown name is an error in nginx's
// words.
func (rt *Router) compileValue(v nginxconf.Value) (value, error) {
	if lit, isLit := v.Literal(); isLit {
		return value{lit: lit}, nil
	}
	out := value{parts: make([]valuePart, 0, len(v.Parts))}
	for _, p := range v.Parts {
		switch {
		case p.IsCapture:
			out.parts = append(out.parts, valuePart{capture: p.Capture})
		case p.Var != "":
			get := rt.vars.getter(p.Var)
			if get == nil {
				return value{}, fmt.Errorf("unknown %q variable", p.Var)
			}
			out.parts = append(out.parts, valuePart{get: get})
		default:
			out.parts = append(out.parts, valuePart{lit: p.Lit})
		}
	}
	return out, nil
}

// literal builds a value without variables.
func literal(s string) value { return value{lit: s} }

// isLiteral reports whether v has no variables.
func (v *value) isLiteral() bool { return v.parts == nil }

// eval returns v's text for r; a view when v is a single variable.
func (v *value) eval(r *Request) string {
	if v.parts == nil {
		return v.lit
	}
	if len(v.parts) == 1 {
		return v.parts[0].text(r)
	}
	return string(v.appendTo(nil, r))
}

// appendTo appends v's text for r to dst.
func (v *value) appendTo(dst []byte, r *Request) []byte {
	if v.parts == nil {
		return append(dst, v.lit...)
	}
	for i := range v.parts {
		dst = append(dst, v.parts[i].text(r)...)
	}
	return dst
}

func (p *valuePart) text(r *Request) string {
	switch {
	case p.get != nil:
		s, _ := p.get(r)
		return s
	case p.capture > 0:
		return r.capture(p.capture)
	}
	return p.lit
}
