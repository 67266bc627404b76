package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/tabwriter"
	"time"
)

// bar is a ratio that a scenario must reach: a's figure over b's.
type bar struct {
	what, a, b string
	limit      float64
	met        func(ratio, limit float64) bool
	figure     func(sample) float64
}

func atLeast(ratio, limit float64) bool { return ratio >= limit }
func atMost(ratio, limit float64) bool  { return ratio <= limit }

func sampleRate(s sample) float64 { return s.rps }
func sampleCPU(s sample) float64  { return float64(s.cpuPerRequest()) }

// contestant is a gateway that runs, with its samples.
type contestant struct {
	gateway
	srv     *server
	url     string
	samples []sample
}

// driver loads a URL for some time and measures the gateway meanwhile.
type driver func(c config, gw *server, url string, d time.Duration) (sample, error)

// compare starts all gateways, drives them in turn with wrk, and prints the
// table.
func (b *bench) compare(name string, gateways []gateway, bars []bar) (int, error) {
	return b.compareDriven(name, gateways, bars, "http", load)
}

// compareDriven is compare with another scheme and driver.
func (b *bench) compareDriven(name string, gateways []gateway, bars []bar, scheme string, drive driver) (int, error) {
	var list []*contestant
	defer func() {
		for _, c := range list {
			c.srv.stop()
		}
	}()
	for _, g := range gateways {
		if b.only != "" && !strings.Contains(g.name, b.only) {
			continue
		}
		port, err := freePort()
		if err != nil {
			return 0, err
		}
		srv, err := g.start(port)
		if err != nil {
			return 0, err
		}
		list = append(list, &contestant{gateway: g, srv: srv, url: scheme + "://" + addrOf(port) + g.path})
	}
	for _, c := range list { // warm up
		if _, err := drive(b.config, c.srv, c.url, time.Second); err != nil {
			return 0, err
		}
	}
	for round := 0; round < b.rounds; round++ {
		for i := range list {
			c := list[(i+round)%len(list)]
			s, err := drive(b.config, c.srv, c.url, b.duration)
			if err != nil {
				return 0, err
			}
			c.samples = append(c.samples, s)
		}
	}
	return printTable(name, list, bars), nil
}

// median is the sample in the middle by throughput; failures of every round
// are kept.
func (c *contestant) median() sample {
	s := append([]sample{}, c.samples...)
	sort.Slice(s, func(i, j int) bool { return s[i].rps < s[j].rps })
	m := s[len(s)/2]
	m.failed = 0
	for _, x := range c.samples {
		m.failed += x.failed
		if x.failed > 0 {
			m.detail = x.detail
		}
	}
	return m
}

// printTable prints the medians, their ratio to the first gateway, and the
// bars. It returns how many bars were missed.
func printTable(name string, list []*contestant, bars []bar) (missed int) {
	fmt.Printf("\n== %s\n", name)
	if len(list) == 0 {
		return 0
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "gateway\treq/s\tratio\tCPU µs/req\tratio\tp50\tp99\tmemory MiB\tfailed\t")
	first := list[0].median()
	for _, c := range list {
		m := c.median()
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.1f\t%.2f\t%v\t%v\t%.1f\t%d\t\n", c.name, m.rps, m.rps/first.rps,
			float64(m.cpuPerRequest())/1e3, sampleCPU(m)/sampleCPU(first), m.p50, m.p99, float64(m.memory)/1024, m.failed)
	}
	_ = w.Flush()
	for _, c := range list {
		if m := c.median(); m.failed > 0 {
			fmt.Printf("%s: %s\n", c.name, m.detail)
		}
	}
	for _, bar := range bars {
		a, b := find(list, bar.a), find(list, bar.b)
		if a == nil || b == nil {
			continue
		}
		ratio := bar.figure(a.median()) / bar.figure(b.median())
		word := "met"
		if !bar.met(ratio, bar.limit) {
			word = "MISSED"
			missed++
		}
		fmt.Printf("bar %s: %s of %s over %s is %.2f, limit %.2f\n", word, bar.what, a.name, b.name, ratio, bar.limit)
	}
	return missed
}

func find(list []*contestant, part string) *contestant {
	for _, c := range list {
		if strings.Contains(c.name, part) {
			return c
		}
	}
	return nil
}

// site is a gateway's directory.
func (b *bench) site(name string) string { return filepath.Join(b.dir, name) }
