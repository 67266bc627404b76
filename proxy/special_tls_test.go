package proxy

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// nginx's own codes do not go out: the status line says 400, unless an
// error_page takes them.
func TestPlainToTLSPort(t *testing.T) {
	cert, key := selfSigned(t, t.TempDir(), "a.test")
	for page, want := range map[string]string{"": "HTTP/1.1 400 Bad Request\r\n", "error_page 497 =418 /t; location = /t { return 200 t; }": "HTTP/1.1 418 "} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		l.Close()
		startGateway(t, fmt.Sprintf("server { listen %s ssl; ssl_certificate %s; ssl_certificate_key %s; %s }\n", addr, cert, key, page), "")
		if got := rawExchange(t, addr, "GET / HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %.80q", page, got)
		}
	}
}

func rawExchange(t *testing.T, addr, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, text)
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}
