package proxy

import (
	"errors"

	"huidu/luacompat"
	"huidu/nginxconf"
)

// sslScripts are the scripts of a server that run in its TLS handshakes.
type sslScripts struct{ hello, cert *luacompat.Script }

// Handshakes that a script ended, in OpenSSL's words.
var (
	errHelloScript = errors.New("error:0A0000EA:SSL routines::callback failed")
	errCertScript  = errors.New("error:0A000179:SSL routines::cert cb error")
)

// sslScripts compiles ssl_client_hello_by_lua* and ssl_certificate_by_lua*.
//
// Differs: sessions are kept by Go's TLS stack, so scripts that store and
// fetch them cannot be run.
//
// See: https://github.com/openresty/lua-nginx-module#ssl_certificate_by_lua_block
func (c *compiler) sslScripts(s *virtualServer) (out sslScripts, err error) {
	k := s.conf.Srv
	for _, code := range []*nginxconf.LuaCode{k.LuaSSLSessionFetch, k.LuaSSLSessionStore} {
		if code != nil {
			return out, errAt(code.Pos, "%q directive is not supported: TLS sessions are kept by Go's TLS stack", code.Directive)
		}
	}
	if out.hello, err = c.script(k.LuaClientHello, luacompat.PhaseSSLClientHello); err != nil {
		return out, err
	}
	out.cert, err = c.script(k.LuaSSLCertificate, luacompat.PhaseSSLCertificate)
	return out, err
}

// helloScript runs the script that sees the client's hello first: that of the
// address's default server.
func (c *conn) helloScript() error {
	def := c.addr.defaultServer
	if s := c.addr.tls.byServer[def].scripts.hello; s != nil && !c.runSSL(s, def, "ssl_client_hello_by_lua*") {
		return errHelloScript
	}
	return nil
}

// certScript runs the script of the server that was chosen. When the default
// server has one, all must.
//
// See: ngx_http_lua_ssl_cert_handler.
func (c *conn) certScript() error {
	s := c.tls.server.scripts.cert
	if s == nil {
		if c.addr.tls.byServer[c.addr.defaultServer].scripts.cert == nil {
			return nil
		}
		c.rt.errorLog.conn(logAlert, c, "no ssl_certificate_by_lua* defined in server %s", c.tls.srv.name)
		return errCertScript
	}
	if !c.runSSL(s, c.tls.srv, "ssl_certificate_by_lua*") {
		return errCertScript
	}
	return nil
}

// runSSL runs a script of the handshake on a request of its own and tells
// whether the handshake goes on.
func (c *conn) runSSL(s *luacompat.Script, srv *virtualServer, context string) bool {
	r := c.newRequest()
	c.nc.Requests--
	defer r.free()
	r.srv, r.loc, r.sslContext = srv, srv.loc, context
	out, err := s.Run(r.context(), s.Phase(), r.forLua())
	return err == nil && (out.Kind != luacompat.ExitStatus || out.Status >= 0 && out.Status < 300)
}
