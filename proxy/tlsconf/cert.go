package tlsconf

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Passwords reads ssl_password_file: one passphrase a line, tried in turn.
func Passwords(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimRight(string(b), "\r\n"), "\n"), nil
}

// LoadPair loads a certificate chain and its key. "data:…" holds PEM itself.
func LoadPair(cert, key string, passwords []string) (*tls.Certificate, error) {
	certPEM, err := pemOf(cert)
	if err != nil {
		return nil, fmt.Errorf("cannot load certificate %q: BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory:calling fopen(%s, r) error:10000080:BIO routines::no such file)", cert, cert)
	}
	keyPEM, err := pemOf(key)
	if err != nil {
		return nil, fmt.Errorf("cannot load certificate key %q: BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory:calling fopen(%s, r) error:10000080:BIO routines::no such file)", key, key)
	}
	out := &tls.Certificate{}
	for rest := certPEM; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" || block.Type == "X509 CERTIFICATE" || block.Type == "TRUSTED CERTIFICATE" {
			out.Certificate = append(out.Certificate, block.Bytes)
		}
	}
	if len(out.Certificate) == 0 {
		return nil, fmt.Errorf("cannot load certificate %q: PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)", cert)
	}
	if out.Leaf, err = x509.ParseCertificate(out.Certificate[0]); err != nil {
		return nil, fmt.Errorf("cannot load certificate %q: %w", cert, err)
	}
	if out.PrivateKey, err = ParseKey(keyPEM, passwords); err != nil {
		return nil, fmt.Errorf("cannot load certificate key %q: %w", key, err)
	}
	type public interface{ Equal(crypto.PublicKey) bool }
	if pub, can := out.Leaf.PublicKey.(public); can && !pub.Equal(out.PrivateKey.(crypto.Signer).Public()) {
		return nil, fmt.Errorf("SSL_CTX_use_PrivateKey(%q) failed (SSL: error:05800074:x509 certificate routines::key values mismatch)", key)
	}
	return out, nil
}

func pemOf(s string) ([]byte, error) {
	if data, found := strings.CutPrefix(s, "data:"); found {
		return []byte(data), nil
	}
	return os.ReadFile(s)
}

var errNoKey = errors.New("PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported)")

// ParseKey finds the private key in PEM, decrypting it where it must.
func ParseKey(b []byte, passwords []string) (crypto.PrivateKey, error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return nil, errNoKey
		}
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY":
			for _, p := range passwords {
				if der, err := decryptPKCS8(block.Bytes, []byte(p)); err == nil {
					if key, err := parseDER(der); err == nil {
						return key, nil
					}
				}
			}
			return nil, errors.New("PEM_read_bio_PrivateKey() failed (SSL: error:1C800064:Provider routines::bad decrypt)")
		case block.Headers["DEK-Info"] != "":
			for _, p := range passwords {
				//lint:ignore SA1019 the format is broken, but it is what people have on disk
				if der, err := x509.DecryptPEMBlock(block, []byte(p)); err == nil {
					if key, err := parseDER(der); err == nil {
						return key, nil
					}
				}
			}
			return nil, errors.New("PEM_read_bio_PrivateKey() failed (SSL: error:1C800064:Provider routines::bad decrypt)")
		}
		return parseDER(block.Bytes)
	}
}

func parseDER(der []byte) (crypto.PrivateKey, error) {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k, nil
	}
	return nil, errNoKey
}

// LoadCAs reads a PEM bundle of certificates.
func LoadCAs(path string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("SSL_CTX_load_verify_locations(%q) failed (SSL: error:80000002:system library::No such file or directory:calling fopen(%s, r) error:10000080:BIO routines::no such file error:05880002:x509 certificate routines::system lib)", path, path)
	}
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return out, nil
		}
		if !strings.HasSuffix(block.Type, "CERTIFICATE") {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("load certificates of %q: %w", path, err)
		}
		out = append(out, c)
	}
}
