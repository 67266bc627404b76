package proxy

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"

	"huidu/proxy/http2"
	"huidu/proxy/netconn"
)

// h2Conn is a client's connection that speaks HTTP/2. The connection's own
// goroutine reads frames; every stream runs its request on a goroutine of its
// own and writes by h2Conn's output queue.
//
// See: https://nginx.org/en/docs/http/ngx_http_v2_module.html
type h2Conn struct {
	c    *conn
	conf *virtualServer // the address's default server, as the connection began

	// Of the reading goroutine.
	dec           *hpack.Decoder
	block         h2Block
	settingsAck   bool
	recvWindow    int
	priorityLimit int
	newStreams    int // since the last read
	refused       int
	idleReads     int
	totalBytes    int64
	preread       int
	maxStreams    int

	payloadBytes atomic.Int64
	maxFrame     atomic.Int32 // of the client's

	mu         sync.Mutex
	streams    map[uint32]*h2Stream
	spent      []*h2Stream // have ended
	running    sync.WaitGroup
	lastID     uint32
	processing int
	goaway     bool
	dead       bool // nothing can be written any more
	closing    bool // finalize is at work
	leaving    bool // a graceful shutdown, or a reload
	sendWindow int64
	initWindow int64
	resized    bool // the client changed its table: the next block says so
	idleUntil  time.Time
	idleTimer  *time.Timer
	idleArmed  bool
	idleOver   bool

	h2Output
}

// h2Fault ends a connection with a code; its text is logged.
type h2Fault struct {
	code http2.Code
	text string
}

func (f *h2Fault) Error() string { return f.text }

func h2Fail(code http2.Code, format string, args ...any) error {
	return &h2Fault{code, fmt.Sprintf(format, args...)}
}

var (
	errH2Ended = errors.New("the connection's streams have ended")
	errH2Idle  = errors.New("the connection was idle too long")
)

// serveH2 is the life of a connection from its preface on.
//
// See: ngx_http_v2_init.
func (c *conn) serveH2() {
	srv := c.addr.defaultServer
	m := &h2Conn{c: c, conf: srv, recvWindow: http2.MaxWindow, sendWindow: http2.DefaultWindow,
		initWindow: http2.DefaultWindow, streams: map[uint32]*h2Stream{},
		preread: int(srv.conf.Srv.HTTP2BodyPrereadSize.V), maxStreams: srv.conf.Srv.HTTP2MaxConcurrentStreams.V}
	m.maxFrame.Store(http2.DefaultFrameSize)
	m.priorityLimit = max(m.maxStreams, 100)
	m.room.L = &m.mu
	m.dec = hpack.NewDecoder(4096, m.field)
	m.dec.SetMaxStringLength(int(srv.head.large.Size))
	c.nc.SetFirstBuffer(h2ReadBuffer)
	c.nc.SetWriteTimeout(srv.loc.sendTimeout)
	c.nc.SetReadTimeout(0)

	b := http2.AppendFrameHeader(nil, 18, http2.FrameSettings, 0, 0)
	b = http2.AppendSetting(b, http2.SettingMaxStreams, uint32(m.maxStreams))
	b = http2.AppendSetting(b, http2.SettingInitialWindowSize, uint32(m.preread))
	b = http2.AppendSetting(b, http2.SettingMaxFrameSize, http2.MaxFrameSize)
	b = http2.AppendWindowUpdate(b, 0, http2.MaxWindow-http2.DefaultWindow)
	m.mu.Lock()
	m.out = append(m.out, b...)
	m.idleUntil = time.Now().Add(srv.head.headerTimeout)
	m.armIdle(srv.head.headerTimeout)
	m.flushLater()
	m.mu.Unlock()

	c.mux.Store(m)
	c.s.h2.enter()
	defer c.s.h2.leave()
	c.s.waiting.Add(1)
	if c.s.quitting() {
		m.quit()
	}
	err := m.preface()
	for err == nil {
		err = m.frame()
	}
	m.finalize(err)
}

// h2ReadBuffer is the size of the buffer that frames are read into.
const h2ReadBuffer = 16 << 10

