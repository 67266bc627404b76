package socket

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// peer is the server that testdata/prelude.lua describes.
func peer(t testing.TB) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().(*net.TCPAddr).Port
}

func serve(c net.Conn) {
	defer c.Close()
	br := bufio.NewReader(c)
	line, err := br.ReadString('\n')
	if err != nil {
		return
	}
	for _, op := range strings.Fields(line) {
		switch {
		case strings.HasPrefix(op, "w:"):
			b, _ := hex.DecodeString(op[2:])
			c.Write(b)
		case strings.HasPrefix(op, "s:"):
			ms, _ := strconv.Atoi(op[2:])
			time.Sleep(time.Duration(ms) * time.Millisecond)
		case op == "c":
			c.(*net.TCPConn).CloseWrite()
			br.Read(make([]byte, 1))
			return
		}
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := br.Read(buf)
		if err != nil {
			return
		}
		c.Write(buf[:n])
	}
}

type machine struct {
	vm   *vm.VM
	ngx  *lua.LTable
	set  *Set
	conf Conf
	mu   sync.Mutex
	logs []string
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	before := runtime.NumGoroutine()
	v, err := vm.New(vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	L := v.Root()
	m := &machine{vm: v, ngx: L.CreateTable(0, 4), set: new(Set), conf: DefaultConf}
	sock := L.CreateTable(0, 4)
	Open(&Env{
		VM: v, Null: L.NewUserData(),
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
		Conf: func(*vm.Task) Conf { return m.conf },
		Open: func(*vm.Task) *Set { return m.set },
		Log: func(_ *vm.Task, level int, msg string) {
			m.mu.Lock()
			m.logs = append(m.logs, msg)
			m.mu.Unlock()
		},
	}, sock)
	m.ngx.RawSetString("socket", sock)
	m.ngx.RawSetString("thread", m.threads(L))
	L.G.Global.RawSetString("ngx", m.ngx)
	t.Cleanup(func() {
		m.set.CloseAll()
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

// threads is a small ngx.thread.
func (m *machine) threads(L *lua.LState) *lua.LTable {
	t := L.CreateTable(0, 2)
	t.RawSetString("spawn", L.NewFunction(func(L *lua.LState) int {
		ud := L.NewUserData()
		ud.Value = m.vm.Cur().Spawn(L.Get(1).(*lua.LFunction), nil, nil)
		L.Push(ud)
		return 1
	}))
	t.RawSetString("wait", L.NewFunction(func(L *lua.LState) int {
		m.vm.Cur().WaitAny(L.Get(1).(*lua.LUserData).Value.(*vm.Task))
		return 0
	}))
	return t
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

// TestCases runs testdata/*.lua; the .out files are what ngx_lua 0.10.23
// printed.
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
			port := peer(t)
			want, _ := os.ReadFile(f)
			src, err := os.ReadFile("testdata/" + name + ".lua")
			if err != nil {
				t.Fatal(err)
			}
			run := m.run(t, string(prelude), lua.LNumber(port), m.vm.Root().NewUserData(), m.sleep())
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
	m.run(t, `local port = ... local s = ngx.socket.tcp() s:connect("127.0.0.1", 1) s:receive() s:send("x")
		s:settimeout(20) assert(s:connect("127.0.0.1", port)) s:receive()
		local u = ngx.socket.udp() u:settimeout(20) assert(u:setpeername("127.0.0.1", port)) u:receive()`, lua.LNumber(peer(t)))
	want := []string{
		"connect() failed (111: Connection refused)",
		"attempt to receive data on a closed socket: u:0000000000000000, c:0000000000000000, ft:0 eof:0",
		"attempt to send data on a closed socket: u:0000000000000000, c:0000000000000000, ft:0 eof:0",
		"lua tcp socket read timed out",
		"lua udp socket read timed out",
	}
	if got := strings.Join(m.logs, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestOtherRequest(t *testing.T) {
	m := newMachine(t)
	s := m.run(t, `local s = ngx.socket.tcp() assert(s:connect("127.0.0.1", ...)) return s`, lua.LNumber(peer(t)))
	m.set = new(Set)
	got := m.run(t, `local s = ... return select(2, pcall(function() local x = s:send("x") end))`, s)
	if got.String() != "test:1: bad request" {
		t.Error(got)
	}
}

func TestClosedWithRequest(t *testing.T) {
	m := newMachine(t)
	ln, _ := net.Listen("tcp", "127.0.0.1:0")
	defer ln.Close()
	m.run(t, `assert(ngx.socket.tcp():connect("127.0.0.1", ...))`, lua.LNumber(ln.Addr().(*net.TCPAddr).Port))
	c, _ := ln.Accept()
	defer c.Close()
	m.set.CloseAll()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || err.Error() != "EOF" {
		t.Error(err)
	}
}

func TestKilled(t *testing.T) {
	m := newMachine(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	_, err := m.vm.NewTask(ctx, nil).Run(m.fn(t, `local s = ngx.socket.tcp() s:connect("127.0.0.1", ...) pcall(s.receive, s)`, "x"), lua.LNumber(peer(t)))
	if _, ok := err.(*vm.Unwind); !ok || time.Since(start) > 2*time.Second {
		t.Error(err, time.Since(start))
	}
}

func TestUDP(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	go func() {
		buf := make([]byte, 1024)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			pc.WriteTo(buf[:n], from)
		}
	}()
	m := newMachine(t)
	got := m.run(t, `local port = ... local u = ngx.socket.udp() u:settimeout(1000)
		local r = {}
		local function say(...) r[#r + 1] = table.concat({tostring((...)), tostring((select(2, ...)))}, " ") end
		say(u:send("x")) say(u:receive()) say(u:close())
		say(u:setpeername("127.0.0.1", 70000)) say(u:setpeername("some.host", 1))
		say(u:setpeername("127.0.0.1", port)) say(u:send({"a", 1})) say(u:receive()) say(u:send("abcdef")) say(u:receive(3)) say(u:close())
		return table.concat(r, "\n")`, lua.LNumber(pc.LocalAddr().(*net.UDPAddr).Port)).String()
	want := "nil closed\nnil closed\nnil closed\nnil bad port number: 70000\nnil no resolver defined to resolve \"some.host\"\n1 nil\n1 nil\na1 nil\n1 nil\nabc nil\n1 nil"
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

func BenchmarkEcho(b *testing.B) {
	m := newMachine(b)
	port := peer(b)
	f := m.fn(b, fmt.Sprintf(`local s = ngx.socket.tcp() s:settimeout(1000) assert(s:connect("127.0.0.1", %d)) if s:getreusedtimes() == 0 then s:send("\n") end
		s:send("hello\n") s:receive() s:setkeepalive(10000, 10)`, port), "x")
	task := m.vm.NewTask(context.Background(), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := task.Run(f); err != nil {
			b.Fatal(err)
		}
	}
}

// A socket that its request's end closed answers as one that is not
// connected, and a timeout has 31 bits.
func TestMethodsAfterRequest(t *testing.T) {
	m := newMachine(t)
	port := lua.LNumber(peer(t))
	m.run(t, `kept = ngx.socket.tcp() assert(kept:connect("127.0.0.1", ...))`, port)
	m.set.CloseAll()
	if !m.set.Empty() {
		t.Error("the set holds something after CloseAll")
	}
	got := m.run(t, `local a, b, c = kept:receive()
		local d, e = kept:send("x")
		local f, g = pcall(kept.settimeout, kept, -1)
		local h, i = pcall(kept.settimeouts, kept, 1, 2 ^ 31, 1)
		local j, k = kept:connect("", 1)
		return table.concat({tostring(a), b, tostring(c), e, g:match("bad.*"), i:match("bad.*"), k}, "|")`).String()
	want := `nil|closed|nil|closed|bad timeout value|bad timeout value|failed to parse host name "": no host`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
