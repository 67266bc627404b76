package proxy

import (
	"strings"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// cookieRewrite is proxy_cookie_domain, _path and _flags of a location.
type cookieRewrite struct {
	domains, paths []proxyRewrite
	flags          []cookieFlags
}

// cookieFlags is one compiled proxy_cookie_flags.
type cookieFlags struct {
	name  value
	re    *pcre.Regex
	names []namedCapture
	flags []value
}

func (p *proxyConf) compileCookies(c *compiler, pc *nginxconf.ProxyLoc, _ *nginxconf.Location) error {
	var k cookieRewrite
	for _, list := range []struct {
		from   nginxconf.Opt[[]nginxconf.ProxyRewrite]
		to     *[]proxyRewrite
		domain bool
	}{{pc.CookieDomain, &k.domains, true}, {pc.CookiePath, &k.paths, false}} {
		for _, rule := range list.from.V {
			w, err := c.proxyRewrite(rule.From, rule.Regex, rule.Replacement, list.from.Pos)
			if err != nil {
				return err
			}
			w.domain = list.domain && w.re == nil
			*list.to = append(*list.to, w)
		}
	}
	for _, rule := range pc.CookieFlags.V {
		var f cookieFlags
		var err error
		if rule.Regex != nil {
			if f.re, err = c.regex(rule.Regex); err != nil {
				return err
			}
			f.names = c.namedCaptures(f.re)
		} else if f.name, err = c.value(rule.Cookie, pc.CookieFlags.Pos); err != nil {
			return err
		}
		for _, v := range rule.Flags {
			flag, err := c.value(v, pc.CookieFlags.Pos)
			if err != nil {
				return err
			}
			f.flags = append(f.flags, flag)
		}
		k.flags = append(k.flags, f)
	}
	if k.domains != nil || k.paths != nil || k.flags != nil {
		p.cookies = &k
	}
	return nil
}

// cookieAttr is a "key=value" or "key" of a Set-Cookie line.
type cookieAttr struct {
	key, value string
	hasValue   bool
	dropped    bool
}

// parseSetCookie parts a Set-Cookie line.
//
// See: ngx_http_proxy_parse_cookie.
func parseSetCookie(line string) []cookieAttr {
	var attrs []cookieAttr
	for {
		part, rest, more := strings.Cut(line, ";")
		var a cookieAttr
		a.key, a.value, a.hasValue = strings.Cut(strings.TrimLeft(part, " "), "=")
		a.key = strings.TrimRight(a.key, " ")
		a.value = strings.Trim(a.value, " ")
		attrs = append(attrs, a)
		if !more {
			return attrs
		}
		line = rest
	}
}

// rewrite is a Set-Cookie line after the location's rules.
//
// See: ngx_http_proxy_rewrite_cookie.
func (k *cookieRewrite) rewrite(r *Request, line string) string {
	attrs := parseSetCookie(line)
	if !attrs[0].hasValue {
		return line
	}
	changed := false
	for i := 1; i < len(attrs); i++ {
		a := &attrs[i]
		if !a.hasValue {
			continue
		}
		var rules []proxyRewrite
		switch {
		case http1.EqualFold(a.key, "domain"):
			rules = k.domains
		case http1.EqualFold(a.key, "path"):
			rules = k.paths
		}
		for j := range rules {
			if v, hit := rules[j].apply(r, a.value, 0); hit {
				a.value, changed = v, true
				break
			}
		}
	}
	for i := range k.flags {
		f := &k.flags[i]
		if f.re != nil {
			if !r.matchNamed(f.re, f.names, attrs[0].key) {
				continue
			}
		} else if !http1.EqualFold(f.name.eval(r), attrs[0].key) {
			continue
		}
		var edited bool
		if attrs, edited = f.edit(r, attrs); edited {
			changed = true
		}
		break
	}
	if !changed {
		return line
	}
	var b strings.Builder
	for i := range attrs {
		a := &attrs[i]
		if a.dropped {
			continue
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(a.key)
		if a.hasValue {
			b.WriteString("=" + a.value)
		}
	}
	return b.String()
}

// edit applies the flags of the first proxy_cookie_flags that names the
// cookie.
//
// See: ngx_http_proxy_edit_cookie_flags.
func (f *cookieFlags) edit(r *Request, attrs []cookieAttr) ([]cookieAttr, bool) {
	var secure, httpOnly, sameSite string
	any := false
	for i := range f.flags {
		v := strings.ToLower(f.flags[i].eval(r))
		switch v {
		case "secure", "nosecure":
			secure = v
		case "httponly", "nohttponly":
			httpOnly = v
		case "samesite=strict":
			sameSite = "Strict"
		case "samesite=lax":
			sameSite = "Lax"
		case "samesite=none":
			sameSite = "None"
		case "nosamesite":
			sameSite = "no"
		default:
			continue
		}
		any = true
	}
	if !any {
		return attrs, false
	}
	for i := 1; i < len(attrs); i++ {
		a := &attrs[i]
		switch strings.ToLower(a.key) {
		case "secure":
			a.dropped = secure == "nosecure"
			secure = keepNo(secure)
		case "httponly":
			a.dropped = httpOnly == "nohttponly"
			httpOnly = keepNo(httpOnly)
		case "samesite":
			switch sameSite {
			case "":
			case "no":
				a.dropped = true
			default:
				if !strings.EqualFold(a.value, sameSite) {
					a.key, a.value, a.hasValue = "SameSite", sameSite, true
				}
				sameSite = ""
			}
		}
	}
	if secure == "secure" {
		attrs = append(attrs, cookieAttr{key: "Secure"})
	}
	if httpOnly == "httponly" {
		attrs = append(attrs, cookieAttr{key: "HttpOnly"})
	}
	if sameSite != "" && sameSite != "no" {
		attrs = append(attrs, cookieAttr{key: "SameSite", value: sameSite, hasValue: true})
	}
	return attrs, true
}

// keepNo keeps a "no…" flag for further attributes; a positive one is done
// with the first that is there already.
func keepNo(flag string) string {
	if strings.HasPrefix(flag, "no") {
		return flag
	}
	return ""
}
