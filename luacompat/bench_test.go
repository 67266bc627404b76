package luacompat_test

import (
	"context"
	"testing"

	"huidu/luacompat"
	"huidu/luacompat/luatest"
)

// benchmarks are what gray-release handlers do on every request.
var benchmarks = []struct{ name, code string }{
	{"empty", ``},
	{"say", `ngx.say("hello")`},
	{"var", `local a = ngx.var.remote_addr`},
	{"get_headers", `local a = ngx.req.get_headers()["X-Real-IP"]`},
	{"get_headers_twice", `local a = ngx.req.get_headers()["x_forwarded_for"] or ngx.req.get_headers()["X-Real-IP"]`},
	{"get_headers_all", `local n = 0 for k, v in pairs(ngx.req.get_headers()) do n = n + #k end`},
	{"exec", `ngx.exec("@prod")`},
	{"header", `ngx.header["X-A"] = "1"`},
	{"ctx", `ngx.ctx.a = 1`},
	{"shared_get", `local v = ngx.shared.dogs:get("k")`},
	{"re_match", `local m = ngx.re.match("user-123", "([a-z]+)-([0-9]+)", "jo")`},
	{"now", `local t = ngx.now()`},
}

func BenchmarkHandlers(b *testing.B) {
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			dicts := luacompat.NewSharedDicts(nil)
			dicts.Declare("dogs", 1<<20)
			rt := luatest.Runtime(b, luacompat.Options{Dicts: dicts})
			s := luatest.Script(b, rt, luacompat.PhaseAccess, bm.code)
			r := luatest.New("GET / HTTP/1.1\nHost: h\nUser-Agent: x\nAccept: */*\nX-Real-IP: 1.2.3.4\n\n")
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				r.Reset()
				if _, err := s.Run(ctx, luacompat.PhaseAccess, r); err != nil {
					b.Fatal(err)
				}
				rt.Release(r.LuaState())
				r.SetLuaState(nil)
			}
		})
	}
}
