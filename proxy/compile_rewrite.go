package proxy

import (
	"strings"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
)

// rewriteOps compiles rewrite-module directives. loc is the level they stand
// at; if blocks inside become locations of their own.
func (c *compiler) rewriteOps(list []nginxconf.RewriteOp, loc *location) ([]rewriteOp, error) {
	var ops []rewriteOp
	for i := range list {
		d := &list[i]
		op, err := c.rewriteOp(d, loc)
		if err != nil {
			return nil, err
		}
		if op != nil && c.traces() {
			op = &tracedOp{op, d}
		}
		if op != nil {
			ops = append(ops, op)
		}
	}
	return ops, nil
}

func (c *compiler) rewriteOp(d *nginxconf.RewriteOp, loc *location) (rewriteOp, error) {
	switch {
	case d.RewriteLog.Set:
		loc.rewriteLog = d.RewriteLog.V
		return nil, nil
	case d.Break:
		return breakOp{}, nil
	case d.Set != nil:
		v, err := c.value(d.Set.Value, d.Pos)
		if err != nil {
			return nil, err
		}
		return &setOp{set: c.rt.vars.setter(d.Set.Var), value: v}, nil
	case d.Return != nil:
		text, err := c.valuePtr(d.Return.Text, d.Pos)
		code := d.Return.Code
		if code == 0 { // "return URL"
			code = 302
		}
		return &returnOp{code: code, text: text}, err
	case d.Rewrite != nil:
		return c.rewriteRule(d.Rewrite, d.Pos)
	case d.If != nil:
		return c.ifBlock(d, loc)
	case d.SetLua != nil:
		return c.setByLua(d)
	case d.SetMisc != nil:
		return c.setMisc(d)
	}
	return nil, errAt(d.Pos, "unknown rewrite directive")
}

func (c *compiler) rewriteRule(d *nginxconf.RewriteRule, pos nginxconf.Pos) (rewriteOp, error) {
	re, err := c.regex(d.Regex)
	if err != nil {
		return nil, err
	}
	rule := &rewriteRule{re: re, pattern: d.Regex.Pattern, addArgs: true}
	names := c.namedCaptures(re)
	rule.names = names
	switch d.Flag {
	case "last":
		rule.last = true
	case "break":
		rule.last, rule.brk = true, true
	case "redirect":
		rule.redirect, rule.last = 302, true
	case "permanent":
		rule.redirect, rule.last = 301, true
	}
	if rule.redirect == 0 && isRedirectText(d.Replacement.Text) {
		rule.redirect, rule.last, rule.brk = 302, true, false
	}
	parts := d.Replacement.Parts
	if n := len(parts); n > 0 && strings.HasSuffix(parts[n-1].Lit, "?") {
		parts = append([]nginxconf.Part(nil), parts...)
		parts[n-1].Lit = strings.TrimSuffix(parts[n-1].Lit, "?")
		rule.addArgs = false
	}
	for _, p := range parts {
		if p.Lit != "" && !rule.hasArgs {
			before, after, found := strings.Cut(p.Lit, "?")
			if before != "" {
				rule.parts = append(rule.parts, rewritePart{valuePart: valuePart{lit: before}})
			}
			if found {
				rule.hasArgs = true
				if after != "" {
					rule.parts = append(rule.parts, rewritePart{valuePart: valuePart{lit: after}, inArgs: true})
				}
			}
			continue
		}
		one, err := c.value(nginxconf.Value{Parts: []nginxconf.Part{p}}, pos)
		if err != nil {
			return nil, err
		}
		vp := valuePart{lit: one.lit}
		if one.parts != nil {
			vp = one.parts[0]
		}
		rule.parts = append(rule.parts, rewritePart{valuePart: vp, inArgs: rule.hasArgs})
	}
	return rule, nil
}

func (c *compiler) ifBlock(d *nginxconf.RewriteOp, loc *location) (rewriteOp, error) {
	cond, err := c.cond(&d.If.Cond, d.Pos)
	if err != nil {
		return nil, err
	}
	op := &ifOp{cond: cond}
	rewrite := d.If.Loc.Rewrite
	block := *d.If.Loc
	block.Rewrite = nil
	if op.loc, err = c.location(&block, loc); err != nil {
		return nil, err
	}
	op.loc.rewriteLog = loc.rewriteLog
	if op.loc.handler == nil {
		orphan := *op.loc
		orphan.handler = noUpstream
		op.orphan = &orphan
	}
	if op.ops, err = c.rewriteOps(rewrite, op.loc); err != nil {
		return nil, err
	}
	return op, nil
}

// cond compiles the condition of an if.
//
// See: https://nginx.org/en/docs/http/ngx_http_rewrite_module.html#if
func (c *compiler) cond(d *nginxconf.Cond, pos nginxconf.Pos) (func(*Request) bool, error) {
	op, negate := strings.CutPrefix(d.Op, "!")
	if strings.HasPrefix(d.Op, "-") || strings.HasPrefix(d.Op, "!-") {
		name, err := c.value(d.Value, pos)
		if err != nil {
			return nil, err
		}
		return func(r *Request) bool { return fileTest(r, op, name.eval(r)) != negate }, nil
	}
	get := c.rt.vars.getter(d.Var)
	if get == nil {
		return nil, errAt(pos, "unknown \"%s\" variable", d.Var)
	}
	switch op {
	case "":
		return func(r *Request) bool { v, _ := get(r); return truthy(v) }, nil
	case "=":
		v, err := c.value(d.Value, pos)
		if err != nil {
			return nil, err
		}
		return func(r *Request) bool { s, _ := get(r); return (s == v.eval(r)) != negate }, nil
	}
	re, err := c.regex(d.Regex)
	if err != nil {
		return nil, err
	}
	names := c.namedCaptures(re)
	return func(r *Request) bool {
		s, _ := get(r)
		return r.matchNamed(re, names, s) != negate
	}, nil
}

// namedCapture binds a named group to its variable.
type namedCapture struct {
	group int
	slot  int
}

// namedCaptures declares the variables of an expression's named groups.
func (c *compiler) namedCaptures(re *pcre.Regex) []namedCapture {
	var out []namedCapture
	for _, n := range re.Names() {
		out = append(out, namedCapture{group: n.Index, slot: c.rt.vars.declare(strings.ToLower(n.Name))})
	}
	return out
}

// matchNamed is matchRegex that also sets the variables of named groups.
func (r *Request) matchNamed(re *pcre.Regex, names []namedCapture, subject string) bool {
	if !r.matchRegex(re, subject) {
		return false
	}
	for _, n := range names {
		r.vars[n.slot] = varSlot{val: r.capture(n.group), state: slotValid}
	}
	return true
}
