package proxy

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// Severities under short names.
const (
	logEmerg  = nginxconf.LogEmerg
	logAlert  = nginxconf.LogAlert
	logCrit   = nginxconf.LogCrit
	logError  = nginxconf.LogError
	logWarn   = nginxconf.LogWarn
	logNotice = nginxconf.LogNotice
	logInfo   = nginxconf.LogInfo
	logDebug  = nginxconf.LogDebug
)

var levelNames = [...]string{"stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"}

// logFiles owns every open log by path, so that files are shared between
// configurations and reopened together.
type logFiles struct {
	mu     sync.Mutex
	open   map[string]*logFile
	stderr *os.File
	// discard keeps what is logged out of every file.
	discard bool
	// mapName is Options.MapLog.
	mapName func(name string, isErrorLog bool) string
}

func newLogFiles(stderr *os.File) *logFiles {
	return &logFiles{open: map[string]*logFile{}, stderr: stderr}
}

// logFile is an append-only file. Writers that meet while another one writes
// leave their lines with it: under load one system call carries many lines,
// and none is held back when idle.
type logFile struct {
	path    string
	mu      sync.Mutex
	f       *os.File
	pending []byte
	spare   []byte
	writing bool
	syslog  *syslogWriter
	buffers []*logBuffer
}

// get opens path for appending, or returns the open one.
func (l *logFiles) get(path string) (*logFile, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lf := l.open[path]; lf != nil {
		return lf, nil
	}
	lf := &logFile{path: path}
	if l.discard {
		path = os.DevNull
	}
	switch {
	case path == "stderr":
		lf.f = l.stderr
	case strings.HasPrefix(path, "syslog:"):
		w, err := newSyslog(path)
		if err != nil {
			return nil, err
		}
		lf.syslog = w
	default:
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		if err != nil {
			return nil, fmt.Errorf("open() %q failed (%s)", path, errnoText(err))
		}
		lf.f = f
	}
	l.open[lf.path] = lf
	return lf, nil
}

// mapped is the name of the file that a log is written to.
func (l *logFiles) mapped(name string, isErrorLog bool) string {
	if l.mapName == nil {
		return name
	}
	return l.mapName(name, isErrorLog)
}

// reopen opens every file again under its name (USR1).
func (l *logFiles) reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first error
	for path, lf := range l.open {
		if path == "stderr" || lf.syslog != nil || lf.f == nil {
			continue
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		if err != nil {
			if first == nil {
				first = fmt.Errorf("open() %q failed (%s)", path, errnoText(err))
			}
			continue
		}
		lf.flushBuffers()
		lf.mu.Lock()
		old := lf.f
		lf.f = f
		lf.mu.Unlock()
		old.Close()
	}
	return first
}

// write appends line, which ends in a newline.
func (l *logFile) write(line []byte) {
	if l.syslog != nil {
		l.syslog.write(line)
		return
	}
	l.mu.Lock()
	if l.writing {
		l.pending = append(l.pending, line...)
		l.mu.Unlock()
		return
	}
	l.writing = true
	f := l.f
	l.mu.Unlock()
	f.Write(line)
	for {
		l.mu.Lock()
		if len(l.pending) == 0 {
			l.writing = false
			l.mu.Unlock()
			return
		}
		batch := l.pending
		l.pending, l.spare = l.spare[:0], nil
		f = l.f
		l.mu.Unlock()
		f.Write(batch)
		l.mu.Lock()
		l.spare = batch
		l.mu.Unlock()
	}
}

// errorLog is the destinations of error_log of one level of configuration.
type errorLog struct {
	targets []errorTarget
	max     nginxconf.LogLevel // the most verbose of the targets
}

type errorTarget struct {
	level nginxconf.LogLevel
	file  *logFile
}

// errorLog opens the destinations of error_log; none means logs/error.log (or
// fallback, the -e flag) at level error.
func (l *logFiles) errorLog(list []nginxconf.ErrorLog, prefix, fallback string) (*errorLog, error) {
	if len(list) == 0 {
		if fallback == "" {
			fallback = filepath.Join(prefix, "logs/error.log")
		}
		list = []nginxconf.ErrorLog{{Target: fallback, Level: logError}}
	}
	el := &errorLog{}
	for _, e := range list {
		f, err := l.get(l.mapped(e.Target, true))
		if err != nil {
			return nil, err
		}
		el.targets = append(el.targets, errorTarget{level: e.Level, file: f})
		el.max = max(el.max, e.Level)
	}
	return el, nil
}

