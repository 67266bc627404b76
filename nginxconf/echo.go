package nginxconf

import "strings"

// echoRows is echo-nginx-module.
// See: https://github.com/openresty/echo-nginx-module
func echoRows() []row {
	cmd := func(name string, args argSpec) row {
		return custom(name, ctxLI, args, func(b *build, n *Node) error {
			c, err := b.echoCmd(n)
			if err != nil {
				return err
			}
			e := own(&b.cur.loc.Echo)
			e.Cmds = append(e.Cmds, c)
			b.handlers[b.cur.loc] = HandlerEcho
			return nil
		})
	}
	filter := func(name string, list func(*EchoLoc) *[]EchoCmd) row {
		return custom(name, ctxLI, anyArgs, func(b *build, n *Node) error {
			c, err := b.echoCmd(n)
			p := list(own(&b.cur.loc.Echo))
			*p = append(*p, c)
			return err
		})
	}
	return []row{
		cmd("echo", anyArgs), cmd("echo_request_body", noArgs), cmd("echo_sleep", take1), cmd("echo_flush", noArgs),
		cmd("echo_blocking_sleep", take1), cmd("echo_reset_timer", noArgs), cmd("echo_location_async", take12),
		cmd("echo_location", take12), cmd("echo_subrequest_async", twoMore), cmd("echo_subrequest", twoMore),
		cmd("echo_duplicate", twoMore), cmd("echo_read_request_body", noArgs), cmd("echo_foreach_split", twoMore),
		cmd("echo_end", noArgs), cmd("echo_abort_parent", noArgs), cmd("echo_exec", take12),
		filter("echo_before_body", func(e *EchoLoc) *[]EchoCmd { return &e.Before }),
		filter("echo_after_body", func(e *EchoLoc) *[]EchoCmd { return &e.After }),
		newRow("echo_status", ctxLI, take1, inEcho(func(e *EchoLoc) *Opt[int] { return &e.Status }), []int{200},
			func(b *build, n *Node, o *Opt[int]) error {
				v, ok := atoi(n.Args[0])
				if !ok {
					return dirErr("invalid number")
				}
				o.V = v
				return nil
			}),
	}
}

func (b *build) echoCmd(n *Node) (EchoCmd, error) {
	args, err := b.values(n.Args)
	return EchoCmd{Name: n.Name, Args: args, Pos: n.Pos()}, err
}

// finishEcho inherits the commands of a level that has none of a kind.
func finishEcho(parent, child *level, own bool) {
	if !own {
		return
	}
	p, c := parent.loc.Echo, child.loc.Echo
	if c.Cmds == nil {
		c.Cmds = p.Cmds
	}
	if c.Before == nil {
		c.Before = p.Before
	}
	if c.After == nil {
		c.After = p.After
	}
}

// moreRows is headers-more-nginx-module.
// See: https://github.com/openresty/headers-more-nginx-module
func moreRows() []row {
	cmd := func(name string, input, clear bool) row {
		return custom(name, ctxHSLI, oneMore, func(b *build, n *Node) error { return setMore(b, n, input, clear) })
	}
	return []row{cmd("more_set_headers", false, false), cmd("more_clear_headers", false, true),
		cmd("more_set_input_headers", true, false), cmd("more_clear_input_headers", true, true)}
}

// setMore follows ngx_http_headers_more_parse_directive: options may stand
// between the headers.
func setMore(b *build, n *Node, input, clear bool) error {
	c := MoreHeadersCmd{Input: input, Clear: clear}
	args := n.Args
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "" || a[0] != '-' {
			if a == "" {
				continue
			}
			h, err := b.moreHeader(a, clear)
			if err != nil {
				return err
			}
			c.Headers = append(c.Headers, h)
			continue
		}
		switch {
		case a == "-t", a == "-s" && !input:
			if i+1 == len(args) {
				return b.moreErr("option %s takes an argument.", a)
			}
			i++
			for _, w := range strings.Fields(args[i]) {
				if a == "-t" {
					c.Types = append(c.Types, w)
					continue
				}
				v, ok := atoi(w)
				if !ok {
					return b.moreErr(`invalid digit "%s" found in the status code list "%s"`, firstNonDigit(w), args[i])
				}
				c.Statuses = append(c.Statuses, v)
			}
		case a == "-r" && input && !clear:
			c.Restrict = true
		case a == "-a" && !input && !clear:
			c.Append = true
		default:
			return b.moreErr(`invalid option name: "%s"`, a)
		}
	}
	o := &own(&b.cur.loc.More).Cmds
	if !o.Set {
		o.Set, o.Pos = true, n.Pos()
	}
	o.V = append(o.V, c)
	return nil
}

