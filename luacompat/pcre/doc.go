// Package pcre runs Perl-compatible regular expressions: PCRE2 10.40
// translated to Go (go.elara.ws/pcre/lib), without cgo. It serves ngx.re.*,
// `location ~`, `map`, `rewrite`, `if` and `server_name`, so that a pattern
// means what it means in nginx: back references, look-around, possessive
// quantifiers and bytes instead of runes.
//
// A [Regex] is compiled once and matched from any number of goroutines.
// Compiled code is read-only; what a match writes to (a C stack, match data)
// comes from a pool. A match allocates nothing.
//
// Two shortcuts stand in front of PCRE2, both only where the answer is
// provably the same (see literal.go): patterns that are plain text between
// optional anchors never reach it, and a subject that lacks the literal
// prefix of an anchored pattern is refused at once.
//
// Compiled code lives outside Go's heap and is released when the Regex is
// collected.
package pcre
