package main

import (
	"fmt"
	"runtime"

	"huidu/proxy/soak"
	article "huidu/testdata/huidu"
)

// soakScenarios look for leaks; see package soak. The gateway runs in the
// bench's own process, where its goroutines can be counted.
var soakScenarios = map[string]func(*bench) (int, error){
	"soak":        func(b *bench) (int, error) { return b.runSoak("soak", 0) },
	"soak-vanish": func(b *bench) (int, error) { return b.runSoak("soak-vanish", 5) },
}

// runSoak sends 200,000 requests from 1,000 clients, after 20,000 to begin
// with.
func (b *bench) runSoak(name string, vanish int) (int, error) {
	const clients, warm, requests = 1000, 20_000, 200_000
	fmt.Printf("\n== %s: %d requests from %d clients\n", name, requests, clients)
	rep, err := soak.Run(soak.Options{Dir: b.dir, Redis: addrOf(b.redisPort), Password: article.Password, Clients: clients,
		Warm: warm, Requests: requests, Vanish: vanish, Workers: b.workers, Seed: 1})
	if err != nil {
		return 0, err
	}
	fmt.Printf("%d answered, %d vanished, %.0f req/s\n", rep.Answered, rep.Vanished, float64(warm+requests)/rep.Took.Seconds())
	missed := 0
	say := func(met bool, format string, args ...any) {
		word := "met"
		if !met {
			word = "MISSED"
			missed++
		}
		fmt.Printf("bar %s: %s\n", word, fmt.Sprintf(format, args...))
	}
	x, y := rep.Before, rep.After
	say(rep.Wrong == 0, "wrong answers: %d %s", rep.Wrong, rep.FirstWrong)
	say(y.Goroutines <= x.Goroutines+runtime.NumCPU(), "goroutines: %d before, %d after", x.Goroutines, y.Goroutines)
	say(y.Files <= x.Files+4, "open files: %d before, %d after", x.Files, y.Files)
	say(y.Heap <= x.Heap+x.Heap/5+4<<20, "live heap: %.1f MiB before, %.1f MiB after", float64(x.Heap)/(1<<20), float64(y.Heap)/(1<<20))
	return missed, nil
}
