package proxy

// What follows is still being built in files of its own.

import (
	"errors"
	"time"

	"huidu/luacompat"
	"huidu/nginxconf"
)

func compileFilters(c *compiler, loc *location, l *nginxconf.Location) error { return nil }

type syslogWriter struct{}

func newSyslog(path string) (*syslogWriter, error) {
	return nil, errors.New("syslog is not supported yet")
}
func (w *syslogWriter) write(line []byte) {}

type logBuffer struct{}

func newLogBuffer(f *logFile, conf *nginxconf.AccessLog) *logBuffer { return nil }
func (b *logBuffer) write(line []byte)                              {}
func (b *logBuffer) close()                                         {}

func (r *Request) logToVariablePath(al *accessLog, line []byte) {}

var _ = time.Now
var _ luacompat.Request

func varGzipRatio(r *Request) (string, bool) { return "", false }
