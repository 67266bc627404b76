package luacompat

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// Tracer follows what a request's scripts do, for "huidu explain". Its methods
// are called with the VM's lock held, in the order in which things happen.
// Places are "chunk:line", as Lua's error messages name them.
type Tracer interface {
	// Call is a call that decides: ngx.exec, ngx.exit, ngx.redirect, output.
	Call(place, call string)
	// Redis is a call of resty.redis with its results.
	Redis(place, call, results string)
	// Branch is the condition of an if and how it turned out.
	Branch(place string, taken bool)
	// Set is an assignment to a variable of nginx.
	Set(place, name, value string)
}

// tracer is who follows the handler's request, or nil.
func (h *handler) tracer() Tracer {
	if h.w.rt.opts.Tracer == nil || h.req == nil {
		return nil
	}
	return h.w.rt.opts.Tracer(h.req)
}

// traceCall tells the request's tracer about a call by the running function.
func (h *handler) traceCall(L *lua.LState, name string) {
	if t := h.tracer(); t != nil {
		t.Call(h.w.place(L), h.w.callText(L, name, 1))
	}
}

// place is where the running Go function was called.
func (w *Worker) place(L *lua.LState) string {
	chunk, line, ok := w.vm.Line(L, 1)
	if !ok {
		return ""
	}
	return chunk + ":" + strconv.Itoa(line)
}

// callText writes a call with its arguments from the n-th on.
func (w *Worker) callText(L *lua.LState, name string, n int) string {
	args := make([]lua.LValue, 0, 4)
	for i := n; i <= L.GetTop(); i++ {
		args = append(args, L.Get(i))
	}
	return name + "(" + w.texts(args) + ")"
}

// texts writes values as Lua source would have them, shortened.
func (w *Worker) texts(values []lua.LValue) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = w.valueText(v, 0)
	}
	return strings.Join(parts, ", ")
}

// How much of a value a trace shows.
const (
	shownBytes = 120
	shownItems = 8
	shownDepth = 3
)

func (w *Worker) valueText(v lua.LValue, depth int) string {
	switch x := v.(type) {
	case lua.LString:
		s := string(x)
		if len(s) > shownBytes {
			return strconv.Quote(s[:shownBytes]) + "…"
		}
		return strconv.Quote(s)
	case lua.LNumber:
		return numberText(x)
	case *lua.LTable:
		return w.tableText(x, depth)
	case *lua.LFunction:
		return "function"
	}
	if v == w.null {
		return "ngx.null"
	}
	return v.String()
}

func (w *Worker) tableText(t *lua.LTable, depth int) string {
	if depth == shownDepth {
		return "{…}"
	}
	var parts []string
	n := t.Len()
	for i := 1; i <= n && len(parts) < shownItems; i++ {
		parts = append(parts, w.valueText(t.RawGetInt(i), depth+1))
	}
	more := n > shownItems
	t.ForEach(func(k, v lua.LValue) {
		if i, ok := k.(lua.LNumber); ok && i >= 1 && int(i) <= n {
			return
		}
		if len(parts) >= shownItems {
			more = true
			return
		}
		key := k.String()
		if _, ok := k.(lua.LString); !ok {
			key = "[" + key + "]"
		}
		parts = append(parts, key+" = "+w.valueText(v, depth+1))
	})
	if more {
		parts = append(parts, "…")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// traceRedis is socket.Env's Trace. A password is not shown.
func (w *Worker) traceRedis(L *lua.LState, t *vm.Task, method string) func([]lua.LValue) {
	h, _ := t.Host.(*handler)
	if h == nil {
		return nil
	}
	tr := h.tracer()
	if tr == nil {
		return nil
	}
	place, call := w.place(L), ""
	if strings.EqualFold(method, "auth") {
		call = method + "(***)"
	} else {
		call = w.callText(L, method, 2)
	}
	return func(results []lua.LValue) {
		// A command answers a value and nil: the nil says nothing.
		if n := len(results); n == 2 && results[1] == lua.LNil {
			results = results[:1]
		}
		tr.Redis(place, call, w.texts(results))
	}
}

// traceBranch is the Branch of a VM whose Runtime follows branches.
func traceBranch(t *vm.Task, place string, taken bool) {
	h, _ := t.Host.(*handler)
	if h == nil {
		return
	}
	if tr := h.tracer(); tr != nil {
		tr.Branch(place, taken)
	}
}
