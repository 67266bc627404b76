package upstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Codes of a failed lookup: DNS response codes, and nginx's own for a
// timeout (ETIMEDOUT).
const (
	ResolveFormErr  = 1
	ResolveServFail = 2
	ResolveNXDomain = 3
	ResolveNotImp   = 4
	ResolveRefused  = 5
	ResolveTimedOut = 110
)

// ResolveError is a failed lookup; its text is nginx's log line.
type ResolveError struct {
	Host string
	Code int
}

func (e *ResolveError) Error() string {
	return fmt.Sprintf("%s could not be resolved (%d: %s)", e.Host, e.Code, ResolveText(e.Code))
}

// ResolveText words a code as ngx_resolver_strerror does.
func ResolveText(code int) string {
	switch code {
	case ResolveFormErr:
		return "Format error"
	case ResolveServFail:
		return "Server failure"
	case ResolveNXDomain:
		return "Host not found"
	case ResolveNotImp:
		return "Unimplemented"
	case ResolveRefused:
		return "Operation refused"
	case ResolveTimedOut:
		return "Operation timed out"
	}
	return "Unknown error"
}

// ResolverOptions configures a Resolver; see the resolver directive.
type ResolverOptions struct {
	Servers    []string      // "127.0.0.1:53"
	Valid      time.Duration // overrides TTLs when not 0
	IPv4, IPv6 bool          // which addresses to ask for
	Timeout    time.Duration // resolver_timeout; 0: 30 s
	Retry      time.Duration // until the next server is asked; 0: nginx's 5 s
	Now        func() time.Time
	Log        func(level int, msg string)
}

// Resolver asks the name servers of the resolver directive, as nginx does,
// and remembers their answers as long as they are valid. Lookups of one name
// at a time share a query.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#resolver
type Resolver struct {
	opts ResolverOptions

	mu      sync.Mutex
	names   map[string]*dnsEntry
	next    int // server to begin with
	sweepAt int // size of names at which expired entries are swept out
	ctx     context.Context
	cancel  context.CancelFunc
	queries sync.WaitGroup
}

// dnsEntry is an answer, or a query under way while done is open.
type dnsEntry struct {
	done  chan struct{}
	addrs []netip.Addr
	srvs  []srvRecord
	err   error
	until time.Time
}

// NewResolver makes a resolver. Close ends it.
func NewResolver(o ResolverOptions) *Resolver {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Retry <= 0 {
		o.Retry = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(int, string) {}
	}
	if !o.IPv4 && !o.IPv6 {
		o.IPv4 = true
	}
	r := &Resolver{opts: o, names: map[string]*dnsEntry{}, sweepAt: 1024}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Close abandons queries under way; their lookups fail.
func (r *Resolver) Close() {
	r.cancel()
	r.queries.Wait()
}

// Timeout is resolver_timeout.
func (r *Resolver) Timeout() time.Duration { return r.opts.Timeout }

// Lookup finds the addresses of host, IPv4 before IPv6, beginning at one
// chosen by chance as nginx does. Literal addresses are their own answer. The
// error is a *ResolveError, or ctx's.
func (r *Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, ok := Literal(host); ok {
		return []netip.Addr{a}, nil
	}
	e, err := r.lookup(ctx, host, false)
	if err != nil {
		return nil, err
	}
	n := len(e.addrs)
	first := 0
	if n > 1 {
		first = rand.IntN(n)
	}
	out := make([]netip.Addr, 0, n)
	return append(append(out, e.addrs[first:]...), e.addrs[:first]...), nil
}

// Literal reads an IP address; IPv6 stands in brackets or bare.
func Literal(host string) (netip.Addr, bool) {
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	if host == "" || host[0] != ':' && (host[0] > '9' || host[0] < '0') && !strings.Contains(host, ":") {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(host)
	return a, err == nil && a.Zone() == ""
}

func (r *Resolver) lookup(ctx context.Context, host string, srv bool) (*dnsEntry, error) {
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	key := name
	if srv {
		key = "srv " + name
	}
	r.mu.Lock()
	e := r.names[key]
	if e != nil && isClosed(e.done) && (e.err != nil || !r.opts.Now().Before(e.until)) {
		e = nil
	}
	if e == nil {
		if r.ctx.Err() != nil {
			r.mu.Unlock()
			return nil, &ResolveError{host, ResolveTimedOut}
		}
		r.sweep()
		e = &dnsEntry{done: make(chan struct{})}
		r.names[key] = e
		r.queries.Add(1)
		go r.query(e, key, name, srv)
	}
	r.mu.Unlock()

	if !isClosed(e.done) {
		timer := time.NewTimer(r.opts.Timeout)
		defer timer.Stop()
		select {
		case <-e.done:
		case <-timer.C:
			return nil, &ResolveError{host, ResolveTimedOut}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if e.err != nil {
		var re *ResolveError
		if errors.As(e.err, &re) {
			return nil, &ResolveError{host, re.Code}
		}
		return nil, e.err
	}
	return e, nil
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// sweep drops expired answers when the cache has doubled since last time.
func (r *Resolver) sweep() {
	if len(r.names) < r.sweepAt {
		return
	}
	now := r.opts.Now()
	for k, e := range r.names {
		if isClosed(e.done) && !now.Before(e.until) {
			delete(r.names, k)
		}
	}
	r.sweepAt = max(1024, 2*len(r.names))
}

// query asks for one name and publishes the answer. Failures are not
// remembered beyond the lookups that waited for them.
func (r *Resolver) query(e *dnsEntry, key, name string, srv bool) {
	defer r.queries.Done()
	// nginx gives a query up after 30 s, whatever its waiters' timeouts.
	ctx, cancel := context.WithTimeout(r.ctx, max(30*time.Second, r.opts.Timeout))
	defer cancel()
	var ttl uint32
	if srv {
		e.srvs, ttl, e.err = r.resolveSRV(ctx, name, 0)
	} else {
		e.addrs, ttl, e.err = r.resolveName(ctx, name, 0)
	}
	valid := r.opts.Valid
	if valid <= 0 {
		valid = time.Duration(ttl) * time.Second
	}
	r.mu.Lock()
	e.until = r.opts.Now().Add(valid)
	if e.err != nil {
		delete(r.names, key)
	}
	close(e.done)
	r.mu.Unlock()
}

// server is the name server whose turn it is.
func (r *Resolver) server() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.opts.Servers[r.next%len(r.opts.Servers)]
	r.next++
	return s
}

// JoinAddr is the address of a peer, as nginx prints it.
func JoinAddr(a netip.Addr, port string) string {
	return net.JoinHostPort(a.Unmap().String(), port)
}
