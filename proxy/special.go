package proxy

import (
	"strings"

	"huidu/proxy/http1"
)

// finish ends a request with what the phases answered: nothing to do, a
// status to answer, or a connection to drop. restart means that an error page
// set up an internal redirect.
//
// See: ngx_http_finalize_request.
func (r *Request) finish(c rc) rc {
	switch w := r.w.(type) {
	case *captureWriter:
		if w.refuse(r, c) {
			return done
		}
	case *ssiStubWriter:
		c = w.finished(r, c)
	}
	for {
		switch {
		case c == restart:
			return restart
		case c == done:
			return done
		case c == failed, c == 408, c == statusClientClosed, c == statusClose, c == 400 && r.main.body.gone:
			if c != failed && r.out.status == 0 {
				r.out.status = int(c)
			}
			if c == failed && !r.headerSent {
				r.out.status = 0
			}
			r.drop()
			return done
		case c >= 300 || c == 201 || c == 204:
			c = r.specialResponse(c)
			continue
		}
		// ok or 2xx: the handler is through.
		if !r.headerSent && r.w != nil && r == r.main && r.conn != nil {
			// A content handler that sent nothing: the connection is closed.
			r.drop()
			return done
		}
		if !r.ended && !r.headerOnly {
			r.keepalive = false
		}
		return done
	}
}

// specialResponse answers status with the configured error page or nginx's
// own. The result may be restart.
//
// See: ngx_http_special_response_handler.
func (r *Request) specialResponse(status rc) rc {
	r.errStatus = int(status)
	switch status {
	case 400, 413, 414, 497, 495, 496, 500, 501:
		r.keepalive = false
	}
	switch status {
	case 400, 497, 495, 496:
		r.lingering = false
	}
	r.out.contentType, r.out.ctLen = "", 0
	if !r.errorPage && len(r.loc.errorPages) > 0 && r.uriChanges != 0 {
		if !r.loc.recursiveErrorPages {
			r.errorPage = true
		}
		for i := range r.loc.errorPages {
			if p := &r.loc.errorPages[i]; p.has(int(status)) {
				return r.sendErrorPage(p)
			}
		}
	}
	r.body.expect = true
	r.discardLater()
	switch status {
	case 494, statusCertError, statusNoCert, statusToHTTPS:
		r.errStatus = 400 // nginx's own codes are not shown
	}
	return r.sendSpecial(int(status))
}

// errorPageRule is a compiled error_page line.
type errorPageRule struct {
	codes    []int
	response int // -1: keep the status; 0: the page's own status
	uri      value
}

func (p *errorPageRule) has(status int) bool {
	for _, c := range p.codes {
		if c == status {
			return true
		}
	}
	return false
}

// sendErrorPage goes where an error_page line points.
//
// See: ngx_http_send_error_page.
func (r *Request) sendErrorPage(p *errorPageRule) rc {
	if p.response >= 0 {
		r.errStatus = p.response
	}
	uri := p.uri.eval(r)
	switch {
	case strings.HasPrefix(uri, "/"):
		path, args, _ := strings.Cut(uri, "?")
		if r.methodID != methodHead {
			r.method, r.methodID = "GET", http1.MethodGet
		}
		return r.internalRedirect(path, args)
	case strings.HasPrefix(uri, "@"):
		return r.namedLocation(uri)
	}
	r.discardLater()
	switch p.response {
	case 301, 302, 303, 307, 308:
	default:
		r.errStatus = 302
	}
	r.out.del("Location")
	r.out.location = uri
	return r.sendSpecial(r.errStatus)
}

// sendSpecial sends nginx's own page for a status.
//
// See: ngx_http_send_special_response.
func (r *Request) sendSpecial(status int) rc {
	page := r.loc.specialPage(status)
	r.out.clearEntity()
	r.out.contentLength = int64(len(page))
	if len(page) > 0 {
		if r.loc.msiePadding && r.http10() && status >= 400 && strings.Contains(r.headers.Value(http1.HeaderUserAgent), "MSIE ") {
			page = append(page[:len(page):len(page)], msiePadding...)
			r.out.contentLength = int64(len(page))
		}
		r.out.contentType, r.out.ctLen = "text/html", 0
	}
	if c := r.sendHeader(); c != ok || r.headerOnly {
		return c
	}
	return r.output(page, last)
}

// http10 reports whether the client speaks HTTP/1.0 or later.
func (r *Request) http10() bool { return r.head.Version >= 1000 }

// drop gives the connection up without (more of) a response.
func (r *Request) drop() {
	r.keepalive = false
	r.outFailed = true
}

// specialPages holds the pages of one server_tokens setting, made at load.
type specialPages map[int][]byte

func makeSpecialPages(tail string) specialPages {
	pages := specialPages{}
	for status, title := range specialTitles {
		h1 := title
		if status == 494 {
			pages[status] = []byte("<html>\r\n<head><title>400 Request Header Or Cookie Too Large</title></head>\r\n<body>\r\n" +
				"<center><h1>400 Bad Request</h1></center>\r\n<center>Request Header Or Cookie Too Large</center>\r\n" + tail)
			continue
		}
		if msg := specialMessages[status]; msg != [2]string{} {
			pages[status] = []byte("<html>\r\n<head><title>400 " + msg[0] + "</title></head>\r\n<body>\r\n" +
				"<center><h1>400 Bad Request</h1></center>\r\n<center>" + msg[1] + "</center>\r\n" + tail)
			continue
		}
		pages[status] = []byte("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n" +
			"<center><h1>" + h1 + "</h1></center>\r\n" + tail)
	}
	return pages
}

func specialTail(product string) string {
	return "<hr><center>" + product + "</center>\r\n</body>\r\n</html>\r\n"
}

// specialTitles are the statuses that have a page, with nginx's words.
var specialTitles = map[int]string{
	301: "301 Moved Permanently", 302: "302 Found", 303: "303 See Other",
	307: "307 Temporary Redirect", 308: "308 Permanent Redirect",
	400: "400 Bad Request", 401: "401 Authorization Required", 402: "402 Payment Required",
	403: "403 Forbidden", 404: "404 Not Found", 405: "405 Not Allowed", 406: "406 Not Acceptable",
	408: "408 Request Time-out", 409: "409 Conflict", 410: "410 Gone", 411: "411 Length Required",
	412: "412 Precondition Failed", 413: "413 Request Entity Too Large", 414: "414 Request-URI Too Large",
	415: "415 Unsupported Media Type", 416: "416 Requested Range Not Satisfiable",
	421: "421 Misdirected Request", 429: "429 Too Many Requests",
	494: "", 495: "", 496: "", 497: "",
	500: "500 Internal Server Error", 501: "501 Not Implemented", 502: "502 Bad Gateway",
	503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out",
	505: "505 HTTP Version Not Supported", 507: "507 Insufficient Storage",
}

var specialMessages = map[int][2]string{
	495: {"The SSL certificate error", "The SSL certificate error"},
	496: {"No required SSL certificate was sent", "No required SSL certificate was sent"},
	497: {"The plain HTTP request was sent to HTTPS port", "The plain HTTP request was sent to HTTPS port"},
}

// msiePadding is what nginx adds for old browsers' minimum page size: six
// comment lines.
var msiePadding = []byte(strings.Repeat("<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n", 6))
