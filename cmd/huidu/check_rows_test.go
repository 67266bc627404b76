package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"huidu/nginxconf"
	"huidu/proxy"
)

// rowFrames are configurations around a directive, by the context it is tried
// in.
var rowFrames = []struct {
	ctx   nginxconf.Context
	frame string
}{
	{nginxconf.CtxLocation, "events {} http { server { location /x { %s } } }"},
	{nginxconf.CtxServer, "events {} http { server { %s } }"},
	{nginxconf.CtxUpstream, "events {} http { upstream u { server 127.0.0.1:1; %s } }"},
	{nginxconf.CtxHTTP, "events {} http { %s }"},
	{nginxconf.CtxEvents, "events { %s }"},
	{nginxconf.CtxMain, "events {} %s"},
	{nginxconf.CtxLocationIf, "events {} http { server { location /x { if ($uri) { %s } } } }"},
	{nginxconf.CtxLimitExcept, "events {} http { server { location /x { limit_except GET { %s } } } }"},
}

// rowArguments are tried until one is taken.
var rowArguments = []string{"on", "1", "10s", "1k", "/x", "$a", "$a b", "$a b c", "http://127.0.0.1:1", "127.0.0.1", "off", "x", "x y", "x y z"}

// rowTexts are the ways in which a row's directive may be written.
func rowTexts(r nginxconf.Row) []string {
	if strings.HasSuffix(r.Name, "_by_lua_block") {
		return []string{r.Name + " { return 1 }", r.Name + " $a { return 1 }"}
	}
	if r.Block {
		return []string{r.Name + " {}", r.Name + " x {}", r.Name + " $a $b {}", r.Name + " $uri $b { default 1; }"}
	}
	out := []string{r.Name + ";"}
	for _, a := range rowArguments {
		out = append(out, r.Name+" "+a+";")
	}
	return out
}

// TestCheckAgreesWithServer: for every row of the directive table, in every
// context of it that is tried, the status that check gives is what the server
// does: it loads the directive, loads it with a notice, or refuses it with the
// very reason. What the server refuses only when it compiles counts too.
func TestCheckAgreesWithServer(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"logs", "conf"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tried := map[nginxconf.Status]int{}
	for _, r := range nginxconf.Rows() {
		if r.Name == "include" || r.Name == "load_module" || r.Module == "huidu_release" {
			continue // they name files; rules of ours stand in no nginx.conf
		}
		found, compiled := false, false
		for _, f := range rowFrames {
			if r.Contexts&f.ctx == 0 {
				continue
			}
			for _, text := range rowTexts(r) {
				// Another row of that name may stand in this context.
				checked, reason, ok := checkRow(dir, fmt.Sprintf(f.frame, text), r.Name)
				if !ok {
					continue
				}
				cfg, diags := loadRow(dir, fmt.Sprintf(f.frame, text), nginxconf.Options{})
				said := diags.String()
				refused := strings.Contains(said, `"`+r.Name+`" directive is not supported: `+reason)
				noticed := strings.Contains(said, `"`+r.Name+`" directive has no effect: `+reason)
				if refused != (checked == nginxconf.Unsupported) || noticed != (checked == nginxconf.Ignored) || refused && cfg != nil {
					t.Errorf("%s: check says %v (%s), the server: %s", text, checked, reason, said)
				}
				if cfg != nil && checked == nginxconf.Supported && !compiled {
					compiled = true
					if err := compileRow(cfg); err != nil && strings.Contains(err.Error(), "not supported") {
						t.Errorf("%s: check says it is supported, the server: %v", text, err)
					}
				}
				if checked == r.Status {
					found = true
				}
				if cfg != nil || refused {
					break
				}
			}
		}
		if !found && r.Contexts&(nginxconf.CtxStream|nginxconf.CtxStreamServer|nginxconf.CtxStreamUpstream) == 0 {
			t.Errorf("%s of %s was not met with its status %v", r.Name, r.Module, r.Status)
		}
		tried[r.Status]++
	}
	if tried[nginxconf.Supported] < 300 || tried[nginxconf.Unsupported] < 100 || tried[nginxconf.Ignored] < 100 {
		t.Errorf("tried only %v", tried)
	}
}

// checkRow is the status that huidu check gives a directive.
func checkRow(dir, conf, name string) (s nginxconf.Status, reason string, ok bool) {
	loadRow(dir, conf, nginxconf.Options{Divert: true, Observe: func(o nginxconf.Observation) {
		if o.Kind == nginxconf.ObservedDirective && o.Name == name && (!ok || o.Status > s) {
			s, reason, ok = o.Status, o.Reason, true
		}
	}})
	return s, reason, ok
}

func loadRow(dir, conf string, opt nginxconf.Options) (*nginxconf.Config, nginxconf.Diagnostics) {
	opt.Prefix = dir + "/"
	opt.LookupHost = func(host string) ([]string, error) { return nil, fmt.Errorf("no %s", host) }
	return nginxconf.Load(nginxconf.MapFiles{dir + "/conf/nginx.conf": conf}, "conf/nginx.conf", opt)
}

// compileRow does what a start does short of listening.
func compileRow(cfg *nginxconf.Config) error {
	if cfg.HTTP != nil {
		cfg.HTTP.Lua.InitBy = nil
	}
	srv, err := proxy.New(cfg, proxy.Options{})
	if err == nil {
		srv.Stop()
	}
	return err
}
