package http1

import "strconv"

// statusText are nginx's reason phrases, which are not always those of the
// RFC. See: ngx_http_status_lines.
var statusText = [600]string{
	100: "Continue", 101: "Switching Protocols", 103: "Early Hints",
	200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
	301: "Moved Permanently", 302: "Moved Temporarily", 303: "See Other", 304: "Not Modified",
	307: "Temporary Redirect", 308: "Permanent Redirect",
	400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
	405: "Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Time-out",
	409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed",
	413: "Request Entity Too Large", 414: "Request-URI Too Large", 415: "Unsupported Media Type",
	416: "Requested Range Not Satisfiable", 421: "Misdirected Request", 429: "Too Many Requests",
	500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
	503: "Service Temporarily Unavailable", 504: "Gateway Time-out", 505: "HTTP Version Not Supported",
	507: "Insufficient Storage",
}

// statusLines are whole lines, made once.
var statusLines = func() (t [600]string) {
	for code, text := range statusText {
		if text != "" {
			t[code] = "HTTP/1.1 " + strconv.Itoa(code) + " " + text + "\r\n"
		}
	}
	return t
}()

// StatusText is nginx's reason phrase, "" for a code it has none for.
func StatusText(code int) string {
	if uint(code) < uint(len(statusText)) {
		return statusText[code]
	}
	return ""
}

// AppendStatusLine appends the status line for a code. A code without a
// phrase gets none, but the space before it, as in nginx.
func AppendStatusLine(dst []byte, code int) []byte {
	if uint(code) < uint(len(statusLines)) && statusLines[code] != "" {
		return append(dst, statusLines[code]...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	if code < 100 {
		dst = append(dst, '0')
		if code < 10 {
			dst = append(dst, '0')
		}
	}
	dst = strconv.AppendInt(dst, int64(code), 10)
	return append(dst, ' ', '\r', '\n')
}

// AppendStatusText appends a status line with the given code and reason,
// such as an upstream's ("404 Nothing Here").
func AppendStatusText(dst []byte, codeAndReason string) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, codeAndReason...)
	return append(dst, '\r', '\n')
}

// AppendRequestLine appends a request line.
func AppendRequestLine(dst []byte, method, uri, protocol string) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, uri...)
	dst = append(dst, ' ')
	dst = append(dst, protocol...)
	return append(dst, '\r', '\n')
}

// AppendHeader appends a field line. Neither name nor value may hold CR or
// LF; see ValidValue.
func AppendHeader(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

// AppendHeaderInt appends a field line with a decimal number.
func AppendHeaderInt(dst []byte, name string, n int64) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '\r', '\n')
}

// ValidValue tells whether a value can be written without breaking the
// framing of the head: it holds no CR, LF or NUL.
func ValidValue(v string) bool {
	for i := 0; i < len(v); i++ {
		if c := v[i]; c == '\r' || c == '\n' || c == 0 {
			return false
		}
	}
	return true
}
