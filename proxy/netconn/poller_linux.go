package netconn

import (
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sockets are watched by an epoll instance of our own, edge-triggered, whose
// file descriptor in turn is watched by the Go runtime. The runtime's poller
// forgets an edge when a read begins, so net.Conn must try a read that
// mostly fails before every wait; with our own edges, kept in a flag per
// direction as nginx does, a read is tried only when there is something to
// read. That, and raw system calls for what cannot block, is a quarter of
// the CPU time of a proxied request.
//
// One goroutine per poller takes the events in batches, wakes the goroutines
// that wait and yields to them, so that under load the program alternates
// between one epoll_wait and everything that is ready.

// The states of one direction of a socket. Whoever moves it away from
// dirWaiting sends the one token that the waiter takes.
const (
	dirIdle uint32 = iota
	dirReady
	dirWaiting
	dirTimedOut
)

// direction is the readiness of a socket for reading or for writing.
type direction struct {
	state    atomic.Uint32
	deadline atomic.Int64 // the poller's tick, 0: none
	wake     chan struct{}
	timer    *time.Timer
}

// signal marks the direction ready and wakes its waiter.
func (d *direction) signal() {
	if d.state.Load() == dirReady {
		return
	}
	if d.state.Swap(dirReady) == dirWaiting {
		d.wake <- struct{}{}
	}
}

// rouse wakes the waiter without the direction being ready.
func (d *direction) rouse() {
	if d.state.CompareAndSwap(dirWaiting, dirIdle) {
		d.wake <- struct{}{}
	}
}

// expire wakes the waiter if its coarse deadline has come, and returns the
// deadline if it has not.
func (d *direction) expire(tick int64) (next int64) {
	at := d.deadline.Load()
	if at == 0 || d.state.Load() != dirWaiting {
		return math.MaxInt64
	}
	if at > tick {
		return at
	}
	d.timeout()
	return math.MaxInt64
}

// timeout wakes the waiter, who checks whether it is really time.
func (d *direction) timeout() {
	if d.state.CompareAndSwap(dirWaiting, dirTimedOut) {
		d.wake <- struct{}{}
	}
}

// wait blocks until the direction is ready, the timeout is over, or the
// socket is interrupted.
func (s *sock) wait(d *direction, timeout time.Duration) error {
	if d.state.Load() == dirReady {
		return nil
	}
	if s.interrupted.Load() {
		return s.interruption()
	}
	if d.wake == nil {
		d.wake = make(chan struct{}, 1)
	}
	var tick int64
	switch {
	case timeout <= 0:
	case timeout < preciseTimeout:
		return s.waitPrecisely(d, timeout)
	default:
		// No clock is read: ticks go on while somebody counts on them.
		tick = s.poller.tick.Load() + int64((timeout+scanInterval-1)/scanInterval) + 1
	}
	for {
		d.deadline.Store(tick)
		if !d.state.CompareAndSwap(dirIdle, dirWaiting) {
			return nil // ready
		}
		if s.interrupted.Load() {
			d.rouse()
		}
		if tick != 0 {
			s.poller.soonest(tick)
		}
		<-d.wake
		switch {
		case d.state.Load() == dirReady:
			return nil
		case s.interrupted.Load():
			d.state.CompareAndSwap(dirTimedOut, dirIdle)
			return s.interruption()
		case d.state.CompareAndSwap(dirTimedOut, dirIdle) && tick != 0 && s.poller.tick.Load() >= tick:
			return ErrTimeout
		}
	}
}

// waitPrecisely is wait with a timer of the direction's own.
func (s *sock) waitPrecisely(d *direction, timeout time.Duration) error {
	d.deadline.Store(0)
	end := time.Now().Add(timeout)
	for {
		if !d.state.CompareAndSwap(dirIdle, dirWaiting) {
			return nil
		}
		if s.interrupted.Load() {
			d.rouse()
		}
		if d.timer == nil {
			d.timer = time.AfterFunc(timeout, d.timeout)
		} else {
			d.timer.Reset(timeout)
		}
		<-d.wake
		d.timer.Stop()
		switch {
		case d.state.Load() == dirReady:
			return nil
		case s.interrupted.Load():
			d.state.CompareAndSwap(dirTimedOut, dirIdle)
			return s.interruption()
		case d.state.CompareAndSwap(dirTimedOut, dirIdle):
			// The timer of an earlier wait may have been late.
			if timeout = time.Until(end); timeout <= 0 {
				return ErrTimeout
			}
		}
	}
}

// sock is a socket driven directly.
type sock struct {
	// refs counts the operations under way; closedBias is added when the
	// socket is closed. The descriptor is closed by whoever leaves last,
	// so no operation can hit a descriptor that is already another's.
	refs   atomic.Int32
	fd     int
	gen    int32
	unix   bool
	poller *poller
	r, w   direction

	// hup is set for good when the peer has ended its direction or the
	// connection is broken.
	hup         atomic.Bool
	interrupted atomic.Bool
	watch       watch
}

// interrupt wakes whoever waits on the socket.
func (s *sock) interrupt() {
	s.interrupted.Store(true)
	s.r.rouse()
	s.w.rouse()
}

// event is called by the poller.
func (s *sock) event(events uint32) {
	const gone = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if events&gone != 0 {
		s.hup.Store(true)
	}
	if events&(unix.EPOLLIN|gone) != 0 {
		s.r.signal()
		s.watch.event(events&gone != 0, (*sock).empty, s)
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.w.signal()
	}
}

type poller struct {
	fd   int
	file *os.File // keeps the runtime's watch on fd
	gens atomic.Int32

	files chan struct{} // holds one for each sendfile under way

	chunks [1024]atomic.Pointer[pollChunk] // by fd
	tick   atomic.Int64                    // grows every scanInterval while deadlines exist
	next   atomic.Int64                    // no deadline is earlier
	scan   sync.Mutex                      // held to start the scanner
	active bool                            // the scanner runs
}

const pollChunkSize = 1024

type pollChunk [pollChunkSize]atomic.Pointer[sock]

var pollers struct {
	once sync.Once
	all  []*poller
	err  error
}

// pollerFor returns the poller in charge of a descriptor.
func pollerFor(fd int) (*poller, error) {
	pollers.once.Do(func() {
		n := (runtime.GOMAXPROCS(0) + 3) / 4
		for range n {
			p, err := newPoller((runtime.GOMAXPROCS(0) + n - 1) / n)
			if err != nil {
				pollers.err = err
				return
			}
			pollers.all = append(pollers.all, p)
		}
	})
	if pollers.err != nil {
		return nil, pollers.err
	}
	return pollers.all[fd%len(pollers.all)], nil
}

func newPoller(processors int) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// A descriptor must be non-blocking for the runtime to watch it.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), files: make(chan struct{}, processors)}
	p.next.Store(math.MaxInt64)
	raw, err := p.file.SyscallConn()
	if err != nil {
		p.file.Close()
		return nil, err
	}
	go p.run(raw)
	return p, nil
}

