package ffi

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"

	lua "github.com/yuin/gopher-lua"
)

type (
	// certStore is an X509_STORE: the certificates that are trusted.
	certStore struct{ certs []*x509.Certificate }
	// storeCtx is an X509_STORE_CTX: one verification.
	storeCtx struct {
		store *certStore
		cert  *x509.Certificate
		code  int
	}
)

// The codes of a verification, and their texts in OpenSSL 3.
const (
	verifyOK          = 0
	verifyUnspecified = 1
	verifyExpired     = 10
	verifyNotYetValid = 9
	verifySelfSigned  = 18
	verifyNoIssuer    = 20
)

func verifyText(code int) string {
	switch code {
	case verifyOK:
		return "ok"
	case verifyExpired:
		return "certificate has expired"
	case verifyNotYetValid:
		return "certificate is not yet valid"
	case verifySelfSigned:
		return "self-signed certificate"
	case verifyNoIssuer:
		return "unable to get local issuer certificate"
	}
	return "unspecified certificate verification error"
}

func opensslReadX509(c *call) lua.LValue {
	typ, der := objectOf[*bio](c, 0).der()
	if typ == "" && c.t.symbol == "PEM_read_bio_X509" {
		return c.fail("no start line")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return c.fail("wrong tag")
	}
	return c.object(cert)
}

// opensslX509DER is i2d_X509(cert, out): where *out is NULL, memory is made.
func opensslX509DER(c *call) lua.LValue {
	der := objectOf[*x509.Certificate](c, 0).Raw
	if !c.null(1) {
		d := cdata(c.args[1])
		b, off := d.target()
		c.l.access(c.L, b, off, pointerSize, true)
		if loadUint(typeUInt64, b.mem[off:]) == 0 {
			out := &block{mem: append([]byte(nil), der...)}
			c.l.putPointer(b, off, out, c.l.address(out))
		} else {
			to := b.refs[off]
			at := int(loadUint(typeUInt64, b.mem[off:]) - to.addr)
			c.l.access(c.L, to, at, len(der), true)
			copy(to.mem[at:], der)
			c.l.putPointer(b, off, to, to.addr+uint64(at+len(der)))
		}
	}
	return lua.LNumber(len(der))
}

func opensslX509Digest(c *call) lua.LValue {
	h := objectOf[*digest](c, 1).new()
	h.Write(objectOf[*x509.Certificate](c, 0).Raw)
	return c.sum(h, 2, 3)
}

func opensslStoreAdd(c *call) lua.LValue {
	s := objectOf[*certStore](c, 0)
	s.certs = append(s.certs, objectOf[*x509.Certificate](c, 1))
	return lua.LNumber(1)
}

// opensslStoreLoad is X509_STORE_load_locations(store, file, dir), for a file.
func opensslStoreLoad(c *call) lua.LValue {
	s := objectOf[*certStore](c, 0)
	if c.null(1) {
		return c.fail("passed a null parameter")
	}
	rest, err := os.ReadFile(c.cstring(1))
	if err != nil {
		return c.fail("system lib")
	}
	n := len(s.certs)
	for {
		var p *pem.Block
		if p, rest = pem.Decode(rest); p == nil {
			break
		}
		if cert, err := x509.ParseCertificate(p.Bytes); err == nil {
			s.certs = append(s.certs, cert)
		}
	}
	if len(s.certs) == n {
		return c.fail("no certificate or crl found")
	}
	return lua.LNumber(1)
}

func opensslStoreInit(c *call) lua.LValue {
	ctx := objectOf[*storeCtx](c, 0)
	ctx.store, ctx.cert = objectOf[*certStore](c, 1), objectOf[*x509.Certificate](c, 2)
	return lua.LNumber(1)
}

func opensslVerifyCert(c *call) lua.LValue {
	ctx := objectOf[*storeCtx](c, 0)
	if ctx.cert == nil {
		return c.fail("no certificate set")
	}
	roots := x509.NewCertPool()
	for _, cert := range ctx.store.certs {
		roots.AddCert(cert)
	}
	_, err := ctx.cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	ctx.code = verifyCode(ctx.cert, err)
	if ctx.code != verifyOK {
		return lua.LNumber(0)
	}
	return lua.LNumber(1)
}

func verifyCode(cert *x509.Certificate, err error) int {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return verifyOK
	case errors.As(err, &unknown) && cert.CheckSignatureFrom(cert) == nil:
		return verifySelfSigned
	case errors.As(err, &unknown):
		return verifyNoIssuer
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return verifyExpired
	}
	return verifyUnspecified
}
