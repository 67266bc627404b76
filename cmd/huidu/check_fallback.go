package main

import (
	"fmt"
	"strings"

	"huidu/nginxconf"
	"huidu/nginxconf/coverage"
	"huidu/proxy"
)

// divertedPlace is a location or server that goes to the fallback.
type divertedPlace struct {
	coverage.Place
	why *nginxconf.Diversion
}

// divert marks what --fallback would take, by configuration and by Lua.
func (r *checkReport) divert(f *proxy.Fallback) {
	r.fallback = f
	h := r.cov.Config.HTTP
	if h == nil {
		return
	}
	for _, e := range r.entries {
		if e.verdict == vUnsupported && isLua(e.kind) {
			divertPlaces(h, e)
		}
	}
	h.SettleDiversions()
	for _, s := range h.Servers {
		if s.Diverted != nil {
			r.away = append(r.away, divertedPlace{coverage.Place{Server: s}, s.Diverted})
			continue
		}
		coverage.EachLocation(s.Locations, func(l *nginxconf.Location) {
			if l.Diverted != nil {
				r.away = append(r.away, divertedPlace{coverage.Place{Server: s, Location: l}, l.Diverted})
			}
		})
	}
}

// isLua tells the kinds of entries that come from scripts.
func isLua(kind string) bool {
	switch kind {
	case "function", "method", "field", "module", "script", "dict":
		return true
	}
	return false
}

// divertPlaces marks where a script with something unsupported runs.
func divertPlaces(h *nginxconf.HTTP, e entry) {
	d := &nginxconf.Diversion{Pos: nginxconf.Pos{File: e.file, Line: e.line}, Directive: e.name, Reason: e.why}
	if e.at == nil && h.Diverted == nil {
		h.Diverted = d
	}
	for _, p := range e.at {
		switch {
		case p.Location != nil:
			p.Location.Divert(d)
		case p.Server != nil:
			p.Server.Divert(d)
		case h.Diverted == nil:
			h.Diverted = d
		}
	}
}

// goesAway tells whether all that an entry concerns goes to the fallback.
func (r *checkReport) goesAway(e entry) bool {
	if r.fallback == nil {
		return false
	}
	if len(e.at) == 0 {
		// The http level and above: servers are marked, and what is outside
		// of http is not huidu's.
		return e.verdict == vUnsupported
	}
	for _, p := range e.at {
		switch {
		case p.Server == nil && e.verdict == vUnsupported, p.Server != nil && p.Server.Diverted != nil:
		case p.Location == nil || p.Location.Diverted == nil:
			return false
		}
	}
	return true
}

// isAway tells where a request goes.
func (r *checkReport) isAway(s *nginxconf.Server, l *nginxconf.Location, target string) bool {
	path, _, _ := strings.Cut(target, "?")
	return !r.fallback.Serves(path) || s.Diverted != nil || l != nil && l.Diverted != nil
}

// writeAway lists what goes to the fallback.
func (r *checkReport) writeAway(b *strings.Builder, paint func(code, s string) string) {
	if r.fallback == nil {
		return
	}
	fmt.Fprintf(b, "\n%s\n", paint("1", "To the fallback "+r.fallback.URL))
	if len(r.fallback.Only) > 0 {
		var only []string
		for _, o := range r.fallback.Only {
			if o.Exact {
				only = append(only, "= "+o.Path)
			} else {
				only = append(only, o.Path)
			}
		}
		fmt.Fprintf(b, "  everything but %s (--only)\n", strings.Join(only, ", "))
	}
	for _, a := range r.away {
		what := "server"
		pos := a.Server.Pos
		if a.Location != nil {
			what, pos = "location "+locationName(a.Location), a.Location.Pos
		}
		fmt.Fprintf(b, "  %s %s: %s (%s:%d): %s", paint("36", fmt.Sprintf("%s:%d", shown(pos.File), pos.Line)), what, a.why.Directive, shown(a.why.Pos.File), a.why.Pos.Line, a.why.Reason)
		if r.log != nil {
			n := r.log.byServer[a.Server]
			if a.Location != nil {
				n = r.log.byLocation[a.Location]
			}
			fmt.Fprintf(b, " (%s)", r.log.share(n))
		}
		b.WriteByte('\n')
	}
	if len(r.away) == 0 && len(r.fallback.Only) == 0 {
		b.WriteString("  nothing: huidu serves it all\n")
	}
	if r.log != nil {
		fmt.Fprintf(b, "  in all: %s\n", r.log.share(r.log.away))
	}
}

// locationName is a location as it is written.
func locationName(l *nginxconf.Location) string {
	mark := map[nginxconf.LocKind]string{nginxconf.LocExact: "= ", nginxconf.LocNoRegex: "^~ ", nginxconf.LocRegex: "~ ", nginxconf.LocRegexNoCase: "~* "}[l.Kind]
	return mark + l.Name
}

// locations counts the configuration's location blocks.
func (r *checkReport) locations() (n int) {
	for _, s := range r.cov.Config.HTTP.Servers {
		coverage.EachLocation(s.Locations, func(*nginxconf.Location) { n++ })
	}
	return n
}

// luaSources counts the chunks that were read.
func (r *checkReport) luaSources() int {
	n := r.files
	for _, s := range r.cov.Scripts {
		if s.Code.Inline {
			n++
		}
	}
	return n
}
