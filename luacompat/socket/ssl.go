package socket

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	lua "github.com/yuin/gopher-lua"
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
		s.m.env.Log(t, logErr, "SSL_do_handshake() failed ("+err.Error()+")")
	}
}

// setClientCert is tcpsock:setclientcert(cert, key). Certificates come as
// cdata in ngx_lua, which scripts cannot have here; nil takes them away.
//
// See: https://github.com/openresty/lua-nginx-module#tcpsocksetclientcert
func (s *tcp) setClientCert(L *lua.LState) int {
	cert, key := L.Get(2), L.Get(3)
	switch {
	case !lua.LVAsBool(cert) && !lua.LVAsBool(key):
		L.Push(lua.LTrue)
		return 1
	case !lua.LVAsBool(cert) || !lua.LVAsBool(key):
		return fail(L, "client certificate must be supplied with corresponding private key")
	}
	return fail(L, "bad cert arg: cdata expected, got "+cert.Type().String())
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
