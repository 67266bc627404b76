package main

import (
	"path/filepath"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/nginxconf/native"
	"huidu/proxy"
)

// site is a command line made definite: where the configuration lies and how
// it is read. Loading it again (HUP) gives the configuration of that moment.
type site struct {
	opts   *options
	prefix string // ends in "/"
	name   string // of the configuration, below the prefix where it is relative
	conf   string // its path
	maps   *mapping
	key    []byte // of --trace-key
}

// newSite resolves o's paths. Without -p the prefix is the default one; a
// relative -c is below the prefix. As in nginx, the prefix itself is used as
// it was given, relative to the directory of the start.
func newSite(o *options) (*site, error) {
	maps, err := newMapping(o.mapListen, o.mapPath, o.mapAddr)
	if err != nil {
		return nil, err
	}
	s := &site{opts: o, prefix: o.prefix, conf: o.conf, maps: maps}
	if s.prefix == "" {
		s.prefix = defaultPrefix()
	}
	if s.conf == "" {
		s.conf = defaultConf
	}
	s.name = s.conf
	if !filepath.IsAbs(s.conf) {
		s.conf = s.prefix + s.conf
	}
	if o.traceKey != "" {
		if s.key, err = readTraceKey(o.traceKey); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// load reads the configuration. The Config is nil when it is refused.
func (s *site) load() (*nginxconf.Config, nginxconf.Diagnostics) {
	opt := nginxconf.Options{
		Strict:       s.opts.strict,
		Prefix:       s.prefix,
		Globals:      s.opts.globals,
		ErrorLog:     s.opts.errorLog,
		MapPath:      s.maps.Path,
		MapListen:    s.maps.Listen,
		MapAddr:      s.maps.Addr,
		CompileRegex: compileRegex,
		Account:      checkAccount,
		ReadTree:     native.ReadTree,
	}
	if f := s.opts.fallback.gateway(); f != nil {
		return s.loadDiverting(opt, f)
	}
	cfg, diags := nginxconf.Load(nginxconf.OSFiles{}, s.name, opt)
	return s.withLua(cfg, diags)
}

// serverOptions is what the server needs besides its configuration.
func (s *site) serverOptions() proxy.Options {
	return proxy.Options{
		ErrorLogPath: s.errorLogPath(),
		MapAddr:      s.maps.Addr,
		MapPath:      s.maps.Path,
		Configure:    configureArguments(),
		TraceKey:     s.key,
		Fallback:     s.opts.fallback.gateway(),
	}
}

// errorLogPath is the full path of -e, "" when it was not given.
func (s *site) errorLogPath() string {
	name := s.opts.errorLog
	if name == "" || name == "stderr" || filepath.IsAbs(name) {
		return name
	}
	return s.prefix + name
}

// compileRegex checks a regular expression of the configuration with the
// engine that will run it, and names its captures.
func compileRegex(pattern string, noCase bool) ([]string, error) {
	flags := pcre.Flags(0)
	if noCase {
		flags |= pcre.Caseless
	}
	re, err := pcre.Compile(pattern, flags)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range re.Names() {
		names = append(names, n.Name)
	}
	return names, nil
}
