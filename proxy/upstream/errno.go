package upstream

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Levels of the error log, as in ngx_log.h.
const (
	levelCrit  = 3
	levelError = 4
	levelWarn  = 5
)

// Errno finds the system's error number in err; 0 when there is none. A
// missed deadline is ETIMEDOUT, as nginx has it.
func Errno(err error) syscall.Errno {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return syscall.ETIMEDOUT
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return syscall.ETIMEDOUT
	}
	if errors.Is(err, fs.ErrNotExist) {
		return syscall.ENOENT
	}
	return 0
}

// ErrnoText is "111: Connection refused": a number and what the C library
// calls it.
func ErrnoText(no syscall.Errno) string {
	s := no.Error()
	if s != "" {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return strconv.Itoa(int(no)) + ": " + s
}

// CallError words a failed system call as nginx's log does:
// "connect() failed (111: Connection refused)".
func CallError(call string, err error) string {
	if no := Errno(err); no != 0 {
		return call + " failed (" + ErrnoText(no) + ")"
	}
	return call + " failed: " + err.Error()
}

// syscallOf names the system call that failed.
func syscallOf(err error) string {
	var se *os.SyscallError
	if errors.As(err, &se) {
		return se.Syscall
	}
	return ""
}

// localOf is the local address of a failed dial.
func localOf(err error) string {
	var oe *net.OpError
	if errors.As(err, &oe) && oe.Source != nil {
		return oe.Source.String()
	}
	return ""
}
