package proxy

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"

	"huidu/luacompat"
	"huidu/nginxconf"
)

// sslScripts are the scripts of a server that run in its TLS handshakes.
type sslScripts struct{ hello, cert, fetch, store *luacompat.Script }

func (s *sslScripts) any() bool { return s.hello != nil || s.cert != nil || s.sessions() }

// sessions tells whether scripts keep the sessions.
func (s *sslScripts) sessions() bool { return s.fetch != nil || s.store != nil }

// Handshakes that a script ended, in OpenSSL's words.
var (
	errHelloScript = errors.New("error:0A0000EA:SSL routines::callback failed")
	errCertScript  = errors.New("error:0A000179:SSL routines::cert cb error")
	errNoProtocol  = errors.New("error:0A0000BF:SSL routines::no protocols available")
	errNoCert      = errors.New("error:0A0000C1:SSL routines::no shared cipher")
)

// sslScripts compiles the scripts of TLS handshakes.
//
// See: https://github.com/openresty/lua-nginx-module#ssl_certificate_by_lua_block
func (c *compiler) sslScripts(s *virtualServer) (out sslScripts, err error) {
	k := s.conf.Srv
	for _, p := range []struct {
		code  *nginxconf.LuaCode
		phase luacompat.Phase
		to    **luacompat.Script
	}{
		{k.LuaClientHello, luacompat.PhaseSSLClientHello, &out.hello},
		{k.LuaSSLCertificate, luacompat.PhaseSSLCertificate, &out.cert},
		{k.LuaSSLSessionFetch, luacompat.PhaseSSLSessionFetch, &out.fetch},
		{k.LuaSSLSessionStore, luacompat.PhaseSSLSessionStore, &out.store},
	} {
		if *p.to, err = c.script(p.code, p.phase); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Where things are in the first bytes of a TLS connection: a record's header,
// a handshake message's, the version, the random.
const (
	recordHeader = 5
	helloRandom  = recordHeader + 4 + 2
	maxRecord    = recordHeader + 1<<14
)

// readHello reads the first record, which has the client's hello, so that
// scripts may look into it.
func (c *conn) readHello() bool {
	for {
		b := c.nc.Buffered()
		if len(b) >= recordHeader {
			if n := recordHeader + int(b[3])<<8 + int(b[4]); len(b) >= n || n > maxRecord {
				c.luaHandshake().RawHello = append([]byte{}, b[recordHeader:min(n, len(b))]...)
				return true
			}
		}
		if _, err := c.nc.Fill(maxRecord); err != nil {
			c.handshakeFailed(err)
			return false
		}
	}
}

// luaHandshake is the connection's TLS as scripts see it.
func (c *conn) luaHandshake() *luacompat.Handshake {
	t := c.tls
	if t.lua == nil {
		nc := c.nc.NetConn()
		t.lua = &luacompat.Handshake{
			Local: nc.LocalAddr(), Remote: nc.RemoteAddr(), ClientRandom: t.random[:], VerifyDepth: t.server.depth,
		}
		if t.cs.HandshakeComplete {
			t.lua.State, t.lua.ServerName = &t.cs, t.cs.ServerName
		}
	}
	if t.hello != nil && t.lua.Hello == nil {
		t.lua.Hello, t.lua.ServerName = t.hello, t.hello.ServerName
	}
	return t.lua
}

// Handshake implements luacompat.TLSRequest.
func (q *luaRequest) Handshake() *luacompat.Handshake {
	c := q.r.main.conn
	if c == nil || c.tls == nil || c.tls.plain {
		return nil
	}
	return c.luaHandshake()
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

// certScript runs the script of the server that was chosen and does what it
// asked for. When the default server has one, all must.
//
// See: ngx_http_lua_ssl_cert_handler.
func (c *conn) certScript(cfg *tls.Config) error {
	s := c.tls.server.scripts.cert
	if s == nil {
		if c.addr.tls.byServer[c.addr.defaultServer].scripts.cert == nil {
			return nil
		}
		c.rt.errorLog.conn(logAlert, c, "no ssl_certificate_by_lua* defined in server %s", c.tls.srv.name)
		return errCertScript
	}
	h := c.luaHandshake()
	h.Version, h.VerifyDepth = negotiated(c.tls.hello, cfg), c.tls.server.depth
	if !c.runSSL(s, c.tls.srv, "ssl_certificate_by_lua*") {
		return errCertScript
	}
	if h.VerifyClient {
		cfg.ClientAuth = tls.RequestClientCert
		if h.Authorities != nil {
			cfg.ClientCAs = x509.NewCertPool()
			for _, ca := range h.Authorities {
				cfg.ClientCAs.AddCert(ca)
			}
		}
	}
	if h.Cleared || h.Chain != nil || h.Key != nil || h.Staple != nil {
		configured := cfg.GetCertificate
		cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return scriptCertificate(h, hello, configured)
		}
	}
	return nil
}

// negotiated is the version that the handshake will agree on.
func negotiated(h *tls.ClientHelloInfo, cfg *tls.Config) (v uint16) {
	lo, hi := max(cfg.MinVersion, tls.VersionTLS10), cfg.MaxVersion
	if hi == 0 {
		hi = tls.VersionTLS13
	}
	for _, s := range h.SupportedVersions {
		if s >= lo && s <= hi {
			v = max(v, s)
		}
	}
	return v
}

// scriptCertificate is the certificate that a script chose, or the configured
// one where it chose none, with the OCSP response that it set.
func scriptCertificate(h *luacompat.Handshake, hello *tls.ClientHelloInfo,
	configured func(*tls.ClientHelloInfo) (*tls.Certificate, error)) (*tls.Certificate, error) {
	var cert *tls.Certificate
	if !h.Cleared {
		if own, err := configured(hello); err == nil {
			copied := *own
			cert = &copied
		}
	}
	switch {
	case h.Chain != nil:
		key := h.Key
		if key == nil && cert != nil { // the configured key may fit
			key = cert.PrivateKey
		}
		if cert = pair(h.Chain, key); cert == nil {
			return nil, errNoCert
		}
	case cert == nil:
		return nil, errNoCert
	case h.Key != nil:
		if own := pair(cert.Certificate, h.Key); own != nil {
			cert = own
		}
	}
	if h.Staple != nil {
		cert.OCSPStaple = h.Staple
	}
	return cert, nil
}

// pair makes a certificate of a chain and its key; nil when they do not fit.
func pair(chain [][]byte, key any) *tls.Certificate {
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil || key == nil {
		return nil
	}
	pub, can := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	signer, signs := key.(crypto.Signer)
	if !signs || can && !pub.Equal(signer.Public()) {
		return nil
	}
	return &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}
}

// storeScript hands a new session to ssl_session_store_by_lua*.
//
// See: ngx_http_lua_ssl_sess_store_handler.
func (c *conn) storeScript(id, data []byte) {
	h := c.luaHandshake()
	h.SessionID, h.Session = id, data
	c.runSSL(c.addr.tls.byServer[c.addr.defaultServer].scripts.store, c.addr.defaultServer, "ssl_session_store_by_lua*")
}

// fetchScript asks ssl_session_fetch_by_lua* for a session; nil: it has none.
// How the script ends does not matter.
//
// See: ngx_http_lua_ssl_sess_fetch_handler.
func (c *conn) fetchScript(id []byte) *tls.SessionState {
	h := c.luaHandshake()
	h.SessionID, h.Session, h.Fetched = id, nil, nil
	c.runSSL(c.addr.tls.byServer[c.addr.defaultServer].scripts.fetch, c.addr.defaultServer, "ssl_session_fetch_by_lua*")
	return h.Fetched
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
