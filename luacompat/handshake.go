package luacompat

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"net"

	lua "github.com/yuin/gopher-lua"
)

// Handshake is the TLS side of a client's connection: what ngx.ssl tells
// scripts, and what scripts of the handshake have asked for. The host makes
// one for a connection and acts on the second half after each script.
type Handshake struct {
	Hello        *tls.ClientHelloInfo
	RawHello     []byte // the handshake message, where a script may look into it
	ClientRandom []byte
	ServerName   string
	Version      uint16 // 0: not known yet
	Local        net.Addr
	Remote       net.Addr
	State        *tls.ConnectionState // nil before the end of the handshake
	VerifyDepth  int                  // ssl_verify_depth

	SessionID []byte            // of the session that is fetched or stored
	Session   []byte            // the session that is stored
	Fetched   *tls.SessionState // set_serialized_session

	MinVersion, MaxVersion uint16 // set_protocols; 0: as configured
	NoProtocol             bool   // set_protocols with none
	Cleared                bool   // clear_certs
	Chain                  [][]byte
	Key                    crypto.PrivateKey
	Staple                 []byte
	VerifyClient           bool // verify_client, with depth and authorities
	Depth                  int
	Authorities            []*x509.Certificate // nil: as configured

	ctx *lua.LTable // ngx.ctx of the handshake's scripts
}

// TLSRequest is a Request that knows the TLS of its connection.
type TLSRequest interface {
	// Handshake is nil when the connection is not TLS.
	Handshake() *Handshake
}

// handshake is the TLS of the running handler's connection, or nil.
func (h *handler) handshake() *Handshake {
	if q, ok := h.req.(TLSRequest); ok {
		return q.Handshake()
	}
	return nil
}

// sslAPI makes a function of ngx.ssl out of one that needs a handshake;
// results says how many nils come before the message.
func sslAPI(name string, nils int, fn func(h *handler, hs *Handshake, L *lua.LState) int) plain {
	return plain{name, func(w *Worker, L *lua.LState) int {
		h := w.cur()
		if h == nil || h.req == nil {
			L.RaiseError(msgNoRequest)
		}
		hs := h.handshake()
		if hs == nil {
			for range nils - 1 {
				L.Push(lua.LNil)
			}
			return nils - 1 + fail(L, "bad request")
		}
		return fn(h, hs, L)
	}}
}
