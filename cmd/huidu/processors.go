package main

import (
	"os"
	"runtime"

	"huidu/nginxconf"
)

// useProcessors lets the program run on as many processors as nginx would with
// the same worker_processes. More would not only take what the configuration
// did not give: with few connections, handing work between processors costs
// more than it brings (a proxied request over 4 connections: 47 µs of CPU on
// two, 28 on one). GOMAXPROCS in the environment has the last word.
func useProcessors(conf *nginxconf.Main) {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	if n := min(max(conf.WorkerProcesses.V, 1), runtime.NumCPU()); n != runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(n)
	}
}
