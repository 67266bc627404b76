package netconn

import (
	"net"
	"time"
)

// Interrupt ends waiting reads and writes, now and in the future, with
// ErrInterrupted. It may be called from any goroutine while the connection
// is open or after.
func (c *Conn) Interrupt() {
	c.interrupted.Store(true)
	if c.nc == nil {
		c.s.interrupt()
		return
	}
	if c.inner != nil {
		c.inner.Interrupt()
		return
	}
	c.nc.SetDeadline(time.Unix(1, 0))
}

// ClearInterrupt makes reads and writes possible again.
func (c *Conn) ClearInterrupt() {
	c.interrupted.Store(false)
	if c.nc == nil {
		c.s.clearInterrupt()
		return
	}
	if c.inner != nil {
		c.inner.ClearInterrupt()
		return
	}
	c.nc.SetDeadline(time.Time{})
}

// OnHangup calls f, once and from another goroutine, when the peer hangs up
// while nobody reads; nil ends the watch. If the peer has hung up already, f
// is called at once. f must not block. The watch costs two atomic
// operations; it needs no system call.
//
// A wrapped connection is watched only if it is TLS on a Conn.
func (c *Conn) OnHangup(f func()) {
	s := c.socket()
	if s == nil {
		if c.stream != nil {
			c.stream.OnHangup(f)
		}
		return
	}
	if f == nil {
		s.watch.disarm()
		return
	}
	s.watch.arm(f, false)
	if s.hup.Load() {
		s.watch.event(true, nil, s)
	}
}

// HungUp tells whether the peer is known to have ended its direction, or the
// connection to be broken. Bytes from before may be left to read.
func (c *Conn) HungUp() bool {
	if c.stream != nil {
		return c.stream.HungUp()
	}
	s := c.socket()
	return s != nil && s.hup.Load()
}

// OnEvent watches an idle connection: f is called, once and from another
// goroutine, when anything happens on it (bytes, end, error), and at once if
// something has happened already. f must not block.
func (c *Conn) OnEvent(f func()) {
	s := c.socket()
	if s == nil {
		return
	}
	s.watch.arm(f, true)
	if len(c.Buffered()) > 0 || !s.quiet() {
		s.watch.event(true, nil, s)
	}
}

// ClearEvent ends the watch of OnEvent. It returns false if f has been or is
// being called: the connection is not usable.
func (c *Conn) ClearEvent() bool {
	s := c.socket()
	return s == nil || s.watch.disarm()
}

// socket is the socket below, nil if it is not driven directly.
func (c *Conn) socket() *sock {
	switch {
	case c.nc == nil:
		return &c.s
	case c.inner != nil:
		return c.inner.socket()
	}
	return nil
}

// CloseWrite ends the sending direction.
func (c *Conn) CloseWrite() error {
	if c.nc == nil {
		return c.s.closeWrite()
	}
	if cw, ok := c.nc.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return nil
}

// Close closes the connection and gives its buffer back.
func (c *Conn) Close() error {
	c.in.Release()
	c.in = nil
	if c.nc == nil {
		return c.s.close()
	}
	return c.nc.Close()
}

// CloseReset closes with a reset instead of an orderly end.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#reset_timedout_connection
func (c *Conn) CloseReset() error {
	switch {
	case c.nc == nil:
		c.s.lingerZero()
	case c.inner != nil:
		c.in.Release()
		c.in = nil
		return c.inner.CloseReset()
	default:
		if l, ok := c.nc.(interface{ SetLinger(int) error }); ok {
			l.SetLinger(0)
		}
	}
	return c.Close()
}

// CloseLinger is nginx's lingering close: the sending direction is shut,
// then what the peer still sends is read and dropped, for total
// (lingering_time) at most and as long as something comes every each
// (lingering_timeout).
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#lingering_close
func (c *Conn) CloseLinger(total, each time.Duration) error {
	if err := c.CloseWrite(); err != nil || c.HungUp() && len(c.Buffered()) == 0 {
		return c.Close()
	}
	if n := len(c.Buffered()); n > 0 {
		c.Consume(n)
	}
	end := time.Now().Add(total)
	b := NewBuffer(4096)
	defer b.Release()
	for {
		left := time.Until(end)
		if left <= 0 {
			break
		}
		c.SetReadTimeout(min(left, each))
		if _, err := c.read(b.b); err != nil {
			break
		}
	}
	return c.Close()
}

// SetNoDelay sets TCP_NODELAY; new connections have it set.
func (c *Conn) SetNoDelay(on bool) error {
	if s := c.socket(); s != nil {
		return s.setNoDelay(on)
	}
	if t, ok := c.nc.(*net.TCPConn); ok {
		return t.SetNoDelay(on)
	}
	return nil
}

// SetNoPush sets TCP_CORK, which holds back partial segments (tcp_nopush).
func (c *Conn) SetNoPush(on bool) error {
	if s := c.socket(); s != nil {
		return s.setNoPush(on)
	}
	return nil
}

// SetKeepAlive turns TCP keepalive probes on, with the system's intervals
// where a value is 0.
func (c *Conn) SetKeepAlive(idle, interval time.Duration, count int) error {
	if s := c.socket(); s != nil {
		return s.setKeepAlive(idle, interval, count)
	}
	if t, ok := c.nc.(*net.TCPConn); ok {
		return t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: idle, Interval: interval, Count: count})
	}
	return nil
}

// asNetConn gives a Conn the interface that crypto/tls
// and x/net/http2 want.
type asNetConn struct{ c *Conn }

// NetConn is the connection as a net.Conn, for crypto/tls and others that
// want one. Deadlines become timeouts of the following operations. Wrap
// makes a Conn of the TLS connection built on it, which shares number,
// addresses, watches and interrupts.
func (c *Conn) NetConn() net.Conn {
	if c.nc != nil {
		return c.nc
	}
	c.resolveLocal()
	return &asNetConn{c}
}

func (a *asNetConn) Read(p []byte) (int, error)  { return a.c.Read(p) }
func (a *asNetConn) Write(p []byte) (int, error) { return a.c.Write(p) }
func (a *asNetConn) CloseWrite() error           { return a.c.CloseWrite() }
func (a *asNetConn) LocalAddr() net.Addr         { return netAddr(a.c.local, a.c.localText) }
func (a *asNetConn) RemoteAddr() net.Addr        { return netAddr(a.c.remote, a.c.remoteText) }

// Close may be called while others read or write; the buffer is left alone.
func (a *asNetConn) Close() error { return a.c.s.close() }

func (a *asNetConn) SetDeadline(t time.Time) error {
	a.SetReadDeadline(t)
	return a.SetWriteDeadline(t)
}

func (a *asNetConn) SetReadDeadline(t time.Time) error {
	a.c.rtimeout = untilDeadline(t)
	return nil
}

func (a *asNetConn) SetWriteDeadline(t time.Time) error {
	a.c.wtimeout = untilDeadline(t)
	return nil
}

// untilDeadline is the timeout that a deadline means, from now on.
func untilDeadline(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(time.Until(t), 1)
}
