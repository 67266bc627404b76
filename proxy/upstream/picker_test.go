package upstream

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"huidu/nginxconf"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_700_000_000, 0)} }
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

// pickN makes n requests that end with state and lists the peers' names.
func pickN(t *testing.T, g *Group, n int, req PickRequest) string {
	t.Helper()
	var out []string
	for range n {
		var p Picker
		g.Start(&p, req)
		peer, err := p.Next()
		if err != nil {
			out = append(out, err.Error())
			continue
		}
		out = append(out, peer.Name)
		p.Done(OK)
	}
	return strings.Join(out, " ")
}

func TestRoundRobinSmooth(t *testing.T) {
	g := New(upstream("", "a:1 weight=5", "b:1", "c:1"), Options{}, nil)
	if got, want := pickN(t, g, 7, PickRequest{}), "a:1 a:1 b:1 a:1 c:1 a:1 a:1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMaxFails(t *testing.T) {
	c := newClock()
	g := New(upstream("", "a:1", "b:1 max_fails=2"), Options{Now: c.now}, nil)
	var p Picker
	g.Start(&p, PickRequest{})
	if p.Tries != 2 {
		t.Fatalf("tries %d", p.Tries)
	}
	first, _ := p.Next()
	if first.Name != "a:1" {
		t.Fatal(first.Name)
	}
	if !p.Done(Failed) {
		t.Error("the peer should be disabled now")
	}
	second, _ := p.Next()
	if second.Name != "b:1" || p.Tries != 1 {
		t.Fatal(second.Name, p.Tries)
	}
	if p.Done(Failed) {
		t.Error("disabled too early")
	}
	if _, err := p.Next(); err != ErrNoLive || p.Tries != 0 {
		t.Fatal(err, p.Tries)
	}
	if got := pickN(t, g, 3, PickRequest{}); got != "b:1 b:1 b:1" {
		t.Error(got)
	}
	c.add(10 * time.Second)
	if got := pickN(t, g, 2, PickRequest{}); got != "b:1 b:1" {
		t.Error("fail_timeout itself is still out:", got)
	}
	c.add(time.Second)
	if got := pickN(t, g, 6, PickRequest{}); !strings.Contains(got, "a:1") {
		t.Error("the peer should be tried again:", got)
	}
}

// A failed peer gets one request per fail_timeout until one succeeds.
func TestFailedPeerIsProbed(t *testing.T) {
	c := newClock()
	g := New(upstream("", "a:1", "b:1"), Options{Now: c.now}, nil)
	fail := func() (names string) {
		var p Picker
		g.Start(&p, PickRequest{})
		for {
			peer, err := p.Next()
			if err != nil {
				return names
			}
			names += peer.Name + " "
			if peer.Name == "a:1" {
				p.Done(Failed)
				continue
			}
			p.Done(OK)
			return names
		}
	}
	for range 4 {
		fail()
	}
	c.add(11 * time.Second)
	probes := 0
	for range 10 {
		if strings.Contains(fail(), "a:1") {
			probes++
		}
	}
	if probes != 1 {
		t.Errorf("%d probes, want 1", probes)
	}
}

func TestSinglePeerNeverFails(t *testing.T) {
	g := New(upstream("", "a:1"), Options{}, nil)
	for range 5 {
		var p Picker
		g.Start(&p, PickRequest{})
		if _, err := p.Next(); err != nil {
			t.Fatal(err)
		}
		if p.Done(Failed); p.Tries != 0 {
			t.Fatal(p.Tries)
		}
	}
	g = New(upstream("", "a:1 down"), Options{}, nil)
	if got := pickN(t, g, 1, PickRequest{}); got != "no live upstreams" {
		t.Error(got)
	}
}

func TestBackup(t *testing.T) {
	for _, method := range []string{"", "least_conn"} {
		g := New(upstream(method, "a:1", "b:1 backup", "c:1 backup"), Options{}, nil)
		if got := pickN(t, g, 3, PickRequest{}); got != "a:1 a:1 a:1" {
			t.Error(got)
		}
		var p Picker
		g.Start(&p, PickRequest{})
		if p.Tries != 3 {
			t.Error(p.Tries)
		}
		p.Next()
		p.Done(Failed)
		if got := pickN(t, g, 4, PickRequest{}); got != "b:1 c:1 b:1 c:1" {
			t.Error(method, got)
		}
	}
}

