package luacompat

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// Script is Lua code of the configuration, ready to run in any worker.
type Script struct {
	rt    *Runtime
	chunk Chunk
	proto *lua.FunctionProto // inline scripts
	err   error              // inline scripts that do not compile
	fns   []atomic.Pointer[lua.LFunction]
}

// ScriptError is a fault of a script. It has been logged in ngx_lua's words
// when Run returns it; the Outcome that comes with it says how nginx goes on.
type ScriptError struct {
	Phase Phase
	Msg   string // without the traceback
}

func (e *ScriptError) Error() string { return e.Msg }

// loadedFile is a compiled file script.
type loadedFile struct{ proto *lua.FunctionProto }

// Compile prepares a script. Inline code is compiled at once, but, as in
// nginx, code that does not compile is only reported when it is to run; Err
// tells earlier. File scripts are read at their first run.
func (rt *Runtime) Compile(c Chunk) (*Script, error) {
	s := &Script{rt: rt, chunk: c}
	if c.Native != nil {
		return s, nil
	}
	if c.Inline {
		s.proto, s.err = rt.compile([]byte(c.Source), c.Name)
		s.fns = make([]atomic.Pointer[lua.LFunction], len(rt.workers))
	} else if c.Path == nil && c.Source == "" && c.Name == "" {
		return nil, errors.New("script without source")
	}
	return s, nil
}

// compile compiles a script as the Runtime's VMs want it.
func (rt *Runtime) compile(src []byte, name string) (*lua.FunctionProto, error) {
	if rt.opts.Branches {
		return vm.CompileBranches(src, name)
	}
	return vm.Compile(src, name)
}

// Err is the syntax error of an inline script, nil when it compiles.
func (s *Script) Err() error { return s.err }

// Phase is the phase that the script was compiled for.
func (s *Script) Phase() Phase { return s.chunk.Phase }

// Directive is the directive that the script belongs to.
func (s *Script) Directive() string { return s.chunk.Directive }

// Place is where the script comes from: its file, or the chunk name of inline
// code.
func (s *Script) Place(req Request) string {
	if s.chunk.Path != nil {
		if p, err := s.chunk.Path(req); err == nil {
			return p
		}
	}
	return strings.TrimLeft(s.chunk.Name, "@=")
}

// Run runs the script on the worker of req.WorkerID. A fault has been logged
// when Run returns a *ScriptError; the Outcome then holds the status with
// which nginx ends the request.
func (s *Script) Run(ctx context.Context, phase Phase, req Request) (Outcome, error) {
	if s.chunk.Native != nil {
		return s.chunk.Native(ctx, phase, req)
	}
	return s.run(ctx, phase, req, nil)
}

// RunSet runs a set_by_lua* script; args are what ngx.arg gives. The result
// is the Outcome's Value.
func (s *Script) RunSet(ctx context.Context, req Request, args []string) (Outcome, error) {
	if s.chunk.Native != nil {
		return s.chunk.Native(ctx, PhaseSet, req)
	}
	return s.run(ctx, PhaseSet, req, &setArgs{values: args})
}

func (s *Script) run(ctx context.Context, phase Phase, req Request, set *setArgs) (Outcome, error) {
	w := s.rt.workers[req.WorkerID()%len(s.rt.workers)]
	if c := req.Conf(); c != nil && !c.CodeCache {
		own, err := w.private(ctx, req)
		if err != nil {
			req.Log(logErr, err.Error())
			return s.failed(phase, 500), &ScriptError{phase, err.Error()}
		}
		w = own
	}
	fn, err := s.function(w, req)
	if err != nil {
		return s.loadFailed(phase, req, err)
	}
	h := w.newHandler(ctx, phase, req)
	h.set = set
	out, err := h.run(fn)
	h.free()
	return out, err
}

// private is the VM of a request that runs with lua_code_cache off: a fresh
// one, dropped at the request's end.
func (w *Worker) private(ctx context.Context, req Request) (*Worker, error) {
	st := w.state(req)
	if st.own != nil {
		return st.own, nil
	}
	own, err := w.rt.newWorker(w.id)
	if err != nil {
		return nil, err
	}
	w.rt.mu.Lock()
	init := w.rt.init
	w.rt.mu.Unlock()
	if err := own.runInit(ctx, init); err != nil {
		own.close()
		return nil, err
	}
	st.own, st.w = own, own
	return own, nil
}

