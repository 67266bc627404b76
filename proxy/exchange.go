package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"huidu/luacompat"
	"huidu/proxy/netconn"
)

// Exchange is a request that reaches a Server without a listener.
type Exchange struct {
	Raw    []byte         // as it would come over the wire: head and body
	Client netip.AddrPort // $remote_addr and $remote_port; invalid takes 127.0.0.1:50000
	// Listen is the address whose servers are asked: as in the configuration, or
	// just its port; "" takes that of the first server.
	Listen string
}

// Decision says how a request was decided.
type Decision struct {
	Server   string // server_name, the first one written
	Location string // the last one, as written: "/a", "= /a", "~ \.php$", "@name"
	Upstream string // the upstream block, or host:port of a proxy_pass; "" for none
	Peer     string // its server that was asked last, as written
	Status   int    // 0: closed without a response
}

// Exchange runs one request through the phases on the caller's goroutine and
// returns the bytes that the client would have got. It returns when the request
// has been logged. A TLS address is asked as if the handshake had been made.
// When ctx ends, the client goes away and running handlers end.
func (s *Server) Exchange(ctx context.Context, x Exchange) (wire []byte, d Decision, err error) {
	rt := s.router.Load()
	key, addr, local, err := rt.addrNamed(x.Listen)
	if err != nil {
		return nil, d, err
	}
	if !x.Client.IsValid() {
		x.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 50000)
	}
	near, far := net.Pipe()
	nc := netconn.Wrap(&namedPipe{Conn: near, local: local, remote: x.Client})
	c := &conn{s: s, nc: nc, key: key, rt: rt, addr: addr, decided: &d, ctx: ctx, worker: int(s.nextConn.Add(1)-1) % int(s.workers.Load())}
	if addr.ssl {
		c.tls = &tlsState{srv: addr.defaultServer, verify: "NONE", cs: tls.ConnectionState{
			Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, HandshakeComplete: true}}
	}
	stop := context.AfterFunc(ctx, func() {
		near.Close()
		far.Close()
		c.abort()
	})
	defer stop()
	go func() { _, _ = far.Write(x.Raw) }() // ends with the connection
	answer := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(far)
		answer <- b
	}()
	c.serveOne(time.Minute)
	near.Close()
	wire = <-answer
	far.Close()
	return wire, d, context.Cause(ctx)
}

// decide tells the connection's Decision how its request ended.
func (r *Request) decide(d *Decision) {
	*d = Decision{Server: r.srv.name, Location: r.loc.title(), Status: r.out.status}
	if st := r.up; st != nil {
		d.Upstream, d.Peer = strings.Clone(st.host), strings.Clone(st.peerName)
		if st.group != nil {
			d.Upstream = st.group.Name
		}
	}
}

// EvalLua runs Lua in the first worker, see luacompat.Runtime.Eval.
func (s *Server) EvalLua(ctx context.Context, name string, source []byte, args ...any) ([]any, error) {
	return s.lua().Eval(ctx, name, source, args...)
}

// ClockMoved tells the scripts' timers that Options.Now jumped.
func (s *Server) ClockMoved() {
	if lua := s.lua(); lua != nil {
		lua.ClockMoved()
	}
}

func (s *Server) lua() *luacompat.Runtime { return s.router.Load().lua }
