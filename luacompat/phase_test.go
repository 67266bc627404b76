package luacompat_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"huidu/luacompat"
	"huidu/luacompat/luatest"
)

const get = "GET /x?a=1 HTTP/1.1\nHost: h\n\n"

// TestOutcomes: how a script ends decides how nginx goes on.
func TestOutcomes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		phase luacompat.Phase
		code  string
		want  luacompat.Outcome
		resp  string
	}{
		{"end", luacompat.PhaseAccess, ``, luacompat.Outcome{}, "0\n\n"},
		{"content end", luacompat.PhaseContent, ``, luacompat.Outcome{}, "200\n\n"},
		{"say in access ends", luacompat.PhaseAccess, `ngx.say("x")`, luacompat.Outcome{Kind: luacompat.ExitStatus, Status: 200}, "200\n\nx\n"},
		{"exit 403", luacompat.PhaseAccess, `ngx.exit(403)`, luacompat.Outcome{Kind: luacompat.ExitStatus, Status: 403}, "403\n\n"},
		{"exit ok in access", luacompat.PhaseAccess, `ngx.exit(ngx.OK) ngx.say("no")`, luacompat.Outcome{}, "0\n\n"},
		{"exit declined in access", luacompat.PhaseAccess, `ngx.exit(ngx.DECLINED)`, luacompat.Outcome{Kind: luacompat.ExitStatus, Status: -5}, "0\n\n"},
		{"exit error", luacompat.PhaseContent, `ngx.exit(ngx.ERROR)`, luacompat.Outcome{Kind: luacompat.ExitStatus, Status: -1}, "0\n\n"},
		{"exit 200 in content", luacompat.PhaseContent, `ngx.exit(200)`, luacompat.Outcome{}, "200\n\n"},
		{"exit 201 in content", luacompat.PhaseContent, `ngx.exit(201)`, luacompat.Outcome{}, "201\n\n"},
		{"exit 204 in content", luacompat.PhaseContent, `ngx.exit(204)`, luacompat.Outcome{Kind: luacompat.ExitStatus, Status: 204}, "204\n\n"},
		{"exit after output", luacompat.PhaseContent, `ngx.say("a") ngx.exit(500)`, luacompat.Outcome{}, "200\n\na\n"},
		{"status then exit", luacompat.PhaseContent, `ngx.status = 403 ngx.say("a") ngx.exit(403)`, luacompat.Outcome{}, "403\n\na\n"},
		{"exec", luacompat.PhaseRewrite, `ngx.exec("/y?b=2", "c=3")`, luacompat.Outcome{Kind: luacompat.Exec, URI: "/y", Args: "b=2&c=3", HasArgs: true}, "0\n\n"},
		{"exec through pcall", luacompat.PhaseContent, `pcall(function() ngx.exec("@p") end) ngx.say("no")`, luacompat.Outcome{Kind: luacompat.Exec, URI: "@p"}, "0\n\n"},
		{"exec table", luacompat.PhaseAccess, `ngx.exec("/y", {a = "b c"})`, luacompat.Outcome{Kind: luacompat.Exec, URI: "/y", Args: "a=b%20c", HasArgs: true}, "0\n\n"},
		{"redirect", luacompat.PhaseAccess, `ngx.redirect("/z", 301)`, luacompat.Outcome{Kind: luacompat.Redirect, URI: "/z", Status: 301}, "0\n\n"},
		{"jump", luacompat.PhaseRewrite, `ngx.req.set_uri("/j", true)`, luacompat.Outcome{Kind: luacompat.RewriteJump, URI: "/j"}, "0\n\n"},
		{"exit in thread", luacompat.PhaseContent, `ngx.thread.spawn(function() ngx.say("t") ngx.exit(ngx.OK) end) ngx.say("no")`, luacompat.Outcome{}, "200\n\nt\n"},
		{"exit in waiting thread", luacompat.PhaseContent, `ngx.thread.spawn(function() ngx.sleep(0.001) ngx.exit(ngx.OK) end) ngx.say("a") ngx.sleep(10) ngx.say("no")`, luacompat.Outcome{}, "200\n\na\n"},
		{"exit in header filter", luacompat.PhaseHeaderFilter, `ngx.exit(502)`, luacompat.Outcome{Kind: luacompat.ExitStatus, Status: 502}, "0\n\n"},
		{"body filter error", luacompat.PhaseBodyFilter, `return ngx.ERROR`, luacompat.Outcome{Kind: luacompat.ExitStatus, Status: -1}, "0\n\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := luatest.New(get)
			got, err := luatest.Run(t, luatest.Runtime(t, luacompat.Options{}), r, tc.phase, tc.code)
			if err != nil {
				t.Fatalf("fault: %v\n%v", err, r.Logs())
			}
			if got != tc.want {
				t.Errorf("outcome %+v, want %+v", got, tc.want)
			}
			if r.Response() != tc.resp {
				t.Errorf("response %q, want %q", r.Response(), tc.resp)
			}
		})
	}
}

