package proxy

import (
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// compileFilters adds the body filters of a location.
func compileFilters(c *compiler, loc *location, l *nginxconf.Location) error {
	if err := compileGzipRules(c, loc, l); err != nil {
		return err
	}
	compileGzip(loc, l)
	compileGunzip(loc, l)
	compileAddition(loc, l)
	compileSSI(loc, l)
	if err := compileCharset(c, loc, l); err != nil {
		return err
	}
	return compileSub(c, loc, l)
}

// weakETag marks the entity tag as weak: the bytes are no longer those it was
// made for. One without quotes goes.
//
// See: ngx_http_weak_etag.
func (h *respHead) weakETag() {
	i := h.headers.IndexID(http1.HeaderETag)
	if i < 0 {
		return
	}
	tag := h.headers[i].Value
	switch {
	case strings.HasPrefix(tag, "W/") && len(tag) > 2:
	case tag == "" || tag[0] != '"':
		h.headers.DelID(http1.HeaderETag)
	default:
		h.headers[i].Value = "W/" + tag
	}
}
