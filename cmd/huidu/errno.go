package main

import (
	"errors"
	"fmt"
	"syscall"
)

// errnoText writes a system error as nginx does: "(2: No such file or
// directory)". An error that holds no errno is put in parentheses as it is.
func errnoText(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return "(" + err.Error() + ")"
	}
	return fmt.Sprintf("(%d: %s)", int(errno), strerror(errno))
}

// strerror gives the C library's text of the errors that starting a server
// commonly meets; Go's own texts differ in case only.
func strerror(errno syscall.Errno) string {
	text := errno.Error()
	if text == "" {
		return text
	}
	return string(upper(text[0])) + text[1:]
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
