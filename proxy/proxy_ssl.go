package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/netconn"
	"huidu/proxy/tlsconf"
	"huidu/proxy/upstream"
)

// proxyTLS is proxy_ssl_* of a location.
//
// See: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ssl_verify
type proxyTLS struct {
	base       *tls.Config
	tag        string // tells connections with other settings apart
	name       *value
	serverName bool
	verify     bool
	depth      int
	roots      *x509.CertPool
	crl        *tlsconf.CRL
	cert, key  *value // with variables; otherwise in base
	passwords  []string
	certs      sync.Map // "cert\x00key" → *tls.Certificate
}

func (p *proxyConf) compileTLS(c *compiler, pc *nginxconf.ProxyLoc, _ *nginxconf.Location) error {
	if !p.vars.tls && !p.pass.HasVars {
		return nil
	}
	s := &pc.SSL
	t := &proxyTLS{serverName: s.ServerName.V, verify: s.Verify.V, depth: s.VerifyDepth.V}
	t.base = &tls.Config{InsecureSkipVerify: true} // verifyPeer checks, as proxy_ssl_verify says
	lo, hi, missing := tlsconf.Protocols(s.Protocols.V)
	if lo == 0 {
		lo, hi = tls.VersionTLS12, tls.VersionTLS13
	}
	if len(missing) > 0 {
		c.rt.logf(logWarn, "proxy_ssl_protocols: %s is not available", strings.Join(missing, ", "))
	}
	t.base.MinVersion, t.base.MaxVersion = lo, hi
	var err error
	if t.base.CipherSuites, err = tlsconf.Ciphers(s.Ciphers.V); err != nil {
		return err
	}
	if err = tlsconf.Commands(t.base, s.ConfCommand.V); err != nil {
		return errAt(s.ConfCommand.Pos, "%v", err)
	}
	if s.SessionReuse.V {
		t.base.ClientSessionCache = tls.NewLRUClientSessionCache(64)
	}
	if s.Name.V != nil {
		if t.name, err = c.valuePtr(s.Name.V, s.Name.Pos); err != nil {
			return err
		}
	}
	if t.passwords, err = tlsconf.Passwords(s.PasswordFile.V); err != nil {
		return errAt(s.PasswordFile.Pos, "open() \"%s\" failed (%s)", s.PasswordFile.V, errnoText(err))
	}
	if s.Certificate.V != nil && s.Certificate.V.Text != "" {
		if s.CertificateKey.V == nil {
			return errAt(s.Certificate.Pos, "no \"proxy_ssl_certificate_key\" is defined for certificate \"%s\"", s.Certificate.V.Text)
		}
		if t.cert, err = c.valuePtr(s.Certificate.V, s.Certificate.Pos); err != nil {
			return err
		}
		if t.key, err = c.valuePtr(s.CertificateKey.V, s.CertificateKey.Pos); err != nil {
			return err
		}
		if t.cert.isLiteral() && t.key.isLiteral() {
			cert, err := t.load(c.rt, t.cert.lit, t.key.lit)
			if err != nil {
				return errAt(s.Certificate.Pos, "%v", err)
			}
			t.base.Certificates = []tls.Certificate{*cert}
		}
	}
	if t.verify {
		if s.TrustedCertificate.V == "" {
			return errAt(p.pass.Pos, "no proxy_ssl_trusted_certificate for proxy_ssl_verify")
		}
		cas, err := tlsconf.LoadCAs(c.rt.fullPath(s.TrustedCertificate.V))
		if err != nil {
			return errAt(s.TrustedCertificate.Pos, "%v", err)
		}
		t.roots = x509.NewCertPool()
		for _, ca := range cas {
			t.roots.AddCert(ca)
		}
		if s.CRL.V != "" {
			if t.crl, err = tlsconf.LoadCRL(c.rt.fullPath(s.CRL.V)); err != nil {
				return errAt(s.CRL.Pos, "%v", err)
			}
		}
	}
	t.tag = fmt.Sprint("tls ", s.Protocols.V, s.Ciphers.V, s.ServerName.V, s.Verify.V, s.VerifyDepth.V,
		s.TrustedCertificate.V, s.CRL.V, textOf(s.Certificate.V), textOf(s.CertificateKey.V), s.ConfCommand.V)
	p.ssl = t
	return nil
}

func textOf(v *nginxconf.Value) string {
	if v == nil {
		return ""
	}
	return v.Text
}

// load reads a certificate with its key.
func (t *proxyTLS) load(rt *Router, certFile, keyFile string) (*tls.Certificate, error) {
	id := certFile + "\x00" + keyFile
	if c, found := t.certs.Load(id); found {
		return c.(*tls.Certificate), nil
	}
	full := func(name string) string {
		if strings.HasPrefix(name, "data:") {
			return name
		}
		return rt.fullPath(name)
	}
	cert, err := tlsconf.LoadPair(full(certFile), full(keyFile), t.passwords)
	if err != nil {
		return nil, err
	}
	t.certs.Store(id, cert)
	return cert, nil
}

