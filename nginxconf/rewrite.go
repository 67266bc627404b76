package nginxconf

import "strings"

// rewriteRows is ngx_http_rewrite_module.
// See: http://nginx.org/en/docs/http/ngx_http_rewrite_module.html
func rewriteRows() []row {
	return []row{
		blockOf("if", ctxSL, oneMore, setIf),
		custom("rewrite", ctxSSLI, take23, setRewrite),
		custom("return", ctxSSLI, take12, setReturn),
		custom("break", ctxSSLI, noArgs, func(b *build, n *Node) error {
			b.op(RewriteOp{Break: true})
			return nil
		}),
		custom("set", ctxSSLI, take2, setSet),
		custom("rewrite_log", CtxHTTP|ctxSSLI, flagArg, func(b *build, n *Node) error {
			if err := b.single(n.Name); err != nil {
				return err
			}
			v, err := b.onOff(n)
			if b.cur.rewrite != nil {
				b.op(RewriteOp{RewriteLog: Opt[bool]{V: v, Set: true, Pos: n.Pos()}})
			}
			return err
		}),
		singleRow("uninitialized_variable_warn", CtxHTTP|ctxSSLI, flagArg, checkFlag).
			ignored("a variable that was never set is empty, without a log line"),
	}
}

// op appends a directive of the rewrite phase.
func (b *build) op(o RewriteOp) {
	o.Pos = b.pos()
	*b.cur.rewrite = append(*b.cur.rewrite, o)
}

func absoluteURL(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "$scheme")
}

func setRewrite(b *build, n *Node) error {
	if n.Args[1] == "" {
		return b.emerg("empty replacement")
	}
	re, err := b.regex(n.Args[0], false)
	if err != nil {
		return err
	}
	r := &RewriteRule{Regex: re}
	if len(n.Args) == 3 {
		switch n.Args[2] {
		case "last", "break", "redirect", "permanent":
			r.Flag = n.Args[2]
		default:
			return b.emerg(`invalid parameter "%s"`, n.Args[2])
		}
	}
	if r.Replacement, err = b.value(n.Args[1]); err != nil {
		return err
	}
	b.op(RewriteOp{Rewrite: r})
	return nil
}

func setReturn(b *build, n *Node) error {
	code, ok := atoi(n.Args[0])
	text := ""
	switch {
	case !ok && len(n.Args) == 1 && absoluteURL(n.Args[0]):
		text = n.Args[0]
	case !ok || code > 999:
		return b.emerg(`invalid return code "%s"`, n.Args[0])
	case len(n.Args) == 1:
		b.op(RewriteOp{Return: &ReturnOp{Code: code}})
		return nil
	default:
		text = n.Args[1]
	}
	v, err := b.value(text)
	if err != nil {
		return err
	}
	if !ok {
		code = 0
	}
	b.op(RewriteOp{Return: &ReturnOp{Code: code, Text: &v}})
	return nil
}

func setSet(b *build, n *Node) error {
	name, err := b.newVariable(n.Args[0])
	if err != nil {
		return err
	}
	v, err := b.value(n.Args[1])
	if err != nil {
		return err
	}
	b.op(RewriteOp{Set: &SetOp{Var: name, Value: v}})
	return nil
}

// newVariable declares "$name" as something that can be set.
func (b *build) newVariable(text string) (string, error) {
	if !strings.HasPrefix(text, "$") {
		return "", b.emerg(`invalid variable name "%s"`, text)
	}
	name := strings.ToLower(text[1:])
	if err := b.declare(name, false); err != nil {
		return "", err
	}
	b.need(name)
	return name, nil
}

// setIf follows ngx_http_rewrite_if.
func setIf(b *build, n *Node) error {
	l := &Location{Pos: n.Pos(), Kind: LocIf, Loc: &LocConf{}}
	if b.cur.location != nil {
		l.Name = b.cur.location.Name
	}
	b.addChild(l)
	cond, err := b.condition(n.Args)
	if err != nil {
		return err
	}
	b.op(RewriteOp{If: &IfOp{Cond: cond, Loc: l}})
	ctx := CtxServerIf
	if b.ctx == CtxLocation {
		ctx = CtxLocationIf
	}
	cur := b.cur
	cur.location, cur.loc, cur.rewrite = l, l.Loc, &l.Rewrite
	return b.body(n, ctx, cur)
}

// condition follows ngx_http_rewrite_if_condition.
func (b *build) condition(args []string) (c Cond, err error) {
	bad := func(arg string) (Cond, error) { return c, b.emerg(`invalid condition "%s"`, arg) }
	words := append([]string(nil), args...)
	if !strings.HasPrefix(words[0], "(") {
		return bad(words[0])
	}
	if words[0] = words[0][1:]; words[0] == "" {
		words = words[1:]
	}
	if len(words) == 0 {
		return bad(args[0])
	}
	last := len(words) - 1
	if last == 0 && words[0] == ")" || !strings.HasSuffix(words[last], ")") {
		return bad(words[last])
	}
	if words[last] = strings.TrimSuffix(words[last], ")"); words[last] == "" && last > 0 {
		words = words[:last]
		last--
	}
	first := words[0]
	switch {
	case len(first) > 1 && first[0] == '$':
		if last != 0 && last != 2 {
			return bad(first)
		}
		c.Var = strings.ToLower(first[1:])
		b.need(c.Var)
		if last == 0 {
			return c, nil
		}
		c.Op = words[1]
		switch c.Op {
		case "=", "!=":
			c.Value, err = b.value(words[2])
			return c, err
		case "~", "~*", "!~", "!~*":
			c.Regex, err = b.regex(words[2], strings.HasSuffix(c.Op, "*"))
			return c, err
		}
		return c, b.emerg(`unexpected "%s" in condition`, words[1])
	case len(first) == 2 && first[0] == '-', len(first) == 3 && strings.HasPrefix(first, "!-"):
		if last != 1 {
			return bad(first)
		}
		if c.Value, err = b.value(words[1]); err != nil {
			return c, err
		}
		if !strings.Contains("fdex", first[len(first)-1:]) {
			return bad(first)
		}
		c.Op = first
		return c, nil
	}
	return bad(first)
}
