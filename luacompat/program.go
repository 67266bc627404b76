package luacompat

import (
	"context"
	_ "embed"
	"errors"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// programSource is what programs find changed, in Lua.
//
//go:embed lib/program.lua
var programSource []byte

// Program is Lua that runs outside of requests, as the resty command runs it.
type Program struct {
	Chunks []ProgramChunk // run one after the other, as one handler
	// Args is the global arg: Args[i] is arg[i-Script].
	Args   []string
	Script int
	// Modules are more modules for require: Lua by name.
	Modules map[string]string
	// Host is the module huidu.host: functions in Go for the program.
	Host map[string]HostFunc
}

// ProgramChunk is a piece of a Program. Name is its chunk name: "=name" or
// "@file".
type ProgramChunk struct {
	Name   string
	Source []byte
}

// RunProgram runs p in the first worker, in the context of ngx.timer: cosockets,
// ngx.sleep, light threads and timers work. It returns when the program, its
// light threads and its timers have ended; as in a worker that shuts down,
// timers that wait fire at once with premature set. What a program throws is a
// *vm.Error with its traceback. Globals are its own: writing one is no warning.
//
// See: https://github.com/openresty/resty-cli
func (rt *Runtime) RunProgram(ctx context.Context, p *Program) error {
	w := rt.workers[0]
	fns, err := w.loadProgram(p)
	if err != nil {
		return err
	}
	req := w.fakeRequest(ctx, PhaseTimer)
	h := w.newHandler(ctx, PhaseTimer, req)
	for _, fn := range fns {
		if _, err = h.task.Run(fn); err != nil {
			break
		}
	}
	if h.cancel != nil {
		h.settle(err != nil)
	}
	rt.releaseFake(req)
	h.free()
	var e *vm.Error
	if errors.As(err, &e) {
		switch e.Value.(type) {
		case lua.LString, lua.LNumber:
		default:
			e.Msg = "(error object is a " + e.Value.Type().String() + " value)"
		}
		return e
	}
	if err == nil {
		rt.Exiting()
		w.timers.wait(ctx)
	}
	return err
}

// loadProgram compiles p and makes its surroundings: the global arg and what
// programSource changes.
func (w *Worker) loadProgram(p *Program) (fns []*lua.LFunction, err error) {
	v := w.vm
	chunks := append([]ProgramChunk{{Name: "=huidu lua", Source: programSource}}, p.Chunks...)
	v.Lock()
	defer v.Unlock()
	for _, c := range chunks {
		proto, err := vm.Compile(c.Source, c.Name)
		if err != nil {
			return nil, err
		}
		fns = append(fns, v.Closure(proto))
	}
	arg := v.Root().CreateTable(len(p.Args), 0)
	for i, a := range p.Args {
		arg.RawSetInt(i-p.Script, lua.LString(a))
	}
	v.Root().G.Global.RawSetString("arg", arg)
	if p.Host != nil {
		host := w.table()
		for name, f := range p.Host {
			host.RawSetString(name, w.hostFunction(f))
		}
		v.Preload("huidu.host", func(L *lua.LState) int { return pushTable(L, host) })
	}
	for name, source := range p.Modules {
		proto, err := vm.Compile([]byte(source), "="+name)
		if err != nil {
			return nil, err
		}
		v.Preload(name, func(L *lua.LState) int {
			L.Push(v.Closure(proto))
			L.Call(0, 1)
			return 1
		})
	}
	v.Thaw()
	return fns, nil
}
