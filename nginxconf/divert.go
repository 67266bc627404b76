package nginxconf

import "errors"

// Diversion says why a part of a configuration is left to the gateway that
// huidu stands in for (Options.Divert): what stands at Pos is not supported.
// A diverted location answers nothing itself; whatever reaches it is passed on
// as the client sent it.
type Diversion struct {
	Pos       Pos
	Directive string // or what else is written there
	Reason    string
}

// unsupported is the error for what nginx takes and huidu cannot do.
func (b *build) unsupported(reason, format string, args ...any) error {
	err := b.emerg(format, args...)
	err.(*confErr).unsupported = reason
	return err
}

// refuse is unsupported, or nil when the place is diverted instead.
func (b *build) refuse(reason, format string, args ...any) error {
	return b.diverted(b.unsupported(reason, format, args...))
}

// diverted takes an error for what is not supported: with Options.Divert the
// place that it concerns is diverted, and the error becomes a warning.
func (b *build) diverted(err error) error {
	var ce *confErr
	if !errors.As(err, &ce) || ce.unsupported == "" {
		return err
	}
	b.observe(ObservedDirective, ce.d.Directive, Unsupported, ce.unsupported)
	if !b.opt.Divert {
		return err
	}
	d := &Diversion{Pos: ce.d.Pos, Directive: ce.d.Directive, Reason: ce.unsupported}
	ce.d.Severity = Warn
	ce.d.Hint = b.divert(b.cur, d) + " goes to the fallback"
	b.diags = append(b.diags, ce.d)
	return nil
}

// divert marks what a level belongs to and says what that is.
func (b *build) divert(at level, d *Diversion) string {
	switch {
	case at.up != nil:
		first(&at.up.Diverted, d)
		return `what is passed to upstream "` + at.up.Name + `"`
	case at.block != nil:
		first(&at.block.Diverted, d)
		return `location "` + at.block.Name + `"`
	case at.server != nil:
		first(&at.server.Diverted, d)
		return "this server"
	case at.http != nil:
		first(&at.http.Diverted, d)
		return "every server"
	}
	return "nothing of this server's, but what it configures there,"
}

// first keeps the first reason.
func first(to **Diversion, d *Diversion) {
	if *to == nil {
		*to = d
	}
}

// Divert marks a location, with all inside it.
func (l *Location) Divert(d *Diversion) {
	first(&l.Diverted, d)
	for _, kid := range l.Locations {
		kid.Divert(l.Diverted)
	}
}

// Divert marks a server.
func (s *Server) Divert(d *Diversion) { first(&s.Diverted, d) }

// SettleDiversions carries marks on to what cannot be had without the marked:
// servers of a diverted http block, locations inside a diverted location, those
// that pass to a diverted upstream, and those that ask a diverted location by
// a subrequest, which could not be passed on as the client sent it. Load has
// done it; whoever adds marks does it again.
func (h *HTTP) SettleDiversions() {
	if h.Diverted != nil {
		for _, s := range h.Servers {
			s.Divert(h.Diverted)
		}
		h.Lua.InitBy, h.Lua.InitWorkerBy, h.Lua.ExitWorkerBy = nil, nil, nil
	}
	var anyUp *Diversion
	for _, u := range h.Upstreams {
		if u.Diverted != nil {
			first(&anyUp, u.Diverted)
		}
	}
	for _, s := range h.Servers {
		eachLocation(s.Locations, func(l *Location) {
			if d := passesTo(l, anyUp); d != nil {
				l.Divert(d)
			}
			if l.Diverted != nil {
				l.Divert(l.Diverted)
			}
		})
		for again := true; again; {
			again = false
			eachLocation(s.Locations, func(l *Location) {
				if l.Diverted != nil {
					return
				}
				if to := asks(s, l); to != nil {
					l.Divert(&Diversion{Pos: l.Pos, Directive: "location", Reason: `it asks location "` + to.Name + `", which goes there`})
					again = true
				}
			})
		}
	}
}

// eachLocation calls f for every location block, outer ones first.
func eachLocation(list []*Location, f func(*Location)) {
	for _, l := range list {
		f(l)
		eachLocation(l.Locations, f)
	}
}

// passesTo is why a location's proxy_pass cannot be used: its upstream is
// diverted, or it may turn out to be a diverted one.
func passesTo(l *Location, anyUp *Diversion) *Diversion {
	if l.Loc.Proxy == nil || l.Loc.Proxy.Pass == nil {
		return nil
	}
	if p := l.Loc.Proxy.Pass; !p.HasVars && p.Upstream != nil {
		return p.Upstream.Diverted
	}
	return anyUp
}

// asks finds a diverted location that l asks by a subrequest.
func asks(s *Server, l *Location) *Location {
	uris := append([]string{l.Loc.Access.AuthRequest.V, l.Loc.Filter.AddBeforeBody.V, l.Loc.Filter.AddAfterBody.V}, l.Loc.Filter.Mirror.V...)
	for _, uri := range uris {
		if uri == "" {
			continue
		}
		for _, to := range s.Locations {
			if to.Diverted != nil && to.Name == uri && (to.Kind == LocExact || to.Kind == LocPrefix || to.Kind == LocNoRegex) {
				return to
			}
		}
	}
	return nil
}

// divertUses diverts what uses a variable that no module of ours has. A log
// can be written without it: it says "-".
func (b *build) divertUses(name string) {
	for _, u := range b.vars.uses[name] {
		d := Diagnostic{Severity: Warn, Pos: u.node.Pos(), Directive: u.node.Name, Message: `unknown "` + name + `" variable`}
		if u.node.Name == "log_format" {
			d.Hint = "it is logged as if it were empty"
		} else {
			d.Hint = b.divert(u.at, &Diversion{Pos: d.Pos, Directive: "$" + name, Reason: "no module of huidu has this variable"}) + " goes to the fallback"
		}
		b.diags = append(b.diags, d)
	}
	b.vars.declared[name] = true
	b.conf.HTTP.SettleDiversions()
}
