package main

import (
	"errors"
	"io"
	"os"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		environ: os.Environ(),
	}))
}

// process is what a command gets of the process it runs in.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
}

// getenv returns the value of an environment variable, "" when it is not set.
func (p process) getenv(name string) string {
	for _, kv := range p.environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// exitError ends a command with an exit code. Its message, if there is one,
// has not been printed yet.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// run runs huidu with args and returns its exit code. An option in first
// place means that the command line is nginx's; otherwise the first word
// names a sub-command.
func run(args []string, p process) int {
	if isNginxCommandLine(args) {
		return runNginx(args, p)
	}
	root := newRootCommand(p)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return 0
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{code: 2, err: err}
	}
	if exit.err != nil {
		_, _ = io.WriteString(p.stderr, "huidu: "+exit.Error()+"\n")
	}
	return exit.code
}

// isNginxCommandLine reports whether args are nginx's options (or none at
// all) rather than a sub-command, --help or shell completion.
func isNginxCommandLine(args []string) bool {
	if len(args) == 0 {
		return true
	}
	return strings.HasPrefix(args[0], "-") && args[0] != "--help"
}
