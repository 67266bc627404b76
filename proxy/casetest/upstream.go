package casetest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// upstream is a system behind the gateway: an HTTP server on a port of its
// own that can be stopped and started and answers as the story says.
type upstream struct {
	name string
	addr string

	mu    sync.Mutex
	ln    net.Listener
	conns map[net.Conn]bool
	wg    sync.WaitGroup
	mode  string // up, hang, slow, echo, reply
	delay time.Duration
	bytes string
}

// set changes what the upstream does.
func (u *upstream) set(words string) error {
	mode, arg, _ := strings.Cut(words, " ")
	u.mu.Lock()
	u.mode = mode
	u.mu.Unlock()
	var err error
	switch mode {
	case "up", "hang", "echo":
	case "down":
		u.stop()
		return nil
	case "slow":
		u.mu.Lock()
		u.delay, err = time.ParseDuration(arg)
		u.mu.Unlock()
	case "reply":
		u.mu.Lock()
		u.bytes, err = strconv.Unquote(arg)
		u.mu.Unlock()
	default:
		err = fmt.Errorf("unknown: upstream %s", words)
	}
	if err != nil {
		return err
	}
	return u.start()
}

func (u *upstream) start() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ln != nil {
		return nil
	}
	ln, err := listenAgain(u.addr)
	if err != nil {
		return err
	}
	u.ln, u.conns = ln, map[net.Conn]bool{}
	u.wg.Add(1)
	go func() {
		defer u.wg.Done()
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			u.mu.Lock()
			if u.ln != ln {
				u.mu.Unlock()
				c.Close()
				return
			}
			u.conns[c] = true
			u.wg.Add(1)
			u.mu.Unlock()
			go u.serve(c)
		}
	}()
	return nil
}

// listenAgain listens on an address that was in use a moment ago.
func listenAgain(addr string) (net.Listener, error) {
	deadline := time.Now().Add(patience)
	for {
		ln, err := net.Listen("tcp", addr)
		if err == nil || time.Now().After(deadline) {
			return ln, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stop closes the listener and all connections and waits for their ends.
func (u *upstream) stop() {
	u.mu.Lock()
	if u.ln != nil {
		u.ln.Close()
		u.ln = nil
	}
	for c := range u.conns {
		c.Close()
	}
	u.mu.Unlock()
	u.wg.Wait()
}

func (u *upstream) serve(c net.Conn) {
	defer func() {
		c.Close()
		u.mu.Lock()
		delete(u.conns, c)
		u.mu.Unlock()
		u.wg.Done()
	}()
	var raw bytes.Buffer
	r := bufio.NewReader(io.TeeReader(c, &raw))
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(req.Body)
		u.mu.Lock()
		mode, delay, canned := u.mode, u.delay, u.bytes
		u.mu.Unlock()
		switch mode {
		case "hang":
			_, _ = io.Copy(io.Discard, c)
			return
		case "reply":
			_, _ = io.WriteString(c, canned)
			return
		case "slow":
			time.Sleep(delay)
		}
		text := fmt.Sprintf("%s %s %s\n", u.name, req.Method, req.RequestURI)
		if mode == "echo" {
			head, _, _ := strings.Cut(raw.String(), "\r\n\r\n")
			text = strings.ReplaceAll(head, "\r\n", "\n") + "\n\n" + string(body)
		}
		raw.Reset()
		keep := req.ProtoAtLeast(1, 1) && !req.Close
		connection := "keep-alive"
		if !keep {
			connection = "close"
		}
		if req.Method == http.MethodHead {
			text = ""
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nServer: fake\r\nX-Upstream: %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s",
			u.name, len(text), connection, text)
		if !keep {
			return
		}
	}
}
