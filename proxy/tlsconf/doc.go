// Package tlsconf turns OpenSSL's vocabulary, as nginx's ssl_* and
// proxy_ssl_* directives use it, into crypto/tls: certificates and encrypted
// keys, protocol and cipher names, curves, distinguished names and the words
// of verification failures. It knows nothing of requests.
package tlsconf
