package gatewaytest

import (
	"fmt"
	"io"
	"strings"
)

// TAP writes the Test Anything Protocol, version 13, with the plan at the end.
//
// See: https://testanything.org/tap-version-13-specification.html
type TAP struct {
	W io.Writer
	n int
}

// File implements Reporter.
func (t *TAP) File(name string, _ int) {
	if t.n == 0 {
		fmt.Fprintln(t.W, "TAP version 13")
	}
	fmt.Fprintf(t.W, "# %s\n", name)
}

// Result implements Reporter.
func (t *TAP) Result(r Result) {
	t.n++
	word, tail := "ok", ""
	switch r.Outcome {
	case Failed:
		word = "not ok"
	case Skipped:
		tail = " # SKIP " + oneLine(r.Message)
	}
	fmt.Fprintf(t.W, "%s %d - %s%s\n", word, t.n, tapName(r.File+": "+r.Name), tail)
	if r.Outcome != Failed {
		return
	}
	at := r.Place
	if at == "" {
		at = r.At
	}
	fmt.Fprintf(t.W, "  ---\n  at: %s\n  duration_ms: %d\n  message: |\n%s\n", at, r.Took.Milliseconds(), indent(r.Message, "    "))
	if r.Trace != "" {
		fmt.Fprintf(t.W, "  trace: |\n%s\n", indent(strings.TrimLeft(r.Trace, "\n"), "    "))
	}
	fmt.Fprintln(t.W, "  ...")
}

// End implements Reporter.
func (t *TAP) End(Summary) {
	if t.n == 0 {
		fmt.Fprintln(t.W, "TAP version 13")
	}
	fmt.Fprintf(t.W, "1..%d\n", t.n)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// tapName is a description without what would begin a directive.
func tapName(s string) string {
	return strings.NewReplacer("\\", "\\\\", "#", "\\#", "\n", " ").Replace(s)
}
