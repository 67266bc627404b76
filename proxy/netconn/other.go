//go:build !linux

package netconn

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// Elsewhere than on Linux, connections are net.Conns: everything works, with
// the cost of the runtime's poller, but for the watches of OnHangup and
// OnEvent, which never fire.

type sock struct {
	fd    int
	hup   atomic.Bool
	watch watch
}

var errNoSocket = errors.New("netconn: no direct sockets on this system")

func (s *sock) await(time.Duration) error                                     { return errNoSocket }
func (s *sock) recv([]byte, time.Duration) (int, error)                       { return 0, errNoSocket }
func (s *sock) send([]byte, time.Duration) (int, error)                       { return 0, errNoSocket }
func (s *sock) sendv([][]byte, time.Duration) (int64, error)                  { return 0, errNoSocket }
func (s *sock) sendfile(*os.File, int64, int64, time.Duration) (int64, error) { return 0, errNoSocket }
func (s *sock) enter() bool                                                   { return true }
func (s *sock) leave()                                                        {}
func (s *sock) quiet() bool                                                   { return true }
func (s *sock) interrupt()                                                    {}
func (s *sock) clearInterrupt()                                               {}
func (s *sock) closeWrite() error                                             { return errNoSocket }
func (s *sock) lingerZero()                                                   {}
func (s *sock) setNoDelay(bool) error                                         { return nil }
func (s *sock) setNoPush(bool) error                                          { return nil }
func (s *sock) close() error                                                  { return errNoSocket }
func (s *sock) setKeepAlive(time.Duration, time.Duration, int) error          { return nil }

func (c *Conn) resolveLocal() {}

// Listener accepts connections.
type Listener struct {
	ln   net.Listener
	opts ListenOptions
}

// Listen opens a listening socket.
func Listen(o ListenOptions) (*Listener, error) {
	ln, err := net.Listen(o.Network, o.Address)
	if err != nil {
		return nil, &ListenError{Op: "bind", Addr: o.Address, Err: err}
	}
	return &Listener{ln: ln, opts: o}, nil
}

// ListenFD makes a Listener of an inherited socket.
func ListenFD(fd int, o ListenOptions) (*Listener, error) {
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, &ListenError{Op: "listen", Addr: o.Address, Err: err}
	}
	return &Listener{ln: ln, opts: o}, nil
}

// Addr is the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Options are those it was opened with.
func (l *Listener) Options() ListenOptions { return l.opts }

// File duplicates the descriptor.
func (l *Listener) File() (*os.File, error) {
	if f, ok := l.ln.(interface{ File() (*os.File, error) }); ok {
		return f.File()
	}
	return nil, errNoSocket
}

// Accept waits for a connection.
func (l *Listener) Accept() (*Conn, error) {
	nc, err := l.ln.Accept()
	if err != nil {
		return nil, err
	}
	return Wrap(nc), nil
}

// Temporary tells whether Accept may succeed later.
func Temporary(err error) bool {
	return !errors.Is(err, net.ErrClosed)
}

// Close stops accepting.
func (l *Listener) Close() error { return l.ln.Close() }

// Unlink removes the path of a unix socket.
func (l *Listener) Unlink() error { return nil }

// Dial connects to a numeric address or a path.
func (d *Dialer) Dial(ctx context.Context, network, address string) (*Conn, error) {
	nd := net.Dialer{Timeout: d.Timeout, LocalAddr: d.LocalAddr, KeepAlive: -1}
	nc, err := nd.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return Wrap(nc), nil
}
