package gatewaytest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"huidu/nginxconf"
	"huidu/proxy"
)

// closedPort is where connections go that no fake answers: nothing listens on
// tcpmux, so they are refused.
const closedPort = "127.0.0.1:1"

// redisPort is where scripts expect a Redis when the test names no address.
const redisPort = "6379"

// gateway is one gateway under test with everything around it.
type gateway struct {
	spec spec
	cfg  *nginxconf.Config
	srv  *proxy.Server
	logs logs

	shift atomic.Int64 // of the clock

	mu     sync.Mutex
	fakes  map[string]string // address as named, or as listened on → where its fake listens
	redis  map[string]*redis // by address as named
	ups    map[string]*upstream
	strays map[string]bool
}

// spec is what test.gateway was given.
type spec struct {
	dir           string // of the test file: relative names begin there
	conf          string
	script, phase string
	server, http  string
	named         []string
	prefix        string
	paths         map[string]string
	redis         []redisSpec
	strict        bool
	workers       int
	logLevel      string
}

type redisSpec struct{ address, password string }

// startGateway loads the configuration and starts the gateway; on an error
// nothing is left running.
func startGateway(s spec) (*gateway, error) {
	g := &gateway{spec: s, fakes: map[string]string{}, redis: map[string]*redis{}, ups: map[string]*upstream{}, strays: map[string]bool{}}
	if err := g.start(); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

func (g *gateway) start() error {
	var err error
	if g.logs.dir, err = os.MkdirTemp("", "huidu-test-"); err != nil {
		return err
	}
	for _, r := range g.spec.redis {
		f, err := newRedis(r.address, r.password)
		if err != nil {
			return err
		}
		g.redis[r.address] = f
		g.fakes[r.address], g.fakes[f.at] = f.at, f.at
	}
	if err := g.configure(); err != nil {
		return err
	}
	g.srv, err = proxy.New(g.cfg, proxy.Options{MapAddr: g.dialAddr, MapPath: g.mapPath, MapLog: g.logs.mapName, Now: g.now, LuaBudget: true})
	if err != nil {
		return err
	}
	g.srv.Start()
	return nil
}

// configure loads the configuration, with a fake for every address in it.
func (g *gateway) configure() error {
	file, text, prefix, err := g.spec.confFile()
	if err != nil {
		return err
	}
	var files nginxconf.Files = nginxconf.OSFiles{}
	if text != "" {
		files = nginxconf.Overlay{Files: files, Texts: map[string]string{file: text}}
	}
	cfg, diags := nginxconf.Load(files, file, nginxconf.Options{Prefix: prefix, Strict: g.spec.strict, MapPath: g.mapPath,
		MapAddr: g.confAddr, CompileRegex: CompileRegex, ReadTree: readTree})
	if cfg == nil {
		return diags.Err()
	}
	cfg.Main.WorkerProcesses.V = g.spec.workers
	g.cfg = cfg
	g.nameUpstreams()
	return nil
}

// confFile is the configuration's name, its text unless it lies on disk, and
// the prefix.
func (s *spec) confFile() (file, text, prefix string, err error) {
	prefix = s.prefix
	if s.conf != "" {
		file = s.path(s.conf)
		if prefix == "" {
			prefix = strings.TrimSuffix(filepath.Dir(file), "/conf")
		}
		return file, "", s.path(prefix) + "/", nil
	}
	if prefix == "" {
		prefix = s.dir
	}
	file = filepath.Join(s.dir, "gateway.conf")
	if s.script == "" && s.server == "" && s.http == "" {
		return "", "", "", errors.New(`test.gateway wants a conf, a script, or the text of a server or http block`)
	}
	var b strings.Builder
	b.WriteString("events {}\n")
	if s.logLevel != "" {
		fmt.Fprintf(&b, "error_log logs/error.log %s;\n", s.logLevel)
	}
	b.WriteString("http {\n" + s.http + "\n")
	if s.script != "" || s.server != "" {
		b.WriteString("server {\nlisten 80;\n" + s.server + "\n")
		if s.script != "" {
			fmt.Fprintf(&b, "location / { %s_by_lua_file \"%s\"; }\n", s.phase, s.path(s.script))
		}
		for _, n := range s.named {
			fmt.Fprintf(&b, "location @%s { proxy_pass http://%s; }\n", n, n)
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	return file, b.String(), s.path(prefix) + "/", nil
}

// path is a name relative to the test file.
func (s *spec) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(s.dir, name)
}

// mapPath is --map-path: the longest name in spec.paths that leads to name.
func (g *gateway) mapPath(name string) string {
	best := ""
	for from := range g.spec.paths {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') && len(from) > len(best) {
			best = from
		}
	}
	if best == "" {
		return name
	}
	return g.spec.path(g.spec.paths[best]) + name[len(best):]
}

// confAddr maps an address of the configuration to a fake upstream, made when
// it is first asked for.
func (g *gateway) confAddr(addr string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.fakes[addr]; at != "" {
		return at
	}
	u, err := g.newUpstream(addr)
	if err != nil {
		return closedPort
	}
	return u.at
}

// newUpstream makes the fake of an address; mu is held.
func (g *gateway) newUpstream(addr string) (*upstream, error) {
	u, err := newUpstream(addr)
	if err != nil {
		return nil, err
	}
	g.ups[addr] = u
	g.fakes[addr], g.fakes[u.at] = u.at, u.at
	return u, nil
}

// dialAddr maps an address that is connected to at run time.
func (g *gateway) dialAddr(addr string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.fakes[addr]; at != "" {
		return at
	}
	if r := g.redis[""]; r != nil && strings.HasSuffix(addr, ":"+redisPort) {
		return r.at
	}
	g.strays[addr] = true
	return closedPort
}

// strayAddrs are the addresses that were connected to without a fake.
func (g *gateway) strayAddrs() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]string, 0, len(g.strays))
	for a := range g.strays {
		out = append(out, a)
	}
	sort.Strings(out)
	return out
}

