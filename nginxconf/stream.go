package nginxconf

import (
	"net"
	"strings"
	"time"
)

// Stream is stream{}: TCP proxies beside the HTTP servers.
type Stream struct {
	Pos       Pos
	Conf      StreamConf
	Servers   []*StreamServer
	Upstreams []*StreamUpstream
}

// StreamConf is the settings that stream{} and its servers share; a server
// takes what it does not set itself from stream{}.
type StreamConf struct {
	ProxyTimeout, ProxyConnectTimeout Opt[time.Duration]
	ProxySSL                          Opt[bool]
	Certificates, CertificateKeys     Opt[[]string]
	Protocols                         Opt[[]string]
	Ciphers                           Opt[string]
	HandshakeTimeout                  Opt[time.Duration]
}

// StreamServer is a server{} of stream{}.
type StreamServer struct {
	Pos     Pos
	Conf    StreamConf
	Listens []StreamListen
	// Pass is where connections go: an address, or the name of Upstream.
	Pass     Opt[string]
	Upstream *StreamUpstream
	Return   Opt[string] // text sent instead
}

// StreamListen is one listen of a server.
type StreamListen struct {
	Pos              Pos
	Network, Address string // tcp or unix
	SSL              bool
}

// StreamUpstream is an upstream{} of stream{}.
type StreamUpstream struct {
	Pos     Pos
	Name    string
	Servers []string // addresses, taken in turn
}

// streamLevel is where in stream{} the walk stands.
type streamLevel struct {
	stream *Stream
	conf   *StreamConf
	server *StreamServer
	up     *StreamUpstream
}

const ctxStream = CtxStream | CtxStreamServer

// streamRows is what is supported of the stream modules.
//
// See: https://nginx.org/en/docs/stream/ngx_stream_core_module.html
func streamRows() []moduleRows {
	list := func(name string, f func(*StreamConf) *Opt[[]string]) row {
		return custom(name, ctxStream, take1, func(b *build, n *Node) error {
			o := f(b.cur.stream.conf)
			o.V, o.Set, o.Pos = append(o.V, b.confName(n.Args[0])), true, n.Pos()
			return nil
		})
	}
	duration := func(name string, f func(*StreamConf) *Opt[time.Duration]) row {
		return custom(name, ctxStream, take1, func(b *build, n *Node) error {
			d, valid := parseMsec(n.Args[0])
			if !valid {
				return dirErr("invalid value")
			}
			return streamOnce(f(b.cur.stream.conf), d, n)
		})
	}
	return []moduleRows{
		{"ngx_stream", []row{blockOf("stream", CtxMain, noArgs, setStream)}},
		{"ngx_stream_core_module", []row{
			blockOf("server", CtxStream, noArgs, setStreamServer),
			custom("listen", CtxStreamServer, oneMore, setStreamListen),
		}},
		{"ngx_stream_proxy_module", []row{
			custom("proxy_pass", CtxStreamServer, take1, func(b *build, n *Node) error {
				if strings.Contains(n.Args[0], "$") {
					return b.emerg("variables in \"proxy_pass\" of a stream server are not supported")
				}
				return streamOnce(&b.cur.stream.server.Pass, n.Args[0], n)
			}),
			duration("proxy_timeout", func(c *StreamConf) *Opt[time.Duration] { return &c.ProxyTimeout }),
			duration("proxy_connect_timeout", func(c *StreamConf) *Opt[time.Duration] { return &c.ProxyConnectTimeout }),
			custom("proxy_ssl", ctxStream, flagArg, func(b *build, n *Node) error {
				on, err := b.onOff(n)
				if err != nil {
					return err
				}
				return streamOnce(&b.cur.stream.conf.ProxySSL, on, n)
			}),
		}},
		{"ngx_stream_return_module", []row{custom("return", CtxStreamServer, take1, func(b *build, n *Node) error {
			if strings.Contains(n.Args[0], "$") {
				return b.emerg("variables in \"return\" of a stream server are not supported")
			}
			return streamOnce(&b.cur.stream.server.Return, n.Args[0], n)
		})}},
		{"ngx_stream_ssl_module", []row{
			list("ssl_certificate", func(c *StreamConf) *Opt[[]string] { return &c.Certificates }),
			list("ssl_certificate_key", func(c *StreamConf) *Opt[[]string] { return &c.CertificateKeys }),
			duration("ssl_handshake_timeout", func(c *StreamConf) *Opt[time.Duration] { return &c.HandshakeTimeout }),
			custom("ssl_ciphers", ctxStream, take1, func(b *build, n *Node) error {
				return streamOnce(&b.cur.stream.conf.Ciphers, n.Args[0], n)
			}),
			custom("ssl_protocols", ctxStream, oneMore, func(b *build, n *Node) error {
				for _, a := range n.Args {
					if !contains(sslProtocols, a) {
						return b.emerg(`invalid value "%s"`, a)
					}
				}
				return streamOnce(&b.cur.stream.conf.Protocols, n.Args, n)
			}),
		}},
		{"ngx_stream_upstream", []row{
			blockOf("upstream", CtxStream, take1, setStreamUpstream),
			custom("server", CtxStreamUpstream, oneMore, setStreamPeer),
		}},
	}
}

