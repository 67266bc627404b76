package luacompat

import (
	"sync"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/socket"
	"huidu/luacompat/vm"
)

// Worker is one VM with its ngx table, as a worker process is in nginx.
type Worker struct {
	rt     *Runtime
	id     int
	vm     *vm.VM
	net    *socket.Env
	ngx    *lua.LTable
	null   *lua.LUserData
	timers timers
	clock  clock
	res    reState

	headersMT *lua.LTable // metatable of get_headers tables
	lazyMT    *lua.LTable
	dictMT    *lua.LTable

	phases map[*lua.LFunction]phaseSet // where functions may be called; for a Surface only

	mu     sync.Mutex
	loaded map[string]*lua.LFunction // file scripts by path
}

// newWorker makes a VM and registers everything in it.
func (rt *Runtime) newWorker(id int) (*Worker, error) {
	w := &Worker{rt: rt, id: id, loaded: map[string]*lua.LFunction{}}
	if rt.opts.surface {
		w.phases = map[*lua.LFunction]phaseSet{}
	}
	opts := vm.Options{
		PackagePath:  rt.packagePath(rt.opts.PackagePath, "LUA_PATH", defaultPackagePath),
		PackageCPath: rt.packagePath(rt.opts.PackageCPath, "LUA_CPATH", defaultPackageCPath),
		Logf:         w.warn,
		Exit:         rt.opts.Exit,
		Budget:       rt.opts.Budget,
	}
	if rt.opts.Branches {
		opts.Branch = traceBranch
	}
	v, err := vm.New(opts)
	if err != nil {
		return nil, err
	}
	w.vm = v
	w.clock.now = rt.opts.Now
	w.timers.w = w
	if err := w.open(); err != nil {
		v.Close()
		return nil, err
	}
	return w, nil
}

// VM is the worker's Lua machine.
func (w *Worker) VM() *vm.VM { return w.vm }

// Null is the VM's ngx.null.
func (w *Worker) Null() *lua.LUserData { return w.null }

// warn logs a message of the VM to the running request's log, or to the
// cycle's.
func (w *Worker) warn(level int, msg string) {
	if h := w.cur(); h != nil && h.req != nil {
		h.req.Log(level, msg)
		return
	}
	w.rt.opts.Log(level, msg)
}

func (w *Worker) close() {
	if w.net != nil {
		w.net.Close()
	}
	w.vm.Close()
}

// open builds the ngx table in the manual's order.
func (w *Worker) open() error {
	L := w.vm.Root()
	w.null = L.NewUserData()
	ngx := L.CreateTable(0, 128)
	w.ngx = ngx
	L.G.Global.RawSetString("ngx", ngx)

	w.openConsts()
	w.openArg()
	w.openVar()
	w.openMagic()
	w.openLazy()
	w.openHeader()
	w.openReq()
	w.openControl()
	w.openOutput()
	w.openLog()
	w.openEscape()
	w.openDigest()
	w.openTime()
	w.openRe()
	w.openShared()
	w.openCapture()
	w.openThread()
	w.openTimer()
	w.openMisc()
	w.openNet()
	return w.openModules()
}
