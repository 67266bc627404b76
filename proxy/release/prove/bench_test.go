package prove

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"huidu/luacompat"
	"huidu/luacompat/lift"
	"huidu/luacompat/resty/redis/link"
	"huidu/proxy/release"
)

// BenchmarkArticle is the article's decision, by its script and by its rule,
// with 64 requests at a time.
func BenchmarkArticle(b *testing.B) {
	const file = "../../../testdata/huidu/huidu.lua"
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	facts, err := lift.Lift(source(file, string(text), "content"))
	if err != nil {
		b.Fatal(err)
	}
	srv, err := newServer()
	if err != nil {
		b.Fatal(err)
	}
	defer srv.close()
	c := &Case{Method: "GET", Auth: "+OK", Headers: []luacompat.Header{{Key: "Host", Value: "x"}}, Vars: map[string]string{"remote_addr": "10.0.0.1"}}
	srv.begin(c, func([]string) string { srv.log = srv.log[:0]; return "$-1\r\n" })
	rt, err := luacompat.New(luacompat.Options{Dial: srv.dial, Workers: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer rt.Shutdown(context.Background())
	if err := rt.Init(context.Background(), nil); err != nil {
		b.Fatal(err)
	}
	script, err := rt.Compile(luacompat.Chunk{Directive: "content_by_lua_file", Name: "@" + abs(file), Phase: luacompat.PhaseContent})
	if err != nil {
		b.Fatal(err)
	}
	hub := link.NewHub(link.Options{Dial: srv.dial})
	defer hub.Close()
	rule, err := release.Compile(Spec("content", facts.Steps, file), release.Options{Hub: hub})
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, f func(r *request) (luacompat.Outcome, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			before := cpuTime()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r := newRequest(c)
					if out, err := f(r); err != nil || out.URI != "@client1" {
						b.Errorf("%+v %v %s", out, err, r.body.String())
						return
					}
					rt.Release(r.state)
				}
			})
			b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
	run("script", func(r *request) (luacompat.Outcome, error) {
		return script.Run(context.Background(), luacompat.PhaseContent, r)
	})
	run("rule", func(r *request) (luacompat.Outcome, error) {
		return rule.Run(context.Background(), luacompat.PhaseContent, r)
	})
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
