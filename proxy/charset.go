package proxy

import (
	"strconv"
	"unicode/utf8"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// charsetConf is what ngx_http_charset_module does at a location.
type charsetConf struct {
	to, from *value
	override bool
	types    *mimeTypes
}

// compileCharset adds charset, source_charset and override_charset.
//
// See: https://nginx.org/en/docs/http/ngx_http_charset_module.html
func compileCharset(c *compiler, loc *location, l *nginxconf.Location) error {
	f := l.Loc.Filter
	cs := &charsetConf{override: f.OverrideCharset.V, types: newMimeTypes(f.CharsetTypes.V)}
	var err error
	if cs.to, err = c.valuePtr(f.Charset.V, f.Charset.Pos); err != nil {
		return err
	}
	if cs.from, err = c.valuePtr(f.SourceCharset.V, f.SourceCharset.Pos); err != nil {
		return err
	}
	if c.rt.recoders == nil {
		c.rt.recoders = newRecoders(c.http.CharsetMaps)
	}
	loc.addCharset(cs)
	return nil
}

// addCharset adds the filter where it may do something: with a charset, with
// override by X-Accel-Charset of an upstream, or in a subrequest of a location
// with a charset.
func (l *location) addCharset(cs *charsetConf) {
	if cs.to == nil && cs.from == nil && l.conf.Core.Handler != nginxconf.HandlerProxyPass {
		return
	}
	l.addHeaderFilter(orderCharset, cs.filter)
}

// target is the charset that the response shall have. false: leave it alone.
//
// See: ngx_http_destination_charset.
func (cs *charsetConf) target(r *Request) (string, bool) {
	o := &r.out
	switch {
	case r != r.main:
		name := r.main.out.charset
		return name, name != ""
	case o.contentType == "":
		return "", false
	case o.override != "":
		return o.override, true
	case cs.to == nil:
		return "", false
	case o.charset != "":
		if !cs.override {
			return "", false
		}
	case !cs.types.has(o):
		return "", false
	}
	name := cs.to.eval(r)
	return name, name != "" && name != "off"
}

// filter sets the charset and recodes the body where a charset_map says how.
//
// See: ngx_http_charset_header_filter.
func (cs *charsetConf) filter(r *Request) rc {
	to, wanted := cs.target(r)
	if !wanted {
		return ok
	}
	o := &r.out
	from := o.charset
	if from == "" && cs.from != nil {
		if from = cs.from.eval(r); from == "off" {
			from = ""
		}
	}
	if from == "" || http1.EqualFold(from, to) {
		if from != "" {
			o.stripCharset()
		}
		r.setCharset(to)
		return ok
	}
	if v, found := o.headers.Get(http1.HeaderContentEncoding); found && v != "" {
		return ok
	}
	rec := r.rt.recoders[recodeKey{lower(from), lower(to)}]
	if rec == nil {
		r.logf(logError, "no \"charset_map\" between the charsets \"%s\" and \"%s\"", from, to)
		return ok
	}
	o.stripCharset()
	r.setCharset(to)
	if (rec.toUTF8 != nil || rec.fromUTF8 != nil) && r == r.main {
		o.contentLength = -1
		o.headers.DelID(http1.HeaderContentLength)
	}
	r.stages = append(r.stages, &charsetStage{rec: rec})
	return ok
}

// stripCharset takes the parameters off the content type.
func (h *respHead) stripCharset() {
	if h.ctLen > 0 {
		h.contentType = h.contentType[:h.ctLen]
		h.ctLen = 0
	}
}

// setCharset gives the response a charset.
func (r *Request) setCharset(name string) {
	if r != r.main {
		return
	}
	if r.out.status == 301 || r.out.status == 302 {
		// A redirect's own page: some clients take its charset for the target's.
		r.out.charset = ""
		return
	}
	r.out.charset = name
}

type recodeKey struct{ from, to string }

// recoder is one direction of a charset_map.
type recoder struct {
	table    *[256]byte
	toUTF8   *[256]string
	fromUTF8 map[rune]byte
}

// newRecoders compiles the charset_maps, both ways each.
func newRecoders(maps []*nginxconf.CharsetMap) map[recodeKey]*recoder {
	out := map[recodeKey]*recoder{}
	for _, m := range maps {
		from, to := lower(m.From), lower(m.To)
		if to != "utf-8" {
			there, back := new([256]byte), new([256]byte)
			for i := range 256 {
				there[i], back[i] = '?', '?'
				if i < 128 {
					there[i], back[i] = byte(i), byte(i)
				}
			}
			for _, p := range m.Table {
				if len(p.To) == 1 {
					there[p.From], back[p.To[0]] = p.To[0], p.From
				}
			}
			out[recodeKey{from, to}], out[recodeKey{to, from}] = &recoder{table: there}, &recoder{table: back}
			continue
		}
		there, back := new([256]string), map[rune]byte{}
		for i := range 256 {
			there[i] = "?"
			if i < 128 {
				there[i] = string(rune(i))
				back[rune(i)] = byte(i)
			}
		}
		for _, p := range m.Table {
			there[p.From] = p.To
			if c, n := utf8.DecodeRuneInString(p.To); n == len(p.To) && c != utf8.RuneError {
				back[c] = p.From
			}
		}
		out[recodeKey{from, to}], out[recodeKey{to, from}] = &recoder{toUTF8: there}, &recoder{fromUTF8: back}
	}
	return out
}

// charsetStage recodes a body. A character that the target lacks becomes a
// reference to it.
type charsetStage struct {
	rec   *recoder
	saved []byte // the beginning of a character
}

func (s *charsetStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	if len(p) == 0 && len(s.saved) == 0 {
		return r.passBody(next, p, fl)
	}
	out := make([]byte, 0, len(p)+len(p)/2)
	switch {
	case s.rec.table != nil:
		for _, c := range p {
			out = append(out, s.rec.table[c])
		}
	case s.rec.toUTF8 != nil:
		for _, c := range p {
			out = append(out, s.rec.toUTF8[c]...)
		}
	default:
		out = s.decode(out, p, fl&last != 0)
	}
	return r.passBody(next, out, fl)
}

func (s *charsetStage) decode(out, p []byte, atEnd bool) []byte {
	if len(s.saved) > 0 {
		p = append(s.saved, p...)
		s.saved = nil
	}
	for len(p) > 0 {
		if !atEnd && !utf8.FullRune(p) {
			s.saved = append([]byte(nil), p...)
			break
		}
		c, n := utf8.DecodeRune(p)
		if c == utf8.RuneError && n <= 1 {
			out = append(out, '?')
			p = p[1:]
			continue
		}
		p = p[n:]
		if b, found := s.rec.fromUTF8[c]; found {
			out = append(out, b)
			continue
		}
		out = append(out, "&#"...)
		out = strconv.AppendInt(out, int64(c), 10)
		out = append(out, ';')
	}
	return out
}
