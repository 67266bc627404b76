package luacompat

import (
	"os"

	lua "github.com/yuin/gopher-lua"
)

// ngxLuaVersion is the ngx_lua release that is imitated.
const ngxLuaVersion = 10023

// openMisc makes ngx.get_phase, ngx.config, ngx.worker, ndk and the functions
// that are only there to say that they are not.
func (w *Worker) openMisc() {
	L := w.vm.Root()
	w.registerPlain(w.ngx, []plain{
		{"get_phase", getPhase},
		{"get_raw_phase", getRawPhase},
	})
	w.register(w.ngx, []api{{name: "run_worker_thread", phases: inYield | in(PhaseTimer, PhaseSSLClientHello, PhaseSSLCertificate, PhaseSSLSessionFetch), fn: runWorkerThread}})
	w.openConfig()
	worker := w.table()
	w.registerPlain(worker, []plain{
		{"exiting", func(w *Worker, L *lua.LState) int { return pushBool(L, w.rt.exiting.Load()) }},
		{"pid", func(w *Worker, L *lua.LState) int { return pushNumber(L, float64(os.Getpid())) }},
		{"pids", workerPIDs},
		{"count", func(w *Worker, L *lua.LState) int { return pushNumber(L, float64(w.rt.opts.Workers)) }},
		{"id", workerID},
	})
	w.differs(worker, "workers are threads of one process: the number is the same in all", "pid", "pids")
	w.ngx.RawSetString("worker", worker)
	w.openNDK(L)
}

// openConfig makes ngx.config.
func (w *Worker) openConfig() {
	config := w.table()
	config.RawSetString("subsystem", lua.LString("http"))
	config.RawSetString("debug", lua.LFalse)
	config.RawSetString("nginx_version", lua.LNumber(versionNumber(w.rt.opts.Version)))
	config.RawSetString("ngx_lua_version", lua.LNumber(ngxLuaVersion))
	w.registerPlain(config, []plain{
		{"prefix", func(w *Worker, L *lua.LState) int { return pushString(L, w.rt.opts.Prefix) }},
		{"nginx_configure", func(w *Worker, L *lua.LState) int { return pushString(L, w.rt.opts.NginxConfigure) }},
	})
	w.ngx.RawSetString("config", config)
}

// getPhase is ngx.get_phase.
//
// See: https://github.com/openresty/lua-nginx-module#ngxget_phase
func getPhase(w *Worker, L *lua.LState) int {
	h := w.cur()
	if h == nil {
		return pushString(L, "init")
	}
	return pushString(L, h.phase.String())
}

// rawPhases are ngx_lua's numbers of the phases.
var rawPhases = map[Phase]float64{
	PhaseSet: 0x1, PhaseRewrite: 0x2, PhaseAccess: 0x4, PhaseContent: 0x8, PhaseLog: 0x10,
	PhaseHeaderFilter: 0x20, PhaseBodyFilter: 0x40, PhaseTimer: 0x80, PhaseInitWorker: 0x100,
	PhaseBalancer: 0x200, PhaseSSLCertificate: 0x400, PhaseSSLSessionStore: 0x800,
	PhaseSSLSessionFetch: 0x1000, PhaseExitWorker: 0x2000, PhaseSSLClientHello: 0x4000,
	PhaseServerRewrite: 0x8000,
}

// getRawPhase is ngx.get_raw_phase, the phase as a number.
func getRawPhase(w *Worker, L *lua.LState) int {
	h := w.cur()
	if h == nil || h.req == nil {
		L.RaiseError(msgNoRequest)
	}
	return pushNumber(L, rawPhases[h.phase])
}

// workerPIDs is ngx.worker.pids. All workers live in one process here, so it
// is the same number once for each.
//
// See: https://github.com/openresty/lua-nginx-module#ngxworkerpids
func workerPIDs(w *Worker, L *lua.LState) int {
	if h := w.cur(); h == nil || h.phase == PhaseInit || h.phase == PhaseInitWorker {
		return fail(L, msgBadContext)
	}
	t := L.CreateTable(w.rt.opts.Workers, 0)
	for range w.rt.opts.Workers {
		t.Append(lua.LNumber(os.Getpid()))
	}
	L.Push(t)
	return 1
}

// workerID is ngx.worker.id: nil before the workers start.
//
// See: https://github.com/openresty/lua-nginx-module#ngxworkerid
func workerID(w *Worker, L *lua.LState) int {
	if h := w.cur(); h == nil || h.phase == PhaseInit {
		L.Push(lua.LNil)
		return 1
	}
	return pushNumber(L, float64(w.id))
}

// openNDK makes ndk.set_var.
//
// See: https://github.com/openresty/lua-nginx-module#ndkset_vardirective
func (w *Worker) openNDK(L *lua.LState) {
	mt := w.table()
	mt.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		name := w.text(L, L.Get(2))
		fn := w.rt.opts.SetVarDirectives[name]
		if fn == nil {
			fn = setVarDirectives[name]
		}
		if fn == nil {
			L.RaiseError("ndk.set_var: directive \"%s\" not found or does not use ndk_set_var_value", name)
		}
		L.Push(L.NewFunction(func(L *lua.LState) int {
			if L.GetTop() < 1 {
				L.RaiseError("ndk.set_var: expecting one argument")
			}
			v, err := fn(checkString(L, 1, name))
			if err != nil {
				L.RaiseError("ndk.set_var: %s", err.Error())
			}
			return pushString(L, v)
		}))
		return 1
	}))
	mt.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		L.RaiseError("not allowed")
		return 0
	}))
	t := w.table()
	t.Metatable = mt
	ndk := w.table()
	ndk.RawSetString("set_var", t)
	L.G.Global.RawSetString("ndk", ndk)
}
