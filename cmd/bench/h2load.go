package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

var (
	reH2Rate     = regexp.MustCompile(`finished in [^,]+, ([\d.]+) req/s`)
	reH2Requests = regexp.MustCompile(`requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	reH2Status   = regexp.MustCompile(`status codes: (\d+) 2xx, (\d+) 3xx`)
)

// loadH2 drives url over HTTP/2 with h2load, ten streams a connection.
func loadH2(c config, gw *server, url string, d time.Duration) (sample, error) {
	before := gw.cpu()
	out, err := exec.Command("h2load", "-t", strconv.Itoa(c.threads), "-c", strconv.Itoa(c.conns), "-m", "10",
		"-D", strconv.Itoa(max(int(d.Seconds()), 1)), url).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("h2load (package nghttp2-client): %w\n%s", err, out)
	}
	s := sample{cpu: gw.cpu() - before, memory: gw.memory()}
	rate, n, status := reH2Rate.FindSubmatch(out), reH2Requests.FindSubmatch(out), reH2Status.FindSubmatch(out)
	if rate == nil || n == nil || status == nil {
		return s, fmt.Errorf("h2load: its output is not understood\n%s", out)
	}
	number := func(b []byte) int64 { v, _ := strconv.ParseInt(string(b), 10, 64); return v }
	s.rps, _ = strconv.ParseFloat(string(rate[1]), 64)
	s.requests = number(status[1]) + number(status[2])
	s.failed = number(n[4]) + number(n[5]) + number(n[6]) + number(n[2]) - s.requests
	if s.failed != 0 {
		s.detail = string(n[0])
	}
	return s, nil
}