// streamOnce sets a value that may be there once.
func streamOnce[T any](o *Opt[T], v T, n *Node) error {
	if o.Set {
		return errDuplicate
	}
	o.V, o.Set, o.Pos = v, true, n.Pos()
	return nil
}

func setStream(b *build, n *Node) error {
	if b.conf.Stream != nil {
		return errDuplicate
	}
	s := &Stream{Pos: n.Pos()}
	b.conf.Stream = s
	cur := b.cur
	cur.stream = &streamLevel{stream: s, conf: &s.Conf}
	if err := b.body(n, CtxStream, cur); err != nil {
		return err
	}
	return b.finishStream(s)
}

func setStreamServer(b *build, n *Node) error {
	s := &StreamServer{Pos: n.Pos()}
	b.cur.stream.stream.Servers = append(b.cur.stream.stream.Servers, s)
	cur := b.cur
	cur.stream = &streamLevel{stream: b.cur.stream.stream, conf: &s.Conf, server: s}
	if err := b.body(n, CtxStreamServer, cur); err != nil {
		return err
	}
	if len(s.Listens) == 0 {
		return b.emergAt(n.Pos(), `no "listen" is defined for server in %s:%d`, n.File, n.Line)
	}
	return nil
}

// setStreamListen follows ngx_stream_core_listen.
func setStreamListen(b *build, n *Node) error {
	l := StreamListen{Pos: n.Pos(), Network: "tcp", Address: n.Args[0]}
	host, port, err := net.SplitHostPort(n.Args[0])
	switch path, unix := strings.CutPrefix(n.Args[0], "unix:"); {
	case unix:
		l.Network, l.Address = "unix", path
	case err != nil:
		host, port = "", n.Args[0]
	}
	if l.Network == "tcp" {
		if p, ok := atoi(port); !ok || p < 1 || p > 65535 {
			return b.emerg(`invalid port in "%s" of the "listen" directive`, n.Args[0])
		}
		if host == "" || host == "*" {
			host = "0.0.0.0"
		}
		if net.ParseIP(host) == nil {
			return b.emerg(`host names in "listen" of a stream server are not supported: "%s"`, n.Args[0])
		}
		l.Address = net.JoinHostPort(host, port)
	}
	for _, a := range n.Args[1:] {
		if a != "ssl" {
			return b.emerg(`the parameter "%s" of "listen" is not supported in stream servers`, a)
		}
		l.SSL = true
	}
	for _, s := range b.cur.stream.stream.Servers {
		for _, o := range s.Listens {
			if o.Network == l.Network && o.Address == l.Address {
				return b.emerg(`duplicate "%s" address and port pair`, n.Args[0])
			}
		}
	}
	b.cur.stream.server.Listens = append(b.cur.stream.server.Listens, l)
	return nil
}

