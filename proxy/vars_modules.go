package proxy

import "huidu/nginxconf"

// moduleVars are the variables of the small modules.
var moduleVars = map[string]getter{
	"slice_range":         varSliceRange,
	"fastcgi_script_name": func(r *Request) (string, bool) { s, _ := r.fastcgiSplit(); return s, true },
	"fastcgi_path_info":   func(r *Request) (string, bool) { _, s := r.fastcgiSplit(); return s, true },
	"uid_got":             varUIDGot,
	"uid_set":             varUIDSet,
	"uid_reset":           func(*Request) (string, bool) { return "", true },
	"modern_browser":      varModernBrowser,
	"ancient_browser":     varAncientBrowser,
	"msie":                varMSIE,
	"invalid_referer":     varInvalidReferer,
	"secure_link":         varSecureLink,
	"secure_link_expires": varSecureLinkExpires,
	"gzip_ratio":          varGzipRatio,
	"date_local":          varDateLocal,
	"date_gmt":            varDateGMT,
	"connections_active":  func(r *Request) (string, bool) { return formatInt(r.counters().active), true },
	"connections_reading": func(r *Request) (string, bool) { return formatInt(r.counters().reading), true },
	"connections_writing": func(r *Request) (string, bool) { return formatInt(r.counters().writing), true },
	"connections_waiting": func(r *Request) (string, bool) { return formatInt(r.counters().waiting), true },
}

// compileMisc prepares what those variables read, and userid's cookie.
func compileMisc(c *compiler, loc *location, l *nginxconf.Location) error {
	compileUserID(loc, l)
	compileBrowsers(loc, l)
	if err := compileReferers(c, loc, l); err != nil {
		return err
	}
	return compileSecureLink(c, loc, l)
}
