package proxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Sessions are kept as the default server of the address says, and are taken
// up only under the name they were made for.
func TestSessions(t *testing.T) {
	cert, key := selfSigned(t, t.TempDir(), "a.test")
	var conf strings.Builder
	addrs := map[string]string{}
	for name, lines := range map[string]string{
		"tickets": "", "shared": "ssl_session_tickets off; ssl_session_cache shared:S:1m;",
		"builtin": "ssl_session_tickets off; ssl_session_cache builtin:10;",
		"none":    "ssl_session_tickets off; ssl_session_cache none;",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs[name] = l.Addr().String()
		l.Close()
		fmt.Fprintf(&conf, "server { listen %s ssl; server_name a.test; ssl_certificate %s; ssl_certificate_key %s; %s return 200 \"$ssl_session_reused $ssl_session_id\"; }\n"+
			"server { listen %[1]s ssl; server_name b.test; ssl_certificate %[2]s; ssl_certificate_key %[3]s; return 200 \"$ssl_session_reused $ssl_session_id\"; }\n", addrs[name], cert, key, lines)
	}
	startGateway(t, conf.String(), "")
	for name, addr := range addrs {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			cache := &oneSession{}
			get := func(host string) string {
				c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: host, InsecureSkipVerify: true, MaxVersion: version, ClientSessionCache: cache})
				if err != nil {
					t.Fatal(name, err)
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(10 * time.Second))
				fmt.Fprintf(c, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", host)
				b, err := io.ReadAll(c)
				if err != nil {
					t.Fatal(name, err)
				}
				_, body, _ := strings.Cut(string(b), "\r\n\r\n")
				return body
			}
			if body := get("a.test"); !strings.HasPrefix(body, ".") {
				t.Errorf("%s: first: %q", name, body)
			}
			want := "r"
			if name == "none" {
				want = "."
			}
			body := get("a.test")
			if !strings.HasPrefix(body, want) || want == "r" && len(body) != 2+64 {
				t.Errorf("%s %x: again: %q", name, version, body)
			}
			if body := get("b.test"); !strings.HasPrefix(body, ".") {
				t.Errorf("%s %x: another name: %q", name, version, body)
			}
		}
	}
}

// oneSession offers its session whatever the server's name.
type oneSession struct{ s *tls.ClientSessionState }

func (o *oneSession) Get(string) (*tls.ClientSessionState, bool) { return o.s, o.s != nil }
func (o *oneSession) Put(_ string, s *tls.ClientSessionState)    { o.s = s }

func TestSessionCache(t *testing.T) {
	s, now := newSessionCache(2), time.Now()
	a := s.put([]byte("a"), now.Add(time.Minute))
	b := s.put([]byte("b"), now.Add(time.Second))
	if string(s.get(a, now)) != "a" || s.get(b, now.Add(2*time.Second)) != nil {
		t.Error("a session is lost or outlives its time")
	}
	s.put([]byte("c"), now.Add(time.Minute))
	s.put([]byte("d"), now.Add(time.Minute))
	if s.get(a, now) != nil || s.order.Len() != 2 || len(s.byID) != 2 {
		t.Error("the oldest is not dropped")
	}
}
