package proxy

import (
	"sort"
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// browsers is what ngx_http_browser_module knows at a location.
type browsers struct {
	modern                    []modernBrowser
	unlisted, netscape4       bool
	ancient                   []string
	modernValue, ancientValue string
}

type modernBrowser struct {
	name      string
	skip, add int
	version   int
}

// browserMasks say where a browser's version stands in its User-Agent.
var browserMasks = map[string]modernBrowser{
	"opera":     {name: "Opera", add: len("Opera ")},
	"msie":      {name: "MSIE ", skip: len("Mozilla/4.0 (compatible; "), add: len("MSIE ")},
	"gecko":     {name: "rv:", skip: len("Mozilla/5.0 ("), add: len("rv:")},
	"safari":    {name: "Safari/", skip: len("Mozilla/5.0 ("), add: len("Safari/")},
	"konqueror": {name: "Konqueror/", skip: len("Mozilla/5.0 (compatible; "), add: len("Konqueror/")},
}

// compileBrowsers prepares $modern_browser and $ancient_browser.
//
// See: https://nginx.org/en/docs/http/ngx_http_browser_module.html
func compileBrowsers(loc *location, l *nginxconf.Location) {
	conf := l.Loc.Misc
	b := &browsers{modernValue: conf.ModernBrowserValue.V, ancientValue: conf.AncientBrowserValue.V}
	for _, m := range conf.ModernBrowser.V {
		if m[0] == "unlisted" {
			b.unlisted = true
			continue
		}
		mask := browserMasks[m[0]]
		scale := 1000000
		for part := range strings.SplitSeq(m[1], ".") {
			n, _ := parseSize(part)
			mask.version += int(n) * scale
			scale /= 100
		}
		b.modern = append(b.modern, mask)
	}
	sort.SliceStable(b.modern, func(i, j int) bool { return b.modern[i].skip < b.modern[j].skip })
	for _, a := range conf.AncientBrowser.V {
		if a == "netscape4" {
			b.netscape4 = true
			continue
		}
		b.ancient = append(b.ancient, a)
	}
	loc.browsers = b
}

// isModern judges a User-Agent.
//
// See: ngx_http_browser.
func (b *browsers) isModern(r *Request) bool {
	ua, found := r.headers.Get(http1.HeaderUserAgent)
	if !found {
		return b.unlisted
	}
	if b.modern != nil {
		for _, m := range b.modern {
			if m.skip >= len(ua) {
				continue
			}
			i := strings.Index(ua[m.skip:], m.name)
			if i < 0 || m.skip+i+m.add >= len(ua) {
				continue
			}
			version, ver, scale := 0, 0, 1000000
			for _, c := range []byte(ua[m.skip+i+m.add:]) {
				if c >= '0' && c <= '9' && ver < 1<<20 {
					ver = ver*10 + int(c-'0')
					continue
				}
				if c != '.' {
					break
				}
				if version += ver * scale; version > m.version {
					return true
				}
				ver = 0
				scale /= 100
			}
			return version+ver*scale >= m.version
		}
		if !b.unlisted {
			return false
		}
	}
	if b.netscape4 && len(ua) > len("Mozilla/4.72 ") && strings.HasPrefix(ua, "Mozilla/") && ua[8] > '0' && ua[8] < '5' {
		return false
	}
	for _, a := range b.ancient {
		if strings.Contains(ua, a) {
			return false
		}
	}
	return b.unlisted
}

func varModernBrowser(r *Request) (string, bool) {
	if b := r.loc.browsers; b.isModern(r) {
		return b.modernValue, true
	}
	return "", true
}

func varAncientBrowser(r *Request) (string, bool) {
	if b := r.loc.browsers; !b.isModern(r) {
		return b.ancientValue, true
	}
	return "", true
}

func varMSIE(r *Request) (string, bool) {
	ua := r.headers.Value(http1.HeaderUserAgent)
	i := strings.Index(ua, "MSIE ")
	if i < 0 || i+7 >= len(ua) || ua[i+6] != '.' && (ua[i+6] < '0' || ua[i+6] > '9') || strings.Contains(ua, "Opera") {
		return "", true
	}
	return "1", true
}
