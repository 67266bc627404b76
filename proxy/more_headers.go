package proxy

import (
	"strings"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// moreHeaders is one directive of headers-more.
//
// See: https://github.com/openresty/headers-more-nginx-module
type moreHeaders struct {
	clear, add, restrict bool
	statuses             map[int]bool
	types                map[string]bool
	headers              []headerAdder
}

// compileMoreHeaders compiles more_set_headers and its kin.
func compileMoreHeaders(c *compiler, loc *location, l *nginxconf.Location) error {
	var out, in []*moreHeaders
	for i := range l.Loc.More.Cmds.V {
		cmd := &l.Loc.More.Cmds.V[i]
		m := &moreHeaders{clear: cmd.Clear, add: cmd.Append, restrict: cmd.Restrict}
		var err error
		if m.headers, err = c.headerAdders(cmd.Headers); err != nil {
			return err
		}
		if len(cmd.Statuses) > 0 {
			m.statuses = map[int]bool{}
			for _, s := range cmd.Statuses {
				m.statuses[s] = true
			}
		}
		if len(cmd.Types) > 0 {
			m.types = map[string]bool{}
			for _, t := range cmd.Types {
				m.types[t] = true
			}
		}
		if cmd.Input {
			in = append(in, m)
		} else {
			out = append(out, m)
		}
	}
	if out != nil {
		loc.addHeaderFilter(orderMoreHeaders, func(r *Request) rc {
			for _, m := range out {
				m.output(r)
			}
			return ok
		})
	}
	if in != nil {
		loc.moreInput = func(r *Request) {
			for _, m := range in {
				m.input(r)
			}
		}
	}
	return nil
}

// output changes the response's headers.
func (m *moreHeaders) output(r *Request) {
	if m.statuses != nil && !m.statuses[r.out.status] || m.types != nil && !m.types[r.out.contentType] {
		return
	}
	for i := range m.headers {
		h := &m.headers[i]
		v := ""
		if !m.clear {
			v = h.value.eval(r)
		}
		r.moreSetHeader(h, v, m.add)
	}
}

// moreSetHeader sets one response header; an empty value removes it.
func (r *Request) moreSetHeader(h *headerAdder, v string, add bool) {
	o := &r.out
	if prefix, wild := strings.CutSuffix(h.name, "*"); wild && v == "" {
		keep := o.headers[:0]
		for _, f := range o.headers {
			if len(f.Key) < len(prefix) || !http1.EqualFold(f.Key[:len(prefix)], prefix) {
				keep = append(keep, f)
			}
		}
		clear(o.headers[len(keep):])
		o.headers = keep
		return
	}
	switch h.id {
	case http1.HeaderContentType:
		o.setType(v)
		o.charset = ""
		return
	case http1.HeaderContentLength:
		o.headers.DelID(h.id)
		o.contentLength = -1
		if n, valid := http1.ParseContentLength(v); valid {
			o.contentLength = n
		}
		return
	case http1.HeaderLastModified:
		o.lastModified = -1
		if t, valid := parseHTTPTime(v); valid {
			o.lastModified = t
		}
	case http1.HeaderLocation: // made absolute like nginx's own
		o.headers.DelID(h.id)
		o.location = v
		return
	case http1.HeaderAcceptRanges:
		if v == "" {
			o.acceptRanges = false
		}
	}
	switch {
	case v == "" && h.id == http1.HeaderServer:
		o.noServer = true
		o.headers.DelID(h.id)
	case v == "" && h.id == http1.HeaderDate:
		o.noDate = true
		o.headers.DelID(h.id)
	case v == "":
		o.headers.Del(h.name)
	case add:
		o.headers.Add(h.name, v)
	default:
		o.headers.Set(h.name, v)
	}
}

// input changes the request's headers.
func (m *moreHeaders) input(r *Request) {
	if m.types != nil {
		t, _ := r.headers.Get(http1.HeaderContentType)
		if !m.types[t] {
			return
		}
	}
	for i := range m.headers {
		h := &m.headers[i]
		if m.restrict && r.headers.Index(h.name) < 0 {
			continue
		}
		v := ""
		if !m.clear {
			v = h.value.eval(r)
		}
		switch prefix, wild := strings.CutSuffix(h.name, "*"); {
		case wild && v == "":
			r.clearRequestHeaders(prefix)
		case v == "":
			r.setRequestHeader(h.name, nil)
		default:
			r.setRequestHeader(h.name, []string{v})
		}
	}
}

// clearRequestHeaders removes every request header with a prefix.
func (r *Request) clearRequestHeaders(prefix string) {
	r.ownHeaders()
	keep := r.headers[:0]
	for _, f := range r.headers {
		if len(f.Key) < len(prefix) || !http1.EqualFold(f.Key[:len(prefix)], prefix) {
			keep = append(keep, f)
		}
	}
	clear(r.headers[len(keep):])
	r.headers = keep
}
