package socket

import (
	"crypto/tls"
	"testing"
)

// TestTLSConfigBeginsWithTheLocation: lua_ssl_protocols, lua_ssl_ciphers and
// lua_ssl_certificate reach the handshake, and the template stays untouched.
func TestTLSConfigBeginsWithTheLocation(t *testing.T) {
	template := &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, Certificates: []tls.Certificate{{}}}
	conf := Conf{TLS: template, VerifyDepth: 1}
	got, err := conf.TLSConfig("example.com", true)
	if err != nil {
		t.Fatal(err)
	}
	if got.MaxVersion != tls.VersionTLS12 || len(got.CipherSuites) != 1 || len(got.Certificates) != 1 {
		t.Errorf("the location's settings are lost: %x %v %d", got.MaxVersion, got.CipherSuites, len(got.Certificates))
	}
	if got.ServerName != "example.com" || got.VerifyConnection == nil {
		t.Errorf("the call's own settings are lost: %q", got.ServerName)
	}
	if template.ServerName != "" || template.VerifyConnection != nil {
		t.Error("the template was changed")
	}
	if plain, _ := (&Conf{}).TLSConfig("", false); plain.MinVersion != tls.VersionTLS10 || !plain.InsecureSkipVerify {
		t.Errorf("defaults: %x %v", plain.MinVersion, plain.InsecureSkipVerify)
	}
}
