//go:build !race

package pcre

// copySubject: PCRE2 reads subjects where they are.
const copySubject = false
