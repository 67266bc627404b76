package proxy

import (
	"strings"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// referers is a compiled valid_referers.
type referers struct {
	none, blocked bool
	names         *hostMasks // host → required start of the path, "" for any
	regex         []*pcre.Regex
	nameRegex     []*pcre.Regex
}

// compileReferers prepares $invalid_referer.
//
// See: https://nginx.org/en/docs/http/ngx_http_referer_module.html
func compileReferers(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Misc.ValidReferers
	if len(conf.V) == 0 {
		return nil
	}
	rs := &referers{names: newHostMasks()}
	for _, w := range conf.V {
		switch {
		case w == "none":
			rs.none = true
		case w == "blocked":
			rs.blocked = true
		case w == "server_names":
			if c.srv == nil || c.srv.conf == nil {
				continue
			}
			for _, n := range c.srv.conf.Names {
				if n.Regex != nil {
					re, err := c.regex(n.Regex)
					if err != nil {
						return err
					}
					rs.nameRegex = append(rs.nameRegex, re)
					continue
				}
				name := n.Name
				if n.Kind == nginxconf.NameDot && !strings.HasPrefix(name, ".") {
					name = "." + name
				}
				rs.add(name)
			}
		case strings.HasPrefix(w, "~"):
			re, err := c.regex(&nginxconf.Regex{Pattern: w[1:], NoCase: true, Pos: conf.Pos})
			if err != nil {
				return err
			}
			rs.regex = append(rs.regex, re)
		default:
			rs.add(w)
		}
	}
	loc.referers = rs
	return nil
}

// add takes "host" or "host/path", host maybe with a mask.
func (rs *referers) add(w string) {
	host, path := w, ""
	if i := strings.IndexByte(w, '/'); i >= 0 {
		host, path = w[:i], w[i:]
	}
	host = lower(host)
	v := literal(path)
	if isHostMask(host) {
		rs.names.add(host, &v)
		return
	}
	rs.names.exact[host] = &v
}

// varInvalidReferer is $invalid_referer.
//
// See: ngx_http_referer_variable.
func varInvalidReferer(r *Request) (string, bool) {
	rs := r.loc.referers
	if rs == nil || rs.valid(r) {
		return "", true
	}
	return "1", true
}

func (rs *referers) valid(r *Request) bool {
	ref, found := r.headers.Get(http1.HeaderReferer)
	if !found {
		return rs.none
	}
	switch {
	case len(ref) < len("http://i.ru"):
		return rs.blocked
	case http1.EqualFold(ref[:7], "http://"):
		ref = ref[7:]
	case http1.EqualFold(ref[:8], "https://"):
		ref = ref[8:]
	default:
		return rs.blocked
	}
	end := strings.IndexAny(ref, "/:")
	if end < 0 {
		end = len(ref)
	}
	if end > 256 {
		return false
	}
	host := lower(ref[:end])
	if v := rs.names.find(host); v != nil {
		if v.lit == "" {
			return true
		}
		path := ""
		if i := strings.IndexByte(ref[end:], '/'); i >= 0 {
			path = ref[end+i:]
		}
		return strings.HasPrefix(path, v.lit)
	}
	var ov [60]int
	for _, re := range rs.nameRegex {
		if n, err := re.Match(host, 0, ov[:]); err == nil && n > 0 {
			return true
		}
	}
	for _, re := range rs.regex {
		if n, err := re.Match(ref, 0, ov[:]); err == nil && n > 0 {
			return true
		}
	}
	return false
}
