package proxy

import (
	"errors"
	"io"
	"net"
	"os"

	"huidu/luacompat"
	"huidu/proxy/http1"
)

// statusErr is a status as luacompat understands it.
func statusErr(c rc) error {
	if c == ok {
		return nil
	}
	return &luacompat.StatusError{Status: int(c)}
}

// ReadBody is ngx.req.read_body.
func (q *luaRequest) ReadBody() error { return statusErr(q.r.main.readBody()) }

// DiscardBody is ngx.req.discard_body.
func (q *luaRequest) DiscardBody() error {
	q.r.main.discardLater()
	return nil
}

func (q *luaRequest) BodyRead() bool {
	b := &q.r.bodyOwner().body
	return b.read || b.replaced || b.shared
}

// bodyOwner is the request whose body r sees.
func (r *Request) bodyOwner() *Request {
	if r.body.replaced || r.parent == nil || !r.body.shared {
		return r
	}
	return r.parent.bodyOwner()
}

func (q *luaRequest) BodyData() ([]byte, bool) {
	b := &q.r.bodyOwner().body
	return b.memory, b.path != ""
}

func (q *luaRequest) BodyFile() string { return q.r.bodyOwner().body.path }

func (q *luaRequest) BodyLen() int64 {
	b := &q.r.bodyOwner().body
	if b.path != "" {
		return b.size
	}
	return int64(len(b.memory))
}

// SetBodyData is ngx.req.set_body_data.
func (q *luaRequest) SetBodyData(data []byte) { q.r.replaceBody(data) }

func (r *Request) replaceBody(data []byte) {
	b := &r.body
	b.dropStored()
	b.memory, b.size = data, int64(len(data))
	b.replaced, b.read = true, true
	r.setContentLength(int64(len(data)))
}

// dropStored forgets what was read; the wire's state stays.
func (b *requestBody) dropStored() {
	if b.temp != nil && !b.shared {
		b.temp.Close()
		if b.path != "" && !b.keepFile {
			os.Remove(b.path)
		}
	}
	b.temp, b.path, b.memory, b.size, b.keepFile, b.shared = nil, "", nil, 0, false, false
}

// setContentLength rewrites the request's framing headers for a new body.
func (r *Request) setContentLength(n int64) {
	r.ownHeaders()
	r.headers.SetID(http1.HeaderContentLength, formatInt(n))
	r.headers.DelID(http1.HeaderTransferEncoding)
}

// SetBodyFile is ngx.req.set_body_file.
func (q *luaRequest) SetBodyFile(path string, autoClean bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	b := &q.r.body
	b.dropStored()
	b.temp, b.path, b.size, b.keepFile = f, path, info.Size(), !autoClean
	b.replaced, b.read = true, true
	q.r.setContentLength(b.size)
	return nil
}

// InitBody, AppendBody and FinishBody build a body piece by piece.
func (q *luaRequest) InitBody(size int) error {
	b := &q.r.body
	if b.discarded {
		return errors.New("request body already discarded asynchronously")
	}
	if !b.read && !b.replaced && b.framing.Kind != http1.FramingNone {
		return errors.New("request body not read yet")
	}
	b.dropStored()
	b.replaced, b.read, b.building = true, true, true
	b.buildSize = int64(size)
	if size <= 0 {
		b.buildSize = q.r.loc.bodyBufferSize
	}
	return nil
}

func (q *luaRequest) AppendBody(data []byte) error {
	r, b := q.r, &q.r.body
	if !b.building {
		return errors.New("request_body not initialized")
	}
	if b.temp == nil && int64(len(b.memory)+len(data)) > b.buildSize {
		if err := r.bodyToFile(); err != nil {
			return err
		}
	}
	if b.temp != nil {
		if _, err := b.temp.Write(data); err != nil {
			return err
		}
	} else {
		b.memory = append(b.memory, data...)
	}
	b.size += int64(len(data))
	return nil
}

func (q *luaRequest) FinishBody() error {
	b := &q.r.body
	if !b.building {
		return errors.New("request_body not initialized")
	}
	b.building = false
	q.r.setContentLength(b.size)
	return nil
}

// isLuaBody: the body is being built by a script, which warrants no warning.
func (r *Request) isLuaBody() bool { return r.body.building }

// rawSocket is ngx.req.socket: the body's bytes, or with raw the connection
// itself.
func (r *Request) rawSocket(raw bool) (net.Conn, error) {
	if r != r.main || r.conn == nil {
		return nil, errors.New("attempt to read the request body in a subrequest")
	}
	if r.conn.h2 != nil {
		return nil, errors.New("http v2 not supported yet")
	}
	b := &r.body
	if raw {
		if b.read && b.path != "" {
			return nil, errors.New("requesty body already read and buffered in a file")
		}
		if r.conn.w.flushAll(r) != ok {
			return nil, errors.New("client gone")
		}
		r.keepalive, r.rawTaken = false, true
		b.ended = true
		return &rawConn{r: r, Conn: r.conn.nc.NetConn()}, nil
	}
	if b.read {
		return nil, errors.New("request body already exists")
	}
	if b.discarded {
		return nil, errors.New("request body discarded")
	}
	if !b.present() {
		return nil, errors.New("no body")
	}
	if b.framing.Kind == http1.FramingChunked {
		return nil, errors.New("chunked request bodies not supported yet")
	}
	if err := r.sendContinue(); err != nil {
		return nil, err
	}
	return &bodyConn{r: r, Conn: r.conn.nc.NetConn()}, nil
}

// rawConn is the client's connection with what was read ahead.
type rawConn struct {
	net.Conn
	r *Request
}

func (c *rawConn) Read(p []byte) (int, error) {
	if nc := c.r.conn.nc; len(nc.Buffered()) > 0 {
		return nc.Read(p)
	}
	return c.Conn.Read(p)
}

// Close leaves the connection to the request's end.
func (c *rawConn) Close() error { return nil }

// bodyConn yields the request body and nothing behind it.
type bodyConn struct {
	net.Conn
	r *Request
}

func (c *bodyConn) Read(p []byte) (int, error) {
	b, nc := &c.r.body, c.r.conn.nc
	b.started = true
	if b.left == 0 {
		b.ended = true
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	var n int
	var err error
	if len(nc.Buffered()) > 0 {
		n, err = nc.Read(p)
	} else {
		n, err = c.Conn.Read(p)
	}
	b.left -= int64(n)
	b.ended = b.left == 0
	return n, err
}

func (c *bodyConn) Close() error { return nil }