// TestFaults: what a script's fault logs and answers.
func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name   string
		phase  luacompat.Phase
		code   string
		status int
		log    string
	}{
		{"content", luacompat.PhaseContent, "local x\nx.y = 1", 500, "lua entry thread aborted: runtime error: content_by_lua(nginx.conf:1):2: attempt to index local 'x' (a nil value)\nstack traceback:\ncoroutine 0:\n"},
		{"after output", luacompat.PhaseContent, "ngx.say('a')\nngx.flush()\nerror('bad')", -1, "lua entry thread aborted: runtime error: content_by_lua(nginx.conf:1):3: bad"},
		{"access", luacompat.PhaseAccess, "nosuch()", 500, "attempt to call global 'nosuch' (a nil value)"},
		{"log", luacompat.PhaseLog, "error('bad')", -1, "failed to run log_by_lua*: log_by_lua(nginx.conf:1):1: bad"},
		{"header filter", luacompat.PhaseHeaderFilter, "error('bad')", -1, "failed to run header_filter_by_lua*: header_filter_by_lua(nginx.conf:1):1: bad"},
		{"wrong phase", luacompat.PhaseLog, "ngx.say('x')", -1, "API disabled in the context of log_by_lua*"},
		{"table raised", luacompat.PhaseContent, "error({})", 500, "runtime error: unknown reason"},
		{"syntax", luacompat.PhaseContent, "x x", 500, "failed to load inlined Lua code: content_by_lua(nginx.conf:1):1: '=' expected near 'x'"},
		{"thread", luacompat.PhaseContent, "ngx.thread.spawn(function() error('bad') end)", 0, "lua user thread aborted: runtime error: content_by_lua(nginx.conf:1):1: bad"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := luatest.New(get)
			got, err := luatest.Run(t, luatest.Runtime(t, luacompat.Options{}), r, tc.phase, tc.code)
			if (err != nil) != (tc.status != 0) {
				t.Errorf("error %v", err)
			}
			if got.Status != tc.status {
				t.Errorf("status %d, want %d", got.Status, tc.status)
			}
			if log := strings.Join(r.Logs(), "\n"); !strings.Contains(log, tc.log) {
				t.Errorf("log:\n%s\nwant:\n%s", log, tc.log)
			}
		})
	}
}

// TestFilters: Lua filters run inside ngx.say, on the same VM.
func TestFilters(t *testing.T) {
	rt := luatest.Runtime(t, luacompat.Options{})
	header := luatest.Script(t, rt, luacompat.PhaseHeaderFilter, `ngx.header["X-Phase"] = ngx.get_phase() ngx.ctx.n = 1`)
	body := luatest.Script(t, rt, luacompat.PhaseBodyFilter, `ngx.arg[1] = ngx.arg[1]:upper() .. (ngx.arg[2] and "." or "") ngx.ctx.n = ngx.ctx.n + 1`)
	r := luatest.New(get)
	r.HeaderFilter = func(r *luatest.Request) { header.Run(r.Ctx, luacompat.PhaseHeaderFilter, r) }
	r.BodyFilter = func(r *luatest.Request) { body.Run(r.Ctx, luacompat.PhaseBodyFilter, r) }
	s := luatest.Script(t, rt, luacompat.PhaseContent, `ngx.print("a") ngx.thread.spawn(function() ngx.print("b") end) ngx.print("c", ngx.get_phase())`)
	if _, err := s.Run(r.Ctx, luacompat.PhaseContent, r); err != nil {
		t.Fatal(err, r.Logs())
	}
	if want := "200\nX-Phase: header_filter\n\nABCCONTENT."; r.Response() != want {
		t.Errorf("response %q, want %q\n%v", r.Response(), want, r.Logs())
	}
	rt.Release(r.LuaState())
}

