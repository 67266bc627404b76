package vm

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the outputs of LuaJIT (HUIDU_LUAJIT) into the case files")

// A language case in testdata/lua/lang_*.txtar is NAME.lua with NAME.out, what
// LuaJIT prints. Where we print something else, NAME.huidu holds that, and the
// script says why in a line "-- differs: reason".
type langCase struct {
	name, src string
	out, ours string
	deviates  bool
}

func readCases(t testing.TB, file string) []langCase {
	t.Helper()
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]string{}
	for _, f := range ar.Files {
		byName[f.Name] = string(f.Data)
	}
	var cases []langCase
	for _, f := range ar.Files {
		name, ok := strings.CutSuffix(f.Name, ".lua")
		if !ok {
			continue
		}
		c := langCase{name: name, src: string(f.Data), out: byName[name+".out"]}
		c.ours = c.out
		if ours, ok := byName[name+".huidu"]; ok {
			if !strings.Contains(c.src, "-- differs: ") {
				t.Errorf("%s: %s deviates without a reason", file, name)
			}
			c.ours, c.deviates = ours, true
		}
		cases = append(cases, c)
	}
	return cases
}

func caseFiles(t testing.TB) []string {
	files, err := filepath.Glob("../../testdata/lua/lang_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no language cases: %v", err)
	}
	return files
}

var (
	address = regexp.MustCompile(`(builtin: |builtin#)?(0x[0-9a-f]{6,16}|\bbuiltin#\d+)`)
	pmain   = regexp.MustCompile(`\n?\t\[C\]: at ADDR`)
)

// canonical makes outputs comparable: addresses differ from run to run, and only
// LuaJIT's own binary has a C function below the main chunk.
func canonical(s string) string {
	s = address.ReplaceAllString(s, "ADDR")
	s = pmain.ReplaceAllString(s, "")
	return strings.TrimRight(s, "\n") + "\n"
}

func TestLanguageCases(t *testing.T) {
	n := 0
	for _, file := range caseFiles(t) {
		for _, c := range readCases(t, file) {
			n++
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+c.name, func(t *testing.T) {
				if got := canonical(runScript(t, c.src, "@case.lua")); got != c.ours {
					t.Errorf("%s\n--- got\n%s--- want\n%s", c.src, got, c.ours)
				}
			})
		}
	}
	if n < 600 {
		t.Errorf("only %d cases", n)
	}
}

// TestDifferencesAreListed: differences.txt has the reasons that cases give, and
// no others.
func TestDifferencesAreListed(t *testing.T) {
	list, err := os.ReadFile("../../testdata/lua/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]bool{}
	for _, file := range caseFiles(t) {
		for _, c := range readCases(t, file) {
			if _, reason, ok := strings.Cut(c.src, "-- differs: "); ok {
				reason, _, _ = strings.Cut(reason, "\n")
				given[reason] = true
				if !strings.Contains(string(list), "\n"+reason+"\n    ") {
					t.Errorf("%s %s: not listed: %s", file, c.name, reason)
				}
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^(.+)\n    `).FindAllStringSubmatch(string(list), -1) {
		if !strings.HasPrefix(m[1], " ") && !given[m[1]] {
			t.Errorf("no case: %s", m[1])
		}
	}
}

// luajit runs a script on the real thing.
func luajit(t testing.TB, bin, dir, src string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "case.lua"), []byte(src), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "case.lua")
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		// The interpreter prints "luajit: message" and a traceback.
		msg := errs.String()
		if i := strings.Index(msg, ": "); i >= 0 {
			msg = msg[i+2:]
		}
		return canonical(out.String() + "error: " + msg)
	}
	return canonical(out.String())
}

// TestLanguageConfirm runs the cases on the LuaJIT that HUIDU_LUAJIT names.
func TestLanguageConfirm(t *testing.T) {
	bin := os.Getenv("HUIDU_LUAJIT")
	if bin == "" {
		t.Skip("HUIDU_LUAJIT is not set")
	}
	dir := t.TempDir()
	for _, file := range caseFiles(t) {
		if *update {
			updateCases(t, bin, dir, file)
			continue
		}
		for _, c := range readCases(t, file) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+c.name, func(t *testing.T) {
				if got := luajit(t, bin, dir, c.src); got != c.out {
					t.Errorf("%s\n--- luajit\n%s--- case\n%s", c.src, got, c.out)
				}
			})
		}
	}
}

func updateCases(t *testing.T, bin, dir, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := &txtar.Archive{Comment: ar.Comment}
	for _, f := range ar.Files {
		name, ok := strings.CutSuffix(f.Name, ".lua")
		if !ok {
			continue
		}
		want := luajit(t, bin, dir, string(f.Data))
		out.Files = append(out.Files, f, txtar.File{Name: name + ".out", Data: []byte(want)})
		if strings.Contains(string(f.Data), "-- differs: ") {
			got := canonical(runScript(t, string(f.Data), "@case.lua"))
			out.Files = append(out.Files, txtar.File{Name: name + ".huidu", Data: []byte(got)})
		}
	}
	if err := os.WriteFile(file, txtar.Format(out), 0o666); err != nil {
		t.Fatal(err)
	}
}
