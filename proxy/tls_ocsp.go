package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"huidu/nginxconf"
	"huidu/proxy/tlsconf"
)

// ocspTimeout is how long nginx waits for a responder.
const ocspTimeout = 60 * time.Second

// ocspConf is ssl_ocsp of a server.
//
// See: https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_ocsp
type ocspConf struct {
	leaf      bool
	responder *tlsconf.Responder // nil: the certificate names it
	cache     *ocspCache
	resolve   resolveFunc
}

type resolveFunc = func(ctx context.Context, host string) ([]netip.Addr, error)

// ocspCache is ssl_ocsp_cache: states of certificates until they are to be
// asked for again.
type ocspCache struct {
	mu  sync.Mutex
	m   map[[32]byte]ocspState
	max int
}

type ocspState struct {
	status int
	until  time.Time
}

func (c *ocspCache) get(key [32]byte) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, found := c.m[key]
	return s.status, found && time.Now().Before(s.until)
}

func (c *ocspCache) put(key [32]byte, s ocspState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.m {
		if len(c.m) < c.max {
			break
		}
		delete(c.m, k)
	}
	c.m[key] = s
}

// ocsp compiles ssl_ocsp and its responder and cache; nil: off.
func (c *compiler) ocsp(s *virtualServer) (*ocspConf, error) {
	k := s.conf.Srv.SSL
	if k.OCSP.V == "" || k.OCSP.V == "off" || k.VerifyClient.V == "" || k.VerifyClient.V == "off" {
		return nil, nil
	}
	o := &ocspConf{leaf: k.OCSP.V == "leaf", resolve: c.resolverFor(s.conf.Loc)}
	if k.OCSPResponder.V != "" {
		r, err := tlsconf.ParseResponder(k.OCSPResponder.V)
		if err != nil {
			return nil, errAt(k.OCSPResponder.Pos, "%v", err)
		}
		o.responder = &r
	}
	if zone, shared := strings.CutPrefix(k.OCSPCache.V, "shared:"); shared {
		name, sizeText, _ := strings.Cut(zone, ":")
		if o.cache = c.ocspZones[name]; o.cache == nil {
			size, _ := nginxconf.ParseSize(sizeText)
			o.cache = &ocspCache{m: map[[32]byte]ocspState{}, max: int(max(min(size, 1<<40)/256, 1))}
			if c.ocspZones == nil {
				c.ocspZones = map[string]*ocspCache{}
			}
			c.ocspZones[name] = o.cache
		}
	}
	return o, nil
}

// fetchOCSP resolves a responder and asks it.
func fetchOCSP(ctx context.Context, r tlsconf.Responder, resolve resolveFunc, cert, issuer *x509.Certificate) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, ocspTimeout)
	defer cancel()
	if _, err := netip.ParseAddr(r.Host); err == nil {
		return tlsconf.FetchOCSP(ctx, r, r.Host, cert, issuer)
	}
	if resolve == nil {
		return nil, fmt.Errorf("no resolver defined to resolve %s", r.Host)
	}
	addrs, err := resolve(ctx, r.Host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		var der []byte
		if der, err = tlsconf.FetchOCSP(ctx, r, a.String(), cert, issuer); err == nil {
			return der, nil
		}
	}
	return nil, err
}

// check asks for the states of a verified client's certificates, the root
// excepted. The answer is what $ssl_client_verify says.
//
// See: ngx_ssl_ocsp_validate_next.
func (o *ocspConf) check(c *conn, chain []*x509.Certificate) string {
	for i := 0; i+1 < len(chain) && (i == 0 || !o.leaf); i++ {
		status, err := o.status(chain[i], chain[i+1])
		if err != nil {
			c.rt.errorLog.conn(logError, c, "%v while requesting certificate status", err)
			return "FAILED:certificate status request failed"
		}
		switch status {
		case ocsp.Good:
		case ocsp.Revoked:
			return "FAILED:certificate revoked"
		default:
			return "FAILED:certificate status unknown"
		}
	}
	return "SUCCESS"
}

func (o *ocspConf) status(cert, issuer *x509.Certificate) (int, error) {
	key := sha256.Sum256(append(append([]byte{}, cert.Raw...), issuer.Raw...))
	if o.cache != nil {
		if s, found := o.cache.get(key); found {
			return s, nil
		}
	}
	var r tlsconf.Responder
	var err error
	if o.responder != nil {
		r = *o.responder
	} else if r, err = tlsconf.CertResponder(cert); err != nil {
		return 0, err
	}
	der, err := fetchOCSP(context.Background(), r, o.resolve, cert, issuer)
	if err != nil {
		return 0, err
	}
	resp, err := tlsconf.CheckOCSP(der, cert, issuer, nil, true)
	if err != nil {
		return 0, err
	}
	if o.cache != nil {
		until := resp.NextUpdate
		if until.IsZero() {
			until = time.Now().Add(time.Hour)
		}
		o.cache.put(key, ocspState{resp.Status, until})
	}
	return resp.Status, nil
}

