// Command bench compares huidu with OpenResty on this machine: nginx with
// ngx_lua as Debian packages it, the article's files, real Redis, one
// upstream, wrk in front. Every gateway is driven in turn, several rounds, in
// one run, because figures of different runs do not compare.
//
//	go run ./cmd/bench                       # the article, proxy_pass, hello, static
//	go run ./cmd/bench -scenario article -d 10s -rounds 5
//	go run ./cmd/bench -scenario hup         # reload ten times a second under load
//	go run ./cmd/bench -scenario idle        # memory per idle connection
//	go run ./cmd/bench -scenario locations   # 10,000 locations
//	go run ./cmd/bench -scenario slow        # memory under slow, silent and hostile peers
//	go run ./cmd/bench -scenario file1k,file1m,gzip,tls,handshake,h2,proxy64k
//	go run ./cmd/bench -scenario lua-headers,lua-json,lua-regex,lua-shdict,lua-routing
//	go run ./cmd/bench -scenario shdict        # a million keys, eight workers
//	go run ./cmd/bench -scenario soak,soak-vanish
//
// It needs nginx with ngx_lua, redis-server and wrk (see .ci/run), for h2 also h2load, for lua-json lua-cjson, and talks
// to 127.0.0.1 only.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// config is the command line.
type config struct {
	conns, threads int
	duration       time.Duration
	rounds         int
	workers        int
	binary         string
	only           string
	check          bool
	headers        []string // of every request, "Name: value"
}

func main() {
	var c config
	scenario := flag.String("scenario", "article,proxy,hello,static",
		"comma-separated: "+strings.Join(allScenarios(), ", ")+", or all")
	flag.IntVar(&c.conns, "c", 64, "connections")
	flag.IntVar(&c.threads, "t", 1, "wrk threads")
	flag.DurationVar(&c.duration, "d", 5*time.Second, "time of one turn")
	flag.IntVar(&c.rounds, "rounds", 3, "turns per gateway")
	flag.IntVar(&c.workers, "workers", runtime.NumCPU(), "worker_processes of every gateway")
	flag.StringVar(&c.binary, "huidu", "", "huidu binary (default: built from this tree)")
	flag.StringVar(&c.only, "only", "", "only gateways whose name contains this")
	flag.BoolVar(&c.check, "check", false, "exit with 1 when a bar is missed")
	flag.Parse()

	names := strings.Split(*scenario, ",")
	if *scenario == "all" {
		names = allScenarios()
	}
	missed, err := runAll(c, names)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if c.check && missed > 0 {
		os.Exit(1)
	}
}

// runAll runs the scenarios in the order named and returns how many bars
// were missed.
func runAll(c config, names []string) (missed int, err error) {
	b, err := newBench(c)
	if err != nil {
		return 0, err
	}
	defer b.close()
	fmt.Printf("%d CPUs, %d connections, %d wrk threads, %d rounds of %v, worker_processes %d\n",
		runtime.NumCPU(), c.conns, c.threads, c.rounds, c.duration, c.workers)
	for _, name := range names {
		run := scenarioOf(name)
		if run == nil {
			return missed, fmt.Errorf("no scenario %q", name)
		}
		n, err := run(b)
		if err != nil {
			return missed, fmt.Errorf("%s: %w", name, err)
		}
		missed += n
	}
	return missed, nil
}
