package http1

import "fmt"

// Error is a verdict on what the peer sent. Message is nginx's log line
// (level info for clients, error for upstreams); Status is what a client is
// answered: 400, 405, 414, 494 (400 on the wire), 501, 505, and 502 for an
// upstream's fault.
type Error struct {
	Status  int
	Message string
	// Linger asks for nginx's lingering close: more of the request is on
	// its way and an answer would be lost to a reset.
	Linger bool
}

func (e *Error) Error() string { return e.Message }

// StatusHeaderTooLarge is nginx's private status for a too large header; it
// is 400 on the wire with a page of its own.
const StatusHeaderTooLarge = 494

var (
	errInvalidMethod   = &Error{Status: 400, Message: "client sent invalid method"}
	errInvalidRequest  = &Error{Status: 400, Message: "client sent invalid request"}
	errInvalidVersion  = &Error{Status: 505, Message: "client sent invalid version"}
	errInvalidMethod09 = &Error{Status: 400, Message: "client sent invalid method in HTTP/0.9 request"}
	errURITooLong      = &Error{Status: 414, Message: "client sent too long URI"}
	errTooLarge        = &Error{Status: StatusHeaderTooLarge, Message: "client sent too large request", Linger: true}
	errTooManyHeaders  = &Error{Status: StatusHeaderTooLarge, Message: "client sent too many header lines", Linger: true}
	errHostInvalid     = &Error{Status: 400, Message: "client sent invalid host header"}
	errHostInLine      = &Error{Status: 400, Message: "client sent invalid host in request line"}
	errNoHost          = &Error{Status: 400, Message: "client sent HTTP/1.1 request without \"Host\" header"}
	errContentLength   = &Error{Status: 400, Message: "client sent invalid \"Content-Length\" header"}
	errTE10            = &Error{Status: 400, Message: "client sent HTTP/1.0 request with \"Transfer-Encoding\" header"}
	errBothFramings    = &Error{Status: 400, Message: "client sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time"}
	errConnect         = &Error{Status: 405, Message: "client sent CONNECT method"}
	errTrace           = &Error{Status: 405, Message: "client sent TRACE method"}
	errChunked         = &Error{Status: 400, Message: "client sent invalid chunked body"}
)

func clientErrorf(status int, format string, args ...any) *Error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...)}
}

func upstreamErrorf(format string, args ...any) *Error {
	return &Error{Status: 502, Message: fmt.Sprintf(format, args...)}
}
