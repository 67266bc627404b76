package http1

// RequestHead is a parsed request line and header. All strings are views
// into the buffer that was parsed, except HostName when it had to be
// lower-cased.
type RequestHead struct {
	// Line is the request line without its line end.
	Line string
	// Method as sent; MethodID is MethodUnknown for one nginx has no
	// name for.
	Method   string
	MethodID MethodID
	// Schema and Authority are those of an absolute-form target, or of
	// CONNECT; empty otherwise. Authority includes the port.
	Schema    string
	Authority string
	// UnparsedURI is path and arguments as sent ($request_uri): without
	// schema and host, with "/" for an absolute form that has no path.
	UnparsedURI string
	// RawPath is UnparsedURI up to the first "?"; Args what follows it,
	// "#" included. URI gives both in their final form.
	RawPath string
	Args    string
	// Protocol as sent ("HTTP/1.1"), empty for HTTP/0.9.
	Protocol string
	// Version is major*1000+minor: 9, 1000, 1001.
	Version int

	// ComplexURI: the path needs resolving ("//", "/.", "#").
	ComplexURI bool
	// QuotedURI: the path holds "%".
	QuotedURI bool
	// PlusInURI: the path holds "+".
	PlusInURI bool
	// EmptyPath: an absolute form with arguments but without a path.
	EmptyPath bool
	// HasArgs: there is a "?", perhaps with nothing behind it.
	HasArgs bool

	// HostName is the name that selects the server: of the request line
	// if it has one, else of the Host field; lower case, without port and
	// trailing dot. Port is 0 if none was given.
	HostName string
	Port     int

	Headers Headers
	// Dropped are the lines that ignore_invalid_headers left out, each
	// to be logged as `client sent invalid header line: "…"`.
	Dropped []string
	// RawHeader is the header block as sent, from after the request line
	// through the empty line; RawHead includes the request line.
	RawHeader string
	RawHead   string

	connClose, connKeepAlive bool
	extStart                 int // in RawPath, -1: none
}

// KeepAlive tells whether the client agreed to keep the connection: by
// default from HTTP/1.1 on, else as the last Connection field that says so.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#keepalive_timeout
func (h *RequestHead) KeepAlive() bool {
	if h.connClose {
		return false
	}
	return h.connKeepAlive || h.Version > 1000
}

// ConnectionClose and ConnectionKeepAlive tell what the Connection fields
// said in so many words.
func (h *RequestHead) ConnectionClose() bool { return h.connClose }

// ConnectionKeepAlive reports an explicit "keep-alive".
func (h *RequestHead) ConnectionKeepAlive() bool { return h.connKeepAlive }

// URI resolves path, arguments and extension. A plain path is returned as it
// is, without copying; otherwise it is built in dst, whose extended slice is
// returned.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#merge_slashes
func (h *RequestHead) URI(dst []byte, mergeSlashes bool) (URI, []byte, error) {
	if !h.ComplexURI && !h.QuotedURI && !h.EmptyPath {
		u := URI{Path: h.RawPath, Args: h.Args, Plus: h.PlusInURI}
		if h.extStart >= 0 {
			u.Exten = h.RawPath[h.extStart:]
		}
		return u, dst, nil
	}
	return resolve(dst, h.UnparsedURI, mergeSlashes, h.EmptyPath)
}

// ResponseHead is a parsed status line and header of an upstream's response.
type ResponseHead struct {
	// Version is major*1000+minor.
	Version int
	Status  int
	// StatusLine is code and reason as sent ("200 OK"), for passing on.
	StatusLine string
	// HTTP09 tells that there was no status line: everything is body.
	// nginx logs NoValidHeader and passes it on.
	HTTP09  bool
	Headers Headers
	// Warnings are log lines (level warn) about ignored duplicates.
	Warnings  []string
	RawHeader string

	connClose bool
}

// NoValidHeader is what nginx logs (level error) for a response without a
// status line.
const NoValidHeader = "upstream sent no valid HTTP/1.0 header"

// ConnectionClose tells whether the connection ends with this response: the
// upstream said so, or speaks less than HTTP/1.1.
func (h *ResponseHead) ConnectionClose() bool { return h.connClose }
