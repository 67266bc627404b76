package stream

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
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
	"sync"
	"testing"
	"time"

	"huidu/nginxconf"
)

// load reads a stream block.
func load(t *testing.T, body string) *nginxconf.Stream {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nginx.conf")
	if err := os.WriteFile(file, []byte("events { }\nstream {\n"+body+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := nginxconf.Load(nginxconf.OSFiles{}, file, nginxconf.Options{})
	if cfg == nil {
		t.Fatal(diags)
	}
	return cfg.Stream
}

// named answers every line with its name and the line.
func named(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewReader(c); ; {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					io.WriteString(c, name+" "+line)
				}
			}()
		}
	}()
	return l.Addr().String()
}

func ask(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintln(c, text)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func certificate(t *testing.T, dir string) {
	t.Helper()
	k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kd, _ := x509.MarshalECPrivateKey(k)
	os.WriteFile(filepath.Join(dir, "c"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	os.WriteFile(filepath.Join(dir, "k"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: kd}), 0o600)
}

// Plain and TLS listeners, an upstream by turns, TLS to the server, a text,
// and a refused server.
func TestProxy(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir)
	a, b := named(t, "a"), named(t, "b")
	var mu sync.Mutex
	var lines []string
	p := New(func(_ nginxconf.LogLevel, format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, fmt.Sprintf(format, args...))
	})
	defer p.Stop()
	conf := fmt.Sprintf(`
		proxy_timeout 1s;
		ssl_certificate %[1]s/c;
		ssl_certificate_key %[1]s/k;
		upstream both { server %[2]s; server %[3]s; }
		server { listen unix:%[1]s/plain; listen unix:%[1]s/tls ssl; proxy_pass both; }
		server { listen unix:%[1]s/out; proxy_ssl on; proxy_pass unix:%[1]s/tls; }
		server { listen unix:%[1]s/text; return "hello\n"; }
		server { listen unix:%[1]s/down; proxy_connect_timeout 1s; proxy_pass unix:%[1]s/nothing; }`, dir, a, b)
	if err := p.Apply(load(t, conf)); err != nil {
		t.Fatal(err)
	}
	dial := func(name string) net.Conn {
		c, err := net.Dial("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	if one, two := ask(t, dial("plain"), "x"), ask(t, dial("plain"), "x"); one != "a x" || two != "b x" {
		t.Errorf("by turns: %q %q", one, two)
	}
	if got := ask(t, tls.Client(dial("tls"), &tls.Config{InsecureSkipVerify: true}), "y"); got != "a y" {
		t.Errorf("TLS from the client: %q", got)
	}
	if got := ask(t, dial("out"), "z"); got != "b z" {
		t.Errorf("TLS to the server: %q", got)
	}
	if b, _ := io.ReadAll(dial("text")); string(b) != "hello\n" {
		t.Errorf("return: %q", b)
	}
	if b, err := io.ReadAll(dial("down")); len(b) > 0 || err != nil {
		t.Errorf("refused: %q %v", b, err)
	}
	mu.Lock()
	if all := strings.Join(lines, "\n"); !strings.Contains(all, "while connecting to upstream, client: unix:, server: "+dir+"/down, upstream: \"unix:"+dir+"/nothing\"") {
		t.Errorf("log: %s", all)
	}
	mu.Unlock()

	// A session outlives the configuration that it began with.
	kept := dial("plain")
	ask(t, kept, "1")
	if err := p.Apply(load(t, fmt.Sprintf("server { listen unix:%s/plain; return x; }", dir))); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, kept, "2"); got != "a 2" {
		t.Errorf("after a reload: %q", got)
	}
	if _, err := net.Dial("unix", filepath.Join(dir, "text")); err == nil {
		t.Error("a listener that is gone from the configuration is open")
	}
	if b, _ := io.ReadAll(dial("plain")); string(b) != "x" {
		t.Errorf("a new connection: %q", b)
	}
	kept.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p.Quit(ctx)
	if ctx.Err() != nil {
		t.Error("a graceful stop waits for nothing")
	}
}

// A silent session ends after proxy_timeout.
func TestTimeout(t *testing.T) {
	p := New(func(nginxconf.LogLevel, string, ...any) {})
	defer p.Stop()
	dir := t.TempDir()
	if err := p.Apply(load(t, fmt.Sprintf("server { listen unix:%s/s; proxy_timeout 50ms; proxy_pass %s; }", dir, named(t, "a")))); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
}
