// Package trace records how a gateway decided about one request, and shows
// it: the server and location chosen with the candidates that were tried, the
// rewrites, what scripts asked of Redis and which way they went, the upstream
// and the request for it.
//
//	proxy (hooks in the phases) ─► Recorder ─► Trace ─► Text, JSON, a response header
//
// It knows nothing of how requests are served: proxy reports events in the
// order in which they happen. "huidu explain" prints a Trace; a live gateway
// sends one in a response header when the request carries a signature made
// with its key (sign.go).
package trace
