package luacompat

import (
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/cjson"
	"huidu/luacompat/stdlib"
)

// coreVersion is the lua-resty-core release whose modules are offered.
const coreVersion = "0.1.25"

// openModules preloads the modules that scripts require.
func (w *Worker) openModules() error {
	for name, loader := range map[string]func(L *lua.LState) int{
		"resty.core.base":        w.openCoreBase,
		"resty.core.base64":      w.openVersionOnly,
		"resty.core.coroutine":   w.openVersionOnly,
		"resty.core.ctx":         w.openCoreCtx,
		"resty.core.exit":        w.openVersionOnly,
		"resty.core.hash":        w.openVersionOnly,
		"resty.core.misc":        w.openVersionOnly,
		"resty.core.ndk":         w.openVersionOnly,
		"resty.core.param":       w.openVersionOnly,
		"resty.core.phase":       w.openVersionOnly,
		"resty.core.regex":       w.openVersionOnly,
		"resty.core.request":     w.openVersionOnly,
		"resty.core.response":    w.openVersionOnly,
		"resty.core.shdict":      w.openVersionOnly,
		"resty.core.socket":      w.openVersionOnly,
		"resty.core.time":        w.openCoreTime,
		"resty.core.uri":         w.openVersionOnly,
		"resty.core.utils":       w.openCoreUtils,
		"resty.core.var":         w.openVersionOnly,
		"resty.core.worker":      w.openVersionOnly,
		"resty.lrucache":         w.openLRUCache,
		"resty.lrucache.pureffi": w.openLRUCache,
		"resty.lock":             w.openLock,
		"ngx.re":                 w.openReModule,
		"ngx.semaphore":          w.openSemaphore,
		"ngx.balancer":           w.openBalancer,
		"ngx.base64":             w.openBase64URL,
		"ngx.errlog":             w.openErrlog,
		"ngx.process":            w.openProcess,
		"ngx.req":                w.openReqModule,
		"ngx.ssl":                w.openSSL,
		"ngx.ssl.clienthello":    w.openClientHello,
		"ngx.ssl.session":        w.openSSLSession,
		"ngx.ocsp":               w.openOCSP,
		"ngx.resp":               w.openRespModule,
	} {
		w.vm.Preload(name, loader)
	}
	cjson.Register(w.vm, w.null)
	L := w.vm.Root()
	stdlib.Loaded(L, "ngx", w.ngx)
	stdlib.Loaded(L, "ndk", L.G.Global.RawGetString("ndk"))
	stdlib.Loaded(L, "resty.core", w.module(L)) // ngx_lua loads it before anything else
	for name, why := range map[string]string{
		"ngx.pipe": "child processes are not available to scripts",
	} {
		stdlib.RefuseModule(L, name, why)
	}
	return nil
}

// module makes a module table with a version and functions.
func (w *Worker) module(L *lua.LState, rows ...plain) *lua.LTable {
	t := L.CreateTable(0, len(rows)+2)
	t.RawSetString("version", lua.LString(coreVersion))
	t.RawSetString("_VERSION", lua.LString(coreVersion))
	w.registerPlain(t, rows)
	return t
}

func pushTable(L *lua.LState, t *lua.LTable) int {
	L.Push(t)
	return 1
}

// openVersionOnly is a module whose functions are part of the ngx table here.
func (w *Worker) openVersionOnly(L *lua.LState) int { return pushTable(L, w.module(L)) }

// openCoreCtx is resty.core.ctx: get_ctx_table(ctx) gives the request's ctx,
// made of the given table when there is none.
func (w *Worker) openCoreCtx(L *lua.LState) int {
	return pushTable(L, w.module(L, plain{"get_ctx_table", func(w *Worker, L *lua.LState) int {
		h := w.cur()
		if h == nil || h.req == nil {
			L.RaiseError(msgNoRequest)
		}
		given, _ := L.Get(1).(*lua.LTable)
		return pushTable(L, h.ctxFrom(given))
	}}))
}

// openCoreBase is resty.core.base as far as other modules use it.
func (w *Worker) openCoreBase(L *lua.LState) int {
	t := w.module(L,
		plain{"new_tab", func(w *Worker, L *lua.LState) int {
			return pushTable(L, L.CreateTable(clampInt(L.Get(1)), clampInt(L.Get(2))))
		}},
		plain{"clear_tab", func(w *Worker, L *lua.LState) int {
			clearTable(checkTable(L, 1, "clear_tab"))
			return 0
		}},
		plain{"get_request", func(w *Worker, L *lua.LState) int {
			if h := w.cur(); h != nil && h.req != nil {
				return pushBool(L, true)
			}
			return 0
		}},
		plain{"allows_subsystem", func(w *Worker, L *lua.LState) int {
			for i := 1; i <= L.GetTop(); i++ {
				if L.Get(i) == lua.LString("http") {
					return 0
				}
			}
			L.RaiseError("unsupported subsystem: http")
			return 0
		}},
		plain{"set_string_buf_size", func(*Worker, *lua.LState) int { return 0 }},
		plain{"get_string_buf_size", func(w *Worker, L *lua.LState) int { return pushNumber(L, 4096) }},
	)
	for name, code := range map[string]int{
		"FFI_OK": ngxOK, "FFI_ERROR": ngxError, "FFI_AGAIN": ngxAgain, "FFI_BUSY": -3,
		"FFI_DONE": ngxDone, "FFI_DECLINED": ngxDeclined, "FFI_NO_REQ_CTX": -100,
		"FFI_BAD_CONTEXT": -101,
	} {
		t.RawSetString(name, lua.LNumber(code))
	}
	return pushTable(L, t)
}

func clampInt(v lua.LValue) int {
	n, _ := toNumber(v)
	return int(min(max(n, 0), 1<<16))
}

