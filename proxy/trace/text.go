package trace

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// TextOptions says how Text writes.
type TextOptions struct {
	Colour bool
	// Steps writes every step with its reason, not only those that decided.
	Steps bool
}

// Escape sequences of a terminal.
const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	green = "\x1b[32m"
	red   = "\x1b[31m"
	reset = "\x1b[0m"
)

// Text writes a Trace for people: the steps in order, then what would be sent
// and the decision.
func (t *Trace) Text(w io.Writer, o TextOptions) error {
	p := &printer{w: w, o: o}
	p.line("%s   from %s on %s", p.paint(bold, t.Request), t.Client, t.Listen)
	p.line("")
	for i := range t.Events {
		p.event(&t.Events[i])
	}
	if t.Dropped > 0 {
		p.line("  … %d more steps", t.Dropped)
	}
	p.decision(&t.Decision)
	for _, c := range t.Caveats {
		p.line("note: %s", c)
	}
	return p.err
}

type printer struct {
	w   io.Writer
	o   TextOptions
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) paint(style, s string) string {
	if !p.o.Colour || s == "" {
		return s
	}
	return style + s + reset
}

// inScript are the events that happen while a script runs.
var inScript = map[Kind]bool{Redis: true, Branch: true, Call: true, Set: true}

// event writes one step: kind, place, what, result; the reason below.
func (p *printer) event(e *Event) {
	if e.Kind == Log && !p.o.Steps {
		return
	}
	indent := strings.Repeat("  ", e.Depth+1)
	if inScript[e.Kind] {
		indent += "  "
	}
	what := e.What
	if e.Source != "" {
		what = e.Source
	}
	text := fmt.Sprintf("%s%-*s %s", indent, max(12-len(indent)+2, 6), e.Kind, what)
	if e.Result != "" {
		text += "  → " + e.Result
	}
	if e.Place != "" {
		text = fmt.Sprintf("%-76s  %s", text, p.paint(dim, shortPlace(e.Place)))
	}
	p.line("%s", strings.TrimRight(text, " "))
	below := strings.Repeat(" ", 15) + strings.Repeat("  ", e.Depth)
	if e.Why != "" {
		p.line("%s%s", below, p.paint(dim, e.Why))
	}
	if !p.o.Steps {
		return
	}
	for _, c := range e.Tried {
		p.line("%s%s", below, p.paint(dim, fmt.Sprintf("%s: %s  %s", c.Location, c.Result, shortPlace(c.Place))))
	}
}

// shortPlace leaves the directories of a place out.
func shortPlace(place string) string {
	if i := strings.LastIndexByte(place, '('); i >= 0 { // content_by_lua(nginx.conf:6):2
		return place
	}
	return filepath.Base(place)
}

func (p *printer) decision(d *Decision) {
	p.line("")
	if d.Request != "" {
		p.line("to be sent to %s:", orDash(d.Peer))
		for l := range strings.SplitSeq(strings.TrimRight(d.Request, "\r\n"), "\r\n") {
			p.line("  %s", l)
		}
		if d.BodySize > 0 {
			p.line("  (and a body of %d bytes)", d.BodySize)
		}
		p.line("")
	}
	switch {
	case d.Closed:
		p.line("decision: %s", p.paint(red, "the connection is closed without a response"))
	case d.Upstream != "":
		p.line("decision: upstream %s (location %s of server %s)", p.paint(bold+green, d.Upstream), d.Location, orDash(d.Server))
	default:
		text := fmt.Sprintf("decision: answered by the gateway with %s", p.paint(bold, fmt.Sprint(d.Status)))
		if d.Target != "" {
			text += " to " + d.Target
		}
		p.line("%s (location %s of server %s)", text, d.Location, orDash(d.Server))
		if d.Body != "" {
			for l := range strings.SplitSeq(strings.TrimRight(d.Body, "\n"), "\n") {
				p.line("  | %s", l)
			}
		}
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
