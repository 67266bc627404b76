package luacompat

import (
	"context"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// nginx's return codes.
const (
	ngxOK       = 0
	ngxError    = -1
	ngxAgain    = -2
	ngxDone     = -4
	ngxDeclined = -5
)

// run executes the handler's script and says how nginx goes on.
func (h *handler) run(fn *lua.LFunction) (Outcome, error) {
	ret, err := h.task.Run(fn)
	if h.cancel != nil {
		h.settle(err != nil)
	}
	if h.ended {
		err = &h.exitNote
	}
	if o := h.overrunOf(err); o != nil {
		err = &vm.Error{Msg: o.Msg, Traceback: o.Traceback}
	}
	switch e := err.(type) {
	case nil:
		return h.finished(ret)
	case *vm.Unwind:
		if e.Reason != any(h) && !h.ended {
			return Outcome{Kind: ExitStatus, Status: 499}, nil
		}
		return h.left()
	case *vm.Error:
		return h.faulted(e)
	default:
		return h.faulted(&vm.Error{Msg: err.Error()})
	}
}

// finished is the way on after a script that ran to its end.
func (h *handler) finished(ret lua.LValue) (Outcome, error) {
	switch h.phase {
	case PhaseContent:
		h.sendEOF()
	case PhaseServerRewrite, PhaseRewrite, PhaseAccess, PhasePrecontent:
		if h.req.HeaderSent() {
			// The response was made here: later phases must not make another.
			h.sendEOF()
			return Outcome{Kind: ExitStatus, Status: 200}, nil
		}
	case PhaseSet:
		return Outcome{Value: setValue(ret)}, nil
	case PhaseBodyFilter:
		if n, ok := toNumber(ret); ok && (n == ngxError || n >= 300) {
			return Outcome{Kind: ExitStatus, Status: ngxError}, nil
		}
	case PhaseHeaderFilter, PhaseBalancer:
		if h.out.Kind == ExitStatus {
			return h.out, nil
		}
	}
	return Outcome{}, nil
}

// setValue is the text of set_by_lua's result.
func setValue(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return numberText(v)
	}
	return ""
}

// left is the way on after ngx.exit, ngx.exec or ngx.redirect.
func (h *handler) left() (Outcome, error) {
	if h.out.Kind != ExitStatus {
		return h.out, nil
	}
	if !inYield.has(h.phase) {
		return h.out, nil
	}
	return leave(h.phase, h.req, h.out.Status, h.sendEOF)
}

// faulted logs a script's fault and ends the request as ngx_lua does.
func (h *handler) faulted(e *vm.Error) (Outcome, error) {
	err := &ScriptError{h.phase, e.Msg}
	if !inYield.has(h.phase) && (!inSSL.has(h.phase) || h.phase == PhaseSSLSessionStore) {
		h.req.Log(logErr, "failed to run "+runName(h.phase)+": "+withTrace(e))
		return Outcome{Kind: ExitStatus, Status: ngxError}, err
	}
	h.req.Log(logErr, "lua entry thread aborted: runtime error: "+withThreads(e))
	if h.req.HeaderSent() {
		return Outcome{Kind: ExitStatus, Status: ngxError}, err
	}
	return Outcome{Kind: ExitStatus, Status: 500}, err
}

// runName is a phase in the line about its fault, where ngx_lua shortens one.
func runName(p Phase) string {
	if p == PhaseSSLSessionStore {
		return "session_store_by_lua*"
	}
	return phaseContexts[p]
}

// withTrace is an error's message followed by its traceback.
func withTrace(e *vm.Error) string {
	if e.Traceback == "" {
		return e.Msg
	}
	return e.Msg + "\n" + e.Traceback
}

// withThreads is withTrace in the form of ngx_lua's light threads.
func withThreads(e *vm.Error) string {
	if rest, ok := strings.CutPrefix(e.Traceback, "stack traceback:"); ok {
		return e.Msg + "\nstack traceback:\ncoroutine 0:" + rest
	}
	return withTrace(e)
}

// sendEOF ends the response, sending the header first where needed.
func (h *handler) sendEOF() bool {
	if h.st.rawSocket || h.req.EOFSent() {
		return true
	}
	return h.req.EOF() == nil
}

// end leaves the handler with out, from the entry thread or a light thread:
// nothing of the script runs on. It does not return.
func (h *handler) end(L *lua.LState, out Outcome) int {
	h.out = out
	t := h.w.vm.Cur()
	if t != h.entry(t) {
		h.ended = true
		h.stopAll(t)
	}
	h.exitNote.Reason = h
	return h.w.vm.UnwindWith(L, &h.exitNote)
}

// stopAll kills the handler's threads but t, a light thread that decides for all.
func (h *handler) stopAll(t *vm.Task) {
	h.stopThreads(t)
	h.entry(t).Kill()
	if h.cancel != nil {
		h.cancel()
	}
}

// entry is the entry thread of the handler to which t belongs.
func (h *handler) entry(t *vm.Task) *vm.Task {
	if h.parent == nil {
		return &h.task
	}
	for t.Parent() != nil && t.Parent() != h.parent {
		t = t.Parent()
	}
	return t
}

// stopThreads kills the light threads but one.
func (h *handler) stopThreads(except *vm.Task) {
	for _, t := range h.threads {
		if t != except {
			t.Kill()
		}
	}
}

// cancellable gives the entry thread a context that h can cancel, before the
// first light thread starts.
func (h *handler) cancellable() {
	if h.cancel == nil {
		h.task.Ctx, h.cancel = context.WithCancel(h.task.Ctx)
	}
}

// overrunOf is how the handler, or a light thread of it, exceeded its limits;
// nil when it did not.
func (h *handler) overrunOf(err error) *vm.Overrun {
	if h.overrun != nil {
		return h.overrun
	}
	return overrun(err)
}

func overrun(err error) *vm.Overrun {
	if u, ok := err.(*vm.Unwind); ok {
		o, _ := u.Reason.(*vm.Overrun)
		return o
	}
	return nil
}

// settle waits until the light threads have ended; kill ends them. A request
// lives until its last light thread is done.
func (h *handler) settle(kill bool) {
	v := h.w.vm
	v.Lock()
	if kill {
		h.stopThreads(nil)
	}
	for len(h.threads) > 0 {
		idle := make(chan struct{})
		h.idle = idle
		v.Unlock()
		<-idle
		v.Lock()
	}
	v.Unlock()
}

// threadEnded takes a light thread off the list; the VM's lock is held.
func (h *handler) threadEnded(t *vm.Task) {
	for i, k := range h.threads {
		if k == t {
			h.threads = append(h.threads[:i], h.threads[i+1:]...)
			break
		}
	}
	if len(h.threads) > 0 {
		return
	}
	if h.idle != nil {
		close(h.idle)
		h.idle = nil
	}
	if f := h.onIdle; f != nil {
		h.onIdle = nil
		f()
	}
}
