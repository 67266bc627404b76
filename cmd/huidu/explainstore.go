package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
	"sync"
	"syscall"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
)

// explainStore is what the scripts of an explained request reach.
type explainStore struct {
	fake    *miniredis.Miniredis // nil: the real Redis, or none
	down    bool
	sockets bool // other sockets are let through
	mapAddr func(string) string

	mu      sync.Mutex
	refused map[string]bool // addresses of sockets that were not let through
}

// openExplainStore reads --redis and --sockets.
func openExplainStore(redisFlag, sockets string, mapAddr func(string) string) (*explainStore, error) {
	s := &explainStore{mapAddr: mapAddr, refused: map[string]bool{}}
	switch sockets {
	case "live":
		s.sockets = true
	case "refused":
	default:
		return nil, fmt.Errorf("--sockets is live or refused, not %q", sockets)
	}
	file, fake := strings.CutPrefix(redisFlag, "fake:")
	switch {
	case redisFlag == "live":
	case redisFlag == "down":
		s.down = true
	case fake:
		var err error
		if s.fake, err = fakeRedis(file); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("--redis is live, fake:FILE or down, not %q", redisFlag)
	}
	return s, nil
}

// fakeRedis starts an embedded Redis that takes any password and holds what
// the commands in file, a line each, put there.
func fakeRedis(file string) (*miniredis.Miniredis, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	m.Server().SetPreHook(func(c *server.Peer, cmd string, _ ...string) bool {
		if strings.EqualFold(cmd, "AUTH") {
			c.WriteOK()
			return true
		}
		return false
	})
	client := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer client.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		words, err := splitWords(lines.Text())
		if err == nil && len(words) > 0 {
			args := make([]any, len(words))
			for i, w := range words {
				args[i] = w
			}
			err = client.Do(context.Background(), args...).Err()
			if errors.Is(err, redis.Nil) {
				err = nil
			}
		}
		if err != nil {
			m.Close()
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// splitWords splits a line as redis-cli does: at white space, with words in
// double or single quotes. A line that starts with # holds none.
func splitWords(line string) ([]string, error) {
	var words []string
	for line = strings.TrimSpace(line); line != "" && line[0] != '#'; line = strings.TrimLeft(line, " \t") {
		if q := line[0]; q == '"' || q == '\'' {
			word, rest, err := quoted(line[1:], q)
			if err != nil {
				return nil, err
			}
			words, line = append(words, word), rest
			continue
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words, nil
}

// quoted reads up to the closing quote q; a backslash takes the next byte as
// it is.
func quoted(s string, q byte) (word, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == q:
			return b.String(), s[i+1:], nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", fmt.Errorf("unbalanced %c", q)
}

func (s *explainStore) close() {
	if s.fake != nil {
		s.fake.Close()
	}
}

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// dialRedis is proxy.Options.DialRedis.
func (s *explainStore) dialRedis(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	switch {
	case s.down:
		return nil, errRefused
	case s.fake != nil:
		return d.DialContext(ctx, "tcp", s.fake.Addr())
	}
	return d.DialContext(ctx, network, s.mapAddr(addr))
}

// dialOther is proxy.Options.DialLua.
func (s *explainStore) dialOther(ctx context.Context, network, addr string) (net.Conn, error) {
	if s.sockets {
		var d net.Dialer
		return d.DialContext(ctx, network, s.mapAddr(addr))
	}
	s.mu.Lock()
	s.refused[addr] = true
	s.mu.Unlock()
	return nil, errRefused
}

// caveats are the sockets that were refused.
func (s *explainStore) caveats() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for addr := range s.refused {
		out = append(out, "a script wanted to connect to "+addr+" and was refused; --sockets live lets it")
	}
	sort.Strings(out)
	return out
}
