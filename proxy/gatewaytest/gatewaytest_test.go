package gatewaytest

import (
	"bytes"
	"context"
	"encoding/xml"
	"flag"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// run runs test files and returns what the reporter wrote.
func run(t *testing.T, o Options, out *bytes.Buffer) Summary {
	t.Helper()
	sum, err := Run(context.Background(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return sum
}

// TestArticle runs the tests of the article's gateway.
func TestArticle(t *testing.T) {
	var out bytes.Buffer
	sum := run(t, Options{Paths: []string{"../../testdata/huidu"}, Report: &Human{W: &out}}, &out)
	if sum.Failed > 0 || sum.Passed < 5 {
		t.Errorf("%+v\n%s", sum, out.String())
	}
}

// TestAPI runs tests, in Lua, of all that tests can do, and looks for what they
// leave behind.
func TestAPI(t *testing.T) {
	before := runtime.NumGoroutine()
	var out bytes.Buffer
	sum := run(t, Options{Paths: []string{"testdata/pass"}, Report: &Human{W: &out, Verbose: true}}, &out)
	if sum.Failed > 0 || sum.Skipped != 1 {
		t.Errorf("%+v\n%s", sum, out.String())
	}
	var after int
	for range 100 {
		if after = runtime.NumGoroutine(); after <= before+5 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
}

// variable is what differs from run to run.
var variable = regexp.MustCompile(`\(\d[\w.µ]*s\)|duration_ms: \d+|time="[\d.]+"`)

// TestReports holds the three forms of output to golden files.
func TestReports(t *testing.T) {
	for name, reporter := range map[string]func(*bytes.Buffer) Reporter{
		"human": func(b *bytes.Buffer) Reporter { return &Human{W: b} },
		"tap":   func(b *bytes.Buffer) Reporter { return &TAP{W: b} },
		"junit": func(b *bytes.Buffer) Reporter { return &JUnit{W: b} },
	} {
		var out bytes.Buffer
		sum := run(t, Options{Paths: []string{"testdata/fail"}, Timeout: 500 * time.Millisecond, Report: reporter(&out)}, &out)
		if sum.Failed != 7 || sum.Skipped != 1 || sum.Passed != 0 {
			t.Errorf("%s: %+v", name, sum)
		}
		got := variable.ReplaceAllStringFunc(out.String(), func(s string) string {
			return regexp.MustCompile(`\d[\w.µ]*`).ReplaceAllString(s, "N")
		})
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		got = strings.ReplaceAll(got, dir, ".")
		golden := "testdata/fail/" + name + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from %s:\n%s", name, golden, got)
		}
		if name == "junit" {
			if err := xml.Unmarshal(out.Bytes(), new(junitSuites)); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestRunMatch leaves out the cases that are not asked for.
func TestRunMatch(t *testing.T) {
	var out bytes.Buffer
	sum := run(t, Options{Paths: []string{"testdata/fail/fail_test.lua"}, Match: regexp.MustCompile("skip"), Report: &TAP{W: &out}}, &out)
	if sum.Skipped != 1 || sum.Failed != 0 || !strings.Contains(out.String(), "ok 1 - ") {
		t.Errorf("%+v\n%s", sum, out.String())
	}
}