func TestMaxConns(t *testing.T) {
	g := New(upstream("", "a:1 max_conns=1", "b:1 max_conns=1"), Options{}, nil)
	var a, b, c Picker
	g.Start(&a, PickRequest{})
	g.Start(&b, PickRequest{})
	g.Start(&c, PickRequest{})
	a.Next()
	b.Next()
	if _, err := c.Next(); err != ErrNoLive {
		t.Error(err)
	}
	a.Done(OK)
	if peer, err := c.Next(); err != nil || peer.Name != "a:1" {
		t.Error(peer, err)
	}
}

func TestLeastConn(t *testing.T) {
	g := New(upstream("least_conn", "a:1", "b:1 weight=2", "c:1"), Options{}, nil)
	var ps [8]Picker
	var got []string
	for i := range ps {
		g.Start(&ps[i], PickRequest{})
		peer, _ := ps[i].Next()
		got = append(got, peer.Name)
	}
	if n := strings.Count(strings.Join(got, ","), "b:1"); n != 4 {
		t.Errorf("%v: b has twice the weight", got)
	}
}

func TestMoreThan64Peers(t *testing.T) {
	var lines []string
	for i := range 130 {
		lines = append(lines, fmt.Sprintf("p%d:1", i))
	}
	g := New(upstream("", lines...), Options{}, nil)
	var p Picker
	g.Start(&p, PickRequest{})
	seen := map[string]bool{}
	for {
		peer, err := p.Next()
		if err != nil {
			break
		}
		if seen[peer.Name] {
			t.Fatal("twice:", peer.Name)
		}
		seen[peer.Name] = true
		p.Done(Next)
	}
	if len(seen) != 130 {
		t.Error(len(seen))
	}
}

func TestRandom(t *testing.T) {
	draws := []int{0, 4, 2, 3}
	i := 0
	random := func(n int) int { i++; return draws[(i-1)%len(draws)] % n }
	g := New(upstream("random", "a:1 weight=2", "b:1 weight=2", "c:1"), Options{Random: random}, nil)
	if got := pickN(t, g, 4, PickRequest{}); got != "a:1 c:1 b:1 b:1" {
		t.Error(got)
	}
	i = 0
	g = New(upstream("random two", "a:1 weight=2", "b:1 weight=2", "c:1"), Options{Random: random}, nil)
	var p, q Picker
	g.Start(&p, PickRequest{})
	if peer, _ := p.Next(); peer.Name != "c:1" {
		t.Error("the second of two equals is taken:", peer.Name)
	}
	i = 0
	g.Start(&q, PickRequest{})
	if peer, _ := q.Next(); peer.Name != "a:1" {
		t.Error("c has a connection already:", peer.Name)
	}
}

