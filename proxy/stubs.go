package proxy

// What follows is still being built in files of its own.

import (
	"errors"
	"time"

	"huidu/luacompat"
	"huidu/nginxconf"
)

type reqZone struct{}
type connZone struct{}

func (c *compiler) zones() error { return nil }

func compileRealIP(c *compiler, loc *location, l *nginxconf.Location) error  { return nil }
func compileLimits(c *compiler, loc *location, l *nginxconf.Location) error  { return nil }
func compileAccess(c *compiler, loc *location, l *nginxconf.Location) error  { return nil }
func compileMirror(c *compiler, loc *location, l *nginxconf.Location) error  { return nil }
func compileFilters(c *compiler, loc *location, l *nginxconf.Location) error { return nil }
func compileServerRealIP(c *compiler, srv *virtualServer) error              { return nil }
func (c *compiler) geoVar(g *nginxconf.Geo) error                            { return errAt(g.Pos, "not yet") }

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

type rateLimit struct{ rate int64 }

func (r *Request) limitFrom(w *h1Writer)                      {}
func (w *h1Writer) sendLimited(r *Request, p, tail []byte) rc { return failed }

var _ = time.Now
var _ luacompat.Request

