package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"

	"huidu/luacompat"
	"huidu/luacompat/lint"
	"huidu/luacompat/repair"
	"huidu/nginxconf"
	"huidu/nginxconf/coverage"
	"huidu/proxy"
)

// verdict is how grave an entry of the report is.
type verdict uint8

// The verdicts, worst first.
const (
	vUnsupported verdict = iota
	vUnresolved
	vDiffers
	vFinding  // of the linter
	vForgiven // nginx refuses it
	vIgnored
	vSupported
)

var verdictNames = [...]string{"unsupported", "unresolved", "differs", "finding", "forgiven", "ignored", "supported"}

func (v verdict) String() string { return verdictNames[v] }

// entry is one line of the report.
type entry struct {
	verdict          verdict
	kind, name, rule string // kind: directive, variable, function, …; rule of a finding
	file             string
	line, col        int
	why, fix         string
	at               []coverage.Place // where requests meet it; nil: everywhere
	requests         int              // of the access log
	absent           bool             // unsupported because there is no such thing
}

// checkReport is what huidu check found.
type checkReport struct {
	cov      *coverage.Report
	maps     *mapping
	surface  *luacompat.Surface
	entries  []entry
	modules  map[string]bool // read, by file
	files    int             // Lua files read
	variable func(string) bool
	dicts    map[string]bool
	fallback *proxy.Fallback
	away     []divertedPlace
	log      *loggedRequests
}

func newCheckReport(file string, opt nginxconf.Options, maps *mapping) (*checkReport, error) {
	r := reportOf(coverage.Read(nginxconf.OSFiles{}, file, opt), maps)
	if r.cov.Config == nil {
		for _, d := range r.cov.Diags {
			if d.Severity >= nginxconf.Error {
				text := d.String()
				if d.Hint != "" {
					text += "\nhuidu: " + d.Hint
				}
				return nil, errors.New(text)
			}
		}
		return nil, fmt.Errorf("%s cannot be read", file)
	}
	return r, r.scripts()
}

// reportOf is a report on what was read of a configuration, without its
// scripts.
func reportOf(cov *coverage.Report, maps *mapping) *checkReport {
	r := &checkReport{cov: cov, maps: maps, modules: map[string]bool{}, dicts: map[string]bool{}}
	for _, o := range cov.Items {
		r.observed(o)
	}
	return r
}

// scripts reads the configuration's Lua.
func (r *checkReport) scripts() error {
	var err error
	if r.surface, err = luacompat.NewSurface(); err != nil {
		return err
	}
	r.known()
	for _, s := range r.cov.Scripts {
		r.script(s)
	}
	return nil
}

func (r *checkReport) close() { r.surface.Close() }

