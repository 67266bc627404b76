package luacompat_test

import (
	"fmt"
	"strings"
	"testing"

	"huidu/luacompat"
	"huidu/luacompat/luatest"
)

// TestSurfaceAgrees: what the Surface says of every module and function is
// what a script meets when it requires or calls it.
func TestSurfaceAgrees(t *testing.T) {
	s, err := luacompat.NewSurface()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dicts := luacompat.NewSharedDicts(nil)
	dicts.Declare("DICT", 1<<16)
	rt := luatest.Runtime(t, luacompat.Options{Dicts: dicts})
	say := func(code string) string { return luatest.Say(t, rt, "GET / HTTP/1.1\nHost: h\n\n", code) }
	const refusal = "is not supported by huidu: "
	modules := s.Modules()
	if len(modules) < 50 {
		t.Errorf("only %d modules", len(modules))
	}
	for _, m := range modules {
		got := say(fmt.Sprintf("local ok, e = pcall(require, %q) ngx.print(ok and 'fine' or e)", m))
		e := s.Module(m)
		if !e.Found || (e.Refused != "") != strings.Contains(got, refusal) || e.Refused == "" && got != "fine" {
			t.Errorf("module %s: %+v, but require says %q", m, e, got)
		}
		if e.Refused != "" && !strings.HasSuffix(got, refusal+e.Refused) {
			t.Errorf("module %s: %q, but require says %q", m, e.Refused, got)
		}
	}
	funcs := s.Functions()
	if len(funcs) < 400 {
		t.Errorf("only %d functions", len(funcs))
	}
	// These end the handler, wait, or end more than that when called.
	skip := map[string]bool{"ngx.exit": true, "ngx.eof": true, "io.read": true, "io.lines": true, "debug.debug": true, "ngx.on_abort": true,
		"coroutine.yield": true, "ngx.thread.wait": true}
	refused := 0
	for _, f := range funcs {
		expr, e := f, luacompat.Entry{}
		if kind, name, ok := strings.Cut(f, ":"); ok {
			switch kind {
			case "tcpsock", "udpsock":
				expr = fmt.Sprintf("ngx.socket.%s()[%q]", kind[:3], name)
				e = s.Method(kind, name)
			case "ngx.shared.DICT":
				expr = fmt.Sprintf("ngx.shared.DICT[%q]", name)
				e = s.Method(kind, name)
			default:
				expr = fmt.Sprintf("require(%q)[%q]", kind, name)
				e = s.Module(kind, name)
			}
		} else {
			e = s.Global(strings.Split(f, ".")...)
		}
		if !e.Found || !e.Function {
			t.Errorf("%s: %+v", f, e)
		}
		if skip[f] {
			continue
		}
		// Called without arguments most functions complain of that; a refused
		// one says that it is refused whatever it gets.
		got := say(fmt.Sprintf("local fn = %s local ok, e = pcall(fn) ngx.print('called: ', tostring(e))", expr))
		if says := strings.Contains(got, refusal) || strings.Contains(got, "is not available in the gateway"); says != (e.Refused != "") {
			t.Errorf("%s: %+v, but calling says %q", f, e, got)
		}
		if e.Refused != "" {
			refused++
		}
	}
	if refused < 5 {
		t.Errorf("only %d refused functions", refused)
	}
	for _, gone := range [][]string{{"ngx", "nosuch"}, {"ngx", "req", "get_header"}, {"nosuch"}} {
		if e := s.Global(gone...); e.Found {
			t.Errorf("%v is found", gone)
		}
	}
	for _, there := range [][]string{{"ngx", "status"}, {"ngx", "var"}, {"ngx", "ctx"}, {"ngx", "HTTP_OK"}, {"ngx", "shared"}, {"ndk", "set_var", "set_md5"}} {
		if e := s.Global(there...); !e.Found {
			t.Errorf("%v is not found", there)
		}
	}
	if e := s.Global("ngx", "say"); e.CallableIn(luacompat.PhaseLog) || !e.CallableIn(luacompat.PhaseContent) {
		t.Errorf("ngx.say: %+v", e)
	}
	if e := s.Method("resty.redis", "hincrbyfloat"); !e.Found {
		t.Error("a Redis command that is made when it is asked for is not found")
	}
}
