// Package stream serves stream{}: it passes TCP connections on to a server,
// with TLS on either side, or answers them with a text.
//
// A Proxy holds the listeners. Apply makes a configuration the current one:
// what it listens on newly is opened first, so that a failure leaves the old
// configuration in place; what it does not mention any more is closed.
// Connections keep the configuration they began with. A session is two copies
// between its connections, which end together when nothing has passed for
// proxy_timeout.
//
// Only the plainest part of nginx's stream modules is here: no UDP, no
// variables, no logs of sessions, upstreams by turns only. The directives of
// the rest are refused when the configuration is loaded.
package stream