// known makes what scripts are held against: variables and dictionaries.
func (r *checkReport) known() {
	names, prefixes := nginxconf.KnownVariables()
	builtin := map[string]bool{}
	for _, n := range names {
		builtin[n] = true
	}
	h := r.cov.Config.HTTP
	r.variable = func(name string) bool {
		if builtin[name] || h != nil && h.Declared[name] {
			return true
		}
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	if h != nil {
		for _, d := range h.Lua.SharedDicts {
			r.dicts[d.Name] = true
		}
	}
}

// observed adds what Load came by.
func (r *checkReport) observed(o nginxconf.Observation) {
	e := entry{kind: "directive", name: o.Name, file: o.File, line: o.Line, col: o.Col, verdict: vSupported, why: o.Reason}
	if o.Server != nil {
		e.at = []coverage.Place{{Server: o.Server, Location: o.Location}}
	}
	switch o.Kind {
	case nginxconf.ObservedVariable:
		e.kind = "variable"
	case nginxconf.ObservedRegex:
		e.kind = "regex"
	case nginxconf.ObservedForgiven:
		e.verdict = vForgiven
		e.fix = "put it there: nginx refuses the file without it"
		if !strings.Contains(o.Reason, ";") {
			e.fix = "include the file from an nginx.conf, or put http { } around it"
		}
	}
	switch o.Status {
	case nginxconf.Ignored:
		e.verdict = vIgnored
	case nginxconf.Unsupported:
		e.verdict, e.fix = vUnsupported, "leave it out, or keep this location on the old gateway: --fallback URL"
		if o.Location == nil {
			e.fix = "leave it out, or keep this server on the old gateway: --fallback URL"
		}
	}
	r.entries = append(r.entries, e)
}

// script reads one script of the configuration with the modules it requires.
func (r *checkReport) script(s *coverage.Script) {
	code := s.Code
	src, file, line0, col0 := code.Source, code.Pos.File, code.Line, code.Col
	if !code.Inline {
		path, ok := code.Path.Literal()
		if !ok {
			r.add(entry{verdict: vUnresolved, kind: "script", name: code.Path.Text, file: code.Pos.File, line: code.Pos.Line,
				why: "which file this is depends on the request", fix: "check the files that it may be with huidu check of a configuration that names them", at: s.Uses})
			return
		}
		data, err := os.ReadFile(path)
		if err != nil {
			r.add(entry{verdict: vUnsupported, kind: "script", name: path, file: code.Pos.File, line: code.Pos.Line, why: "the script cannot be read: " + errnoText(err),
				fix: "find it elsewhere with --map-path " + path + "=FILE", at: s.Uses})
			return
		}
		r.files++
		src, file, line0, col0 = string(data), path, 1, 1
	}
	opt := lint.Options{Surface: r.surface, Phase: s.Phase, Variable: r.variable, Dict: func(n string) bool { return r.dicts[n] }}
	opt.RealIP, opt.Resolver = true, true
	for _, at := range s.Uses {
		opt.RealIP = opt.RealIP && len(at.Loc.Access.RealIPFrom.V) > 0
		opt.Resolver = opt.Resolver && at.Loc.Core.Resolver.V != nil
	}
	place := func(p lint.Place) (int, int) {
		if p.Line == 1 {
			return line0, col0 + p.Col - 1
		}
		return line0 + p.Line - 1, p.Col
	}
	r.read(src, file, code.ChunkName, opt, place, s.Uses, map[string]bool{})
}

// read reads a chunk into the report.
func (r *checkReport) read(src, file, chunk string, opt lint.Options, place func(lint.Place) (int, int), at []coverage.Place, seen map[string]bool) {
	script, err := lint.Read(src, chunk, opt)
	var se *repair.SyntaxError
	if errors.As(err, &se) {
		line, col := place(lint.Place{Line: se.Line, Col: se.Col})
		r.add(entry{verdict: vUnsupported, kind: "script", name: shown(file), file: file, line: line, col: col, why: se.Msg, fix: "mend it: it loads in no Lua", at: at})
		return
	}
	base := entry{file: file, at: at}
	for _, u := range script.Uses {
		e := base
		e.kind, e.name, e.why, e.fix, e.absent = u.Kind, u.Name, u.Why, u.Fix, u.Absent
		e.line, e.col = place(u.Place)
		e.verdict = map[lint.Level]verdict{lint.Supported: vSupported, lint.NoEffect: vIgnored, lint.Differs: vDiffers,
			lint.Unresolved: vUnresolved, lint.Unsupported: vUnsupported}[u.Level]
		r.add(e)
	}
	for _, f := range script.Findings {
		e := base
		e.verdict, e.kind, e.name, e.rule, e.why, e.fix = vFinding, "finding", f.Rule, f.Rule, f.Message, f.Fix
		e.line, e.col = place(f.Place)
		r.add(e)
	}
	for _, q := range script.Requires {
		e := base
		e.line, e.col = place(q.Place)
		r.required(q, e, opt, seen)
	}
}

// required adds a module: built in, or a file that is read in turn.
func (r *checkReport) required(q lint.Require, e entry, opt lint.Options, seen map[string]bool) {
	e.kind, e.name, e.verdict = "module", q.Name, vSupported
	found := r.surface.Module(q.Name)
	switch {
	case found.Found && found.Refused == "":
		e.why = found.Differs
		if found.NoEffect != "" {
			e.verdict, e.why = vIgnored, found.NoEffect
		} else if found.Differs != "" {
			e.verdict = vDiffers
		}
		r.add(e)
		return
	case found.Refused != "":
		e.verdict, e.why = vUnsupported, found.Refused
		e.fix = "leave it out, or keep what needs it on the old gateway: --fallback URL"
	default:
		file, isC := r.moduleFile(q.Name)
		if file != "" && !isC {
			r.add(e)
			if !seen[file] {
				seen[file] = true
				r.module(file, opt, e.at, seen)
			}
			return
		}
		e.absent = !isC
		e.verdict, e.why, e.fix = vUnsupported, "no file of lua_package_path is this module", "install it there, or add its directory to lua_package_path"
		if isC {
			e.why, e.fix = "it is a C module ("+file+"), which huidu cannot load", "use a Lua module, or keep what needs it on the old gateway: --fallback URL"
		}
	}
	if q.Guarded {
		e.verdict, e.why = vDiffers, e.why+"; the require is under pcall, so the script goes on without it"
	}
	r.add(e)
}

// module reads a module's file.
func (r *checkReport) module(file string, opt lint.Options, at []coverage.Place, seen map[string]bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		r.add(entry{verdict: vUnsupported, kind: "module", name: file, file: file, line: 1, why: errnoText(err), at: at})
		return
	}
	if !r.modules[file] {
		r.modules[file] = true
		r.files++
	}
	opt.Phase = ""
	r.read(string(data), file, "@"+file, opt, func(p lint.Place) (int, int) { return p.Line, p.Col }, at, seen)
}

