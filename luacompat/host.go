package luacompat

import (
	"context"
	"crypto"
	"net"
	"net/netip"
	"time"
)

// Options is what a Runtime needs of its host. One Runtime serves one
// configuration; it holds one VM per worker. Shared dicts live outside of it
// and survive a reload (SharedDicts).
type Options struct {
	Workers                   int
	Prefix                    string // nginx prefix, ends in "/"
	PackagePath, PackageCPath string // with $prefix and ";;" unexpanded; "" when not set
	Dicts                     *SharedDicts
	Log                       func(level int, msg string) // cycle log: init, timers without request, VM warnings
	// Dial makes every outgoing Lua connection, after --map-addr.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Resolve is the http-level resolver; nil: none defined.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// FakeRequest makes the request that timers and init_worker run with.
	FakeRequest                           func(ctx context.Context, worker int, phase Phase) Request
	MaxPendingTimers, MaxRunningTimers    int
	RegexMatchLimit, RegexCacheMaxEntries int
	MapPath                               func(string) string // --map-path, for files that Lua opens
	MapAddr                               func(string) string // --map-addr
	Version                               string              // ngx.config.nginx_version source, e.g. "1.22.1"
	Now                                   func() time.Time    // nil: time.Now
	CaptureErrorLog                       int64
	ErrorLog                              func(level int, msg string)
	NginxConfigure                        string
	// Budget lets running Lua end with its handler's context, see vm.Options.
	Budget bool
	// Exit is what os.exit calls, where the process is there for one program;
	// nil: os.exit raises an error.
	Exit func(code int)
	// ParseKey reads a private key in PEM, with one of the passphrases where
	// it is encrypted; nil: none can be read.
	ParseKey func(pem []byte, passwords []string) (crypto.PrivateKey, error)
	// ThreadPools are the pools of ngx.run_worker_thread, ThreadVMs bounds
	// their VMs.
	ThreadPools map[string]ThreadPool
	ThreadVMs   int

	surface bool // see Surface
	// Tracer finds who follows a request's scripts; nil, or a nil Tracer:
	// nobody. With Branches the conditions of ifs are followed too, which slows
	// all scripts down.
	Tracer   func(Request) Tracer
	Branches bool
	// DialRedis makes resty.redis's connections; nil: Dial does.
	DialRedis func(ctx context.Context, network, addr string) (net.Conn, error)
	// SetVarDirectives are more directives behind ndk.set_var.
	SetVarDirectives map[string]func(arg string) (string, error)
}

// Chunk is Lua source as the configuration gives it.
type Chunk struct {
	Directive string // content_by_lua_block, …
	Name      string // chunk name: "=content_by_lua(nginx.conf:6)" or "@/path"
	Source    string // inline text
	Inline    bool
	// File form: the path is given to Run's caller by the host (it may hold
	// variables); it is read at first use and cached, or read every time with
	// lua_code_cache off.
	Path  func(Request) (string, error)
	Phase Phase
	// Native runs in the script's place when it is not nil: a rule.
	Native Native
}

// Native is what can stand where a script stands.
type Native func(ctx context.Context, phase Phase, req Request) (Outcome, error)

// Exports that other rooms call (implemented in runtime.go, script.go,
// state.go, dicts.go):
//
//	New(Options) (*Runtime, error)                      // VMs made, init_by_lua not yet run
//	(*Runtime) Compile(Chunk) (*Script, error)          // inline: syntax error now; file: lazily, as nginx does
//	(*Runtime) Init(ctx, *Script) error                 // init_by_lua in every VM
//	(*Runtime) InitWorker(ctx, *Script)                 // init_worker_by_lua in every VM
//	(*Runtime) Worker(i) *Worker                        // the VM of worker i
//	(*Script) Run(ctx, Phase, Request) (Outcome, error) // on the worker req.WorkerID(); faults are logged already
//	(*Script) RunSet(ctx, Request, args) (Outcome, error) // set_by_lua*: the result is Outcome.Value
//	(*Script) Err() error                               // syntax error of an inline script (Run answers 500 then)
//	(*Runtime) SetExitWorker(*Script)                   // exit_worker_by_lua*
//	(*Runtime) Exiting()                                // graceful stop begins: ngx.worker.exiting, timers fire
//	NewSharedDicts(now), (*SharedDicts) Declare(name, size), Retain(names)
//	(*Runtime) Release(state any)                       // end of a request: kill its threads, return what is pooled
//	(*Runtime) Shutdown(ctx)                            // exit_worker, timers with premature=true, then VMs closed
