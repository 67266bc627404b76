package socket

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"net"
	"net/http"
)

func TestSSL(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Name", r.TLS.ServerName)
	}))
	srv.TLS = &tls.Config{}
	srv.StartTLS()
	defer srv.Close()
	m := newMachine(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600)
	port := lua.LNumber(srv.Listener.Addr().(*net.TCPAddr).Port)
	const src = `local port, name, verify, session = ...
		local s = ngx.socket.tcp()
		s:settimeout(2000)
		if not s:getreusedtimes() then assert(s:connect("127.0.0.1", port)) end
		local ok, err = s:sslhandshake(session, name, verify)
		if not ok then s:close() return tostring(err) end
		assert(s:send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		local head = assert(s:receiveuntil("\r\n\r\n")())
		assert(s:setkeepalive())
		return type(ok) .. " " .. tostring(head:match("X%-Name: (%S+)")) .. " " .. s:connect("127.0.0.1", port) .. s:getreusedtimes() .. " " .. type(s:sslhandshake(session)) .. tostring(s:close())`
	for _, c := range []struct {
		name    lua.LValue
		verify  bool
		trust   string
		session lua.LValue
		want    string
	}{
		{lua.LNil, false, "", lua.LFalse, "boolean nil 11 boolean1"},
		{lua.LString("example.com"), false, "", lua.LNil, "cdata example.com 11 cdata1"},
		{lua.LString("example.com"), true, ca, lua.LFalse, "boolean example.com 11 boolean1"},
		{lua.LString("example.com"), true, "", lua.LFalse, "18: self-signed certificate"},
		{lua.LString("other.test"), true, ca, lua.LFalse, "certificate host mismatch"},
	} {
		m.conf.TrustedCertificate = c.trust
		if got := m.run(t, src, port, c.name, lua.LBool(c.verify), c.session).String(); got != c.want {
			t.Errorf("%v %v: got %s, want %s", c.name, c.verify, got, c.want)
		}
	}
	got := m.run(t, `local s = ngx.socket.tcp() local a, b = s:sslhandshake() return tostring(a) .. " " .. b`).String()
	if got != "nil closed" {
		t.Error(got)
	}
}

// OpenSSL takes the subject's common name when there are no DNS names.
func TestMatchHost(t *testing.T) {
	for _, c := range []struct {
		cn, dns, host string
		want          bool
	}{
		{"test.com", "", "test.com", true},
		{"*.test.com", "", "a.test.com", true},
		{"test.com", "", "other.com", false},
		{"test.com", "other.com", "test.com", false},
		{"test.com", "other.com", "other.com", true},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: c.cn}}
		if c.dns != "" {
			tmpl.DNSNames = []string{c.dns}
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if got := matchHost(leaf, c.host); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}
