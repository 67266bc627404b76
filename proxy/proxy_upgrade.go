package proxy

import (
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	"huidu/proxy/netconn"
	"huidu/proxy/upstream"
)

// tunnel passes bytes both ways after a 101 response, until either side ends
// or nothing moves for proxy_read_timeout.
//
// See: https://nginx.org/en/docs/http/websocket.html, ngx_http_upstream_upgrade
func (st *upstreamState) tunnel(r *Request) rc {
	const doing = "proxying upgraded connection"
	if r != r.main || r.conn == nil {
		r.logf(logError, "connection upgrade in subrequest while %s", doing)
		return failed
	}
	if r.conn.h2 != nil {
		return r.conn.h2.refuseUpgrade(r, doing)
	}
	r.keepalive = false
	if c := r.sendHeader(); c != ok {
		return c
	}
	st.headerDone = true
	r.headerOnly = false
	if c := r.output(nil, flush); c != ok {
		return c
	}
	st.stopSender()
	st.unwatch()
	client, up := r.conn.nc, st.conn
	client.SetReadTimeout(0)
	client.SetWriteTimeout(r.loc.sendTimeout)
	up.SetWriteTimeout(st.sendTimeout)
	up.SetReadTimeout(st.readTimeout)

	var moved atomic.Int64 // when, in nanoseconds since began
	began := time.Now()
	var upErr error
	done1 := make(chan struct{})
	go func() {
		defer close(done1)
		upErr = relay(up, client, func(int) { moved.Store(int64(time.Since(began))) })
		up.Interrupt() // the other direction ends with this one
	}()

	var n int
	var err error
	if len(st.rest) > 0 {
		n, err = client.Write(st.rest)
		r.bytesSent += int64(n)
	}
	for err == nil {
		err = relay(client, up, func(n int) {
			moved.Store(int64(time.Since(began)))
			r.bytesSent += int64(n)
		})
		// A timeout counts from the last byte in either direction.
		if errors.Is(err, netconn.ErrTimeout) && !errors.Is(err, errRelayWrite) {
			idle := time.Since(began) - time.Duration(moved.Load())
			if left := st.readTimeout - idle; left > 0 {
				up.SetReadTimeout(left)
				err = nil
			}
		}
	}
	client.Interrupt()
	<-done1
	client.ClearInterrupt()
	if errors.Is(err, netconn.ErrInterrupted) {
		err = upErr
	}
	switch {
	case errors.Is(err, netconn.ErrTimeout) && errors.Is(err, errRelayWrite):
		r.logf(logInfo, "client timed out (%s) while %s", upstream.ErrnoText(syscall.ETIMEDOUT), doing)
	case errors.Is(err, netconn.ErrTimeout):
		r.logf(logError, "upstream timed out (%s) while %s", upstream.ErrnoText(syscall.ETIMEDOUT), doing)
	}
	r.ended = true
	return done
}

// errRelayWrite marks errors of the writing side.
var errRelayWrite = errors.New("write")

// relay copies from src to dst until src ends, calling moved after each piece.
// The end of src is io.EOF.
func relay(dst, src *netconn.Conn, moved func(n int)) error {
	buf := netconn.NewBuffer(16 << 10)
	defer buf.Release()
	p := buf.Free()
	for {
		n, err := src.Read(p)
		if n > 0 {
			if _, werr := dst.Write(p[:n]); werr != nil {
				return errors.Join(errRelayWrite, werr)
			}
			moved(n)
			continue
		}
		if err == nil {
			err = io.EOF
		}
		return err
	}
}
