package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"huidu/proxy/netconn"
	"huidu/proxy/trace"
)

// ExplainRequest is a request to be explained.
type ExplainRequest struct {
	Raw    []byte     // as it would come over the wire: head and body
	Method string     // of Raw, to read the answer by
	Client netip.Addr // $remote_addr; invalid takes 127.0.0.1
	// Listen is the address whose servers are asked, as in the configuration
	// or just its port; "" takes that of the first server.
	Listen string
	// Status is what upstreams are assumed to answer; 0 is 200.
	Status int
}

// explainBody bounds how much of the gateway's own answer a trace shows.
const explainBody = 2 << 10

// Explain runs a request through the phases without a listener and without
// asking upstreams, and tells how it was decided. The Server was made with
// Options.Explain and has been started.
func (s *Server) Explain(ctx context.Context, q ExplainRequest) (*trace.Trace, error) {
	if !s.opts.Explain {
		return nil, errors.New("the server was not made to explain requests")
	}
	rt := s.router.Load()
	key, addr, local, err := rt.addrNamed(q.Listen)
	if err != nil {
		return nil, err
	}
	if !q.Client.IsValid() {
		q.Client = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if q.Status == 0 {
		q.Status = http.StatusOK
	}
	rec := trace.NewRecorder()
	near, far := net.Pipe()
	nc := netconn.Wrap(&namedPipe{Conn: near, local: local, remote: netip.AddrPortFrom(q.Client, explainPort)})
	c := &conn{s: s, nc: nc, key: key, rt: rt, addr: addr, explain: &tracing{rec: rec, dry: &dryRun{status: q.Status}}}
	if addr.ssl {
		c.tls = &tlsState{srv: addr.defaultServer, verify: "SUCCESS", cs: tls.ConnectionState{
			Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, HandshakeComplete: true}}
		rec.Caveat("there was no TLS handshake: a client certificate that is asked for counts as valid")
	}
	stop := context.AfterFunc(ctx, func() { near.Close(); far.Close() })
	defer stop()
	go func() { _, _ = far.Write(q.Raw) }() // ends with the connection
	answer := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(far, 1<<20))
		_, _ = io.Copy(io.Discard, far)
		answer <- b
	}()
	c.serveOne(time.Minute)
	near.Close()
	body := <-answer
	far.Close()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("explain: %w", context.Cause(ctx))
	}
	rec.Edit(func(t *trace.Trace) { answered(t, body, q.Method) })
	return rec.Trace(), nil
}

// explainPort is the client's port in requests that are only explained.
const explainPort = 50000

// answered completes a trace with what came over the wire.
func answered(t *trace.Trace, wire []byte, method string) {
	d := &t.Decision
	if len(wire) == 0 {
		d.Closed, d.Status = true, 0
		return
	}
	resp, body, err := readAnswer(wire, method)
	if err != nil { // HTTP/0.9, or a script's own bytes
		d.Body = shorten(string(wire))
		return
	}
	d.Status = resp.StatusCode
	if d.Upstream == "" {
		d.Body = shorten(body)
	}
}

// readAnswer reads the final response to a request. Of a body that breaks off
// it returns what there is.
func readAnswer(wire []byte, method string) (*http.Response, string, error) {
	br := bufio.NewReader(bytes.NewReader(wire))
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return nil, "", err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			body, _ := io.ReadAll(resp.Body)
			return resp, string(body), nil
		}
	}
}

func shorten(s string) string {
	if len(s) > explainBody {
		s = s[:explainBody] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// addrNamed finds the address that listen names, and an address that a
// connection to it would have at this end.
func (rt *Router) addrNamed(listen string) (key string, a *addrConf, local netip.AddrPort, err error) {
	if len(rt.sockets) == 0 {
		return "", nil, local, errors.New("the configuration has no server")
	}
	if listen == "" {
		listen = rt.cfg.HTTP.Servers[0].Listens[0].Address
	}
	for _, s := range rt.sockets {
		if a, local, found := s.named(listen); found {
			return s.key(), a, local, nil
		}
	}
	var have []string
	for _, s := range rt.sockets {
		have = append(have, listenName(s))
	}
	return "", nil, local, fmt.Errorf("nothing listens on %s; there is %s", listen, strings.Join(have, ", "))
}

// named tells whether listen means the socket, or one of the addresses that
// share it: an address with port, a port, or a unix socket.
func (s *socketConf) named(listen string) (a *addrConf, local netip.AddrPort, found bool) {
	if s.network == "unix" {
		return s.wildcard, local, strings.TrimPrefix(listen, "unix:") == s.address
	}
	at, err := netip.ParseAddrPort(s.address)
	if err != nil {
		return nil, local, false
	}
	loopback := func(ip netip.Addr) netip.Addr {
		switch {
		case !ip.IsUnspecified():
			return ip
		case ip.Is4():
			return netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		return netip.IPv6Loopback()
	}
	local = netip.AddrPortFrom(loopback(at.Addr()), at.Port())
	if listen == s.address || listen == strconv.Itoa(int(at.Port())) || listen == local.String() {
		if s.wildcard != nil {
			return s.wildcard, local, true
		}
	}
	for _, a := range s.addrs {
		one := netip.AddrPortFrom(a.addr, at.Port())
		if one.String() == listen || listen == strconv.Itoa(int(at.Port())) {
			return a, one, true
		}
	}
	return nil, local, false
}

// namedPipe is one end of a pipe with the addresses of a TCP connection.
type namedPipe struct {
	net.Conn
	local, remote netip.AddrPort
}

func (p *namedPipe) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(p.local) }
func (p *namedPipe) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(p.remote) }
