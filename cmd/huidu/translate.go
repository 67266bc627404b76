package main

import (
	"fmt"
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
	cmd := &cobra.Command{
		Use:   "translate FILE",
		Short: "write nginx.conf as huidu.yaml, or back with --to nginx",
		Long: `Writes a configuration, with all it includes, in huidu's own format; "huidu -c
huidu.yaml" then serves it as it serves the original. With --to nginx it goes
back. What huidu refuses is refused here too, with its place. The YAML belongs
beside nginx.conf, so that relative paths mean the same.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if to != "yaml" && to != "nginx" {
				return &exitError{exitUsage, fmt.Errorf("--to is yaml or nginx, not %q", to)}
			}
			file, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			text, err := translate(file, to, nginxconf.Options{Prefix: prefix, Strict: strict, CompileRegex: compileRegex,
				ReadTree: native.ReadTree})
			if err != nil {
				return &exitError{1, err}
			}
			if out == "" {
				_, err = p.stdout.Write(text)
				return err
			}
			return os.WriteFile(out, text, 0o644)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "file to write, instead of standard output")
	f.StringVar(&to, "to", "yaml", "yaml or nginx")
	f.StringVarP(&prefix, "prefix", "p", "", "nginx prefix; the directory above the file's when not given")
	f.BoolVar(&strict, "strict", false, "refuse what nginx refuses")
	return cmd
}

// translate checks a configuration by loading it, then writes its tree.
func translate(file, to string, opt nginxconf.Options) ([]byte, error) {
	if cfg, ds := nginxconf.Load(nginxconf.OSFiles{}, file, opt); cfg == nil {
		return nil, ds.Err()
	}
	tree, err := nginxconf.Tree(nginxconf.OSFiles{}, file, opt)
	if err != nil {
		return nil, err
	}
	if to == "nginx" {
		return native.WriteNginx(tree), nil
	}
	return native.Write(tree)
}
