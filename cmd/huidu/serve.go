package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"huidu/nginxconf"
	"huidu/proxy"
)

// bindTries is how often nginx tries to bind, half a second apart.
const bindTries = 5

// master is a serving process: what nginx's master process is, in the same
// process as its workers.
type master struct {
	site    *site
	cfg     *nginxconf.Config
	srv     *proxy.Server
	creds   *credentials
	pidFile string
}

// serve runs the server until a signal ends it and returns the exit code.
func serve(s *site, cfg *nginxconf.Config, log *startLog, p process) int {
	if cfg.Main.Daemon.V && daemonStage(p) == daemonNone {
		return daemonize(log, p)
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGPIPE)

	m := &master{site: s, cfg: cfg}
	if err := m.start(log, p); err != nil {
		log.Log(levelEmerg, err.Error())
		return 1
	}
	return m.loop(signals)
}

// start brings the server up: everything that can fail comes before the pid
// file, because the file says that connections are accepted.
func (m *master) start(log *startLog, p process) error {
	var err error
	if m.creds, err = lookupCredentials(&m.cfg.Main); err != nil {
		return err
	}
	applyLimits(&m.cfg.Main, log)
	useProcessors(&m.cfg.Main)
	if m.srv, err = proxy.New(m.cfg, m.site.serverOptions()); err != nil {
		return err
	}
	if err := m.listen(log); err != nil {
		m.srv.Stop()
		return err
	}
	if dir := m.cfg.Main.WorkingDirectory.V; dir != "" {
		if err := os.Chdir(dir); err != nil {
			log.Logf(levelAlert, "chdir(%q) failed %s", dir, errnoText(err))
		}
	}
	applyEnvironment(&m.cfg.Main, p.environ)
	for _, name := range append(m.srv.LogPaths(), m.cfg.TempPaths...) {
		m.creds.own(name)
	}
	m.pidFile = m.cfg.Main.PID.V
	if err := m.writePID(); err != nil {
		m.srv.Stop()
		return err
	}
	if err := m.creds.drop(); err != nil {
		m.srv.Stop()
		return err
	}
	m.srv.Start()
	if daemonStage(p) == daemonChild {
		if err := announceReady(); err != nil {
			m.srv.Logf(nginxconf.LogAlert, "daemon: %v", err)
		}
	}
	return nil
}

// listen opens the listeners; an address in use is tried again a few times,
// as nginx does, because a predecessor may be on its way out.
func (m *master) listen(log *startLog) error {
	for try := 1; ; try++ {
		err := m.srv.Listen()
		if err == nil || !addrInUse(err) {
			return err
		}
		log.Log(levelEmerg, err.Error())
		if try == bindTries {
			return errors.New("still could not bind()")
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// addrInUse tells the one bind error that waiting may cure.
func addrInUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) ||
		strings.Contains(err.Error(), fmt.Sprintf("(%d: ", int(syscall.EADDRINUSE)))
}

func (m *master) writePID() error { return writePIDFile(m.pidFile, os.Getpid()) }

// loop acts on signals until one of them has ended the server.
//
// See: https://nginx.org/en/docs/control.html
func (m *master) loop(signals <-chan os.Signal) int {
	for sig := range signals {
		switch sig {
		case syscall.SIGTERM, syscall.SIGINT:
			m.notice(sig, "exiting")
			m.srv.Stop()
			return m.exit()
		case syscall.SIGQUIT:
			m.notice(sig, "shutting down")
			m.quit(signals)
			return m.exit()
		case syscall.SIGHUP:
			m.notice(sig, "reconfiguring")
			m.reload()
		case syscall.SIGUSR1:
			m.notice(sig, "reopening logs")
			m.reopen()
		case syscall.SIGUSR2:
			m.srv.Logf(nginxconf.LogWarn, "signal %d (SIGUSR2) received, ignoring: "+
				"a new binary takes over by starting it after QUIT, or beside this one on a listen with reuseport", sig)
		case syscall.SIGWINCH:
			m.srv.Logf(nginxconf.LogNotice, "signal %d (SIGWINCH) received, ignoring: "+
				"there are no worker processes to end; QUIT ends gracefully", sig)
		}
	}
	return 0
}

// notice logs a signal as nginx does.
func (m *master) notice(sig os.Signal, action string) {
	n := sig.(syscall.Signal)
	m.srv.Logf(nginxconf.LogNotice, "signal %d (%s) received, %s", int(n), signalNames[n], action)
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGTERM: "SIGTERM", syscall.SIGINT: "SIGINT", syscall.SIGQUIT: "SIGQUIT",
	syscall.SIGHUP: "SIGHUP", syscall.SIGUSR1: "SIGUSR1",
}

// quit lets requests in flight finish, up to worker_shutdown_timeout; TERM or
// INT in the meantime cuts it short.
func (m *master) quit(signals <-chan os.Signal) {
	ctx, cancel := context.WithCancel(context.Background())
	if limit := m.cfg.Main.WorkerShutdownTimeout.V; limit > 0 {
		ctx, cancel = context.WithTimeout(context.Background(), limit)
	}
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = m.srv.Quit(ctx)
	}()
	for {
		select {
		case <-done:
			return
		case sig := <-signals:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				m.notice(sig, "exiting")
				cancel()
			}
		}
	}
}

