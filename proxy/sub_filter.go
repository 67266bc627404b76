package proxy

import (
	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// subPair is one sub_filter of a location.
type subPair struct{ from, to value }

// compileSub adds sub_filter.
//
// See: https://nginx.org/en/docs/http/ngx_http_sub_module.html
func compileSub(c *compiler, loc *location, l *nginxconf.Location) error {
	f := l.Loc.Filter
	if len(f.SubFilter.V) == 0 {
		return nil
	}
	var pairs []subPair
	for _, s := range f.SubFilter.V {
		from, err := c.value(s.From, f.SubFilter.Pos)
		if err != nil {
			return err
		}
		to, err := c.value(s.To, f.SubFilter.Pos)
		if err != nil {
			return err
		}
		pairs = append(pairs, subPair{from, to})
	}
	types, once, keepTime := newMimeTypes(f.SubFilterTypes.V), f.SubFilterOnce.V, f.SubFilterLastModified.V
	loc.addHeaderFilter(orderSub, func(r *Request) rc {
		o := &r.out
		if o.contentLength == 0 || !types.has(o) {
			return ok
		}
		s := &subStage{once: once}
		for i := range pairs {
			from := lower(pairs[i].from.eval(r))
			if from == "" {
				continue
			}
			s.patterns = append(s.patterns, subPattern{from: from, to: &pairs[i].to})
			s.first[from[0]] = true
			s.longest = max(s.longest, len(from))
		}
		if len(s.patterns) == 0 {
			return ok
		}
		o.clearRanges()
		if r == r.main {
			o.contentLength = -1
			o.headers.DelID(http1.HeaderContentLength)
			if !keepTime {
				o.lastModified = -1
				o.headers.DelID(http1.HeaderLastModified)
				o.headers.DelID(http1.HeaderETag)
			} else {
				o.weakETag()
			}
		}
		r.stages = append(r.stages, s)
		return ok
	})
	return nil
}

type subPattern struct {
	from string // lower case
	to   *value
	done bool
}

// subStage replaces texts in a body, ignoring case. It holds back only what
// may be the beginning of a text.
type subStage struct {
	patterns []subPattern
	first    [256]bool // bytes that a text begins with, lower case
	longest  int
	once     bool
	used     int
	held     []byte
}

func (s *subStage) filter(r *Request, next int, p []byte, fl outFlag) rc {
	if s.once && s.used == len(s.patterns) {
		return r.passBody(next, p, fl)
	}
	data := p
	if len(s.held) > 0 {
		s.held = append(s.held, p...)
		data = s.held
	}
	from, i := 0, 0
	for i < len(data) {
		if !s.first[lowerByte(data[i])] {
			i++
			continue
		}
		m, wait := s.match(data[i:], fl&last != 0)
		if wait {
			break
		}
		if m == nil {
			i++
			continue
		}
		if i > from {
			if c := r.passBody(next, data[from:i], 0); c != ok {
				return c
			}
		}
		if to := m.to.eval(r); to != "" {
			if c := r.passBody(next, []byte(to), 0); c != ok {
				return c
			}
		}
		i += len(m.from)
		from = i
		if s.once {
			m.done = true
			if s.used++; s.used == len(s.patterns) {
				i = len(data)
			}
		}
	}
	rest := append([]byte(nil), data[i:]...)
	if i > from || fl != 0 {
		if c := r.passBody(next, data[from:i], fl); c != ok {
			return c
		}
	}
	s.held = rest
	return ok
}

// match finds the first pattern at the beginning of data. wait: data ends
// before that is known.
func (s *subStage) match(data []byte, atEnd bool) (m *subPattern, wait bool) {
	for k := range s.patterns {
		pt := &s.patterns[k]
		if pt.done {
			continue
		}
		n := min(len(pt.from), len(data))
		same := true
		for j := range n {
			if lowerByte(data[j]) != pt.from[j] {
				same = false
				break
			}
		}
		switch {
		case !same:
		case n == len(pt.from):
			return pt, false
		case !atEnd:
			return nil, true
		}
	}
	return nil, false
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
