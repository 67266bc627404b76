package gatewaytest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// redis is a fake Redis: a miniredis behind a listener that can be down, with a
// hook that sees every command and can be slow, silent or insane.
type redis struct {
	addr string // as scripts name it
	at   string
	mini *miniredis.Miniredis

	admin *server.Peer // does what the test itself asks for
	out   bytes.Buffer
	doing sync.Mutex

	mu    sync.Mutex
	ln    net.Listener // nil while down
	conns map[net.Conn]bool
	mode  string // up, hang, reply
	freed chan struct{}
	delay time.Duration
	reply string
	pass  string
	seen  []any
}

// newRedis starts a fake for an address.
func newRedis(addr, pass string) (*redis, error) {
	r := &redis{addr: addr, mini: miniredis.NewMiniRedis(), mode: "up", freed: make(chan struct{}), conns: map[net.Conn]bool{}}
	r.admin = server.NewPeer(bufio.NewWriter(&r.out))
	if err := r.mini.Start(); err != nil {
		return nil, fmt.Errorf("start a fake Redis: %w", err)
	}
	r.setPassword(pass)
	r.mini.Server().SetPreHook(r.hook)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.mini.Close()
		return nil, fmt.Errorf("start a fake Redis: %w", err)
	}
	r.at = ln.Addr().String()
	r.accept(ln)
	return r, nil
}

// setPassword makes r want another password of new connections.
func (r *redis) setPassword(pass string) {
	r.mini.RequireAuth(pass)
	r.mu.Lock()
	r.pass = pass
	r.mu.Unlock()
}

// accept begins to answer; mu is held or nobody else knows r.
func (r *redis) accept(ln net.Listener) {
	r.ln = ln
	srv := r.mini.Server()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			if r.ln != ln {
				r.mu.Unlock()
				c.Close()
				return
			}
			r.conns[c] = true
			r.mu.Unlock()
			srv.ServeConn(c)
		}
	}()
}

// set changes how r behaves: up, down, hang, slow, reply.
func (r *redis) set(mode string, delay time.Duration, reply string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.freed)
	r.freed = make(chan struct{})
	r.mode, r.delay, r.reply = mode, delay, reply
	if mode == "down" {
		if r.ln != nil {
			r.ln.Close()
			r.ln = nil
		}
		for c := range r.conns {
			c.Close()
			delete(r.conns, c)
		}
		return nil
	}
	if r.ln != nil {
		return nil
	}
	ln, err := listenAgain(r.at)
	if err != nil {
		return fmt.Errorf("start the fake Redis %s again: %w", r.addr, err)
	}
	r.accept(ln)
	return nil
}

func (r *redis) close() {
	_ = r.set("down", 0, "")
	r.mini.Close()
}

// hook sees every command before it is done.
func (r *redis) hook(p *server.Peer, cmd string, args ...string) (done bool) {
	if p == r.admin {
		return false
	}
	r.mu.Lock()
	mode, delay, freed, reply := r.mode, r.delay, r.freed, r.reply
	r.seen = append(r.seen, strings.Join(append([]string{cmd}, args...), " "))
	r.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	switch mode {
	case "hang":
		<-freed
	case "reply":
		p.WriteRaw(reply)
		return true
	}
	return false
}

func (r *redis) commands() []any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]any{}, r.seen...)
}

func (r *redis) forget() {
	r.mu.Lock()
	r.seen = nil
	r.mu.Unlock()
}

// do runs a command as the test itself, whatever state r is in. An error reply
// is an error.
func (r *redis) do(args []string) (any, error) {
	r.doing.Lock()
	defer r.doing.Unlock()
	r.mu.Lock()
	pass := r.pass
	r.mu.Unlock()
	if pass != "" {
		r.dispatch([]string{"AUTH", pass})
	}
	return readReply(bufio.NewReader(r.dispatch(args)))
}

func (r *redis) dispatch(args []string) *bytes.Buffer {
	r.out.Reset()
	r.mini.Server().Dispatch(r.admin, args)
	r.admin.Flush()
	return &r.out
}

// readReply reads one RESP2 reply as a plain value.
func readReply(in *bufio.Reader) (any, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, errors.New("the command has no reply")
	}
	kind, text := line[0], strings.TrimRight(line[1:], "\r\n")
	switch kind {
	case '+':
		return text, nil
	case '-':
		return nil, errors.New(text)
	case ':':
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err
	case '$', '*':
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, err
		}
		if kind == '$' {
			b := make([]byte, n+2)
			if _, err := io.ReadFull(in, b); err != nil {
				return nil, err
			}
			return string(b[:n]), nil
		}
		list := make([]any, n)
		for i := range list {
			if list[i], err = readReply(in); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("reply %q", line)
}