func (w *Worker) openCoreTime(L *lua.LState) int {
	start := w.rt.started
	return pushTable(L, w.module(L,
		plain{"monotonic_msec", func(w *Worker, L *lua.LState) int {
			return pushNumber(L, float64(w.clock.now().Sub(start).Milliseconds()))
		}},
		plain{"monotonic_time", func(w *Worker, L *lua.LState) int {
			return pushNumber(L, float64(w.clock.now().Sub(start).Milliseconds())/1000)
		}},
	))
}

func (w *Worker) openCoreUtils(L *lua.LState) int {
	return pushTable(L, w.module(L, plain{"str_replace_char", func(w *Worker, L *lua.LState) int {
		s := []byte(checkString(L, 1, "str_replace_char"))
		from, to := checkString(L, 2, "str_replace_char"), checkString(L, 3, "str_replace_char")
		if len(from) != 1 || len(to) != 1 {
			L.RaiseError("single characters expected")
		}
		for i, c := range s {
			if c == from[0] {
				s[i] = to[0]
			}
		}
		return pushString(L, string(s))
	}}))
}

func (w *Worker) openReModule(L *lua.LState) int {
	return pushTable(L, w.module(L, plain{"split", reSplit}, plain{"opt", reOpt}))
}

// openBase64URL is the module ngx.base64.
func (w *Worker) openBase64URL(L *lua.LState) int {
	return pushTable(L, w.module(L,
		plain{"encode_base64url", encodeBase64URL},
		plain{"decode_base64url", func(w *Worker, L *lua.LState) int {
			s, ok := L.Get(1).(lua.LString)
			if !ok {
				return fail(L, "must provide a string")
			}
			pushDecoded(L, string(s), '-', '_')
			if L.Get(-1) == lua.LNil {
				L.Push(lua.LString("invalid input"))
				return 2
			}
			return 1
		}},
	))
}

// openProcess is the module ngx.process. There is one process: masters and
// privileged agents do not exist.
func (w *Worker) openProcess(L *lua.LState) int {
	t := w.module(L,
		plain{"type", func(w *Worker, L *lua.LState) int {
			if h := w.cur(); h == nil || h.phase == PhaseInit {
				return pushString(L, "master")
			}
			return pushString(L, "worker")
		}},
		plain{"enable_privileged_agent", func(w *Worker, L *lua.LState) int {
			return fail(L, "privileged agents are not supported by huidu")
		}},
		plain{"get_master_pid", func(w *Worker, L *lua.LState) int { return pushNumber(L, float64(os.Getpid())) }},
	)
	t.RawSetString("signal_graceful_exit", stdlib.Refuse(L, "ngx.process.signal_graceful_exit", "workers do not exit alone"))
	w.differs(t, "it answers nil and an error: there is one process only", "enable_privileged_agent")
	return pushTable(L, t)
}

// openReqModule is the module ngx.req: ngx.req with add_header.
func (w *Worker) openReqModule(L *lua.LState) int {
	t := w.module(L)
	t.RawSetString("add_header", w.function(api{phases: inRequest, short: true, fn: func(h *handler, L *lua.LState) int {
		name := L.Get(1)
		if name == lua.LNil {
			L.RaiseError("bad 'name' argument: string expected, got nil")
		}
		for _, v := range headerValues(h, L, L.Get(2), "bad 'value' argument: string or table expected, got nil", "bad 'value' argument: non-empty table expected") {
			h.headers = nil
			h.req.AddHeader(escape(h.w.text(L, name), &headerNameSet), v)
		}
		return 0
	}}))
	return pushTable(L, t)
}

// openRespModule is the module ngx.resp: add_header.
func (w *Worker) openRespModule(L *lua.LState) int {
	t := w.module(L)
	t.RawSetString("add_header", w.function(api{phases: inRequest, short: true, fn: func(h *handler, L *lua.LState) int {
		if h.req.HeaderSent() {
			h.req.Log(logErr, "attempt to set ngx.header.HEADER after sending out response headers")
			return 0
		}
		name := h.w.text(L, L.Get(1))
		if h.conf.TransformUnderscores {
			name = hyphens(name)
		}
		for _, v := range headerValues(h, L, L.Get(2), "invalid header value", "") {
			if err := h.req.AddRespHeader(escape(name, &headerNameSet), v); err != nil {
				L.RaiseError("failed to set header")
			}
		}
		return 0
	}}))
	return pushTable(L, t)
}

// headerValues are the values of an add_header; an empty text allows none.
func headerValues(h *handler, L *lua.LState, v lua.LValue, onNil, onEmpty string) (vals []string) {
	switch v := v.(type) {
	case *lua.LNilType:
		L.RaiseError("%s", onNil)
	case *lua.LTable:
		for i, n := 1, v.Len(); i <= n; i++ {
			vals = append(vals, escape(h.w.text(L, v.RawGetInt(i)), &headerValueSet))
		}
		if len(vals) == 0 && onEmpty != "" {
			L.RaiseError("%s", onEmpty)
		}
	default:
		vals = []string{escape(h.w.text(L, v), &headerValueSet)}
	}
	return vals
}

// Balancer is what a Request offers in the balancer phase.
type Balancer interface {
	// SetCurrentPeer names the peer of this try.
	SetCurrentPeer(addr string, port int) error
	// SetMoreTries allows n more tries; warning tells when fewer are left.
	SetMoreTries(n int) (warning string, err error)
	// LastFailure is how the previous try failed: "next", "failed" or "" for
	// none, and the status it answered.
	LastFailure() (state string, status int)
	// SetTimeouts sets the upstream's timeouts; 0 keeps one.
	SetTimeouts(connect, send, read time.Duration) error
	// RecreateRequest builds the upstream request anew.
	RecreateRequest() error
}
