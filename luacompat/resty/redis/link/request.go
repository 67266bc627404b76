package link

import "strconv"

// Request is a buffer of encoded commands.
type Request struct {
	buf []byte
	n   int // commands
}

// Begin starts a command of n words.
func (q *Request) Begin(n int) {
	q.n++
	q.buf = append(q.buf, '*')
	q.buf = strconv.AppendInt(q.buf, int64(n), 10)
	q.buf = append(q.buf, '\r', '\n')
}

// Word adds a word.
func (q *Request) Word(s string) {
	q.buf = append(q.buf, '$')
	q.buf = strconv.AppendInt(q.buf, int64(len(s)), 10)
	q.buf = append(q.buf, '\r', '\n')
	q.buf = append(q.buf, s...)
	q.buf = append(q.buf, '\r', '\n')
}

// Command adds a whole command.
func (q *Request) Command(words ...string) {
	q.Begin(len(words))
	for _, w := range words {
		q.Word(w)
	}
}

// Len is the number of commands.
func (q *Request) Len() int { return q.n }

// Size is the number of bytes.
func (q *Request) Size() int { return len(q.buf) }

// Append adds the commands of r.
func (q *Request) Append(r *Request) {
	q.buf = append(q.buf, r.buf...)
	q.n += r.n
}

// Reset empties the buffer for reuse.
func (q *Request) Reset() {
	if cap(q.buf) > 64<<10 {
		q.buf = nil
	}
	q.buf, q.n = q.buf[:0], 0
}