func TestSticky(t *testing.T) {
	u := upstream("", "a:1 route=ra", "b:1", "c:1")
	u.Sticky = &nginxconf.Sticky{Kind: "cookie", Args: []string{"srv", "path=/", "expires=1h", "domain=.x", "httponly", "samesite=lax"}}
	if msg := StickyError(u.Sticky); msg != "" {
		t.Fatal(msg)
	}
	g := New(u, Options{}, nil)
	var p Picker
	g.Start(&p, PickRequest{})
	peer, _ := p.Next()
	if peer.SID != "ra" {
		t.Error(peer.SID)
	}
	p.Done(OK)
	// MD5 of "b:1".
	g.Start(&p, PickRequest{})
	b, _ := p.Next()
	p.Done(OK)
	if want := b.SID; len(want) != 32 {
		t.Error(want)
	}
	if got := pickN(t, g, 3, PickRequest{Hint: b.SID}); got != "b:1 b:1 b:1" {
		t.Error(got)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if got, want := g.Sticky.SetCookie("ra", ".x", "lax", at),
		"srv=ra; expires=Fri, 02-Jan-26 04:04:05 GMT; max-age=3600; domain=.x; httponly; samesite=lax; path=/"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for args, want := range map[string]string{
		"srv domain=":       `no value for "domain"`,
		"srv expires=x":     `invalid "expires" parameter value`,
		"srv secure secure": `parameter "secure" is duplicate`,
		"srv samesite=q":    `invalid "samesite" parameter value`,
		"srv nope":          `unknown parameter "nope"`,
	} {
		if got := StickyError(&nginxconf.Sticky{Kind: "cookie", Args: strings.Fields(args)}); got != want {
			t.Errorf("%s: got %s", args, got)
		}
	}
}

func TestStickyLearn(t *testing.T) {
	u := upstream("", "a:1", "b:1")
	u.Sticky = &nginxconf.Sticky{Kind: "learn", Args: []string{"create=$upstream_cookie_s", "lookup=$cookie_s", "zone=z:1m", "timeout=1m"}}
	if msg := StickyError(u.Sticky); msg != "" {
		t.Fatal(msg)
	}
	g := New(u, Options{}, nil)
	now := time.Now()
	if h := g.Sticky.Hint("s1", now); h != "" {
		t.Error(h)
	}
	g.Sticky.Learn("s1", "", "SID", now)
	g.Sticky.Learn("", "s2", "SID", now)
	if h := g.Sticky.Hint("s1", now.Add(59*time.Second)); h != "SID" {
		t.Error(h)
	}
	if h := g.Sticky.Hint("s2", now); h != "" {
		t.Error("only looked up:", h)
	}
	if h := g.Sticky.Hint("s1", now.Add(61*time.Second)); h != "" {
		t.Error("expired:", h)
	}
	g2 := New(u, Options{}, g)
	if g2.Sticky.sessions != g.Sticky.sessions {
		t.Error("sessions do not survive a reload")
	}
}

func TestStateSurvivesReload(t *testing.T) {
	c := newClock()
	old := New(upstream("", "a:1", "b:1"), Options{Now: c.now}, nil)
	var p Picker
	old.Start(&p, PickRequest{})
	p.Next()
	p.Done(Failed)
	g := New(upstream("", "a:1", "b:1"), Options{Now: c.now}, old)
	old.Close()
	if got := pickN(t, g, 3, PickRequest{}); got != "b:1 b:1 b:1" {
		t.Error(got)
	}
	other := New(upstream("", "a:1", "b:1 weight=2"), Options{Now: c.now}, g)
	if got := pickN(t, other, 3, PickRequest{}); !strings.Contains(got, "a:1") {
		t.Error(got)
	}
}

func TestNewResolved(t *testing.T) {
	g := NewResolved("example.org", []string{"127.0.0.1:80", "[::1]:80", "unix:/x"}, Options{})
	if got := pickN(t, g, 3, PickRequest{}); got != "127.0.0.1:80 [::1]:80 unix:/x" {
		t.Error(got)
	}
	if s := g.Status(); s[2].Name != "unix:/x" {
		t.Error(s)
	}
}

func TestForeignPeer(t *testing.T) {
	g := New(upstream("lua", "0.0.0.1:1"), Options{}, nil)
	var p Picker
	g.Start(&p, PickRequest{})
	peer := p.SetPeer(ForeignPeer("unix", "/x"))
	if peer.Name != "unix:/x" || p.Current() != peer {
		t.Error(peer)
	}
	p.Done(Failed)
	if p.Tries != 0 {
		t.Error(p.Tries)
	}
}

func TestPickDoesNotAllocate(t *testing.T) {
	for _, m := range []string{"", "least_conn", "ip_hash", "hash", "consistent", "random", "random two"} {
		g := New(upstream(m, "a:1 weight=3", "b:1", "c:1"), Options{}, nil)
		req := PickRequest{Client: netip.MustParseAddr("10.1.2.3"), Key: "k"}
		var p Picker
		if n := testing.AllocsPerRun(100, func() {
			g.Start(&p, req)
			p.Next()
			p.Done(OK)
		}); n != 0 {
			t.Errorf("%q: %v allocations", m, n)
		}
	}
}

// FuzzStickyTimes checks that times and sizes never panic or turn negative.
func FuzzStickyTimes(f *testing.F) {
	for _, s := range []string{"1h 30m", "5", "", "1y2w", "99999999999999999999", "1ms", "10k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parseSize(s)
		if d, ok := parseTime(s); ok && d < 0 && len(s) < 9 {
			t.Errorf("%q: %v", s, d)
		}
	})
}
