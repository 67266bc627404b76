package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"huidu/luacompat"
	"huidu/nginxconf"
	"huidu/proxy/netconn"
	"huidu/proxy/tlsconf"
)

// tlsConf is the TLS side of one address: the server's settings are chosen by
// SNI, the default server's when there is none.
type tlsConf struct {
	byServer map[*virtualServer]*serverTLS
	base     *tls.Config
	sessions *sessionConf
	scripted bool // some server has scripts of the handshake
}

// serverTLS is one server block's ssl_* compiled.
type serverTLS struct {
	config    *tls.Config
	certs     []*tls.Certificate // nil: the files' names have variables
	certNames []certName
	verify    string // off, on, optional, optional_no_ca
	depth     int
	roots     *x509.CertPool // ssl_client_certificate and ssl_trusted_certificate
	inter     []*x509.Certificate
	crl       *tlsconf.CRL
	reject    bool
	dynamic   bool // certificates are loaded per handshake
	scripts   sslScripts
	ocsp      *ocspConf
	staples   map[*tls.Certificate]*staple
	id        string // tells its sessions from other servers'
}

type certName struct {
	cert, key value
	passwords []string
}

// tlsState is what the handshake of a connection found out.
type tlsState struct {
	cs     tls.ConnectionState
	named  bool // the name that the client asked for is a server's
	plain  bool // plain HTTP spoken to a TLS port
	srv    *virtualServer
	server *serverTLS
	verify string // $ssl_client_verify
	hello  *tls.ClientHelloInfo

	sessionID string // $ssl_session_id
	random    [32]byte
	lua       *luacompat.Handshake // nil: no script has asked for it
}

// tlsFor compiles the TLS settings of an address.
func (c *compiler) tlsFor(a *addrConf) error {
	if !a.ssl {
		return nil
	}
	a.tls = &tlsConf{byServer: map[*virtualServer]*serverTLS{}}
	for _, s := range a.servers {
		st, err := c.serverTLS(s)
		if err != nil {
			return err
		}
		a.tls.byServer[s] = st
		a.tls.scripted = a.tls.scripted || st.scripts.any()
		protos := []string{"http/1.1", "http/1.0", "http/0.9"}
		if a.http2 {
			protos = append([]string{"h2"}, protos...)
		}
		st.config = st.config.Clone()
		st.config.NextProtos = protos
	}
	k := a.defaultServer.conf.Srv.SSL
	a.tls.sessions = c.sessions(k)
	a.tls.base = a.tls.byServer[a.defaultServer].config.Clone()
	a.tls.base.SessionTicketsDisabled = !k.SessionTickets.V && a.tls.sessions.cache == nil && !a.tls.byServer[a.defaultServer].scripts.sessions()
	a.tls.base.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		return h.Context().Value(connKey{}).(*conn).configFor(h)
	}
	return nil
}

// serverTLS compiles ssl_* of one server, once per configuration.
func (c *compiler) serverTLS(s *virtualServer) (*serverTLS, error) {
	if st := c.tlsServers[s]; st != nil {
		copied := *st
		return &copied, nil
	}
	k := s.conf.Srv.SSL
	st := &serverTLS{verify: k.VerifyClient.V, depth: k.VerifyDepth.V, reject: k.RejectHandshake.V}
	st.id = strconv.Itoa(len(c.tlsServers))
	cfg := &tls.Config{}
	lo, hi, _ := tlsconf.Protocols(k.Protocols.V)
	cfg.MinVersion, cfg.MaxVersion = lo, hi
	var err error
	if cfg.CipherSuites, err = tlsconf.Ciphers(k.Ciphers.V); err != nil {
		return nil, err
	}
	if cfg.CurvePreferences, err = tlsconf.Curves(k.ECDHCurve.V); err != nil {
		return nil, err
	}
	if err = tlsconf.Commands(cfg, k.ConfCommand.V); err != nil {
		return nil, errAt(k.ConfCommand.Pos, "%v", err)
	}
	if err = c.certificates(st, k); err != nil {
		return nil, err
	}
	if err = c.clientCAs(st, cfg, k); err != nil {
		return nil, err
	}
	if st.ocsp, err = c.ocsp(s); err != nil {
		return nil, err
	}
	if err = c.stapling(st, s); err != nil {
		return nil, err
	}
	if err = ticketKeys(cfg, k); err != nil {
		return nil, err
	}
	if st.scripts, err = c.sslScripts(s); err != nil {
		return nil, err
	}
	cfg.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := st.certificate(c.rt, s, h)
		if p := st.staples[cert]; p != nil {
			cert = p.certificate()
		}
		return cert, err
	}
	st.config = cfg
	if c.tlsServers == nil {
		c.tlsServers = map[*virtualServer]*serverTLS{}
	}
	c.tlsServers[s] = st
	copied := *st
	return &copied, nil
}

