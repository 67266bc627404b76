package nginxconf

import (
	"errors"
	"strings"
	"time"
)

const noWorkers = "huidu is one process; its threads need no tuning"

// mainRows is the core module at main and events level.
func mainRows() []row {
	return []row{
		flag("daemon", CtxMain, inMain(func(m *Main) *Opt[bool] { return &m.Daemon }), true),
		flag("master_process", CtxMain, inMain(func(m *Main) *Opt[bool] { return &m.MasterProcess }), true),
		newRow("pid", CtxMain, take1, inMain(func(m *Main) *Opt[string] { return &m.PID }), nil,
			func(b *build, n *Node, o *Opt[string]) error {
				o.V = b.fullName(n.Args[0])
				return nil
			}),
		newRow("user", CtxMain, take12, inMain(func(m *Main) *Opt[string] { return &m.User }), nil,
			func(b *build, n *Node, o *Opt[string]) error {
				o.V = n.Args[0]
				group := n.Args[len(n.Args)-1]
				if b.opt.Account != nil {
					switch err := b.opt.Account(n.Args[0], group); {
					case errors.Is(err, ErrNotRoot):
						b.warn(`the "user" directive makes sense only if the master process runs with super-user privileges, ignored`)
					case err != nil:
						return b.emerg("%s", err)
					}
				}
				if len(n.Args) == 2 {
					b.cur.main.Group = Opt[string]{V: n.Args[1], Set: true, Pos: n.Pos()}
				}
				return nil
			}),
		newRow("worker_processes", CtxMain, take1, inMain(func(m *Main) *Opt[int] { return &m.WorkerProcesses }), nil,
			func(b *build, n *Node, o *Opt[int]) error {
				if n.Args[0] == "auto" {
					o.V = b.opt.CPUs
					return nil
				}
				v, ok := atoi(n.Args[0])
				if !ok {
					return dirErr("invalid value")
				}
				o.V = max(v, 1)
				return nil
			}),
		num("worker_rlimit_nofile", CtxMain, inMain(func(m *Main) *Opt[int] { return &m.WorkerRlimitNofile })),
		msec("worker_shutdown_timeout", CtxMain, inMain(func(m *Main) *Opt[time.Duration] { return &m.WorkerShutdownTimeout })),
		newRow("working_directory", CtxMain, take1, inMain(func(m *Main) *Opt[string] { return &m.WorkingDirectory }), nil,
			func(b *build, n *Node, o *Opt[string]) error {
				o.V = b.opt.MapPath(n.Args[0])
				return nil
			}),
		custom("env", CtxMain, take1, func(b *build, n *Node) error {
			name, val, has := strings.Cut(n.Args[0], "=")
			b.cur.main.Env = append(b.cur.main.Env, EnvVar{Name: name, Value: Opt[string]{V: val, Set: has, Pos: n.Pos()}})
			return nil
		}),
		custom("load_module", CtxMain, take1, func(b *build, n *Node) error {
			b.cur.main.LoadModules = append(b.cur.main.LoadModules, n.Args[0])
			return nil
		}).ignored("every module that huidu has is built in"),
		singleRow("debug_points", CtxMain, take1, func(b *build, n *Node) error { return b.oneOfWords(n, "stop", "abort") }).ignored(noWorkers),
		singleRow("lock_file", CtxMain, take1, nil).ignored(noWorkers),
		singleRow("timer_resolution", CtxMain, take1, checkMsec).ignored("timers are exact"),
		singleRow("worker_cpu_affinity", CtxMain, oneMore, checkAffinity).ignored(noWorkers),
		singleRow("worker_priority", CtxMain, take1, checkPriority).ignored(noWorkers),
		singleRow("worker_rlimit_core", CtxMain, take1, checkOffset).ignored(noWorkers),
		custom("thread_pool", CtxMain, take23, checkThreadPool).in("ngx_thread_pool"),
		singleRow("pcre_jit", CtxMain, flagArg, checkFlag).ignored("regular expressions are run by a PCRE in Go").in("ngx_regex"),
		singleRow("ssl_engine", CtxMain, take1, nil).ignored("TLS is Go's own").in("ngx_event_openssl"),
		singleRow("ssl_object_cache_inheritable", CtxMain, flagArg, checkFlag).ignored("TLS is Go's own").in("ngx_event_openssl_cache"),
		singleRow("google_perftools_profiles", CtxMain, take1, nil).unsupported("use huidu's own profiles").in("ngx_google_perftools_module"),
		singleRow("quic_bpf", CtxMain, flagArg, checkFlag).unsupported(noQUIC).in("ngx_event_quic_bpf"),
		custom("error_log", CtxMain, oneMore, func(b *build, n *Node) error {
			l, err := b.errorLog(n)
			b.cur.main.ErrorLog = append(b.cur.main.ErrorLog, l)
			return err
		}).in("ngx_log"),
		custom("include", CtxAny, take1, func(b *build, n *Node) error { return b.include(n) }).in("ngx_conf_file"),
		blockOf("events", CtxMain, noArgs, setEvents).in("ngx_event"),
		blockOf("http", CtxMain, noArgs, setHTTP).in("ngx_http"),
	}
}

