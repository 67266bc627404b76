package tlsconf

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

func issue(t *testing.T, name string, serial int64, parent *x509.Certificate, parentKey crypto.Signer, use ...x509.ExtKeyUsage) (*x509.Certificate, crypto.Signer) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: use == nil, BasicConstraintsValid: true, ExtKeyUsage: use}
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c, key
}

// Only the issuer, whom it authorised or whom we trust may answer for a
// certificate, and not for ever.
func TestCheckOCSP(t *testing.T) {
	ca, caKey := issue(t, "ca", 1, nil, nil)
	other, otherKey := issue(t, "other", 2, nil, nil)
	leaf, _ := issue(t, "leaf", 3, ca, caKey, x509.ExtKeyUsageClientAuth)
	signer, signerKey := issue(t, "signer", 4, ca, caKey, x509.ExtKeyUsageOCSPSigning)
	plain, plainKey := issue(t, "plain", 5, ca, caKey, x509.ExtKeyUsageClientAuth)
	now := time.Now()
	answer := func(by *x509.Certificate, key crypto.Signer, embed bool, serial *big.Int, until time.Time) []byte {
		r := ocsp.Response{Status: ocsp.Good, SerialNumber: serial, ThisUpdate: now.Add(-time.Hour), NextUpdate: until}
		if embed {
			r.Certificate = by
		}
		der, err := ocsp.CreateResponse(ca, by, r, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	later := now.Add(time.Hour)
	for name, k := range map[string]struct {
		der []byte
		ok  bool
	}{
		"issuer":           {answer(ca, caKey, false, leaf.SerialNumber, later), true},
		"issuer embedded":  {answer(ca, caKey, true, leaf.SerialNumber, later), true},
		"authorised":       {answer(signer, signerKey, true, leaf.SerialNumber, later), true},
		"not authorised":   {answer(plain, plainKey, true, leaf.SerialNumber, later), false},
		"stranger":         {answer(other, otherKey, true, leaf.SerialNumber, later), false},
		"stranger unnamed": {answer(other, otherKey, false, leaf.SerialNumber, later), false},
		"about another":    {answer(ca, caKey, false, plain.SerialNumber, later), false},
		"outdated":         {answer(ca, caKey, false, leaf.SerialNumber, now.Add(-30*time.Minute)), false},
		"error":            {ocsp.UnauthorizedErrorResponse, false},
		"rubbish":          {[]byte("x"), false},
	} {
		if _, err := CheckOCSP(k.der, leaf, ca, nil, true); (err == nil) != k.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := CheckOCSP(answer(other, otherKey, true, leaf.SerialNumber, later), leaf, ca, []*x509.Certificate{other}, true); err != nil {
		t.Errorf("trusted: %v", err)
	}
}

func TestParseResponder(t *testing.T) {
	for in, want := range map[string]Responder{"http://a.test": {"a.test", "80", "/"}, "HTTP://[::1]:81/x/": {"::1", "81", "/x/"}} {
		if r, err := ParseResponder(in); err != nil || r != want {
			t.Errorf("%s: %v %v", in, r, err)
		}
	}
	for _, in := range []string{"https://a.test/", "http://", "http:///x", "http://a/ b\r\nX: y", ""} {
		if r, err := ParseResponder(in); err == nil {
			t.Errorf("%q: %v", in, r)
		}
	}
}

// The body is a part of what came, and headers never leak into it.
func FuzzOCSPBody(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\nbody"))
	f.Add([]byte("HTTP/1.1 404 No\n\nbody"))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := ocspBody(b)
		if err == nil && !strings.HasSuffix(string(b), string(body)) {
			t.Fatalf("%q from %q", body, b)
		}
	})
}
