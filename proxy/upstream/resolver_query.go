package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// maxCNAME is nginx's NGX_RESOLVER_MAX_RECURSION.
const maxCNAME = 50

// srvRecord is one SRV answer with the addresses of its target.
type srvRecord struct {
	target           string
	port             uint16
	priority, weight uint16
	addrs            []netip.Addr
}

// answer is what one response says.
type answer struct {
	code  int
	addrs []netip.Addr
	cname string
	srvs  []srvRecord
	ttl   uint32
}

// resolveName finds the addresses of name, following its aliases.
func (r *Resolver) resolveName(ctx context.Context, name string, depth int) ([]netip.Addr, uint32, error) {
	var types []dnsmessage.Type
	if r.opts.IPv4 {
		types = append(types, dnsmessage.TypeA)
	}
	if r.opts.IPv6 {
		types = append(types, dnsmessage.TypeAAAA)
	}
	answers, err := r.ask(ctx, name, types)
	if err != nil {
		return nil, 0, err
	}
	var addrs []netip.Addr
	cname, code, ttl := "", 0, uint32(math.MaxUint32)
	for _, a := range answers {
		if a.code != 0 {
			if code == 0 || code == ResolveNXDomain {
				code = a.code
			}
			continue
		}
		if len(a.addrs) > 0 || a.cname != "" {
			ttl = min(ttl, a.ttl)
		}
		addrs = append(addrs, a.addrs...)
		if a.cname != "" {
			cname = a.cname
		}
	}
	switch {
	case len(addrs) > 0:
		return addrs, ttl, nil
	case code != 0:
		return nil, 0, &ResolveError{name, code}
	case cname != "" && depth < maxCNAME:
		addrs, sub, err := r.resolveName(ctx, cname, depth+1)
		return addrs, min(ttl, sub), err
	}
	return nil, 0, &ResolveError{name, ResolveNXDomain}
}

// resolveSRV finds the servers of a service and their addresses. Targets that
// cannot be resolved are logged and left out unless all fail.
func (r *Resolver) resolveSRV(ctx context.Context, name string, depth int) ([]srvRecord, uint32, error) {
	answers, err := r.ask(ctx, name, []dnsmessage.Type{dnsmessage.TypeSRV})
	if err != nil {
		return nil, 0, err
	}
	a := answers[0]
	switch {
	case a.code != 0:
		return nil, 0, &ResolveError{name, a.code}
	case len(a.srvs) == 0 && a.cname != "" && depth < maxCNAME:
		return r.resolveSRV(ctx, a.cname, depth+1)
	case len(a.srvs) == 0:
		return nil, 0, &ResolveError{name, ResolveNXDomain}
	}
	ttl := a.ttl
	found := a.srvs[:0]
	var last error
	for _, s := range a.srvs {
		addrs, t, err := r.resolveName(ctx, s.target, 0)
		if err != nil {
			r.opts.Log(levelError, err.Error()+" while resolving service "+name)
			last = err
			continue
		}
		s.addrs = addrs
		ttl = min(ttl, t)
		found = append(found, s)
	}
	if len(found) == 0 {
		return nil, 0, last
	}
	return found, ttl, nil
}

// ask sends one question per type and collects the answers. Every Retry the
// questions without an answer go to the next server, until ctx ends.
func (r *Resolver) ask(ctx context.Context, name string, types []dnsmessage.Type) ([]*answer, error) {
	qname, err := dnsmessage.NewName(name + ".")
	if err != nil || name == "" || strings.Contains(name, "..") || strings.HasPrefix(name, ".") {
		return nil, &ResolveError{name, ResolveFormErr}
	}
	answers := make([]*answer, len(types))
	refused := 0
	for {
		server := r.server()
		began := time.Now()
		complete, err := r.askServer(ctx, server, qname, types, answers)
		if complete {
			return answers, nil
		}
		if ctx.Err() != nil {
			return nil, &ResolveError{name, ResolveTimedOut}
		}
		if err != nil {
			r.opts.Log(levelError, CallError("recv()", err)+" while resolving, resolver: "+server)
			// A server that is not there need not be waited for while there
			// are others.
			if refused++; refused < len(r.opts.Servers) {
				continue
			}
			refused = 0
		}
		select {
		case <-ctx.Done():
			return nil, &ResolveError{name, ResolveTimedOut}
		case <-time.After(r.opts.Retry - time.Since(began)):
		}
	}
}

