package casetest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateWire = flag.Bool("update-wire", false, "write nginx's verdicts into testdata/wire")

// wireNext follows every case on its connection, so that a verdict shows
// whether the gateway is still in step.
const wireNext = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

// exchange runs the case on a lane.
func (c *wireCase) exchange(l *wireLane) (out []byte, seen [][]byte, err error) {
	in, err := wireBytes(c.client)
	if err != nil {
		return nil, nil, err
	}
	if !has(c.client, wireAlone) {
		in = append(in, wireNext...)
	}
	reply, err := wireBytes(c.reply)
	if err != nil {
		return nil, nil, err
	}
	if len(c.reply) == 0 {
		reply = nil
	}
	return l.exchange([][]byte{in}, reply, has(c.reply, wireOpen))
}

// heads tells whether one of the case's requests is HEAD.
func (c *wireCase) heads() bool {
	return slices.ContainsFunc(c.client, func(l string) bool { return strings.HasPrefix(l, " HEAD ") })
}

// wireRun is what one gateway made of a case.
type wireRun struct {
	verdict []string
	detail  string
	err     error
}

// runWire runs all cases on a gateway.
func runWire(t *testing.T, e engine, cases []*wireCase) map[*wireCase]wireRun {
	t.Helper()
	lanes := startLanes(t, e, 8)
	results := make([]map[*wireCase]wireRun, len(lanes))
	done := make(chan struct{})
	for i, l := range lanes {
		results[i] = map[*wireCase]wireRun{}
		go func() {
			defer func() { done <- struct{}{} }()
			// The same lane on both gateways: its name is in the bytes.
			for k := i; k < len(cases); k += len(lanes) {
				c := cases[k]
				out, seen, err := c.exchange(l)
				results[i][c] = wireRun{countRuns(wireVerdict(out, seen, c.heads())), wireDetail(out, seen, c.heads()), err}
			}
		}()
	}
	all := map[*wireCase]wireRun{}
	for range lanes {
		<-done
	}
	for _, m := range results {
		for c, r := range m {
			all[c] = r
		}
	}
	return all
}

// TestWire runs the cases of testdata/wire: malformed messages and request
// smuggling, from both sides. Verdicts are nginx's, and where it is installed
// it has to confirm them; huidu's must be the same, or stand in the file with
// the reason.
func TestWire(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/wire/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no case files", err)
	}
	var files []*wireFile
	var cases []*wireCase
	for _, p := range paths {
		f, err := readWireFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files, cases = append(files, f), append(cases, f.cases...)
	}
	var confirmed map[*wireCase]wireRun
	t.Run("nginx", func(t *testing.T) {
		needNginx(t)
		confirmed = runWire(t, &nginxEngine{bin: os.Getenv("HUIDU_WIRE_NGINX")}, cases)
	})
	var ours map[*wireCase]wireRun
	t.Run("huidu", func(t *testing.T) { ours = runWire(t, newHuidu(), cases) })

	if *updateWire && confirmed != nil {
		for _, c := range cases {
			c.nginx, c.huidu = confirmed[c].verdict, nil
			if c.differs == "?" {
				c.differs = ""
			}
			if v := ours[c].verdict; !slices.Equal(v, c.nginx) {
				c.huidu = v
				if c.differs == "" {
					c.differs = "?"
				}
			}
		}
		for _, f := range files {
			if err := f.write(); err != nil {
				t.Fatal(err)
			}
		}
	}
	names := map[string]bool{}
	for _, c := range cases {
		if names[c.name] {
			t.Errorf("two cases are called %q", c.name)
		}
		names[c.name] = true
		c.check(t, confirmed, ours[c])
	}
}

// check compares verdicts with the file, and both gateways with one another.
func (c *wireCase) check(t *testing.T, confirmed map[*wireCase]wireRun, ours wireRun) {
	in, _ := wireBytes(c.client)
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: "+format+"\nsent %s", append(append([]any{c.name}, args...), quoteShort(in))...)
	}
	want := c.nginx
	if len(c.huidu) > 0 {
		want = c.huidu
		if c.differs == "" || c.differs == "?" {
			fail("huidu differs and nobody says why")
		}
	}
	if ours.err != nil {
		fail("huidu: %v", ours.err)
	}
	if !slices.Equal(ours.verdict, want) {
		fail("huidu's verdict is\n%s\nnot\n%s", strings.Join(ours.verdict, "\n"), strings.Join(want, "\n"))
	}
	nginx, is := confirmed[c]
	if !is {
		return
	}
	if nginx.err != nil {
		fail("nginx: %v", nginx.err)
	}
	if !slices.Equal(nginx.verdict, c.nginx) {
		fail("nginx's verdict is\n%s\nnot\n%s", strings.Join(nginx.verdict, "\n"), strings.Join(c.nginx, "\n"))
	}
	if len(c.huidu) == 0 && c.differs == "" && nginx.detail != ours.detail {
		fail("the bytes differ: nginx\n%s\nhuidu\n%s", nginx.detail, ours.detail)
	}
	if len(c.huidu) > 0 {
		if a, b := seenCount(nginx.verdict), seenCount(ours.verdict); b > a {
			fail("the upstream sees %d requests behind huidu and %d behind nginx", b, a)
		}
	}
}

// seenCount is how many requests reached the upstream.
func seenCount(verdict []string) (n int) {
	for _, l := range verdict {
		if strings.HasPrefix(l, "^ ") {
			n++
		}
	}
	return n
}

// TestWireFile checks the files' own notation.
func TestWireFile(t *testing.T) {
	got, err := wireBytes([]string{` a\x00"b"`, `alone`, `- {3*xy}\n`, ``})
	if err != nil || !bytes.Equal(got, []byte("a\x00\"b\"\r\nxyxyxy\n\r\n")) {
		t.Errorf("%q, %v", got, err)
	}
}
