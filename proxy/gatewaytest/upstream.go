package gatewaytest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// answer is what a fake upstream says.
type answer struct {
	status  int
	headers map[string]string
	body    string
	isSet   bool // else it says its name and what it was asked
}

// upstream stands for one address that the gateway sends requests to. It speaks
// HTTP/1, over TLS to those who begin so.
type upstream struct {
	name string // of the upstream block, or the address
	addr string // as the configuration names it
	at   string // where it listens

	mu     sync.Mutex
	srv    *http.Server // nil while down
	mode   string       // up, hang, reset
	freed  chan struct{}
	delay  time.Duration
	answer answer
	seen   []any
}

// newUpstream starts a fake for an address.
func newUpstream(addr string) (*upstream, error) {
	u := &upstream{name: addr, addr: addr, mode: "up", freed: make(chan struct{})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a fake of %s: %w", addr, err)
	}
	u.at = ln.Addr().String()
	u.serve(ln)
	return u, nil
}

// rename gives u another name; only the goroutine that starts the gateway does.
func (u *upstream) rename(name string) {
	u.mu.Lock()
	u.name = name
	u.mu.Unlock()
}

// serve begins to answer; mu is held or nobody else knows u.
func (u *upstream) serve(ln net.Listener) {
	srv := &http.Server{Handler: u}
	u.srv = srv
	go func() { _ = srv.Serve(&eitherListener{Listener: ln}) }()
}

// set changes how u behaves: up, down, hang, reset, slow.
func (u *upstream) set(mode string, delay time.Duration) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	close(u.freed)
	u.freed = make(chan struct{})
	u.mode, u.delay = mode, delay
	if mode == "down" {
		if u.srv != nil {
			_ = u.srv.Close()
			u.srv = nil
		}
		return nil
	}
	if u.srv != nil {
		return nil
	}
	ln, err := listenAgain(u.at)
	if err != nil {
		return fmt.Errorf("start the fake of %s again: %w", u.addr, err)
	}
	u.serve(ln)
	return nil
}

// listenAgain listens on an address that was in use a moment ago.
func listenAgain(addr string) (ln net.Listener, err error) {
	for range 100 {
		if ln, err = net.Listen("tcp", addr); err == nil {
			return ln, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, err
}

func (u *upstream) close() { _ = u.set("down", 0) }

// ServeHTTP implements http.Handler.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	u.mu.Lock()
	name, mode, delay, freed, a := u.name, u.mode, u.delay, u.freed, u.answer
	u.seen = append(u.seen, seenRequest(r, string(body)))
	u.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
		}
	}
	switch mode {
	case "hang":
		select {
		case <-freed:
		case <-r.Context().Done():
			return
		}
	case "reset":
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("X-Upstream", name)
	if !a.isSet {
		a.status, a.body = http.StatusOK, fmt.Sprintf("%s %s %s\n", name, r.Method, r.RequestURI)
		w.Header().Set("Content-Type", "text/plain")
	}
	for key, value := range a.headers {
		w.Header().Set(key, value)
	}
	if r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// seenRequest is a request as tests look at it; its headers have lower-case
// names.
func seenRequest(r *http.Request, body string) map[string]any {
	headers := map[string]any{"host": r.Host}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return map[string]any{"method": r.Method, "uri": r.RequestURI, "headers": headers, "body": body}
}

func (u *upstream) requests() []any {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]any{}, u.seen...)
}

func (u *upstream) forget() {
	u.mu.Lock()
	u.seen = nil
	u.mu.Unlock()
}

func (u *upstream) say(a answer) {
	u.mu.Lock()
	u.answer = a
	u.mu.Unlock()
}

// eitherListener accepts both plain and TLS connections.
type eitherListener struct{ net.Listener }

// Accept implements net.Listener.
func (l *eitherListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &eitherConn{Conn: c}, nil
}

// eitherConn looks at the first byte when it is first read: TLS begins with 22.
type eitherConn struct {
	net.Conn
	once sync.Once
	in   io.Reader
	tls  *tls.Conn
}

func (c *eitherConn) begin() {
	c.once.Do(func() {
		br := bufio.NewReader(c.Conn)
		c.in = br
		if first, err := br.Peek(1); err == nil && first[0] == 22 {
			c.tls = tls.Server(&peekedConn{c.Conn, br}, fakeTLS())
			c.in = c.tls
		}
	})
}

// Read implements net.Conn.
func (c *eitherConn) Read(p []byte) (int, error) {
	c.begin()
	return c.in.Read(p)
}

// Write implements net.Conn; servers read first.
func (c *eitherConn) Write(p []byte) (int, error) {
	c.begin()
	if c.tls != nil {
		return c.tls.Write(p)
	}
	return c.Conn.Write(p)
}

// peekedConn is a connection whose first bytes have been read.
type peekedConn struct {
	net.Conn
	in io.Reader
}

// Read implements net.Conn.
func (c *peekedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// fakeTLS is the certificate of every fake: for any name, signed by itself.
var fakeTLS = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return &tls.Config{}
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "huidu test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return &tls.Config{}
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
})
