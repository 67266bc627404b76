package main

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// sample is one turn of wrk against one gateway.
type sample struct {
	rps      float64
	requests int64
	failed   int64 // responses that are neither 2xx nor 3xx, and socket errors
	p50, p99 time.Duration
	cpu      time.Duration // the gateway's, during the turn
	memory   int64         // KiB, at the end
	detail   string
}

// cpuPerRequest is the gateway's CPU time for one request.
func (s sample) cpuPerRequest() time.Duration {
	if s.requests == 0 {
		return 0
	}
	return s.cpu / time.Duration(s.requests)
}

var (
	reRate     = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	reTotal    = regexp.MustCompile(`(\d+) requests in`)
	reLatency  = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([\d.]+)(us|ms|s)`)
	reNon2xx   = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
	reSockErrs = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// load drives url with wrk and returns what it and /proc say.
func load(c config, gw *server, url string, d time.Duration) (sample, error) {
	before := gw.cpu()
	args := []string{"-t", strconv.Itoa(c.threads), "-c", strconv.Itoa(c.conns),
		"-d", fmt.Sprintf("%ds", max(int(d.Seconds()), 1)), "--latency"}
	for _, h := range c.headers {
		args = append(args, "-H", h)
	}
	out, err := exec.Command("wrk", append(args, url)...).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	s := sample{cpu: gw.cpu() - before, memory: gw.memory()}
	text := string(out)
	number := func(re *regexp.Regexp) (n int64) {
		if m := re.FindStringSubmatch(text); m != nil {
			for _, w := range m[1:] {
				v, _ := strconv.ParseInt(w, 10, 64)
				n += v
			}
			s.detail += m[0] + " "
		}
		return n
	}
	s.failed = number(reNon2xx) + number(reSockErrs)
	detail := s.detail
	s.requests = number(reTotal)
	s.detail = detail
	if m := reRate.FindStringSubmatch(text); m != nil {
		s.rps, _ = strconv.ParseFloat(m[1], 64)
	}
	for _, m := range reLatency.FindAllStringSubmatch(text, -1) {
		v, err := time.ParseDuration(m[2] + m[3])
		if err != nil {
			return s, err
		}
		if m[1] == "50" {
			s.p50 = v
		} else {
			s.p99 = v
		}
	}
	return s, nil
}

// accepts reports whether somebody listens on addr.
func accepts(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// freePort reserves nothing: it finds a port that was free just now.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}
