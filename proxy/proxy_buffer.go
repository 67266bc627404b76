package proxy

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"huidu/proxy/http1"
	"huidu/proxy/netconn"
	"huidu/proxy/upstream"
)

// sendResponse passes header and body of the response on. A body that is
// there already frees the upstream's connection before the client is written
// to, and leaves with the header in one system call.
//
// See: ngx_http_upstream_send_response.
func (st *upstreamState) sendResponse(r *Request) rc {
	if st.upgrade {
		st.caching.release()
		return st.tunnel(r)
	}
	if !st.buffering {
		r.limitRate, r.limitSet = 0, true
	}
	if st.caching.entry != nil {
		// What is cached is decided when the header has gone through the
		// filters, as in nginx.
		r.beforeHead = st.takeFirst
	} else {
		st.takeFirst(r)
	}
	c := r.sendHeader()
	r.beforeHead = nil
	if c != ok {
		return c
	}
	st.headerDone = true
	body, complete, derr := st.first.body, st.first.complete, st.first.err
	st.first = firstPiece{}
	if r.headerOnly {
		if st.filling() && !complete && derr == nil {
			st.fillOn(r)
		}
		return ok
	}
	switch {
	case derr != nil:
		return failed // what has not been written yet never is
	case complete:
		return r.output(body, last)
	}
	return st.transfer(r, body)
}

// firstPiece is the part of the body that came with the header.
type firstPiece struct {
	body     []byte
	complete bool
	err      error
}

// takeFirst takes that part, and ends the try if it is all.
func (st *upstreamState) takeFirst(r *Request) {
	if st.caching.entry != nil {
		st.beginFill(r)
		if r.headerOnly && !st.filling() {
			return
		}
	}
	st.openStore(r)
	f := &st.first
	f.body, f.complete, f.err = st.decode(r, st.rest)
	if f.err == nil {
		f.err = st.tee(r, f.body)
	}
	if f.complete {
		st.keepBody(r)
		st.unwatch()
		st.endTry(r)
	}
}

// decode takes the framing off a piece of the body, in place. complete tells
// that the body ends with it.
//
// See: ngx_http_proxy_copy_filter, ngx_http_proxy_chunked_filter.
func (st *upstreamState) decode(r *Request, p []byte) (payload []byte, complete bool, err error) {
	const doing = "reading upstream"
	if st.conf.fastcgi != nil {
		return st.decodeFastCGI(r, p)
	}
	keep := !st.parser.Head.ConnectionClose()
	switch st.framing.Kind {
	case http1.FramingNone:
		if len(p) > 0 && !st.headReq {
			r.logf(logWarn, "upstream sent more data than specified in \"Content-Length\" header while %s", doing)
		}
		st.keepalive = st.keepalive && len(p) == 0
		return nil, true, nil
	case http1.FramingClose:
		return p, false, nil
	case http1.FramingLength:
		if n := int64(len(p)); n > st.left {
			r.logf(logWarn, "upstream sent more data than specified in \"Content-Length\" header while %s", doing)
			p, keep = p[:st.left], false
		}
		st.left -= int64(len(p))
		if st.left == 0 {
			st.keepalive = keep
			return p, true, nil
		}
		return p, false, nil
	}
	payload, rest, complete, err := st.chunks.Compact(p)
	if err != nil {
		r.logf(logError, "upstream sent invalid chunked response while %s", doing)
		st.keepalive, st.broken = false, true
		return payload, false, err
	}
	if complete {
		st.keepalive = keep && len(rest) == 0
		if len(rest) > 0 {
			r.logf(logWarn, "upstream sent data after final chunk while %s", doing)
		}
	}
	return payload, complete, nil
}

// errPremature ends a body that the upstream did not finish.
var errPremature = errors.New("upstream prematurely closed connection")

// readPiece reads the next piece of the body into buf. complete tells that
// it is the last; the error has been logged.
func (st *upstreamState) readPiece(r *Request, buf []byte) (payload []byte, complete bool, err error) {
	const doing = "reading upstream"
	n, err := st.conn.Read(buf)
	if n > 0 {
		return st.decode(r, buf[:n])
	}
	switch {
	case err == io.EOF && (st.framing.Kind == http1.FramingClose || st.conf.fastcgi != nil && st.left <= 0):
		return nil, true, nil
	case st.gone.Load():
		st.clientGone(r, doing)
	case err == io.EOF:
		r.logf(logError, "upstream prematurely closed connection while %s", doing)
		err = errPremature
	case errors.Is(err, netconn.ErrTimeout):
		r.logf(logError, "upstream timed out (%s) while %s", upstream.ErrnoText(syscall.ETIMEDOUT), doing)
	case errors.Is(err, netconn.ErrInterrupted):
	default:
		r.logf(logError, "%s while %s", upstream.CallError("recv()", err), doing)
	}
	st.keepalive = false
	return nil, false, err
}