var pid = os.Getpid()

// line writes one line: time, level, pid, then what the caller appends.
func (el *errorLog) line(level nginxconf.LogLevel, tail func(b []byte) []byte) {
	if el == nil || level > el.max {
		return
	}
	b := make([]byte, 0, 256)
	b = append(b, dates.At(time.Now()).Error...)
	b = append(b, " ["...)
	b = append(b, levelNames[level]...)
	b = append(b, "] "...)
	b = strconv.AppendInt(b, int64(pid), 10)
	b = append(b, '#')
	b = strconv.AppendInt(b, int64(pid), 10)
	b = append(b, ": "...)
	b = tail(b)
	if len(b) > maxLogLine {
		b = b[:maxLogLine]
	}
	b = append(b, '\n')
	for _, t := range el.targets {
		switch {
		case level > t.level:
		case t.file.syslog != nil:
			t.file.syslog.writeLevel(b, level)
		default:
			t.file.write(b)
		}
	}
}

// maxLogLine is nginx's NGX_MAX_ERROR_STR, less the newline.
const maxLogLine = 4096 - 1

// logf writes a line that belongs to no request.
func (rt *Router) logf(level nginxconf.LogLevel, format string, args ...any) {
	rt.errorLog.logf(level, format, args...)
}

func (el *errorLog) logf(level nginxconf.LogLevel, format string, args ...any) {
	el.line(level, func(b []byte) []byte { return fmt.Appendf(b, format, args...) })
}

// conn writes a line that belongs to a connection without a request.
func (el *errorLog) conn(level nginxconf.LogLevel, c *conn, format string, args ...any) {
	el.line(level, func(b []byte) []byte {
		b = append(b, '*')
		b = strconv.AppendUint(b, c.nc.Number, 10)
		b = append(b, ' ')
		b = fmt.Appendf(b, format, args...)
		b = append(b, ", client: "...)
		b = append(b, c.nc.RemoteText()...)
		b = append(b, ", server: "...)
		return append(b, c.listenText()...)
	})
}

// logf writes a line to the request's error log with nginx's context behind
// it.
//
// See: ngx_http_log_error_handler.
func (r *Request) logf(level nginxconf.LogLevel, format string, args ...any) {
	if r.main != nil && r.main.tracing != nil {
		r.traceLog(level, fmt.Sprintf(format, args...))
	}
	el := r.errorLogNow()
	if el == nil || level > el.max {
		return
	}
	el.line(level, func(b []byte) []byte {
		b = r.logPrefix(b)
		b = fmt.Appendf(b, format, args...)
		return r.logContext(b)
	})
}

func (r *Request) errorLogNow() *errorLog {
	if r.loc != nil && r.loc.errorLog != nil {
		return r.loc.errorLog
	}
	return r.rt.errorLog
}

func (r *Request) logPrefix(b []byte) []byte {
	if c := r.main.conn; c != nil {
		b = append(b, '*')
		b = strconv.AppendUint(b, c.nc.Number, 10)
		b = append(b, ' ')
	}
	return b
}

// logContext appends ", client: …, server: …, request: …" and so on.
func (r *Request) logContext(b []byte) []byte {
	m := r.main
	if m.conn == nil {
		return append(b, r.fakeContext()...)
	}
	if m.sslContext != "" {
		b = append(append(b, ", context: "...), m.sslContext...)
		b = append(append(b, ", client: "...), m.clientAddr()...)
		return append(append(b, ", server: "...), m.conn.listenText()...)
	}
	b = append(b, ", client: "...)
	b = append(b, m.clientAddr()...)
	b = append(b, ", server: "...)
	b = append(b, r.srv.name...)
	if m.head.Line != "" {
		b = append(b, ", request: \""...)
		b = append(b, m.head.Line...)
		b = append(b, '"')
	}
	if r != m {
		b = append(b, ", subrequest: \""...)
		b = append(b, r.uri...)
		b = append(b, '"')
	}
	if r.up != nil {
		b = r.up.logContext(b, r)
	}
	if h, found := m.head.Headers.Get(http1.HeaderHost); found {
		b = append(b, ", host: \""...)
		b = append(b, h...)
		b = append(b, '"')
	}
	if h, found := m.head.Headers.Get(http1.HeaderReferer); found {
		b = append(b, ", referrer: \""...)
		b = append(b, h...)
		b = append(b, '"')
	}
	return b
}