// tlsKey completes the key of the connection with the TLS settings.
//
// See: ngx_http_upstream_ssl_name.
func (st *upstreamState) tlsKey(r *Request) rc {
	t := st.conf.ssl
	name := st.host
	if t.name != nil {
		name = strings.Clone(t.name.eval(r))
	}
	if strings.HasPrefix(name, "[") {
		if i := strings.IndexByte(name, ']'); i >= 0 {
			name = name[:i+1]
		}
	} else if i := strings.IndexByte(name, ':'); i >= 0 {
		name = name[:i]
	}
	st.tlsName = name
	st.key.Tag = t.tag
	bind := ""
	if st.dialOpts.Bind != nil {
		bind = st.dialOpts.Bind.String() + " "
	}
	if t.serverName || t.verify {
		bind += name
	}
	if t.cert != nil && len(t.base.Certificates) == 0 {
		bind += " " + t.cert.eval(r)
	}
	st.key.Name = bind
	return ok
}

// handshake makes the connection a TLS one.
func (st *upstreamState) handshake(_ context.Context, r *Request, c *netconn.Conn) (*netconn.Conn, ft) {
	const doing = "SSL handshaking to upstream"
	t := st.conf.ssl
	cfg := t.base.Clone()
	if t.serverName && st.tlsName != "" && !strings.HasPrefix(st.tlsName, "[") {
		if _, literal := upstream.Literal(st.tlsName); !literal {
			cfg.ServerName = st.tlsName
		}
	}
	if t.cert != nil && len(cfg.Certificates) == 0 {
		if name := t.cert.eval(r); name != "" {
			cert, err := t.load(r.rt, strings.Clone(name), strings.Clone(t.key.eval(r)))
			if err != nil {
				r.logf(logError, "%v while %s", err, doing)
				c.Close()
				return nil, nginxconf.NextError
			}
			cfg.Certificates = []tls.Certificate{*cert}
		}
	}
	var problem string
	if t.verify {
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			if problem = t.verifyPeer(cs, st.tlsName); problem != "" {
				return errors.New(problem)
			}
			return nil
		}
	}
	c.SetReadTimeout(st.dialOpts.Timeout)
	c.SetWriteTimeout(st.dialOpts.Timeout)
	st.setConn(c)
	tc := tls.Client(c.NetConn(), cfg)
	err := tc.Handshake()
	st.setConn(nil)
	if err == nil {
		return netconn.Wrap(tc), ftNone
	}
	c.Close()
	switch {
	case st.gone.Load():
	case problem != "":
		r.logf(logError, "%s while %s", problem, doing)
	case errors.Is(err, netconn.ErrTimeout):
		r.logf(logError, "upstream timed out (%s) while %s", upstream.ErrnoText(syscall.ETIMEDOUT), doing)
		return nil, nginxconf.NextTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.logf(logError, "peer closed connection in SSL handshake while %s", doing)
	default:
		r.logf(logError, "SSL_do_handshake() failed (SSL: %v) while %s", err, doing)
	}
	return nil, nginxconf.NextError
}

// verifyPeer checks the upstream's certificate; the answer is nginx's log
// line, "" when it is good.
func (t *proxyTLS) verifyPeer(cs tls.ConnectionState, name string) string {
	bad := func(code int, text string) string {
		return fmt.Sprintf("upstream SSL certificate verify error: (%d:%s)", code, text)
	}
	if len(cs.PeerCertificates) == 0 {
		return bad(20, "unable to get local issuer certificate")
	}
	leaf := cs.PeerCertificates[0]
	opts := x509.VerifyOptions{Roots: t.roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range cs.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	chains, err := leaf.Verify(opts)
	if err != nil {
		var invalid x509.CertificateInvalidError
		switch {
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Now().Before(leaf.NotBefore):
			return bad(9, "certificate is not yet valid")
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
			return bad(10, "certificate has expired")
		case leaf.CheckSignatureFrom(leaf) == nil || string(leaf.RawIssuer) == string(leaf.RawSubject):
			return bad(18, "self-signed certificate")
		case len(cs.PeerCertificates) > 1:
			return bad(19, "self-signed certificate in certificate chain")
		}
		return bad(20, "unable to get local issuer certificate")
	}
	short := false
	for _, ch := range chains {
		if len(ch)-2 <= t.depth {
			short = true
		}
		if t.crl != nil {
			if text := t.crl.Check(ch); text != "" {
				return bad(crlCodes[text], text)
			}
		}
	}
	if !short {
		return bad(22, "certificate chain too long")
	}
	if name != "" && leaf.VerifyHostname(strings.Trim(name, "[]")) != nil && !commonNameMatches(leaf, name) {
		return fmt.Sprintf("upstream SSL certificate does not match \"%s\"", name)
	}
	return ""
}

// crlCodes are OpenSSL's numbers of what a revocation list may say.
var crlCodes = map[string]int{"unable to get certificate CRL": 3, "CRL has expired": 12, "certificate revoked": 23}

// commonNameMatches lets the subject's name stand in where a certificate
// names no hosts, as OpenSSL does.
func commonNameMatches(c *x509.Certificate, name string) bool {
	if len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses)+len(c.URIs) > 0 {
		return false
	}
	cn := c.Subject.CommonName
	if tail, wild := strings.CutPrefix(cn, "*."); wild {
		_, rest, found := strings.Cut(name, ".")
		return found && strings.EqualFold(rest, tail)
	}
	return strings.EqualFold(cn, name)
}
