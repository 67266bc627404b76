package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"huidu/nginxconf"
	"huidu/nginxconf/native"
)

// newTranslateCommand is huidu translate: nginx.conf to huidu.yaml and back.
func newTranslateCommand(p process) *cobra.Command {
	var out, to, prefix string
	var strict bool
	var lo liftOptions
	var mapPath []string
	cmd := &cobra.Command{
		Use:   "translate FILE",
		Short: "write nginx.conf as huidu.yaml, or back with --to nginx",
		Long: `Writes a configuration, with all it includes, in huidu's own format; "huidu -c
huidu.yaml" then serves it as it serves the original. With --to nginx it goes
back. What huidu refuses is refused here too, with its place. The YAML belongs
beside nginx.conf, so that relative paths mean the same.

With --lift the scripts of gray releases become rules. A script is lifted only
when it is understood whole; the rule is then proved against the script on
generated requests and answers of Redis, and on recorded ones with --requests.
A script that is not understood stays, its line and the reason are reported,
and the exit code is 1.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if lo.failure != "script" && lo.failure != "stable" {
				return &exitError{exitUsage, fmt.Errorf("--on-store-failure is script or stable, not %q", lo.failure)}
			}
			if to != "yaml" && to != "nginx" {
				return &exitError{exitUsage, fmt.Errorf("--to is yaml or nginx, not %q", to)}
			}
			file, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			maps, err := newMapping(nil, mapPath, nil)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			text, err := translate(file, to, nginxconf.Options{Prefix: prefix, Strict: strict, CompileRegex: compileRegex,
				ReadTree: native.ReadTree, MapPath: maps.Path}, lo, p.stderr)
			if text == nil {
				return &exitError{1, err}
			}
			refused := err
			if out == "" {
				_, err = p.stdout.Write(text)
			} else {
				err = os.WriteFile(out, text, 0o644)
			}
			if err == nil {
				err = refused
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "file to write, instead of standard output")
	f.StringVar(&to, "to", "yaml", "yaml or nginx")
	f.StringVarP(&prefix, "prefix", "p", "", "nginx prefix; the directory above the file's when not given")
	f.StringArrayVar(&mapPath, "map-path", nil, "FROM=TO: as for the server")
	f.BoolVar(&lo.on, "lift", false, "turn gray-release scripts into rules, each with a proof")
	f.StringVar(&lo.failure, "on-store-failure", "script", "lifted rules do what the `script` did when Redis fails, or go to the stable target")
	f.StringVar(&lo.requests, "requests", "", "recorded requests to prove on: an access log, or METHOD URI and header lines")
	f.IntVar(&lo.cases, "cases", 10000, "generated requests to prove on")
	f.Uint64Var(&lo.seed, "seed", 0, "seed of the generated requests; another one every time when not given")
	f.BoolVar(&strict, "strict", false, "refuse what nginx refuses")
	return cmd
}

// translate checks a configuration by loading it, then writes its tree.
func translate(file, to string, opt nginxconf.Options, lo liftOptions, report io.Writer) ([]byte, error) {
	cfg, ds := nginxconf.Load(nginxconf.OSFiles{}, file, opt)
	if cfg == nil {
		return nil, ds.Err()
	}
	tree, err := nginxconf.Tree(nginxconf.OSFiles{}, file, opt)
	if err != nil {
		return nil, err
	}
	var refused error
	if lo.on {
		var ee *exitError
		if refused = liftTree(tree, cfg, opt, lo, report); refused != nil && !errors.As(refused, &ee) {
			return nil, refused
		}
	}
	if to == "nginx" {
		return native.WriteNginx(tree), refused
	}
	text, err := native.Write(tree)
	if err != nil {
		return nil, err
	}
	return text, refused
}
