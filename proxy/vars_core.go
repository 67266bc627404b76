package proxy

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"huidu/proxy/http1"
)

// builtinVars are the variables of ngx_http_core_module and of the modules
// whose state stands in Request.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#variables
var builtinVars = map[string]getter{
	"args":                       func(r *Request) (string, bool) { return r.args, r.args != "" },
	"query_string":               func(r *Request) (string, bool) { return r.args, r.args != "" },
	"is_args":                    func(r *Request) (string, bool) { return pick(r.args != "", "?", ""), true },
	"uri":                        func(r *Request) (string, bool) { return r.uri, true },
	"document_uri":               func(r *Request) (string, bool) { return r.uri, true },
	"huidu_backend":              func(r *Request) (string, bool) { return r.main.backend(), true },
	"request_uri":                func(r *Request) (string, bool) { return r.main.unparsedURI, true },
	"request_method":             func(r *Request) (string, bool) { return r.main.method, r.main.method != "" },
	"request":                    func(r *Request) (string, bool) { return r.main.head.Line, true },
	"scheme":                     func(r *Request) (string, bool) { return r.scheme(), true },
	"https":                      func(r *Request) (string, bool) { return pick(r.isTLS(), "on", ""), true },
	"http2":                      func(r *Request) (string, bool) { return r.http2Text(), true },
	"server_protocol":            func(r *Request) (string, bool) { return r.main.protocol(), true },
	"host":                       func(r *Request) (string, bool) { return r.hostOrName(), true },
	"is_request_port":            func(r *Request) (string, bool) { return pick(r.main.head.Port != 0, ":", ""), true },
	"request_port":               varRequestPort,
	"server_name":                func(r *Request) (string, bool) { return r.srv.name, true },
	"server_addr":                func(r *Request) (string, bool) { return r.localAddr(), true },
	"server_port":                func(r *Request) (string, bool) { return r.localPort(), true },
	"remote_addr":                func(r *Request) (string, bool) { return r.clientAddr(), true },
	"remote_port":                func(r *Request) (string, bool) { return r.clientPort(), true },
	"binary_remote_addr":         func(r *Request) (string, bool) { return r.binaryClientAddr(), true },
	"remote_user":                varRemoteUser,
	"nginx_version":              func(*Request) (string, bool) { return Version, true },
	"hostname":                   func(*Request) (string, bool) { return hostname, true },
	"pid":                        func(*Request) (string, bool) { return strconv.Itoa(os.Getpid()), true },
	"pipe":                       func(r *Request) (string, bool) { return pick(r.main.pipelined, "p", "."), true },
	"msec":                       func(*Request) (string, bool) { return formatMsec(time.Now()), true },
	"time_iso8601":               func(*Request) (string, bool) { return clockISO8601(), true },
	"time_local":                 func(*Request) (string, bool) { return clockLocal(), true },
	"request_time":               func(r *Request) (string, bool) { return formatSeconds(time.Since(r.main.start)), true },
	"request_id":                 varRequestID,
	"request_length":             func(r *Request) (string, bool) { return strconv.FormatInt(r.main.requestLength(), 10), true },
	"request_completion":         func(r *Request) (string, bool) { return pick(r.main.complete(), "OK", ""), true },
	"request_filename":           func(r *Request) (string, bool) { return r.mapPath(), true },
	"document_root":              func(r *Request) (string, bool) { return r.docRoot(), true },
	"realpath_root":              varRealpathRoot,
	"request_body":               varRequestBody,
	"request_body_file":          func(r *Request) (string, bool) { p := r.main.body.file(); return p, p != "" },
	"content_length":             func(r *Request) (string, bool) { return r.reqHeader(http1.HeaderContentLength) },
	"content_type":               func(r *Request) (string, bool) { return r.reqHeader(http1.HeaderContentType) },
	"status":                     func(r *Request) (string, bool) { return formatStatus(r.statusForLog()), true },
	"bytes_sent":                 func(r *Request) (string, bool) { return strconv.FormatInt(r.main.bytesSent, 10), true },
	"body_bytes_sent":            func(r *Request) (string, bool) { return strconv.FormatInt(r.main.bodyBytes(), 10), true },
	"limit_rate":                 func(r *Request) (string, bool) { return strconv.FormatInt(r.limitRate, 10), true },
	"connection":                 func(r *Request) (string, bool) { return r.connSerial(), true },
	"connection_requests":        func(r *Request) (string, bool) { return r.connRequests(), true },
	"connection_time":            func(r *Request) (string, bool) { return r.connTime(), true },
	"limit_req_status":           func(r *Request) (string, bool) { s := r.main.modules.limitReqStatus; return s, s != "" },
	"limit_conn_status":          func(r *Request) (string, bool) { s := r.main.modules.limitConnStatus; return s, s != "" },
	"proxy_protocol_addr":        func(r *Request) (string, bool) { return r.proxyProtocol("addr") },
	"proxy_protocol_port":        func(r *Request) (string, bool) { return r.proxyProtocol("port") },
	"proxy_protocol_server_addr": func(r *Request) (string, bool) { return r.proxyProtocol("server_addr") },
	"proxy_protocol_server_port": func(r *Request) (string, bool) { return r.proxyProtocol("server_port") },
	"realip_remote_addr":         func(r *Request) (string, bool) { return r.connAddr(), true },
	"realip_remote_port":         func(r *Request) (string, bool) { return r.connPort(), true },
}