// run takes events for the life of the process.
func (p *poller) run(raw syscall.RawConn) {
	events := make([]unix.EpollEvent, 256)
	n := 0
	take := func(fd uintptr) bool {
		for {
			r, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd,
				uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
			if errno != unix.EINTR {
				n = int(r)
				return errno == 0 && n > 0
			}
		}
	}
	for {
		if err := raw.Read(take); err != nil {
			panic(fmt.Sprintf("netconn: epoll: %v", err))
		}
		// Go runs the goroutine that was woken last before the others: the
		// first event goes last, so that all are dealt with in their order.
		for i := range events[:n] {
			e := &events[(i+1)%n]
			if s := p.lookup(int(e.Fd)); s != nil && s.gen == e.Pad {
				s.event(e.Events)
			}
		}
		runtime.Gosched()
	}
}

func (p *poller) slot(fd int, create bool) *atomic.Pointer[sock] {
	if fd/pollChunkSize >= len(p.chunks) {
		return nil
	}
	at := &p.chunks[fd/pollChunkSize]
	c := at.Load()
	if c == nil {
		if !create {
			return nil
		}
		at.CompareAndSwap(nil, new(pollChunk))
		c = at.Load()
	}
	return &c[fd%pollChunkSize]
}

func (p *poller) lookup(fd int) *sock {
	if at := p.slot(fd, false); at != nil {
		return at.Load()
	}
	return nil
}

