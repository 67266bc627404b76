package socket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// input is what has been read from a connection and not yet given out.
type input struct {
	conn net.Conn
	buf  []byte
	r, w int
	size int // of the buffer to make
}

func (in *input) buffered() []byte { return in.buf[in.r:in.w] }

// fill reads more. Each read may take the whole limit, as in ngx_lua.
func (in *input) fill(limit time.Duration) error {
	if in.r == in.w {
		in.r, in.w = 0, 0
	}
	if in.buf == nil {
		in.buf = make([]byte, max(in.size, 1024))
	}
	if in.w == len(in.buf) {
		if in.r > 0 {
			in.w = copy(in.buf, in.buf[in.r:in.w])
			in.r = 0
		} else {
			in.buf = append(in.buf, make([]byte, len(in.buf))...)
		}
	}
	in.conn.SetReadDeadline(time.Now().Add(limit))
	n, err := in.conn.Read(in.buf[in.w:])
	in.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// reader is one way of reading: take returns what it wants as soon as the
// buffer holds it. On an error, partial is what it had by then.
type reader interface {
	take(in *input) (data []byte, done bool)
	partial(in *input) []byte
}

// closed answers for a socket that is not connected.
func (s *tcp) closed(L *lua.LState, what string) int {
	c := s.conf()
	s.m.env.LogClosed(s.m.vm.Cur(), &c, what)
	return fail(L, "closed")
}

// read runs a reader and pushes its result: data, or nil, error, partial.
func (s *tcp) read(L *lua.LState, rd reader) int {
	if data, done := rd.take(&s.in); done {
		L.Push(lua.LString(data))
		return 1
	}
	conf := s.conf()
	s.in.size = conf.BufferSize
	t := s.m.vm.Cur()
	var data []byte
	var err error
	s.reading = true
	in := &s.in
	s.wait(t.Ctx, func() {
		for done := false; !done; {
			limit := conf.Read
			if d := s.readLimit.Load(); d > 0 {
				limit = time.Duration(d)
			}
			if err = in.fill(limit); err != nil {
				return
			}
			data, done = rd.take(in)
		}
	})
	s.reading = false
	s.left(t)
	if err == nil {
		L.Push(lua.LString(data))
		return 1
	}
	if _, all := rd.(*readAll); all && errors.Is(err, io.EOF) {
		L.Push(lua.LString(rd.partial(in)))
		return 1
	}
	part := string(rd.partial(in))
	word := Words(err)
	if word != "closed" {
		s.m.env.LogIO(t, &conf, err, "read")
	}
	if word != "timeout" {
		s.endRead()
	}
	L.Push(lua.LNil)
	L.Push(lua.LString(word))
	L.Push(lua.LString(part))
	return 3
}

// wait runs f, which reads or writes the connection, with the VM's lock
// released; a killed task interrupts it.
func (s *tcp) wait(ctx context.Context, f func()) {
	conn := s.conn
	if ctx.Done() == nil {
		s.m.vm.BlockNoKill(f)
		return
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	s.m.vm.BlockNoKill(f)
	stop()
}

// left unwinds a task that was killed while it waited.
func (s *tcp) left(t *vm.Task) {
	if t.Ctx.Err() != nil {
		s.m.vm.Block(func() {})
	}
}

// endRead ends the reading half after an error, as ngx_lua does.
func (s *tcp) endRead() {
	s.readClosed = true
	if s.writeClosed {
		s.hangUp()
	}
}

// readable checks what all receive methods check first.
func (s *tcp) readable(L *lua.LState) int {
	if s.dialing.Load() {
		return s.busy(L, true, false)
	}
	if s.conn == nil || s.readClosed {
		return s.closed(L, "receive")
	}
	s.own(L)
	return s.busy(L, true, false)
}

// receive is tcpsock:receive(size) and tcpsock:receive(pattern).
//
// See: https://github.com/openresty/lua-nginx-module#tcpsockreceive
func (s *tcp) receive(L *lua.LState) int {
	n := L.GetTop()
	if n > 2 {
		return s.m.raise(L, "expecting 1 or 2 arguments (including the object), but got %d", n)
	}
	if r := s.readable(L); r > 0 {
		return r
	}
	if n == 1 {
		return s.read(L, &readLine{})
	}
	if f, ok := number(L.Get(2)); ok {
		switch size := int(f); {
		case size < 0:
			return vm.ArgError(L, 2, "receive", "bad pattern argument")
		case size == 0:
			L.Push(lua.LString(""))
			return 1
		default:
			return s.read(L, &readChunk{size: size})
		}
	}
	pat, ok := L.Get(2).(lua.LString)
	switch {
	case !ok:
		return vm.ArgError(L, 2, "receive", "bad pattern argument")
	case len(pat) != 2 || pat[0] != '*':
		return vm.ArgError(L, 2, "receive", "bad pattern argument: "+string(pat))
	case pat[1] == 'l':
		return s.read(L, &readLine{})
	case pat[1] == 'a':
		return s.read(L, &readAll{})
	}
	return vm.ArgError(L, 2, "receive", "bad pattern argument")
}

// receiveAny is tcpsock:receiveany(max).
//
// See: https://github.com/openresty/lua-nginx-module#tcpsockreceiveany
func (s *tcp) receiveAny(L *lua.LState) int {
	if n := L.GetTop(); n != 2 {
		return s.m.raise(L, "expecting 2 arguments (including the object), but got %d", n)
	}
	if r := s.readable(L); r > 0 {
		return r
	}
	f, ok := number(L.Get(2))
	if !ok || f < 1 {
		return vm.ArgError(L, 2, "receiveany", "bad max argument")
	}
	return s.read(L, &readAny{max: int(f)})
}

// readLine reads up to a newline and drops it and all carriage returns.
type readLine struct {
	seen int
}

func (p *readLine) take(in *input) ([]byte, bool) {
	b := in.buffered()
	i := bytes.IndexByte(b[p.seen:], '\n')
	if i < 0 {
		p.seen = len(b)
		return nil, false
	}
	i += p.seen
	in.r += i + 1
	return dropCR(b[:i]), true
}

func (p *readLine) partial(in *input) []byte {
	b := dropCR(in.buffered())
	in.r = in.w
	return b
}

func dropCR(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\r' && bytes.IndexByte(b, '\r') == n-1 {
		return b[:n-1]
	}
	if bytes.IndexByte(b, '\r') < 0 {
		return b
	}
	return bytes.ReplaceAll(b, []byte{'\r'}, nil)
}

// readChunk reads size bytes.
type readChunk struct {
	size int
	got  []byte // beyond what a buffer should hold
}

// maxBuffer is the largest input that is collected in the buffer.
const maxBuffer = 64 << 10

func (p *readChunk) take(in *input) ([]byte, bool) {
	b := in.buffered()
	if p.got == nil && p.size <= maxBuffer {
		if len(b) < p.size {
			return nil, false
		}
		in.r += p.size
		return b[:p.size], true
	}
	n := min(len(b), p.size-len(p.got))
	p.got = append(p.got, b[:n]...)
	in.r += n
	return p.got, len(p.got) == p.size
}

func (p *readChunk) partial(in *input) []byte {
	if p.got != nil {
		return p.got
	}
	b := in.buffered()
	in.r = in.w
	return b
}

// readAll reads until the peer closes.
type readAll struct{ got []byte }

func (p *readAll) take(in *input) ([]byte, bool) {
	p.got = append(p.got, in.buffered()...)
	in.r = in.w
	return nil, false
}

func (p *readAll) partial(*input) []byte { return p.got }

// readAny reads what there is, up to max bytes.
type readAny struct{ max int }

func (p *readAny) take(in *input) ([]byte, bool) {
	b := in.buffered()
	if len(b) == 0 {
		return nil, false
	}
	n := min(len(b), p.max)
	in.r += n
	return b[:n], true
}

func (p *readAny) partial(*input) []byte { return nil }

// send is tcpsock:send(data).
//
// See: https://github.com/openresty/lua-nginx-module#tcpsocksend
func (s *tcp) send(L *lua.LState) int {
	if n := L.GetTop(); n != 2 {
		return s.m.raise(L, "expecting 2 arguments (including the object), but got %d", n)
	}
	if s.dialing.Load() {
		return s.busy(L, false, true)
	}
	if s.conn == nil || s.writeClosed {
		return s.closed(L, "send")
	}
	s.own(L)
	if r := s.busy(L, false, true); r > 0 {
		return r
	}
	if s.kind == body {
		return s.m.raise(L, "attempt to write to request sockets")
	}
	b, str, ok := s.m.payload(L, 2)
	if !ok {
		return 0
	}
	size := len(b) + len(str)
	if size == 0 {
		L.Push(lua.LNumber(0))
		return 1
	}
	conf := s.conf()
	t := s.m.vm.Cur()
	conn := s.conn
	var err error
	s.writing = true
	s.wait(t.Ctx, func() {
		conn.SetWriteDeadline(time.Now().Add(conf.Send))
		if b != nil {
			_, err = conn.Write(b)
		} else {
			_, err = io.WriteString(conn, str)
		}
	})
	s.writing = false
	s.left(t)
	if err != nil {
		s.m.env.LogIO(t, &conf, err, "write")
		s.writeClosed = true
		if s.readClosed {
			s.hangUp()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fail(L, "timeout")
		}
		return fail(L, Words(err))
	}
	L.Push(lua.LNumber(size))
	return 1
}
