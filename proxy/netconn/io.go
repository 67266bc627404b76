package netconn

import (
	"io"
	"net"
	"os"
	"time"
)

func (c *Conn) read(p []byte) (n int, err error) {
	if c.nc == nil {
		if !c.s.enter() {
			return 0, net.ErrClosed
		}
		n, err = c.s.recv(p, c.rtimeout)
		c.s.leave()
	} else {
		n, err = c.readGeneric(p)
	}
	c.received += int64(n)
	return n, err
}

// await waits until a read is worth a buffer. It is a wait for nothing on a
// wrapped connection, whose reads wait themselves.
func (c *Conn) await() error {
	if c.nc == nil {
		if !c.s.enter() {
			return net.ErrClosed
		}
		err := c.s.await(c.rtimeout)
		c.s.leave()
		return err
	}
	return nil
}

func (c *Conn) readGeneric(p []byte) (int, error) {
	if c.interrupted.Load() {
		return 0, ErrInterrupted
	}
	if c.rtimeout > 0 {
		c.nc.SetReadDeadline(time.Now().Add(c.rtimeout))
	} else if c.hadRead {
		c.nc.SetReadDeadline(time.Time{})
	}
	c.hadRead = c.rtimeout > 0
	if c.interrupted.Load() { // SetReadDeadline may have undone Interrupt's
		return 0, ErrInterrupted
	}
	n, err := c.nc.Read(p)
	if err != nil && n == 0 && c.interrupted.Load() {
		err = ErrInterrupted
	}
	return n, err
}

// Write writes all of p.
func (c *Conn) Write(p []byte) (n int, err error) {
	if c.nc == nil {
		if !c.s.enter() {
			return 0, net.ErrClosed
		}
		n, err = c.s.send(p, c.wtimeout)
		c.s.leave()
	} else {
		c.writeDeadline()
		n, err = c.nc.Write(p)
	}
	c.sent += int64(n)
	return n, err
}

func (c *Conn) writeDeadline() {
	if c.wtimeout > 0 {
		c.nc.SetWriteDeadline(time.Now().Add(c.wtimeout))
	} else if c.hadWrite {
		c.nc.SetWriteDeadline(time.Time{})
	}
	c.hadWrite = c.wtimeout > 0
}

// Writev writes all of the pieces, with as few system calls as there can be.
// It keeps no piece and allocates nothing.
func (c *Conn) Writev(bufs ...[]byte) (n int64, err error) {
	if c.nc == nil {
		if !c.s.enter() {
			return 0, net.ErrClosed
		}
		n, err = c.s.sendv(bufs, c.wtimeout)
		c.s.leave()
		c.sent += n
		return n, err
	}
	// Behind TLS one record is cheaper than several.
	total := 0
	for _, b := range bufs {
		total += len(b)
	}
	if len(bufs) == 1 || total > 64<<10 {
		for _, b := range bufs {
			m, err := c.Write(b)
			n += int64(m)
			if err != nil {
				return n, err
			}
		}
		return n, nil
	}
	b := NewBuffer(total)
	defer b.Release()
	for _, p := range bufs {
		b.w += copy(b.b[b.w:], p)
	}
	m, err := c.Write(b.Bytes())
	return int64(m), err
}

// CopyN copies n bytes (all until the end if n < 0) from src to c, buffered
// ones first. When src ends before n bytes, the error is
// io.ErrUnexpectedEOF.
//
// It goes through memory: splice(2) between two sockets took nearly twice
// the CPU time at every size up to 16 MiB (see BenchmarkCopyN).
func (c *Conn) CopyN(src *Conn, n int64) (written int64, err error) {
	if b := src.Buffered(); len(b) > 0 {
		if n >= 0 && int64(len(b)) > n {
			b = b[:n]
		}
		w, err := c.Write(b)
		src.Consume(w)
		written += int64(w)
		if err != nil || written == n {
			return written, err
		}
	}
	left := n
	if n >= 0 {
		left -= written
	}
	b := NewBuffer(64 << 10)
	defer b.Release()
	for left != 0 {
		p := b.b
		if left > 0 && int64(len(p)) > left {
			p = p[:left]
		}
		m, rerr := src.Read(p)
		if m > 0 {
			w, werr := c.Write(p[:m])
			written += int64(w)
			if werr != nil {
				return written, werr
			}
			if left > 0 {
				left -= int64(m)
			}
		}
		switch {
		case rerr == io.EOF && left < 0:
			return written, nil
		case rerr == io.EOF:
			return written, io.ErrUnexpectedEOF
		case rerr != nil:
			return written, rerr
		}
	}
	return written, nil
}

// SendFile writes n bytes of f from offset off, inside the kernel if it can.
// When the file ends before, the error is io.ErrUnexpectedEOF.
func (c *Conn) SendFile(f *os.File, off, n int64) (written int64, err error) {
	if c.nc == nil {
		if !c.s.enter() {
			return 0, net.ErrClosed
		}
		written, err = c.s.sendfile(f, off, n, c.wtimeout)
		c.s.leave()
		c.sent += written
	} else {
		b := NewBuffer(32 << 10)
		defer b.Release()
		for written < n && err == nil {
			p := b.b[:min(int64(len(b.b)), n-written)]
			var m, w int
			m, err = f.ReadAt(p, off+written)
			if m == 0 {
				break
			}
			if err == io.EOF {
				err = nil
			}
			var werr error
			w, werr = c.Write(p[:m])
			written += int64(w)
			if werr != nil {
				err = werr
			}
		}
		if err == io.EOF {
			err = nil
		}
	}
	if err == nil && written < n {
		err = io.ErrUnexpectedEOF
	}
	return written, err
}