// preface checks what a connection begins with.
func (m *h2Conn) preface() error {
	for _, part := range []string{http2.Preface[:16], http2.Preface[16:]} {
		b, err := m.need(len(part))
		if err != nil {
			return err
		}
		if string(b[:len(part)]) != part {
			return h2Fail(http2.ProtocolError, "invalid connection preface")
		}
		m.c.nc.Consume(len(part))
	}
	return nil
}

// need returns the buffered bytes once there are n.
func (m *h2Conn) need(n int) ([]byte, error) {
	for {
		if b := m.c.nc.Buffered(); len(b) >= n {
			return b, nil
		}
		if err := m.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads what the client has sent.
//
// See: ngx_http_v2_read_handler.
func (m *h2Conn) fill() error {
	nc := m.c.nc
	m.newStreams = 0
	m.recycle()
	for {
		wait := time.Duration(0)
		if m.block.timed {
			wait = max(time.Until(m.block.deadline), time.Millisecond)
		}
		nc.SetReadTimeout(wait)
		n, err := nc.Fill(64 << 10)
		m.totalBytes += int64(n)
		switch {
		case err == nil:
			if (m.totalBytes+m.sent.Load())/8 > m.payloadBytes.Load()+1<<20 {
				return h2Fail(http2.NoError, "http2 flood detected")
			}
			m.mu.Lock()
			idle := m.processing == 0
			m.mu.Unlock()
			if idle {
				if m.idleReads++; m.idleReads > 10*m.conf.loc.keepaliveRequests {
					return h2Fail(http2.NoError, "http2 flood detected")
				}
			}
			return nil
		case errors.Is(err, netconn.ErrInterrupted):
			if again, why := m.interrupted(); !again {
				return why
			}
			nc.ClearInterrupt()
		case errors.Is(err, netconn.ErrTimeout) && m.block.timed:
			m.block.timed = false
			m.headerTimeout()
		default:
			return err
		}
	}
}

// interrupted finds out why a read was ended.
func (m *h2Conn) interrupted() (again bool, why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.aborted.Load():
		return false, netconn.ErrInterrupted
	case m.dead:
		return false, io.EOF
	case m.processing > 0:
		return true, nil
	case m.goaway || m.leaving:
		return false, errH2Ended
	case m.idleOver:
		return false, errH2Idle
	}
	return true, nil
}

// skip drops n bytes of a frame.
func (m *h2Conn) skip(n int) error {
	for n > 0 {
		b, err := m.need(1)
		if err != nil {
			return err
		}
		k := min(n, len(b))
		m.c.nc.Consume(k)
		n -= k
	}
	return nil
}

// quit is a graceful shutdown: no more streams, and the connection ends with
// the last. A reload does it too, as nginx's old workers.
func (m *h2Conn) quit() {
	m.mu.Lock()
	m.leaving = true
	busy := m.processing > 0
	if busy && !m.goaway && !m.closing {
		m.goaway = true
		m.out = http2.AppendGoAway(m.out, m.lastID, http2.NoError)
		m.flushLater()
	}
	m.mu.Unlock()
	if !busy {
		m.c.nc.Interrupt()
	}
}

// abort ends the connection and its streams at once.
func (m *h2Conn) abort() {
	m.aborted.Store(true)
	m.c.nc.Interrupt()
}

// armIdle sets the timer that looks whether the connection is idle too long.
// The mutex is held.
func (m *h2Conn) armIdle(d time.Duration) {
	m.idleArmed = true
	if m.idleTimer == nil {
		m.idleTimer = time.AfterFunc(d, m.checkIdle)
		return
	}
	m.idleTimer.Reset(d)
}

func (m *h2Conn) checkIdle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idleArmed = false
	if m.processing > 0 || m.closing {
		return
	}
	if left := time.Until(m.idleUntil); left > 0 {
		m.armIdle(left)
		return
	}
	m.idleOver = true
	m.c.nc.Interrupt()
}

// streamBegins counts a stream; the connection is not idle.
func (m *h2Conn) streamBegins() {
	m.mu.Lock()
	if m.processing++; m.processing == 1 {
		m.c.s.waiting.Add(-1)
	}
	m.mu.Unlock()
}

