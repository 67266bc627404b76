package link

import (
	"context"
	"io"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Request is one or more commands. It keeps what go-redis needs to send them,
// so that using it again costs no allocation.
type Request struct {
	words []string // of all commands
	ends  []int    // where each command ends in words
	size  int

	cmds []redis.Cmder
	in   []byte // replies as they came

	// Single commands of few words are sent from here.
	fixed [fixedWords]string
	ready [fixedWords + 1]*redis.RawWriteToCmd // by number of words
}

// fixedWords is the longest command that a Request keeps: SET key value PX ms
// and the like.
const fixedWords = 6

// Begin starts a command of n words.
func (q *Request) Begin(n int) {
	q.ends = append(q.ends, len(q.words)+n)
	q.size += 8
}

// Word adds a word.
func (q *Request) Word(s string) {
	q.words = append(q.words, s)
	q.size += len(s) + 8
}

// Command adds a whole command.
func (q *Request) Command(words ...string) {
	q.Begin(len(words))
	for _, w := range words {
		q.Word(w)
	}
}

// Len is the number of commands.
func (q *Request) Len() int { return len(q.ends) }

// Size is about the number of bytes that are sent.
func (q *Request) Size() int { return q.size }

// Append adds the commands of r.
func (q *Request) Append(r *Request) {
	from := len(q.words)
	q.words = append(q.words, r.words...)
	for _, e := range r.ends {
		q.ends = append(q.ends, from+e)
	}
	q.size += r.size
}

// Reset empties the request for reuse.
func (q *Request) Reset() {
	if cap(q.words) > 1024 || cap(q.in) > 64<<10 {
		q.words, q.ends, q.in, q.cmds = nil, nil, nil, nil
	}
	clear(q.words)
	clear(q.cmds)
	clear(q.fixed[:])
	q.words, q.ends, q.in, q.cmds = q.words[:0], q.ends[:0], q.in[:0], q.cmds[:0]
	q.size = 0
}

// take moves the commands of r to q, which is empty.
func (q *Request) take(r *Request) {
	q.words, r.words = r.words, q.words
	q.ends, r.ends = r.ends, q.ends
	q.size, r.size = r.size, 0
}

// commands makes go-redis's commands, whose replies q collects raw: resty.redis
// shows them as they are, and a reply is only read to its end without being
// parsed here (a Cmd of go-redis 9.23 stops in the middle of an array that
// holds an error of a known kind, such as EXEC's with an OOM in it, and takes
// the rest for the next command's reply).
func (q *Request) commands() []redis.Cmder {
	if len(q.ends) == 1 && len(q.words) <= fixedWords {
		n := len(q.words)
		copy(q.fixed[:], q.words)
		c := q.ready[n]
		if c == nil {
			args := make([]any, n)
			for i := range args {
				args[i] = &q.fixed[i]
			}
			c = redis.NewRawWriteToCmd(context.Background(), q, args...)
			q.ready[n] = c
		}
		c.SetErr(nil)
		q.cmds = append(q.cmds[:0], c)
		return q.cmds
	}
	q.cmds = slices.Grow(q.cmds[:0], len(q.ends))
	args := make([]any, len(q.words))
	for i := range args {
		args[i] = &q.words[i]
	}
	from := 0
	for _, e := range q.ends {
		q.cmds = append(q.cmds, redis.NewRawWriteToCmd(context.Background(), q, args[from:e:e]...))
		from = e
	}
	return q.cmds
}

// err is why a reply is missing, as go-redis tells.
func (q *Request) err() error {
	for _, c := range q.cmds {
		if err := c.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Write collects a piece of a reply.
func (q *Request) Write(p []byte) (int, error) {
	q.in = append(q.in, p...)
	return len(p), nil
}

// ReadFrom collects a bulk of a reply. Memory grows with what arrives, not
// with what its length promises.
func (q *Request) ReadFrom(r io.Reader) (n int64, err error) {
	want := int64(readSize)
	l, limited := r.(*io.LimitedReader)
	for {
		if limited {
			if l.N == 0 {
				return n, nil
			}
			want = min(l.N, max(readSize, int64(len(q.in))))
		}
		q.in = slices.Grow(q.in, int(want))
		k, err := r.Read(q.in[len(q.in) : len(q.in)+int(want)])
		q.in = q.in[:len(q.in)+k]
		n += int64(k)
		if err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}
