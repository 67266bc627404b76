package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"huidu/luacompat"
	"huidu/nginxconf"
	"huidu/proxy/release"
	"huidu/proxy/tlsconf"
)

// luaRuntime makes the Lua side of a configuration with an http block.
func (c *compiler) luaRuntime() error {
	rt, m := c.rt, &c.http.Lua
	pools := make(map[string]luacompat.ThreadPool, len(rt.cfg.Main.ThreadPools))
	for name, p := range rt.cfg.Main.ThreadPools {
		pools[name] = luacompat.ThreadPool(p)
	}
	o := luacompat.Options{
		ThreadPools: pools, ThreadVMs: m.WorkerThreadVMPoolSize.V,
		Workers: max(rt.cfg.Main.WorkerProcesses.V, 1), Prefix: rt.cfg.Prefix,
		PackagePath: m.PackagePath.V, PackageCPath: m.PackageCPath.V,
		Dicts: rt.opts.dicts, Log: func(level int, msg string) { rt.logf(nginxconf.LogLevel(level), "%s", msg) },
		Dial: rt.dialLua, Resolve: rt.resolve,
		FakeRequest: func(ctx context.Context, worker int, _ luacompat.Phase) luacompat.Request {
			return rt.fakeLuaRequest(ctx, worker)
		},
		MaxPendingTimers: m.MaxPendingTimers.V, MaxRunningTimers: m.MaxRunningTimers.V,
		RegexMatchLimit: m.RegexMatchLimit.V, RegexCacheMaxEntries: m.RegexCacheMaxEntries.V,
		MapPath: rt.opts.MapPath, MapAddr: rt.opts.MapAddr, Version: Version, NginxConfigure: rt.opts.Configure, Exit: rt.opts.LuaExit,
		ParseKey: tlsconf.ParseKey,
		Branches: rt.opts.Explain, DialRedis: rt.opts.DialRedis, Now: rt.opts.Now, Budget: rt.opts.LuaBudget,
	}
	if c.traces() {
		o.Tracer = tracerOf
	}
	lrt, err := luacompat.New(o)
	if err != nil {
		return err
	}
	rt.lua = lrt
	rt.closers = append(rt.closers, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		lrt.Shutdown(ctx)
	})
	for _, d := range m.SharedDicts {
		if _, err := rt.opts.dicts.Declare(d.Name, d.Size); err != nil {
			return errAt(d.Pos, "%v", err)
		}
	}
	return nil
}

// luaScripts compiles the http-level scripts and runs init_by_lua.
func (c *compiler) luaScripts() error {
	if c.rt.lua == nil {
		return nil
	}
	m := &c.http.Lua
	for _, s := range []struct {
		code  *nginxconf.LuaCode
		phase luacompat.Phase
		to    **luacompat.Script
	}{
		{m.InitBy, luacompat.PhaseInit, &c.rt.luaMain.init},
		{m.InitWorkerBy, luacompat.PhaseInitWorker, &c.rt.luaMain.initWorker},
		{m.ExitWorkerBy, luacompat.PhaseExitWorker, &c.rt.luaMain.exitWorker},
	} {
		script, err := c.script(s.code, s.phase)
		if err != nil {
			return err
		}
		*s.to = script
	}
	c.rt.lua.SetExitWorker(c.rt.luaMain.exitWorker)
	return c.rt.lua.Init(context.Background(), c.rt.luaMain.init)
}

// startWorkers runs init_worker_by_lua, and the caches.
func (rt *Router) startWorkers() {
	rt.startCaches()
	if rt.lua != nil {
		rt.lua.InitWorker(context.Background(), rt.luaMain.initWorker)
	}
}

// shutdown ends the router at the end of the process.
func (rt *Router) shutdown() { rt.retire() }

