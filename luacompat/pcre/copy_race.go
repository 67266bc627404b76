//go:build race

package pcre

// copySubject: race builds check pointers (checkptr) and take the addresses
// that the translated C code computes for bad arithmetic.
const copySubject = true
