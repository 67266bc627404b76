package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestSARIF: the log has what the 2.1.0 schema requires, and every result
// names a rule of the tool.
//
// See: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
func TestSARIF(t *testing.T) {
	dir := t.TempDir()
	conf := "events { accept_mutex on; }\nhttp {\n server {\n location /x { grpc_pass a; }\n location / { content_by_lua_block { ngx.exec(\"/x\") ngx.say(ngx[1 .. 2]) x = ngx.worker.pid() } } } }\n"
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run([]string{"check", "--sarif", file}, process{stdout: &out, stderr: os.Stderr}); code != 1 {
		t.Errorf("exit code %d", code)
	}
	var log struct {
		Version string `json:"version"`
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string `json:"name"`
					Rules []struct {
						ID string `json:"id"`
					} `json:"rules"`
				} `json:"driver"`
			} `json:"tool"`
			Results []struct {
				RuleID    string `json:"ruleId"`
				RuleIndex int    `json:"ruleIndex"`
				Level     string `json:"level"`
				Message   struct {
					Text string `json:"text"`
				} `json:"message"`
				Locations []struct {
					Physical struct {
						Artifact struct {
							URI string `json:"uri"`
						} `json:"artifactLocation"`
						Region struct {
							StartLine   int `json:"startLine"`
							StartColumn int `json:"startColumn"`
						} `json:"region"`
					} `json:"physicalLocation"`
				} `json:"locations"`
			} `json:"results"`
		} `json:"runs"`
	}
	dec := json.NewDecoder(&out)
	if err := dec.Decode(&log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name == "" {
		t.Fatalf("%+v", log)
	}
	levels := map[string]int{}
	rules := map[string]bool{}
	for _, r := range log.Runs[0].Results {
		levels[r.Level]++
		rules[r.RuleID] = true
		if list := log.Runs[0].Tool.Driver.Rules; r.RuleIndex >= len(list) || list[r.RuleIndex].ID != r.RuleID {
			t.Errorf("rule %d is not %s", r.RuleIndex, r.RuleID)
		}
		if r.Message.Text == "" || len(r.Locations) != 1 || r.Locations[0].Physical.Region.StartLine < 1 || r.Locations[0].Physical.Region.StartColumn < 1 || r.Locations[0].Physical.Artifact.URI == "" {
			t.Errorf("%+v", r)
		}
	}
	for _, want := range []string{"unsupported", "ignored", "dead-code"} {
		if !rules[want] {
			t.Errorf("no result of %s: %v", want, rules)
		}
	}
	if levels["error"] == 0 || levels["warning"] == 0 || levels["note"] == 0 {
		t.Errorf("levels %v", levels)
	}
}
