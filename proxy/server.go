package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"huidu/luacompat"
	"huidu/nginxconf"
	"huidu/proxy/netconn"
	"huidu/proxy/stream"
)

// Version is what the server says it is ($nginx_version, Server header).
const Version = "1.22.1"

// Options is what a Server needs besides its configuration.
type Options struct {
	Stderr       *os.File
	ErrorLogPath string              // -e; "" for logs/error.log
	MapAddr      func(string) string // --map-addr, for what scripts dial
	MapPath      func(string) string // --map-path, for what scripts open
	Configure    string              // ngx.config.nginx_configure()
	LuaExit      func(code int)      // what os.exit calls; nil: it raises an error
	// TraceKey lets requests that are signed with it be followed; see
	// proxy/trace. Empty: none are.
	TraceKey []byte
	// Explain makes a Server that only explains requests (Server.Explain): it
	// logs nothing, and its scripts' conditions are followed.
	Explain bool
	// DialRedis and DialLua, when set, make the connections of resty.redis
	// and of other Lua sockets; the address is as scripts wrote it.
	DialRedis, DialLua func(ctx context.Context, network, addr string) (net.Conn, error)
	LuaBudget          bool // running Lua ends with its handler's context, at the cost of speed
	// Now is the time for scripts, their timers and shared dicts; nil: time.Now.
	Now func() time.Time
	// MapLog names the file that a log is written to instead of its own; "stderr"
	// and "syslog:…" are asked for too. nil: no mapping.
	MapLog   func(name string, isErrorLog bool) string
	Fallback *Fallback // who serves what is diverted; nil: nobody

	fallbackToken string

	logs  *logFiles
	dicts *luacompat.SharedDicts
	old   *Router
}

// Server is a running gateway: its listeners, connections and the Router that
// new requests use.
type Server struct {
	opts   Options
	router atomic.Pointer[Router]

	mu        sync.Mutex
	listeners map[string]*listener
	conns     map[*conn]connState
	stopping  atomic.Bool
	wg        sync.WaitGroup
	nextConn  atomic.Uint32
	workers   atomic.Int32

	accepted, total  atomic.Int64
	reading, waiting atomic.Int64

	h2     h2Workers
	stream *stream.Proxy
}

type connState uint8

const (
	connBusy connState = iota
	connIdle
)

type listener struct {
	key string
	ln  *netconn.Listener
}

// New compiles cfg. Listeners are opened by Listen.
func New(cfg *nginxconf.Config, opts Options) (*Server, error) {
	if opts.Stderr == nil {
		opts.Stderr = os.Stderr
	}
	if opts.MapAddr == nil {
		opts.MapAddr = func(s string) string { return s }
	}
	if opts.MapPath == nil {
		opts.MapPath = func(s string) string { return s }
	}
	opts.logs = newLogFiles(opts.Stderr)
	opts.logs.discard = opts.Explain
	opts.logs.mapName = opts.MapLog
	opts.dicts = luacompat.NewSharedDicts(opts.Now)
	opts.fallbackToken = newFallbackToken()
	s := &Server{opts: opts, listeners: map[string]*listener{}, conns: map[*conn]connState{}}
	rt, err := Compile(cfg, &s.opts)
	if err != nil {
		return nil, err
	}
	s.workers.Store(int32(max(cfg.Main.WorkerProcesses.V, 1)))
	s.router.Store(rt)
	s.stream = stream.New(s.Logf)
	return s, nil
}

// Listen opens the sockets. On failure everything opened is closed again.
func (s *Server) Listen() error {
	return s.listen(s.router.Load())
}

func (s *Server) listen(rt *Router) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var opened []*listener
	for _, sc := range rt.sockets {
		key := sc.key()
		if s.listeners[key] != nil {
			continue
		}
		l := sc.listen
		if sc.network == "unix" {
			removeStaleSocket(sc.address)
		}
		ln, err := bind(netconn.ListenOptions{Network: sc.network, Address: sc.address, Backlog: l.Backlog,
			ReusePort: l.Reuseport, IPv6Only: !l.IPv6Only.Set || l.IPv6Only.V, RcvBuf: int(l.Rcvbuf), SndBuf: int(l.Sndbuf),
			KeepAlive: l.SoKeepalive != "" && l.SoKeepalive != "off"})
		if err != nil {
			for _, o := range opened {
				o.ln.Close()
				delete(s.listeners, o.key)
			}
			return fmt.Errorf("%s to %s failed (%s)", listenCall(err), listenName(sc), errnoText(err))
		}
		o := &listener{key: key, ln: ln}
		opened = append(opened, o)
		s.listeners[key] = o
	}
	if err := s.stream.Apply(rt.cfg.Stream); err != nil {
		for _, o := range opened {
			o.ln.Close()
			delete(s.listeners, o.key)
		}
		return err
	}
	return nil
}

// Start accepts connections on every listener that is not yet served and runs
// init_worker_by_lua.
func (s *Server) Start() {
	rt := s.router.Load()
	rt.startWorkers()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		s.acceptOn(l)
	}
}