// moduleFile looks for a module where require will.
func (r *checkReport) moduleFile(name string) (file string, isC bool) {
	cfg := r.cov.Config
	path, cpath := luacompat.SearchPaths(cfg.HTTP.Lua.PackagePath.V, cfg.HTTP.Lua.PackageCPath.V, cfg.Prefix, r.maps.Path)
	for i, list := range []string{path, cpath} {
		for _, tmpl := range strings.Split(list, ";") {
			f := strings.ReplaceAll(tmpl, "?", strings.ReplaceAll(name, ".", "/"))
			if strings.HasPrefix(f, "./") {
				continue // the directory of a start is not known
			}
			if info, err := os.Stat(f); err == nil && !info.IsDir() {
				return f, i == 1
			}
		}
	}
	return "", false
}

// add adds an entry; what is there already is met in more places.
func (r *checkReport) add(e entry) { r.entries = append(r.entries, e) }

// finish merges what was met several times and sorts: worst first, then by
// the share of requests, then by place.
func (r *checkReport) finish() {
	type key struct {
		v               verdict
		file, name, why string
		line, col       int
	}
	at := map[key]int{}
	var out []entry
	for _, e := range r.entries {
		k := key{e.verdict, e.file, e.kind + " " + e.name, e.why, e.line, e.col}
		if i, ok := at[k]; ok {
			if out[i].at == nil || e.at == nil {
				out[i].at = nil
			} else {
				out[i].at = append(slices.Clone(out[i].at), e.at...)
			}
			continue
		}
		at[k] = len(out)
		out = append(out, e)
	}
	if r.log != nil {
		for i := range out {
			out[i].requests = r.log.touching(out[i].at)
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		switch {
		case a.verdict != b.verdict:
			return a.verdict < b.verdict
		case a.requests != b.requests:
			return a.requests > b.requests
		case a.file != b.file:
			return a.file < b.file
		case a.line != b.line:
			return a.line < b.line
		}
		return a.col < b.col
	})
	r.entries = out
}

// count counts entries by verdict.
func (r *checkReport) count() (n [len(verdictNames)]int) {
	for _, e := range r.entries {
		n[e.verdict]++
	}
	return n
}

// exitCode is 1 when something that changes behaviour is not supported. What
// goes to a fallback is served there.
func (r *checkReport) exitCode(strict bool) int {
	for _, e := range r.entries {
		switch e.verdict {
		case vUnsupported, vUnresolved, vDiffers:
			if !r.goesAway(e) {
				return 1
			}
		case vFinding, vForgiven:
			if strict {
				return 1
			}
		}
	}
	return 0
}
