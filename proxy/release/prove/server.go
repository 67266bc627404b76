package prove

import (
	"bufio"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is a Redis that answers what the case says.
type server struct {
	ln net.Listener

	mu     sync.Mutex
	come   *sync.Cond
	conns  map[net.Conn]bool
	peers  map[string]bool             // who has been accepted
	answer func(words []string) string // "" closes the connection
	auth   string                      // what AUTH answers
	refuse bool                        // nobody can connect
	log    []string
}

func newServer() (*server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{ln: ln, conns: map[net.Conn]bool{}, peers: map[string]bool{}}
	s.come = sync.NewCond(&s.mu)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[c] = true
			s.peers[c.RemoteAddr().String()] = true
			s.come.Broadcast()
			s.mu.Unlock()
			go s.serve(c)
		}
	}()
	return s, nil
}

// dial is how both sides reach any store.
func (s *server) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.ln.Addr().String())
	if err != nil {
		return nil, err
	}
	// Only a connection that the server knows can be hung up.
	me := c.LocalAddr().String()
	s.mu.Lock()
	for !s.peers[me] {
		s.come.Wait()
	}
	delete(s.peers, me)
	s.mu.Unlock()
	return c, nil
}

// hangUp ends all connections and waits until the kernel knows, since a socket
// that is being read is closed when the read has returned, and until no answer
// vouches for a connection any more (package link trusts one for a millisecond).
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) == 0 {
		return
	}
	defer time.Sleep(1100 * time.Microsecond)
	for c := range s.conns {
		c.Close()
	}
	for len(s.conns) > 0 {
		s.come.Wait()
	}
}

func (s *server) close() {
	s.ln.Close()
	s.hangUp()
}

// begin sets what the next run meets.
func (s *server) begin(c *Case, answer func([]string) string) {
	if c.Refuse || c.Auth != "+OK" {
		s.hangUp()
	}
	s.mu.Lock()
	s.answer, s.auth, s.refuse, s.log = answer, c.Auth, c.Refuse, nil
	s.mu.Unlock()
}

// commands are what was asked since begin.
func (s *server) commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log
}

func (s *server) serve(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.come.Broadcast()
		s.mu.Unlock()
	}()
	r := bufio.NewReader(c)
	for {
		words, err := readCommand(r)
		if err != nil {
			return
		}
		reply := s.reply(words)
		if reply == "" {
			return
		}
		if _, err := io.WriteString(c, reply); err != nil {
			return
		}
	}
}

func (s *server) reply(words []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch strings.ToLower(words[0]) {
	case "auth":
		return s.auth + "\r\n"
	case "select", "client", "hello", "ping":
		if strings.EqualFold(words[0], "ping") {
			return "+PONG\r\n"
		}
		return "+OK\r\n"
	}
	s.log = append(s.log, strings.Join(words, " "))
	return s.answer(words)
}

func readCommand(r *bufio.Reader) ([]string, error) {
	n, err := readCount(r)
	if err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		size, err := readCount(r)
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		words[i] = string(b[:size])
	}
	return words, nil
}

func readCount(r *bufio.Reader) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil || len(line) < 2 {
		return 0, io.ErrUnexpectedEOF
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
