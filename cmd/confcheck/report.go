package main

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"huidu/nginxconf"
)

// tally counts agreement.
type tally struct {
	total, verdict    int // all; same verdict
	refused, message  int // refused by both; with the same first error
	accepted, warning int // accepted by both; with the same warnings
	unsupported       int // refused by huidu as a directive it does not support
	newer             int // refused by the oracle as a directive it does not know
}

func (t *tally) add(p pair) {
	t.total++
	switch {
	case p.nginx.OK != p.huidu.OK:
	case p.nginx.OK:
		t.verdict++
		t.accepted++
		if slices.Equal(p.nginx.Warns, p.huidu.Warns) {
			t.warning++
		}
	default:
		t.verdict++
		t.refused++
		if p.nginx.Error == p.huidu.Error {
			t.message++
		}
	}
	if unsupported(p) != "" {
		t.unsupported++
	}
	if newer(p) {
		t.newer++
	}
}

var unknownDirective = regexp.MustCompile(`^\[emerg\] unknown directive "(\w+)"`)

// newer reports whether the oracle stumbles over a directive that it does not
// know and huidu does.
func newer(p pair) bool {
	m := unknownDirective.FindStringSubmatch(p.nginx.Error)
	return m != nil && known[m[1]]
}

// known are the directives of huidu's table.
var known = func() map[string]bool {
	out := map[string]bool{}
	for _, r := range nginxconf.Rows() {
		out[r.Name] = true
	}
	return out
}()

func percent(n, of int) string {
	if of == 0 {
		return "    -"
	}
	return fmt.Sprintf("%5.1f", 100*float64(n)/float64(of))
}

func (t *tally) String() string {
	return fmt.Sprintf("%6d configurations  verdict %s %%   %5d refused by both, message %s %%   %5d accepted, warnings %s %%   %d not supported, %d newer",
		t.total, percent(t.verdict, t.total), t.refused, percent(t.message, t.refused), t.accepted,
		percent(t.warning, t.accepted), t.unsupported, t.newer)
}

var notSupported = regexp.MustCompile(`"(\w+)" (?:directive|parameter) is not supported`)

// unsupported is the directive that huidu refused for being unsupported.
func unsupported(p pair) string {
	if m := notSupported.FindStringSubmatch(p.huidu.Error); m != nil {
		return m[1]
	}
	return ""
}

// report prints the figures: in all, without what is not supported, by kind,
// then the disagreements.
func report(pairs []pair, o options) {
	var all, both tally
	kinds := map[string]*tally{}
	missing := map[string]int{}
	for _, p := range pairs {
		all.add(p)
		if name := unsupported(p); name != "" {
			missing[name]++
		} else if !newer(p) {
			both.add(p)
		}
		if p.kind != "" {
			if kinds[p.kind] == nil {
				kinds[p.kind] = &tally{}
			}
			kinds[p.kind].add(p)
		}
	}
	disagreements(pairs, o)
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		t := kinds[name]
		if t.verdict < t.total || t.message < t.refused {
			fmt.Printf("%-28s %s\n", name, t)
		}
	}
	fmt.Printf("\nin all:                     %s\nof directives both know:    %s\n", &all, &both)
	names = names[:0]
	for name, n := range missing {
		names = append(names, fmt.Sprintf("%s %d", name, n))
	}
	sort.Strings(names)
	if len(names) > 0 {
		fmt.Println("not supported:", strings.Join(names, ", "))
	}
}

// disagreements prints pairs that differ, sort by sort.
func disagreements(pairs []pair, o options) {
	sorts := []struct {
		title string
		is    func(p pair) bool
	}{
		{"warnings differ", func(p pair) bool {
			return p.nginx.OK && p.huidu.OK && !slices.Equal(p.nginx.Warns, p.huidu.Warns)
		}},
		{"messages differ", func(p pair) bool {
			return !p.nginx.OK && !p.huidu.OK && p.nginx.Error != p.huidu.Error && unsupported(p) == "" && !newer(p)
		}},
		{"nginx accepts", func(p pair) bool { return p.nginx.OK && !p.huidu.OK && unsupported(p) == "" }},
		{"nginx refuses", func(p pair) bool { return !p.nginx.OK && p.huidu.OK && !newer(p) }},
	}
	for _, s := range sorts {
		n := 0
		for _, p := range pairs {
			if !s.is(p) {
				continue
			}
			if n++; n == 1 {
				fmt.Printf("\n== %s\n", s.title)
			}
			if n > o.show {
				continue
			}
			fmt.Printf("%s\n   nginx: %s\n   huidu: %s\n", p.name, p.nginx, p.huidu)
		}
		if n > 0 {
			fmt.Printf("(%d)\n", n)
		}
	}
}

// String is the answer on one line.
func (a answer) String() string {
	s := strings.Join(append(slices.Clone(a.Warns), a.Error, a.Rest), " | ")
	if a.OK {
		return "ok " + strings.Trim(s, " |")
	}
	return strings.Trim(s, " |")
}

// runCorpus measures the configurations as they are.
func runCorpus(o options) error {
	configs, err := corpusOf(o)
	if err != nil {
		return err
	}
	return measure(o, configs)
}

// corpusOf reads the configurations asked for.
func corpusOf(o options) ([]config, error) {
	if len(o.args) != 1 {
		return nil, fmt.Errorf("needs the folder of the configurations")
	}
	all, err := readCorpus(o.args[0])
	if err != nil {
		return nil, err
	}
	return all, nil
}

// measure asks about the configurations and reports.
func measure(o options, configs []config) error {
	if o.match != "" {
		configs = slices.DeleteFunc(configs, func(c config) bool { return !o.wanted(c.name) })
	}
	a, err := newAsker(o)
	if err != nil {
		return err
	}
	pairs, err := a.askAll(configs)
	if err != nil {
		return err
	}
	report(pairs, o)
	return a.close()
}
