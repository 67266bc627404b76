package proxy

import (
	"encoding/binary"
	"time"

	"huidu/proxy/http2"
)

// frame reads one frame and does what it says.
//
// See: ngx_http_v2_state_head.
func (m *h2Conn) frame() error {
	b, err := m.need(http2.FrameHeaderSize)
	if err != nil {
		return err
	}
	h := http2.ParseFrameHeader(b)
	m.c.nc.Consume(http2.FrameHeaderSize)
	if m.block.open && h.Type != http2.FrameContinuation {
		return h2Fail(http2.ProtocolError, "client sent inappropriate frame while CONTINUATION was expected")
	}
	switch h.Type {
	case http2.FrameData:
		return m.data(h)
	case http2.FrameHeaders:
		return m.headers(h)
	case http2.FramePriority:
		return m.priority(h)
	case http2.FrameRSTStream:
		return m.reset(h)
	case http2.FrameSettings:
		return m.settings(h)
	case http2.FramePushPromise:
		return h2Fail(http2.ProtocolError, "client sent PUSH_PROMISE frame")
	case http2.FramePing:
		return m.ping(h)
	case http2.FrameGoAway:
		if h.Length < 8 {
			return h2Fail(http2.FrameSizeError, "client sent GOAWAY frame with incorrect length %d", h.Length)
		}
		if h.Stream != 0 {
			return h2Fail(http2.ProtocolError, "client sent GOAWAY frame with incorrect identifier")
		}
		return m.skip(h.Length)
	case http2.FrameWindowUpdate:
		return m.windowUpdate(h)
	case http2.FrameContinuation:
		if !m.block.open {
			return h2Fail(http2.ProtocolError, "client sent unexpected CONTINUATION frame")
		}
		if h.Stream != m.block.id {
			return h2Fail(http2.ProtocolError, "client sent CONTINUATION frame with incorrect identifier")
		}
		return m.fragment(h.Length, 0, h.Flags)
	}
	m.c.rt.errorLog.conn(logInfo, m.c, "client sent frame with unknown type %d while processing HTTP/2 connection", h.Type)
	return m.skip(h.Length)
}

// data is a DATA frame: a piece of a request body.
//
// See: ngx_http_v2_state_data.
func (m *h2Conn) data(h http2.FrameHeader) error {
	size, padding := h.Length, 0
	rest := size
	if h.Flags&http2.FlagPadded != 0 {
		if size == 0 {
			return h2Fail(http2.FrameSizeError, "client sent padded DATA frame with incorrect length: 0")
		}
		b, err := m.need(1)
		if err != nil {
			return err
		}
		padding = int(b[0])
		m.c.nc.Consume(1)
		if padding >= size {
			return h2Fail(http2.ProtocolError, "client sent padded DATA frame with incorrect length: %d, padding: %d", size, padding)
		}
		rest -= 1 + padding
	}
	if h.Stream == 0 {
		return h2Fail(http2.ProtocolError, "client sent DATA frame with incorrect identifier")
	}
	if size > m.recvWindow {
		return h2Fail(http2.FlowControlError, "client violated connection flow control: received DATA frame length %d, available window %d",
			size, m.recvWindow)
	}
	if m.recvWindow -= size; m.recvWindow < http2.MaxWindow/4 {
		if err := m.answer(func(b []byte) []byte {
			return http2.AppendWindowUpdate(b, 0, uint32(http2.MaxWindow-m.recvWindow))
		}); err != nil {
			return err
		}
		m.recvWindow = http2.MaxWindow
	}
	m.mu.Lock()
	st := m.streams[h.Stream]
	m.mu.Unlock()
	if st == nil || !st.expects(h, size, rest) {
		return m.skip(rest + padding)
	}
	for rest > 0 {
		b, err := m.need(1)
		if err != nil {
			return err
		}
		b = b[:min(rest, len(b))]
		rest -= len(b)
		m.payloadBytes.Add(int64(len(b)))
		st.push(b, rest)
		m.c.nc.Consume(len(b))
	}
	if h.Flags&http2.FlagEndStream != 0 {
		st.endIn()
	}
	return m.skip(padding)
}

