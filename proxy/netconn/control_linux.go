package netconn

import (
	"time"

	"golang.org/x/sys/unix"
)

func (s *sock) clearInterrupt() { s.interrupted.Store(false) }

func (s *sock) closeWrite() error { return s.shutdown(unix.SHUT_WR) }

func (s *sock) lingerZero() {
	if !s.enter() {
		return
	}
	defer s.leave()
	unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

func (s *sock) setNoDelay(on bool) error {
	if s.unix {
		return nil
	}
	return s.setInt(unix.IPPROTO_TCP, unix.TCP_NODELAY, bit(on))
}

func (s *sock) setNoPush(on bool) error {
	if s.unix {
		return nil
	}
	return s.setInt(unix.IPPROTO_TCP, unix.TCP_CORK, bit(on))
}

func (s *sock) setKeepAlive(idle, interval time.Duration, count int) error {
	if err := s.setInt(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1); err != nil || s.unix {
		return err
	}
	for _, o := range [...]struct{ opt, v int }{
		{unix.TCP_KEEPIDLE, int(idle / time.Second)},
		{unix.TCP_KEEPINTVL, int(interval / time.Second)},
		{unix.TCP_KEEPCNT, count},
	} {
		if o.v == 0 {
			continue
		}
		if err := s.setInt(unix.IPPROTO_TCP, o.opt, o.v); err != nil {
			return err
		}
	}
	return nil
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}
