//go:build !linux

package netconn

import "errors"

func dup(int) (int, error) { return -1, errors.ErrUnsupported }