func (s *Server) acceptOn(l *listener) {
	s.wg.Go(func() {
		for {
			nc, err := l.ln.Accept()
			if err != nil {
				if errors.Is(err, net.ErrClosed) {
					return
				}
				s.router.Load().logf(logAlert, "accept4() failed (%s)", errnoText(err))
				time.Sleep(50 * time.Millisecond) // out of descriptors: as accept_mutex_delay
				continue
			}
			c := &conn{s: s, nc: nc, key: l.key, worker: int(s.nextConn.Add(1)-1) % int(s.workers.Load())}
			c.under.Store(s.router.Load()) // until its first request has ended
			s.mu.Lock()
			s.conns[c] = connBusy
			s.mu.Unlock()
			s.accepted.Add(1)
			s.wg.Go(c.serve)
			runtime.Gosched() // connections begin in the order they came, not the newest first
		}
	})
}

// forget drops a connection that has ended.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// idleBegin marks a connection as waiting for a request. false: the server is
// quitting and it should close instead.
func (s *Server) idleBegin(c *conn, first bool) bool {
	c.idle.Store(true)
	if s.stopping.Load() && !first {
		return false
	}
	s.waiting.Add(1)
	return true
}

func (s *Server) idleEnd(c *conn) {
	c.idle.Store(false)
	s.waiting.Add(-1)
}

// quitting reports whether the server is shutting down gracefully.
func (s *Server) quitting() bool { return s.stopping.Load() }

// Reload compiles cfg and swaps it in: requests under way finish with the old
// configuration. On an error the old configuration stays.
func (s *Server) Reload(cfg *nginxconf.Config) error {
	old := s.router.Load()
	opts := s.opts
	opts.old = old
	rt, err := Compile(cfg, &opts)
	opts.old = nil // or every configuration ever loaded would stay in memory
	if err != nil {
		return err
	}
	if err := s.listen(rt); err != nil {
		rt.close()
		return err
	}
	s.workers.Store(int32(max(cfg.Main.WorkerProcesses.V, 1)))
	rt.startWorkers()
	s.router.Store(rt)
	keep := map[string]bool{}
	for _, sc := range rt.sockets {
		keep[sc.key()] = true
	}
	s.mu.Lock()
	had := map[string]bool{}
	for _, sc := range old.sockets {
		had[sc.key()] = true
	}
	for key, l := range s.listeners {
		if !keep[key] {
			l.ln.Close()
			delete(s.listeners, key)
		} else if !had[key] {
			s.acceptOn(l)
		}
	}
	for c := range s.conns {
		if m := c.mux.Load(); m != nil {
			m.quit()
		}
	}
	s.mu.Unlock()
	old.retire()
	if limit := cfg.Main.WorkerShutdownTimeout.V; limit > 0 {
		time.AfterFunc(limit, func() { s.interruptUnder(old) })
	}
	return nil
}

// interruptUnder ends the requests that still run under a replaced
// configuration (worker_shutdown_timeout).
func (s *Server) interruptUnder(rt *Router) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.under.Load() == rt {
			c.abort()
		}
	}
}

// Quit stops accepting, lets requests under way finish and returns when the
// last one has, or when ctx ends (worker_shutdown_timeout).
func (s *Server) Quit(ctx context.Context) error {
	s.stopping.Store(true)
	s.closeListeners()
	s.mu.Lock()
	for c := range s.conns {
		if m := c.mux.Load(); m != nil {
			m.quit()
		} else if c.idle.Load() {
			c.nc.Interrupt()
		}
	}
	s.mu.Unlock()
	finished := make(chan struct{})
	go func() { s.stream.Quit(ctx); s.wg.Wait(); close(finished) }()
	var err error
	select {
	case <-finished:
	case <-ctx.Done():
		err = ctx.Err()
		s.interruptAll()
		<-finished
	}
	s.router.Load().shutdown()
	return err
}

// Stop ends every connection and returns when they are gone.
func (s *Server) Stop() {
	s.stopping.Store(true)
	s.closeListeners()
	s.stream.Stop()
	s.interruptAll()
	gone := make(chan struct{})
	go func() { s.wg.Wait(); close(gone) }()
	select {
	case <-gone:
		s.router.Load().shutdown()
	case <-time.After(stopPatience): // whoever still waits for an upstream ends with the process
	}
}

// stopPatience is how long a fast shutdown waits for handlers to notice.
const stopPatience = time.Second

func (s *Server) interruptAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.abort()
	}
}

func (s *Server) closeListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, l := range s.listeners {
		l.ln.Unlink()
		l.ln.Close()
		delete(s.listeners, key)
	}
}

// ReopenLogs opens every log file again under its name.
func (s *Server) ReopenLogs() error {
	s.router.Load().varLogs.close()
	return s.opts.logs.reopen()
}

// Addrs are the addresses listened on, in no particular order.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []net.Addr
	for _, l := range s.listeners {
		out = append(out, l.ln.Addr())
	}
	return out
}

// Logf writes a line to the main error log.
func (s *Server) Logf(level nginxconf.LogLevel, format string, args ...any) {
	s.router.Load().logf(level, format, args...)
}

// bind opens a socket; an address in use is tried again as nginx does, for the
// process that is about to leave it.
func bind(o netconn.ListenOptions) (ln *netconn.Listener, err error) {
	for try := range bindTries {
		if try > 0 {
			time.Sleep(bindPause)
		}
		if ln, err = netconn.Listen(o); !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return ln, err
}

const (
	bindTries = 5
	bindPause = 500 * time.Millisecond
)

// listenCall is the system call that failed, as nginx names it.
func listenCall(err error) string {
	var le *netconn.ListenError
	if errors.As(err, &le) {
		return le.Op + "()"
	}
	return "bind()"
}
