package socket

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// trusted caches the certificates of lua_ssl_trusted_certificate files.
var trusted sync.Map // file name -> trustedFile

// trustedFile is a file as it was when it was read; a reload may find another.
type trustedFile struct {
	modified time.Time
	size     int64
	roots    *x509.CertPool
}

func trustedRoots(file string) (*x509.CertPool, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read trusted certificates: %w", err)
	}
	if f, ok := trusted.Load(file); ok {
		if f := f.(trustedFile); f.modified.Equal(st.ModTime()) && f.size == st.Size() {
			return f.roots, nil
		}
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read trusted certificates: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	trusted.Store(file, trustedFile{st.ModTime(), st.Size(), roots})
	return roots, nil
}

// TLSConfig is the client side of an sslhandshake. With verify, the peer must
// prove itself with a chain to lua_ssl_trusted_certificate; the name is
// checked when it is given.
//
// See: https://github.com/openresty/lua-nginx-module#tcpsocksslhandshake
func (c *Conf) TLSConfig(serverName string, verify bool) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS10}
	if c.TLS != nil {
		conf = c.TLS.Clone()
	}
	conf.ServerName, conf.InsecureSkipVerify = serverName, true
	if !verify {
		return conf, nil
	}
	roots := x509.NewCertPool()
	if c.TrustedCertificate != "" {
		var err error
		if roots, err = trustedRoots(c.TrustedCertificate); err != nil {
			return nil, err
		}
	}
	conf.VerifyConnection = func(s tls.ConnectionState) error {
		return c.verifyPeer(s, serverName, roots)
	}
	return conf, nil
}

const hostMismatch = "certificate host mismatch"

// verifyError is a certificate that did not hold, in OpenSSL's words.
type verifyError struct{ msg string }

func (e *verifyError) Error() string { return e.msg }

// verifyPeer checks the chain and the name as ngx_lua does after the
// handshake.
func (c *Conf) verifyPeer(s tls.ConnectionState, name string, roots *x509.CertPool) error {
	inter := x509.NewCertPool()
	for _, ic := range s.PeerCertificates[1:] {
		inter.AddCert(ic)
	}
	leaf := s.PeerCertificates[0]
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: inter})
	if err != nil {
		var expired x509.CertificateInvalidError
		switch {
		case errors.As(err, &expired) && expired.Reason == x509.Expired:
			return &verifyError{"10: certificate has expired"}
		case len(s.PeerCertificates) == 1 && leaf.CheckSignatureFrom(leaf) == nil:
			return &verifyError{"18: self-signed certificate"}
		case len(s.PeerCertificates) > 1:
			return &verifyError{"19: self-signed certificate in certificate chain"}
		}
		return &verifyError{"20: unable to get local issuer certificate"}
	}
	i := slices.IndexFunc(chains, func(ch []*x509.Certificate) bool { return len(ch)-2 <= c.VerifyDepth })
	if i < 0 {
		return &verifyError{"22: certificate chain too long"}
	}
	if c.Revoked != nil {
		if why := c.Revoked(chains[i]); why != "" {
			return &verifyError{revokedCodes[why] + why}
		}
	}
	if name != "" && !matchHost(leaf, name) {
		return &verifyError{hostMismatch}
	}
	return nil
}

// revokedCodes are OpenSSL's numbers of what a revocation list says.
var revokedCodes = map[string]string{
	"certificate revoked": "23: ", "CRL has expired": "12: ", "unable to get certificate CRL": "3: ",
}

// matchHost is OpenSSL's X509_check_host: the subject's common name counts
// when the certificate has no DNS names.
func matchHost(leaf *x509.Certificate, name string) bool {
	if len(leaf.DNSNames) == 0 && leaf.Subject.CommonName != "" {
		byName := *leaf
		byName.DNSNames = []string{leaf.Subject.CommonName}
		byName.Extensions = []pkix.Extension{{Id: oidAltName}}
		return byName.VerifyHostname(name) == nil
	}
	return leaf.VerifyHostname(name) == nil
}

// oidAltName is what VerifyHostname looks for before it looks at names.
var oidAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// HandshakeWords is a failed handshake as ngx_lua names it.
func HandshakeWords(err error) string {
	var v *verifyError
	if errors.As(err, &v) {
		return v.msg
	}
	switch w := Words(err); w {
	case "timeout", "closed":
		return w
	}
	return "handshake failed"
}