// register begins to watch a non-blocking socket.
func (s *sock) register(fd int) error {
	p, err := pollerFor(fd)
	if err != nil {
		return err
	}
	at := p.slot(fd, true)
	if at == nil {
		return unix.EMFILE
	}
	s.fd, s.poller, s.gen = fd, p, p.gens.Add(1)
	at.Store(s)
	e := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     int32(fd), Pad: s.gen,
	}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		at.Store(nil)
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

const closedBias = -1 << 30

// enter begins an operation; false: the socket is closed.
func (s *sock) enter() bool {
	for {
		n := s.refs.Load()
		if n < 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave ends an operation.
func (s *sock) leave() {
	if s.refs.Add(-1) == closedBias {
		s.closeFD()
	}
}

// close ends the watch, all operations, and closes the descriptor. It may be
// called from any goroutine.
func (s *sock) close() error {
	for {
		n := s.refs.Load()
		if n < 0 {
			return net.ErrClosed
		}
		if s.refs.CompareAndSwap(n, n+closedBias) {
			if s.poller != nil {
				s.poller.slot(s.fd, true).Store(nil)
			}
			if n == 0 {
				return s.closeFD()
			}
			s.interrupt()
			return nil
		}
	}
}

func (s *sock) closeFD() error {
	if t := s.r.timer; t != nil {
		t.Stop()
	}
	if t := s.w.timer; t != nil {
		t.Stop()
	}
	return os.NewSyscallError("close", unix.Close(s.fd))
}

// interruption is why waiting has ended.
func (s *sock) interruption() error {
	if s.refs.Load() < 0 {
		return net.ErrClosed
	}
	return ErrInterrupted
}

// soonest makes sure that the scanner looks at deadlines by then.
func (p *poller) soonest(at int64) {
	for {
		next := p.next.Load()
		if next <= at {
			return
		}
		if p.next.CompareAndSwap(next, at) {
			break
		}
	}
	p.scan.Lock()
	if !p.active {
		p.active = true
		go p.scanner()
	}
	p.scan.Unlock()
}

// scanner wakes waiters whose coarse deadlines have passed. It ends when
// nobody has one.
func (p *poller) scanner() {
	t := time.NewTicker(scanInterval)
	defer t.Stop()
	for {
		<-t.C
		tick := p.tick.Add(1)
		if p.next.Load() > tick {
			if p.next.Load() != math.MaxInt64 {
				continue
			}
			p.scan.Lock()
			if p.next.Load() == math.MaxInt64 {
				p.active = false
				p.scan.Unlock()
				return
			}
			p.scan.Unlock()
			continue
		}
		// A waiter stores its deadline before it looks at next: it is
		// either seen below or lowers next again.
		p.next.Store(math.MaxInt64)
		soonest := int64(math.MaxInt64)
		for i := range p.chunks {
			c := p.chunks[i].Load()
			if c == nil {
				continue
			}
			for j := range c {
				if s := c[j].Load(); s != nil {
					soonest = min(soonest, s.r.expire(tick), s.w.expire(tick))
				}
			}
		}
		if soonest != math.MaxInt64 {
			for {
				next := p.next.Load()
				if next <= soonest || p.next.CompareAndSwap(next, soonest) {
					break
				}
			}
		}
	}
}
