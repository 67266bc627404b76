package tlsconf

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

// CRL is a set of revocation lists. They are the administrator's own files, so
// their signatures are not checked again.
type CRL struct{ lists []revocationList }

// revocationList is a CertificateList of RFC 5280, version 1 or 2.
type revocationList struct {
	TBS struct {
		Raw        asn1.RawContent
		Version    int `asn1:"optional,default:0"`
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		ThisUpdate time.Time
		NextUpdate time.Time                 `asn1:"optional"`
		Revoked    []pkix.RevokedCertificate `asn1:"optional"`
		Extensions []pkix.Extension          `asn1:"tag:0,optional,explicit"`
	}
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

// LoadCRL reads a PEM file of revocation lists.
func LoadCRL(path string) (*CRL, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("X509_LOOKUP_load_file(%q) failed", path)
	}
	out := &CRL{}
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "X509 CRL" {
			continue
		}
		var l revocationList
		if _, err := asn1.Unmarshal(block.Bytes, &l); err != nil {
			return nil, fmt.Errorf("X509_LOOKUP_load_file(%q) failed: %w", path, err)
		}
		out.lists = append(out.lists, l)
	}
	if len(out.lists) == 0 {
		return nil, fmt.Errorf("X509_LOOKUP_load_file(%q) failed", path)
	}
	return out, nil
}

// Check looks every certificate of a chain up (leaf first) and says in
// OpenSSL's words why it may not be used; "" when it may.
func (c *CRL) Check(chain []*x509.Certificate) string {
	for i, cert := range chain {
		if i == len(chain)-1 && i > 0 && bytes.Equal(cert.RawSubject, cert.RawIssuer) && !c.has(cert.RawIssuer) {
			break
		}
		found := false
		for _, l := range c.lists {
			if !bytes.Equal(l.TBS.Issuer.FullBytes, cert.RawIssuer) {
				continue
			}
			found = true
			if !l.TBS.NextUpdate.IsZero() && time.Now().After(l.TBS.NextUpdate) {
				return "CRL has expired"
			}
			for _, e := range l.TBS.Revoked {
				if e.SerialNumber.Cmp(cert.SerialNumber) == 0 {
					return "certificate revoked"
				}
			}
		}
		if !found {
			return "unable to get certificate CRL"
		}
	}
	return ""
}

func (c *CRL) has(issuer []byte) bool {
	for _, l := range c.lists {
		if bytes.Equal(l.TBS.Issuer.FullBytes, issuer) {
			return true
		}
	}
	return false
}

// Digest makes a crypto/tls ticket key out of a ticket key file.
func Digest(b []byte) [32]byte { return sha256.Sum256(b) }
