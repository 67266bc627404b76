package netconn

import (
	"context"
	"net"
	"time"
)

// ListenOptions are the parameters of nginx's listen directive that concern
// the socket.
type ListenOptions struct {
	// Network is "tcp", "tcp4", "tcp6" or "unix"; Address what goes with it.
	Network, Address string
	// Backlog is backlog=; 0 means 511.
	Backlog int
	// ReusePort is reuseport; IPv6Only ipv6only= (default on).
	ReusePort bool
	IPv6Only  bool
	// RcvBuf and SndBuf are rcvbuf= and sndbuf=; DeferAccept is deferred.
	RcvBuf, SndBuf int
	DeferAccept    bool
	// KeepAlive is so_keepalive=; FastOpen is fastopen=.
	KeepAlive bool
	FastOpen  int
}

// Listener accepts connections.
type Listener struct {
	ln   net.Listener
	opts ListenOptions
}

// Listen opens a socket.
func Listen(o ListenOptions) (*Listener, error) {
	ln, err := net.Listen(o.Network, o.Address)
	if err != nil {
		return nil, err
	}
	return &Listener{ln: ln, opts: o}, nil
}

// Addr is the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Accept waits for a connection. Several goroutines may call it.
func (l *Listener) Accept() (*Conn, error) {
	nc, err := l.ln.Accept()
	if err != nil {
		return nil, err
	}
	return Wrap(nc), nil
}

// Close stops accepting; Accept returns net.ErrClosed.
func (l *Listener) Close() error { return l.ln.Close() }

// A Dialer opens connections.
type Dialer struct {
	// Timeout bounds connecting (proxy_connect_timeout).
	Timeout time.Duration
	// LocalAddr is bound before connecting (proxy_bind).
	LocalAddr net.Addr
	// KeepAlive is proxy_socket_keepalive.
	KeepAlive bool
}

// Dial connects to an address; network is "tcp" or "unix". The address is
// numeric: names are the resolver's business.
func (d *Dialer) Dial(ctx context.Context, network, address string) (*Conn, error) {
	nd := net.Dialer{Timeout: d.Timeout, LocalAddr: d.LocalAddr, KeepAlive: -1}
	nc, err := nd.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return Wrap(nc), nil
}