func (m *h2Conn) priority(h http2.FrameHeader) error {
	if h.Length != 5 {
		return h2Fail(http2.FrameSizeError, "client sent PRIORITY frame with incorrect length %d", h.Length)
	}
	if m.priorityLimit--; m.priorityLimit == 0 {
		return h2Fail(http2.EnhanceYourCalm, "client sent too many PRIORITY frames")
	}
	b, err := m.need(5)
	if err != nil {
		return err
	}
	depend := binary.BigEndian.Uint32(b) & 0x7fffffff
	m.c.nc.Consume(5)
	if h.Stream == 0 {
		return h2Fail(http2.ProtocolError, "client sent PRIORITY frame with incorrect identifier")
	}
	if depend == h.Stream {
		m.c.rt.errorLog.conn(logInfo, m.c, "client sent PRIORITY frame for stream %d with incorrect dependency while processing HTTP/2 connection",
			h.Stream)
		m.mu.Lock()
		st := m.streams[h.Stream]
		m.mu.Unlock()
		if st != nil {
			st.terminate(http2.ProtocolError)
			return nil
		}
		return m.answer(func(b []byte) []byte { return http2.AppendRSTStream(b, h.Stream, http2.ProtocolError) })
	}
	return nil
}

// reset is a RST_STREAM frame.
func (m *h2Conn) reset(h http2.FrameHeader) error {
	if h.Length != 4 {
		return h2Fail(http2.FrameSizeError, "client sent RST_STREAM frame with incorrect length %d", h.Length)
	}
	b, err := m.need(4)
	if err != nil {
		return err
	}
	code := http2.Code(binary.BigEndian.Uint32(b))
	m.c.nc.Consume(4)
	if h.Stream == 0 {
		return h2Fail(http2.ProtocolError, "client sent RST_STREAM frame with incorrect identifier")
	}
	m.mu.Lock()
	st := m.streams[h.Stream]
	m.mu.Unlock()
	if st == nil {
		return nil
	}
	log := m.c.rt.errorLog
	const doing = "while processing HTTP/2 connection"
	switch code {
	case http2.Cancel:
		log.conn(logInfo, m.c, "client canceled stream %d %s", h.Stream, doing)
	case http2.RefusedStream:
		log.conn(logInfo, m.c, "client refused stream %d %s", h.Stream, doing)
	case http2.InternalError:
		log.conn(logInfo, m.c, "client terminated stream %d due to internal error %s", h.Stream, doing)
	default:
		log.conn(logInfo, m.c, "client terminated stream %d with status %d %s", h.Stream, code, doing)
	}
	st.fail()
	return nil
}

