package tlsconf

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
)

// dnNames are the attribute types as OpenSSL abbreviates them.
var dnNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
	"2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.42": "GN",
	"1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

// DN is a distinguished name as RFC 2253 orders it: $ssl_client_s_dn.
func DN(raw []byte) string {
	parts := dnParts(raw, escapeDN)
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, ",")
}

// LegacyDN is a name in OpenSSL's old one-line form: $ssl_client_s_dn_legacy.
func LegacyDN(raw []byte) string {
	var b strings.Builder
	for _, p := range dnParts(raw, func(v string) string { return v }) {
		b.WriteByte('/')
		b.WriteString(p)
	}
	return b.String()
}

func dnParts(raw []byte, value func(string) string) (out []string) {
	var seq pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &seq); err != nil {
		return nil
	}
	for _, set := range seq {
		var one []string
		for _, a := range set {
			name := dnNames[a.Type.String()]
			if name == "" {
				name = a.Type.String()
			}
			one = append(one, name+"="+value(fmt.Sprint(a.Value)))
		}
		out = append(out, strings.Join(one, "+"))
	}
	return out
}

// escapeDN escapes a value as RFC 2253 asks.
func escapeDN(v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		c := v[i]
		if strings.IndexByte(`,+"\<>;`, c) >= 0 || c == '#' && i == 0 || c == ' ' && (i == 0 || i == len(v)-1) {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// VerifyText words a verification failure as OpenSSL does.
func VerifyText(err error, cert *x509.Certificate) string {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid):
		switch invalid.Reason {
		case x509.Expired:
			return "certificate has expired"
		case x509.TooManyIntermediates:
			return "certificate chain too long"
		case x509.NotAuthorizedToSign:
			return "invalid CA certificate"
		case x509.IncompatibleUsage:
			return "unsupported certificate purpose"
		}
	case errors.As(err, &unknown):
		if cert != nil && string(cert.RawSubject) == string(cert.RawIssuer) {
			return "self-signed certificate"
		}
		return "unable to verify the first certificate"
	}
	return err.Error()
}
