package proxy

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"huidu/nginxconf"
)

// secureLink is what ngx_http_secure_link_module checks at a location.
type secureLink struct {
	link, sum *value
	secret    string
}

// compileSecureLink prepares $secure_link.
//
// See: https://nginx.org/en/docs/http/ngx_http_secure_link_module.html
func compileSecureLink(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Misc
	s := &secureLink{secret: conf.SecureLinkSecret.V}
	var err error
	if s.link, err = c.valuePtr(conf.SecureLink.V, conf.SecureLink.Pos); err != nil {
		return err
	}
	if s.sum, err = c.valuePtr(conf.SecureLinkMD5.V, conf.SecureLinkMD5.Pos); err != nil {
		return err
	}
	if s.secret != "" || s.link != nil && s.sum != nil {
		loc.secureLink = s
	}
	return nil
}

// varSecureLink is $secure_link: "1", "0" when the link has expired, or the
// link itself with secure_link_secret.
//
// See: ngx_http_secure_link_variable.
func varSecureLink(r *Request) (string, bool) {
	s := r.loc.secureLink
	if s == nil {
		return "", false
	}
	if s.secret != "" {
		return s.old(r)
	}
	sum, expires, valid := s.split(r)
	if !valid || len(sum) > 24 {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(sum, "="))
	want := md5.Sum([]byte(s.sum.eval(r)))
	if err != nil || subtle.ConstantTimeCompare(raw, want[:]) != 1 {
		return "", false
	}
	if expires != 0 && expires < time.Now().Unix() {
		return "0", true
	}
	return "1", true
}

// split takes secure_link's value apart.
func (s *secureLink) split(r *Request) (sum string, expires int64, valid bool) {
	sum, when, has := strings.Cut(s.link.eval(r), ",")
	if !has {
		return sum, 0, true
	}
	n, err := strconv.ParseInt(when, 10, 64)
	if err != nil || n <= 0 {
		return "", 0, false
	}
	return sum, n, true
}

// old is the mode of secure_link_secret: /prefix/hash/link.
func (s *secureLink) old(r *Request) (string, bool) {
	uri := r.main.unparsedURI
	if uri == "" {
		return "", false
	}
	_, rest, found := strings.Cut(uri[1:], "/")
	if !found {
		return "", false
	}
	sum, link, found := strings.Cut(rest, "/")
	if !found || link == "" || len(sum) != 32 {
		return "", false
	}
	want := md5.Sum([]byte(link + s.secret))
	raw, err := hex.DecodeString(sum)
	if err != nil || subtle.ConstantTimeCompare(raw, want[:]) != 1 {
		return "", false
	}
	return link, true
}

// varSecureLinkExpires is $secure_link_expires.
func varSecureLinkExpires(r *Request) (string, bool) {
	s := r.loc.secureLink
	if s == nil || s.link == nil {
		return "", false
	}
	if _, expires, valid := s.split(r); valid && expires != 0 {
		return formatInt(expires), true
	}
	return "", false
}