// transfer passes the rest of the body on as it comes. As long as the client
// keeps up, one goroutine reads and writes. When a write does not come to an
// end, a spool takes over the reading, so that the upstream is done with the
// response no matter how slow the client is: the first proxy_buffers in
// memory, the rest in a temporary file.
func (st *upstreamState) transfer(r *Request, first []byte) rc {
	fl := outFlag(0)
	if !st.buffering {
		fl = flush
	}
	if len(first) > 0 || fl != 0 {
		if c := r.output(first, fl); c != ok {
			return st.clientLost(r, c)
		}
	}
	st.conn.SetReadTimeout(st.readTimeout)
	rate := newReadRate(st, r)
	rate.count(len(st.rest))
	var sp *spool
	if st.buffering {
		sp = newSpool(st, r, rate)
		defer sp.end()
	}
	buf := netconn.NewBuffer(st.conf.bufferSize)
	defer func() { buf.Release() }()
	for {
		room := rate.wait(st, buf.Free())
		payload, complete, err := st.readPiece(r, room)
		if err == nil {
			err = st.tee(r, payload)
		}
		if err != nil {
			return st.bodyFailed(r, payload)
		}
		rate.count(len(payload))
		if complete {
			st.keepBody(r)
			st.unwatch()
			st.endTry(r)
			return r.output(payload, last)
		}
		if len(payload) == 0 {
			continue
		}
		grow := len(payload) >= len(room)*3/4
		if sp.begin() {
			c := r.output(payload, fl)
			if taken := sp.finish(); taken {
				return sp.drain(r, c)
			} else if c != ok {
				return st.clientLost(r, c)
			}
		} else if c := r.output(payload, fl); c != ok {
			return st.clientLost(r, c)
		}
		if grow && st.buffering && buf.Cap() < st.conf.bodyRead {
			buf.Release()
			buf = netconn.NewBuffer(st.conf.bodyRead)
		}
	}
}

// bodyFailed ends a response whose body cannot be completed: what there is
// goes out, and the connection is closed so that the client notices.
func (st *upstreamState) bodyFailed(r *Request, payload []byte) rc {
	if st.gone.Load() {
		return statusClientClosed
	}
	if st.broken {
		return failed
	}
	r.keepalive = false
	if c := r.output(payload, flush); c != ok {
		return c
	}
	return done
}

// readRate is proxy_limit_rate. As in nginx, the budget is one of whole
// seconds of the clock.
type readRate struct {
	rate  int64
	start int64 // Unix seconds
	read  int64
}

func newReadRate(st *upstreamState, r *Request) *readRate {
	if st.conf.limitRate == nil || !st.buffering {
		return nil
	}
	n, err := parseSize(st.conf.limitRate.eval(r))
	if err != nil || n <= 0 {
		return nil
	}
	return &readRate{rate: n, start: time.Now().Unix()}
}

func (l *readRate) count(n int) {
	if l != nil {
		l.read += int64(n)
	}
}

// wait holds the next read back until the budget allows it, and cuts buf to
// what it allows.
func (l *readRate) wait(st *upstreamState, buf []byte) []byte {
	if l == nil {
		return buf
	}
	for {
		now := time.Now()
		allowed := l.rate*(now.Unix()-l.start+1) - l.read
		if allowed > 0 || st.gone.Load() {
			return buf[:max(1, min(int64(len(buf)), allowed))]
		}
		// At the next second, unless more than one is owed.
		owed := time.Duration(-allowed/l.rate) * time.Second
		due := now.Truncate(time.Second).Add(time.Second + owed)
		time.Sleep(min(time.Until(due), 100*time.Millisecond))
	}
}

// stuckAfter is how long a write to the client may take, about, before the
// reading is taken over.
const stuckAfter = 20 * time.Millisecond

// spool stands between an upstream that is faster than the client. Until a
// write gets stuck it only watches.
type spool struct {
	st   *upstreamState
	r    *Request
	rate *readRate

	mu      sync.Mutex
	cond    sync.Cond
	timer   *time.Timer
	writing bool
	writes  int
	seen    int // writes at the last look
	taken   bool
	over    bool

	queue  []*netconn.Buffer
	mem    int
	file   *os.File
	rd, wr int64 // what the file holds
	done   bool
	lost   bool // the client is gone; the body is only kept
	err    error
	exited chan struct{}
}

func newSpool(st *upstreamState, r *Request, rate *readRate) *spool {
	sp := &spool{st: st, r: r, rate: rate}
	sp.cond.L = &sp.mu
	return sp
}

// begin marks the start of a write; false without a spool.
func (sp *spool) begin() bool {
	if sp == nil {
		return false
	}
	sp.mu.Lock()
	sp.writing = true
	sp.writes++
	if sp.timer == nil {
		sp.timer = time.AfterFunc(stuckAfter, sp.look)
	}
	sp.mu.Unlock()
	return true
}

// finish marks the end of a write and tells whether the reading was taken
// over meanwhile.
func (sp *spool) finish() (taken bool) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.writing = false
	return sp.taken
}

