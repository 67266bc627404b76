package proxy

// What follows is still being built in files of its own.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"huidu/luacompat"
	"huidu/nginxconf"
	"huidu/proxy/upstream"
)

func proxyProtocolTLVGetter(name string) getter {
	return func(r *Request) (string, bool) { return "", false }
}
func (r *Request) proxyProtocol(part string) (string, bool) { return "", false }

type proxyHeader struct{}

func (c *conn) readProxyHeader() bool { return false }
type reqZone struct{}
type connZone struct{}

func (c *compiler) zones() error { return nil }

func compileRealIP(c *compiler, loc *location, l *nginxconf.Location) error   { return nil }
func compileLimits(c *compiler, loc *location, l *nginxconf.Location) error   { return nil }
func compileAccess(c *compiler, loc *location, l *nginxconf.Location) error   { return nil }
func compileTryFiles(c *compiler, loc *location, l *nginxconf.Location) error { return nil }
func compileMirror(c *compiler, loc *location, l *nginxconf.Location) error   { return nil }
func compileStatic(c *compiler, loc *location, l *nginxconf.Location) error   { return nil }
func compileContent(c *compiler, loc *location, l *nginxconf.Location) error  { return nil }
func compileHeaders(c *compiler, loc *location, l *nginxconf.Location) error  { return nil }
func compileFilters(c *compiler, loc *location, l *nginxconf.Location) error  { return nil }
func compileServerRealIP(c *compiler, srv *virtualServer) error               { return nil }
func (c *compiler) setMisc(d *nginxconf.RewriteOp) (rewriteOp, error) {
	return nil, errAt(d.Pos, "not yet")
}
func (c *compiler) geoVar(g *nginxconf.Geo) error { return errAt(g.Pos, "not yet") }

func (c *compiler) upstreams() error {
	c.rt.upstreams = map[string]*upstream.Group{}
	c.rt.groupOf = map[*nginxconf.Upstream]*upstream.Group{}
	return nil
}

func (c *compiler) resolverFor(l *nginxconf.LocConf) func(ctx context.Context, host string) ([]netip.Addr, error) {
	return nil
}

func (rt *Router) dialLua(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, rt.opts.MapAddr(addr))
}

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