// TestSet: set_by_lua's arguments and result.
func TestSet(t *testing.T) {
	rt := luatest.Runtime(t, luacompat.Options{})
	s := luatest.Script(t, rt, luacompat.PhaseSet, `return ngx.arg[1] .. (ngx.arg[2] + 1) .. tostring(ngx.arg[3])`)
	out, err := s.RunSet(context.Background(), luatest.New(get), []string{"a", "41"})
	if err != nil || out.Value != "a42nil" {
		t.Errorf("%q, %v", out.Value, err)
	}
}

// TestFileScripts: a missing file answers 404, a broken one 500 until it is
// mended; a loaded one is kept.
func TestFileScripts(t *testing.T) {
	dir := t.TempDir() + "/"
	rt := luatest.Runtime(t, luacompat.Options{Prefix: dir})
	s, err := rt.Compile(luacompat.Chunk{Directive: "content_by_lua_file", Phase: luacompat.PhaseContent,
		Path: func(r luacompat.Request) (string, error) { return "lua/" + r.Args()[2:] + ".lua", nil }})
	if err != nil {
		t.Fatal(err)
	}
	run := func() (int, string, string) {
		r := luatest.New(get)
		out, _ := s.Run(r.Ctx, luacompat.PhaseContent, r)
		rt.Release(r.LuaState())
		return out.Status, r.ResponseBody(), strings.Join(r.Logs(), "\n")
	}
	name := filepath.Join(dir, "lua", "1.lua")
	if status, _, log := run(); status != 404 || !strings.Contains(log, `failed to load external Lua file "`+name+`": cannot open `+name) {
		t.Errorf("missing: %d %s", status, log)
	}
	os.Mkdir(filepath.Dir(name), 0o755)
	os.WriteFile(name, []byte("ngx.say("), 0o644)
	if status, _, log := run(); status != 500 || !strings.Contains(log, "failed to load external Lua file") {
		t.Errorf("broken: %d %s", status, log)
	}
	for _, src := range []string{`ngx.say("one")`, `ngx.say("two")`} {
		os.WriteFile(name, []byte(src), 0o644)
		if _, body, log := run(); body != "one\n" {
			t.Errorf("body %q %s", body, log)
		}
	}
}

// TestCodeCacheOff: every request has its own modules.
func TestCodeCacheOff(t *testing.T) {
	dir := t.TempDir() + "/"
	os.WriteFile(dir+"m.lua", []byte("local n = 0 return {count = function() n = n + 1 return n end}"), 0o644)
	rt := luatest.Runtime(t, luacompat.Options{Prefix: dir, PackagePath: "$prefix?.lua;;"})
	if err := rt.Init(context.Background(), luatest.Script(t, rt, luacompat.PhaseInit, `started = ngx.get_phase()`)); err != nil {
		t.Fatal(err)
	}
	s := luatest.Script(t, rt, luacompat.PhaseContent, `local m = require "m" m.count() ngx.print(m.count(), started)`)
	for _, tc := range []struct {
		cache bool
		want  string
	}{{true, "2init"}, {true, "4init"}, {false, "2init"}, {false, "2init"}, {true, "6init"}} {
		r := luatest.New(get)
		r.Settings.CodeCache = tc.cache
		if _, err := s.Run(r.Ctx, luacompat.PhaseContent, r); err != nil || r.ResponseBody() != tc.want {
			t.Errorf("cache %v: %q, want %q (%v)", tc.cache, r.ResponseBody(), tc.want, err)
		}
		rt.Release(r.LuaState())
	}
}

// TestInitFails: an error in init_by_lua is fatal and names its place.
func TestInitFails(t *testing.T) {
	rt := luatest.Runtime(t, luacompat.Options{})
	for code, want := range map[string]string{
		"error('bad')": "init_by_lua error: init_by_lua(nginx.conf:1):1: bad",
		"x x":          "init_by_lua error: init_by_lua(nginx.conf:1):1: '=' expected near 'x'",
		"ngx.say('x')": "init_by_lua error: init_by_lua(nginx.conf:1):1: no request found",
	} {
		s, _ := rt.Compile(luacompat.Chunk{Name: "=init_by_lua(nginx.conf:1)", Source: code, Inline: true, Phase: luacompat.PhaseInit})
		if err := rt.Init(context.Background(), s); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", code, err, want)
		}
	}
}
