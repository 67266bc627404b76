package gatewaytest

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Human writes results for people.
type Human struct {
	W       io.Writer
	Verbose bool // name the cases that pass too
	Colour  bool
}

func (h *Human) paint(colour, s string) string {
	if !h.Colour {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

// File implements Reporter.
func (h *Human) File(name string, cases int) {
	if h.Verbose || cases == 0 {
		fmt.Fprintf(h.W, "%s\n", name)
	}
	if cases == 0 {
		fmt.Fprintf(h.W, "  no cases\n")
	}
}

// Result implements Reporter.
func (h *Human) Result(r Result) {
	took := r.Took.Round(time.Millisecond)
	switch {
	case r.Outcome == Failed:
		fmt.Fprintf(h.W, "%s %s: %s (%v)\n", h.paint("31", "FAIL"), r.File, r.Name, took)
		at := r.Place
		if at == "" {
			at = r.At
		}
		fmt.Fprintf(h.W, "     %s\n%s\n", at, indent(r.Message, "     "))
		if r.Trace != "" {
			fmt.Fprintf(h.W, "%s\n", indent(strings.TrimLeft(r.Trace, "\n"), "     "))
		}
	case r.Outcome == Skipped:
		fmt.Fprintf(h.W, "%s %s: %s (%s)\n", h.paint("33", "skip"), r.File, r.Name, r.Message)
	case h.Verbose:
		fmt.Fprintf(h.W, "  %s %s (%v)\n", h.paint("32", "ok"), r.Name, took)
	}
}

// End implements Reporter.
func (h *Human) End(s Summary) {
	text := fmt.Sprintf("%d passed", s.Passed)
	if s.Failed > 0 {
		text += fmt.Sprintf(", %d failed", s.Failed)
	}
	if s.Skipped > 0 {
		text += fmt.Sprintf(", %d skipped", s.Skipped)
	}
	colour := "32"
	if s.Failed > 0 {
		colour = "31"
	}
	fmt.Fprintf(h.W, "%s (%v)\n", h.paint(colour, text), s.Took.Round(10*time.Millisecond))
}

func indent(text, by string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = by + l
		}
	}
	return strings.Join(lines, "\n")
}
