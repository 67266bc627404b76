package proxy

import (
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// Matcher finds the server and the location of requests as a Router does,
// without serving: for logs of requests that were. Rewrites, which may send a
// request elsewhere afterwards, are not followed. It is for one goroutine.
type Matcher struct {
	addrs []*addrConf
	conf  map[*location]*nginxconf.Location
	r     *Request
	c     *compiler
	arena []byte
}

// NewMatcher makes the Matcher of a configuration.
func NewMatcher(cfg *nginxconf.Config) (*Matcher, error) {
	rt := &Router{cfg: cfg, vars: newVarTable(), opts: &Options{}}
	m := &Matcher{conf: map[*location]*nginxconf.Location{}, c: &compiler{rt: rt, http: cfg.HTTP}}
	byAddr := map[string]*addrConf{}
	for _, s := range cfg.HTTP.Servers {
		srv := &virtualServer{conf: s}
		var err error
		if srv.tree, err = m.tree(s.Locations, true); err != nil {
			return nil, err
		}
		for _, l := range s.Listens {
			a := byAddr[l.Address]
			if a == nil {
				a = &addrConf{}
				byAddr[l.Address] = a
				m.addrs = append(m.addrs, a)
			}
			a.servers = append(a.servers, srv)
			if a.defaultServer == nil || l.Default {
				a.defaultServer = srv
			}
		}
	}
	for _, a := range m.addrs {
		if err := m.c.names(a); err != nil {
			return nil, err
		}
	}
	m.r = &Request{rt: rt, vars: make([]varSlot, rt.vars.nslots)}
	m.r.main = m.r
	return m, nil
}

func (m *Matcher) tree(list []*nginxconf.Location, top bool) (*locTree, error) {
	t := &locTree{named: map[string]*location{}}
	if len(list) == 0 && !top {
		return nil, nil
	}
	for _, l := range list {
		loc := &location{name: l.Name, kind: l.Kind, noRegex: l.Kind == nginxconf.LocNoRegex}
		m.conf[loc] = l
		var err error
		if loc.kids, err = m.tree(l.Locations, false); err != nil {
			return nil, err
		}
		if err := m.c.plant(t, l, loc); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Match finds where a request belongs. host is the Host header, "" when it is
// not known; port tells between addresses when the log has it, "" otherwise.
// The location is nil where the server's own level serves; both are nil for a
// target that is no URI.
func (m *Matcher) Match(host, port, target string) (*nginxconf.Server, *nginxconf.Location) {
	if rest, absolute := strings.CutPrefix(target, "http://"); absolute {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			host, target = rest[:i], rest[i:]
		}
	}
	var head http1.RequestHead
	if len(m.addrs) == 0 || !head.SetTarget(target) {
		return nil, nil
	}
	uri, arena, err := head.URI(m.arena[:0], true)
	m.arena = arena
	if err != nil {
		return nil, nil
	}
	srv := m.server(host, port)
	loc, _, _ := srv.tree.find(m.r, uri.Path)
	return srv.conf, m.conf[loc]
}

// server is the one that a host name means, on the first address that has it.
func (m *Matcher) server(host, port string) *virtualServer {
	if name, p, found := splitPort(host); found {
		host = name
		if port == "" {
			port = p
		}
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	var first *virtualServer
	for _, a := range m.addrs {
		if port != "" && portOf(a.servers[0].conf.Listens[0]) != port && len(m.addrs) > 1 && !a.listensOn(port) {
			continue
		}
		if first == nil {
			first = a.defaultServer
		}
		if host == "" {
			continue
		}
		for _, s := range a.servers {
			for _, n := range s.conf.Names {
				if n.Name == host {
					return s
				}
			}
		}
		if a.names != nil {
			if s := a.names.find(m.r, host); s != nil {
				return s
			}
		}
	}
	if first == nil {
		first = m.addrs[0].defaultServer
	}
	return first
}

// listensOn tells whether a server of the address listens on a port.
func (a *addrConf) listensOn(port string) bool {
	for _, s := range a.servers {
		for _, l := range s.conf.Listens {
			if portOf(l) == port {
				return true
			}
		}
	}
	return false
}
