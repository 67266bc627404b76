package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// options is the command line after the name of the command.
type options struct {
	suite   string
	nginx   string
	huidu   string
	cache   string
	modules string
	jobs    int
	perKind int
	seed    uint64
	show    int
	match   string
	syntax  string
	args    []string
}

func main() {
	if len(os.Args) > 1 && os.Getenv(captureEnv) != "" {
		os.Exit(captured(os.Args[1:]))
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: confcheck capture|run|mutate|probe [flags] [DIR]")
		os.Exit(2)
	}
	if err := command(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "confcheck:", err)
		os.Exit(1)
	}
}

func command(name string, args []string) error {
	var o options
	fs := flag.NewFlagSet("confcheck "+name, flag.ContinueOnError)
	fs.StringVar(&o.suite, "suite", os.Getenv("NGINX_TESTS"), "the nginx-tests checkout")
	fs.StringVar(&o.nginx, "nginx", "/usr/sbin/nginx", "the oracle")
	fs.StringVar(&o.huidu, "huidu", "", "the binary measured (default: what it does, in this process)")
	fs.StringVar(&o.cache, "cache", "", "file that remembers the oracle's answers")
	fs.StringVar(&o.modules, "modules", "/usr/lib/nginx/modules", "the oracle's dynamic modules")
	fs.IntVar(&o.jobs, "j", runtime.NumCPU(), "configurations at a time")
	fs.IntVar(&o.perKind, "n", 60, "mutate: configurations per kind; probe: argument lists per directive and place")
	fs.Uint64Var(&o.seed, "seed", 1, "mutate, probe: which ones are chosen")
	fs.IntVar(&o.show, "show", 20, "disagreements printed of each sort")
	fs.StringVar(&o.match, "match", "", "only configurations, mutations or directives whose name contains one of these words")
	fs.StringVar(&o.syntax, "syntax", "", "probe: a list of directives whose sixth column is their syntax: its words are tried too")
	if err := fs.Parse(args); err != nil {
		return err
	}
	o.args = fs.Args()
	switch name {
	case "capture":
		return capture(o)
	case "run":
		return runCorpus(o)
	case "mutate":
		return runMutations(o)
	case "probe":
		return runProbes(o)
	}
	return fmt.Errorf("unknown command %q", name)
}

// wanted reports whether a name is among those asked for.
func (o *options) wanted(name string) bool {
	if o.match == "" {
		return true
	}
	for _, w := range strings.Split(o.match, ",") {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
