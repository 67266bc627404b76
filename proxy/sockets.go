package proxy

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"huidu/proxy/netconn"
	"huidu/proxy/upstream"
)

// key names a socket across reloads.
func (s *socketConf) key() string { return s.network + " " + s.address }

// addrFor finds what the connection's local address serves under rt; nil when
// the socket is gone from the configuration.
func (rt *Router) addrFor(key string, nc *netconn.Conn) *addrConf {
	for _, s := range rt.sockets {
		if s.key() != key {
			continue
		}
		if len(s.addrs) > 0 {
			local := nc.Local().Addr().Unmap()
			for _, a := range s.addrs {
				if a.addr == local {
					return a
				}
			}
		}
		return s.wildcard
	}
	return nil
}

// listenName is how nginx prints an address in bind errors.
func listenName(s *socketConf) string {
	if s.network == "unix" {
		return "unix:" + s.address
	}
	return s.address
}

// listenText is the address a connection was accepted on, for log lines.
func (c *conn) listenText() string {
	_, addr, _ := strings.Cut(c.key, " ")
	if strings.HasPrefix(c.key, "unix ") {
		return "unix:" + addr
	}
	return addr
}

// abort ends a connection from outside its goroutine.
func (c *conn) abort() {
	if m := c.mux.Load(); m != nil {
		m.abort()
		return
	}
	c.nc.Interrupt()
}

// errnoText is nginx's "(111: Connection refused)" without parentheses.
func errnoText(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		return upstream.ErrnoText(no)
	}
	return err.Error()
}

// removeStaleSocket removes a unix socket nobody listens on any more.
func removeStaleSocket(path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); errors.Is(err, syscall.ECONNREFUSED) {
		os.Remove(path)
	}
}
