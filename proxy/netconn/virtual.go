package netconn

import "net"

// A Stream is one of several conversations on a connection, such as an
// HTTP/2 stream. SetDeadline is called by Interrupt with a time long past and
// by ClearInterrupt with the zero time.
type Stream interface {
	net.Conn
	// OnHangup and HungUp are Conn's, for this stream alone.
	OnHangup(f func())
	HungUp() bool
}

// Virtual makes a Conn of a stream on c: it has c's number, addresses and
// age, but is read, written, watched and interrupted on its own. It is made in
// old's memory, the Conn of a stream that is over, unless that is nil.
func (c *Conn) Virtual(s Stream, old *Conn) *Conn {
	c.resolveLocal()
	if old == nil {
		old = new(Conn)
	}
	*old = Conn{nc: s, stream: s, firstSize: c.firstSize, Number: c.Number, Requests: c.Requests, Created: c.Created,
		remote: c.remote, remoteText: c.remoteText, local: c.local, localText: c.localText}
	return old
}