// settings is a SETTINGS frame.
func (m *h2Conn) settings(h http2.FrameHeader) error {
	if h.Stream != 0 {
		return h2Fail(http2.ProtocolError, "client sent SETTINGS frame with incorrect identifier")
	}
	if h.Flags == http2.FlagAck {
		if h.Length != 0 {
			return h2Fail(http2.FrameSizeError, "client sent SETTINGS frame with the ACK flag and nonzero length")
		}
		m.settingsAck = true
		return nil
	}
	if h.Length%6 != 0 {
		return h2Fail(http2.FrameSizeError, "client sent SETTINGS frame with incorrect length %d", h.Length)
	}
	var delta int64
	for left := h.Length; left > 0; left -= 6 {
		b, err := m.need(6)
		if err != nil {
			return err
		}
		id, value := http2.Setting(binary.BigEndian.Uint16(b)), binary.BigEndian.Uint32(b[2:])
		m.c.nc.Consume(6)
		switch id {
		case http2.SettingInitialWindowSize:
			if value > http2.MaxWindow {
				return h2Fail(http2.FlowControlError, "client sent SETTINGS frame with incorrect INITIAL_WINDOW_SIZE value %d", value)
			}
			delta = int64(value) - m.initWindow
		case http2.SettingMaxFrameSize:
			if value > http2.MaxFrameSize || value < http2.DefaultFrameSize {
				return h2Fail(http2.ProtocolError, "client sent SETTINGS frame with incorrect MAX_FRAME_SIZE value %d", value)
			}
			m.maxFrame.Store(int32(value))
		case http2.SettingEnablePush:
			if value > 1 {
				return h2Fail(http2.ProtocolError, "client sent SETTINGS frame with incorrect ENABLE_PUSH value %d", value)
			}
		case http2.SettingHeaderTableSize:
			m.mu.Lock()
			m.resized = true
			m.mu.Unlock()
		}
	}
	if err := m.answer(func(b []byte) []byte {
		return http2.AppendFrameHeader(b, 0, http2.FrameSettings, http2.FlagAck, 0)
	}); err != nil {
		return err
	}
	if delta == 0 {
		return nil
	}
	m.mu.Lock()
	m.initWindow += delta
	var over []*h2Stream
	for _, st := range m.streams {
		if st.sendWindow+delta > http2.MaxWindow {
			over = append(over, st)
			continue
		}
		st.sendWindow += delta
	}
	m.room.Broadcast()
	m.mu.Unlock()
	for _, st := range over {
		st.terminate(http2.FlowControlError)
	}
	return nil
}

func (m *h2Conn) ping(h http2.FrameHeader) error {
	if h.Length != 8 {
		return h2Fail(http2.FrameSizeError, "client sent PING frame with incorrect length %d", h.Length)
	}
	b, err := m.need(8)
	if err != nil {
		return err
	}
	text := [8]byte(b)
	m.c.nc.Consume(8)
	if h.Stream != 0 {
		return h2Fail(http2.ProtocolError, "client sent PING frame with incorrect identifier")
	}
	if h.Flags&http2.FlagAck != 0 {
		return nil
	}
	return m.answer(func(b []byte) []byte {
		return append(http2.AppendFrameHeader(b, 8, http2.FramePing, http2.FlagAck, 0), text[:]...)
	})
}

func (m *h2Conn) windowUpdate(h http2.FrameHeader) error {
	if h.Length != 4 {
		return h2Fail(http2.FrameSizeError, "client sent WINDOW_UPDATE frame with incorrect length %d", h.Length)
	}
	b, err := m.need(4)
	if err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(b) & 0x7fffffff)
	m.c.nc.Consume(4)
	if n == 0 {
		return h2Fail(http2.ProtocolError, "client sent WINDOW_UPDATE frame with incorrect window increment 0")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.Stream != 0 {
		st := m.streams[h.Stream]
		switch {
		case st == nil:
		case n > http2.MaxWindow-st.sendWindow:
			m.c.rt.errorLog.conn(logInfo, m.c, "client violated flow control for stream %d: received WINDOW_UPDATE frame with window increment %d"+
				" not allowed for window %d while processing HTTP/2 connection", h.Stream, n, st.sendWindow)
			m.mu.Unlock()
			st.terminate(http2.FlowControlError)
			m.mu.Lock()
		default:
			st.sendWindow += n
			m.room.Broadcast()
		}
		return nil
	}
	if n > http2.MaxWindow-m.sendWindow {
		return h2Fail(http2.FlowControlError, "client violated connection flow control: received WINDOW_UPDATE frame with window increment %d"+
			" not allowed for window %d", n, m.sendWindow)
	}
	m.sendWindow += n
	m.room.Broadcast()
	return nil
}

// answer queues a frame that the reader makes. A client that does not read
// what it makes the server say is cut off.
func (m *h2Conn) answer(f func(b []byte) []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.control++; m.control > h2ControlMax {
		return h2Fail(http2.NoError, "http2 flood detected")
	}
	if m.dead {
		return nil
	}
	m.out = f(m.out)
	m.flushLater()
	return nil
}

