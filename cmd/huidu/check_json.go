package main

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"

	"huidu/luacompat/lint"
)

// jsonReport is the report for programs.
type jsonReport struct {
	File     string         `json:"file"`
	ExitCode int            `json:"exit_code"`
	Summary  map[string]int `json:"summary"`
	Requests int            `json:"requests,omitempty"`
	Fallback *jsonFallback  `json:"fallback,omitempty"`
	Entries  []jsonEntry    `json:"entries"`
}

type jsonEntry struct {
	Status   string   `json:"status"`
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column,omitempty"`
	Why      string   `json:"why,omitempty"`
	Fix      string   `json:"fix,omitempty"`
	Where    []string `json:"locations,omitempty"`
	Requests *int     `json:"requests,omitempty"`
}

type jsonFallback struct {
	URL       string         `json:"url"`
	Locations []jsonDiverted `json:"diverted"`
	Requests  *int           `json:"requests,omitempty"`
}

type jsonDiverted struct {
	Location string `json:"location,omitempty"` // none for a whole server
	File     string `json:"file"`
	Line     int    `json:"line"`
	Because  string `json:"because"`
	Why      string `json:"why"`
}

func (r *checkReport) writeJSON(w io.Writer, strict bool) error {
	out := jsonReport{File: r.cov.Config.File, ExitCode: r.exitCode(strict), Summary: map[string]int{}, Entries: []jsonEntry{}}
	for v, n := range r.count() {
		out.Summary[verdict(v).String()] = n
	}
	if r.log != nil {
		out.Requests = r.log.total
	}
	if r.fallback != nil {
		f := &jsonFallback{URL: r.fallback.URL, Locations: []jsonDiverted{}}
		for _, a := range r.away {
			d := jsonDiverted{File: a.Server.Pos.File, Line: a.Server.Pos.Line, Because: a.why.Directive, Why: a.why.Reason}
			if a.Location != nil {
				d.Location, d.File, d.Line = locationName(a.Location), a.Location.Pos.File, a.Location.Pos.Line
			}
			f.Locations = append(f.Locations, d)
		}
		if r.log != nil {
			f.Requests = &r.log.away
		}
		out.Fallback = f
	}
	for i := range r.entries {
		e := &r.entries[i]
		j := jsonEntry{Status: e.verdict.String(), Kind: e.kind, Name: e.name, File: e.file, Line: e.line, Column: e.col, Why: e.why, Fix: e.fix}
		seen := map[string]bool{}
		for _, p := range e.at {
			if p.Location != nil && !seen[locationName(p.Location)] {
				seen[locationName(p.Location)] = true
				j.Where = append(j.Where, locationName(p.Location))
			}
		}
		if r.log != nil {
			j.Requests = &e.requests
		}
		out.Entries = append(out.Entries, j)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

// The parts of SARIF 2.1.0 that a report needs.
//
// See: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri,omitempty"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string    `json:"id"`
		Short sarifText `json:"shortDescription"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
)

// writeSARIF is the report for code scanning: everything but what is
// supported.
func (r *checkReport) writeSARIF(w io.Writer) error {
	d := sarifDriver{Name: "huidu check", Rules: []sarifRule{}}
	index := map[string]int{}
	rule := func(id, text string) {
		index[id] = len(d.Rules)
		d.Rules = append(d.Rules, sarifRule{id, sarifText{text}})
	}
	rule("unsupported", "huidu does not support it")
	rule("unresolved", "what it is shows only when it runs")
	rule("differs", "it does something else than in OpenResty")
	rule("forgiven", "nginx refuses it, huidu does not")
	rule("ignored", "it has no effect, and need not")
	for _, x := range lint.Rules {
		rule(x.ID, x.Text)
	}
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	for _, e := range r.entries {
		id, level := e.verdict.String(), "error"
		switch e.verdict {
		case vSupported:
			continue
		case vFinding:
			id, level = e.rule, "warning"
		case vDiffers, vForgiven:
			level = "warning"
		case vIgnored:
			level = "note"
		}
		text := e.why
		if e.verdict != vFinding {
			text = e.kind + " " + e.name
			if e.why != "" {
				text += ": " + e.why
			}
		}
		if e.fix != "" {
			text += ". Fix: " + e.fix
		}
		res := sarifResult{RuleID: id, RuleIndex: index[id], Level: level, Message: sarifText{text},
			Locations: []sarifLocation{{sarifPhysical{Artifact: sarifArtifact{fileURI(e.file)}}}}}
		if e.line > 0 {
			res.Locations[0].Physical.Region = &sarifRegion{e.line, e.col}
		}
		run.Results = append(run.Results, res)
	}
	run.Tool.Driver = d
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// fileURI is a file as SARIF names it: relative when it is below the working
// directory.
func fileURI(name string) string {
	if rel := shown(name); !filepath.IsAbs(rel) {
		return (&url.URL{Path: filepath.ToSlash(rel)}).String()
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(name)}).String()
}
