package netconn

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// ErrBufferFull is returned by Fill when max bytes are buffered already.
var ErrBufferFull = errors.New("netconn: buffer full")

// ErrTimeout is returned when an operation waited longer than its timeout.
// It satisfies errors.Is(err, os.ErrDeadlineExceeded).
var ErrTimeout = os.ErrDeadlineExceeded

// ErrInterrupted is returned from an operation that Interrupt ended.
var ErrInterrupted = errors.New("netconn: interrupted")

// Conn is a connection with a read buffer, timeouts and a known peer.
type Conn struct {
	nc net.Conn // nil when fd is used directly

	in        *Buffer
	firstSize int
	rtimeout  time.Duration
	wtimeout  time.Duration

	// Number is the connection's serial number ($connection).
	Number uint64
	// Requests counts requests on the connection ($connection_requests).
	Requests int
	// Created is when it was accepted or dialled.
	Created time.Time
	// Data is for the owner: the pool an upstream connection belongs to.
	Data any

	remote, local         netip.AddrPort
	remoteText, localText string // for unix sockets: "unix:" and "unix:/path"

	interrupted atomic.Bool
	received    int64
	sent        int64
}

var serial atomic.Uint64

// Wrap makes a Conn of any net.Conn, such as a TLS connection.
func Wrap(nc net.Conn) *Conn {
	c := &Conn{nc: nc, Number: serial.Add(1), Created: time.Now(), firstSize: 1024}
	c.remote, c.remoteText = addrOf(nc.RemoteAddr())
	c.local, c.localText = addrOf(nc.LocalAddr())
	return c
}

func addrOf(a net.Addr) (netip.AddrPort, string) {
	switch a := a.(type) {
	case *net.TCPAddr:
		ap := a.AddrPort()
		ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		return ap, ap.Addr().String()
	case *net.UnixAddr:
		return netip.AddrPort{}, "unix:" + a.Name
	case nil:
		return netip.AddrPort{}, ""
	}
	return netip.AddrPort{}, a.String()
}

// Remote is the peer's address; invalid for a unix socket.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// RemoteText is the peer's address without port ($remote_addr), made once;
// "unix:" for a unix socket.
func (c *Conn) RemoteText() string { return c.remoteText }

// SetRemote replaces the peer's address (realip, proxy_protocol).
func (c *Conn) SetRemote(a netip.AddrPort, text string) { c.remote, c.remoteText = a, text }

// Local is the connection's own address; invalid for a unix socket.
func (c *Conn) Local() netip.AddrPort { return c.local }

// LocalText is the connection's own address without port ($server_addr).
func (c *Conn) LocalText() string { return c.localText }

// NetConn is the wrapped connection, nil if the socket is driven directly.
func (c *Conn) NetConn() net.Conn { return c.nc }

// SetReadTimeout bounds the wait for the next byte; 0 means for ever.
func (c *Conn) SetReadTimeout(d time.Duration) { c.rtimeout = d }

// SetWriteTimeout bounds the wait for room to write; 0 means for ever.
func (c *Conn) SetWriteTimeout(d time.Duration) { c.wtimeout = d }

// SetFirstBuffer sets the size of the buffer for the first bytes of a
// message (client_header_buffer_size).
func (c *Conn) SetFirstBuffer(n int) { c.firstSize = n }

// Received and Sent count bytes on the wire.
func (c *Conn) Received() int64 { return c.received }

// Sent counts the bytes written.
func (c *Conn) Sent() int64 { return c.sent }

// Buffered are the bytes read and not yet consumed.
func (c *Conn) Buffered() []byte {
	if c.in == nil {
		return nil
	}
	return c.in.Bytes()
}

// Consume drops n buffered bytes. With the last one the buffer goes back to
// its pool: views into it are void.
func (c *Conn) Consume(n int) {
	if n == 0 {
		return
	}
	c.in.r += n
	if c.in.r == c.in.w {
		c.in.Release()
		c.in = nil
	}
}

// Detach hands the buffer with its first n bytes over to the caller and
// consumes them; what follows moves to a buffer of its own. The caller
// Releases it when no view into it is needed any more.
func (c *Conn) Detach(n int) *Buffer {
	b := c.in
	c.in = nil
	if b == nil {
		return nil
	}
	if rest := b.w - b.r - n; rest > 0 {
		c.in = NewBuffer(max(rest, c.firstSize))
		c.in.w = copy(c.in.b, b.b[b.r+n:b.w])
	}
	b.w = b.r + n
	return b
}

// Unread puts bytes in front of the buffered ones.
func (c *Conn) Unread(p []byte) {
	if len(p) == 0 {
		return
	}
	old := c.in
	c.in = NewBuffer(max(len(p)+len(c.Buffered()), c.firstSize))
	c.in.w = copy(c.in.b, p)
	if old != nil {
		c.in.w += copy(c.in.b[c.in.w:], old.Bytes())
		old.Release()
	}
}

// reserve makes room to read into, up to max buffered bytes.
func (c *Conn) reserve(max int) error {
	b := c.in
	if b == nil {
		c.in = NewBuffer(min(c.firstSize, max))
		return nil
	}
	if b.w < len(b.b) && b.r == 0 {
		return nil
	}
	n := b.Len()
	if n >= max {
		return ErrBufferFull
	}
	size := len(b.b)
	if n >= size {
		size = min(max, size*4)
		if size < 8192 {
			size = min(max, 8192)
		}
	}
	if b.w < len(b.b) && b.r < len(b.b)/2 {
		return nil
	}
	c.in = NewBuffer(size)
	c.in.w = copy(c.in.b, b.Bytes())
	b.Release()
	return nil
}

