package proxy

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// h2Output is the output queue of an HTTP/2 connection. Frames are appended
// to out under the connection's mutex; whoever flushes writes all that is
// there without holding it, and what others append meanwhile goes out
// with the next write.
type h2Output struct {
	out, spare []byte
	flushing   bool
	room       sync.Cond // frames were written, or a window grew
	sent       atomic.Int64
	control    int // frames of the reader's that wait to be written
	aborted    atomic.Bool
}

// h2QueueMax is how much may wait to be written before streams wait.
const h2QueueMax = 64 << 10

// h2FlushRounds is how many writes a stream does for itself and others.
const h2FlushRounds = 8

// h2ControlMax is nginx's limit of answers that a client makes wait.
const h2ControlMax = 10000

// flush writes what is queued. When somebody else is writing already, that
// one does it.
func (m *h2Conn) flush() {
	m.mu.Lock()
	m.flushLocked()
	m.mu.Unlock()
}

// flushLocked writes until the queue is empty. The mutex is held, and
// released while writing.
func (m *h2Conn) flushLocked() {
	if m.flushing {
		return
	}
	m.flushing = true
	if m.processing > 1 && !m.closing && len(m.out) < h2FlushAt {
		// Other streams' responses may be as good as ready: let them join
		// this write, as nginx writes once for all that one read asked for.
		m.mu.Unlock()
		runtime.Gosched()
		m.mu.Lock()
	}
	for rounds := 0; len(m.out) > 0 && !m.dead; rounds++ {
		if rounds == h2FlushRounds { // others write on and on: let somebody else do it
			m.flushing = false
			m.flushLater()
			return
		}
		b := m.out
		m.out, m.spare = m.spare[:0], nil
		m.control = 0
		m.mu.Unlock()
		_, err := m.c.nc.Write(b)
		m.mu.Lock()
		m.sent.Add(int64(len(b)))
		if cap(b) <= 2*h2QueueMax {
			m.spare = b[:0]
		}
		if err != nil {
			m.dead = true
			if !m.closing {
				m.c.nc.Interrupt()
			}
		}
		m.room.Broadcast()
	}
	if m.dead {
		m.out = nil
	}
	m.flushing = false
	if m.processing == 0 { // an idle connection holds no memory
		if len(m.out) == 0 {
			m.out = nil
		}
		m.spare = nil
	}
	m.room.Broadcast()
}

// flushLater has what is queued written without waiting for it: the reader
// must go on reading. The mutex is held.
func (m *h2Conn) flushLater() {
	if m.flushing || len(m.out) == 0 || m.dead {
		return
	}
	m.flushing = true
	m.running.Add(1)
	m.c.s.h2.run(h2Work{m: m})
}
