package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/tlsconf"
	"huidu/proxy/upstream"
)

// Proxy is the running part of stream{}.
type Proxy struct {
	log  Logger
	mu   sync.Mutex
	on   map[string]*listener
	open map[net.Conn]struct{}
	wg   sync.WaitGroup
	next atomic.Uint64
	ctx  context.Context
	stop context.CancelFunc
}

// Logger writes a line to the main error log.
type Logger func(level nginxconf.LogLevel, format string, args ...any)

// listener is an address with the server that it serves now.
type listener struct {
	ln     net.Listener
	server atomic.Pointer[server]
}

// server is one listen of a server{}, compiled.
type server struct {
	conf    *nginxconf.StreamServer
	address string
	tls     *tls.Config // nil: plain
	turn    *atomic.Uint32
}

// New makes a Proxy without a configuration.
func New(log Logger) *Proxy {
	p := &Proxy{log: log, on: map[string]*listener{}, open: map[net.Conn]struct{}{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Apply makes conf the configuration; nil is one without servers. On an error
// nothing has changed.
func (p *Proxy) Apply(conf *nginxconf.Stream) error {
	want := map[string]*server{}
	if conf != nil {
		turns := map[*nginxconf.StreamUpstream]*atomic.Uint32{}
		for _, u := range conf.Upstreams {
			turns[u] = &atomic.Uint32{}
		}
		for _, s := range conf.Servers {
			cfg, err := serverTLS(s)
			if err != nil {
				return err
			}
			for _, l := range s.Listens {
				v := &server{conf: s, address: l.Address, turn: turns[s.Upstream]}
				if l.SSL {
					v.tls = cfg
				}
				want[l.Network+" "+l.Address] = v
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var fresh []*listener
	for key, s := range want {
		if l := p.on[key]; l != nil {
			continue
		}
		l, err := listen(key, s)
		if err != nil {
			for _, o := range fresh {
				o.ln.Close()
				delete(p.on, o.server.Load().key())
			}
			return err
		}
		p.on[key] = l
		fresh = append(fresh, l)
	}
	for key, l := range p.on {
		if s := want[key]; s != nil {
			l.server.Store(s)
		} else {
			l.ln.Close()
			delete(p.on, key)
		}
	}
	for _, l := range fresh {
		p.wg.Go(func() { p.accept(l) })
	}
	return nil
}

func (s *server) key() string {
	for _, l := range s.conf.Listens {
		if l.Address == s.address {
			return l.Network + " " + l.Address
		}
	}
	return ""
}

func listen(key string, s *server) (*listener, error) {
	network := key[:len(key)-len(s.address)-1]
	if network == "unix" {
		if c, err := net.Dial("unix", s.address); err == nil {
			c.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(s.address)
		}
	}
	ln, err := net.Listen(network, s.address)
	if err != nil {
		text := err.Error()
		var no syscall.Errno
		if errors.As(err, &no) {
			text = upstream.ErrnoText(no)
		}
		return nil, fmt.Errorf("bind() to %s failed (%s)", s.address, text)
	}
	l := &listener{ln: ln}
	l.server.Store(s)
	return l, nil
}

// serverTLS compiles ssl_* of a server; nil when it has no certificate.
func serverTLS(s *nginxconf.StreamServer) (*tls.Config, error) {
	if len(s.Conf.Certificates.V) == 0 {
		return nil, nil
	}
	cfg := &tls.Config{}
	cfg.MinVersion, cfg.MaxVersion, _ = tlsconf.Protocols(s.Conf.Protocols.V)
	var err error
	if cfg.CipherSuites, err = tlsconf.Ciphers(s.Conf.Ciphers.V); err != nil {
		return nil, fmt.Errorf("%v in %s:%d", err, s.Conf.Ciphers.Pos.File, s.Conf.Ciphers.Pos.Line)
	}
	for i, file := range s.Conf.Certificates.V {
		if i >= len(s.Conf.CertificateKeys.V) {
			break // no listen with ssl, or loading would have said so
		}
		pair, err := tlsconf.LoadPair(file, s.Conf.CertificateKeys.V[i], nil)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = append(cfg.Certificates, *pair)
	}
	return cfg, nil
}

func (p *Proxy) accept(l *listener) {
	for {
		c, err := l.ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(50 * time.Millisecond) // out of descriptors
			continue
		}
		s := l.server.Load()
		p.track(c)
		p.wg.Go(func() {
			defer p.forget(c)
			(&session{p: p, s: s, number: p.next.Add(1)}).serve(c)
		})
	}
}

func (p *Proxy) track(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = struct{}{}
}

func (p *Proxy) forget(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// Quit stops accepting and waits for the sessions until ctx ends.
func (p *Proxy) Quit(ctx context.Context) {
	p.Apply(nil)
	done := make(chan struct{})
	go func() { p.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		p.Stop()
	}
}

// Stop ends everything at once.
func (p *Proxy) Stop() {
	p.Apply(nil)
	p.stop()
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}
