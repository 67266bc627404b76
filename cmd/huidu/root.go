package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newRootCommand is huidu with its sub-commands. nginx's command line never
// comes here (see run); the root command only holds the others together.
func newRootCommand(p process) *cobra.Command {
	root := &cobra.Command{
		Use:   "huidu",
		Short: "nginx and OpenResty for gray releases, in one binary",
		Long: `huidu reads an nginx.conf, runs its Lua and serves HTTP.

  huidu -p /path/to/nginx/ -c conf/nginx.conf      serve, as nginx would
  huidu -t -p /path/to/nginx/                      test the configuration
  huidu -h                                         all of nginx's options

The commands below are huidu's own.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q; see huidu --help", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newDemoCommand(p), newGrayCommand(p), newTranslateCommand(p), newCheckCommand(p), newSchemaCommand(p), newLuaCommand(p), newExplainCommand(p), newTestCommand(p))
	return root
}
