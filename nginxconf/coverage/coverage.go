package coverage

import (
	"huidu/nginxconf"
)

// Report is what a configuration needs.
type Report struct {
	// Config is nil when the configuration is refused for what nginx refuses
	// too; Diags says why.
	Config *nginxconf.Config
	Diags  nginxconf.Diagnostics
	Items  []nginxconf.Observation
	// Scripts are the configuration's Lua, each once.
	Scripts []*Script
}

// Script is one *_by_lua* of a configuration.
type Script struct {
	Code  *nginxconf.LuaCode
	Phase string // as ngx.get_phase answers: "content"
	Uses  []Place
}

// Place is where a script runs, or what a finding is about. Server is nil at
// the http level, Location at a server's.
type Place struct {
	Server   *nginxconf.Server
	Location *nginxconf.Location
	Loc      *nginxconf.LocConf
}

// Read reads a configuration to report on it. opt is as for Load; Divert and
// Observe are set here.
func Read(files nginxconf.Files, file string, opt nginxconf.Options) *Report {
	r := &Report{}
	opt.Divert = true
	worst := map[nginxconf.Observation]int{}
	opt.Observe = func(o nginxconf.Observation) {
		key := o
		key.Status, key.Reason = 0, ""
		if i, seen := worst[key]; seen {
			if o.Status > r.Items[i].Status {
				r.Items[i] = o
			}
			return
		}
		worst[key] = len(r.Items)
		r.Items = append(r.Items, o)
	}
	r.Config, r.Diags = nginxconf.Load(files, file, opt)
	if r.Config != nil && r.Config.HTTP != nil {
		r.scripts()
	}
	return r
}

// Of reports on the scripts of a configuration that has been loaded.
func Of(cfg *nginxconf.Config) *Report {
	r := &Report{Config: cfg}
	if cfg.HTTP != nil {
		r.scripts()
	}
	return r
}

// scripts collects the Lua that is in effect somewhere.
func (r *Report) scripts() {
	byCode := map[*nginxconf.LuaCode]*Script{}
	add := func(c *nginxconf.LuaCode, phase string, at Place) {
		if c == nil || c.Release != nil { // a rule of ours is no script
			return
		}
		s := byCode[c]
		if s == nil {
			s = &Script{Code: c, Phase: phase}
			byCode[c] = s
			r.Scripts = append(r.Scripts, s)
		}
		if n := len(s.Uses); n > 0 && s.Uses[n-1].Server == at.Server && s.Uses[n-1].Location == at.Location {
			return // an if block that inherits it
		}
		s.Uses = append(s.Uses, at)
	}
	h := r.Config.HTTP
	top := Place{Loc: h.Loc}
	add(h.Lua.InitBy, "init", top)
	add(h.Lua.InitWorkerBy, "init_worker", top)
	add(h.Lua.ExitWorkerBy, "exit_worker", top)
	for _, u := range h.Upstreams {
		add(u.BalancerByLua, "balancer", top)
	}
	for _, s := range h.Servers {
		at := Place{Server: s, Loc: s.Loc}
		add(s.Srv.LuaClientHello, "ssl_client_hello", at)
		add(s.Srv.LuaSSLCertificate, "ssl_cert", at)
		add(s.Srv.LuaServerRewrite, "server_rewrite", at)
		if len(s.Locations) == 0 {
			level(add, at)
		}
		rewrites(add, s.Rewrite, at)
		EachLocation(s.Locations, func(l *nginxconf.Location) {
			at := Place{Server: s, Location: l, Loc: l.Loc}
			level(add, at)
			rewrites(add, l.Rewrite, at)
		})
	}
}

type adder func(c *nginxconf.LuaCode, phase string, at Place)

// level adds the scripts of one level.
func level(add adder, at Place) {
	k := at.Loc.Lua
	if k == nil {
		return
	}
	add(k.RewriteBy.V, "rewrite", at)
	add(k.AccessBy.V, "access", at)
	add(k.PrecontentBy.V, "precontent", at)
	add(k.ContentBy, "content", at)
	add(k.HeaderFilterBy.V, "header_filter", at)
	add(k.BodyFilterBy.V, "body_filter", at)
	add(k.LogBy.V, "log", at)
}

// rewrites adds set_by_lua, and the scripts of if blocks.
func rewrites(add adder, ops []nginxconf.RewriteOp, at Place) {
	for _, op := range ops {
		switch {
		case op.SetLua != nil:
			add(op.SetLua.Code, "set", at)
		case op.If != nil:
			inner := at
			inner.Loc = op.If.Loc.Loc
			level(add, inner)
			rewrites(add, op.If.Loc.Rewrite, inner)
		}
	}
}

// EachLocation calls f for every location block of a list, outer ones first.
func EachLocation(list []*nginxconf.Location, f func(*nginxconf.Location)) {
	for _, l := range list {
		f(l)
		EachLocation(l.Locations, f)
	}
}
