package casetest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// redisBox is Redis as a story sees it: a listener whose connections lead to
// a real server, and which can be down, silent, slow or insane. The server
// behind it is redis-server where that is installed, else miniredis.
type redisBox struct {
	addr    string
	backend string
	admin   *redis.Client
	mini    *miniredis.Miniredis // nil with redis-server
	end     func()

	mu    sync.Mutex
	ln    net.Listener
	conns map[net.Conn]bool
	wg    sync.WaitGroup
	mode  string
	delay time.Duration
	bytes string
	pass  string
}

// startBackend starts the server behind the box.
func (r *redisBox) startBackend(dir string) error {
	if path, err := exec.LookPath("redis-server"); err == nil {
		port, err := freePort()
		if err != nil {
			return err
		}
		r.backend = fmt.Sprintf("127.0.0.1:%d", port)
		cmd := exec.Command(path, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "",
			"--appendonly", "no", "--dir", dir, "--enable-debug-command", "yes")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			return err
		}
		r.end = func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	} else {
		m := miniredis.NewMiniRedis()
		if err := m.Start(); err != nil {
			return err
		}
		r.mini, r.backend, r.end = m, m.Addr(), m.Close
	}
	r.connectAdmin()
	return waitFor(func() error { return r.admin.Ping(context.Background()).Err() })
}

// setPassword makes the server want another password of new connections.
func (r *redisBox) setPassword(pass string) error {
	if r.mini != nil {
		r.mini.RequireAuth(pass)
	} else if err := r.admin.Do(context.Background(), "CONFIG", "SET", "requirepass", pass).Err(); err != nil {
		return err
	}
	r.pass = pass
	r.connectAdmin()
	return nil
}

func (r *redisBox) connectAdmin() {
	if r.admin != nil {
		_ = r.admin.Close()
	}
	r.admin = redis.NewClient(&redis.Options{Addr: r.backend, Password: r.pass, Protocol: 2, DisableIdentity: true, PoolSize: 1})
}

// set changes the box.
func (r *redisBox) set(words string) error {
	verb, arg, _ := strings.Cut(words, " ")
	r.mu.Lock()
	r.mode = verb
	r.mu.Unlock()
	var err error
	switch verb {
	case "up":
		if arg != "" && arg != r.pass {
			err = r.setPassword(arg)
		}
	case "hang":
	case "down":
		r.stop()
		return nil
	case "slow":
		r.delay, err = time.ParseDuration(arg)
	case "reply":
		r.bytes, err = strconv.Unquote(arg)
	case "do":
		r.mode = "up"
		var args []any
		for _, w := range strings.Fields(arg) {
			args = append(args, w)
		}
		err = r.admin.Do(context.Background(), args...).Err()
		if err == redis.Nil {
			err = nil
		}
		return err
	default:
		err = fmt.Errorf("unknown: redis %s", words)
	}
	if err != nil {
		return err
	}
	return r.start()
}

func (r *redisBox) start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ln != nil {
		return nil
	}
	ln, err := listenAgain(r.addr)
	if err != nil {
		return err
	}
	r.ln, r.conns = ln, map[net.Conn]bool{}
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
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
			r.wg.Add(1)
			r.mu.Unlock()
			go r.serve(c)
		}
	}()
	return nil
}

// stop closes the listener and every connection.
func (r *redisBox) stop() {
	r.mu.Lock()
	if r.ln != nil {
		r.ln.Close()
		r.ln = nil
	}
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// close ends the box and the server behind it.
func (r *redisBox) close() {
	r.stop()
	if r.admin != nil {
		_ = r.admin.Close()
	}
	if r.end != nil {
		r.end()
	}
}

func (r *redisBox) now() (mode string, delay time.Duration, canned string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mode, r.delay, r.bytes
}

func (r *redisBox) serve(c net.Conn) {
	defer func() {
		c.Close()
		r.mu.Lock()
		delete(r.conns, c)
		r.mu.Unlock()
		r.wg.Done()
	}()
	up, err := net.Dial("tcp", r.backend)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.conns[up] = true
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer up.Close()
		_, _ = io.Copy(up, c)
	}()
	defer func() {
		up.Close()
		c.Close()
		<-done
		r.mu.Lock()
		delete(r.conns, up)
		r.mu.Unlock()
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := up.Read(buf)
		if err != nil {
			return
		}
		out := buf[:n]
		switch mode, delay, canned := r.now(); mode {
		case "hang":
			continue
		case "slow":
			time.Sleep(delay)
		case "reply":
			out = []byte(canned)
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}