// askServer asks one server for what is still missing; complete when nothing
// is.
func (r *Resolver) askServer(ctx context.Context, server string, name dnsmessage.Name, types []dnsmessage.Type, answers []*answer) (complete bool, err error) {
	d := net.Dialer{}
	c, err := d.DialContext(ctx, "udp", server)
	if err != nil {
		return false, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c.SetDeadline(time.Now().Add(r.opts.Retry))

	ids := make([]uint16, len(types))
	for i, t := range types {
		if answers[i] != nil {
			continue
		}
		ids[i] = uint16(rand.Uint32())
		for i > 0 && ids[i] == ids[i-1] {
			ids[i]++
		}
		q, err := question(ids[i], name, t)
		if err != nil {
			return false, err
		}
		if _, err := c.Write(q); err != nil {
			return false, err
		}
	}
	buf := make([]byte, 4096)
	for {
		missing := false
		for _, a := range answers {
			missing = missing || a == nil
		}
		if !missing {
			return true, nil
		}
		n, err := c.Read(buf)
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
				return false, nil
			}
			return false, err
		}
		for i, t := range types {
			if answers[i] != nil || n < 12 || binary.BigEndian.Uint16(buf) != ids[i] {
				continue
			}
			a, truncated, ok := parseAnswer(buf[:n], name, t)
			if !ok {
				continue
			}
			if truncated {
				if a, err = askTCP(ctx, server, ids[i], name, t, r.opts.Retry); err != nil {
					return false, err
				}
			}
			answers[i] = a
		}
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// askTCP repeats a question whose answer did not fit into a datagram.
func askTCP(ctx context.Context, server string, id uint16, name dnsmessage.Name, t dnsmessage.Type, timeout time.Duration) (*answer, error) {
	d := net.Dialer{Timeout: timeout}
	c, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c.SetDeadline(time.Now().Add(timeout))
	q, err := question(id, name, t)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, msg); err != nil {
		return nil, err
	}
	if a, _, ok := parseAnswer(msg, name, t); ok && binary.BigEndian.Uint16(msg) == id {
		return a, nil
	}
	return nil, errors.New("unexpected DNS response")
}

func question(id uint16, name dnsmessage.Name, t dnsmessage.Type) ([]byte, error) {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: t, Class: dnsmessage.ClassINET}},
	}
	return m.Pack()
}

// parseAnswer reads a response to the question; ok is false when it is none.
func parseAnswer(msg []byte, name dnsmessage.Name, t dnsmessage.Type) (a *answer, truncated, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || !h.Response {
		return nil, false, false
	}
	q, err := p.Question()
	if err != nil || q.Type != t || !strings.EqualFold(q.Name.String(), name.String()) {
		return nil, false, false
	}
	if h.Truncated {
		return nil, true, true
	}
	a = &answer{code: int(h.RCode), ttl: math.MaxUint32}
	if a.code != 0 || p.SkipAllQuestions() != nil {
		return a, false, true
	}
	for {
		rh, err := p.AnswerHeader()
		if err != nil {
			break
		}
		switch {
		case rh.Class != dnsmessage.ClassINET:
			err = p.SkipAnswer()
		case rh.Type == dnsmessage.TypeA && t == rh.Type:
			var rr dnsmessage.AResource
			if rr, err = p.AResource(); err == nil {
				a.addrs = append(a.addrs, netip.AddrFrom4(rr.A))
				a.ttl = min(a.ttl, rh.TTL)
			}
		case rh.Type == dnsmessage.TypeAAAA && t == rh.Type:
			var rr dnsmessage.AAAAResource
			if rr, err = p.AAAAResource(); err == nil {
				a.addrs = append(a.addrs, netip.AddrFrom16(rr.AAAA))
				a.ttl = min(a.ttl, rh.TTL)
			}
		case rh.Type == dnsmessage.TypeSRV && t == rh.Type:
			var rr dnsmessage.SRVResource
			if rr, err = p.SRVResource(); err == nil {
				a.srvs = append(a.srvs, srvRecord{target: strings.TrimSuffix(rr.Target.String(), "."),
					port: rr.Port, priority: rr.Priority, weight: rr.Weight})
				a.ttl = min(a.ttl, rh.TTL)
			}
		case rh.Type == dnsmessage.TypeCNAME:
			var rr dnsmessage.CNAMEResource
			if rr, err = p.CNAMEResource(); err == nil {
				a.cname = strings.TrimSuffix(rr.CNAME.String(), ".")
				a.ttl = min(a.ttl, rh.TTL)
			}
		default:
			err = p.SkipAnswer()
		}
		if err != nil {
			a.code = ResolveFormErr
			break
		}
	}
	return a, false, true
}
