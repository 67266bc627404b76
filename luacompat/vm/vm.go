package vm

import (
	"sync"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// Log levels given to Options.Logf, as ngx.ERR and friends count them.
const (
	LogErr    = 4
	LogWarn   = 5
	LogNotice = 6
	LogInfo   = 7
	LogDebug  = 8
)

// Options says how a VM is made. The zero value is usable.
type Options struct {
	PackagePath  string // package.path; empty takes LuaJIT's default
	PackageCPath string // package.cpath; kept for scripts that read it
	// Logf receives warnings about writes to globals and internal faults.
	Logf func(level int, msg string)
	// ReadFile reads the files of require, loadfile and dofile; nil is os.ReadFile.
	// MapPath maps names before require looks for them; nil leaves them.
	ReadFile func(name string) ([]byte, error)
	MapPath  func(name string) string
	// Budget switches on the interruption of running Lua code by Task.Ctx. It
	// slows hot loops down, so it is off by default: without it, and without a
	// Meter, a cancelled task ends at its next Block.
	Budget bool
	// Exit is what os.exit calls; nil: os.exit raises an error.
	Exit func(code int)
	// Branch is told how the conditions of ifs turn out, with "chunk:line" of
	// the if; nil: nobody asks. It runs with the lock held.
	Branch func(t *Task, place string, taken bool)
	// MaxIdleThreads bounds the pool of idle Lua threads; 0 means 256.
	MaxIdleThreads int
}

// VM is one Lua state with everything that hangs on it.
type VM struct {
	lock Lock
	root *lua.LState
	opts Options
	cur  *Task

	free     *thread
	nfree    int
	nextHook func(*lua.LState) // for the trampoline that starts next
	catch    func(*lua.LState) // hookCatch and hookTop, bound once
	top      func(*lua.LState)
	raising  bool // our own panic is on its way
	verbatim bool // the value being raised is not to be translated
	revealed *coro
	scratch  []lua.LValue
	chain    [][]frame // stacks that coroutine.wrap passed the error chainOf through
	chainOf  lua.LValue

	tramp       *lua.LFunction
	trampValue  lua.LValue
	unwindValue lua.LValue // what an Unwind raises
	unwind      *Unwind    // the last one raised

	pkg     *lua.LTable // package
	loading lua.LValue  // stands in package.loaded while a module loads
	frozen  bool
	ends    uint64 // light threads that have ended
	slice   uint64 // see Slice
	closed  bool
	gauge   gauge
}

// setup holds what gopher-lua keeps in package variables.
var setup sync.Once

func configure() {
	setup.Do(func() {
		lua.CompatVarArg = false
		// A sparse integer key below this limit allocates the whole array up
		// to it, so the limit is what one careless t[id]=x may cost: 16 MB.
		lua.MaxArrayIndex = 1 << 20
	})
}

// New makes a VM with its libraries opened.
func New(o Options) (*VM, error) {
	configure()
	if o.MaxIdleThreads == 0 {
		o.MaxIdleThreads = 256
	}
	v := &VM{opts: o}
	v.gauge.v = v
	v.root = lua.NewState(threadOptions())
	v.unwindValue = v.root.NewUserData()
	if o.Branch != nil {
		self := v.root.NewUserData()
		self.Value = v
		v.root.G.Registry.RawSetString(vmKey, self)
	}
	v.tramp = v.root.NewFunction(v.trampoline)
	v.trampValue = v.tramp
	v.catch, v.top = v.hookCatch, v.hookTop
	// G.MainThread is set by the first call; pooled threads rely on it.
	v.root.Push(v.root.NewFunction(func(*lua.LState) int { return 0 }))
	v.root.Call(0, 0)
	if err := v.open(); err != nil {
		return nil, err
	}
	return v, nil
}

// Root is the state on which modules are registered at start. Lua code does not
// run on it; use a Task.
func (v *VM) Root() *lua.LState { return v.root }

// Cur is the running task. It is valid only with the lock held, which is so in
// every Go function that Lua calls.
func (v *VM) Cur() *Task { return v.cur }

// Lock takes the VM's lock, for Go code that wants to touch Lua values outside
// of a task.
func (v *VM) Lock() { v.lock.Lock() }

// Unlock releases the VM's lock.
func (v *VM) Unlock() { v.lock.Unlock() }

// Preload puts loader into package.preload under name; require runs it once.
func (v *VM) Preload(name string, loader lua.LGFunction) {
	L := v.root
	pkg, _ := L.G.Global.RawGetString("package").(*lua.LTable)
	pre, _ := pkg.RawGetString("preload").(*lua.LTable)
	pre.RawSetString(name, L.NewFunction(loader))
}

// Closure makes a closure of a compiled main chunk over the VM's globals.
// Callers keep one per proto: it is shared by all requests.
func (v *VM) Closure(p *lua.FunctionProto) *lua.LFunction {
	return v.root.NewFunctionFromProto(p)
}

// Freeze ends the start phase: from now on a write to an undeclared global is
// warned about. Thaw allows it again, for init_worker_by_lua.
func (v *VM) Freeze() { v.frozen = true }

// Thaw is the opposite of Freeze.
func (v *VM) Thaw() { v.frozen = false }

// Close forgets the pooled threads. Tasks must have ended.
func (v *VM) Close() {
	v.lock.Lock()
	v.closed = true
	v.free, v.nfree = nil, 0
	v.lock.Unlock()
}

func (v *VM) logf(level int, msg string) {
	if v.opts.Logf != nil {
		v.opts.Logf(level, msg)
	}
}

func (v *VM) open() error {
	L := v.root
	path, cpath := v.opts.PackagePath, v.opts.PackageCPath
	if path == "" {
		path = defaultPath
	}
	if cpath == "" {
		cpath = defaultCPath
	}
	stdlib.Open(L, stdlib.Options{PackagePath: path, PackageCPath: cpath, Exit: v.opts.Exit})
	v.openBase()
	v.openCoroutine()
	v.openDebug()
	v.openPackage()
	v.guardGlobals()
	return nil
}