// certificates loads the server's certificates, or compiles their names.
func (c *compiler) certificates(st *serverTLS, k *nginxconf.SSLSrv) error {
	passwords, err := tlsconf.Passwords(k.PasswordFile.V)
	if err != nil {
		return errAt(k.PasswordFile.Pos, "open() %q failed (%s)", k.PasswordFile.V, errnoText(err))
	}
	for i := range k.Certificate.V {
		if i >= len(k.CertificateKey.V) {
			return errAt(k.Certificate.Pos, "no \"ssl_certificate_key\" is defined for certificate %q", k.Certificate.V[i].Text)
		}
		cert, err := c.value(k.Certificate.V[i], k.Certificate.Pos)
		if err != nil {
			return err
		}
		key, err := c.value(k.CertificateKey.V[i], k.CertificateKey.Pos)
		if err != nil {
			return err
		}
		st.certNames = append(st.certNames, certName{cert: cert, key: key, passwords: passwords})
		if !cert.isLiteral() || !key.isLiteral() {
			st.dynamic = true
			continue
		}
		pair, err := tlsconf.LoadPair(cert.lit, key.lit, passwords)
		if err != nil {
			return err
		}
		st.certs = append(st.certs, pair)
	}
	return nil
}

func (c *compiler) clientCAs(st *serverTLS, cfg *tls.Config, k *nginxconf.SSLSrv) error {
	if k.CRL.V != "" {
		crl, err := tlsconf.LoadCRL(k.CRL.V)
		if err != nil {
			return errAt(k.CRL.Pos, "%v", err)
		}
		st.crl = crl
	}
	if k.VerifyClient.V == "" || k.VerifyClient.V == "off" {
		return nil
	}
	cfg.ClientAuth = tls.RequestClientCert
	cfg.ClientCAs = x509.NewCertPool()
	var all []*x509.Certificate
	for i, file := range []string{k.ClientCertificate.V, k.TrustedCertificate.V} {
		if file == "" {
			continue
		}
		cas, err := tlsconf.LoadCAs(file)
		if err != nil {
			return err
		}
		all = append(all, cas...)
		for _, ca := range cas {
			if i == 0 {
				cfg.ClientCAs.AddCert(ca)
			}
		}
	}
	st.roots, st.inter = trust(all)
	return nil
}

// trust parts authorities into roots and others: OpenSSL builds chains up to a
// self-signed root.
func trust(cas []*x509.Certificate) (roots *x509.CertPool, inter []*x509.Certificate) {
	roots = x509.NewCertPool()
	for _, ca := range cas {
		if bytes.Equal(ca.RawSubject, ca.RawIssuer) {
			roots.AddCert(ca)
		} else {
			inter = append(inter, ca)
		}
	}
	return roots, inter
}

// ticketKeys loads ssl_session_ticket_key: files of 48 or 80 bytes.
func ticketKeys(cfg *tls.Config, k *nginxconf.SSLSrv) error {
	var keys [][32]byte
	for _, file := range k.SessionTicketKey.V {
		b, err := os.ReadFile(file)
		if err != nil {
			return errAt(k.SessionTicketKey.Pos, "open() %q failed (%s)", file, errnoText(err))
		}
		if len(b) != 48 && len(b) != 80 {
			return errAt(k.SessionTicketKey.Pos, "%q must be 48 or 80 bytes", file)
		}
		keys = append(keys, [32]byte(tlsconf.Digest(b)))
	}
	if len(keys) > 0 {
		cfg.SetSessionTicketKeys(keys)
	}
	return nil
}

