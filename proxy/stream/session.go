package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/upstream"
)

// session is one connection of a client.
type session struct {
	p      *Proxy
	s      *server
	number uint64
	client string
	peer   string
	active atomic.Int64 // when something passed last, Unix nanoseconds
}

// logf writes a line in nginx's form.
//
// See: ngx_stream_log_error.
func (s *session) logf(level nginxconf.LogLevel, format string, args ...any) {
	tail := ", client: " + s.client + ", server: " + s.s.address
	if s.peer != "" {
		tail += ", upstream: \"" + s.peer + "\""
	}
	s.p.log(level, "*%d "+format+"%s", append(append([]any{s.number}, args...), tail)...)
}

func (s *session) serve(c net.Conn) {
	s.client = "unix:"
	if a, tcp := c.RemoteAddr().(*net.TCPAddr); tcp {
		s.client = a.IP.String()
	}
	if s.s.tls != nil {
		tc := tls.Server(c, s.s.tls)
		c.SetDeadline(time.Now().Add(s.s.conf.Conf.HandshakeTimeout.V))
		if err := tc.Handshake(); err != nil {
			s.logf(nginxconf.LogInfo, "SSL_do_handshake() failed (SSL: %v) while SSL handshaking", err)
			return
		}
		c.SetDeadline(time.Time{})
		c = tc
	}
	if r := s.s.conf.Return; r.Set {
		c.SetDeadline(time.Now().Add(s.s.conf.Conf.ProxyTimeout.V))
		io.WriteString(c, r.V)
		if tc, ok := c.(*tls.Conn); ok {
			tc.CloseWrite()
		}
		return
	}
	up := s.dial()
	if up == nil {
		return
	}
	s.p.track(up)
	defer s.p.forget(up)
	s.relay(c, up)
}

// dial connects to the server, or to those of the upstream by turns.
func (s *session) dial() net.Conn {
	targets := []string{s.s.conf.Pass.V}
	if u := s.s.conf.Upstream; u != nil {
		n := int(s.s.turn.Add(1) - 1)
		targets = nil
		for i := range u.Servers {
			targets = append(targets, u.Servers[(n+i)%len(u.Servers)])
		}
	}
	for _, t := range targets {
		s.peer = t
		c, err := s.connect(t)
		if err == nil {
			return c
		}
		if s.p.ctx.Err() != nil {
			return nil
		}
		s.logf(nginxconf.LogError, "%s while connecting to upstream", connectText(err))
	}
	return nil
}

func (s *session) connect(target string) (net.Conn, error) {
	network := "tcp"
	if path, unix := strings.CutPrefix(target, "unix:"); unix {
		network, target = "unix", path
	}
	ctx, cancel := context.WithTimeout(s.p.ctx, s.s.conf.Conf.ProxyConnectTimeout.V)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, network, target)
	if err != nil || !s.s.conf.Conf.ProxySSL.V {
		return c, err
	}
	tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // proxy_ssl_verify is off
	if err := tc.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return tc, nil
}

func connectText(err error) string {
	var no syscall.Errno
	var ne net.Error
	switch {
	case errors.As(err, &no):
		return "connect() failed (" + upstream.ErrnoText(no) + ")"
	case errors.As(err, &ne) && ne.Timeout():
		return "upstream timed out (110: Connection timed out)"
	}
	return "connect() failed (" + err.Error() + ")"
}

// relay copies both ways until both have ended, or nothing has passed for
// proxy_timeout.
func (s *session) relay(client, up net.Conn) {
	s.active.Store(time.Now().UnixNano())
	var both sync.WaitGroup
	both.Go(func() { s.copy(up, client, client, up) })
	both.Go(func() { s.copy(client, up, client, up) })
	both.Wait()
}

// copy passes what from sends to to. Its end ends the session's other half,
// as nginx does without proxy_half_close.
func (s *session) copy(to, from, client, up net.Conn) {
	defer client.Close()
	defer up.Close()
	limit := s.s.conf.Conf.ProxyTimeout.V
	buf := make([]byte, 16<<10)
	for {
		from.SetReadDeadline(time.Unix(0, s.active.Load()).Add(limit))
		n, err := from.Read(buf)
		if n > 0 {
			s.active.Store(time.Now().UnixNano())
			to.SetWriteDeadline(time.Now().Add(limit))
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		var ne net.Error
		switch {
		case err == nil:
		case errors.As(err, &ne) && ne.Timeout():
			if time.Since(time.Unix(0, s.active.Load())) < limit {
				continue // the other half is alive
			}
			if from == up {
				s.logf(nginxconf.LogInfo, "upstream timed out (110: Connection timed out) while proxying connection")
			}
			return
		default:
			return
		}
	}
}
