package netconn

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listener accepts connections.
type Listener struct {
	opts  ListenOptions
	file  *os.File
	raw   syscall.RawConn
	addr  netip.AddrPort // invalid for a unix socket
	path  string
	exact bool // addr is the local address of every connection

	closed atomic.Bool
}

// Listen opens a listening socket. Its error is a *ListenError.
func Listen(o ListenOptions) (*Listener, error) {
	fail := func(op string, err error) (*Listener, error) {
		return nil, &ListenError{Op: op, Addr: o.Address, Err: err}
	}
	family, sa, err := resolveSockaddr(o.Network, o.Address)
	if err != nil {
		return fail("getaddrinfo", err)
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fail("socket", err)
	}
	close := func(op string, err error) (*Listener, error) {
		unix.Close(fd)
		return fail(op, err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return close("setsockopt(SO_REUSEADDR)", err)
	}
	if o.ReusePort {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return close("setsockopt(SO_REUSEPORT)", err)
		}
	}
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, bit(!o.DualStack)); err != nil {
			return close("setsockopt(IPV6_V6ONLY)", err)
		}
	}
	if err := unix.Bind(fd, sa); err != nil {
		return close("bind", err)
	}
	if family == unix.AF_UNIX && !strings.HasPrefix(o.Address, "@") {
		if err := os.Chmod(o.Address, 0o666); err != nil {
			return close("chmod", err)
		}
	}
	l, err := ListenFD(fd, o)
	if err != nil {
		unix.Close(fd)
	}
	return l, err
}

// ListenFD makes a Listener of a bound socket, such as one that was
// inherited; it may be listening already. The descriptor is the Listener's
// from then on.
func ListenFD(fd int, o ListenOptions) (*Listener, error) {
	fail := func(op string, err error) (*Listener, error) {
		return nil, &ListenError{Op: op, Addr: o.Address, Err: err}
	}
	tcp := o.Network != "unix"
	for _, opt := range [...]struct {
		set         bool
		level, name int
		value       int
		text        string
	}{
		{o.RcvBuf > 0, unix.SOL_SOCKET, unix.SO_RCVBUF, o.RcvBuf, "SO_RCVBUF"},
		{o.SndBuf > 0, unix.SOL_SOCKET, unix.SO_SNDBUF, o.SndBuf, "SO_SNDBUF"},
		{o.KeepAlive, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1, "SO_KEEPALIVE"},
		{tcp && o.KeepAliveIdle > 0, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(o.KeepAliveIdle / time.Second), "TCP_KEEPIDLE"},
		{tcp && o.KeepAliveInterval > 0, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(o.KeepAliveInterval / time.Second), "TCP_KEEPINTVL"},
		{tcp && o.KeepAliveCount > 0, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, o.KeepAliveCount, "TCP_KEEPCNT"},
		// Accepted sockets inherit it: no call per connection.
		{tcp, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1, "TCP_NODELAY"},
		{tcp && o.FastOpen > 0, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, o.FastOpen, "TCP_FASTOPEN"},
		{tcp && o.DeferAccept, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 60, "TCP_DEFER_ACCEPT"},
	} {
		if !opt.set {
			continue
		}
		if err := unix.SetsockoptInt(fd, opt.level, opt.name, opt.value); err != nil {
			return fail("setsockopt("+opt.text+")", err)
		}
	}
	backlog := o.Backlog
	if backlog <= 0 {
		backlog = 511
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return fail("listen", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return fail("ioctl(FIONBIO)", err)
	}
	unix.CloseOnExec(fd)
	l := &Listener{opts: o}
	if sa, err := unix.Getsockname(fd); err == nil {
		l.addr, l.path = fromSockaddr(sa)
		l.exact = l.addr.IsValid() && !l.addr.Addr().IsUnspecified()
	}
	l.file = os.NewFile(uintptr(fd), "listener")
	raw, err := l.file.SyscallConn()
	if err != nil {
		return fail("epoll_ctl", err)
	}
	l.raw = raw
	return l, nil
}

// Addr is the address that is listened on.
func (l *Listener) Addr() net.Addr {
	if l.addr.IsValid() {
		return net.TCPAddrFromAddrPort(l.addr)
	}
	return &net.UnixAddr{Net: "unix", Name: l.path}
}

// Options are those it was opened with.
func (l *Listener) Options() ListenOptions { return l.opts }

// File duplicates the descriptor, to be handed to a successor process.
func (l *Listener) File() (*os.File, error) {
	fd, err := -1, error(nil)
	if cerr := l.raw.Control(func(s uintptr) { fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) }); cerr != nil {
		return nil, cerr
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "listener"), nil
}

