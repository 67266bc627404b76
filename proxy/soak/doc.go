// Package soak drives a gateway for long and looks for what it loses: every
// request has three light threads, one with a subrequest, one with a Redis
// pipeline, one that sleeps; clients stay or vanish at random. Afterwards the
// process must have as many goroutines, sockets and bytes as before.
//
// A short run is the package's test, under the race detector; a long one is
// "go run ./cmd/bench -scenario soak".
package soak
