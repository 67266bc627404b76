package proxy

import (
	"crypto/tls"
	"fmt"
	"net"
	"testing"
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
