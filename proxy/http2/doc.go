// Package http2 is the wire side of HTTP/2: frame headers, error codes and
// the encoding of header blocks. It knows bytes, not connections.
//
// Frames are parsed and made here, not by x/net/http2's Framer: that one
// reads whole frames into memory before it hands them out, while nginx offers
// clients frames of up to 16 MiB and takes them as they arrive, and it answers
// some faults with other codes than nginx does. Header blocks are decoded by
// x/net/http2/hpack. They are encoded without a dynamic table, as nginx does:
// blocks depend on nothing sent before, so that streams make them side by
// side.
package http2
