package upstream

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"huidu/nginxconf"
)

// fakeDNS answers over UDP and TCP on one port.
type fakeDNS struct {
	addr    string
	asked   atomic.Int64
	mu      sync.Mutex
	answer  func(q dnsmessage.Question) (rcode dnsmessage.RCode, rr []dnsmessage.Resource)
	big     bool // answer UDP with TC
	silence bool
}

func newFakeDNS(t *testing.T) *fakeDNS {
	t.Helper()
	f := &fakeDNS{}
	var l net.Listener
	var pc net.PacketConn
	for range 20 {
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if pc, err = net.ListenPacket("udp", l.Addr().String()); err == nil {
			break
		}
		l.Close()
	}
	f.addr = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if m := f.reply(buf[:n], true); m != nil {
				pc.WriteTo(m, from)
			}
		}
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var size [2]byte
			if _, err := io.ReadFull(c, size[:]); err == nil {
				q := make([]byte, binary.BigEndian.Uint16(size[:]))
				io.ReadFull(c, q)
				m := f.reply(q, false)
				c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
			}
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); pc.Close(); wg.Wait() })
	return f
}

func (f *fakeDNS) set(answer func(q dnsmessage.Question) (dnsmessage.RCode, []dnsmessage.Resource)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fakeDNS) setFlags(big, silence bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.big, f.silence = big, silence
}

func (f *fakeDNS) reply(q []byte, udp bool) []byte {
	f.asked.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.silence {
		return nil
	}
	var m dnsmessage.Message
	if m.Unpack(q) != nil {
		return nil
	}
	m.Header.Response = true
	if udp && f.big {
		m.Header.Truncated = true
	} else {
		m.Header.RCode, m.Answers = f.answer(m.Questions[0])
	}
	out, _ := m.Pack()
	return out
}

func rr(name string, ttl uint32, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: ttl}, Body: body}
}

// zone answers from a small zone.
func zone(q dnsmessage.Question) (dnsmessage.RCode, []dnsmessage.Resource) {
	a := func(last byte) dnsmessage.Resource {
		return rr(q.Name.String(), 60, &dnsmessage.AResource{A: [4]byte{127, 0, 0, last}})
	}
	switch name := strings.ToLower(q.Name.String()); {
	case name == "a.example." && q.Type == dnsmessage.TypeA:
		return 0, []dnsmessage.Resource{a(1), a(2)}
	case name == "a.example." && q.Type == dnsmessage.TypeAAAA:
		return 0, []dnsmessage.Resource{rr(q.Name.String(), 60, &dnsmessage.AAAAResource{AAAA: [16]byte{15: 1}})}
	case name == "four.example.":
		if q.Type == dnsmessage.TypeA {
			return 0, []dnsmessage.Resource{a(4)}
		}
		return 0, nil
	case name == "alias.example.":
		return 0, []dnsmessage.Resource{rr(q.Name.String(), 10, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("four.example.")})}
	case name == "loop.example.":
		return 0, []dnsmessage.Resource{rr(q.Name.String(), 10, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("loop.example.")})}
	case name == "fail.example.":
		return dnsmessage.RCodeServerFailure, nil
	case name == "refused.example.":
		return dnsmessage.RCodeRefused, nil
	case name == "_http._tcp.svc.example.":
		srv := func(prio, weight, port uint16, target string) dnsmessage.Resource {
			return rr(q.Name.String(), 60, &dnsmessage.SRVResource{Priority: prio, Weight: weight, Port: port, Target: dnsmessage.MustNewName(target)})
		}
		return 0, []dnsmessage.Resource{srv(1, 3, 8001, "four.example."), srv(2, 1, 8002, "four.example."), srv(1, 1, 8003, "nowhere.example.")}
	}
	return dnsmessage.RCodeNameError, nil
}

func newTestResolver(t *testing.T, o ResolverOptions) *Resolver {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	r := NewResolver(o)
	t.Cleanup(r.Close)
	return r
}

