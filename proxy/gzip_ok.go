package proxy

import (
	"strings"
	"time"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// gzipRules are gzip_disable, gzip_http_version and gzip_proxied: who may get
// a compressed response.
type gzipRules struct {
	disable []*pcre.Regex
	noMSIE6 bool
	version int
	proxied map[string]bool
}

// compileGzipRules resolves the rules of a location.
func compileGzipRules(c *compiler, loc *location, l *nginxconf.Location) error {
	f := l.Loc.Filter
	if !f.Gzip.V && f.GzipStatic.V != "on" && !f.Gunzip.V && !l.Loc.Filter.GzipVary.V {
		return nil
	}
	g := &gzipRules{version: 1001, proxied: map[string]bool{}}
	if f.GzipHTTPVersion.V == "1.0" {
		g.version = 1000
	}
	for _, p := range f.GzipProxied.V {
		g.proxied[p] = true
	}
	for _, d := range f.GzipDisable.V {
		if d == "msie6" {
			g.noMSIE6 = true
			continue
		}
		re, err := c.regex(&nginxconf.Regex{Pattern: d, NoCase: true, Pos: f.GzipDisable.Pos})
		if err != nil {
			return err
		}
		g.disable = append(g.disable, re)
	}
	loc.gzipRules = g
	return nil
}

// gzipOK reports whether the client may get a compressed response.
//
// See: ngx_http_gzip_ok.
func (r *Request) gzipOK() bool {
	if r != r.main {
		return false
	}
	ae, found := r.headers.Get(http1.HeaderAcceptEncoding)
	if !found || len(ae) < 4 || !strings.HasPrefix(ae, "gzip,") && !acceptsGzip(ae) {
		return false
	}
	g := r.loc.gzipRules
	if g == nil {
		return true
	}
	ua, hasUA := r.headers.Get(http1.HeaderUserAgent)
	if g.noMSIE6 && isMSIE6(ua) || r.head.Version < g.version {
		return false
	}
	if r.headers.Has(http1.HeaderVia) && !g.proxiedOK(r) {
		return false
	}
	if hasUA {
		for _, re := range g.disable {
			var ov [60]int
			if n, err := re.Match(ua, 0, ov[:]); n > 0 || err == nil && n == 0 && ov[1] > 0 {
				return false
			}
		}
	}
	return true
}

// proxiedOK applies gzip_proxied to a request that came through a proxy.
func (g *gzipRules) proxiedOK(r *Request) bool {
	p := g.proxied
	switch {
	case p["off"]:
		return false
	case p["any"], p["auth"] && r.headers.Has(http1.HeaderAuthorization):
		return true
	}
	hs := r.out.headers
	if e, found := hs.Get(http1.HeaderExpires); found {
		if !p["expired"] {
			return false
		}
		expires, valid := parseHTTPTime(e)
		if !valid {
			return false
		}
		date := time.Now().Unix()
		if d, found := hs.Get(http1.HeaderDate); found {
			if date, valid = parseHTTPTime(d); !valid {
				return false
			}
		}
		return expires < date
	}
	if hs.Has(http1.HeaderCacheControl) {
		for i := range hs {
			if hs[i].ID != http1.HeaderCacheControl {
				continue
			}
			for _, word := range []string{"no-cache", "no-store", "private"} {
				if p[word] && hasDirective(hs[i].Value, word) {
					return true
				}
			}
		}
		return false
	}
	if p["no_last_modified"] && (r.out.lastModified >= 0 || hs.Has(http1.HeaderLastModified)) {
		return false
	}
	return !p["no_etag"] || !hs.Has(http1.HeaderETag)
}

// hasDirective looks for a word in a comma-separated list.
func hasDirective(list, word string) bool {
	for _, item := range strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ';' }) {
		if item = strings.TrimSpace(item); len(item) >= len(word) && http1.EqualFold(item[:len(word)], word) {
			return true
		}
	}
	return false
}

// acceptsGzip looks for gzip with a quality above 0.
//
// See: ngx_http_gzip_accept_encoding.
func acceptsGzip(ae string) bool {
	low := lower(ae)
	at := 0
	for {
		i := strings.Index(low[at:], "gzip")
		if i < 0 {
			return false
		}
		at += i
		if at == 0 || low[at-1] == ',' || low[at-1] == ' ' {
			break
		}
		at += 4
	}
	rest := strings.TrimLeft(low[at+4:], " ")
	switch {
	case rest == "" || rest[0] == ',':
		return true
	case rest[0] != ';':
		return false
	}
	rest = strings.TrimLeft(rest[1:], " ")
	switch {
	case rest == "":
		return true
	case rest[0] != 'q':
		return false
	}
	rest = rest[1:]
	return len(rest) >= 2 && rest[0] == '=' && gzipQuantity(rest[1:]) != 0
}

// gzipQuantity reads a quality as hundredths, 0 for a malformed one.
func gzipQuantity(s string) int {
	if s[0] != '0' && s[0] != '1' {
		return 0
	}
	q := int(s[0]-'0') * 100
	if len(s) == 1 || s[1] == ',' || s[1] == ' ' {
		return q
	}
	if s[1] != '.' {
		return 0
	}
	n := 0
	for i := 2; i < len(s); i++ {
		c := s[i]
		if c == ',' || c == ' ' {
			break
		}
		if c < '0' || c > '9' {
			return 0
		}
		q += int(c - '0')
		n++
	}
	if q > 100 || n > 3 {
		return 0
	}
	return q
}

// mimeTypes is a set of media types, as gzip_types and its kin take them.
type mimeTypes struct {
	all bool
	set map[string]bool
}

func newMimeTypes(list []string) *mimeTypes {
	m := &mimeTypes{set: make(map[string]bool, len(list))}
	for _, t := range list {
		if t == "*" {
			m.all = true
		}
		m.set[t] = true
	}
	return m
}

// has tests the response's content type.
//
// See: ngx_http_test_content_type.
func (m *mimeTypes) has(o *respHead) bool {
	return m.all || o.contentType != "" && m.set[lower(o.mediaType())]
}
