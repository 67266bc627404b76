package proxy

import (
	"strconv"

	"huidu/proxy/http1"
)

// upstreamVars are the variables of ngx_http_upstream_module and
// ngx_http_proxy_module.
//
// See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#variables
var upstreamVars = map[string]getter{
	"upstream_addr":   upstreamList(func(b []byte, t *upstreamTry) []byte { return append(b, t.peer...) }),
	"upstream_status": upstreamList(func(b []byte, t *upstreamTry) []byte { return appendOrDash(b, int64(t.status), t.status > 0) }),
	"upstream_response_time": upstreamList(func(b []byte, t *upstreamTry) []byte {
		return appendTime(b, t.response)
	}),
	"upstream_connect_time": upstreamList(func(b []byte, t *upstreamTry) []byte { return appendTime(b, t.connect) }),
	"upstream_header_time":  upstreamList(func(b []byte, t *upstreamTry) []byte { return appendTime(b, t.header) }),
	"upstream_response_length": upstreamList(func(b []byte, t *upstreamTry) []byte {
		return strconv.AppendInt(b, t.responseLength, 10)
	}),
	"upstream_bytes_received": upstreamList(func(b []byte, t *upstreamTry) []byte {
		return strconv.AppendInt(b, t.bytesReceived, 10)
	}),
	"upstream_bytes_sent": upstreamList(func(b []byte, t *upstreamTry) []byte {
		return strconv.AppendInt(b, t.bytesSent, 10)
	}),
	"upstream_cache_status": func(r *Request) (string, bool) {
		if r.up == nil || r.up.caching.status == cacheNone {
			return "", false
		}
		return r.up.caching.status.String(), true
	},
	"upstream_cache_last_modified": func(r *Request) (string, bool) {
		if r.up == nil {
			return "", false
		}
		v := r.up.caching.lastModified()
		return v, v != ""
	},
	"upstream_cache_etag": func(r *Request) (string, bool) {
		if r.up == nil {
			return "", false
		}
		v := r.up.caching.etag()
		return v, v != ""
	},
	"proxy_host":                func(r *Request) (string, bool) { return r.proxyVar(func(v *proxyVars) string { return v.hostHeader }) },
	"proxy_port":                func(r *Request) (string, bool) { return r.proxyVar(func(v *proxyVars) string { return v.port }) },
	"proxy_add_x_forwarded_for": varAddXForwardedFor,
	"proxy_internal_body_length": func(r *Request) (string, bool) {
		if r.up == nil || r.up.conf == nil || r.up.length < 0 {
			return "", false
		}
		return strconv.FormatInt(r.up.length, 10), true
	},
	"proxy_internal_chunked": func(r *Request) (string, bool) {
		if r.up == nil || r.up.conf == nil || !r.up.chunked {
			return "", false
		}
		return "chunked", true
	},
}

// upstreamList makes the getter of a variable with one item per peer asked:
// ", " between tries, " : " between groups of them.
func upstreamList(item func(b []byte, t *upstreamTry) []byte) getter {
	return func(r *Request) (string, bool) {
		if r.up == nil || len(r.up.tries) == 0 {
			return "", false
		}
		tries := r.up.tries
		var room [64]byte
		b := room[:0]
		for i := range tries {
			if tries[i].peer == "" {
				if i > 0 {
					b = append(b, " : "...)
				}
				continue
			}
			if i > 0 && tries[i-1].peer != "" {
				b = append(b, ", "...)
			}
			b = item(b, &tries[i])
		}
		if len(tries) == 1 && len(b) == len(tries[0].peer) && string(b) == tries[0].peer {
			return tries[0].peer, true
		}
		return string(b), true
	}
}

func appendTime(b []byte, ms int64) []byte {
	if ms < 0 {
		return append(b, '-')
	}
	return appendSeconds(b, ms)
}

func appendOrDash(b []byte, n int64, there bool) []byte {
	if !there {
		return append(b, '-')
	}
	return strconv.AppendInt(b, n, 10)
}

// proxyVar answers $proxy_host and $proxy_port, which exist where proxy_pass
// has been entered.
func (r *Request) proxyVar(field func(*proxyVars) string) (string, bool) {
	if r.up != nil && r.up.conf != nil {
		return field(&r.up.vars), true
	}
	return "", false
}

func varAddXForwardedFor(r *Request) (string, bool) {
	addr := r.main.clientAddr()
	if xff, found := joinHeader(r.headers, http1.HeaderXForwardedFor, "x-forwarded-for", ", "); found && xff != "" {
		return xff + ", " + addr, true
	}
	return addr, true
}

// upstreamHeaders are those of the response that the upstream sent last.
func (r *Request) upstreamHeaders() http1.Headers {
	if r.up == nil {
		return nil
	}
	return r.up.parser.Head.Headers
}

// upstreamHTTPGetter is $upstream_http_name.
func upstreamHTTPGetter(name string) getter {
	field := headerName(name)
	id := http1.LookupHeader(field)
	return func(r *Request) (string, bool) { return joinHeader(r.upstreamHeaders(), id, field, ", ") }
}

// upstreamTrailerGetter is $upstream_trailer_name: without proxy_pass_trailers
// nginx reads no trailers.
func upstreamTrailerGetter(string) getter {
	return func(*Request) (string, bool) { return "", false }
}

// upstreamCookieGetter is $upstream_cookie_name: the cookie as the first
// Set-Cookie line of that name gave it.
func upstreamCookieGetter(name string) getter {
	return func(r *Request) (string, bool) {
		for _, h := range r.upstreamHeaders() {
			if h.ID != http1.HeaderSetCookie {
				continue
			}
			if v, found := findSetCookie(h.Value, name); found {
				return v, true
			}
		}
		return "", false
	}
}

// findSetCookie is ngx_http_parse_set_cookie_lines for one line.
func findSetCookie(line, name string) (string, bool) {
	if len(name) >= len(line) || !http1.EqualFold(line[:len(name)], name) {
		return "", false
	}
	i := len(name)
	for i < len(line) && line[i] == ' ' {
		i++
	}
	if i == len(line) || line[i] != '=' {
		return "", false
	}
	for i++; i < len(line) && line[i] == ' '; i++ {
	}
	end := i
	for end < len(line) && line[end] != ';' {
		end++
	}
	return line[i:end], true
}

// allVars are the built-in variables of all modules.
var allVars = func() map[string]getter {
	all := make(map[string]getter, len(builtinVars)+len(upstreamVars))
	for _, m := range []map[string]getter{builtinVars, upstreamVars, echoVars, moduleVars, memcVars} {
		for name, get := range m {
			all[name] = get
		}
	}
	return all
}()
