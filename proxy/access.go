package proxy

import (
	"net/netip"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// compileAccess adds access rules, auth_basic and auth_request.
func compileAccess(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Access
	if len(conf.Rules.V) > 0 {
		loc.addAccess(accessIP, newAccessRules(conf.Rules.V).handle)
	}
	if err := compileAuthBasic(c, loc, l); err != nil {
		return err
	}
	if err := compileAuthRequest(c, loc, l); err != nil {
		return err
	}
	return nil
}

// limitExcept compiles a limit_except block.
func (c *compiler) limitExcept(loc *location, l *nginxconf.Location) error {
	if l.LimitExcept == nil {
		return nil
	}
	except, err := c.location(l.LimitExcept.Loc, loc)
	if err != nil {
		return err
	}
	loc.except = except
	for _, m := range l.LimitExcept.Methods {
		id := http1.LookupMethod(upper(m))
		loc.exceptMethods = append(loc.exceptMethods, id)
		if id == http1.MethodGet {
			loc.exceptMethods = append(loc.exceptMethods, http1.MethodHead)
		}
	}
	return nil
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c &^ 0x20
		}
	}
	return string(b)
}

// limited reports whether limit_except takes the request elsewhere.
func (l *location) limited(m http1.MethodID) bool {
	for _, free := range l.exceptMethods {
		if m == free {
			return false
		}
	}
	return true
}

// accessRules are allow and deny lines in order.
type accessRules []accessRule

type accessRule struct {
	allow, all, unix bool
	net              netip.Prefix
}

func newAccessRules(list []nginxconf.AccessRule) accessRules {
	var out accessRules
	for _, r := range list {
		rule := accessRule{allow: r.Allow, all: r.Net == "all", unix: r.Net == "unix:"}
		if !rule.all && !rule.unix {
			p, valid := parsePrefix(r.Net)
			if !valid {
				continue
			}
			rule.net = p
		}
		out = append(out, rule)
	}
	return out
}

// handle applies the first rule that fits.
//
// See: ngx_http_access_handler.
func (rules accessRules) handle(r *Request) rc {
	addr := r.peerAddr()
	for i := range rules {
		rule := &rules[i]
		switch {
		case rule.all:
		case rule.unix:
			if addr.IsValid() {
				continue
			}
		case !addr.IsValid() || !rule.net.Contains(addr):
			continue
		}
		if rule.allow {
			return ok
		}
		if !r.loc.satisfyAny {
			r.logf(logError, "access forbidden by rule")
		}
		return 403
	}
	return declined
}