func TestResolver(t *testing.T) {
	f := newFakeDNS(t)
	f.set(zone)
	c := newClock()
	r := newTestResolver(t, ResolverOptions{Servers: []string{f.addr}, IPv4: true, IPv6: true, Now: c.now})
	look := func(name string) string {
		addrs, err := r.Lookup(context.Background(), name)
		if err != nil {
			return err.Error()
		}
		var s []string
		for _, a := range addrs {
			s = append(s, a.String())
		}
		return strings.Join(s, " ")
	}
	// Any rotation of the three.
	if got := look("A.example"); !strings.Contains("127.0.0.1 127.0.0.2 ::1 127.0.0.1 127.0.0.2 ::1", got) || len(got) < 20 {
		t.Error(got)
	}
	asked := f.asked.Load()
	look("a.example.")
	if f.asked.Load() != asked {
		t.Error("not cached")
	}
	c.add(61 * time.Second)
	look("a.example")
	if f.asked.Load() == asked {
		t.Error("cached beyond its TTL")
	}
	for name, want := range map[string]string{
		"four.example":    "127.0.0.4",
		"alias.example":   "127.0.0.4",
		"loop.example":    "loop.example could not be resolved (3: Host not found)",
		"nowhere.example": "nowhere.example could not be resolved (3: Host not found)",
		"fail.example":    "fail.example could not be resolved (2: Server failure)",
		"refused.example": "refused.example could not be resolved (5: Operation refused)",
		"a..b":            "a..b could not be resolved (1: Format error)",
		"127.0.0.9":       "127.0.0.9",
		"[::9]":           "::9",
	} {
		if got := look(name); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestResolverTruncatedAndOff(t *testing.T) {
	f := newFakeDNS(t)
	f.set(zone)
	f.setFlags(true, false)
	r := newTestResolver(t, ResolverOptions{Servers: []string{f.addr}, IPv4: false, IPv6: true})
	addrs, err := r.Lookup(context.Background(), "a.example")
	if err != nil || len(addrs) != 1 || addrs[0] != netip.IPv6Loopback() {
		t.Error(addrs, err)
	}
}

func TestResolverTimeoutAndNextServer(t *testing.T) {
	dead, good := newFakeDNS(t), newFakeDNS(t)
	dead.setFlags(false, true)
	good.set(zone)
	r := newTestResolver(t, ResolverOptions{Servers: []string{dead.addr}, IPv4: true, Timeout: 30 * time.Millisecond})
	if _, err := r.Lookup(context.Background(), "a.example"); err == nil ||
		err.Error() != "a.example could not be resolved (110: Operation timed out)" {
		t.Error(err)
	}
	r = newTestResolver(t, ResolverOptions{Servers: []string{dead.addr, good.addr}, IPv4: true, Retry: 20 * time.Millisecond})
	if addrs, err := r.Lookup(context.Background(), "four.example"); err != nil || len(addrs) != 1 {
		t.Error(addrs, err)
	}
	var log atomic.Value
	closed := freeUDP(t)
	r = newTestResolver(t, ResolverOptions{Servers: []string{closed, good.addr}, IPv4: true, Log: func(_ int, m string) { log.Store(m) }})
	if addrs, err := r.Lookup(context.Background(), "four.example"); err != nil || len(addrs) != 1 {
		t.Error(addrs, err)
	}
	if got, _ := log.Load().(string); got != "recv() failed (111: Connection refused) while resolving, resolver: "+closed {
		t.Error(got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r = newTestResolver(t, ResolverOptions{Servers: []string{dead.addr}, IPv4: true})
	if _, err := r.Lookup(ctx, "x.example"); err != context.Canceled {
		t.Error(err)
	}
}

func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

func TestResolverSharesQueries(t *testing.T) {
	f := newFakeDNS(t)
	gate := make(chan struct{})
	f.set(func(q dnsmessage.Question) (dnsmessage.RCode, []dnsmessage.Resource) { <-gate; return zone(q) })
	r := newTestResolver(t, ResolverOptions{Servers: []string{f.addr}, IPv4: true})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := r.Lookup(context.Background(), "four.example"); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "asked", func() bool { return f.asked.Load() > 0 })
	close(gate)
	wg.Wait()
	if n := f.asked.Load(); n != 1 {
		t.Error(n, "queries")
	}
}

func TestResolvedServers(t *testing.T) {
	f := newFakeDNS(t)
	var mu sync.Mutex
	last := byte(1)
	f.set(func(q dnsmessage.Question) (dnsmessage.RCode, []dnsmessage.Resource) {
		if !strings.HasPrefix(q.Name.String(), "moving.") {
			return zone(q)
		}
		mu.Lock()
		defer mu.Unlock()
		if last == 0 {
			return dnsmessage.RCodeNameError, nil
		}
		return 0, []dnsmessage.Resource{rr(q.Name.String(), 60, &dnsmessage.AResource{A: [4]byte{127, 0, 0, last}})}
	})
	r := newTestResolver(t, ResolverOptions{Servers: []string{f.addr}, IPv4: true, Valid: time.Nanosecond})
	u := &nginxconf.Upstream{Name: "u", Servers: []nginxconf.UpstreamServer{
		{Original: "moving.example:80", Name: "moving.example:80", Resolve: true, Weight: 2, MaxFails: 1, FailTimeout: time.Second},
	}}
	g := New(u, Options{Resolver: r}, nil)
	defer g.Close()
	names := func() string {
		var s []string
		for _, p := range g.Status() {
			s = append(s, p.Name)
		}
		return strings.Join(s, " ")
	}
	eventually(t, "resolved", func() bool { return names() == "127.0.0.1:80" })
	var p Picker
	g.Start(&p, PickRequest{})
	mu.Lock()
	last = 2
	mu.Unlock()
	eventually(t, "moved", func() bool { return names() == "127.0.0.2:80" })
	if _, err := p.Next(); err != ErrNoLive {
		t.Error("a request from before the change gets no peer:", err)
	}
	if got := pickN(t, g, 1, PickRequest{}); got != "127.0.0.2:80" {
		t.Error(got)
	}
	mu.Lock()
	last = 0
	mu.Unlock()
	eventually(t, "gone", func() bool { return names() == "" })
	if got := pickN(t, g, 1, PickRequest{}); got != "no live upstreams" {
		t.Error(got)
	}

	svc := &nginxconf.Upstream{Name: "s", Servers: []nginxconf.UpstreamServer{
		{Original: "svc.example", Name: "svc.example", Resolve: true, Service: "http", Weight: 1, MaxFails: 1, FailTimeout: time.Second},
	}}
	g2 := New(svc, Options{Resolver: r}, nil)
	defer g2.Close()
	eventually(t, "service", func() bool { return len(g2.Status()) == 2 })
	st := g2.Status()
	if st[0].Name != "127.0.0.4:8001" || st[0].Weight != 3 || st[0].Backup || st[1].Name != "127.0.0.4:8002" || !st[1].Backup {
		t.Errorf("%+v", st)
	}
}

// FuzzAnswer checks that no datagram makes the parser panic or accept an
// answer to another question.
func FuzzAnswer(f *testing.F) {
	name := dnsmessage.MustNewName("a.example.")
	_, answers := zone(dnsmessage.Question{Name: name, Type: dnsmessage.TypeA})
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}, Answers: answers}
	b, _ := m.Pack()
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, truncated, ok := parseAnswer(b, name, dnsmessage.TypeA)
		if ok && !truncated && a == nil {
			t.Error("no answer")
		}
	})
}
