package luacompat

import (
	"context"
	"net"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/ffi"
	"huidu/luacompat/resty"
	"huidu/luacompat/resty/redis"
	"huidu/luacompat/resty/redis/link"
	"huidu/luacompat/socket"
	"huidu/luacompat/vm"
)

// dial makes an outgoing connection.
func (rt *Runtime) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if rt.opts.Dial != nil {
		return rt.opts.Dial(ctx, network, addr)
	}
	if rt.opts.MapAddr != nil {
		addr = rt.opts.MapAddr(addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// newHub makes the connections to Redis that all workers share.
func (rt *Runtime) newHub() *link.Hub {
	dial := rt.dial
	if rt.opts.DialRedis != nil {
		dial = rt.opts.DialRedis
	}
	return link.NewHub(link.Options{Dial: dial})
}

// RedisHub is where the connections of scripts to Redis are kept, for others
// who speak to the same servers.
func (rt *Runtime) RedisHub() *link.Hub { return rt.hub }

// openNet makes what speaks to the network: cosockets and resty.redis.
func (w *Worker) openNet() {
	env := &socket.Env{
		VM: w.vm, Null: w.null, Dial: w.rt.dial,
		Conf: socketConf,
		Check: func(L *lua.LState, t *vm.Task) {
			h, _ := t.Host.(*handler)
			if h == nil || h.req == nil {
				L.RaiseError(msgNoRequest)
			}
			if !inCosocket.has(h.phase) {
				badPhase(L, h.phase, false)
			}
		},
		Log: func(t *vm.Task, level int, msg string) {
			if h, _ := t.Host.(*handler); h != nil && h.req != nil {
				h.req.Log(level, msg)
				return
			}
			w.rt.opts.Log(level, msg)
		},
		Open: func(t *vm.Task) *socket.Set {
			h, _ := t.Host.(*handler)
			if h == nil || h.st == nil {
				return nil
			}
			return &h.st.sockets
		},
		Request: func(L *lua.LState, t *vm.Task, raw bool) (net.Conn, error) {
			h, _ := t.Host.(*handler)
			if h == nil || h.req == nil {
				L.RaiseError(msgNoRequest)
			}
			if !inYield.has(h.phase) {
				badPhase(L, h.phase, false)
			}
			c, err := h.req.RawSocket(raw)
			if err == nil && raw {
				h.st.rawSocket = true
			}
			return c, err
		},
	}
	if w.rt.opts.Tracer != nil {
		env.Trace = w.traceRedis
	}
	w.net = env
	sock := w.table()
	reqSocket := socket.Open(env, sock)
	w.ngx.RawSetString("socket", sock)
	if req, ok := w.ngx.RawGetString("req").(*lua.LTable); ok {
		req.RawSetString("socket", w.vm.Root().NewFunction(reqSocket))
	}
	redis.Register(env, w.rt.hub)
	resty.Register(w.vm)
	ffi.Register(w.vm)
}

// socketConf is the socket part of the settings that a task runs under.
func socketConf(t *vm.Task) socket.Conf {
	h, _ := t.Host.(*handler)
	if h == nil {
		return socket.DefaultConf
	}
	c := h.conf
	return socket.Conf{
		Connect: c.SocketConnectTimeout, Send: c.SocketSendTimeout, Read: c.SocketReadTimeout,
		Keepalive: c.SocketKeepaliveTimeout, PoolSize: c.SocketPoolSize, BufferSize: c.SocketBufferSize,
		LogErrors: c.SocketLogErrors, VerifyDepth: c.SSLVerifyDepth,
		TrustedCertificate: c.SSLTrustedCertificate, TLS: c.TLS, Revoked: c.SSLRevoked, Resolve: c.Resolve,
	}
}