// certificate chooses what to show the client.
func (st *serverTLS) certificate(rt *Router, s *virtualServer, h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certs := st.certs
	if st.dynamic {
		loaded, err := st.loadCertificates(rt, s, h)
		if err != nil {
			return nil, err
		}
		certs = loaded
	}
	for _, cert := range certs {
		if h.SupportsCertificate(cert) == nil {
			return cert, nil
		}
	}
	if len(certs) > 0 {
		// The names may not fit: nginx shows its certificate all the same.
		for _, cert := range certs {
			noName := *h
			noName.ServerName = ""
			if noName.SupportsCertificate(cert) == nil {
				return cert, nil
			}
		}
		return certs[0], nil
	}
	return nil, errors.New("no certificate")
}

// loadCertificates loads certificates whose names have variables.
func (st *serverTLS) loadCertificates(rt *Router, s *virtualServer, h *tls.ClientHelloInfo) ([]*tls.Certificate, error) {
	c, _ := h.Context().Value(connKey{}).(*conn)
	if c == nil {
		return nil, errors.New("no connection")
	}
	r := c.newRequest()
	c.nc.Requests--
	defer func() { r.reset(); requestPool.Put(r) }()
	r.srv, r.loc = s, s.loc
	r.tlsName = h.ServerName
	var out []*tls.Certificate
	for i := range st.certNames {
		n := &st.certNames[i]
		file, key := strings.Clone(n.cert.eval(r)), strings.Clone(n.key.eval(r))
		if !strings.HasPrefix(file, "data:") {
			file, key = rt.confPath(file), rt.confPath(key)
		}
		pair, err := tlsconf.LoadPair(file, key, n.passwords)
		if err != nil {
			r.logf(logError, "%v while SSL handshaking", err)
			return nil, err
		}
		out = append(out, pair)
	}
	return out, nil
}

// confPath resolves a file name that the configuration gave at run time: as
// at load, against the directory of the main file.
func (rt *Router) confPath(p string) string {
	if strings.HasPrefix(p, "/") || strings.HasPrefix(p, "data:") {
		return p
	}
	return rt.cfg.File[:strings.LastIndexByte(rt.cfg.File, '/')+1] + p
}

type connKey struct{}

// handshake makes the TLS connection. A client that speaks plain HTTP is
// served on, to be told so.
func (c *conn) handshake() bool {
	srv := c.addr.defaultServer
	c.nc.SetReadTimeout(srv.head.headerTimeout)
	if len(c.nc.Buffered()) == 0 {
		if _, err := c.nc.Fill(1024); err != nil {
			return false
		}
	}
	c.tls = &tlsState{srv: srv, server: c.addr.tls.byServer[srv]}
	if b := c.nc.Buffered()[0]; b != 0x16 && b&0x80 == 0 {
		c.tls.plain = true
		return true
	}
	if c.addr.tls.scripted && !c.readHello() {
		return false
	}
	if b := c.nc.Buffered(); len(b) >= helloRandom+len(c.tls.random) {
		copy(c.tls.random[:], b[helloRandom:])
	}
	tc := tls.Server(c.nc.NetConn(), c.addr.tls.base)
	ctx := context.WithValue(context.Background(), connKey{}, c)
	if err := tc.HandshakeContext(ctx); err != nil {
		c.handshakeFailed(err)
		return false
	}
	c.tls.cs = tc.ConnectionState()
	if h := c.tls.lua; h != nil {
		h.State, h.RawHello, h.Session, h.Fetched = &c.tls.cs, nil, nil, nil
	}
	c.tls.verify = c.verifyClient()
	c.nc = netconn.Wrap(tc)
	return true
}