// Accept waits for a connection. Several goroutines may call it. After Close
// the error is net.ErrClosed. Errors such as EMFILE are the caller's to wait
// over; see Temporary.
func (l *Listener) Accept() (*Conn, error) {
	fd := -1
	var sa unix.Sockaddr
	var err error
	rerr := l.raw.Read(func(s uintptr) bool {
		for {
			fd, sa, err = unix.Accept4(int(s), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if err != unix.EINTR && err != unix.ECONNABORTED {
				return err != unix.EAGAIN
			}
		}
	})
	switch {
	case rerr != nil && l.closed.Load():
		return nil, net.ErrClosed
	case rerr != nil:
		return nil, rerr
	case err != nil:
		return nil, os.NewSyscallError("accept4", err)
	}
	c := &Conn{Number: serial.Add(1), Created: time.Now(), firstSize: 1024}
	c.remote, c.remoteText = remoteOf(sa)
	switch {
	case l.exact:
		c.local, c.localText = l.addr, l.addr.Addr().String()
	case l.path != "" || !l.addr.IsValid():
		c.s.unix = true
		c.localText = "unix:" + l.path
	}
	if err := c.s.register(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return c, nil
}

// Temporary tells whether Accept may succeed later: the process or the
// system is out of descriptors or memory.
func Temporary(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) ||
		errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// Close stops accepting.
func (l *Listener) Close() error {
	l.closed.Store(true)
	return l.file.Close()
}

// Unlink removes the path of a unix socket.
func (l *Listener) Unlink() error {
	if l.path == "" || strings.HasPrefix(l.path, "@") {
		return nil
	}
	return os.Remove(l.path)
}

// resolveLocal asks the system for the connection's own address.
func (c *Conn) resolveLocal() {
	if c.nc != nil || c.localText != "" || !c.s.enter() {
		return
	}
	defer c.s.leave()
	if sa, err := unix.Getsockname(c.s.fd); err == nil {
		var path string
		if c.local, path = fromSockaddr(sa); c.local.IsValid() {
			c.localText = c.local.Addr().String()
		} else {
			c.localText = "unix:" + path
		}
	}
}

// resolveSockaddr turns a numeric address into what the system wants.
func resolveSockaddr(network, address string) (int, unix.Sockaddr, error) {
	if network == "unix" {
		return unix.AF_UNIX, &unix.SockaddrUnix{Name: address}, nil
	}
	if strings.HasPrefix(address, ":") || strings.HasPrefix(address, "*:") {
		host := "0.0.0.0"
		if network == "tcp6" {
			host = "[::]"
		}
		address = host + address[strings.IndexByte(address, ':'):]
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, nil, err
	}
	family, sa := toSockaddr(ap)
	return family, sa, nil
}

func toSockaddr(ap netip.AddrPort) (int, unix.Sockaddr) {
	a := ap.Addr()
	if a.Is4() || a.Is4In6() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(ap.Port()), Addr: a.As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(ap.Port()), Addr: a.As16()}
	if z := a.Zone(); z != "" {
		if ifi, err := net.InterfaceByName(z); err == nil {
			sa.ZoneId = uint32(ifi.Index)
		}
	}
	return unix.AF_INET6, sa
}

func fromSockaddr(sa unix.Sockaddr) (netip.AddrPort, string) {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), ""
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port)), ""
	case *unix.SockaddrUnix:
		return netip.AddrPort{}, sa.Name
	}
	return netip.AddrPort{}, ""
}

// remoteOf is the peer's address and its text, "unix:" for a unix socket.
func remoteOf(sa unix.Sockaddr) (netip.AddrPort, string) {
	ap, path := fromSockaddr(sa)
	if ap.IsValid() {
		return ap, ap.Addr().String()
	}
	if path == "@" { // no name
		path = ""
	}
	return ap, "unix:" + path
}