// eventsRows is the events block.
func eventsRows() []row {
	return []row{
		num("worker_connections", CtxEvents, inEvents(func(e *Events) *Opt[int] { return &e.WorkerConnections })).checkedBy(
			func(b *build, n *Node) error {
				if _, ok := atoi(n.Args[0]); !ok {
					return b.emerg(`invalid number "%s"`, n.Args[0])
				}
				return nil
			}),
		flag("multi_accept", CtxEvents, inEvents(func(e *Events) *Opt[bool] { return &e.MultiAccept }), false),
		custom("debug_connection", CtxEvents, take1, func(b *build, n *Node) error {
			a := n.Args[0]
			if p, ok := parseCIDR(a); ok && p.Masked() != p {
				b.warn("low address bits of %s are meaningless", a)
			} else if !ok && a != "unix:" {
				if _, found := b.resolve(address{host: a, port: 80}); !found {
					return b.emerg(`host not found in debug_connection "%s"`, a)
				}
			}
			b.cur.events.DebugConnection = append(b.cur.events.DebugConnection, n.Args[0])
			return nil
		}).ignored("debug logging is for all connections"),
		singleRow("use", CtxEvents, take1, func(b *build, n *Node) error {
			if n.Args[0] != "epoll" { // nginx has the others only where there is no epoll
				return b.emerg(`invalid event type "%s"`, n.Args[0])
			}
			return nil
		}).ignored("Go's runtime chooses"),
		singleRow("accept_mutex", CtxEvents, flagArg, checkFlag).ignored(noWorkers),
		singleRow("accept_mutex_delay", CtxEvents, take1, checkMsec).ignored(noWorkers),
	}
}

// finishMain completes the main level after everything is read.
func (b *build) finishMain() error {
	b.node = nil
	m := &b.conf.Main
	if !b.conf.Events.Present && !b.lenient {
		return late(b.emergAt(Pos{}, `no "events" section in configuration`))
	}
	if e := &b.conf.Events; e.WorkerConnections.V == 0 {
		if e.WorkerConnections.Set {
			return late(b.emergAt(Pos{}, "0 worker_connections are not enough for %d listening sockets", b.sockets()))
		}
		e.WorkerConnections.V = 512
	}
	if !m.Daemon.Set {
		m.Daemon.V = true
	}
	if !m.MasterProcess.Set {
		m.MasterProcess.V = true
	}
	if !m.WorkerProcesses.Set {
		m.WorkerProcesses.V = 1
	}
	if !m.PID.Set {
		m.PID.V = b.fullName(b.opt.PIDPath)
	}
	return nil
}

// sockets is how many sockets nginx opens: an address whose port is listened
// on for all addresses needs none of its own, unless it has options.
// See: ngx_http_init_listening.
func (b *build) sockets() int {
	all := map[string]bool{}
	for _, at := range b.listens {
		if port, ok := wildcardPort(at.key); ok {
			all[port] = true
		}
	}
	n := 0
	for _, at := range b.listens {
		network, addr, _ := strings.Cut(at.key, " ")
		_, wild := wildcardPort(at.key)
		if wild || at.set || network == "unix" || !all[network+addr[strings.LastIndexByte(addr, ':'):]] {
			n++
		}
	}
	return n
}

