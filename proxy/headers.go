package proxy

import (
	"time"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// headerAdder is one add_header or add_trailer.
type headerAdder struct {
	name   string
	id     http1.HeaderID
	value  value
	always bool
}

// headersConf is what ngx_http_headers_module does at a location.
type headersConf struct {
	expires  nginxconf.Expires
	value    value // of expires with variables
	headers  []headerAdder
	trailers []headerAdder
}

// compileHeaders compiles add_header, add_trailer, expires and the
// headers-more directives.
func compileHeaders(c *compiler, loc *location, l *nginxconf.Location) error {
	conf := l.Loc.Headers
	h := &headersConf{expires: conf.Expires.V}
	var err error
	if h.expires.Kind == "value" {
		if h.value, err = c.value(h.expires.Value, conf.Expires.Pos); err != nil {
			return err
		}
	}
	if h.headers, err = c.headerAdders(conf.AddHeaders.V); err != nil {
		return err
	}
	if h.trailers, err = c.headerAdders(conf.AddTrailers.V); err != nil {
		return err
	}
	if h.expires.Kind != "off" && h.expires.Kind != "" || h.headers != nil || h.trailers != nil {
		loc.addHeaderFilter(orderHeaders, h.filterHeader)
	}
	return compileMoreHeaders(c, loc, l)
}

func (c *compiler) headerAdders(list []nginxconf.HeaderValue) ([]headerAdder, error) {
	var out []headerAdder
	for i := range list {
		h := &list[i]
		v, err := c.value(h.Value, h.Pos)
		if err != nil {
			return nil, err
		}
		out = append(out, headerAdder{name: h.Name, id: http1.LookupHeader(h.Name), value: v, always: h.Always})
	}
	return out, nil
}

// safeStatus reports whether headers without "always" are added.
func safeStatus(status int) bool {
	switch status {
	case 200, 201, 204, 206, 301, 302, 303, 304, 307, 308:
		return true
	}
	return false
}

// filterHeader adds the headers.
//
// See: ngx_http_headers_filter.
func (h *headersConf) filterHeader(r *Request) rc {
	if r != r.main {
		return ok
	}
	safe := safeStatus(r.out.status)
	if safe && h.expires.Kind != "off" && h.expires.Kind != "" {
		h.setExpires(r)
	}
	for i := range h.headers {
		if a := &h.headers[i]; safe || a.always {
			a.add(r)
		}
	}
	for i := range h.trailers {
		if safe || h.trailers[i].always {
			r.out.expectTrailers = true
			r.stages = append(r.stages, trailerStage{h})
			break
		}
	}
	return ok
}

// add puts the header into the response. Some replace what is there, an empty
// value removes those.
func (a *headerAdder) add(r *Request) {
	v := a.value.eval(r)
	hs := &r.out.headers
	switch a.id {
	case http1.HeaderLastModified:
		r.out.lastModified = -1
		if t, valid := parseHTTPTime(v); valid {
			r.out.lastModified = t
		}
		fallthrough
	case http1.HeaderETag:
		if v == "" {
			hs.DelID(a.id)
			return
		}
		hs.Set(a.name, v)
		return
	}
	if v == "" {
		return
	}
	id := a.id
	switch id {
	case http1.HeaderServer, http1.HeaderDate, http1.HeaderContentLength: // stand beside nginx's own
		id = http1.HeaderOther
	}
	*hs = append(*hs, http1.Header{Key: a.name, Value: v, ID: id})
}

// setExpires sets Expires and Cache-Control.
//
// See: ngx_http_set_expires.
func (h *headersConf) setExpires(r *Request) {
	e := h.expires
	negative := e.Time < 0
	if e.Kind == "value" {
		parsed, msg := nginxconf.ParseExpires(h.value.eval(r), e.Time != 0)
		if msg != "" || parsed.Kind == "off" {
			return
		}
		e, negative = parsed, false
	}
	hs := &r.out.headers
	set := func(expires, control string) {
		if hs.Has(http1.HeaderExpires) {
			hs.SetID(http1.HeaderExpires, expires)
		} else {
			hs.AddID(http1.HeaderExpires, expires)
		}
		if i := hs.IndexID(http1.HeaderCacheControl); i >= 0 {
			hs.Set((*hs)[i].Key, control)
		} else {
			hs.AddID(http1.HeaderCacheControl, control)
		}
	}
	now := time.Now()
	var at time.Time
	var age int64
	switch {
	case e.Kind == "epoch":
		set("Thu, 01 Jan 1970 00:00:01 GMT", "no-cache")
		return
	case e.Kind == "max":
		set("Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000")
		return
	case e.Time == 0 && e.Kind != "daily":
		set(dates.At(now).HTTP, "max-age=0")
		return
	case e.Kind == "daily":
		at = nextTime(now, e.Time)
		age = at.Unix() - now.Unix()
	case e.Kind == "modified" && r.out.lastModified >= 0:
		at = time.Unix(r.out.lastModified, 0).Add(e.Time)
		age = at.Unix() - now.Unix()
	default:
		age = int64(e.Time / time.Second)
		at = now.Add(e.Time)
	}
	control := "no-cache"
	if !negative && age >= 0 {
		control = "max-age=" + formatInt(age)
	}
	set(formatHTTPTime(at.Unix()), control)
}

// nextTime is the next moment of a time of day, local time.
//
// See: ngx_next_time.
func nextTime(now time.Time, of time.Duration) time.Time {
	y, m, d := now.Date()
	at := time.Date(y, m, d, 0, 0, int(of/time.Second), 0, now.Location())
	if at.Unix() <= now.Unix() {
		at = time.Date(y, m, d+1, 0, 0, int(of/time.Second), 0, now.Location())
	}
	return at
}

// trailerStage evaluates add_trailer when the body ends.
type trailerStage struct{ conf *headersConf }

func (s trailerStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	if fl&last != 0 {
		safe := safeStatus(r.out.status)
		for i := range s.conf.trailers {
			a := &s.conf.trailers[i]
			if !safe && !a.always {
				continue
			}
			if v := a.value.eval(r); v != "" {
				r.out.trailers.Add(a.name, v)
			}
		}
	}
	return r.passBody(next, p, fl)
}
