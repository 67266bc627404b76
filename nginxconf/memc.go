package nginxconf

import "time"

const memcModule = "ngx_http_memc_module"

// memcCommands are the commands of $memc_cmd.
var memcCommands = []string{"set", "add", "replace", "append", "prepend", "get", "delete", "incr", "decr", "flush_all", "stats", "version"}

// memcRows is ngx_http_memc_module.
//
// See: https://github.com/openresty/memc-nginx-module
func memcRows() []row {
	mTime := func(name string, f func(*MiscLoc) *Opt[time.Duration]) row {
		return msec(name, ctxHSL, inMisc(f), time.Minute).in(memcModule)
	}
	return []row{
		custom("memc_pass", ctxLI, take1, setMemcPass).in(memcModule),
		mTime("memc_connect_timeout", func(m *MiscLoc) *Opt[time.Duration] { return &m.MemcConnectTimeout }),
		mTime("memc_send_timeout", func(m *MiscLoc) *Opt[time.Duration] { return &m.MemcSendTimeout }),
		mTime("memc_read_timeout", func(m *MiscLoc) *Opt[time.Duration] { return &m.MemcReadTimeout }),
		size("memc_buffer_size", ctxHSL, inMisc(func(m *MiscLoc) *Opt[int64] { return &m.MemcBufferSize }), 4096).in(memcModule),
		nextUpstream("memc_next_upstream", inMisc(func(m *MiscLoc) *Opt[NextUpstream] { return &m.MemcNextUpstream }),
			map[string]NextUpstream{"error": NextError, "timeout": NextTimeout, "invalid_response": NextInvalidHeader,
				"not_found": Next404, "off": NextOff}).in(memcModule),
		newRow("memc_bind", ctxHSL, take1, inMisc(func(m *MiscLoc) *Opt[*Value] { return &m.MemcBind }), nil, setBind).in(memcModule),
		newRow("memc_cmds_allowed", ctxHSL, oneMore, inMisc(func(m *MiscLoc) *Opt[[]string] { return &m.MemcCmdsAllowed }), nil, setMemcCommands).in(memcModule),
		flag("memc_flags_to_last_modified", ctxHSL, inMisc(func(m *MiscLoc) *Opt[bool] { return &m.MemcFlagsToLastModified }), false).in(memcModule),
		flag("memc_ignore_client_abort", ctxHSL, inMisc(func(m *MiscLoc) *Opt[bool] { return &m.MemcIgnoreClientAbort }), false).in(memcModule),
		checked("memc_upstream_max_fails", ctxHSL, take1, checkNum).ignored("the servers of an upstream say it").in(memcModule),
		checked("memc_upstream_fail_timeout", ctxHSL, take1, checkMsec).ignored("the servers of an upstream say it").in(memcModule),
	}
}

func setMemcCommands(b *build, n *Node, o *Opt[[]string]) error {
	for _, c := range n.Args {
		if !contains(memcCommands, c) {
			return b.emerg("ngx_memc: unknown cmd \"%s\" used in \"memc_cmds_allowed\"", c)
		}
	}
	o.V = n.Args
	return nil
}

// setMemcPass follows ngx_http_memc_pass. A name in variables is that of an
// upstream block.
func setMemcPass(b *build, n *Node) error {
	m := own(&b.cur.loc.Misc)
	if m.MemcPass.Set {
		return errDuplicate
	}
	v, err := b.value(n.Args[0])
	if err != nil {
		return err
	}
	m.MemcPass = Opt[*Value]{V: &v, Set: true, Pos: n.Pos()}
	b.handlers[b.cur.loc] = HandlerMemc
	if text, ok := v.Literal(); ok {
		up, _, err := b.upstreamFor(text, 0)
		if err != nil {
			return err
		}
		m.MemcUpstream = up
	}
	return nil
}
