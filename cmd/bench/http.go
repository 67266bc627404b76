package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// httpScenarios are what a gateway does beside Lua, on both servers with the
// same file; CPU per request is at most 1.5 times nginx's in each.
var httpScenarios = map[string]func(*bench) (int, error){
	"file1k":    func(b *bench) (int, error) { return b.runFile("file1k", 1<<10) },
	"file1m":    func(b *bench) (int, error) { return b.runFile("file1m", 1<<20) },
	"gzip":      runGzip,
	"tls":       runTLS,
	"handshake": runHandshake,
	"h2":        runH2,
	"proxy64k":  runProxy64K,
}

// httpBar is the bar of every scenario in this file.
var httpBar = []bar{{"CPU per request", "huidu", "nginx", 1.5, atMost, sampleCPU}}

// runFile is a static file of size bytes, as sendfile serves it.
func (b *bench) runFile(name string, size int) (int, error) {
	if err := b.write("www/"+name, string(prose(size))); err != nil {
		return 0, err
	}
	return b.comparePath(name, "/"+name, func(port int) string {
		return fmt.Sprintf(`    sendfile on; tcp_nopush on; types { text/plain txt; }
    server { listen 127.0.0.1:%d; root %s; }`, port, b.site("www"))
	}, httpBar)
}

// runGzip compresses a page of 16 KiB for every request.
func runGzip(b *bench) (int, error) {
	if err := b.write("www/page.html", string(prose(16<<10))); err != nil {
		return 0, err
	}
	c := b.config
	c.headers = []string{"Accept-Encoding: gzip"}
	defer func(old config) { b.config = old }(b.config)
	b.config = c
	return b.comparePath("gzip", "/page.html", func(port int) string {
		return fmt.Sprintf(`    gzip on; gzip_types text/plain; default_type text/plain;
    server { listen 127.0.0.1:%d; root %s; }`, port, b.site("www"))
	}, httpBar)
}

// runTLS is a small answer over kept TLS connections.
func runTLS(b *bench) (int, error) {
	return b.compareTLS("tls", "", load)
}

// runHandshake is a TLS connection per request: a full handshake each.
func runHandshake(b *bench) (int, error) {
	c := b.config
	c.headers = []string{"Connection: close"}
	defer func(old config) { b.config = old }(b.config)
	b.config = c
	return b.compareTLS("handshake", "ssl_session_tickets off; ssl_session_cache off;", load)
}

// runH2 is a small answer over HTTP/2 with ten streams a connection.
func runH2(b *bench) (int, error) {
	return b.compareTLS("h2", "http2", loadH2)
}

// compareTLS serves a small answer over TLS. The word http2 in extra turns on
// HTTP/2, which nginx 1.22 takes as a parameter of listen.
func (b *bench) compareTLS(name, extra string, drive driver) (int, error) {
	cert, err := b.certificate()
	if err != nil {
		return 0, err
	}
	param := ""
	if extra == "http2" {
		param, extra = " http2", ""
	}
	http := func(port int) string {
		return fmt.Sprintf(`    server { listen 127.0.0.1:%d ssl%s; ssl_certificate %s; ssl_certificate_key %s; %s
             location / { return 200 "hello\n"; } }`, port, param, cert, cert, extra)
	}
	return b.compareDriven(name, []gateway{
		{"nginx", "/", func(port int) (*server, error) { return b.startNginx(name+"-nginx", port, http(port)) }},
		{"huidu", "/", func(port int) (*server, error) { return b.startHuidu(name+"-huidu", port, http(port)) }},
	}, httpBar, "https", drive)
}

// runProxy64K proxies answers of 64 KiB, buffered.
func runProxy64K(b *bench) (int, error) {
	if err := b.write("www/64k", string(prose(64<<10))); err != nil {
		return 0, err
	}
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	up, err := b.startNginx("files", port, fmt.Sprintf(`    sendfile on;
    server { listen 127.0.0.1:%d; root %s; }`, port, b.site("www")))
	if err != nil {
		return 0, err
	}
	defer up.stop()
	return b.comparePath("proxy64k", "/64k", func(listen int) string {
		return fmt.Sprintf(`    upstream up { server 127.0.0.1:%d; keepalive 256; }
    server { listen 127.0.0.1:%d; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
			port, listen)
	}, httpBar)
}

// comparePath is compareSame for a path of the caller's.
func (b *bench) comparePath(name, path string, http func(port int) string, bars []bar) (int, error) {
	return b.compare(name, []gateway{
		{"nginx", path, func(port int) (*server, error) { return b.startNginx(name+"-nginx", port, http(port)) }},
		{"huidu", path, func(port int) (*server, error) { return b.startHuidu(name+"-huidu", port, http(port)) }},
	}, bars)
}

// certificate writes a self-signed P-256 certificate with its key and returns
// the file's name.
func (b *bench) certificate() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	t := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, &t, &t, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	_ = pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	if err := b.write("tls.pem", out.String()); err != nil {
		return "", err
	}
	return filepath.Join(b.dir, "tls.pem"), nil
}

// prose is n bytes that compress about as a page does.
func prose(n int) []byte {
	var sb strings.Builder
	for i := uint32(1); sb.Len() < n; i = i*1664525 + 1013904223 {
		fmt.Fprintf(&sb, "<li class=\"item\"><a href=\"/shop/%d\">goods number %d</a></li>\n", i>>20, i>>12)
	}
	return []byte(sb.String()[:n])
}