// script compiles one *_by_lua*; nil for nil.
func (c *compiler) script(code *nginxconf.LuaCode, phase luacompat.Phase) (*luacompat.Script, error) {
	if code == nil {
		return nil, nil
	}
	if code.Release != nil {
		return c.rule(code.Release, phase)
	}
	chunk := luacompat.Chunk{Directive: code.Directive, Name: code.ChunkName, Source: code.Source, Inline: code.Inline, Phase: phase}
	if code.Path != nil {
		path, err := c.value(*code.Path, code.Pos)
		if err != nil {
			return nil, err
		}
		prefix := c.rt.cfg.Prefix
		abs := func(p string) string {
			if strings.HasPrefix(p, "/") {
				return p
			}
			return prefix + p
		}
		if path.isLiteral() {
			full := abs(path.lit)
			chunk.Path = func(luacompat.Request) (string, error) { return full, nil }
		} else {
			chunk.Path = func(q luacompat.Request) (string, error) {
				return strings.Clone(abs(path.eval(q.(*luaRequest).r))), nil
			}
		}
	}
	s, err := c.rt.lua.Compile(chunk)
	if err != nil {
		return nil, errAt(code.Pos, "%v", err)
	}
	return s, nil
}

// rule compiles a gray-release rule, which runs where a script would.
func (c *compiler) rule(spec *nginxconf.Release, phase luacompat.Phase) (*luacompat.Script, error) {
	r, err := release.Compile(spec, release.Options{Hub: c.rt.lua.RedisHub(), Dict: c.rt.opts.dicts.Zone})
	if err != nil {
		return nil, fmt.Errorf("release: %w", err)
	}
	return c.rt.lua.Compile(luacompat.Chunk{Directive: "release", Phase: phase, Native: r.Run})
}

// compileLua compiles the *_by_lua* of a location.
func compileLua(c *compiler, loc *location, l *nginxconf.Location) error {
	if c.rt.lua == nil {
		return nil
	}
	k := l.Loc.Lua
	var err error
	if loc.lua, err = c.luaConf(l.Loc); err != nil {
		return err
	}
	compile := func(code *nginxconf.LuaCode, phase luacompat.Phase) *luacompat.Script {
		if err != nil {
			return nil
		}
		var s *luacompat.Script
		s, err = c.script(code, phase)
		return s
	}
	loc.rewriteBy = compile(k.RewriteBy.V, luacompat.PhaseRewrite)
	loc.luaRewriteFirst = c.http.Lua.RewriteNoPostpone.V
	if s := compile(k.AccessBy.V, luacompat.PhaseAccess); s != nil {
		at := accessLua
		if c.http.Lua.AccessNoPostpone.V {
			at = -1
		}
		loc.addAccess(at, func(r *Request) rc { return r.luaAccess(s) })
	}
	if s := compile(k.PrecontentBy.V, luacompat.PhasePrecontent); s != nil {
		loc.addPrecontent(precontentLua, func(r *Request) rc { return r.luaPrecontent(s) })
	}
	if s := compile(k.ContentBy, luacompat.PhaseContent); s != nil && l.Loc.Core.Handler == nginxconf.HandlerLua {
		loc.handler, loc.luaContent = func(r *Request) rc { return r.luaContent(s) }, true
	}
	if s := compile(k.HeaderFilterBy.V, luacompat.PhaseHeaderFilter); s != nil {
		loc.headerFilterBy = s
	}
	if s := compile(k.BodyFilterBy.V, luacompat.PhaseBodyFilter); s != nil {
		loc.bodyFilterBy = s
	}
	if loc.headerFilterBy != nil || loc.bodyFilterBy != nil {
		loc.addHeaderFilter(orderLuaHeader, luaHeaderFilter)
	}
	loc.logBy = compile(k.LogBy.V, luacompat.PhaseLog)
	return err
}

// compileServerLua compiles server_rewrite_by_lua.
func compileServerLua(c *compiler, srv *virtualServer) (err error) {
	if c.rt.lua == nil {
		return nil
	}
	srv.serverRewriteBy, err = c.script(srv.conf.Srv.LuaServerRewrite, luacompat.PhaseServerRewrite)
	return err
}

// luaConfKey is what a location's Lua settings are made of.
type luaConfKey struct {
	lua      *nginxconf.LuaLoc
	resolver *nginxconf.Resolver
}

