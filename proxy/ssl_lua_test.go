package proxy

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Scripts of the handshake run, may wait, and end it by a fault or
// ngx.exit(ngx.ERROR).
func TestSSLScripts(t *testing.T) {
	cert, key := selfSigned(t, t.TempDir(), "a.test")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	server := func(name, scripts string) string {
		return fmt.Sprintf("server { listen %s ssl; server_name %s; ssl_certificate %s; ssl_certificate_key %s; %s }\n", addr, name, cert, key, scripts)
	}
	g := startGateway(t, server("a.test", `ssl_client_hello_by_lua_block { ngx.log(ngx.WARN, "hello in ", ngx.get_phase()) }
		ssl_certificate_by_lua_block { ngx.sleep(0.001) ngx.log(ngx.WARN, "cert in ", ngx.get_phase()) }`)+
		server("exit.test", `ssl_certificate_by_lua_block { ngx.exit(ngx.ERROR) }`)+
		server("ok.test", `ssl_certificate_by_lua_block { ngx.exit(ngx.OK) }`)+
		server("fault.test", `ssl_certificate_by_lua_block { error("bad cert") }`)+
		server("none.test", ""), "")
	for name, want := range map[string]bool{"a.test": true, "ok.test": true, "exit.test": false, "fault.test": false, "none.test": false} {
		c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			c.Close()
		}
	}
	for _, line := range []string{"hello in ssl_client_hello, context: ssl_client_hello_by_lua*, client: 127.0.0.1, server: " + addr,
		"cert in ssl_cert, context: ssl_certificate_by_lua*, client: 127.0.0.1", "bad cert", "cert cb error",
		"no ssl_certificate_by_lua* defined in server none.test"} {
		g.waitLog(line)
	}
}

// lua_ssl_crl, lua_ssl_key_log and lua_ssl_conf_command reach the handshakes
// of scripts.
func TestLuaSSLSettings(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, "a.test")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pair.Leaf.KeyUsage |= x509.KeyUsageCRLSign
	pair.Leaf.SubjectKeyId = []byte{1}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: pair.Leaf.SerialNumber, RevocationTime: time.Now()}},
	}, pair.Leaf, pair.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	crl, keys := filepath.Join(dir, "crl.pem"), filepath.Join(dir, "keys.log")
	os.WriteFile(crl, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), 0o600)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, c); c.Close() }()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	script := fmt.Sprintf(`content_by_lua_block {
		local s = ngx.socket.tcp()
		assert(s:connect("127.0.0.1", %s))
		local ok, err = s:sslhandshake(false, "a.test", true)
		ngx.say(ok, " ", err)
	}`, port)
	g := startGateway(t, "lua_ssl_trusted_certificate "+cert+";", fmt.Sprintf(`
		location /crl { lua_ssl_crl %s; %s }
		location /keys { lua_ssl_key_log %s; lua_ssl_conf_command MaxProtocol TLSv1.2; %s }`, crl, script, keys, script))
	if _, b := g.get("/crl"); string(b) != "nil 23: certificate revoked\n" {
		t.Errorf("with a revocation list: %q", b)
	}
	if _, b := g.get("/keys"); string(b) != "true nil\n" {
		t.Errorf("with a key log: %q", b)
	}
	if b, _ := os.ReadFile(keys); !strings.HasPrefix(string(b), "CLIENT_RANDOM ") {
		t.Errorf("key log: %q", b)
	}
}
