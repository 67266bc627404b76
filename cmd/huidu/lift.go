package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"huidu/luacompat"
	"huidu/luacompat/lift"
	"huidu/nginxconf"
	"huidu/nginxconf/native"
	"huidu/proxy/release/prove"
)

// liftOptions are the flags of translate --lift.
type liftOptions struct {
	on       bool
	failure  string // "", "script" or "stable"
	requests string
	cases    int
	seed     uint64
}

// lifter turns the scripts of one configuration into rules.
type lifter struct {
	liftOptions
	cfg     *nginxconf.Config
	opt     nginxconf.Options
	report  io.Writer
	refused int
	lifted  int
	extra   []*prove.Case
}

// liftable are the directives that can become rules, with their phases.
var liftable = map[string]struct {
	name  string
	phase luacompat.Phase
}{
	"content_by_lua": {"content", luacompat.PhaseContent}, "access_by_lua": {"access", luacompat.PhaseAccess},
	"rewrite_by_lua": {"rewrite", luacompat.PhaseRewrite}, "set_by_lua": {"set", luacompat.PhaseSet},
}

// liftTree replaces each script of the tree that is understood by its rule.
// What is not understood stays as it is, and the report says why.
func liftTree(tree []*nginxconf.Node, cfg *nginxconf.Config, opt nginxconf.Options, o liftOptions, report io.Writer) error {
	l := &lifter{liftOptions: o, cfg: cfg, opt: opt, report: report}
	if o.seed == 0 {
		l.seed = rand.Uint64() >> 32
	}
	if o.requests != "" {
		f, err := os.Open(o.requests)
		if err != nil {
			return err
		}
		defer f.Close()
		if l.extra, err = prove.ReadRequests(bufio.NewReader(f)); err != nil {
			return fmt.Errorf("%s: %w", o.requests, err)
		}
	}
	if err := l.nodes(tree); err != nil {
		return err
	}
	fmt.Fprintf(report, "%d lifted, %d refused\n", l.lifted, l.refused)
	if l.refused > 0 {
		return &exitError{1, errors.New("not every script became a rule")}
	}
	return nil
}

func (l *lifter) nodes(list []*nginxconf.Node) error {
	for i, n := range list {
		base := strings.TrimSuffix(strings.TrimSuffix(n.Name, "_block"), "_file")
		if what, ok := liftable[base]; ok {
			rule, err := l.node(n, what.name, what.phase)
			var ref *lift.Refusal
			switch {
			case errors.As(err, &ref):
				l.refused++
				fmt.Fprintf(l.report, "%s in %s:%d refused: %v\n", n.Name, n.File, n.Line, ref)
			case err != nil:
				return fmt.Errorf("%s in %s:%d: %w", n.Name, n.File, n.Line, err)
			default:
				l.lifted++
				rule.Note = n.Note
				list[i] = rule
			}
			continue
		}
		if err := l.nodes(n.Kids); err != nil {
			return err
		}
	}
	return nil
}

// node lifts one script and proves the rule.
func (l *lifter) node(n *nginxconf.Node, name string, phase luacompat.Phase) (*nginxconf.Node, error) {
	args := n.Args
	head := []string{name}
	out := &nginxconf.Node{Name: "release", Block: true, File: n.File, Line: n.Line, Parent: n.Parent}
	if phase == luacompat.PhaseSet {
		if out.Name, head, args = "release_set", args[:1], args[1:]; len(args) > 1 {
			return nil, &lift.Refusal{File: n.File, Line: n.Line, Reason: "arguments of set_by_lua are not understood"}
		}
	}
	out.Args = head
	src := lift.Source{Phase: name, Name: n.File, Module: l.module}
	chunk := luacompat.Chunk{Directive: n.Name, Phase: phase}
	switch {
	case n.IsLua:
		src.Text, src.FirstLine = n.Lua, n.Line
		src.Chunk = fmt.Sprintf("=%s(%s:%d)", strings.TrimSuffix(n.Name, "_block"), filepath.Base(n.File), n.Line)
		chunk.Inline, chunk.Source, chunk.Name = true, n.Lua, src.Chunk
	case strings.HasSuffix(n.Name, "_file"):
		if strings.Contains(args[0], "$") {
			return nil, &lift.Refusal{File: n.File, Line: n.Line, Reason: "which file this is depends on the request"}
		}
		file := args[0]
		if !filepath.IsAbs(file) {
			file = l.cfg.Prefix + file
		}
		text, err := os.ReadFile(l.mapPath(file))
		if err != nil {
			return nil, err
		}
		src.Name, src.Chunk, src.Text = file, "@"+file, string(text)
		chunk.Name = src.Chunk
	default:
		src.Text, src.FirstLine, src.Chunk = args[0], n.Line, "="+n.Name
		chunk.Inline, chunk.Source, chunk.Name = true, args[0], src.Chunk
	}
	rule, err := lift.Lift(src)
	if err != nil {
		return nil, err
	}
	stable := ""
	if l.failure == "stable" {
		if stable = stableTarget(rule.Steps); stable == "" {
			return nil, &lift.Refusal{File: src.Name, Line: 1, Reason: "which target is the stable one is not known: the script does not end in one ngx.exec"}
		}
		rule.Steps = append([]lift.Step{{Name: "on_store_failure", Args: []string{"stable", stable}}}, withoutFailures(rule.Steps)...)
	}
	out.Kids = ruleNodes(out, rule.Steps)
	res, err := l.prove(out, rule, name, prove.Input{Script: chunk, Phase: phase, Stable: stable})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(l.report, "%s in %s:%d lifted: %s agrees with %s on %d generated", n.Name, n.File, n.Line, "the rule", filepath.Base(src.Name), res.Cases)
	if res.Recorded > 0 {
		fmt.Fprintf(l.report, " and %d recorded", res.Recorded)
	}
	fmt.Fprintf(l.report, " requests (seed %d), %d of %d branches reached\n", res.Seed, res.Reached, res.Branches)
	if res.Repeated > 0 {
		fmt.Fprintf(l.report, "  %d runs were repeated: a timeout of the script passed while the machine was busy\n", res.Repeated)
	}
	for _, m := range res.Missing {
		fmt.Fprintf(l.report, "  one way was never gone: %s\n", m)
	}
	if t := stableTarget(rule.Steps); stable == "" && t != "" && hasStore(rule.Steps) {
		fmt.Fprintf(l.report, "  when Redis fails the rule does what the script did; --on-store-failure stable would send everybody to %s\n", t)
	}
	return out, nil
}