// luaConf is the Lua part of a location's settings.
func (c *compiler) luaConf(l *nginxconf.LocConf) (*luacompat.LocationConf, error) {
	k := l.Lua
	key := luaConfKey{k, l.Core.Resolver.V}
	if got := c.luaConfs[key]; got != nil {
		return got, nil
	}
	tlsConf, err := c.luaTLS(k)
	if err != nil {
		return nil, err
	}
	conf := &luacompat.LocationConf{
		SocketConnectTimeout: k.SocketConnectTimeout.V, SocketSendTimeout: k.SocketSendTimeout.V, SocketReadTimeout: k.SocketReadTimeout.V,
		SocketKeepaliveTimeout: k.SocketKeepaliveTimeout.V, SocketPoolSize: k.SocketPoolSize.V, SocketBufferSize: int(k.SocketBufferSize.V),
		SocketLogErrors: k.SocketLogErrors.V, CodeCache: k.CodeCache.V, CheckClientAbort: k.CheckClientAbort.V,
		HTTP10Buffering: k.HTTP10Buffering.V, TransformUnderscores: k.TransformUnderscores.V, NeedRequestBody: k.NeedRequestBody.V,
		UseDefaultType: k.UseDefaultType.V, TimeLimit: k.HandlerTimeLimit.V, MemoryLimit: k.HandlerMemoryLimit.V, SSLVerifyDepth: k.SSLVerifyDepth.V, SSLTrustedCertificate: k.SSLTrustedCertificate.V,
		TLS: tlsConf, Resolve: c.resolverFor(l),
	}
	if k.SSLCRL.V != "" {
		crl, err := tlsconf.LoadCRL(k.SSLCRL.V)
		if err != nil {
			return nil, errAt(k.SSLCRL.Pos, "%v", err)
		}
		conf.SSLRevoked = crl.Check
	}
	if c.luaConfs == nil {
		c.luaConfs = map[luaConfKey]*luacompat.LocationConf{}
	}
	c.luaConfs[key] = conf
	return conf, nil
}

// luaTLS is what the TLS connections of scripts begin with: without
// lua_ssl_protocols TLSv1.3 is left out, as in ngx_lua 0.10.23.
func (c *compiler) luaTLS(k *nginxconf.LuaLoc) (*tls.Config, error) {
	cfg := &tls.Config{}
	var err error
	cfg.MinVersion, cfg.MaxVersion, _ = tlsconf.Protocols(k.SSLProtocols.V)
	if cfg.CipherSuites, err = tlsconf.Ciphers(k.SSLCiphers.V); err != nil {
		return nil, err
	}
	if err := tlsconf.Commands(cfg, k.SSLConfCommand.V); err != nil {
		return nil, errAt(k.SSLConfCommand.Pos, "%v", err)
	}
	if k.SSLKeyLog.V != "" {
		if cfg.KeyLogWriter, err = c.keyLog(k.SSLKeyLog.V); err != nil {
			return nil, errAt(k.SSLKeyLog.Pos, "%v", err)
		}
	}
	if k.SSLCertificate.V == "" {
		return cfg, nil
	}
	pair, err := tlsconf.LoadPair(k.SSLCertificate.V, k.SSLCertificateKey.V, nil)
	if err != nil {
		return nil, errAt(k.SSLCertificate.Pos, "%v", err)
	}
	// As OpenSSL, whatever authorities the server names.
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	return cfg, nil
}

// keyLog opens a file for the secrets of TLS sessions, in the format of
// SSLKEYLOGFILE.
//
// See: https://github.com/openresty/lua-nginx-module#lua_ssl_key_log
func (c *compiler) keyLog(path string) (io.Writer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open() %q failed (%s)", path, errnoText(err))
	}
	c.rt.closers = append(c.rt.closers, func() { f.Close() })
	return f, nil
}

// setLuaOp is set_by_lua*.
type setLuaOp struct {
	script *luacompat.Script
	set    setter
	args   []value
}

func (c *compiler) setByLua(d *nginxconf.RewriteOp) (rewriteOp, error) {
	s, err := c.script(d.SetLua.Code, luacompat.PhaseSet)
	if err != nil {
		return nil, err
	}
	op := &setLuaOp{script: s, set: c.rt.vars.setter(d.SetLua.Var)}
	for _, a := range d.SetLua.Args {
		v, err := c.value(a, d.Pos)
		if err != nil {
			return nil, err
		}
		op.args = append(op.args, v)
	}
	return op, nil
}

func (op *setLuaOp) exec(r *Request, _ *rewriteState) rc {
	args := make([]string, len(op.args))
	for i := range op.args {
		args[i] = strings.Clone(op.args[i].eval(r))
	}
	out, err := op.script.RunSet(r.context(), r.forLua(), args)
	if err != nil {
		return 500
	}
	op.set(r, out.Value)
	return declined
}
