package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// writePIDFile writes the process id as nginx does: a line of its own, with
// mode 0644.
func writePIDFile(name string, pid int) error {
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("open() %q failed %s", name, errnoText(err))
	}
	_, err = fmt.Fprintf(f, "%d\n", pid)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write() to %q failed %s", name, errnoText(err))
	}
	return nil
}

// touchPIDFile checks that the file can be written; it creates it, as nginx
// -t does, and keeps what is in it.
func touchPIDFile(name string) error {
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("open() %q failed %s", name, errnoText(err))
	}
	return f.Close()
}

// readPIDFile returns the process id in the file, with nginx's errors.
func readPIDFile(name string) (int, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, fmt.Errorf("open() %q failed %s", name, errnoText(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0, fmt.Errorf("read() %q failed %s", name, errnoText(err))
	}
	text := strings.TrimRight(string(b), "\r\n")
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("invalid PID number %q in %q", text, name)
	}
	return pid, nil
}
