// Package http1 is the HTTP/1.x wire, both sides: it turns bytes into heads
// and bodies and heads into bytes. It reads nothing, writes nothing, starts
// no goroutine and knows no configuration: callers feed it byte slices and
// append what it returns.
//
// The way of a request:
//
//	bytes ─► RequestParser.Parse ─► RequestHead ─► Framing ─► Chunked (body)
//	                                    │
//	                                    └─► URI (NormalizePath), ValidateHost
//
// and of an upstream's response:
//
//	bytes ─► ResponseParser.Parse ─► ResponseHead ─► Framing ─► Chunked
//
// Both parsers are incremental: the caller appends what has arrived to one
// contiguous buffer and calls Parse with everything since the first byte of
// the message. The parser keeps offsets, so the buffer may move between
// calls; strings are made once, when the head is complete. They are views
// into that last buffer, hence valid only while the caller holds it, and the
// buffer must not be written to while they are in use.
//
// Verdicts, statuses and log messages are nginx's (ngx_http_parse.c,
// ngx_http_request.c), because they are what users see and what smuggling
// defences of the whole installation rest on.
package http1