// builtinSetters are the built-in variables that directives may assign.
var builtinSetters = map[string]setter{
	"args": func(r *Request, v string) { r.args, r.validURI = v, false },
	"limit_rate": func(r *Request, v string) {
		if n, err := parseSize(v); err == nil {
			r.limitRate, r.limitSet = n, true
		}
	},
}

// prefixVars are the families of variables, the longest prefix first.
var prefixVars = []struct {
	prefix string
	make   func(name string) getter
}{
	{"arg_", argGetter},
	{"cookie_", cookieGetter},
	{"http_", httpGetter},
	{"sent_http_", sentHTTPGetter},
	{"sent_trailer_", sentTrailerGetter},
	{"upstream_http_", upstreamHTTPGetter},
	{"upstream_trailer_", upstreamTrailerGetter},
	{"upstream_cookie_", upstreamCookieGetter},
	{"proxy_protocol_tlv_", proxyProtocolTLVGetter},
}

func pick(c bool, yes, no string) string {
	if c {
		return yes
	}
	return no
}

func (r *Request) scheme() string {
	if r.isTLS() {
		return "https"
	}
	return "http"
}

// hostOrName is $host: the request's host, or the server's name.
func (r *Request) hostOrName() string {
	if h := r.main.host; h != "" {
		return h
	}
	return r.srv.name
}

// protocol is the version as the client wrote it.
func (r *Request) protocol() string { return r.head.Protocol }

// reqHeader returns the first request header with that identity.
func (r *Request) reqHeader(id http1.HeaderID) (string, bool) { return r.headers.Get(id) }

// statusForLog is $status: what was or would have been answered.
//
// See: ngx_http_variable_status.
func (r *Request) statusForLog() int {
	switch {
	case r.errStatus != 0:
		return r.errStatus
	case r.out.status != 0:
		return r.out.status
	case r.head.Version == 9:
		return 9
	}
	return 0
}

func formatStatus(n int) string {
	if n < 100 {
		return fmt.Sprintf("%03d", n)
	}
	if n < len(statusText) {
		return statusText[n]
	}
	return strconv.Itoa(n)
}

// statusText holds "0" to "599" so that $status needs no allocation.
var statusText = func() (t [600]string) {
	for i := range t {
		t[i] = fmt.Sprintf("%03d", i)
	}
	return
}()

var hostname = func() string { h, _ := os.Hostname(); return strings.ToLower(h) }()

// formatMsec is seconds with three decimals, as $msec.
func formatMsec(t time.Time) string {
	return formatSeconds(time.Duration(t.UnixMilli()) * time.Millisecond)
}

// formatSeconds is seconds with three decimals, as $request_time.
func formatSeconds(d time.Duration) string {
	ms := max(d.Milliseconds(), 0)
	var b [24]byte
	return string(appendSeconds(b[:0], ms))
}

func appendSeconds(dst []byte, ms int64) []byte {
	dst = strconv.AppendInt(dst, ms/1000, 10)
	ms %= 1000
	return append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

func varRequestPort(r *Request) (string, bool) {
	if p := r.main.head.Port; p != 0 {
		return strconv.Itoa(p), true
	}
	return "", true
}

func varRemoteUser(r *Request) (string, bool) {
	user, _, found := r.main.basicAuth()
	return user, found
}
