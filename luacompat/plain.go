package luacompat

import (
	"context"
	"errors"
	"fmt"
	"sort"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// HostFunc is a Go function that a Program calls. Arguments and results are
// plain values: nil, bool, float64, string, []any for sequences and
// map[string]any for other tables. It runs with the VM's lock released; an error
// is raised in Lua at the caller of the caller.
type HostFunc func(ctx context.Context, args []any) ([]any, error)

// maxPlainDepth bounds the nesting of tables that cross the border.
const maxPlainDepth = 32

// hostFunction makes the Lua function of f.
func (w *Worker) hostFunction(f HostFunc) *lua.LFunction {
	return w.vm.Root().NewFunction(func(L *lua.LState) int {
		args := make([]any, L.GetTop())
		for i := range args {
			args[i] = plainValue(L.Get(i+1), 0)
		}
		var res []any
		var err error
		ctx := w.vm.Cur().Ctx
		w.vm.Block(func() { res, err = f(ctx, args) })
		if err != nil {
			w.vm.Throw(L, lua.LString(err.Error()))
		}
		for _, v := range res {
			L.Push(luaValue(L, v))
		}
		return len(res)
	})
}

// plainValue is a Lua value as Go code outside of Lua sees it.
func plainValue(v lua.LValue, depth int) any {
	switch v := v.(type) {
	case *lua.LNilType:
		return nil
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		return string(v)
	case *lua.LTable:
		if depth < maxPlainDepth {
			return plainTable(v, depth)
		}
	}
	if v.Type() == lua.LTUserData { // ngx.null and its like
		return nil
	}
	return v.Type().String()
}

func plainTable(t *lua.LTable, depth int) any {
	if n := t.Len(); n > 0 {
		list := make([]any, n)
		for i := range list {
			list[i] = plainValue(t.RawGetInt(i+1), depth+1)
		}
		return list
	}
	m := map[string]any{}
	t.ForEach(func(k, v lua.LValue) { m[lua.LVAsString(k)] = plainValue(v, depth+1) })
	return m
}

// luaValue is the opposite of plainValue.
func luaValue(L *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case nil:
		return lua.LNil
	case bool:
		return lua.LBool(v)
	case int:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []string:
		t := L.CreateTable(len(v), 0)
		for i, e := range v {
			t.RawSetInt(i+1, lua.LString(e))
		}
		return t
	case []any:
		t := L.CreateTable(len(v), 0)
		for i, e := range v {
			t.RawSetInt(i+1, luaValue(L, e))
		}
		return t
	case map[string]any:
		t := L.CreateTable(0, len(v))
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			t.RawSetString(name, luaValue(L, v[name]))
		}
		return t
	}
	panic(fmt.Sprintf("no lua value for a %T", v))
}

// Eval runs source in the first worker, in the context of ngx.timer, and returns
// what it returns as plain values; args are its varargs. It lets tests look into
// a gateway: shared dicts, modules, globals.
func (rt *Runtime) Eval(ctx context.Context, name string, source []byte, args ...any) ([]any, error) {
	w := rt.workers[0]
	proto, err := vm.Compile(source, name)
	if err != nil {
		return nil, err
	}
	w.vm.Lock()
	fn := w.vm.Closure(proto)
	values := make([]lua.LValue, len(args))
	for i, a := range args {
		values[i] = luaValue(w.vm.Root(), a)
	}
	w.vm.Unlock()
	req := w.fakeRequest(ctx, PhaseTimer)
	h := w.newHandler(ctx, PhaseTimer, req)
	results, err := h.task.RunN(nil, fn, values...)
	if h.cancel != nil {
		h.settle(err != nil)
	}
	w.vm.Lock()
	out := make([]any, len(results))
	for i, v := range results {
		out[i] = plainValue(v, 0)
	}
	w.vm.Unlock()
	rt.releaseFake(req)
	h.free()
	var e *vm.Error
	if errors.As(err, &e) {
		return nil, e
	}
	return out, err
}

// ClockMoved tells the Runtime that Options.Now jumped: timers that have become
// due fire.
func (rt *Runtime) ClockMoved() {
	for _, w := range rt.workers {
		w.timers.fire()
	}
}