// moreErr is a complaint of headers-more: it names no place.
func (b *build) moreErr(format string, args ...any) error {
	err := b.emergAt(Pos{}, b.node.Name+": "+format, args...)
	err.(*confErr).d.Hint = "in " + b.node.File + ":" + itoa(b.node.Line)
	return asError(err)
}

func firstNonDigit(s string) string {
	return strings.TrimLeft(s, "0123456789")[:1]
}

// moreHeader reads "Name: value"; a clearing directive may leave the value out.
func (b *build) moreHeader(text string, clear bool) (HeaderValue, error) {
	h := HeaderValue{Pos: b.pos()}
	name, val, has := strings.Cut(text, ":")
	h.Name = strings.TrimSpace(name)
	if h.Name == "" {
		return h, b.moreErr("the header name is empty")
	}
	if !has && !clear {
		return h, nil
	}
	var err error
	h.Value, err = b.value(strings.TrimLeft(val, " "))
	return h, err
}

// finishMore puts the commands of the level above first.
func finishMore(parent, child *level, own bool) {
	if !own {
		return
	}
	p, c := &parent.loc.More.Cmds, &child.loc.More.Cmds
	if p.V != nil {
		c.V = append(append([]MoreHeadersCmd(nil), p.V...), c.V...)
	}
}

// setMiscRows is set-misc-nginx-module: every directive sets a variable.
// See: https://github.com/openresty/set-misc-nginx-module
func setMiscRows() []row {
	ctx := ctxHSSLI
	var rows []row
	for _, d := range []struct {
		names string
		args  argSpec
	}{
		{"set_local_today", take1},
		{"set_encode_base32 set_decode_base32 set_encode_base64 set_decode_base64 set_encode_base64url set_decode_base64url " +
			"set_encode_hex set_decode_hex set_escape_uri set_unescape_uri set_quote_sql_str set_quote_pgsql_str " +
			"set_quote_json_str set_md5 set_sha1 set_secure_random_alphanum set_secure_random_lcalpha", take12},
		{"set_formatted_gmt_time set_formatted_local_time set_if_empty", take2},
		{"set_hmac_sha1 set_hmac_sha256 set_random set_rotate", take3},
	} {
		for _, name := range strings.Fields(d.names) {
			rows = append(rows, custom(name, ctx, d.args, setMisc))
		}
	}
	return append(rows,
		custom("set_hashed_upstream", ctx, take3, nil).unsupported("it needs upstream_list, which huidu has not"),
		singleRow("set_base32_padding", ctx, flagArg, checkFlag).unsupported("rare: say so if you need it"),
		singleRow("set_misc_base32_padding", ctx, flagArg, checkFlag).unsupported("rare: say so if you need it"),
		singleRow("set_base32_alphabet", ctx, take1, nil).unsupported("rare: say so if you need it"))
}

// setMisc is NDK's set_var: with one argument the variable is also the input.
func setMisc(b *build, n *Node) error {
	name, err := b.newVariable(n.Args[0])
	if err != nil {
		return err
	}
	texts := n.Args[1:]
	if len(texts) == 0 && n.Name != "set_local_today" {
		texts = []string{"$" + name}
	}
	args, err := b.values(texts)
	if err != nil {
		return err
	}
	if b.cur.rewrite == nil {
		return b.emerg(`"%s" directive is not supported at http level`, n.Name)
	}
	b.op(RewriteOp{SetMisc: &SetMiscOp{Name: n.Name, Var: name, Args: args}})
	return nil
}
