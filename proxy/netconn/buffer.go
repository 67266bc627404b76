package netconn

import (
	"math/bits"
	"sync"
)

// The size classes of buffers are powers of two from 1 KiB to 64 KiB; what
// is larger is left to the garbage collector.
const (
	minClass = 10
	maxClass = 16
)

// A Buffer is pooled memory with bytes [r:w) of it in use.
type Buffer struct {
	b    []byte
	r, w int
}

var pools [maxClass - minClass + 1]sync.Pool

// NewBuffer returns an empty buffer that holds at least size bytes.
func NewBuffer(size int) *Buffer {
	class := minClass
	if size > 1<<minClass {
		class = bits.Len(uint(size - 1))
	}
	if class > maxClass {
		return &Buffer{b: make([]byte, size)}
	}
	if b, _ := pools[class-minClass].Get().(*Buffer); b != nil {
		return b
	}
	return &Buffer{b: make([]byte, 1<<class)}
}

// Release gives the memory back; no view into it may be used afterwards.
// Releasing nil does nothing.
func (b *Buffer) Release() {
	if b == nil {
		return
	}
	b.r, b.w = 0, 0
	class := bits.Len(uint(len(b.b) - 1))
	if len(b.b) != 1<<class || class < minClass || class > maxClass {
		return
	}
	pools[class-minClass].Put(b)
}

// Bytes are the bytes in use.
func (b *Buffer) Bytes() []byte { return b.b[b.r:b.w] }

// Free is the room behind the bytes in use.
func (b *Buffer) Free() []byte { return b.b[b.w:] }

// Extend declares n bytes of Free as used.
func (b *Buffer) Extend(n int) { b.w += n }

// Len is the number of bytes in use; Cap that of the whole buffer.
func (b *Buffer) Len() int { return b.w - b.r }

// Cap is the size of the whole buffer.
func (b *Buffer) Cap() int { return len(b.b) }

// Reset makes the buffer empty.
func (b *Buffer) Reset() { b.r, b.w = 0, 0 }
