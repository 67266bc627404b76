package proxy

import (
	"bytes"
	"compress/gzip"
	"slices"
	"sync"
	"time"

	"huidu/nginxconf"
)

// logBuffer is buffer=, flush= and gzip= of access_log: lines are written
// together, compressed where wanted.
type logBuffer struct {
	file  *logFile
	size  int
	every time.Duration
	level int // of gzip; 0: none
	users int // guarded by the file's lock

	mu    sync.Mutex
	buf   []byte
	timer *time.Timer // runs while something waits
}

func newLogBuffer(f *logFile, conf *nginxconf.AccessLog) *logBuffer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.buffers) > 0 { // one file, one order of lines
		f.buffers[0].users++
		return f.buffers[0]
	}
	b := &logBuffer{users: 1, file: f, size: int(conf.Buffer), every: conf.Flush, level: conf.Gzip, buf: make([]byte, 0, conf.Buffer)}
	f.buffers = append(f.buffers, b)
	return b
}

// write keeps a line until the buffer is full or its time has come.
func (b *logBuffer) write(line []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(line) > b.size-len(b.buf) {
		b.flushLocked()
	}
	if len(line) > b.size {
		b.put(line)
		return
	}
	b.buf = append(b.buf, line...)
	if b.every > 0 && b.timer == nil {
		b.timer = time.AfterFunc(b.every, b.flush)
	}
}

// flush writes what waits.
func (b *logBuffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flushLocked()
}

func (b *logBuffer) flushLocked() {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if len(b.buf) > 0 {
		b.put(b.buf)
		b.buf = b.buf[:0]
	}
}

func (b *logBuffer) put(p []byte) {
	if b.level == 0 {
		b.file.write(p)
		return
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, b.level)
	if err != nil {
		return
	}
	z.Write(p)
	z.Close()
	b.file.write(out.Bytes())
}

// close writes what waits and forgets the file.
func (b *logBuffer) close() {
	b.flush()
	b.file.mu.Lock()
	if b.users--; b.users == 0 {
		b.file.buffers = slices.DeleteFunc(b.file.buffers, func(o *logBuffer) bool { return o == b })
	}
	b.file.mu.Unlock()
}

// flushBuffers writes what waits for a file, before it is opened again.
func (l *logFile) flushBuffers() {
	l.mu.Lock()
	list := slices.Clone(l.buffers)
	l.mu.Unlock()
	for _, b := range list {
		b.flush()
	}
}
