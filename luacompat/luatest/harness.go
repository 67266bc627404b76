package luatest

import (
	"context"
	"strings"
	"testing"

	"huidu/luacompat"
)

// Runtime makes a Runtime that ends with the test. A failure to make it ends
// the test.
func Runtime(t testing.TB, o luacompat.Options) *luacompat.Runtime {
	t.Helper()
	rt, err := luacompat.New(o)
	if err != nil {
		t.Fatalf("make runtime: %v", err)
	}
	t.Cleanup(func() { rt.Shutdown(context.Background()) })
	return rt
}

// Script compiles inline code of a phase as content_by_lua(nginx.conf:1) and
// so on.
func Script(t testing.TB, rt *luacompat.Runtime, phase luacompat.Phase, code string) *luacompat.Script {
	t.Helper()
	s, err := rt.Compile(luacompat.Chunk{
		Directive: phase.String() + "_by_lua_block", Name: "=" + phase.String() + "_by_lua(nginx.conf:1)",
		Source: code, Inline: true, Phase: phase,
	})
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return s
}

// Run runs code in a phase for r and ends r's Lua state.
func Run(t testing.TB, rt *luacompat.Runtime, r *Request, phase luacompat.Phase, code string) (luacompat.Outcome, error) {
	t.Helper()
	out, err := Script(t, rt, phase, code).Run(r.Ctx, phase, r)
	rt.Release(r.LuaState())
	r.SetLuaState(nil)
	return out, err
}

// Say runs code as content and returns the body; a fault fails the test.
func Say(t testing.TB, rt *luacompat.Runtime, request, code string) string {
	t.Helper()
	r := New(request)
	if _, err := Run(t, rt, r, luacompat.PhaseContent, code); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(r.Logs(), "\n"))
	}
	return r.ResponseBody()
}
