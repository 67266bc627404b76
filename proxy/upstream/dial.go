package upstream

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"huidu/proxy/netconn"
)

// DialOptions says how to connect to a peer.
type DialOptions struct {
	Timeout   time.Duration // proxy_connect_timeout
	Bind      net.Addr      // proxy_bind; nil: none
	KeepAlive bool          // proxy_socket_keepalive
}

// Dial connects to the peer. The error is a *ConnectError.
func (p *Peer) Dial(ctx context.Context, o DialOptions) (*netconn.Conn, error) {
	d := netconn.Dialer{Timeout: o.Timeout, LocalAddr: o.Bind, KeepAlive: o.KeepAlive}
	c, err := d.Dial(ctx, p.Network, p.Addr)
	if err != nil {
		return nil, &ConnectError{Peer: p, Err: err}
	}
	return c, nil
}

// ConnectError is a failed connect to a peer, in nginx's words.
type ConnectError struct {
	Peer *Peer
	Err  error
}

// Unwrap is the system's error.
func (e *ConnectError) Unwrap() error { return e.Err }

// Timeout reports whether the time for connecting ran out, as opposed to an
// answer from the network.
func (e *ConnectError) Timeout() bool {
	var no syscall.Errno
	return Errno(e.Err) == syscall.ETIMEDOUT && !errors.As(e.Err, &no)
}

// Level is the level that nginx logs the error at.
func (e *ConnectError) Level() int {
	switch Errno(e.Err) {
	case syscall.ECONNREFUSED, syscall.EAGAIN, syscall.ECONNRESET, syscall.ENETDOWN, syscall.ENETUNREACH,
		syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ETIMEDOUT:
		return levelError
	}
	return levelCrit
}

// Error is nginx's log line without ", while connecting to upstream". What
// connect() itself refuses is worded with the address, what is learned later
// without.
func (e *ConnectError) Error() string {
	if e.Timeout() {
		return "upstream timed out (" + ErrnoText(syscall.ETIMEDOUT) + ")"
	}
	if call := syscallOf(e.Err); call == "bind" {
		return CallError("bind("+localOf(e.Err)+")", e.Err)
	}
	if e.Peer.Network == "tcp" {
		switch Errno(e.Err) {
		case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EHOSTUNREACH:
			return CallError("connect()", e.Err)
		}
	}
	return CallError("connect() to "+e.Peer.Name, e.Err)
}
