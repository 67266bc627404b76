package netconn

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// await waits until a read is worth trying.
func (s *sock) await(timeout time.Duration) error { return s.wait(&s.r, timeout) }

// recv reads at least one byte, waiting for it.
func (s *sock) recv(p []byte, timeout time.Duration) (int, error) {
	for {
		if err := s.wait(&s.r, timeout); err != nil {
			return 0, err
		}
		// The flag falls before the call: what comes later raises it.
		s.r.state.Store(dirIdle)
		r, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
		n := int(r)
		switch {
		case errno == unix.EINTR:
			s.r.state.CompareAndSwap(dirIdle, dirReady)
			continue
		case errno == unix.EAGAIN:
			continue
		case errno != 0:
			s.r.state.CompareAndSwap(dirIdle, dirReady)
			return 0, os.NewSyscallError("recv", errno)
		case n == 0:
			s.r.state.CompareAndSwap(dirIdle, dirReady)
			return 0, io.EOF
		}
		// A short read emptied the socket, and more raises the flag,
		// unless the end is all that is left to see. A unix socket may
		// stop at the border of a message.
		if n == len(p) || s.unix || s.hup.Load() {
			s.r.state.CompareAndSwap(dirIdle, dirReady)
		}
		return n, nil
	}
}

// empty tells that nothing can be read now. Unlike quiet it leaves the
// state of the direction alone, so that any goroutine may ask.
func (s *sock) empty() bool {
	if s.hup.Load() || !s.enter() {
		return false
	}
	defer s.leave()
	var b [1]byte
	_, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd),
		uintptr(unsafe.Pointer(&b[0])), 1, unix.MSG_PEEK, 0, 0)
	return errno == unix.EAGAIN
}

// quiet tells whether the socket has neither bytes nor an end to read.
func (s *sock) quiet() bool {
	if s.hup.Load() || !s.enter() {
		return false
	}
	defer s.leave()
	if s.r.state.Load() != dirReady {
		return true
	}
	s.r.state.Store(dirIdle)
	var b [1]byte
	_, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd),
		uintptr(unsafe.Pointer(&b[0])), 1, unix.MSG_PEEK, 0, 0)
	if errno == unix.EAGAIN {
		return true
	}
	s.r.state.CompareAndSwap(dirIdle, dirReady)
	return false
}

// send writes all of p.
func (s *sock) send(p []byte, timeout time.Duration) (done int, err error) {
	for done < len(p) {
		s.w.state.Store(dirIdle)
		r, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd),
			uintptr(unsafe.Pointer(&p[done])), uintptr(len(p)-done), unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			done += int(r)
			if done == len(p) {
				return done, nil
			}
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			return done, os.NewSyscallError("send", errno)
		}
		if err := s.wait(&s.w, timeout); err != nil {
			return done, err
		}
	}
	return done, nil
}

// maxIov is how many pieces go into one call.
const maxIov = 16

// sendv writes all of the pieces.
func (s *sock) sendv(bufs [][]byte, timeout time.Duration) (done int64, err error) {
	var iov [maxIov]unix.Iovec
	skip := 0 // bytes of bufs[0] that are written
	for {
		n, want := 0, 0
		for i := range bufs {
			b := bufs[i]
			if i == 0 {
				b = b[skip:]
			}
			if len(b) == 0 {
				continue
			}
			iov[n].Base = unsafe.SliceData(b)
			iov[n].SetLen(len(b))
			want += len(b)
			if n++; n == maxIov {
				break
			}
		}
		if n == 0 {
			return done, nil
		}
		var msg unix.Msghdr
		msg.Iov = &iov[0]
		msg.SetIovlen(n)
		s.w.state.Store(dirIdle)
		r, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(s.fd),
			uintptr(unsafe.Pointer(&msg)), unix.MSG_NOSIGNAL)
		switch errno {
		case 0:
			done += int64(r)
			left := int(r)
			for left > 0 {
				if m := len(bufs[0]) - skip; left >= m {
					left -= m
					bufs, skip = bufs[1:], 0
				} else {
					skip += left
					left = 0
				}
			}
			for len(bufs) > 0 && len(bufs[0]) == skip {
				bufs, skip = bufs[1:], 0
			}
			if len(bufs) == 0 {
				return done, nil
			}
			if int(r) == want {
				continue
			}
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			return done, os.NewSyscallError("sendmsg", errno)
		}
		if err := s.wait(&s.w, timeout); err != nil {
			return done, err
		}
	}
}

func (s *sock) shutdown(how int) error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	return os.NewSyscallError("shutdown", unix.Shutdown(s.fd, how))
}

func (s *sock) setInt(level, opt, value int) error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, level, opt, value))
}

// sendfile writes n bytes of a file from an offset, inside the kernel. It
// ends early, without an error, where the file does.
func (s *sock) sendfile(f *os.File, off, n int64, timeout time.Duration) (done int64, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := raw.Control(func(fd uintptr) { done, err = s.sendfileFD(int(fd), off, n, timeout) })
	if cerr != nil {
		return 0, cerr
	}
	return done, err
}

func (s *sock) sendfileFD(fd int, off, n int64, timeout time.Duration) (done int64, err error) {
	const maxChunk = 2 << 20 // nginx's sendfile_max_chunk
	for done < n {
		s.w.state.Store(dirIdle)
		// A file may have to come from a disk, so the runtime must know of
		// the call, and gives what else there is to do to another thread.
		// Many calls at once would make as many threads, beside which
		// clients on the same machine get no processor.
		s.poller.files <- struct{}{}
		m, err := unix.Sendfile(s.fd, fd, &off, int(min(n-done, maxChunk)))
		<-s.poller.files
		switch err {
		case nil:
			if m == 0 {
				return done, nil
			}
			done += int64(m)
			continue
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			return done, os.NewSyscallError("sendfile", err)
		}
		if err := s.wait(&s.w, timeout); err != nil {
			return done, err
		}
	}
	return done, nil
}
