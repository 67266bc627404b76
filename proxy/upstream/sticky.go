package upstream

import (
	"strconv"
	"strings"
	"time"

	"huidu/nginxconf"
)

// Sticky is the sticky directive of an upstream, which nginx has in its open
// source version since 1.29.6. The host evaluates the variables it names.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#sticky
type Sticky struct {
	Lookup []string // variables that may hold the peer's (learn: the session's) identifier; the first that is not empty counts
	Create []string // learn: variables that name a new session
	Header bool     // learn: as soon as the response header is there

	Cookie           string // name of the cookie to set; "" for none
	Domain, SameSite string // may hold variables
	path             string
	expires          time.Duration
	hasExpires       bool
	maxExpires       bool
	httpOnly, secure bool
	zone             string
	zoneSize         int64
	timeout          time.Duration
	sessions         *sessions
}

// StickyError reports what is wrong with a sticky directive, in nginx's
// words, or "".
func StickyError(c *nginxconf.Sticky) string { _, msg := parseSticky(c); return msg }

func newSticky(c *nginxconf.Sticky) *Sticky {
	s, _ := parseSticky(c)
	if c.Kind == "learn" {
		s.sessions = newSessions(s.timeout, int(s.zoneSize/sessionSize))
	}
	return s
}

// inherit takes over the sessions of the same zone.
func (s *Sticky) inherit(old *Sticky) {
	if s.sessions != nil && old != nil && old.sessions != nil && old.zone == s.zone {
		s.sessions = old.sessions
		s.sessions.resize(s.timeout, int(s.zoneSize/sessionSize))
	}
}

func parseSticky(c *nginxconf.Sticky) (*Sticky, string) {
	s := &Sticky{}
	switch c.Kind {
	case "cookie":
		return s, s.parseCookie(c.Args)
	case "route":
		for _, a := range c.Args {
			name, ok := strings.CutPrefix(a, "$")
			if !ok {
				return s, `invalid variable name "` + a + `"`
			}
			s.Lookup = append(s.Lookup, name)
		}
		return s, ""
	case "learn":
		return s, s.parseLearn(c.Args)
	}
	return s, `unknown parameter "` + c.Kind + `"`
}

func (s *Sticky) parseCookie(args []string) string {
	if len(args) == 0 || args[0] == "" {
		return "empty cookie name"
	}
	s.Cookie = args[0]
	s.Lookup = []string{"cookie_" + args[0]}
	for _, a := range args[1:] {
		key, v, _ := strings.Cut(a, "=")
		dup := false
		switch {
		case strings.HasPrefix(a, "domain="):
			if dup = s.Domain != ""; v == "" {
				return `no value for "domain"`
			}
			s.Domain = v
		case strings.HasPrefix(a, "path="):
			if dup = s.path != ""; v == "" {
				return `no value for "path"`
			}
			s.path = "; path=" + v
		case strings.HasPrefix(a, "expires="):
			dup, s.hasExpires = s.hasExpires, true
			if s.maxExpires = v == "max"; !s.maxExpires {
				d, ok := parseTime(v)
				if !ok {
					return `invalid "expires" parameter value`
				}
				s.expires = d
			}
		case a == "httponly":
			dup, s.httpOnly = s.httpOnly, true
		case a == "secure":
			dup, s.secure = s.secure, true
		case strings.HasPrefix(a, "samesite="):
			dup = s.SameSite != ""
			s.SameSite = v
			if !strings.Contains(v, "$") && !knownSameSite(v) {
				return `invalid "samesite" parameter value`
			}
		default:
			return `unknown parameter "` + a + `"`
		}
		if dup {
			return `parameter "` + key + `" is duplicate`
		}
	}
	return ""
}

func (s *Sticky) parseLearn(args []string) string {
	for _, a := range args {
		key, v, _ := strings.Cut(a, "=")
		switch {
		case strings.HasPrefix(a, "zone="):
			if s.zoneSize != 0 {
				return "duplicate zone"
			}
			name, size, ok := strings.Cut(v, ":")
			switch n, good := parseSize(size); {
			case !ok:
				return "zone size is not specified"
			case name == "":
				return "zone name is not specified"
			case !good:
				return "invalid zone size"
			case n < 8*4096:
				return "zone is too small"
			default:
				s.zone, s.zoneSize = name, n
			}
		case strings.HasPrefix(a, "timeout="):
			if s.timeout != 0 {
				return "duplicate timeout"
			}
			d, ok := parseTime(v)
			if !ok || d == 0 {
				return "invalid timeout"
			}
			s.timeout = d
		case key == "create" || key == "lookup":
			name, ok := strings.CutPrefix(v, "$")
			if !ok {
				return `missing variable in the "` + key + `" parameter`
			}
			if key == "create" {
				s.Create = append(s.Create, name)
			} else {
				s.Lookup = append(s.Lookup, name)
			}
		case a == "header":
			s.Header = true
		default:
			return `unknown parameter "` + a + `"`
		}
	}
	for _, need := range []struct {
		ok   bool
		name string
	}{{len(s.Lookup) > 0, "lookup"}, {len(s.Create) > 0, "create"}, {s.zoneSize > 0, "zone"}} {
		if !need.ok {
			return `"` + need.name + `" parameter is not specified`
		}
	}
	if s.timeout == 0 {
		s.timeout = 10 * time.Minute
	}
	return ""
}

