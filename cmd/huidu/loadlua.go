package main

import (
	"fmt"

	"huidu/nginxconf"
	"huidu/nginxconf/coverage"
	"huidu/proxy"
)

// loadDiverting is load with a fallback: what is not supported goes there, for
// its configuration or for its Lua, and a warning says so.
func (s *site) loadDiverting(opt nginxconf.Options, f *proxy.Fallback) (*nginxconf.Config, nginxconf.Diagnostics) {
	cov := coverage.Read(nginxconf.OSFiles{}, s.name, opt)
	if cov.Config == nil || cov.Config.HTTP == nil {
		return cov.Config, cov.Diags
	}
	known := map[*nginxconf.Diversion]bool{}
	eachDiversion(cov.Config.HTTP, func(_ string, d *nginxconf.Diversion) { known[d] = true })
	r := reportOf(cov, s.maps)
	if err := r.scripts(); err != nil {
		return nil, append(cov.Diags, nginxconf.Diagnostic{Severity: nginxconf.Emerg, Message: err.Error()})
	}
	defer r.close()
	r.divert(f)
	diags := cov.Diags
	eachDiversion(cov.Config.HTTP, func(what string, d *nginxconf.Diversion) {
		if known[d] {
			return
		}
		known[d] = true
		diags = append(diags, nginxconf.Diagnostic{Severity: nginxconf.Warn, Pos: d.Pos, Directive: d.Directive,
			Message: fmt.Sprintf("%q is not supported: %s", d.Directive, d.Reason), Hint: what + " goes to the fallback"})
	})
	return cov.Config, diags
}

// eachDiversion calls f for what is diverted.
func eachDiversion(h *nginxconf.HTTP, f func(what string, d *nginxconf.Diversion)) {
	for _, s := range h.Servers {
		if s.Diverted != nil {
			f("this server", s.Diverted)
			continue
		}
		coverage.EachLocation(s.Locations, func(l *nginxconf.Location) {
			if l.Diverted != nil {
				f(fmt.Sprintf("location %q", l.Name), l.Diverted)
			}
		})
	}
}

// withLua adds what the configuration's scripts use that is refused when they
// run: a warning, because they may never come to it, and with --strict the end.
func (s *site) withLua(cfg *nginxconf.Config, diags nginxconf.Diagnostics) (*nginxconf.Config, nginxconf.Diagnostics) {
	if cfg == nil || cfg.HTTP == nil {
		return cfg, diags
	}
	cov := coverage.Of(cfg)
	if len(cov.Scripts) == 0 {
		return cfg, diags
	}
	r := reportOf(cov, s.maps)
	if err := r.scripts(); err != nil {
		return cfg, diags
	}
	defer r.close()
	r.finish()
	for _, e := range r.entries {
		if e.verdict != vUnsupported || e.absent || e.kind != "function" && e.kind != "method" && e.kind != "module" {
			continue
		}
		d := nginxconf.Diagnostic{Severity: nginxconf.Warn, Pos: nginxconf.Pos{File: e.file, Line: e.line}, Directive: e.name,
			Message: fmt.Sprintf("%q is not supported: %s", e.name, e.why), Hint: "the script fails where it uses this; --fallback leaves its location to the old gateway"}
		if s.opts.strict {
			d.Severity = nginxconf.Emerg
			return nil, append(diags, d)
		}
		diags = append(diags, d)
	}
	return cfg, diags
}
