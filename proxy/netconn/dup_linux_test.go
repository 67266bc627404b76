package netconn

import "golang.org/x/sys/unix"

func dup(fd int) (int, error) { return unix.Dup(fd) }