// Hint turns the identifier that a request carries into the hint for
// PickRequest: itself, or with learn the peer of that session.
func (s *Sticky) Hint(id string, now time.Time) string {
	if s.sessions == nil || id == "" {
		return id
	}
	return s.sessions.peer(id, now)
}

// Learns reports whether the directive learns sessions from responses.
func (s *Sticky) Learns() bool { return s.sessions != nil }

// Learn remembers that a session belongs to a peer: created is what the
// create variables said, looked what the request came with; a session that
// was only looked up is renewed, not made. It returns a warning to log, or "".
func (s *Sticky) Learn(created, looked, sid string, now time.Time) string {
	if sid == "" {
		return "balancer does not support sticky"
	}
	switch {
	case created != "":
		s.sessions.learn(created, sid, true, now)
	case looked != "":
		s.sessions.learn(looked, sid, false, now)
	}
	return ""
}

// SetCookie is the Set-Cookie value that binds a client to the peer sid.
// domain and samesite are the evaluated parameters.
func (s *Sticky) SetCookie(sid, domain, samesite string, now time.Time) string {
	b := make([]byte, 0, 160)
	b = append(append(append(b, s.Cookie...), '='), sid...)
	if s.maxExpires {
		b = append(b, "; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"...)
	} else if s.hasExpires {
		b = append(b, "; expires="...)
		b = now.Add(s.expires).UTC().AppendFormat(b, cookieTime(now.Add(s.expires)))
		b = append(b, "; max-age="...)
		b = strconv.AppendInt(b, int64(s.expires/time.Second), 10)
	}
	if domain != "" {
		b = append(append(b, "; domain="...), domain...)
	}
	if s.httpOnly {
		b = append(b, "; httponly"...)
	}
	if s.secure {
		b = append(b, "; secure"...)
	}
	if samesite != "" {
		if !knownSameSite(samesite) {
			samesite = "strict"
		}
		b = append(append(b, "; samesite="...), samesite...)
	}
	return string(append(b, s.path...))
}

// cookieTime is the layout of ngx_http_cookie_time: Netscape 3.x does not
// understand four-digit years before 2038.
func cookieTime(t time.Time) string {
	if t.UTC().Year() > 2037 {
		return "Mon, 02-Jan-2006 15:04:05 GMT"
	}
	return "Mon, 02-Jan-06 15:04:05 GMT"
}

func knownSameSite(v string) bool {
	return strings.EqualFold(v, "strict") || strings.EqualFold(v, "lax") || strings.EqualFold(v, "none")
}

// parseTime reads nginx's time in seconds and larger units ("1h 30m").
func parseTime(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour,
		'w': 7 * 24 * time.Hour, 'M': 30 * 24 * time.Hour, 'y': 365 * 24 * time.Hour,
	}
	var total time.Duration
	last := time.Duration(1<<63 - 1)
	for s != "" {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		v, err := strconv.Atoi(s[:n])
		if err != nil {
			return 0, false
		}
		unit := time.Second
		if s = s[n:]; s != "" {
			if unit = units[s[0]]; unit == 0 || unit >= last || strings.HasPrefix(s, "ms") {
				return 0, false
			}
			s = strings.TrimLeft(s[1:], " ")
		}
		last = unit
		total += time.Duration(v) * unit
	}
	return total, true
}

// parseSize reads nginx's size: bytes, or with a k or m.
func parseSize(s string) (int64, bool) {
	mul := int64(1)
	if s != "" {
		switch s[len(s)-1] {
		case 'k', 'K':
			mul, s = 1<<10, s[:len(s)-1]
		case 'm', 'M':
			mul, s = 1<<20, s[:len(s)-1]
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n * mul, err == nil && n >= 0
}