// look takes the reading over when the write that was under way last time
// still is.
func (sp *spool) look() {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.over || sp.taken {
		return
	}
	if sp.writing && sp.seen == sp.writes {
		sp.taken = true
		sp.exited = make(chan struct{})
		go sp.pump()
		return
	}
	sp.seen = 0
	if sp.writing {
		sp.seen = sp.writes
	}
	sp.timer.Reset(stuckAfter)
}

// end stops everything that may still run for the response.
func (sp *spool) end() {
	sp.mu.Lock()
	sp.over = true
	if sp.timer != nil {
		sp.timer.Stop()
	}
	exited := sp.exited
	sp.cond.Broadcast()
	sp.mu.Unlock()
	if exited != nil {
		sp.st.mu.Lock()
		if c := sp.st.conn; c != nil {
			c.Interrupt()
		}
		sp.st.mu.Unlock()
		<-exited
	}
	for _, b := range sp.queue {
		b.Release()
	}
	if sp.file != nil {
		sp.file.Close()
		os.Remove(sp.file.Name())
	}
}

// pump reads the rest of the body, whether or not it can be written.
func (sp *spool) pump() {
	defer close(sp.exited)
	st, r := sp.st, sp.r
	for {
		sp.mu.Lock()
		for !sp.over && sp.full() {
			sp.cond.Wait()
		}
		over := sp.over
		sp.mu.Unlock()
		if over {
			return
		}
		buf := netconn.NewBuffer(min(st.conf.bodyRead, 16<<10))
		payload, complete, err := st.readPiece(r, sp.rate.wait(st, buf.Free()))
		if err == nil {
			err = st.tee(r, payload)
		}
		sp.rate.count(len(payload))
		if complete && err == nil {
			st.keepBody(r)
			st.endTry(r)
		}
		sp.mu.Lock()
		if serr := sp.put(buf, payload); err == nil {
			err = serr
		}
		sp.done, sp.err = complete, err
		sp.cond.Broadcast()
		sp.mu.Unlock()
		if complete || err != nil {
			return
		}
	}
}

// full tells that nothing more can be kept until the client takes some.
func (sp *spool) full() bool {
	if sp.lost {
		return false
	}
	if sp.mem < sp.st.conf.bufsSize && sp.rd == sp.wr {
		return false
	}
	return sp.wr >= sp.st.conf.maxTemp
}

// put keeps one piece, in memory as long as there is room.
func (sp *spool) put(buf *netconn.Buffer, payload []byte) error {
	if len(payload) == 0 || sp.lost {
		buf.Release()
		return nil
	}
	if sp.rd == sp.wr && sp.mem < sp.st.conf.bufsSize {
		// The payload begins where the buffer does: decode works in place.
		buf.Extend(len(payload))
		sp.queue = append(sp.queue, buf)
		sp.mem += len(payload)
		return nil
	}
	defer buf.Release()
	if sp.file == nil {
		f, err := sp.r.rt.tempFile(sp.st.conf.tempDir, "proxy_temp")
		if err != nil {
			sp.r.logf(logCrit, "%v while reading upstream", err)
			return err
		}
		sp.file = f
		sp.r.logf(logWarn, "an upstream response is buffered to a temporary file %s while reading upstream", f.Name())
	}
	if _, err := sp.file.WriteAt(payload, sp.wr); err != nil {
		sp.r.logf(logCrit, "pwrite() \"%s\" failed (%s) while reading upstream", sp.file.Name(), errnoText(err))
		return err
	}
	sp.wr += int64(len(payload))
	return nil
}

// drain writes what the pump has kept until there is no more. c is how the
// write ended during which it began.
func (sp *spool) drain(r *Request, c rc) rc {
	for c == ok {
		sp.mu.Lock()
		for len(sp.queue) == 0 && sp.rd == sp.wr && !sp.done && sp.err == nil {
			sp.cond.Wait()
		}
		switch {
		case len(sp.queue) > 0:
			buf := sp.queue[0]
			sp.queue = sp.queue[1:]
			sp.mu.Unlock()
			n := buf.Len()
			c = r.output(buf.Bytes(), 0)
			buf.Release()
			sp.mu.Lock()
			sp.mem -= n
		case sp.rd < sp.wr:
			from, n := sp.rd, min(sp.wr-sp.rd, 1<<20)
			sp.mu.Unlock()
			c = r.outputFile(sp.file, from, n, 0)
			sp.mu.Lock()
			if sp.rd += n; sp.rd == sp.wr && len(sp.queue) == 0 {
				sp.rd, sp.wr = 0, 0
			}
		case sp.err != nil:
			sp.mu.Unlock()
			return sp.st.bodyFailed(r, nil)
		default:
			sp.mu.Unlock()
			return r.output(nil, last)
		}
		sp.cond.Broadcast()
		sp.mu.Unlock()
	}
	if sp.st.filling() {
		sp.mu.Lock()
		sp.lost = true
		sp.cond.Broadcast()
		for !sp.done && sp.err == nil {
			sp.cond.Wait()
		}
		sp.mu.Unlock()
	}
	return c
}
