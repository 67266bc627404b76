package luacompat_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"huidu/luacompat"
	"huidu/luacompat/luatest"
)

// TestCases runs testdata/lua/ngx_*.txtar. A case is the files NAME.lua (run
// as content_by_lua), NAME.want (the response's body) and, if there,
// NAME.request (GET / otherwise) and NAME.log (texts that the error log has,
// one a line).
func TestCases(t *testing.T) {
	files, err := filepath.Glob("../testdata/lua/ngx_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts := map[string]string{}
		var names []string
		for _, f := range ar.Files {
			parts[f.Name] = string(f.Data)
			if name, ok := strings.CutSuffix(f.Name, ".lua"); ok {
				names = append(names, name)
			}
		}
		for _, name := range names {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+name, func(t *testing.T) {
				runCase(t, name, parts)
			})
		}
	}
}

func runCase(t *testing.T, name string, parts map[string]string) {
	dicts := luacompat.NewSharedDicts(nil)
	for zone, size := range map[string]int64{"dogs": 1 << 20, "small": 12 << 10} {
		if _, err := dicts.Declare(zone, size); err != nil {
			t.Fatal(err)
		}
	}
	rt := luatest.Runtime(t, luacompat.Options{Prefix: "/p/", Version: "1.22.1", Dicts: dicts})
	request := parts[name+".request"]
	if request == "" {
		request = "GET / HTTP/1.1\nHost: h\n\n"
	}
	r := luatest.New(strings.TrimSuffix(request, "\n"))
	r.Vars["foo"] = "bar"
	r.Captured = echoCapture
	_, err := luatest.Run(t, rt, r, luacompat.PhaseContent, parts[name+".lua"])
	var wantLog []string
	if s := strings.TrimSpace(parts[name+".log"]); s != "" {
		wantLog = strings.Split(s, "\n")
	}
	if err != nil && parts[name+".log"] == "" {
		t.Errorf("fault: %v\n%s", err, strings.Join(r.Logs(), "\n"))
	}
	if got, want := strings.ReplaceAll(r.ResponseBody(), "\r\n", "\n"), parts[name+".want"]; got != want {
		t.Errorf("body:\n%s\nwant:\n%s\nlog:\n%s", got, want, strings.Join(r.Logs(), "\n"))
	}
	for _, want := range wantLog {
		if !slices.ContainsFunc(r.Logs(), func(l string) bool { return strings.Contains(l, want) }) {
			t.Errorf("no log line with %q in\n%s", want, strings.Join(r.Logs(), "\n"))
		}
	}
}

// echoCapture answers a subrequest with what it was asked.
func echoCapture(c luacompat.CaptureRequest) luacompat.CaptureResponse {
	body := c.Method + " " + c.URI + "?" + c.Args + " " + string(c.Body)
	return luacompat.CaptureResponse{Status: 200, Body: []byte(body), Headers: []luacompat.Header{
		{Key: "Content-Type", Value: "text/plain"}, {Key: "Content-Length", Value: "3"},
		{Key: "X-A", Value: "1"}, {Key: "X-A", Value: "2"},
	}}
}
