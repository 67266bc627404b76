package luacompat

import (
	"context"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/socket"
	"huidu/luacompat/vm"
)

// reqState is what luacompat remembers of a request between its phases. It
// hangs on Request.LuaState and is guarded by its worker's VM lock.
type reqState struct {
	w   *Worker
	ctx *lua.LTable // ngx.ctx
	own *Worker     // a VM of its own, with lua_code_cache off

	abortFn   *lua.LFunction
	rawSocket bool
	noAbort   int // subrequests under way
	seenBody  bool
	bodyBuild bool // between init_body and finish_body
	sockets   socket.Set
}

var statePool = sync.Pool{New: func() any { return new(reqState) }}

// state finds or makes the request's state.
func (w *Worker) state(req Request) *reqState {
	old := req.LuaState()
	if st, ok := old.(*reqState); ok && st != nil {
		return st
	}
	st := statePool.Get().(*reqState)
	st.w = w
	// A subrequest whose ctx was given starts with that table.
	st.ctx, _ = old.(*lua.LTable)
	req.SetLuaState(st)
	return st
}

// handler is one run of a script: its phase, its request and its light
// threads. Tasks carry it as their Host, which is how an ngx.* function finds
// the request that it was called for.
type handler struct {
	w     *Worker
	phase Phase
	req   Request // nil in init_by_lua
	st    *reqState
	conf  *LocationConf
	task  vm.Task

	headers   []Header // what get_headers(limit) gave; nil when it may differ
	limit     int
	truncated bool

	set      *setArgs // PhaseSet: the arguments behind ngx.arg
	out      Outcome
	ended    bool        // a light thread ended the handler: out holds
	overrun  *vm.Overrun // a light thread exceeded the limits
	cancel   context.CancelFunc
	threads  []*vm.Task       // light threads that are alive
	subreqs  map[*vm.Task]int // subrequests under way, by light thread
	idle     chan struct{}
	onIdle   func()
	abort    *vm.Task // what ngx.on_abort will run
	parent   *vm.Task // timers: the task that spawned the entry thread
	buf      []byte   // reused by say and log
	exitNote vm.Unwind
	writeErr error
	writeFn  func()
}

// setArgs are the arguments of set_by_lua.
type setArgs struct{ values []string }

var handlerPool = sync.Pool{New: func() any {
	h := new(handler)
	h.writeFn = h.write
	return h
}}

// newHandler takes a handler for one run.
func (w *Worker) newHandler(ctx context.Context, phase Phase, req Request) *handler {
	h := handlerPool.Get().(*handler)
	h.w, h.phase, h.req = w, phase, req
	if req != nil {
		h.st = w.state(req)
		h.conf = req.Conf()
		if ctx == nil {
			ctx = req.Context()
		}
	}
	if h.conf == nil {
		h.conf = &defaultConf
	}
	if ctx == nil {
		ctx = context.Background()
	}
	plain := !inCosocket.has(phase)
	h.task = vm.Task{VM: w.vm, Host: h, Ctx: ctx, NoYield: plain}
	if c := h.conf; c.TimeLimit > 0 || c.MemoryLimit > 0 {
		h.task.Meter = &vm.Meter{Time: c.TimeLimit, Memory: c.MemoryLimit}
	}
	return h
}

// free gives the handler back. Its light threads have ended.
func (h *handler) free() {
	if h.cancel != nil {
		h.cancel()
	}
	if h.abort != nil {
		// The host may still call the callback: leave it a handler that says no.
		v := h.w.vm
		v.Lock()
		h.abort = nil
		v.Unlock()
		return
	}
	buf, fn := h.buf, h.writeFn
	if cap(buf) > 64<<10 {
		buf = nil
	}
	*h = handler{buf: buf[:0], writeFn: fn}
	handlerPool.Put(h)
}

// defaultConf is for handlers without a location.
var defaultConf = LocationConf{
	SocketConnectTimeout: 60e9, SocketSendTimeout: 60e9, SocketReadTimeout: 60e9,
	SocketKeepaliveTimeout: 60e9, SocketPoolSize: 30, SocketBufferSize: 4096,
	SocketLogErrors: true, CodeCache: true, HTTP10Buffering: true,
	TransformUnderscores: true, UseDefaultType: true,
}

// HoldsSockets reports whether a request's state has cosockets open. A
// subrequest's state with some is to be released with its main request, whose
// end closes them.
func (rt *Runtime) HoldsSockets(state any) bool {
	st, ok := state.(*reqState)
	return ok && st != nil && !st.sockets.Empty()
}

// Release ends a request's Lua state: the host calls it once, after the log
// phase, and whenever an internal redirect drops the state.
func (rt *Runtime) Release(state any) {
	st, ok := state.(*reqState)
	if !ok || st == nil {
		return
	}
	st.sockets.CloseAll()
	if st.own != nil {
		st.own.close()
	}
	st.w, st.ctx, st.own, st.abortFn = nil, nil, nil, nil
	st.rawSocket, st.seenBody, st.bodyBuild, st.noAbort = false, false, false, 0
	statePool.Put(st)
}