func setStreamUpstream(b *build, n *Node) error {
	u := &StreamUpstream{Pos: n.Pos(), Name: n.Args[0]}
	for _, o := range b.cur.stream.stream.Upstreams {
		if o.Name == u.Name {
			return b.emerg(`duplicate upstream "%s"`, u.Name)
		}
	}
	b.cur.stream.stream.Upstreams = append(b.cur.stream.stream.Upstreams, u)
	cur := b.cur
	cur.stream = &streamLevel{stream: b.cur.stream.stream, up: u}
	if err := b.body(n, CtxStreamUpstream, cur); err != nil {
		return err
	}
	if len(u.Servers) == 0 {
		return b.emergAt(n.Pos(), "no servers are inside upstream")
	}
	return nil
}

func setStreamPeer(b *build, n *Node) error {
	if len(n.Args) > 1 {
		return b.emerg(`the parameter "%s" of "server" is not supported in stream upstreams`, n.Args[1])
	}
	u := b.cur.stream.up
	if !streamAddress(n.Args[0]) {
		return b.emerg(`no port in upstream "%s"`, n.Args[0])
	}
	u.Servers = append(u.Servers, n.Args[0])
	return nil
}

// streamAddress tells an address with a port from a name.
func streamAddress(s string) bool {
	if strings.HasPrefix(s, "unix:") {
		return len(s) > len("unix:")
	}
	_, port, err := net.SplitHostPort(s)
	p, number := atoi(port)
	return err == nil && number && p > 0 && p < 65536
}

// finishStream resolves what proxy_pass names and passes settings on.
func (b *build) finishStream(s *Stream) error {
	for _, v := range s.Servers {
		inheritStream(&s.Conf, &v.Conf)
		for _, u := range s.Upstreams {
			if v.Pass.Set && u.Name == v.Pass.V {
				v.Upstream = u
			}
		}
		switch {
		case v.Pass.Set && v.Upstream == nil && !streamAddress(v.Pass.V):
			return b.emergAt(v.Pass.Pos, `no port in upstream "%s"`, v.Pass.V)
		case !v.Pass.Set && !v.Return.Set:
			return b.emergAt(v.Pos, "no handler for server")
		}
		for _, l := range v.Listens {
			switch {
			case !l.SSL:
			case len(v.Conf.Certificates.V) == 0:
				return b.emergAt(l.Pos, `no "ssl_certificate" is defined for the "listen ... ssl" directive in %s:%d`, l.Pos.File, l.Pos.Line)
			case len(v.Conf.CertificateKeys.V) < len(v.Conf.Certificates.V):
				return b.emergAt(l.Pos, `no "ssl_certificate_key" is defined for certificate "%s"`, v.Conf.Certificates.V[len(v.Conf.Certificates.V)-1])
			}
		}
	}
	return nil
}

func inheritStream(p, c *StreamConf) {
	take := func(set bool, f func()) {
		if !set {
			f()
		}
	}
	take(c.ProxyTimeout.Set, func() { c.ProxyTimeout = p.ProxyTimeout })
	take(c.ProxyConnectTimeout.Set, func() { c.ProxyConnectTimeout = p.ProxyConnectTimeout })
	take(c.ProxySSL.Set, func() { c.ProxySSL = p.ProxySSL })
	take(c.Certificates.Set, func() { c.Certificates = p.Certificates })
	take(c.CertificateKeys.Set, func() { c.CertificateKeys = p.CertificateKeys })
	take(c.Protocols.Set, func() { c.Protocols = p.Protocols })
	take(c.Ciphers.Set, func() { c.Ciphers = p.Ciphers })
	take(c.HandshakeTimeout.Set, func() { c.HandshakeTimeout = p.HandshakeTimeout })
	for _, d := range []struct {
		o *Opt[time.Duration]
		v time.Duration
	}{{&c.ProxyTimeout, 10 * time.Minute}, {&c.ProxyConnectTimeout, time.Minute}, {&c.HandshakeTimeout, time.Minute}} {
		if !d.o.Set {
			d.o.V = d.v
		}
	}
	if !c.Protocols.Set {
		c.Protocols.V = []string{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}
	}
	if !c.Ciphers.Set {
		c.Ciphers.V = "HIGH:!aNULL:!MD5"
	}
}
