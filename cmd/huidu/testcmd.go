package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"huidu/proxy/gatewaytest"
)

// newTestCommand is huidu test: Lua tests for gateway scripts.
func newTestCommand(p process) *cobra.Command {
	var match, junit string
	var tap, verbose bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "test [DIR|FILE]...",
		Short: "run Lua tests for gateway scripts",
		Long: `Runs the cases of test files (x_test.lua, test_x.lua): each starts the gateway
with your nginx.conf or script as it is, in this process, with an embedded Redis
and fake upstreams, and asks it. Nothing is listened on and nothing outside is
reached. Without arguments the working directory is searched.

Exit code 0: all passed; 1: some failed; 2: nothing could be run.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			o := gatewaytest.Options{Paths: args, Timeout: timeout}
			if match != "" {
				re, err := regexp.Compile(match)
				if err != nil {
					return &exitError{exitUsage, fmt.Errorf("--run: %w", err)}
				}
				o.Match = re
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return runTests(ctx, o, p, tap, verbose, junit)
		},
	}
	f := cmd.Flags()
	f.StringVar(&match, "run", "", "only cases whose name matches this regular expression")
	f.BoolVarP(&verbose, "verbose", "v", false, "name the cases that pass too")
	f.BoolVar(&tap, "tap", false, "write the Test Anything Protocol")
	f.StringVar(&junit, "junit", "", "write JUnit's XML to this file as well")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "longest time of one case")
	return cmd
}

// runTests runs them and turns the summary into an exit code.
func runTests(ctx context.Context, o gatewaytest.Options, p process, tap, verbose bool, junit string) error {
	reporters := gatewaytest.Reporters{&gatewaytest.Human{W: p.stdout, Verbose: verbose, Colour: isTerminal(p) && p.getenv("NO_COLOR") == ""}}
	if tap {
		reporters[0] = &gatewaytest.TAP{W: p.stdout}
	}
	var xml *gatewaytest.JUnit
	if junit != "" {
		f, err := os.Create(junit)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		defer f.Close()
		xml = &gatewaytest.JUnit{W: f}
		reporters = append(reporters, xml)
	}
	o.Report = reporters
	sum, err := gatewaytest.Run(ctx, o)
	switch {
	case err != nil:
		return &exitError{exitUsage, err}
	case xml != nil && xml.Err() != nil:
		return &exitError{exitUsage, fmt.Errorf("write %s: %w", junit, xml.Err())}
	case sum.Failed > 0:
		return &exitError{1, nil}
	case sum.Passed+sum.Skipped == 0:
		return &exitError{exitUsage, errors.New("no cases to run")}
	}
	return nil
}

// isTerminal tells whether the standard output is one.
func isTerminal(p process) bool {
	f, ok := p.stdout.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