// nameUpstreams gives the fakes the names of the upstream blocks that they
// stand in.
func (g *gateway) nameUpstreams() {
	if g.cfg.HTTP == nil {
		return
	}
	for _, up := range g.cfg.HTTP.Upstreams {
		for _, s := range up.Servers {
			for _, u := range g.upstreamsAt(s.Addrs) {
				u.rename(up.Name)
			}
		}
	}
	for _, u := range g.ups {
		u.rename(plainName(u.name))
	}
}

func (g *gateway) upstreamsAt(addrs []string) (out []*upstream) {
	for _, u := range g.ups {
		for _, a := range addrs {
			if u.at == a {
				out = append(out, u)
			}
		}
	}
	return out
}

// upstreamsNamed are the fakes of an upstream block, or of an address; an
// address that is new gets one.
func (g *gateway) upstreamsNamed(name string) ([]*upstream, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*upstream
	for _, u := range g.ups {
		if u.name == name || u.addr == name {
			out = append(out, u)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].addr < out[j].addr })
	if len(out) > 0 {
		return out, nil
	}
	if !strings.Contains(name, ":") {
		return nil, fmt.Errorf("there is no upstream %q in the configuration, and it is no address (host:port)", name)
	}
	u, err := g.newUpstream(name)
	return []*upstream{u}, err
}

// redisNamed is the fake Redis of an address; "" is the first one.
func (g *gateway) redisNamed(name string) (*redis, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.redis[name]; r != nil {
		return r, nil
	}
	if name == "" {
		if len(g.spec.redis) > 0 {
			return g.redis[g.spec.redis[0].address], nil
		}
	}
	return nil, fmt.Errorf("the gateway was described without a redis at %q", name)
}

// written is the address that the configuration names for one listened on.
func (g *gateway) written(at string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for addr, u := range g.ups {
		if u.at == at {
			return addr
		}
	}
	return at
}

// now is the time for scripts.
func (g *gateway) now() time.Time { return time.Now().Add(time.Duration(g.shift.Load())) }

// advance moves the clock.
func (g *gateway) advance(d time.Duration) {
	g.shift.Add(int64(d))
	for _, r := range g.redis {
		r.mini.FastForward(d)
	}
	g.srv.ClockMoved()
}

// reload reads the configuration again.
func (g *gateway) reload() error {
	if err := g.configure(); err != nil {
		return err
	}
	return g.srv.Reload(g.cfg)
}

// stop ends the gateway and its fakes.
func (g *gateway) stop() {
	for _, u := range g.ups {
		u.close()
	}
	for _, r := range g.redis {
		r.close()
	}
	if g.srv != nil {
		g.srv.Stop()
	}
	_ = os.RemoveAll(g.logs.dir)
}
