package nginxconf

import (
	"fmt"
	"strconv"
	"strings"
)

// Severity is how grave a Diagnostic is.
type Severity int

// The severities. Emerg refuses the configuration, and so do Crit, for what
// the system did not do, and Error, which ngx_lua and headers-more use for
// some of their complaints. Warn is what
// nginx warns of too (or a leniency of ours), Notice is for directives that
// are accepted and have no effect here.
const (
	Notice Severity = iota
	Warn
	Error
	Crit
	Emerg
)

// String is the severity as nginx's error log writes it.
func (s Severity) String() string {
	switch s {
	case Emerg:
		return "emerg"
	case Crit:
		return "crit"
	case Error:
		return "error"
	case Warn:
		return "warn"
	}
	return "notice"
}

// Diagnostic is one thing to say about a configuration. Pos is empty where
// nginx names no place.
type Diagnostic struct {
	Severity  Severity
	Pos       Pos
	Directive string // the directive it is about, "" when none
	Message   string // nginx's words, without the place
	Hint      string // what we add for the reader; not part of nginx's line
	// Late is set where nginx has said "syntax is ok" before.
	Late bool
}

// CommandLine is the Pos.File of what was written in -g.
const CommandLine = "command line"

// maxMessage is how much nginx keeps of a message that has a place.
// See: NGX_MAX_CONF_ERRSTR.
const maxMessage = 1024

// short cuts a long message, but not the error number at its end.
func short(msg string) string {
	if len(msg) <= maxMessage {
		return msg
	}
	if at := strings.LastIndex(msg, " ("); at > maxMessage-50 && strings.HasSuffix(msg, ")") {
		if number, _, ok := strings.Cut(msg[at+2:], ": "); ok && number != "" && strings.Trim(number, "0123456789") == "" {
			return msg[:maxMessage-50] + "..." + msg[at:]
		}
	}
	return msg[:maxMessage]
}

// Text is the message with its place, as nginx prints it after the severity.
func (d Diagnostic) Text() string {
	switch {
	case d.Pos.File == "":
		return d.Message
	case d.Pos.File == CommandLine && d.Pos.Line == 0:
		return short(d.Message) + " in command line"
	}
	return short(d.Message) + " in " + d.Pos.File + ":" + strconv.Itoa(d.Pos.Line)
}

// String is the whole line as `nginx -t` prints it after "nginx: ".
func (d Diagnostic) String() string {
	return "[" + d.Severity.String() + "] " + d.Text()
}

// Diagnostics is everything said about a configuration, in nginx's order.
type Diagnostics []Diagnostic

// Err is the first Emerg or Error, or nil.
func (ds Diagnostics) Err() error {
	for _, d := range ds {
		if d.Severity >= Error {
			return &ConfigError{d}
		}
	}
	return nil
}

// String joins the diagnostics, one per line.
func (ds Diagnostics) String() string {
	var sb strings.Builder
	for _, d := range ds {
		sb.WriteString(d.String())
		sb.WriteByte('\n')
	}
	return sb.String()
}

// ConfigError is a refused configuration.
type ConfigError struct{ Diagnostic }

// Error is nginx's line.
func (e *ConfigError) Error() string { return e.Diagnostic.String() }

// confErr stops the walk: the diagnostic is complete.
type confErr struct {
	d           Diagnostic
	unsupported string // why, when nginx would have taken it and huidu cannot
}

func (e *confErr) Error() string { return e.d.String() }

// dirErr is a setter's short message; the walk turns it into
// `"name" directive message`, as nginx does with a returned string.
type dirErr string

func (e dirErr) Error() string { return string(e) }

const errDuplicate = dirErr("is duplicate")

// emerg is an error at the directive being handled.
func (b *build) emerg(format string, args ...any) error {
	return b.emergAt(b.pos(), format, args...)
}

// emergAt is an error at pos; the zero Pos names no place.
func (b *build) emergAt(pos Pos, format string, args ...any) error {
	d := Diagnostic{Severity: Emerg, Pos: pos, Message: fmt.Sprintf(format, args...)}
	if b.node != nil {
		d.Directive = b.node.Name
	}
	return &confErr{d: d}
}

// late marks an error that nginx finds after all is read.
func late(err error) error {
	if ce, ok := err.(*confErr); ok {
		ce.d.Late = true
	}
	return err
}

// asError makes an error's severity Error instead of Emerg.
func asError(err error) error {
	if ce, ok := err.(*confErr); ok {
		ce.d.Severity = Error
	}
	return err
}

// warn records a warning at the directive being handled.
func (b *build) warn(format string, args ...any) {
	b.warnAt(b.pos(), format, args...)
}

// warnAt records a warning at pos.
func (b *build) warnAt(pos Pos, format string, args ...any) {
	d := Diagnostic{Severity: Warn, Pos: pos, Message: fmt.Sprintf(format, args...)}
	if b.node != nil {
		d.Directive = b.node.Name
	}
	b.diags = append(b.diags, d)
}
