package proxy

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"

	"huidu/luacompat"
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

const methodHead = http1.MethodHead

// fileBuffers serve reads of files that the kernel cannot send by itself.
var fileBuffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// httpLevel compiles what requests without a server use: Lua's timers.
func (c *compiler) httpLevel() error {
	c.rt.luaDefaults = &luacompat.LocationConf{CodeCache: true}
	if c.http.Loc == nil {
		return nil
	}
	loc, err := c.location(&nginxconf.Location{Loc: c.http.Loc}, nil)
	if err != nil {
		return err
	}
	c.rt.httpLoc = loc
	if c.rt.lua != nil {
		if c.rt.luaDefaults, err = c.luaConf(c.http.Loc); err != nil {
			return err
		}
	}
	return nil
}

// fakeLuaRequest is the request that timers and init_worker_by_lua run with.
func (rt *Router) fakeLuaRequest(ctx context.Context, worker int) luacompat.Request {
	r := &Request{rt: rt, loc: rt.httpLoc, fakeWorker: worker, start: timeNow(), ctx: ctx}
	r.main = r
	r.srv = &virtualServer{loc: rt.httpLoc, tree: &locTree{}}
	r.out.init()
	r.vars = make([]varSlot, rt.vars.nslots)
	return r.forLua()
}

// dialLua makes the connections of scripts.
func (rt *Router) dialLua(ctx context.Context, network, addr string) (net.Conn, error) {
	if rt.opts.DialLua != nil {
		return rt.opts.DialLua(ctx, network, addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, rt.opts.MapAddr(addr))
}

// fakeContext is what log lines of fake requests end in.
func (r *Request) fakeContext() string {
	return ", context: ngx.timer"
}

// parseSize reads "10k", "1m" and plain bytes.
func parseSize(s string) (int64, error) {
	mul := int64(1)
	if n := len(s); n > 0 {
		switch s[n-1] {
		case 'k', 'K':
			mul, s = 1<<10, s[:n-1]
		case 'm', 'M':
			mul, s = 1<<20, s[:n-1]
		case 'g', 'G':
			mul, s = 1<<30, s[:n-1]
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n * mul, err
}

// appendLocation writes a Location that nginx made: relative ones become
// absolute under absolute_redirect.
//
// See: ngx_http_header_filter.
func (r *Request) appendLocation(b []byte, target string) []byte {
	core := r.loc.conf.Core
	if !strings.HasPrefix(target, "/") || !core.AbsoluteRedirect.V {
		return append(b, target...)
	}
	host := r.main.host
	if core.ServerNameInRedirect.V {
		host = r.srv.name
	} else if host == "" {
		host = r.localAddr()
	}
	scheme, standard := "http", "80"
	if r.isTLS() {
		scheme, standard = "https", "443"
	}
	b = append(append(append(b, scheme...), "://"...), host...)
	if port := r.localPort(); core.PortInRedirect.V && port != "" && port != standard {
		b = append(append(b, ':'), port...)
	}
	return append(b, target...)
}

// clientWriteFailed ends a response whose client is gone or too slow.
func (r *Request) clientWriteFailed(err error) rc {
	r.outFailed, r.keepalive = true, false
	if isTimeout(err) {
		r.timedOut = true
		r.logf(logInfo, "client timed out (110: Connection timed out) while sending response to client")
		return failed
	}
	r.logf(logInfo, "writev() failed (%s) while sending to client", errnoText(err))
	return failed
}

func isTimeout(err error) bool {
	t, can := err.(interface{ Timeout() bool })
	return can && t.Timeout()
}
