package proxy

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// geoTable is a compiled geo block.
type geoTable struct {
	source    getter // nil: the client's address
	proxies   *cidrSet
	recursive bool
	v4, v6    ipTree
	ranges    []geoRange // sorted, apart from each other
	isRanges  bool
	def       string
}

type geoRange struct {
	from, to uint32
	value    string
}

// geoVar compiles a geo block.
//
// See: https://nginx.org/en/docs/http/ngx_http_geo_module.html
func (c *compiler) geoVar(g *nginxconf.Geo) error {
	t := &geoTable{def: g.Default, isRanges: g.Ranges, recursive: g.ProxyRecursive}
	if len(g.Proxies) > 0 {
		t.proxies = newCIDRSet(g.Proxies)
	}
	if g.Source != "" {
		if t.source = c.rt.vars.getter(g.Source); t.source == nil {
			return errAt(g.Pos, "unknown \"%s\" variable", g.Source)
		}
	}
	for i := range g.Entries {
		e := &g.Entries[i]
		if g.Ranges {
			from, to, valid := parseRange(e.Net)
			if !valid {
				return errAt(e.Pos, "invalid range \"%s\"", e.Net)
			}
			t.insert(geoRange{from, to, e.Value})
			continue
		}
		p, valid := parsePrefix(e.Net)
		if !valid {
			return errAt(e.Pos, "invalid network \"%s\"", e.Net)
		}
		t.tree(p.Addr()).insert(p, e.Value)
	}
	for _, d := range g.Delete {
		if g.Ranges {
			if from, to, valid := parseRange(d); valid {
				t.ranges = slices.DeleteFunc(t.ranges, func(r geoRange) bool { return r.from == from && r.to == to })
			}
		} else if p, valid := parsePrefix(d); valid {
			t.tree(p.Addr()).remove(p)
		}
	}
	c.rt.vars.derive(g.Var, func(r *Request) (string, bool) { return t.lookup(r), true }, false)
	return nil
}

func (t *geoTable) tree(a netip.Addr) *ipTree {
	if a.Is4() {
		return &t.v4
	}
	return &t.v6
}

func parseRange(s string) (from, to uint32, valid bool) {
	a, b, found := strings.Cut(s, "-")
	lo, err1 := netip.ParseAddr(strings.TrimSpace(a))
	hi, err2 := netip.ParseAddr(strings.TrimSpace(b))
	if !found || err1 != nil || err2 != nil || !lo.Is4() || !hi.Is4() {
		return 0, 0, false
	}
	return addr4(lo), addr4(hi), true
}

func addr4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// insert puts a range over those that are there: a later one wins.
func (t *geoTable) insert(n geoRange) {
	if k := len(t.ranges); k == 0 || t.ranges[k-1].to < n.from {
		t.ranges = append(t.ranges, n)
		return
	}
	i := sort.Search(len(t.ranges), func(i int) bool { return t.ranges[i].to >= n.from })
	j := i
	var put []geoRange
	if i < len(t.ranges) && t.ranges[i].from < n.from {
		put = append(put, geoRange{t.ranges[i].from, n.from - 1, t.ranges[i].value})
	}
	put = append(put, n)
	for ; j < len(t.ranges) && t.ranges[j].from <= n.to; j++ {
		if t.ranges[j].to > n.to {
			put = append(put, geoRange{n.to + 1, t.ranges[j].to, t.ranges[j].value})
		}
	}
	t.ranges = slices.Replace(t.ranges, i, j, put...)
}

// lookup finds the value for a request's address.
func (t *geoTable) lookup(r *Request) string {
	addr := r.peerAddr()
	none := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	if t.source != nil {
		text, _ := t.source(r)
		a, err := netip.ParseAddr(text)
		if err != nil {
			a = none
		}
		addr = a.Unmap()
	} else if t.proxies != nil {
		var lists []string
		for i := range r.headers {
			if r.headers[i].ID == http1.HeaderXForwardedFor {
				lists = append(lists, r.headers[i].Value)
			}
		}
		if lists != nil {
			if a, c := forwardedAddr(netip.AddrPortFrom(addr, 0), lists, t.proxies, t.recursive); c != declined {
				addr = a.Addr()
			}
		}
	}
	if !addr.IsValid() {
		addr = none
	}
	if t.isRanges {
		if !addr.Is4() {
			return t.def
		}
		n := addr4(addr)
		i := sort.Search(len(t.ranges), func(i int) bool { return t.ranges[i].to >= n })
		if i < len(t.ranges) && t.ranges[i].from <= n {
			return t.ranges[i].value
		}
		return t.def
	}
	if v, found := t.tree(addr).find(addr); found {
		return v
	}
	return t.def
}

// ipTree finds the longest network that an address belongs to.
type ipTree struct {
	nodes  []ipNode // nodes[0] is the root
	values []string
}

type ipNode struct {
	kids  [2]int32 // 0: none
	value int32    // 1 + index; 0: none
}

// walk goes along a prefix; with build it makes the nodes that are missing.
func (t *ipTree) walk(p netip.Prefix, build bool) int {
	if len(t.nodes) == 0 {
		t.nodes = append(t.nodes, ipNode{})
	}
	at, b := 0, p.Addr().AsSlice()
	for i := range p.Bits() {
		bit := b[i>>3] >> (7 - i&7) & 1
		next := int(t.nodes[at].kids[bit])
		if next == 0 {
			if !build {
				return -1
			}
			next = len(t.nodes)
			t.nodes = append(t.nodes, ipNode{})
			t.nodes[at].kids[bit] = int32(next)
		}
		at = next
	}
	return at
}

func (t *ipTree) insert(p netip.Prefix, v string) {
	at := t.walk(p, true)
	t.values = append(t.values, v)
	t.nodes[at].value = int32(len(t.values))
}

func (t *ipTree) remove(p netip.Prefix) {
	if at := t.walk(p, false); at >= 0 {
		t.nodes[at].value = 0
	}
}

func (t *ipTree) find(a netip.Addr) (string, bool) {
	if len(t.nodes) == 0 {
		return "", false
	}
	var buf [16]byte
	var b []byte
	if a.Is4() {
		v := a.As4()
		b = append(buf[:0], v[:]...)
	} else {
		v := a.As16()
		b = append(buf[:0], v[:]...)
	}
	best, at := t.nodes[0].value, 0
	for i := range len(b) * 8 {
		at = int(t.nodes[at].kids[b[i>>3]>>(7-i&7)&1])
		if at == 0 {
			break
		}
		if v := t.nodes[at].value; v != 0 {
			best = v
		}
	}
	if best == 0 {
		return "", false
	}
	return t.values[best-1], true
}
