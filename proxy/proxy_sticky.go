package proxy

import (
	"time"

	"huidu/proxy/http1"
)

// setSticky puts the cookie that binds the client to the peer into the
// response; a further try replaces it.
//
// See: ngx_http_upstream_sticky_cookie_insert.
func (st *upstreamState) setSticky(r *Request) {
	s := st.group.Sticky
	v := s.SetCookie(st.peer.SID, r.evalText(s.Domain), r.evalText(s.SameSite), time.Now())
	if st.cookieAt < 0 {
		st.cookieAt = len(r.out.headers)
		r.out.headers = append(r.out.headers, http1.Header{Key: "Set-Cookie", Value: v, ID: http1.HeaderSetCookie})
		return
	}
	r.out.headers[st.cookieAt].Value = v
}

// learnSticky remembers the peer of a session when the request is done.
func (st *upstreamState) learnSticky(r *Request) {
	if s := st.group.Sticky; s != nil && s.Learns() && !s.Header {
		st.learnStickyNow(r)
	}
}

func (st *upstreamState) learnStickyNow(r *Request) {
	s := st.group.Sticky
	created := ""
	for _, name := range s.Create {
		if created, _ = r.lookupVar(name); created != "" {
			break
		}
	}
	if msg := s.Learn(created, st.stickyID, st.peer.SID, time.Now()); msg != "" {
		r.logf(logWarn, "%s while %s", msg, st.doing())
	}
}

// evalText evaluates a parameter that may hold variables and that the
// configuration keeps as text.
func (r *Request) evalText(text string) string {
	var b []byte
	for i := 0; i < len(text); {
		if text[i] != '$' {
			b = append(b, text[i])
			i++
			continue
		}
		i++
		braced := i < len(text) && text[i] == '{'
		if braced {
			i++
		}
		from := i
		for i < len(text) && (text[i] == '_' || text[i] >= '0' && text[i] <= '9' || text[i]|0x20 >= 'a' && text[i]|0x20 <= 'z') {
			i++
		}
		v, _ := r.lookupVar(text[from:i])
		b = append(b, v...)
		if braced && i < len(text) && text[i] == '}' {
			i++
		}
	}
	return string(b)
}
