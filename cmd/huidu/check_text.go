package main

import (
	"fmt"
	"io"
	"strings"
)

// ANSI colours of the verdicts.
var verdictColours = [...]string{vUnsupported: "31", vUnresolved: "31", vDiffers: "33", vFinding: "33", vForgiven: "33", vIgnored: "2", vSupported: "32"}

// verdictHeads are the headings of the text report.
var verdictHeads = [...]string{
	vUnsupported: "Not supported", vUnresolved: "Cannot be told before it runs", vDiffers: "Differs from OpenResty",
	vFinding: "Likely to hurt", vForgiven: "Forgiven (nginx refuses it, and so does --strict)",
	vIgnored: "Without effect, and harmless", vSupported: "Supported",
}

// writeText is the report for people: a summary, then the worst first.
func (r *checkReport) writeText(w io.Writer, colour, all, strict bool) error {
	var b strings.Builder
	paint := func(code, s string) string {
		if !colour || code == "" {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	n := r.count()
	fmt.Fprintf(&b, "%s: %s\n", shown(r.cov.Config.File), r.whatWasRead())
	fmt.Fprintf(&b, "%s\n", r.summary(n))
	if r.log != nil {
		fmt.Fprintf(&b, "%s\n", r.log.summary())
	}
	switch code := r.exitCode(strict); {
	case code != 0 && n[vUnsupported]+n[vUnresolved]+n[vDiffers] > 0:
		b.WriteString(paint("1;31", "Not everything that changes behaviour is supported.") + "\n")
	case code != 0:
		b.WriteString(paint("1;33", "Everything that changes behaviour is supported; --strict wants the findings mended too.") + "\n")
	case len(r.away) > 0:
		b.WriteString(paint("1;32", "Everything is served: what huidu does not support goes to the fallback.") + "\n")
	default:
		b.WriteString(paint("1;32", "Everything that changes behaviour is supported.") + "\n")
	}
	r.writeAway(&b, paint)
	last := verdict(255)
	for _, e := range r.entries {
		if e.verdict == vSupported && !all {
			continue
		}
		if e.verdict != last {
			fmt.Fprintf(&b, "\n%s\n", paint("1;"+verdictColours[e.verdict], fmt.Sprintf("%s (%d)", verdictHeads[e.verdict], n[e.verdict])))
			last = e.verdict
		}
		r.writeEntry(&b, e, paint)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *checkReport) writeEntry(b *strings.Builder, e entry, paint func(code, s string) string) {
	place := fmt.Sprintf("%s:%d", shown(e.file), e.line)
	if e.col > 0 {
		place += fmt.Sprintf(":%d", e.col)
	}
	head := e.kind + " " + e.name
	if e.verdict == vFinding {
		head = "[" + e.rule + "]"
	}
	fmt.Fprintf(b, "  %s %s", paint("36", place), paint(verdictColours[e.verdict], head))
	if e.verdict == vFinding {
		fmt.Fprintf(b, " %s", e.why)
	} else if e.why != "" {
		fmt.Fprintf(b, ": %s", e.why)
	}
	if r.log != nil && e.verdict < vIgnored {
		fmt.Fprintf(b, " (%s)", r.log.share(e.requests))
	}
	b.WriteByte('\n')
	if e.verdict < vFinding && r.goesAway(e) {
		b.WriteString("      → goes to the fallback\n")
	} else if e.fix != "" && e.verdict != vSupported && e.verdict != vIgnored {
		fmt.Fprintf(b, "      → %s\n", e.fix)
	}
}

// whatWasRead says what was read.
func (r *checkReport) whatWasRead() string {
	servers, locations := 0, 0
	if h := r.cov.Config.HTTP; h != nil {
		servers = len(h.Servers)
		locations = r.locations()
	}
	return fmt.Sprintf("%s, %s, %s, %s", plural(len(r.cov.Config.Files), "file"), plural(servers, "server"), plural(locations, "location"), plural(r.luaSources(), "Lua script"))
}

// summary counts by verdict, leaving out what there is none of.
func (r *checkReport) summary(n [len(verdictNames)]int) string {
	var parts []string
	for v, name := range []string{"not supported", "not to be told before it runs", "different", "likely to hurt", "forgiven", "without effect", "supported"} {
		if n[v] > 0 || verdict(v) == vUnsupported || verdict(v) == vSupported {
			parts = append(parts, fmt.Sprintf("%d %s", n[v], name))
		}
	}
	return strings.Join(parts, ", ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
