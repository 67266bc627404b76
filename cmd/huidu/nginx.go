package main

import (
	"fmt"
	"io"
	"slices"

	"huidu/nginxconf"
	"huidu/proxy"
)

// runNginx is huidu without a sub-command: nginx.
func runNginx(args []string, p process) int {
	o, err := parseOptions(args)
	if err != nil {
		fmt.Fprintf(p.stderr, "nginx: %v\n", err)
		return 1
	}
	if o.version {
		writeVersion(p.stderr, o)
		if !o.test {
			return 0
		}
	}
	s, err := newSite(o)
	if err != nil {
		fmt.Fprintf(p.stderr, "nginx: %v\n", err)
		return 1
	}
	log := openStartLog(s.prefix, o.errorLog, p.stderr)
	defer log.Close()

	cfg, diags := s.load()
	if o.test {
		return testConfig(s, cfg, diags, log, p)
	}
	quiet := daemonStage(p) == daemonChild // its parent has said it all
	if !quiet {
		report(log, diags, o.quiet)
	}
	if cfg == nil {
		return 1
	}
	if o.signalGiven {
		return sendControlSignal(cfg, o.signal, log)
	}
	return serve(s, cfg, log, p)
}

// report writes what was said about a configuration to the log; quiet keeps
// errors only.
func report(log *startLog, diags nginxconf.Diagnostics, quiet bool) {
	for _, d := range diags {
		level := levelNotice
		switch d.Severity {
		case nginxconf.Emerg:
			level = levelEmerg
		case nginxconf.Crit:
			level = levelCrit
		case nginxconf.Error:
			level = levelError
		case nginxconf.Warn:
			level = levelWarn
		}
		if quiet && level > levelWarn {
			continue
		}
		log.Log(level, d.Text())
		if d.Hint != "" && log.stderr != nil {
			fmt.Fprintf(log.stderr, "huidu: %s\n", d.Hint)
		}
	}
}

// testConfig is -t and -T: it says whether the configuration is good, having
// also compiled it and tried its pid file, as nginx does.
func testConfig(s *site, cfg *nginxconf.Config, diags nginxconf.Diagnostics, log *startLog, p process) int {
	ok := cfg != nil
	late := slices.IndexFunc(diags, func(d nginxconf.Diagnostic) bool { return d.Late })
	if late < 0 {
		late = len(diags)
	}
	report(log, diags[:late], s.opts.quiet)
	if (ok || late < len(diags)) && !s.opts.quiet {
		fmt.Fprintf(p.stderr, "nginx: the configuration file %s syntax is ok\n", s.conf)
	}
	report(log, diags[late:], s.opts.quiet)
	if ok {
		ok = tryServer(s, cfg, log)
	}
	if !ok {
		fmt.Fprintf(p.stderr, "nginx: configuration file %s test failed\n", s.conf)
		return 1
	}
	if !s.opts.quiet {
		fmt.Fprintf(p.stderr, "nginx: configuration file %s test is successful\n", s.conf)
	}
	if s.opts.dump {
		dumpConfig(p.stdout, cfg)
	}
	return 0
}

// tryServer does everything of a start that shows an error and leaves no
// trace: touching the pid file, compiling, opening logs, listening.
func tryServer(s *site, cfg *nginxconf.Config, log *startLog) bool {
	trial := *cfg
	if cfg.HTTP != nil {
		http := *cfg.HTTP
		http.Lua.InitBy, http.Lua.ExitWorkerBy = nil, nil // nginx -t runs no Lua
		trial.HTTP = &http
	}
	if err := touchPIDFile(cfg.Main.PID.V); err != nil {
		log.Log(levelEmerg, err.Error())
		return false
	}
	srv, err := proxy.New(&trial, s.serverOptions())
	if err != nil {
		log.Log(levelEmerg, err.Error())
		return false
	}
	defer srv.Stop()
	if err := srv.TryListen(); err != nil {
		log.Log(levelEmerg, err.Error())
		return false
	}
	return true
}

// dumpConfig is -T: every file that was read, in nginx's form.
func dumpConfig(w io.Writer, cfg *nginxconf.Config) {
	for _, f := range cfg.Files {
		fmt.Fprintf(w, "# configuration file %s:\n", f.Name)
		_, _ = w.Write(f.Data)
		_, _ = io.WriteString(w, "\n")
	}
}