// wildcardPort is the network and port of an address that stands for all.
func wildcardPort(key string) (string, bool) {
	for _, any := range []string{"tcp4 0.0.0.0:", "tcp6 [::]:"} {
		if port, ok := strings.CutPrefix(key, any); ok {
			return any[:4] + ":" + port, true
		}
	}
	return "", false
}

var logLevels = []string{"stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"}

var debugLevels = []string{"debug_core", "debug_alloc", "debug_mutex", "debug_event", "debug_http", "debug_mail", "debug_stream"}

// logLevel is the number of a severity's name, or -1.
func logLevel(s string) LogLevel {
	for i, n := range logLevels {
		if i > 0 && n == s {
			return LogLevel(i)
		}
	}
	return -1
}

// errorLog reads error_log's arguments.
// See: http://nginx.org/en/docs/ngx_core_module.html#error_log
func (b *build) errorLog(n *Node) (ErrorLog, error) {
	l := ErrorLog{Level: LogError, Pos: n.Pos()}
	switch t := n.Args[0]; {
	case t == "", t == "stderr": // a file without a name is stderr to nginx
		l.Target = "stderr"
	case strings.HasPrefix(t, "memory:"):
		size := t[len("memory:"):]
		if v, ok := parseSize(size); !ok || v < int64(len("MEMLOG  :\n")+len(n.File)+20+20) {
			return l, b.emerg(`invalid buffer size "%s"`, size)
		}
		l.Target = t
	case strings.HasPrefix(t, "syslog:"):
		if err := b.checkSyslog(t); err != nil {
			return l, err
		}
		l.Target = t
	default:
		l.Target = b.fullName(t)
	}
	set := false
	for _, a := range n.Args[1:] {
		if lv := logLevel(a); lv > 0 {
			if set {
				return l, b.emerg(`duplicate log level "%s"`, a)
			}
			l.Level, set = lv, true
			continue
		}
		if !contains(debugLevels, a) {
			return l, b.emerg(`invalid log level "%s"`, a)
		}
		l.Level, set = LogDebug, true
	}
	return l, nil
}

var syslogFacilities = strings.Fields("kern user mail daemon auth intern lpr news uucp clock authpriv ftp ntp audit alert cron " +
	"local0 local1 local2 local3 local4 local5 local6 local7")

// checkSyslog checks syslog:server=…,facility=….
// See: http://nginx.org/en/docs/syslog.html
func (b *build) checkSyslog(s string) error {
	server := false
	for _, p := range strings.Split(strings.TrimPrefix(s, "syslog:"), ",") {
		key, val, _ := strings.Cut(p, "=")
		switch {
		case key == "server":
			if server {
				return b.emerg(`duplicate syslog "server"`)
			}
			server = true
			a := parseAddress(val, 514, false, false)
			if a.err == "" && a.unix == "" && !a.ip.IsValid() {
				if _, ok := b.resolve(a); !ok {
					a.err = "host not found"
				}
			}
			if a.err != "" {
				return b.emerg(`%s in syslog server "%s"`, a.err, val)
			}
		case key == "facility":
			if !contains(syslogFacilities, val) {
				return b.emerg(`unknown syslog facility "%s"`, val)
			}
		case key == "severity":
			if !contains(strings.Fields("emerg alert crit error warn notice info debug"), val) {
				return b.emerg(`unknown syslog severity "%s"`, val)
			}
		case key == "tag":
			if len(val) > 32 {
				return b.emerg("syslog tag length exceeds 32")
			}
			for i := 0; i < len(val); i++ {
				if !nameByte(val[i]) {
					return b.emerg(`syslog "tag" only allows alphanumeric characters and underscore`)
				}
			}
		case p == "nohostname":
		default:
			return b.emerg(`unknown syslog parameter "%s"`, p)
		}
	}
	if !server {
		return b.emerg("no syslog server specified")
	}
	return nil
}
