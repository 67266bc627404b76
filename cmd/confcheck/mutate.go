package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// doc is a configuration being broken.
type doc struct {
	text  string
	stmts []stmt
	rng   *rand.Rand
}

// mutation is one way to break a configuration; "" means that this one
// cannot be broken so.
type mutation struct {
	name string
	do   func(d *doc) string
}

// runMutations measures configurations of the corpus, each broken in one way;
// of those that nginx refuses, or that huidu does not support, a broken one
// would say nothing.
func runMutations(o options) error {
	corpus, err := corpusOf(o)
	if err != nil {
		return err
	}
	docs, good := make([]*doc, len(corpus)), make([]bool, len(corpus))
	a, err := newAsker(o)
	if err != nil {
		return err
	}
	pairs, err := a.askAll(corpus)
	if err != nil {
		return err
	}
	if err := a.close(); err != nil {
		return err
	}
	for i, c := range corpus {
		text := c.files[mainFile]
		docs[i] = &doc{text: text, stmts: statements(text)}
		good[i] = pairs[i].nginx.OK && unsupported(pairs[i]) == ""
	}
	var configs []config
	for _, m := range mutations() {
		if !o.wanted(m.name) {
			continue
		}
		rng := rand.New(rand.NewPCG(o.seed, uint64(len(m.name))<<32|uint64(m.name[0])))
		made := 0
		for try := 0; made < o.perKind && try < 20*o.perKind; try++ {
			i := rng.IntN(len(corpus))
			if !good[i] {
				continue
			}
			d := docs[i]
			d.rng = rng
			text := m.do(d)
			if text == "" || text == d.text {
				continue
			}
			c := corpus[i].with(m.name, text)
			c.name = fmt.Sprintf("%s %s", m.name, corpus[i].name) + changed(d.text, text)
			configs = append(configs, c)
			made++
		}
	}
	o.match = ""
	return measure(o, configs)
}

// changed shows the first line that differs.
func changed(old, text string) string {
	a, b := strings.Split(old, "\n"), strings.Split(text, "\n")
	for i := range b {
		if i >= len(a) || a[i] != b[i] {
			line := strings.TrimSpace(b[i])
			if len(line) > 110 {
				line = line[:110] + "…"
			}
			return fmt.Sprintf(":%d: %s", i+1, line)
		}
	}
	return ""
}

// pick chooses a directive that satisfies the condition.
func (d *doc) pick(is func(s *stmt) bool) *stmt {
	var found []*stmt
	for i := range d.stmts {
		if is(&d.stmts[i]) {
			found = append(found, &d.stmts[i])
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[d.rng.IntN(len(found))]
}

func (d *doc) one(list ...string) string { return list[d.rng.IntN(len(list))] }

// cut replaces a part of the text.
func (d *doc) cut(from, to int, with string) string {
	return d.text[:from] + with + d.text[to:]
}

// at is a mutation of a chosen directive.
func at(is func(s *stmt) bool, do func(d *doc, s *stmt) string) func(d *doc) string {
	return func(d *doc) string {
		s := d.pick(is)
		if s == nil {
			return ""
		}
		return do(d, s)
	}
}

func simple(s *stmt) bool  { return !s.block && s.context != "types" }
func anyStmt(*stmt) bool   { return true }
func hasArgs(s *stmt) bool { return len(s.args) > 0 && simple(s) }
func isBlock(s *stmt) bool { return s.block && s.close > 0 }

func named(names ...string) func(s *stmt) bool {
	return func(s *stmt) bool {
		for _, n := range names {
			if s.name == n && (!s.block || s.close > 0) {
				return true
			}
		}
		return false
	}
}

// setArg replaces a chosen argument of a directive that satisfies the
// condition by one of the words.
func setArg(is func(s *stmt) bool, words ...string) func(d *doc) string {
	return at(is, func(d *doc, s *stmt) string {
		if len(s.args) == 0 {
			return ""
		}
		i := d.rng.IntN(len(s.args))
		return d.cut(s.argAt[i][0], s.argAt[i][1], d.one(words...))
	})
}

// lastArg replaces the last argument.
func lastArg(is func(s *stmt) bool, words ...string) func(d *doc) string {
	return at(is, func(d *doc, s *stmt) string {
		if len(s.args) == 0 {
			return ""
		}
		a := s.argAt[len(s.args)-1]
		return d.cut(a[0], a[1], d.one(words...))
	})
}

// firstArg replaces the first argument.
func firstArg(is func(s *stmt) bool, words ...string) func(d *doc) string {
	return at(is, func(d *doc, s *stmt) string {
		if len(s.args) == 0 {
			return ""
		}
		return d.cut(s.argAt[0][0], s.argAt[0][1], d.one(words...))
	})
}

// addArg adds an argument at the end.
func addArg(is func(s *stmt) bool, words ...string) func(d *doc) string {
	return at(is, func(d *doc, s *stmt) string {
		return d.cut(s.end-1, s.end-1, " "+d.one(words...))
	})
}

// into writes one of the lines at the start of a block of one of these names.
func into(block string, lines ...string) func(d *doc) string {
	return at(func(s *stmt) bool { return s.name == block && isBlock(s) }, func(d *doc, s *stmt) string {
		return d.cut(s.body(), s.body(), "\n    "+d.one(lines...)+"\n")
	})
}

// endOf writes one of the lines at the end of a block.
func endOf(block string, lines ...string) func(d *doc) string {
	return at(func(s *stmt) bool { return s.name == block && isBlock(s) }, func(d *doc, s *stmt) string {
		return d.cut(s.close, s.close, "    "+d.one(lines...)+"\n")
	})
}

// moved moves a directive into a block.
func moved(block string) func(d *doc) string {
	return func(d *doc) string {
		s := d.pick(func(s *stmt) bool { return simple(s) && s.context != block && s.context != "map" && s.context != "geo" })
		to := d.pick(func(s *stmt) bool { return s.name == block && isBlock(s) })
		if s == nil || to == nil {
			return ""
		}
		return d.cut(to.body(), to.body(), "\n    "+d.text[s.start:s.end]+"\n")
	}
}