// reload reads the configuration again and swaps it in. A configuration that
// is refused, or cannot listen, leaves everything as it was.
func (m *master) reload() {
	err := m.creds.asRoot(func() error {
		cfg, diags := m.site.load()
		for _, d := range diags {
			m.srv.Logf(logLevelOf(d.Severity), "%s", d.Text())
		}
		if cfg == nil {
			return nil // said above
		}
		if err := m.srv.Reload(cfg); err != nil {
			return err
		}
		if cfg.Main.User.V != m.cfg.Main.User.V {
			m.srv.Logf(nginxconf.LogWarn, "the new user takes effect at the next start")
		}
		m.cfg = cfg
		useProcessors(&cfg.Main)
		for _, name := range append(m.srv.LogPaths(), cfg.TempPaths...) {
			m.creds.own(name)
		}
		return m.movePID()
	})
	if err != nil {
		m.srv.Logf(nginxconf.LogEmerg, "%v", err)
	}
}

// movePID follows a changed pid directive.
func (m *master) movePID() error {
	name := m.cfg.Main.PID.V
	if name == m.pidFile {
		return nil
	}
	old := m.pidFile
	m.pidFile = name
	if err := m.writePID(); err != nil {
		return err
	}
	return os.Remove(old)
}

// reopen opens the logs again by name, for logrotate.
func (m *master) reopen() {
	err := m.creds.asRoot(func() error {
		err := m.srv.ReopenLogs()
		for _, name := range m.srv.LogPaths() {
			m.creds.own(name)
		}
		return err
	})
	if err != nil {
		m.srv.Logf(nginxconf.LogEmerg, "%v", err)
	}
}

// exit removes the pid file; the server has stopped.
func (m *master) exit() int {
	_ = m.creds.asRoot(func() error {
		if m.pidFile == "" {
			return nil
		}
		if err := os.Remove(m.pidFile); err != nil {
			m.srv.Logf(nginxconf.LogAlert, "unlink() %q failed %s", m.pidFile, errnoText(err))
		}
		return nil
	})
	m.srv.Logf(nginxconf.LogNotice, "exit")
	return 0
}

// logLevelOf is the error log's level for a diagnostic.
func logLevelOf(s nginxconf.Severity) nginxconf.LogLevel {
	switch s {
	case nginxconf.Emerg:
		return nginxconf.LogEmerg
	case nginxconf.Warn:
		return nginxconf.LogWarn
	}
	return nginxconf.LogNotice
}
