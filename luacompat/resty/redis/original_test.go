package redis

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/socket"
	"huidu/luacompat/vm"
)

// originalDiffers are lines that depend on LuaJIT: # of a table with nils, and
// the positions in redis.lua.
var originalDiffers = map[string]map[int]bool{
	"basic":  {19: true},
	"errors": {25: true, 26: true, 29: true},
}

// TestOriginal runs the cases with lua-resty-redis itself, when
// RESTY_REDIS_LUA names its redis.lua: pure Lua clients run on our cosockets.
func TestOriginal(t *testing.T) {
	src, err := os.ReadFile(os.Getenv("RESTY_REDIS_LUA"))
	if err != nil {
		t.Skip("RESTY_REDIS_LUA is not set")
	}
	prelude, err := os.ReadFile("testdata/prelude.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"basic", "errors", "pipeline", "pubsub", "timeout", "auth"} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.conf.Resolve = nil
			port := server(t)
			L := m.vm.Root()
			ngx, sock := L.CreateTable(0, 4), L.CreateTable(0, 4)
			socket.Open(&socket.Env{
				VM: m.vm, Null: m.null,
				Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, addr)
				},
				Conf: func(*vm.Task) socket.Conf { return m.conf },
				Open: func(*vm.Task) *socket.Set { return &m.set },
			}, sock)
			ngx.RawSetString("socket", sock)
			ngx.RawSetString("null", m.null)
			L.G.Global.RawSetString("ngx", ngx)
			m.run(t, `package.preload["resty.redis"] = ...`, m.fn(t, string(src), "redis.lua"))
			script, _ := os.ReadFile("testdata/" + name + ".lua")
			want, _ := os.ReadFile("testdata/" + name + ".out")
			run := m.run(t, string(prelude), lua.LNumber(port), m.null, m.sleep())
			got := m.run(t, "local run, f = ... return run(f)", run, m.fn(t, string(script), name)).String()
			g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
			for i := range max(len(g), len(w)) {
				if i >= len(g) || i >= len(w) || g[i] != w[i] && !originalDiffers[name][i+1] {
					t.Errorf("line %d:\n got %q\nwant %q", i+1, g[min(i, len(g)-1)], w[min(i, len(w)-1)])
				}
			}
		})
	}
}
