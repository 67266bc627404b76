package proxy

import (
	"strings"

	"huidu/proxy/http1"
)

// notModifiedFilter answers conditional requests.
//
// See: ngx_http_not_modified_header_filter.
func notModifiedFilter(r *Request) rc {
	if r.out.status != 200 || r != r.main {
		return ok
	}
	hs := r.headers
	var ims, ius, im, inm string
	var hasIMS, hasIUS, hasIM, hasINM bool
	for i := range hs {
		switch h := &hs[i]; h.ID {
		case http1.HeaderIfModifiedSince:
			ims, hasIMS = h.Value, true
		case http1.HeaderIfUnmodifiedSince:
			ius, hasIUS = h.Value, true
		case http1.HeaderIfMatch:
			im, hasIM = h.Value, true
		case http1.HeaderIfNoneMatch:
			inm, hasINM = h.Value, true
		}
	}
	if !hasIMS && !hasIUS && !hasIM && !hasINM {
		return ok
	}
	if hasIUS && !r.unmodifiedSince(ius) || hasIM && !r.etagIn(im, false) {
		return r.filterFinalize(412)
	}
	if !hasIMS && !hasINM || hasIMS && r.modifiedSince(ims) || hasINM && !r.etagIn(inm, true) {
		return ok
	}
	o := &r.out
	o.status, o.statusLine = 304, ""
	o.contentType, o.ctLen = "", 0
	o.contentLength = -1
	o.headers.DelID(http1.HeaderContentLength)
	o.clearRanges()
	o.headers.DelID(http1.HeaderContentEncoding)
	return ok
}

func (r *Request) unmodifiedSince(v string) bool {
	lm := r.out.lastModified
	if lm < 0 {
		return false
	}
	t, valid := parseHTTPTime(v)
	return valid && t >= lm
}

func (r *Request) modifiedSince(v string) bool {
	lm := r.out.lastModified
	how := r.loc.conf.Core.IfModifiedSince.V
	if lm < 0 || how == "off" {
		return true
	}
	t, valid := parseHTTPTime(v)
	if !valid {
		t = -1
	}
	if t == lm {
		return false
	}
	return how != "before" || t < lm
}

// etagIn reports whether the response's entity tag is in a list of them.
//
// See: ngx_http_test_if_match.
func (r *Request) etagIn(list string, weak bool) bool {
	if list == "*" {
		return true
	}
	tag, found := r.out.headers.Get(http1.HeaderETag)
	if !found {
		return false
	}
	if weak && len(tag) > 2 {
		tag = strings.TrimPrefix(tag, "W/")
	}
	for list != "" {
		if weak && len(list) > 2 {
			list = strings.TrimPrefix(list, "W/")
		}
		if len(tag) > len(list) {
			return false
		}
		if strings.HasPrefix(list, tag) {
			rest := strings.TrimLeft(list[len(tag):], " \t")
			if rest == "" || rest[0] == ',' {
				return true
			}
			list = rest
		}
		i := strings.IndexByte(list, ',')
		if i < 0 {
			return false
		}
		list = strings.TrimLeft(list[i:], " \t,")
	}
	return false
}