// streamEnds takes a stream off; with the last one the connection is idle, or
// over.
func (m *h2Conn) streamEnds() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.processing--; m.processing > 0 {
		return
	}
	m.c.s.waiting.Add(1)
	if m.closing {
		return
	}
	if m.goaway || m.leaving {
		m.c.nc.Interrupt()
		return
	}
	keep := m.conf.loc.keepaliveTimeout
	m.idleUntil = time.Now().Add(keep)
	if !m.idleArmed {
		m.armIdle(keep)
	}
}

// finalize ends the connection: every stream, and then itself.
//
// See: ngx_http_v2_finalize_connection.
func (m *h2Conn) finalize(err error) {
	c := m.c
	code, broken := http2.NoError, false
	var fault *h2Fault
	switch {
	case errors.As(err, &fault):
		code = fault.code
		c.rt.errorLog.conn(logInfo, c, "%s while processing HTTP/2 connection", fault.text)
	case err == errH2Ended:
	case err == errH2Idle:
		if len(c.nc.Buffered()) > 0 || m.lastID == 0 && m.totalBytes == 0 {
			code = http2.ProtocolError
			c.rt.errorLog.conn(logInfo, c, "client timed out (110: Connection timed out) while processing HTTP/2 connection")
		}
	default:
		broken = true
	}
	m.mu.Lock()
	m.closing = true
	if errors.Is(err, io.EOF) && m.processing > 0 {
		c.rt.errorLog.conn(logInfo, c, "client prematurely closed connection while processing HTTP/2 connection")
	}
	if !broken && !m.goaway && !m.dead {
		m.goaway = true
		m.out = http2.AppendGoAway(m.out, m.lastID, code)
	}
	if m.idleTimer != nil {
		m.idleTimer.Stop()
	}
	if broken {
		m.dead = true
	}
	streams := make([]*h2Stream, 0, len(m.streams))
	for _, st := range m.streams {
		streams = append(streams, st)
	}
	m.mu.Unlock()
	if !broken {
		c.nc.ClearInterrupt()
		m.mu.Lock()
		for m.flushLocked(); m.flushing || len(m.out) > 0 && !m.dead; m.flushLocked() {
			m.room.Wait()
		}
		m.mu.Unlock()
	}
	for _, st := range streams {
		st.fail()
	}
	m.endBlock()
	m.running.Wait()
	m.mu.Lock()
	m.dead = true
	m.room.Broadcast()
	for m.flushing { // whoever writes notices soon
		m.room.Wait()
	}
	m.out, m.spare = nil, nil
	m.mu.Unlock()
	c.s.waiting.Add(-1)
	core := m.conf.loc.conf.Core
	if broken || core.LingeringClose.V == "off" {
		c.nc.Close()
		return
	}
	c.nc.CloseLinger(core.LingeringTime.V, core.LingeringTimeout.V)
}

// speaksH2 tells whether a connection to an address with HTTP/2 uses it. Over
// TLS the handshake has settled that. Without, "listen … http2" means HTTP/2
// for every client, as in nginx before 1.25; with "http2 on" a client that
// does not begin with the preface speaks HTTP/1.
//
// See: https://nginx.org/en/docs/http/ngx_http_v2_module.html#http2
func (c *conn) speaksH2() bool {
	if c.tls != nil {
		return !c.tls.plain && c.tls.cs.NegotiatedProtocol == "h2"
	}
	if c.addr.http2Always {
		return true
	}
	deadline := time.Now().Add(c.addr.defaultServer.head.headerTimeout)
	for {
		b := c.nc.Buffered()
		n := min(len(b), len(http2.Preface))
		if string(b[:n]) != http2.Preface[:n] {
			return false
		}
		if n == len(http2.Preface) {
			return true
		}
		c.nc.SetReadTimeout(max(time.Until(deadline), time.Millisecond))
		if _, err := c.nc.Fill(h2ReadBuffer); err != nil {
			return false // HTTP/1 finds out why
		}
	}
}