// headers is a HEADERS frame: it opens a stream.
//
// See: ngx_http_v2_state_headers.
func (m *h2Conn) headers(h http2.FrameHeader) error {
	size := 0
	if h.Flags&http2.FlagPadded != 0 {
		size++
	}
	if h.Flags&http2.FlagPriority != 0 {
		size += 5
	}
	switch {
	case h.Length < size:
		return h2Fail(http2.FrameSizeError, "client sent HEADERS frame with incorrect length %d", h.Length)
	case h.Length == size:
		return h2Fail(http2.FrameSizeError, "client sent HEADERS frame with empty header block")
	}
	m.mu.Lock()
	goaway, last := m.goaway, m.lastID
	m.mu.Unlock()
	b, err := m.need(size)
	if err != nil {
		return err
	}
	length, padding := h.Length-size, 0
	if h.Flags&http2.FlagPadded != 0 {
		padding = int(b[0])
		if b = b[1:]; padding > length {
			return h2Fail(http2.ProtocolError, "client sent padded HEADERS frame with incorrect length: %d, padding: %d", length, padding)
		}
		length -= padding
	}
	depend := uint32(0)
	if h.Flags&http2.FlagPriority != 0 {
		depend = binary.BigEndian.Uint32(b) & 0x7fffffff
	}
	m.c.nc.Consume(size)
	if goaway {
		// Nobody runs it, but the tables of both sides go on.
		m.block = h2Block{id: h.Stream, open: true, room: m.headerRoom()}
		return m.fragment(length, padding, h.Flags)
	}
	if h.Stream%2 == 0 || h.Stream <= last {
		return h2Fail(http2.ProtocolError, "client sent HEADERS frame with incorrect identifier %d, the last was %d", h.Stream, last)
	}
	if depend == h.Stream {
		return h2Fail(http2.ProtocolError, "client sent HEADERS frame for stream %d with incorrect dependency", h.Stream)
	}
	m.mu.Lock()
	m.lastID = h.Stream
	busy := m.processing
	m.mu.Unlock()
	m.block = h2Block{id: h.Stream, open: true, room: m.headerRoom(), ended: h.Flags&http2.FlagEndStream != 0}
	refuse := ""
	switch {
	case busy >= m.maxStreams:
		m.c.rt.errorLog.conn(logInfo, m.c, "concurrent streams exceeded %d while processing HTTP/2 connection", busy)
		refuse = "busy"
	case m.newStreams >= 2*m.maxStreams:
		m.c.rt.errorLog.conn(logInfo, m.c, "client sent too many streams at once while processing HTTP/2 connection")
		refuse = "many"
	case !m.settingsAck && !m.block.ended && m.preread < http2.DefaultWindow:
		m.c.rt.errorLog.conn(logInfo, m.c, "client sent stream with data before settings were acknowledged while processing HTTP/2 connection")
		refuse = "early"
	}
	m.newStreams++
	if refuse != "" {
		if m.refused++; m.refused > max(m.maxStreams, 100) {
			return h2Fail(http2.NoError, "client sent too many refused streams")
		}
		if err := m.answer(func(b []byte) []byte { return http2.AppendRSTStream(b, h.Stream, http2.RefusedStream) }); err != nil {
			return err
		}
		return m.fragment(length, padding, h.Flags)
	}
	m.beginBlock()
	loc := m.conf.loc
	if loc.keepaliveTimeout <= 0 || m.c.nc.Requests >= loc.keepaliveRequests ||
		loc.keepaliveTime > 0 && time.Since(m.c.nc.Created) > loc.keepaliveTime {
		m.mu.Lock()
		m.goaway = true
		m.out = http2.AppendGoAway(m.out, m.lastID, http2.NoError)
		m.flushLater()
		m.mu.Unlock()
	}
	return m.fragment(length, padding, h.Flags)
}