// function is the script's closure in w.
func (s *Script) function(w *Worker, req Request) (*lua.LFunction, error) {
	if s.chunk.Inline {
		if s.err != nil {
			return nil, &inlineError{s.err}
		}
		main := s.rt.workers
		if w.id < len(main) && main[w.id] == w {
			if fn := s.fns[w.id].Load(); fn != nil {
				return fn, nil
			}
		}
		w.vm.Lock()
		fn := w.vm.Closure(s.proto)
		w.vm.Unlock()
		if w.id < len(main) && main[w.id] == w {
			s.fns[w.id].CompareAndSwap(nil, fn)
			return s.fns[w.id].Load(), nil
		}
		return fn, nil
	}
	return s.fileFunction(w, req)
}

// fileFunction loads a file script, or finds it loaded.
func (s *Script) fileFunction(w *Worker, req Request) (*lua.LFunction, error) {
	path := strings.TrimPrefix(s.chunk.Name, "@")
	if s.chunk.Path != nil {
		p, err := s.chunk.Path(req)
		if err != nil {
			return nil, &fileError{path, err, false}
		}
		path = p
	}
	if !filepath.IsAbs(path) {
		path = s.rt.opts.Prefix + path
	}
	w.mu.Lock()
	fn := w.loaded[path]
	w.mu.Unlock()
	if fn != nil {
		return fn, nil
	}
	proto, err := s.rt.loadFile(path, w.shared())
	if err != nil {
		return nil, err
	}
	w.vm.Lock()
	fn = w.vm.Closure(proto)
	w.vm.Unlock()
	w.mu.Lock()
	w.loaded[path] = fn
	w.mu.Unlock()
	return fn, nil
}

// shared tells whether w is a worker's VM and not one request's.
func (w *Worker) shared() bool { return w.id < len(w.rt.workers) && w.rt.workers[w.id] == w }

// loadFile reads and compiles a Lua file; with cache its prototype is kept. A
// file that does not compile is read again next time.
func (rt *Runtime) loadFile(path string, cache bool) (*lua.FunctionProto, error) {
	rt.mu.Lock()
	f := rt.files[path]
	rt.mu.Unlock()
	if f != nil && cache {
		return f.proto, nil
	}
	name := path
	if rt.opts.MapPath != nil {
		name = rt.opts.MapPath(path)
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, &fileError{path, openError(path, err), true}
	}
	proto, err := rt.compile(src, "@"+path)
	if err != nil {
		return nil, &fileError{path, err, false}
	}
	if cache {
		rt.mu.Lock()
		rt.files[path] = &loadedFile{proto}
		rt.mu.Unlock()
	}
	return proto, nil
}

// openError is the text of ngx_lua's loader for a file that cannot be read.
func openError(path string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		text := errno.Error()
		return fmt.Errorf("cannot open %s: %s", path, strings.ToUpper(text[:1])+text[1:])
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("cannot open %s: %w", path, err)
}

// inlineError is inline code that does not compile.
type inlineError struct{ err error }

func (e *inlineError) Error() string { return "failed to load inlined Lua code: " + e.err.Error() }

// fileError is a file script that does not load.
type fileError struct {
	path    string
	err     error
	missing bool
}

func (e *fileError) Error() string {
	return fmt.Sprintf("failed to load external Lua file %q: %v", e.path, e.err)
}

func (s *Script) loadFailed(phase Phase, req Request, err error) (Outcome, error) {
	req.Log(logErr, err.Error())
	status := 500
	if e, ok := err.(*fileError); ok && e.missing {
		status = 404
	}
	return s.failed(phase, status), &ScriptError{phase, err.Error()}
}

// failed is the Outcome of a fault: a status where the phase can answer,
// NGX_ERROR elsewhere.
func (s *Script) failed(phase Phase, status int) Outcome {
	if inYield.has(phase) {
		return Outcome{Kind: ExitStatus, Status: status}
	}
	return Outcome{Kind: ExitStatus, Status: ngxError}
}
