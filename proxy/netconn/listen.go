package netconn

import (
	"net"
	"time"
)

// ListenOptions are the parameters of nginx's listen directive that concern
// the socket.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#listen
type ListenOptions struct {
	// Network is "tcp", "tcp4", "tcp6" or "unix"; Address what goes with
	// it: a numeric address and port, or a path.
	Network, Address string
	// Backlog is backlog=; 0 means 511.
	Backlog int
	// ReusePort is reuseport; DualStack ipv6only=off.
	ReusePort bool
	DualStack bool
	// IPv6Only is nginx's default and need not be set.
	IPv6Only bool
	// RcvBuf and SndBuf are rcvbuf= and sndbuf=; DeferAccept is deferred.
	RcvBuf, SndBuf int
	DeferAccept    bool
	// KeepAlive is so_keepalive=on, with its three values where they are
	// not 0.
	KeepAlive         bool
	KeepAliveIdle     time.Duration
	KeepAliveInterval time.Duration
	KeepAliveCount    int
	// FastOpen is fastopen=; 0 means off.
	FastOpen int
}

// ListenError says which step of opening a socket failed: "socket",
// "setsockopt(SO_REUSEADDR)", "bind", "listen", …
type ListenError struct {
	Op   string
	Addr string
	Err  error
}

func (e *ListenError) Error() string { return e.Op + "() to " + e.Addr + " failed: " + e.Err.Error() }

func (e *ListenError) Unwrap() error { return e.Err }

// A Dialer opens connections.
type Dialer struct {
	// Timeout bounds connecting (proxy_connect_timeout).
	Timeout time.Duration
	// LocalAddr is bound before connecting (proxy_bind); a *net.TCPAddr.
	LocalAddr net.Addr
	// Transparent lets LocalAddr be foreign (proxy_bind … transparent).
	Transparent bool
	// KeepAlive is proxy_socket_keepalive.
	KeepAlive bool
	// RcvBuf and SndBuf are the socket's buffers; 0 leaves them alone.
	RcvBuf, SndBuf int
}