// Fill waits for bytes and appends them to the buffered ones, of which there
// may be max. Views into Buffered are void afterwards. It returns how many
// were added, io.EOF, ErrTimeout, ErrBufferFull, ErrInterrupted or a
// network error.
func (c *Conn) Fill(max int) (int, error) {
	if err := c.reserve(max); err != nil {
		return 0, err
	}
	n, err := c.read(c.in.Free())
	c.in.w += n
	if c.in.r == c.in.w {
		c.in.Release()
		c.in = nil
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

// Read reads at least one byte, buffered ones first.
func (c *Conn) Read(p []byte) (int, error) {
	if b := c.Buffered(); len(b) > 0 {
		n := copy(p, b)
		c.Consume(n)
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.read(p)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (c *Conn) read(p []byte) (int, error) {
	if c.interrupted.Load() {
		return 0, ErrInterrupted
	}
	if c.rtimeout > 0 {
		c.nc.SetReadDeadline(time.Now().Add(c.rtimeout))
	}
	n, err := c.nc.Read(p)
	c.received += int64(n)
	if err != nil && n == 0 && c.interrupted.Load() {
		err = ErrInterrupted
	}
	return n, err
}

// Write writes all of p.
func (c *Conn) Write(p []byte) (int, error) {
	if c.wtimeout > 0 {
		c.nc.SetWriteDeadline(time.Now().Add(c.wtimeout))
	}
	n, err := c.nc.Write(p)
	c.sent += int64(n)
	return n, err
}

// Writev writes all of the pieces, with as few system calls as there can be.
func (c *Conn) Writev(bufs ...[]byte) (total int64, err error) {
	for _, b := range bufs {
		n, err := c.Write(b)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Interrupt ends a waiting read, now or in the future, with ErrInterrupted.
// It may be called from any goroutine; ClearInterrupt undoes it.
func (c *Conn) Interrupt() {
	c.interrupted.Store(true)
	c.nc.SetReadDeadline(time.Unix(1, 0))
}

// ClearInterrupt makes reads possible again.
func (c *Conn) ClearInterrupt() {
	c.interrupted.Store(false)
	c.nc.SetReadDeadline(time.Time{})
}

// OnHangup calls f, once and from another goroutine, when the peer hangs up
// while nobody reads; nil ends the watch. It costs nothing unless it
// happens.
func (c *Conn) OnHangup(f func()) {}

// HungUp tells whether the peer is known to have hung up.
func (c *Conn) HungUp() bool { return false }

// OnEvent watches an idle connection: f is called, once and from another
// goroutine, when anything happens on it (bytes, end, error).
func (c *Conn) OnEvent(f func()) {}

// ClearEvent ends the watch of OnEvent. It returns false if f has been or is
// being called: the connection is not usable.
func (c *Conn) ClearEvent() bool { return true }

// CloseWrite ends the sending direction.
func (c *Conn) CloseWrite() error {
	if cw, ok := c.nc.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return nil
}

// Close closes the connection and gives its buffer back.
func (c *Conn) Close() error {
	c.in.Release()
	c.in = nil
	return c.nc.Close()
}

// CloseReset closes with a reset instead of an orderly end
// (reset_timedout_connection, return 444 does not).
func (c *Conn) CloseReset() error {
	if l, ok := c.nc.(interface{ SetLinger(int) error }); ok {
		l.SetLinger(0)
	}
	return c.Close()
}

// CloseLinger is nginx's lingering close: the sending direction is shut,
// then what the peer still sends is read and dropped, for lingering_time at
// most and as long as something comes every lingering_timeout.
//
// See: https://nginx.org/en/docs/http/ngx_http_core_module.html#lingering_close
func (c *Conn) CloseLinger(total, each time.Duration) error {
	c.CloseWrite()
	end := time.Now().Add(total)
	b := NewBuffer(4096)
	defer b.Release()
	for {
		left := time.Until(end)
		if left <= 0 {
			break
		}
		c.SetReadTimeout(min(left, each))
		if _, err := c.Read(b.b); err != nil {
			break
		}
	}
	return c.Close()
}

// SetNoDelay sets TCP_NODELAY.
func (c *Conn) SetNoDelay(on bool) error {
	if t, ok := c.nc.(*net.TCPConn); ok {
		return t.SetNoDelay(on)
	}
	return nil
}

// CopyN copies n bytes (all until EOF if n < 0) from src to c, inside the
// kernel where that pays.
func (c *Conn) CopyN(src *Conn, n int64) (written int64, err error) {
	b := NewBuffer(32 << 10)
	defer b.Release()
	for n != 0 {
		p := b.b
		if n > 0 && int64(len(p)) > n {
			p = p[:n]
		}
		m, rerr := src.Read(p)
		if m > 0 {
			w, werr := c.Write(p[:m])
			written += int64(w)
			if werr != nil {
				return written, werr
			}
			if n > 0 {
				n -= int64(m)
			}
		}
		if rerr == io.EOF && n < 0 {
			return written, nil
		}
		if rerr != nil {
			return written, rerr
		}
	}
	return written, nil
}

// SendFile writes n bytes of f from offset off.
func (c *Conn) SendFile(f *os.File, off, n int64) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, io.NewSectionReader(f, off, n))
}
