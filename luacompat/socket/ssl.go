package socket

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// handshaken is the TLS of a connection, which it keeps in its pool.
type handshaken struct {
	session *lua.LUserData // what sslhandshake returned
}

// session is what sslhandshake returns: TLS sessions to be resumed. Whatever
// name a later handshake asks for, it offers the same session, as OpenSSL does.
type session struct{ cache tls.ClientSessionCache }

// CData marks the session as one of LuaJIT's cdata.
func (*session) CData() {}

func (s *session) Get(string) (*tls.ClientSessionState, bool)  { return s.cache.Get("") }
func (s *session) Put(_ string, state *tls.ClientSessionState) { s.cache.Put("", state) }

// sslHandshake is tcpsock:sslhandshake(reused_session, server_name,
// ssl_verify, send_status_req). It returns a session to be passed to later
// handshakes, or true when reused_session is false.
//
// Differs: OCSP stapling is always asked for.
//
// See: https://github.com/openresty/lua-nginx-module#tcpsocksslhandshake
func (s *tcp) sslHandshake(L *lua.LState) int {
	if n := L.GetTop(); n > 5 {
		return s.m.raise(L, "ngx.socket sslhandshake: expecting 1 ~ 5 arguments (including the object), but seen %d", n)
	}
	if s.conn == nil || s.readClosed || s.writeClosed {
		return s.sslClosed(L)
	}
	s.own(L)
	if r := s.busy(L, true, true); r > 0 {
		return r
	}
	if s.kind != plain {
		return fail(L, "not supported for downstream")
	}
	old := L.Get(2)
	if s.tls != nil {
		return s.sslResult(L, old)
	}
	name, _ := L.Get(3).(lua.LString)
	conf := s.conf()
	c, err := conf.TLSConfig(string(name), lua.LVAsBool(L.Get(4)))
	if err != nil {
		return fail(L, err.Error())
	}
	ud, _ := old.(*lua.LUserData)
	var kept *session
	if ud != nil {
		kept, _ = ud.Value.(*session)
	}
	if kept == nil && old != lua.LFalse {
		kept = &session{tls.NewLRUClientSessionCache(1)}
		ud = L.NewUserData()
		ud.Value = kept
	}
	if kept != nil {
		c.ClientSessionCache = kept
	}
	if s.clientCert != nil {
		cert := s.clientCert
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	// What came with the data before the handshake belongs to it.
	conn := tls.Client(&prefixed{Conn: s.conn, rest: s.in.buffered()}, c)
	t := s.m.vm.Cur()
	s.reading, s.writing = true, true
	plainConn := s.conn
	s.wait(t.Ctx, func() {
		plainConn.SetDeadline(time.Now().Add(conf.Connect))
		err = conn.Handshake()
		plainConn.SetDeadline(time.Time{})
	})
	s.reading, s.writing = false, false
	s.left(t)
	if err != nil {
		s.logHandshake(&conf, err, string(name))
		s.hangUp()
		return fail(L, HandshakeWords(err))
	}
	s.conn = conn
	s.in = input{conn: conn}
	s.tls = &handshaken{session: ud}
	return s.sslResult(L, old)
}

func (s *tcp) sslClosed(L *lua.LState) int {
	c := s.conf()
	if c.LogErrors && s.m.env.Log != nil {
		s.m.env.Log(s.m.vm.Cur(), logErr, "attempt to do ssl handshake on a closed socket")
	}
	return fail(L, "closed")
}

func (s *tcp) sslResult(L *lua.LState, old lua.LValue) int {
	switch {
	case old == lua.LFalse:
		L.Push(lua.LTrue)
	case s.tls.session != nil:
		L.Push(s.tls.session)
	default:
		L.Push(lua.LNil)
	}
	return 1
}

func (s *tcp) logHandshake(c *Conf, err error, name string) {
	if !c.LogErrors || s.m.env.Log == nil {
		return
	}
	t := s.m.vm.Cur()
	var v *verifyError
	switch {
	case errors.As(err, &v) && v.msg == hostMismatch:
		s.m.env.Log(t, logErr, `lua ssl certificate does not match host "`+name+`"`)
	case v != nil:
		s.m.env.Log(t, logErr, "lua ssl certificate verify error: ("+v.msg+")")
	case Words(err) == "timeout":
		s.m.env.Log(t, logErr, "lua ssl handshake timed out")
	case !errors.Is(err, io.EOF):
		s.m.env.Log(t, logErr, "SSL_do_handshake() failed (SSL: "+openSSLWords(err)+")")
	}
}

// setClientCert is tcpsock:setclientcert(cert, key) with what ngx.ssl's
// parse_pem_cert and parse_pem_priv_key gave; nil takes them away.
//
// See: https://github.com/openresty/lua-nginx-module#tcpsocksetclientcert
func (s *tcp) setClientCert(L *lua.LState) int {
	cert, key := L.Get(2), L.Get(3)
	switch {
	case !lua.LVAsBool(cert) && !lua.LVAsBool(key):
		s.clientCert = nil
		L.Push(lua.LTrue)
		return 1
	case !lua.LVAsBool(cert) || !lua.LVAsBool(key):
		return fail(L, "client certificate must be supplied with corresponding private key")
	}
	chain, ok := cdata[interface{ Certificates() []*x509.Certificate }](cert)
	if !ok {
		return fail(L, "bad cert arg: cdata expected, got "+cdataName(cert))
	}
	private, ok := cdata[interface{ PrivateKey() crypto.PrivateKey }](key)
	if !ok {
		return fail(L, "bad pkey arg: cdata expected, got "+cdataName(key))
	}
	c := &tls.Certificate{PrivateKey: private.PrivateKey()}
	for _, x := range chain.Certificates() {
		c.Certificate = append(c.Certificate, x.Raw)
	}
	signer, signs := c.PrivateKey.(crypto.Signer)
	pub, can := chain.Certificates()[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !signs || can && !pub.Equal(signer.Public()) {
		return fail(L, "SSL_use_PrivateKey() failed")
	}
	s.clientCert = c
	L.Push(lua.LTrue)
	return 1
}

// cdata is what a userdata holds, if it is a T.
func cdata[T any](v lua.LValue) (out T, ok bool) {
	if ud, is := v.(*lua.LUserData); is {
		out, ok = ud.Value.(T)
	}
	return out, ok
}

func cdataName(v lua.LValue) string {
	if _, is := cdata[stdlib.CData](v); is {
		return "cdata"
	}
	return v.Type().String()
}

// prefixed is a connection some of whose data has been read.
type prefixed struct {
	net.Conn
	rest []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.rest) > 0 {
		n := copy(b, p.rest)
		p.rest = p.rest[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// NetConn is the connection underneath.
func (p *prefixed) NetConn() net.Conn { return p.Conn }
