package luacompat

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"huidu/luacompat/resty/redis/link"
	"huidu/luacompat/vm"
)

// Runtime is the Lua side of one configuration: a VM for each worker and the
// scripts compiled for them. It is safe for concurrent use.
type Runtime struct {
	opts    Options
	workers []*Worker
	ctx     context.Context // ends with the Runtime
	cancel  context.CancelFunc
	exiting atomic.Bool
	started time.Time

	mu    sync.Mutex
	init  *Script
	exit  *Script
	files map[string]*loadedFile
	ring  logRing
	hub   *link.Hub

	threads *threadPools
}

// New makes the VMs of a configuration. init_by_lua has not run yet.
func New(o Options) (*Runtime, error) {
	if o.Workers < 1 {
		o.Workers = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dicts == nil {
		o.Dicts = NewSharedDicts(o.Now)
	}
	if o.Log == nil {
		o.Log = func(int, string) {}
	}
	if o.MaxPendingTimers == 0 {
		o.MaxPendingTimers = 1024
	}
	if o.MaxRunningTimers == 0 {
		o.MaxRunningTimers = 256
	}
	if o.RegexCacheMaxEntries == 0 {
		o.RegexCacheMaxEntries = 1024
	}
	if o.ThreadVMs == 0 {
		o.ThreadVMs = defaultThreadVMs
	}
	rt := &Runtime{opts: o, started: o.Now(), files: map[string]*loadedFile{}}
	rt.ring.filter = logDebug
	rt.hub = rt.newHub()
	rt.threads = newThreadPools(o.ThreadPools)
	rt.ctx, rt.cancel = context.WithCancel(context.Background())
	for i := range o.Workers {
		w, err := rt.newWorker(i)
		if err != nil {
			rt.closeVMs()
			return nil, fmt.Errorf("make lua vm: %w", err)
		}
		rt.workers = append(rt.workers, w)
	}
	return rt, nil
}

// Worker is the VM of worker i with its ngx table.
func (rt *Runtime) Worker(i int) *Worker { return rt.workers[i] }

// Init runs init_by_lua* in every VM. An error is fatal for the
// configuration; its text is what nginx logs.
//
// See: https://github.com/openresty/lua-nginx-module#init_by_lua
func (rt *Runtime) Init(ctx context.Context, s *Script) error {
	rt.mu.Lock()
	rt.init = s
	rt.mu.Unlock()
	for _, w := range rt.workers {
		w.addZones()
		if err := w.runInit(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// runInit runs init_by_lua in one VM and then closes its globals.
func (w *Worker) runInit(ctx context.Context, s *Script) error {
	defer w.vm.Freeze()
	if s == nil {
		return nil
	}
	fn, err := s.function(w, nil)
	if err != nil {
		return fmt.Errorf("%s error: %w", s.name("init_by_lua"), loadCause(err))
	}
	h := w.newHandler(ctx, PhaseInit, nil)
	defer h.free()
	if _, err := h.task.Run(fn); err != nil {
		var e *vm.Error
		if errors.As(err, &e) {
			return fmt.Errorf("%s error: %s", s.name("init_by_lua"), withTrace(e))
		}
		return fmt.Errorf("init_by_lua error: %w", err)
	}
	return nil
}

// InitWorker runs init_worker_by_lua* in every VM. Errors are logged, as in
// nginx; they do not stop the worker.
//
// See: https://github.com/openresty/lua-nginx-module#init_worker_by_lua
func (rt *Runtime) InitWorker(ctx context.Context, s *Script) {
	if s == nil {
		return
	}
	for _, w := range rt.workers {
		w.vm.Thaw()
		w.runCycle(ctx, s, PhaseInitWorker, "init_worker_by_lua")
		w.vm.Freeze()
	}
}

// SetExitWorker names the script that Shutdown runs in every VM.
//
// See: https://github.com/openresty/lua-nginx-module#exit_worker_by_lua_block
func (rt *Runtime) SetExitWorker(s *Script) {
	rt.mu.Lock()
	rt.exit = s
	rt.mu.Unlock()
}

// runCycle runs a script that belongs to no request.
func (w *Worker) runCycle(ctx context.Context, s *Script, phase Phase, name string) {
	fn, err := s.function(w, nil)
	if err != nil {
		w.rt.opts.Log(logErr, s.name(name)+" error: "+loadCause(err).Error())
		return
	}
	req := w.fakeRequest(ctx, phase)
	h := w.newHandler(ctx, phase, req)
	_, err = h.task.Run(fn)
	if e, ok := err.(*vm.Error); ok {
		w.rt.opts.Log(logErr, s.name(name)+" error: "+withTrace(e))
	}
	w.rt.releaseFake(req)
	h.free()
}

// name is how errors of a script outside of requests begin: the directive
// without _block.
func (s *Script) name(directive string) string {
	if !s.chunk.Inline {
		return directive + "_file"
	}
	return directive
}

// loadCause is why a script does not load, without the words that are logged
// for requests.
func loadCause(err error) error {
	var in *inlineError
	if errors.As(err, &in) {
		return in.err
	}
	var f *fileError
	if errors.As(err, &f) {
		return f.err
	}
	return err
}

// fakeRequest is the request that timers and worker scripts run with.
func (w *Worker) fakeRequest(ctx context.Context, phase Phase) Request {
	if w.rt.opts.FakeRequest != nil {
		return w.rt.opts.FakeRequest(ctx, w.id, phase)
	}
	return newFakeRequest(ctx, w, phase)
}

func (rt *Runtime) releaseFake(req Request) {
	rt.Release(req.LuaState())
	req.SetLuaState(nil)
}

// Exiting tells the scripts that the worker is shutting down
// (ngx.worker.exiting) and fires all pending timers with premature set. The
// VMs go on serving requests in flight until Shutdown.
func (rt *Runtime) Exiting() {
	if rt.exiting.Swap(true) {
		return
	}
	for _, w := range rt.workers {
		w.timers.abort()
	}
}

// Shutdown ends the Runtime: exit_worker_by_lua runs, pending timers fire
// prematurely, and when all Lua threads have ended, or ctx has, the VMs are
// closed.
func (rt *Runtime) Shutdown(ctx context.Context) {
	rt.Exiting()
	for _, w := range rt.workers {
		w.timers.wait(ctx)
	}
	rt.mu.Lock()
	exit := rt.exit
	rt.mu.Unlock()
	if exit != nil {
		for _, w := range rt.workers {
			w.runCycle(ctx, exit, PhaseExitWorker, "exit_worker_by_lua")
		}
	}
	rt.cancel()
	for _, w := range rt.workers {
		w.timers.wait(ctx)
	}
	rt.closeVMs()
}

func (rt *Runtime) closeVMs() {
	rt.cancel()
	for _, w := range rt.workers {
		w.close()
	}
	rt.hub.Close()
}

// defaultPackagePath is LuaJIT's, as OpenResty's packages have it.
const (
	defaultPackagePath = "./?.lua;/usr/local/share/luajit-2.1/?.lua;" +
		"/usr/local/share/lua/5.1/?.lua;/usr/local/share/lua/5.1/?/init.lua;" +
		"/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua"
	defaultPackageCPath = "./?.so;/usr/local/lib/lua/5.1/?.so;" +
		"/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/local/lib/lua/5.1/loadall.so"
)

// doubleSemicolons puts the default path where a path has an empty element.
func doubleSemicolons(p, def string) string {
	if !strings.Contains(p, ";;") {
		return p
	}
	p = strings.ReplaceAll(p, ";;", ";\x01;")
	p = strings.ReplaceAll(p, "\x01", def)
	p = strings.Trim(p, ";")
	return strings.ReplaceAll(p, ";;", ";")
}

// packagePath expands $prefix and ";;" of lua_package_path. The default is
// LuaJIT's own, which the environment variable env changes.
//
// See: https://github.com/openresty/lua-nginx-module#lua_package_path
func (rt *Runtime) packagePath(p, env, def string) string {
	return searchPath(p, env, def, rt.opts.Prefix, rt.opts.MapPath)
}

// SearchPaths are package.path and package.cpath as New would set them, for
// programs that look for modules without running anything.
func SearchPaths(path, cpath, prefix string, mapPath func(string) string) (string, string) {
	return searchPath(path, "LUA_PATH", defaultPackagePath, prefix, mapPath), searchPath(cpath, "LUA_CPATH", defaultPackageCPath, prefix, mapPath)
}

func searchPath(p, env, def, prefix string, mapPath func(string) string) string {
	if v, ok := os.LookupEnv(env); ok {
		def = doubleSemicolons(v, def)
	}
	if p == "" {
		return def
	}
	p = strings.ReplaceAll(p, "${prefix}", prefix)
	p = strings.ReplaceAll(p, "$prefix", prefix)
	p = doubleSemicolons(p, def)
	if mapPath == nil {
		return p
	}
	parts := strings.Split(p, ";")
	for i, part := range parts {
		if strings.HasPrefix(part, "/") {
			parts[i] = mapPath(part)
		}
	}
	return strings.Join(parts, ";")
}

// nginx's log levels, as ngx.ERR and friends count them.
const (
	logStderr = iota
	logEmerg
	logAlert
	logCrit
	logErr
	logWarn
	logNotice
	logInfo
	logDebug
)

// versionNumber turns "1.22.1" into ngx.config.nginx_version's 1022001.
func versionNumber(v string) int {
	var a, b, c int
	if n, _ := fmt.Sscanf(v, "%d.%d.%d", &a, &b, &c); n < 3 {
		return 1022001
	}
	return a*1000000 + b*1000 + c
}

// seconds is a Lua number of seconds as a duration, rounded to milliseconds
// as nginx's timers are.
func seconds(f float64) time.Duration {
	ms := math.Floor(f * 1000)
	if ms > math.MaxInt64/1e6 {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}