// staple holds the OCSP response shown with a certificate. It is fetched when
// a client first could have used it, and again before it expires.
//
// See: https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_stapling
type staple struct {
	rt        *Router
	ctx       context.Context
	wg        *sync.WaitGroup
	cert      *tls.Certificate
	issuer    *x509.Certificate
	responder tlsconf.Responder
	resolve   resolveFunc
	trusted   []*x509.Certificate
	verify    bool

	mu      sync.Mutex
	stapled *tls.Certificate // cert with the response; nil: none
	valid   time.Time        // zero: for ever
	refresh time.Time
	loading bool
	fixed   bool // ssl_stapling_file
}

// stapling compiles ssl_stapling for a server's certificates.
func (c *compiler) stapling(st *serverTLS, s *virtualServer) error {
	k := s.conf.Srv.SSL
	if !k.Stapling.V {
		return nil
	}
	var trusted []*x509.Certificate
	if k.TrustedCertificate.V != "" {
		var err error
		if trusted, err = tlsconf.LoadCAs(k.TrustedCertificate.V); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	wg := &sync.WaitGroup{}
	c.rt.closers = append(c.rt.closers, func() { cancel(); wg.Wait() })
	st.staples = map[*tls.Certificate]*staple{}
	for i, cert := range st.certs {
		p := &staple{rt: c.rt, ctx: ctx, wg: wg, cert: cert, trusted: trusted, verify: k.StaplingVerify.V, resolve: c.resolverFor(s.conf.Loc)}
		if k.StaplingFile.V != "" {
			der, err := os.ReadFile(k.StaplingFile.V)
			if err != nil {
				return errAt(k.StaplingFile.Pos, "BIO_new_file(%q) failed (%s)", k.StaplingFile.V, errnoText(err))
			}
			p.fixed, p.stapled = true, withStaple(cert, der)
			st.staples[cert] = p
			continue
		}
		if why := p.prepare(k.StaplingResponder.V); why != "" {
			c.rt.logf(logWarn, "\"ssl_stapling\" ignored, %s certificate \"%s\"", why, k.Certificate.V[min(i, len(k.Certificate.V)-1)].Text)
			continue
		}
		st.staples[cert] = p
	}
	return nil
}

func withStaple(cert *tls.Certificate, der []byte) *tls.Certificate {
	copied := *cert
	copied.OCSPStaple = der
	return &copied
}

// prepare finds the issuer and the responder; the answer says what is missing.
func (p *staple) prepare(responder string) (why string) {
	candidates := p.trusted
	for _, der := range p.cert.Certificate[1:] {
		if ic, err := x509.ParseCertificate(der); err == nil {
			candidates = append([]*x509.Certificate{ic}, candidates...)
		}
	}
	for _, ic := range candidates {
		if p.cert.Leaf.CheckSignatureFrom(ic) == nil {
			p.issuer = ic
			break
		}
	}
	if p.issuer == nil {
		return "issuer certificate not found for"
	}
	if responder == "" {
		if len(p.cert.Leaf.OCSPServer) == 0 {
			return "no OCSP responder URL in the"
		}
		responder = p.cert.Leaf.OCSPServer[0]
	}
	var err error
	if p.responder, err = tlsconf.ParseResponder(responder); err != nil {
		return err.Error() + " in the"
	}
	return ""
}

// certificate is the certificate as shown now; it starts a refresh when one is
// due, and never waits for it.
func (p *staple) certificate() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !p.fixed && !p.loading && now.After(p.refresh) && p.ctx.Err() == nil {
		p.loading = true
		p.wg.Add(1)
		go p.update()
	}
	if p.stapled == nil || !p.valid.IsZero() && now.After(p.valid) {
		return p.cert
	}
	return p.stapled
}

// update fetches the response anew. See: ngx_ssl_stapling_ocsp_handler.
func (p *staple) update() {
	defer p.wg.Done()
	resp, err := p.fetch()
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loading, p.refresh = false, now.Add(5*time.Minute)
	if err != nil {
		if p.ctx.Err() == nil {
			p.rt.logf(logError, "%v while requesting certificate status, responder: %s", err, p.responder.Host)
		}
		return
	}
	p.stapled, p.valid = withStaple(p.cert, resp.Raw), resp.NextUpdate
	hour := now.Add(time.Hour)
	if at := resp.NextUpdate.Add(-5 * time.Minute); !resp.NextUpdate.IsZero() && at.Before(hour) {
		hour = at
	}
	if hour.After(p.refresh) {
		p.refresh = hour
	}
}

func (p *staple) fetch() (*ocsp.Response, error) {
	der, err := fetchOCSP(p.ctx, p.responder, p.resolve, p.cert.Leaf, p.issuer)
	if err != nil {
		return nil, err
	}
	resp, err := tlsconf.CheckOCSP(der, p.cert.Leaf, p.issuer, nil, p.verify)
	if err == nil && resp.Status != ocsp.Good {
		status := "unknown"
		if resp.Status == ocsp.Revoked {
			status = "revoked"
		}
		err = fmt.Errorf("certificate status \"%s\" in the OCSP response", status)
	}
	if err != nil {
		return nil, err
	}
	resp.Raw = der
	return resp, nil
}
