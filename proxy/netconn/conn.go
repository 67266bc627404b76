package netconn

import (
	"errors"
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
	nc net.Conn // nil when the socket is driven directly
	s  sock

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

	inner       *Conn  // below a wrapped TLS connection, or nil
	stream      Stream // of a virtual connection, or nil
	hadRead     bool   // a deadline is set on nc
	hadWrite    bool
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
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		if a, ok := t.NetConn().(*asNetConn); ok {
			c.inner = a.c
			c.Number, c.Created = a.c.Number, a.c.Created
			c.remote, c.remoteText = a.c.remote, a.c.remoteText
			c.local, c.localText = a.c.local, a.c.localText
		}
	}
	return c
}

// Remote is the peer's address; invalid for a unix socket.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// RemoteText is the peer's address without port ($remote_addr), made once;
// "unix:" for a unix socket.
func (c *Conn) RemoteText() string { return c.remoteText }

// SetRemote replaces the peer's address (realip, proxy_protocol).
func (c *Conn) SetRemote(a netip.AddrPort, text string) { c.remote, c.remoteText = a, text }

// Local is the connection's own address; invalid for a unix socket.
func (c *Conn) Local() netip.AddrPort {
	c.resolveLocal()
	return c.local
}

// LocalText is the connection's own address without port ($server_addr).
func (c *Conn) LocalText() string {
	c.resolveLocal()
	return c.localText
}

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
	n := b.Len()
	switch {
	case n >= max:
		return ErrBufferFull
	case b.w < len(b.b) && b.r < len(b.b)/2:
		return nil
	case n <= len(b.b)/2:
		// Room enough once the consumed bytes are gone.
		b.w = copy(b.b, b.Bytes())
		b.r = 0
		return nil
	}
	bigger := NewBuffer(min(max, 4*len(b.b)))
	bigger.w = copy(bigger.b, b.Bytes())
	b.Release()
	c.in = bigger
	return nil
}

// Fill waits for bytes and appends them to the buffered ones, of which there
// may be max. Views into Buffered are void afterwards. It returns how many
// were added, io.EOF, ErrTimeout, ErrBufferFull, ErrInterrupted or a
// network error.
//
// A connection without buffered bytes has no buffer while it waits.
func (c *Conn) Fill(max int) (int, error) {
	if c.in == nil {
		if err := c.await(); err != nil {
			return 0, err
		}
	}
	if err := c.reserve(max); err != nil {
		return 0, err
	}
	free := c.in.Free()
	if room := max - c.in.Len(); len(free) > room {
		free = free[:room]
	}
	n, err := c.read(free)
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

// preciseTimeout is the longest timeout that gets a timer of its own;
// longer ones are looked at every scanInterval.
const (
	preciseTimeout = 2 * time.Second
	scanInterval   = 200 * time.Millisecond
)
