package redis

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/resty/redis/link"
	"huidu/luacompat/socket"
	"huidu/luacompat/vm"
)

// server starts a Redis of the test's own.
func server(t testing.TB, args ...string) (port int) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	cmd := exec.Command(path, append([]string{"--port", fmt.Sprint(port), "--save", "", "--bind", "127.0.0.1"}, args...)...)
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			c.Close()
			return port
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// machine is a VM with resty.redis.
type machine struct {
	vm   *vm.VM
	hub  *link.Hub
	null *lua.LUserData
	set  socket.Set
	mu   sync.Mutex
	logs []string
	conf socket.Conf
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	before := runtime.NumGoroutine()
	v, err := vm.New(vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{vm: v, hub: link.NewHub(link.Options{}), null: v.Root().NewUserData(), conf: socket.DefaultConf}
	env := &socket.Env{
		VM: v, Null: m.null,
		Conf: func(*vm.Task) socket.Conf { return m.conf },
		Log: func(_ *vm.Task, level int, msg string) {
			m.mu.Lock()
			m.logs = append(m.logs, fmt.Sprint(level, " ", msg))
			m.mu.Unlock()
		},
		Open: func(*vm.Task) *socket.Set { return &m.set },
	}
	Register(env, m.hub)
	t.Cleanup(func() {
		m.set.CloseAll()
		env.Close()
		m.hub.Close()
		v.Close()
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Errorf("goroutines leaked:\n%s", buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
	return m
}

func (m *machine) fn(t testing.TB, src, name string) *lua.LFunction {
	t.Helper()
	p, err := vm.Compile([]byte(src), "="+name)
	if err != nil {
		t.Fatal(err)
	}
	m.vm.Lock()
	defer m.vm.Unlock()
	return m.vm.Closure(p)
}

// run runs a chunk and returns its first result.
func (m *machine) run(t testing.TB, src string, args ...lua.LValue) lua.LValue {
	t.Helper()
	v, err := m.vm.NewTask(context.Background(), nil).Run(m.fn(t, src, "test"), args...)
	if err != nil {
		t.Error(err)
	}
	return v
}

func (m *machine) sleep() *lua.LFunction {
	return m.vm.Root().NewFunction(func(L *lua.LState) int {
		d := time.Duration(float64(L.CheckNumber(1)) * float64(time.Second))
		m.vm.Block(func() { time.Sleep(d) })
		return 0
	})
}

// TestCases runs testdata/*.lua; the .out files are what lua-resty-redis
// printed in nginx against the same Redis.
func TestCases(t *testing.T) {
	prelude, err := os.ReadFile("testdata/prelude.lua")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/*.out")
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".out")
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			port := server(t)
			want, _ := os.ReadFile(f)
			src, err := os.ReadFile("testdata/" + name + ".lua")
			if err != nil {
				t.Fatal(err)
			}
			run := m.run(t, string(prelude), lua.LNumber(port), m.null, m.sleep())
			got := m.run(t, "local run, f = ... return run(f)", run, m.fn(t, string(src), name)).String()
			g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
			for i := range max(len(g), len(w)) {
				a, b := "", ""
				if i < len(g) {
					a = g[i]
				}
				if i < len(w) {
					b = w[i]
				}
				if a != b {
					t.Errorf("line %d:\n got %s\nwant %s", i+1, a, b)
				}
			}
		})
	}
}

func TestLogLines(t *testing.T) {
	m := newMachine(t)
	m.run(t, `local r = require("resty.redis"):new() r:connect("127.0.0.1", 1) r:get("x") r:connect("unix:/nonexistent.sock")`)
	want := []string{
		"4 connect() failed (111: Connection refused)",
		"4 attempt to send data on a closed socket: u:0000000000000000, c:0000000000000000, ft:0 eof:0",
		"2 connect() to unix:/nonexistent.sock failed (2: No such file or directory)",
	}
	if strings.Join(m.logs, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(m.logs, "\n"))
	}
	m.logs, m.conf.LogErrors = nil, false
	m.run(t, `local r = require("resty.redis"):new() r:connect("127.0.0.1", 1) r:get("x")`)
	if len(m.logs) > 0 {
		t.Error(m.logs)
	}
}

// TestUnwound: a handler that is left in the middle leaves nothing open.
func TestUnwound(t *testing.T) {
	port := server(t)
	m := newMachine(t)
	exec := m.vm.Root().NewFunction(func(L *lua.LState) int { return m.vm.Unwind(L, "exec") })
	f := m.fn(t, `local port, exec = ... local r = require("resty.redis"):new() r:connect("127.0.0.1", port) r:multi() exec()`, "x")
	if _, err := m.vm.NewTask(context.Background(), nil).Run(f, lua.LNumber(port), exec); err == nil {
		t.Fatal("not unwound")
	}
	m.set.CloseAll()
	m.hub.Close() // the shared connection
	c, _ := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
	defer c.Close()
	buf := make([]byte, 4096)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c.Write([]byte("CLIENT LIST\r\n"))
		n, _ := c.Read(buf)
		if strings.Count(string(buf[:n]), "id=") == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("open: %s", buf[:n])
		}
	}
}

func TestConcurrentHandlers(t *testing.T) {
	port := server(t, "--requirepass", "foobared")
	m := newMachine(t)
	f := m.fn(t, `local port, i = ...
		local redis = require "resty.redis"
		local r = redis.new()
		r:set_timeout(60000)
		assert(r.connect(r, "127.0.0.1", port))
		assert(r:auth("foobared"))
		assert(r:set("k" .. i, i))
		if i % 10 == 0 then assert(r:multi()) r:get("k" .. i) assert(r:exec()[1] == tostring(i)) end
		assert(r:get("k" .. i) == tostring(i))
		if i % 2 == 0 then assert(r:set_keepalive(10000, 5)) elseif i % 3 == 0 then assert(r:close()) end`, "x")
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 100 {
				task := m.vm.NewTask(context.Background(), nil)
				if _, err := task.Run(f, lua.LNumber(port), lua.LNumber(g*1000+i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestResolve(t *testing.T) {
	port := server(t)
	m := newMachine(t)
	m.conf.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "redis.test" {
			return nil, fmt.Errorf("%s could not be resolved (3: Host not found)", host)
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	got := m.run(t, `local r = require("resty.redis"):new() assert(r:connect("redis.test", ...)) assert(r:ping())
		local ok, err = r:connect("nowhere.test", 1) return err`, lua.LNumber(port))
	if got.String() != "nowhere.test could not be resolved (3: Host not found)" {
		t.Error(got)
	}
}

func TestKilled(t *testing.T) {
	ln, _ := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	defer ln.Close()
	m := newMachine(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	_, err := m.vm.NewTask(ctx, nil).Run(m.fn(t, `local r = require("resty.redis"):new() r:connect("127.0.0.1", ...) r:get("x")`, "x"),
		lua.LNumber(ln.Addr().(*net.TCPAddr).Port))
	if _, ok := err.(*vm.Unwind); !ok || time.Since(start) > 2*time.Second {
		t.Error(err, time.Since(start))
	}
}

// BenchmarkArticle is what the article's script does with Redis.
func BenchmarkArticle(b *testing.B) {
	port := server(b, "--requirepass", "foobared")
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint("c=", n), func(b *testing.B) {
			m := newMachine(b)
			f := m.fn(b, `local port = ...
				local redis = require "resty.redis"
				local cache = redis.new()
				cache:set_timeout(60000)
				local ok, err = cache.connect(cache, '127.0.0.1', port)
				if not ok then error(err) end
				local red, err = cache:auth("foobared")
				if not red then error(err) end
				local v = cache:get("10.0.0.1")
				if v == "x" then return 1 end`, "x")
			b.ReportAllocs()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					ctx := context.Background()
					arg := lua.LValue(lua.LNumber(port))
					for range b.N/n + 1 {
						if _, err := m.vm.NewTask(ctx, nil).Run(f, arg); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestBusy: a second light thread is told that the handle is in use.
func TestBusy(t *testing.T) {
	port := server(t)
	m := newMachine(t)
	m.vm.Root().G.Global.RawSetString("spawn", m.vm.Root().NewFunction(func(L *lua.LState) int {
		ud := L.NewUserData()
		ud.Value = m.vm.Cur().Spawn(L.Get(1).(*lua.LFunction), nil, nil)
		L.Push(ud)
		return 1
	}))
	m.vm.Root().G.Global.RawSetString("wait", m.vm.Root().NewFunction(func(L *lua.LState) int {
		m.vm.Cur().WaitAny(L.Get(1).(*lua.LUserData).Value.(*vm.Task))
		return 0
	}))
	got := m.run(t, `local r = require("resty.redis"):new() r:connect("127.0.0.1", ...)
		local popped
		local th = spawn(function() popped = r:blpop("q", 1) end)
		local out = {}
		for _, f in ipairs { "ping", "close", "set_keepalive" } do out[#out + 1] = tostring(select(2, r[f](r))) end
		wait(th)
		out[#out + 1] = tostring(popped ~= nil) .. " " .. r:ping()
		return table.concat(out, ", ")`, lua.LNumber(port)).String()
	if got != "socket busy reading, socket busy reading, socket busy reading, true PONG" {
		t.Error(got)
	}
}
