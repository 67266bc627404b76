package proxy

import (
	"strings"

	"huidu/luacompat/expr"
	"huidu/nginxconf"
)

// declareVars registers every variable that the configuration itself makes:
// set and its kin, named captures, map, geo, split_clients.
func (c *compiler) declareVars() error {
	for name := range c.http.Declared {
		c.rt.vars.declare(strings.ToLower(name))
	}
	for _, m := range c.http.Maps {
		c.rt.vars.reserve(m.Var)
	}
	for _, g := range c.http.Geos {
		c.rt.vars.reserve(g.Var)
	}
	for _, s := range c.http.SplitClients {
		c.rt.vars.reserve(s.Var)
	}
	for _, m := range c.http.Maps {
		if err := c.mapVar(m); err != nil {
			return err
		}
	}
	for _, g := range c.http.Geos {
		if err := c.geoVar(g); err != nil {
			return err
		}
	}
	for _, s := range c.http.SplitClients {
		if err := c.splitVar(s); err != nil {
			return err
		}
	}
	return nil
}

// mapTable is a compiled map.
type mapTable struct {
	exact map[string]*value
	names *hostMasks
	regex []mapRegex
	def   value
}

type mapRegex struct {
	match func(r *Request, s string) bool
	value value
}

// mapVar compiles a map block.
//
// See: https://nginx.org/en/docs/http/ngx_http_map_module.html
func (c *compiler) mapVar(m *nginxconf.Map) error {
	t := &mapTable{exact: map[string]*value{}}
	src, err := c.value(m.Source, m.Pos)
	if err != nil {
		return err
	}
	if t.def, err = c.value(m.Default, m.Pos); err != nil {
		return err
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		v, err := c.value(e.Value, e.Pos)
		if err != nil {
			return err
		}
		switch {
		case e.Regex != nil:
			re, err := c.regex(e.Regex)
			if err != nil {
				return err
			}
			names := c.namedCaptures(re)
			t.regex = append(t.regex, mapRegex{match: func(r *Request, s string) bool { return r.matchNamed(re, names, s) }, value: v})
		case m.Hostnames && isHostMask(e.Key):
			if t.names == nil {
				t.names = newHostMasks()
			}
			t.names.add(strings.ToLower(e.Key), &v)
		default:
			t.exact[strings.ToLower(e.Key)] = &v
		}
	}
	hostnames := m.Hostnames
	c.rt.vars.derive(m.Var, func(r *Request) (string, bool) {
		key := src.eval(r)
		if hostnames {
			key = strings.TrimSuffix(key, ".")
		}
		return t.find(r, key).eval(r), true
	}, m.Volatile)
	return nil
}

// find returns the value for key: exact, host masks, regular expressions in
// order, default.
func (t *mapTable) find(r *Request, key string) *value {
	if len(t.exact) > 0 || t.names != nil {
		low := lower(key)
		if v := t.exact[low]; v != nil {
			return v
		}
		if t.names != nil {
			if v := t.names.find(low); v != nil {
				return v
			}
		}
	}
	for i := range t.regex {
		if t.regex[i].match(r, key) {
			return &t.regex[i].value
		}
	}
	return &t.def
}

// lower is strings.ToLower for bytes: nginx lowers ASCII only.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; 'A' <= c && c <= 'Z' {
					b[i] = c | 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// hostMasks finds values by "*.example.com", ".example.com" and "example.*".
type hostMasks struct {
	head, tail map[string]*value
	exact      map[string]*value
}

func newHostMasks() *hostMasks {
	return &hostMasks{head: map[string]*value{}, tail: map[string]*value{}, exact: map[string]*value{}}
}

func isHostMask(key string) bool {
	return strings.HasPrefix(key, "*.") || strings.HasPrefix(key, ".") || strings.HasSuffix(key, ".*")
}

func (h *hostMasks) add(key string, v *value) {
	switch {
	case strings.HasPrefix(key, "."):
		h.exact[key[1:]], h.head[key] = v, v
	case strings.HasPrefix(key, "*."):
		h.head[key[1:]] = v
	default:
		h.tail[strings.TrimSuffix(key, "*")] = v
	}
}

func (h *hostMasks) find(host string) *value {
	if v := h.exact[host]; v != nil {
		return v
	}
	for i := 1; i < len(host); i++ {
		if host[i] == '.' {
			if v := h.head[host[i:]]; v != nil {
				return v
			}
		}
	}
	for i := len(host) - 2; i > 0; i-- {
		if host[i] == '.' {
			if v := h.tail[host[:i+1]]; v != nil {
				return v
			}
		}
	}
	return nil
}

// splitVar compiles a split_clients block: the same MurmurHash2 and the same
// ranges as nginx, so that a client stays in its bucket.
//
// See: https://nginx.org/en/docs/http/ngx_http_split_clients_module.html
func (c *compiler) splitVar(s *nginxconf.SplitClients) error {
	src, err := c.value(s.Source, s.Pos)
	if err != nil {
		return err
	}
	type part struct {
		below uint32 // 0: the rest
		value value
	}
	var parts []part
	sum := uint64(0)
	for _, p := range s.Parts {
		v, err := c.value(p.Value, s.Pos)
		if err != nil {
			return err
		}
		if p.Rest {
			parts = append(parts, part{value: v})
			continue
		}
		sum += uint64(p.Percent) * 0xffffffff / 10000
		parts = append(parts, part{below: uint32(sum), value: v})
	}
	c.rt.vars.derive(s.Var, func(r *Request) (string, bool) {
		h := expr.Murmur2(src.eval(r))
		for i := range parts {
			if p := &parts[i]; p.below == 0 || h < p.below {
				return p.value.eval(r), true
			}
		}
		return "", false
	}, false)
	return nil
}
