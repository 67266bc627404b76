package proxy

import (
	"strings"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// proxyRewrite is a compiled proxy_redirect, proxy_cookie_domain or
// proxy_cookie_path.
type proxyRewrite struct {
	from   value
	re     *pcre.Regex
	names  []namedCapture
	to     value
	domain bool
}

// apply rewrites v from prefix on; false when the rule does not match.
//
// See: ngx_http_proxy_rewrite_complex_handler and its kin.
func (p *proxyRewrite) apply(r *Request, v string, prefix int) (string, bool) {
	tail := v[prefix:]
	if p.re != nil {
		if !r.matchNamed(p.re, p.names, tail) {
			return "", false
		}
		return v[:prefix] + p.to.eval(r), true
	}
	from := p.from.eval(r)
	if p.domain {
		if strings.HasPrefix(tail, ".") {
			prefix, tail = prefix+1, tail[1:]
		}
		if !http1.EqualFold(from, tail) {
			return "", false
		}
		if prefix == 0 {
			return strings.Clone(p.to.eval(r)), true
		}
		return v[:prefix] + p.to.eval(r), true
	}
	if !strings.HasPrefix(tail, from) {
		return "", false
	}
	return v[:prefix] + p.to.eval(r) + tail[len(from):], true
}

// compileRedirects compiles proxy_redirect; without any, the default rule
// turns the upstream's place back into the location's.
//
// See: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_redirect
func (p *proxyConf) compileRedirects(c *compiler, pc *nginxconf.ProxyLoc, _ *nginxconf.Location) error {
	rules := pc.Redirect.V
	if rules == nil && pc.Redirect.Pos.File == "" {
		rules = []nginxconf.ProxyRedirect{{Default: true}}
	}
	for _, rule := range rules {
		if !rule.Default {
			w, err := c.proxyRewrite(rule.From, rule.Regex, rule.Replacement, pc.Redirect.Pos)
			if err != nil {
				return err
			}
			p.redirects = append(p.redirects, w)
			continue
		}
		if p.pass.HasVars {
			continue
		}
		url := p.pass.URL.Text
		if p.vars.uri != "" {
			p.redirects = append(p.redirects, proxyRewrite{from: literal(url), to: literal(p.location)})
		} else {
			p.redirects = append(p.redirects, proxyRewrite{from: literal(url + "/"), to: literal("/")})
		}
	}
	return nil
}

func (c *compiler) proxyRewrite(from nginxconf.Value, re *nginxconf.Regex, to nginxconf.Value, pos nginxconf.Pos) (w proxyRewrite, err error) {
	if re != nil {
		if w.re, err = c.regex(re); err != nil {
			return w, err
		}
		w.names = c.namedCaptures(w.re)
	} else if w.from, err = c.value(from, pos); err != nil {
		return w, err
	}
	w.to, err = c.value(to, pos)
	return w, err
}

// rewriteRedirect applies the first rule that matches.
func (p *proxyConf) rewriteRedirect(r *Request, v string, prefix int) (string, bool) {
	for i := range p.redirects {
		if out, done := p.redirects[i].apply(r, v, prefix); done {
			return out, true
		}
	}
	return v, false
}

// copyLocation passes Location on. What proxy_redirect made of it may be
// relative, and is then subject to absolute_redirect.
//
// See: ngx_http_upstream_rewrite_location.
func (st *upstreamState) copyLocation(r *Request, f *http1.Header) {
	line := *f
	if fb := st.conf.fallback; fb != nil {
		line.Value = fb.relocate(r, f.Value)
		r.out.headers = append(r.out.headers, line)
		return
	}
	v, rewritten := st.conf.rewriteRedirect(r, f.Value, 0)
	if rewritten && strings.HasPrefix(v, "/") {
		r.out.location = v
		return
	}
	line.Value = v
	r.out.headers = append(r.out.headers, line)
}

// copyRefresh passes Refresh on; the URL in it is rewritten.
func (st *upstreamState) copyRefresh(r *Request, f *http1.Header) {
	line := *f
	for i := 0; i+4 <= len(f.Value); i++ {
		if http1.EqualFold(f.Value[i:i+4], "url=") {
			line.Value, _ = st.conf.rewriteRedirect(r, f.Value, i+4)
			break
		}
	}
	r.out.headers = append(r.out.headers, line)
}
