package link

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// TestTLS: encrypted connections carry the same, and certificates are looked at.
func TestTLS(t *testing.T) {
	m := miniredis.RunT(t)
	m.RequireAuth("secret")
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				r, err := net.Dial("tcp", m.Addr())
				if err != nil {
					return
				}
				wg.Go(func() { io.Copy(c, r); c.Close() })
				io.Copy(r, c)
				r.Close()
			})
		}
	})
	defer wg.Wait()
	defer ln.Close()
	h := newHub(t)
	defer h.Close()
	ctx := context.Background()
	k := Target{Network: "tcp", Addr: ln.Addr().String(), TLS: true, ServerName: "example.com", Verify: true}
	s, err := h.Connect(ctx, k, &tls.Config{ServerName: "example.com", RootCAs: web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}, sec)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Auth(ctx, "", "secret", false, sec); err != nil {
		t.Fatal(err)
	}
	if r := do(t, s, "set", "k", "v"); r.Str != "OK" {
		t.Error(r)
	}
	if r := do(t, s, "get", "k"); r.Str != "v" {
		t.Error(r)
	}
	k.ServerName = "elsewhere.test"
	var hs *HandshakeError
	if _, err := h.Connect(ctx, k, &tls.Config{ServerName: k.ServerName}, sec); !errors.As(err, &hs) {
		t.Error(err)
	}
}
