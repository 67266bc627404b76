package tlsconf

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// Protocols gives the range of versions that ssl_protocols allows. What
// crypto/tls does not offer (SSLv2, SSLv3) is reported by name.
func Protocols(names []string) (lo, hi uint16, missing []string) {
	for _, n := range names {
		var v uint16
		switch n {
		case "TLSv1":
			v = tls.VersionTLS10
		case "TLSv1.1":
			v = tls.VersionTLS11
		case "TLSv1.2":
			v = tls.VersionTLS12
		case "TLSv1.3":
			v = tls.VersionTLS13
		default:
			missing = append(missing, n)
			continue
		}
		if lo == 0 || v < lo {
			lo = v
		}
		hi = max(hi, v)
	}
	return lo, hi, missing
}

// ProtocolName is $ssl_protocol.
func ProtocolName(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return ""
}

// suite is one cipher suite under OpenSSL's name with the words that select it.
type suite struct {
	id   uint16
	name string
	tags string // OpenSSL's aliases it belongs to, separated by "+"
}

var ciphers = []suite{
	{tls.TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", "TLSv1.3"},
	{tls.TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", "TLSv1.3"},
	{tls.TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aECDSA+ECDSA+AES+AES256+AESGCM+SHA384+TLSv1.2"},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aRSA+RSA?+AES+AES256+AESGCM+SHA384+TLSv1.2"},
	{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aECDSA+ECDSA+CHACHA20+TLSv1.2"},
	{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aRSA+CHACHA20+TLSv1.2"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aECDSA+ECDSA+AES+AES128+AESGCM+SHA256+TLSv1.2"},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aRSA+AES+AES128+AESGCM+SHA256+TLSv1.2"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "ECDHE-ECDSA-AES128-SHA256", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aECDSA+ECDSA+AES+AES128+SHA256+TLSv1.2"},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "ECDHE-RSA-AES128-SHA256", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aRSA+AES+AES128+SHA256+TLSv1.2"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "ECDHE-ECDSA-AES256-SHA", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aECDSA+ECDSA+AES+AES256+SHA+SHA1"},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "ECDHE-RSA-AES256-SHA", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aRSA+AES+AES256+SHA+SHA1"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "ECDHE-ECDSA-AES128-SHA", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aECDSA+ECDSA+AES+AES128+SHA+SHA1"},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "ECDHE-RSA-AES128-SHA", "HIGH+ECDHE+EECDH+ECDH+kECDHE+kEECDH+aRSA+AES+AES128+SHA+SHA1"},
	{tls.TLS_RSA_WITH_AES_256_GCM_SHA384, "AES256-GCM-SHA384", "HIGH+RSA+kRSA+aRSA+AES+AES256+AESGCM+SHA384+TLSv1.2"},
	{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "AES128-GCM-SHA256", "HIGH+RSA+kRSA+aRSA+AES+AES128+AESGCM+SHA256+TLSv1.2"},
	{tls.TLS_RSA_WITH_AES_128_CBC_SHA256, "AES128-SHA256", "HIGH+RSA+kRSA+aRSA+AES+AES128+SHA256+TLSv1.2"},
	{tls.TLS_RSA_WITH_AES_256_CBC_SHA, "AES256-SHA", "HIGH+RSA+kRSA+aRSA+AES+AES256+SHA+SHA1"},
	{tls.TLS_RSA_WITH_AES_128_CBC_SHA, "AES128-SHA", "HIGH+RSA+kRSA+aRSA+AES+AES128+SHA+SHA1"},
}

// CipherName is a suite's OpenSSL name ($ssl_cipher).
func CipherName(id uint16) string {
	for i := range ciphers {
		if ciphers[i].id == id {
			return ciphers[i].name
		}
	}
	return tls.CipherSuiteName(id)
}

// Ciphers resolves OpenSSL's cipher list syntax. nil means crypto/tls's own
// choice; an error means that nothing is left, in OpenSSL's words. TLS 1.3
// suites are not chosen by it, there as here.
func Ciphers(list string) ([]uint16, error) {
	if list == "" || list == "DEFAULT" || list == "HIGH:!aNULL:!MD5" {
		return nil, nil
	}
	on := make([]bool, len(ciphers))
	killed := make([]bool, len(ciphers))
	var order []int
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ',' || r == ' ' }) {
		op := byte(0)
		if strings.IndexByte("!-+@", word[0]) >= 0 {
			op, word = word[0], word[1:]
		}
		if op == '@' {
			continue // @STRENGTH, @SECLEVEL: crypto/tls orders by itself
		}
		for i := range ciphers {
			if strings.HasPrefix(ciphers[i].name, "TLS_") || !ciphers[i].matches(word) {
				continue
			}
			switch op {
			case '!':
				on[i], killed[i] = false, true
			case '-':
				on[i] = false
			case 0:
				if !on[i] && !killed[i] {
					on[i] = true
					order = append(order, i)
				}
			}
		}
	}
	var ids []uint16
	for _, i := range order {
		if on[i] {
			ids = append(ids, ciphers[i].id)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("SSL_CTX_set_cipher_list(%q) failed (SSL: error:0A0000B9:SSL routines::no cipher match)", list)
	}
	return ids, nil
}

func (c *suite) matches(word string) bool {
	if word == c.name || word == "ALL" || word == "DEFAULT" {
		return true
	}
	for _, want := range strings.Split(word, "+") {
		found := false
		for _, tag := range strings.Split(c.tags, "+") {
			if tag == want {
				found = true
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// CurveName is $ssl_curve: OpenSSL's name of a group.
func CurveName(id tls.CurveID) string {
	switch id {
	case tls.X25519:
		return "X25519"
	case tls.CurveP256:
		return "prime256v1"
	case tls.CurveP384:
		return "secp384r1"
	case tls.CurveP521:
		return "secp521r1"
	}
	return id.String()
}

// Curves resolves ssl_ecdh_curve; nil is crypto/tls's own choice.
func Curves(list string) ([]tls.CurveID, error) {
	if list == "" || list == "auto" {
		return nil, nil
	}
	var out []tls.CurveID
	for _, n := range strings.Split(list, ":") {
		switch strings.ToLower(n) {
		case "x25519":
			out = append(out, tls.X25519)
		case "prime256v1", "p-256", "secp256r1":
			out = append(out, tls.CurveP256)
		case "secp384r1", "p-384":
			out = append(out, tls.CurveP384)
		case "secp521r1", "p-521":
			out = append(out, tls.CurveP521)
		case "x25519mlkem768":
			out = append(out, tls.X25519MLKEM768)
		default:
			return nil, fmt.Errorf("SSL_CTX_set1_curves_list(%q) failed (SSL: error:0A080106:SSL routines::passed invalid argument:group '%s' cannot be set)", list, n)
		}
	}
	return out, nil
}
