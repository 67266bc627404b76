package prove

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"huidu/luacompat"
	"huidu/luacompat/lift"
)

const scripts = "../../../testdata/lift"

var phases = map[string]luacompat.Phase{"content": luacompat.PhaseContent, "access": luacompat.PhaseAccess,
	"rewrite": luacompat.PhaseRewrite, "set": luacompat.PhaseSet}

// header is what a script of testdata/lift says of itself in its first lines.
var header = regexp.MustCompile(`(?m)^-- (phase|refused|dict|unreached): (.*)$`)

// TestScripts lifts every script of testdata/lift and the article's, and
// proves each rule against its script; HUIDU_LIFT_CASES says on how many
// requests. A script whose header says so must be refused, for its reason.
func TestScripts(t *testing.T) {
	count := 1500
	if testing.Short() {
		count = 300
	}
	if s := os.Getenv("HUIDU_LIFT_CASES"); s != "" {
		count, _ = strconv.Atoi(s)
	}
	files, err := filepath.Glob(scripts + "/*.lua")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
	lifted := 0
	for _, file := range append(files, "../../../testdata/huidu/huidu.lua") {
		name := strings.TrimSuffix(filepath.Base(file), ".lua")
		ok := t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			says := map[string]string{"phase": "content"}
			for _, m := range header.FindAllStringSubmatch(string(text), -1) {
				says[m[1]] = m[2]
			}
			rule, err := lift.Lift(source(file, string(text), says["phase"]))
			if want := says["refused"]; want != "" || err != nil {
				var ref *lift.Refusal
				if !errors.As(err, &ref) {
					t.Fatalf("not refused (%v)\n%s", err, lift.Print(rule.Steps))
				}
				if got := fmt.Sprintf("%d: %s", ref.Line, ref.Reason); got != want {
					t.Fatalf("refused: %s\nwant: %s", got, want)
				}
				return
			}
			lifted++
			in := Input{Rule: Spec(says["phase"], rule.Steps, file), Facts: rule, Phase: phases[says["phase"]], Seed: 1, Count: count,
				Script:      luacompat.Chunk{Directive: says["phase"] + "_by_lua_file", Name: "@" + abs(file), Phase: phases[says["phase"]]},
				PackagePath: abs(scripts) + "/lib/?.lua;;"}
			if d := says["dict"]; d != "" {
				in.Dicts = map[string]int64{d: 1 << 20}
			}
			res, err := Run(in)
			if err != nil {
				t.Fatalf("%v\n%s", err, lift.Print(rule.Steps))
			}
			t.Logf("%d cases, %d repeated, %d of %d branches %q\n%s", res.Cases, res.Repeated, res.Reached, res.Branches, res.Missing, lift.Print(rule.Steps))
			if want := says["unreached"]; want != "" && strings.Join(res.Missing, "; ") == want {
				return
			}
			if count >= 5000 && res.Reached != res.Branches {
				t.Errorf("not every branch was reached: %q\n%s", res.Missing, lift.Print(rule.Steps))
			}
		})
		_ = ok
	}
	t.Logf("%d of %d scripts were lifted", lifted, len(files)+1)
}

func abs(name string) string {
	a, err := filepath.Abs(name)
	if err != nil {
		panic(err)
	}
	return a
}

func source(file, text, phase string) lift.Source {
	return lift.Source{Name: file, Chunk: "@" + file, Text: text, Phase: phase, Module: func(name string) (string, string, bool) {
		f := scripts + "/lib/" + strings.ReplaceAll(name, ".", "/") + ".lua"
		b, err := os.ReadFile(f)
		return f, string(b), err == nil
	}}
}
