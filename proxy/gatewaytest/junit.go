package gatewaytest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// JUnit collects results and writes the XML that build servers read, at the
// end.
type JUnit struct {
	W      io.Writer
	suites []*junitSuite
	err    error
}

type junitSuites struct {
	XMLName  xml.Name      `xml:"testsuites"`
	Name     string        `xml:"name,attr"`
	Tests    int           `xml:"tests,attr"`
	Failures int           `xml:"failures,attr"`
	Skipped  int           `xml:"skipped,attr"`
	Time     string        `xml:"time,attr"`
	Suites   []*junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
	took     time.Duration
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Skipped *junitSkipped `xml:"skipped,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// File implements Reporter.
func (j *JUnit) File(name string, _ int) { j.suites = append(j.suites, &junitSuite{Name: name}) }

// Result implements Reporter.
func (j *JUnit) Result(r Result) {
	s := j.suites[len(j.suites)-1]
	c := junitCase{Name: xmlText(r.Name), Class: strings.TrimSuffix(r.File, ".lua"), File: r.File, Time: seconds(r.Took)}
	s.Tests++
	s.took += r.Took
	switch r.Outcome {
	case Failed:
		s.Failures++
		kind := "assertion"
		if r.Trace != "" {
			kind = "error"
		}
		first, _, _ := strings.Cut(r.Message, "\n")
		c.Failure = &junitFailure{Message: xmlText(first), Type: kind, Text: xmlText(strings.TrimLeft(r.Place+"\n"+r.Message+"\n"+r.Trace, "\n"))}
	case Skipped:
		s.Skipped++
		c.Skipped = &junitSkipped{Message: xmlText(r.Message)}
	}
	s.Cases = append(s.Cases, c)
}

// End implements Reporter.
func (j *JUnit) End(sum Summary) {
	all := junitSuites{Name: "huidu test", Tests: sum.Passed + sum.Failed + sum.Skipped, Failures: sum.Failed, Skipped: sum.Skipped,
		Time: seconds(sum.Took), Suites: j.suites}
	for _, s := range j.suites {
		s.Time = seconds(s.took)
	}
	if _, j.err = io.WriteString(j.W, xml.Header); j.err != nil {
		return
	}
	enc := xml.NewEncoder(j.W)
	enc.Indent("", "  ")
	if j.err = enc.Encode(all); j.err == nil {
		_, j.err = io.WriteString(j.W, "\n")
	}
}

// Err is why the XML could not be written.
func (j *JUnit) Err() error { return j.err }

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// xmlText is s without what XML 1.0 cannot hold.
func xmlText(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == '\uFFFE' || r == '\uFFFF' {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Reporters tells several reporters.
type Reporters []Reporter

// File implements Reporter.
func (rs Reporters) File(name string, cases int) {
	for _, r := range rs {
		r.File(name, cases)
	}
}

// Result implements Reporter.
func (rs Reporters) Result(res Result) {
	for _, r := range rs {
		r.Result(res)
	}
}

// End implements Reporter.
func (rs Reporters) End(s Summary) {
	for _, r := range rs {
		r.End(s)
	}
}