// prove runs the proof on the rule as it is read back from what is written.
func (l *lifter) prove(n *nginxconf.Node, rule *lift.Rule, phase string, in prove.Input) (*prove.Result, error) {
	text, err := native.Write([]*nginxconf.Node{n})
	if err != nil {
		return nil, err
	}
	back, err := native.Read("rule.yaml", text)
	if err != nil {
		return nil, fmt.Errorf("the rule that was written cannot be read: %w", err)
	}
	in.Rule = &nginxconf.Release{Phase: phase, Steps: nodeSteps(back[0].Kids), Pos: n.Pos()}
	in.Facts, in.Seed, in.Count, in.Extra = rule, l.seed, l.cases, l.extra
	in.Prefix, in.MapPath = l.cfg.Prefix, l.mapPath
	if h := l.cfg.HTTP; h != nil {
		in.PackagePath = h.Lua.PackagePath.V
		in.Dicts = map[string]int64{}
		for _, d := range h.Lua.SharedDicts {
			in.Dicts[d.Name] = d.Size
		}
	}
	return prove.Run(in)
}

func nodeSteps(list []*nginxconf.Node) (out []nginxconf.ReleaseStep) {
	for _, n := range list {
		out = append(out, nginxconf.ReleaseStep{Name: n.Name, Args: n.Args, Kids: nodeSteps(n.Kids), Pos: n.Pos()})
	}
	return out
}

func ruleNodes(parent *nginxconf.Node, steps []lift.Step) (out []*nginxconf.Node) {
	for _, s := range steps {
		n := &nginxconf.Node{Name: s.Name, Args: s.Args, Block: s.Block, File: parent.File, Line: parent.Line, Parent: parent}
		n.Kids = ruleNodes(n, s.Kids)
		out = append(out, n)
	}
	return out
}

// stableTarget is where a rule sends those whom nothing says otherwise of.
func stableTarget(steps []lift.Step) string {
	if n := len(steps); n > 0 && steps[n-1].Name == "go" && len(steps[n-1].Args) == 1 && !strings.Contains(steps[n-1].Args[0], "$") {
		return steps[n-1].Args[0]
	}
	return ""
}

// withoutFailures leaves out what a rule does when its store cannot be opened:
// the policy ends the rule before.
func withoutFailures(steps []lift.Step) (out []lift.Step) {
	opened := map[string]bool{}
	for _, s := range steps {
		switch s.Name {
		case "connect", "auth", "select":
			opened["not "+s.Args[0]] = true
		case "when":
			if opened[s.Args[0]] {
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

func hasStore(steps []lift.Step) bool {
	for _, s := range steps {
		if s.Name == "connect" || hasStore(s.Kids) {
			return true
		}
	}
	return false
}

func (l *lifter) mapPath(name string) string {
	if l.opt.MapPath != nil {
		return l.opt.MapPath(name)
	}
	return name
}

// module finds what a script requires, as the Lua runtime does.
func (l *lifter) module(name string) (file, text string, ok bool) {
	path := ""
	if h := l.cfg.HTTP; h != nil {
		path = h.Lua.PackagePath.V
	}
	for _, t := range strings.Split(luacompat.PackagePath(path, l.cfg.Prefix), ";") {
		if t == "" {
			continue
		}
		file := strings.ReplaceAll(t, "?", strings.ReplaceAll(name, ".", "/"))
		if b, err := os.ReadFile(l.mapPath(file)); err == nil {
			return file, string(b), true
		}
	}
	return "", "", false
}
