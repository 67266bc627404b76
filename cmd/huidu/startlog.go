package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// logLevels are nginx's names of the severities, by number.
var logLevels = [...]string{"stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"}

// The severities that commands write themselves.
const (
	levelEmerg  = 1
	levelAlert  = 2
	levelCrit   = 3
	levelError  = 4
	levelWarn   = 5
	levelNotice = 6
)

// startLog is nginx's log before a configuration's own error_log is open: a
// line goes to the file of -e with time and pid, and, from warn upwards,
// also to stderr as "nginx: [emerg] …". With "-e stderr", or when the file
// cannot be opened, lines go to stderr alone, in the form of a log file.
//
// See: ngx_log_init and ngx_log_error_core in nginx's src/core/ngx_log.c
type startLog struct {
	mu     sync.Mutex
	file   io.WriteCloser // nil: stderr is the log
	stderr io.Writer
	now    func() time.Time
}

// openStartLog opens the log that -e names, below prefix.
func openStartLog(prefix, name string, stderr io.Writer) *startLog {
	l := &startLog{stderr: stderr, now: time.Now}
	if name == "stderr" {
		return l
	}
	if name == "" {
		name = defaultErrorLog
	}
	if !filepath.IsAbs(name) {
		name = prefix + name
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		fmt.Fprintf(stderr, "nginx: [alert] could not open error log file: open() %q failed %s\n", name, errnoText(err))
		return l
	}
	l.file = f
	return l
}

// Log writes one line. Levels past notice are not written: no error_log has
// raised the level yet.
func (l *startLog) Log(level int, msg string) {
	if level > levelNotice || level < 0 {
		return
	}
	msg = strings.TrimSuffix(msg, "\n")
	l.mu.Lock()
	defer l.mu.Unlock()
	line := fmt.Sprintf("%s [%s] %d#%d: %s\n",
		l.now().Format("2006/01/02 15:04:05"), logLevels[level], os.Getpid(), os.Getpid(), msg)
	if l.file == nil {
		_, _ = io.WriteString(l.stderr, line)
		return
	}
	_, _ = io.WriteString(l.file, line)
	if level <= levelWarn {
		fmt.Fprintf(l.stderr, "nginx: [%s] %s\n", logLevels[level], msg)
	}
}

// Logf is Log with a format.
func (l *startLog) Logf(level int, format string, args ...any) {
	l.Log(level, fmt.Sprintf(format, args...))
}

// Close closes the file; the log may not be used any more.
func (l *startLog) Close() {
	if l.file != nil {
		_ = l.file.Close()
	}
}
