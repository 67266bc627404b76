package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"huidu/nginxconf"
	"huidu/nginxconf/native"
)

// checkFlags are the flags of huidu check.
type checkFlags struct {
	json, sarif, strict, all bool
	prefix, accessLog        string
	mapPath                  []string
	fallback                 fallbackFlags
}

// newCheckCommand is huidu check: what will differ before it is switched.
func newCheckCommand(p process) *cobra.Command {
	var o checkFlags
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "say what huidu supports of a configuration and its Lua, and what may hurt",
		Long: `Reads a configuration with all it includes and every Lua script and module that
it reaches, and says of each directive, variable, function, module and regular
expression whether huidu supports it, worst first. It also looks for what hurts
gray releases in practice. Nothing is run and nothing is listened on.

Exit code 0: everything that changes behaviour is supported. 1: something is
not (with --strict also when there is any other finding). 2: the configuration
cannot be read, by nginx neither.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if o.json && o.sarif {
				return &exitError{exitUsage, fmt.Errorf("--json and --sarif are two forms of one report: choose")}
			}
			if err := o.fallback.check(); err != nil {
				return &exitError{exitUsage, err}
			}
			return runCheck(file, &o, p)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.json, "json", false, "write JSON")
	f.BoolVar(&o.sarif, "sarif", false, "write SARIF 2.1.0, for code scanning")
	f.BoolVar(&o.strict, "strict", false, "exit with 1 for any finding")
	f.BoolVar(&o.all, "all", false, "list what is supported too")
	f.StringVar(&o.accessLog, "access-log", "", "weigh findings by the requests of this log")
	f.StringVarP(&o.prefix, "prefix", "p", "", "nginx prefix; the directory above the file's when not given")
	f.StringArrayVar(&o.mapPath, "map-path", nil, "find files elsewhere: /app/nginx=./site")
	f.StringVar(&o.fallback.url, "fallback", "", "say what would go to the old gateway at this address")
	f.StringVar(&o.fallback.client, "fallback-client", "", "as for serving")
	f.StringVar(&o.fallback.only, "only", "", "as for serving: paths that huidu would serve itself")
	return cmd
}

// runCheck makes the report and writes it.
func runCheck(file string, o *checkFlags, p process) error {
	maps, err := newMapping(nil, o.mapPath, nil)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	r, err := newCheckReport(file, nginxconf.Options{Prefix: o.prefix, MapPath: maps.Path, CompileRegex: compileRegex, ReadTree: native.ReadTree}, maps)
	if err != nil {
		return &exitError{2, err}
	}
	defer r.close()
	if o.fallback.parsed != nil {
		r.divert(o.fallback.parsed)
	}
	if o.accessLog != "" {
		if err := r.weigh(o.accessLog); err != nil {
			return &exitError{2, err}
		}
	}
	r.finish()
	switch {
	case o.json:
		err = r.writeJSON(p.stdout, o.strict)
	case o.sarif:
		err = r.writeSARIF(p.stdout)
	default:
		err = r.writeText(p.stdout, colours(p), o.all, o.strict)
	}
	if err != nil {
		return err
	}
	if code := r.exitCode(o.strict); code != 0 {
		return &exitError{code: code}
	}
	return nil
}

// shown is a path as it is shortest from here.
func shown(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(rel, "../../") && len(rel) < len(path) {
		return rel
	}
	return path
}
