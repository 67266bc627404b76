package proxy

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/url"
	"strconv"
	"strings"
	"time"

	"huidu/proxy/tlsconf"
)

// tlsGetter resolves a variable of ngx_http_ssl_module; nil for another.
func tlsGetter(name string) getter {
	get := tlsVars[name]
	if get == nil {
		return nil
	}
	return func(r *Request) (string, bool) {
		if name == "ssl_server_name" && r.tlsName != "" {
			return r.tlsName, true // while a certificate is being chosen
		}
		if !r.isTLS() {
			return "", false
		}
		v := get(r.main.conn.tls)
		return v, v != ""
	}
}

// tlsVars are the variables of ngx_http_ssl_module.
//
// See: https://nginx.org/en/docs/http/ngx_http_ssl_module.html#variables
var tlsVars = map[string]func(t *tlsState) string{
	"ssl_protocol":       func(t *tlsState) string { return tlsconf.ProtocolName(t.cs.Version) },
	"ssl_cipher":         func(t *tlsState) string { return tlsconf.CipherName(t.cs.CipherSuite) },
	"ssl_ciphers":        func(t *tlsState) string { return t.clientCiphers() },
	"ssl_curve":          func(t *tlsState) string { return tlsconf.CurveName(t.cs.CurveID) },
	"ssl_curves":         func(t *tlsState) string { return t.clientCurves() },
	"ssl_server_name":    func(t *tlsState) string { return t.cs.ServerName },
	"ssl_alpn_protocol":  func(t *tlsState) string { return t.cs.NegotiatedProtocol },
	"ssl_session_reused": func(t *tlsState) string { return pick(t.cs.DidResume, "r", ".") },
	// Differs: crypto/tls does not tell a session's id; it is one of ours.
	"ssl_session_id":      func(t *tlsState) string { return t.sessionID },
	"ssl_early_data":      func(*tlsState) string { return "" },
	"ssl_client_verify":   func(t *tlsState) string { return t.verify },
	"ssl_client_raw_cert": func(t *tlsState) string { return strings.TrimRight(t.clientPEM(), "\n") },
	"ssl_client_cert": func(t *tlsState) string {
		return strings.ReplaceAll(strings.TrimRight(t.clientPEM(), "\n"), "\n", "\n\t")
	},
	"ssl_client_escaped_cert": func(t *tlsState) string {
		return strings.ReplaceAll(url.QueryEscape(t.clientPEM()), "+", "%20")
	},
	"ssl_client_s_dn":        certVar(func(c *x509.Certificate) string { return tlsconf.DN(c.RawSubject) }),
	"ssl_client_i_dn":        certVar(func(c *x509.Certificate) string { return tlsconf.DN(c.RawIssuer) }),
	"ssl_client_s_dn_legacy": certVar(func(c *x509.Certificate) string { return tlsconf.LegacyDN(c.RawSubject) }),
	"ssl_client_i_dn_legacy": certVar(func(c *x509.Certificate) string { return tlsconf.LegacyDN(c.RawIssuer) }),
	"ssl_client_serial": certVar(func(c *x509.Certificate) string {
		s := strings.ToUpper(c.SerialNumber.Text(16))
		if len(s)%2 == 1 {
			s = "0" + s
		}
		return s
	}),
	"ssl_client_fingerprint": certVar(func(c *x509.Certificate) string {
		sum := sha1.Sum(c.Raw)
		return hex.EncodeToString(sum[:])
	}),
	"ssl_client_v_start": certVar(func(c *x509.Certificate) string { return certTime(c.NotBefore) }),
	"ssl_client_v_end":   certVar(func(c *x509.Certificate) string { return certTime(c.NotAfter) }),
	"ssl_client_v_remain": certVar(func(c *x509.Certificate) string {
		return strconv.Itoa(max(int(time.Until(c.NotAfter).Hours())/24, 0))
	}),
}

func certVar(f func(c *x509.Certificate) string) func(t *tlsState) string {
	return func(t *tlsState) string {
		if len(t.cs.PeerCertificates) == 0 {
			return ""
		}
		return f(t.cs.PeerCertificates[0])
	}
}

// certTime is a certificate's time as OpenSSL prints it.
func certTime(t time.Time) string { return t.UTC().Format("Jan _2 15:04:05 2006 GMT") }

func (t *tlsState) clientPEM() string {
	if len(t.cs.PeerCertificates) == 0 {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: t.cs.PeerCertificates[0].Raw}))
}

// clientCiphers is $ssl_ciphers: what the client offered.
func (t *tlsState) clientCiphers() string {
	if t.hello == nil || t.cs.DidResume {
		return ""
	}
	var out []string
	for _, id := range t.hello.CipherSuites {
		name := tlsconf.CipherName(id)
		if strings.HasPrefix(name, "0x") {
			name = strings.ToLower(name)
		}
		out = append(out, name)
	}
	return strings.Join(out, ":")
}

// clientCurves is $ssl_curves.
func (t *tlsState) clientCurves() string {
	if t.hello == nil || t.cs.DidResume {
		return ""
	}
	var out []string
	for _, id := range t.hello.SupportedCurves {
		name := tlsconf.CurveName(id)
		if strings.HasPrefix(name, "CurveID(") {
			name = "0x" + strconv.FormatUint(uint64(tls.CurveID(id))+1<<16, 16)[1:]
		}
		out = append(out, name)
	}
	return strings.Join(out, ":")
}
