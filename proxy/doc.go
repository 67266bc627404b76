// Package proxy serves: it compiles a typed configuration into an immutable
// Router and runs requests through nginx's phases on it.
//
//	Listener ─► conn (one goroutine) ─► Request ─► phases ─► handler
//	                                                  │         │ sendHeader, output
//	                                                  ▼         ▼
//	                                                 log ◄─ header filters ─► body stages ─► responseWriter
//
// Three levels are kept apart: the specification (nginxconf.Config), what is
// compiled of it (Router, virtualServer, location, value: immutable, shared),
// and the Request (pooled). phases.go is the phase engine, modules.go the list
// of modules with their places in it, special.go how requests end in an error
// page, h1writer.go how a response reaches the wire. h2_conn.go and its
// neighbours do for HTTP/2 what conn.go, body.go and h1writer.go do for
// HTTP/1: every stream is a Request with a conn of its own.
//
// A module is a compile function in modules.go's list: it looks at its part
// of a location's configuration and adds handlers (addAccess, addContent, …)
// or header filters (addHeaderFilter) to the location, or nothing. A header
// filter that wants the body appends a bodyStage to Request.stages.
package proxy