// configFor chooses the server by SNI.
func (c *conn) configFor(h *tls.ClientHelloInfo) (*tls.Config, error) {
	c.tls.hello = h
	if err := c.helloScript(); err != nil {
		return nil, err
	}
	if h.ServerName != "" {
		if s := c.addr.namedServer(lower(h.ServerName)); s != nil {
			c.tls.srv, c.tls.server, c.tls.named = s, c.addr.tls.byServer[s], true
		}
	}
	st := c.tls.server
	if st.reject {
		return nil, errRejected
	}
	if len(st.certs) == 0 && !st.dynamic { // as without SNI
		if st = c.addr.tls.byServer[c.addr.defaultServer]; st.reject || len(st.certs) == 0 && !st.dynamic {
			return nil, errRejected
		}
	}
	cfg := st.config.Clone()
	if h := c.tls.lua; h != nil && h.MaxVersion != 0 {
		cfg.MinVersion, cfg.MaxVersion = h.MinVersion, h.MaxVersion
	} else if h != nil && h.NoProtocol {
		return nil, errNoProtocol
	}
	if err := c.certScript(cfg); err != nil {
		return nil, err
	}
	if cfg.SessionTicketsDisabled = c.addr.tls.base.SessionTicketsDisabled; !cfg.SessionTicketsDisabled {
		c.keepSessions(cfg)
	}
	return cfg, nil
}

var errRejected = errors.New("handshake rejected")

func (c *conn) handshakeFailed(err error) {
	level := logInfo
	switch {
	case errors.Is(err, netconn.ErrTimeout):
		c.rt.errorLog.conn(level, c, "client timed out (110: Connection timed out) while SSL handshaking")
		return
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		c.rt.errorLog.conn(level, c, "peer closed connection in SSL handshake while SSL handshaking")
		return
	}
	c.rt.errorLog.conn(level, c, "SSL_do_handshake() failed (SSL: %v) while SSL handshaking", err)
}

// verifyClient checks the client's certificate as ssl_verify_client asks. The
// handshake does not fail by it: the request is answered with 400.
func (c *conn) verifyClient() string {
	st := c.tls.server
	certs := c.tls.cs.PeerCertificates
	if len(certs) == 0 {
		return "NONE"
	}
	roots, more, depth := st.roots, st.inter, st.depth
	if h := c.tls.lua; h != nil && h.VerifyClient {
		depth = h.Depth
		if h.Authorities != nil {
			roots, more = trust(h.Authorities)
		}
		if roots == nil {
			roots = x509.NewCertPool()
		}
	}
	if roots == nil {
		return "NONE"
	}
	inter := x509.NewCertPool()
	for _, ic := range certs[1:] {
		inter.AddCert(ic)
	}
	for _, ic := range more {
		inter.AddCert(ic)
	}
	chains, err := certs[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: inter,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return "FAILED:" + tlsconf.VerifyText(err, certs[0])
	}
	short := len(chains[0])
	for _, ch := range chains {
		short = min(short, len(ch))
	}
	if short-2 > depth { // the intermediates, as OpenSSL counts since 1.1.0
		return "FAILED:certificate chain too long"
	}
	if st.crl != nil {
		if why := st.crl.Check(chains[0]); why != "" {
			return "FAILED:" + why
		}
	}
	if st.ocsp != nil {
		return st.ocsp.check(c, chains[0])
	}
	return "SUCCESS"
}

// checkTLS refuses requests that TLS settings do not let in.
//
// See: ngx_http_process_request.
func (r *Request) checkTLS() rc {
	t := r.conn.tls
	if t.plain {
		r.logf(logInfo, "client sent plain HTTP request to HTTPS port while reading client request headers")
		return statusToHTTPS
	}
	st := r.conn.addr.tls.byServer[r.srv]
	if st == nil || st.verify == "" || st.verify == "off" {
		return ok
	}
	if t.named && lower(t.cs.ServerName) != r.host {
		r.logf(logInfo, "client attempted to request the server name different from the one that was negotiated while reading client request headers")
		return 421
	}
	if t.verify == "NONE" {
		if st.verify == "on" {
			r.logf(logInfo, "client sent no required SSL certificate while reading client request headers")
			return statusNoCert
		}
		return ok
	}
	if t.verify != "SUCCESS" && st.verify != "optional_no_ca" {
		r.logf(logInfo, "client SSL certificate verify error: (%s) while reading client request headers", strings.TrimPrefix(t.verify, "FAILED:"))
		return statusCertError
	}
	return ok
}

func (r *Request) isTLS() bool {
	c := r.main.conn
	return c != nil && c.tls != nil && !c.tls.plain
}
