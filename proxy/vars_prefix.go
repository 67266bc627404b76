package proxy

import (
	"strings"

	"huidu/proxy/http1"
)

// argGetter is $arg_name: the first argument of that name, case ignored, raw.
//
// See: ngx_http_arg.
func argGetter(name string) getter {
	return func(r *Request) (string, bool) { return findArg(r.args, name) }
}

func findArg(args, name string) (string, bool) {
	if name == "" {
		return "", false
	}
	for args != "" {
		var part string
		part, args, _ = strings.Cut(args, "&")
		if len(part) > len(name) && part[len(name)] == '=' && http1.EqualFold(part[:len(name)], name) {
			return part[len(name)+1:], true
		}
	}
	return "", false
}

// cookieGetter is $cookie_name over all Cookie headers.
func cookieGetter(name string) getter {
	return func(r *Request) (string, bool) {
		for i := range r.headers {
			if h := &r.headers[i]; h.ID == http1.HeaderCookie {
				if v, found := findCookie(h.Value, name, ';'); found {
					return v, true
				}
			}
		}
		return "", false
	}
}

// findCookie searches one header line for name=value.
//
// See: ngx_http_parse_multi_header_lines.
func findCookie(line, name string, sep byte) (string, bool) {
	for line != "" {
		for line != "" && (line[0] == ' ' || line[0] == sep || line[0] == ',') {
			line = line[1:]
		}
		if len(line) < len(name) {
			return "", false
		}
		if http1.EqualFold(line[:len(name)], name) {
			rest := strings.TrimLeft(line[len(name):], " ")
			if strings.HasPrefix(rest, "=") {
				rest = strings.TrimLeft(rest[1:], " ")
				if i := strings.IndexByte(rest, sep); i >= 0 {
					rest = rest[:i]
				}
				return rest, true
			}
		}
		i := strings.IndexAny(line, ";,")
		if i < 0 {
			return "", false
		}
		line = line[i+1:]
	}
	return "", false
}

// headerName turns the tail of $http_x_y into the field name x-y.
func headerName(v string) string { return strings.ReplaceAll(v, "_", "-") }

// httpGetter is $http_name: all lines of that request header joined.
func httpGetter(name string) getter {
	field := headerName(name)
	id := http1.LookupHeader(field)
	sep := ", "
	if id == http1.HeaderCookie {
		sep = "; "
	}
	return func(r *Request) (string, bool) { return joinHeader(r.headers, id, field, sep) }
}

// joinHeader joins the values of all fields of that name. Names with "_" match
// fields with "-" or "_", as nginx's variables do.
func joinHeader(hs http1.Headers, id http1.HeaderID, field, sep string) (string, bool) {
	first, n := -1, 0
	for i := range hs {
		if headerIs(&hs[i], id, field) {
			if n == 0 {
				first = i
			}
			n++
		}
	}
	switch n {
	case 0:
		return "", false
	case 1:
		return hs[first].Value, true
	}
	var b strings.Builder
	for i := first; i < len(hs); i++ {
		if headerIs(&hs[i], id, field) {
			if i != first {
				b.WriteString(sep)
			}
			b.WriteString(hs[i].Value)
		}
	}
	return b.String(), true
}

func headerIs(h *http1.Header, id http1.HeaderID, field string) bool {
	if id != http1.HeaderOther {
		return h.ID == id
	}
	return h.ID == http1.HeaderOther && len(h.Key) == len(field) && foldsDash(h.Key, field)
}

// foldsDash compares a field's name with a lower-case, dashed name; "_" in the
// field counts as "-".
func foldsDash(key, dashed string) bool {
	for i := 0; i < len(key); i++ {
		c := key[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		} else if c == '_' {
			c = '-'
		}
		if c != dashed[i] {
			return false
		}
	}
	return true
}

// sentHTTPGetter is $sent_http_name, of the response header.
//
// See: ngx_http_variable_sent_content_type and its neighbours.
func sentHTTPGetter(name string) getter {
	switch name {
	case "content_type":
		return func(r *Request) (string, bool) {
			if r.out.contentType == "" {
				return "", false
			}
			return r.out.fullType(), true
		}
	case "content_length":
		return func(r *Request) (string, bool) {
			if v, found := r.out.headers.Get(http1.HeaderContentLength); found {
				return v, true
			}
			if r.out.contentLength >= 0 {
				return formatInt(r.out.contentLength), true
			}
			return "", false
		}
	case "last_modified":
		return func(r *Request) (string, bool) {
			if v, found := r.out.headers.Get(http1.HeaderLastModified); found {
				return v, true
			}
			if r.out.lastModified >= 0 {
				return formatHTTPTime(r.out.lastModified), true
			}
			return "", false
		}
	case "location":
		return func(r *Request) (string, bool) {
			if r.out.location != "" {
				return r.out.location, true
			}
			return r.out.headers.Get(http1.HeaderLocation)
		}
	case "connection":
		return func(r *Request) (string, bool) {
			switch {
			case r.out.status == 101:
				return "upgrade", true
			case r.main.keepalive:
				return "keep-alive", true
			}
			return "close", true
		}
	case "keep_alive":
		return func(r *Request) (string, bool) {
			if r.main.keepalive && r.loc.keepaliveHeader > 0 {
				return "timeout=" + formatInt(int64(r.loc.keepaliveHeader.Seconds())), true
			}
			return "", false
		}
	case "transfer_encoding":
		return func(r *Request) (string, bool) {
			if r.out.chunked {
				return "chunked", true
			}
			return "", false
		}
	}
	field := headerName(name)
	id := http1.LookupHeader(field)
	return func(r *Request) (string, bool) { return joinHeader(r.out.headers, id, field, ", ") }
}

func sentTrailerGetter(name string) getter {
	field := headerName(name)
	id := http1.LookupHeader(field)
	return func(r *Request) (string, bool) { return joinHeader(r.out.trailers, id, field, ", ") }
}
