package netconn

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Dial connects to an address; network is "tcp" or "unix". The address is
// numeric, or a path: names are the resolver's business. When ctx ends, so
// does dialling, with ctx's error; ErrTimeout tells that Timeout is over.
func (d *Dialer) Dial(ctx context.Context, network, address string) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	family, sa, err := resolveSockaddr(network, address)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c := &Conn{Number: serial.Add(1), Created: time.Now(), firstSize: 4096}
	c.s.fd = fd
	c.s.unix = family == unix.AF_UNIX
	if err := d.prepare(&c.s, family); err != nil {
		unix.Close(fd)
		return nil, err
	}
	c.remote, c.remoteText = remoteOf(sa)
	err = unix.Connect(fd, sa)
	for err == unix.EINTR {
		err = unix.Connect(fd, sa)
	}
	if err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	pending := err != nil
	if err := c.s.register(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if !pending {
		return c, nil
	}
	if err := c.connected(ctx, d.Timeout); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// prepare sets the options that must precede connect.
func (d *Dialer) prepare(s *sock, family int) error {
	if d.RcvBuf > 0 {
		if err := s.setInt(unix.SOL_SOCKET, unix.SO_RCVBUF, d.RcvBuf); err != nil {
			return err
		}
	}
	if d.SndBuf > 0 {
		if err := s.setInt(unix.SOL_SOCKET, unix.SO_SNDBUF, d.SndBuf); err != nil {
			return err
		}
	}
	if s.unix {
		return nil
	}
	if err := s.setNoDelay(true); err != nil {
		return err
	}
	if d.KeepAlive {
		if err := s.setKeepAlive(0, 0, 0); err != nil {
			return err
		}
	}
	local, ok := d.LocalAddr.(*net.TCPAddr)
	if !ok || local == nil {
		return nil
	}
	if d.Transparent {
		level, opt := unix.SOL_IP, unix.IP_TRANSPARENT
		if family == unix.AF_INET6 {
			level, opt = unix.SOL_IPV6, unix.IPV6_TRANSPARENT
		}
		if err := s.setInt(level, opt, 1); err != nil {
			return err
		}
	}
	if local.Port == 0 {
		// The port is chosen by connect: more of them are usable.
		unix.SetsockoptInt(s.fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}
	_, sa := toSockaddr(local.AddrPort())
	if err := unix.Bind(s.fd, sa); err != nil {
		return &net.OpError{Op: "dial", Net: "tcp", Source: local, Err: os.NewSyscallError("bind", err)}
	}
	return nil
}

// connected waits for the outcome of a connect in progress.
func (c *Conn) connected(ctx context.Context, timeout time.Duration) error {
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, c.Interrupt)
		defer stop()
	}
	switch err := c.s.wait(&c.s.w, timeout); {
	case errors.Is(err, ErrInterrupted) && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	}
	errno, err := unix.GetsockoptInt(c.s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if errno != 0 {
		return os.NewSyscallError("connect", unix.Errno(errno))
	}
	return nil
}
