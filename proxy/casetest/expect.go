package casetest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// patience is how long anything is waited for.
const patience = 10 * time.Second

// response is what came back. closed: nothing did before the connection
// ended.
type response struct {
	closed bool
	status int
	header http.Header
	body   []byte
}

// client is the requesting side of a story.
type client struct {
	addr string
	keep bool
	conn net.Conn
	r    *bufio.Reader
}

// do sends a request and reads its response.
func (c *client) do(req request) (*response, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, patience)
		if err != nil {
			return nil, err
		}
		c.conn, c.r = conn, bufio.NewReader(conn)
	}
	defer func() {
		if !c.keep {
			c.close()
		}
	}()
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write(req.wire); err != nil {
		return nil, err
	}
	first, err := c.r.Peek(1)
	if len(first) == 0 {
		if err == io.EOF || isReset(err) {
			c.close()
			return &response{closed: true}, nil
		}
		return nil, err
	}
	resp, err := http.ReadResponse(c.r, &http.Request{Method: req.method})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := &response{status: resp.StatusCode, header: resp.Header}
	// net/http keeps these two to itself.
	if len(resp.TransferEncoding) > 0 {
		out.header.Set("Transfer-Encoding", strings.Join(resp.TransferEncoding, ", "))
	}
	if resp.Close && out.header.Get("Connection") == "" {
		out.header.Set("Connection", "close")
	}
	if out.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, fmt.Errorf("body after %d bytes: %w", len(out.body), err)
	}
	return out, nil
}

func isReset(err error) bool {
	return err != nil && strings.Contains(err.Error(), "connection reset")
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// check compares a response with its "<" lines.
func check(r *response, lines []string) error {
	var problems []string
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if strings.TrimSpace(lines[0]) == "closed" {
		if !r.closed {
			bad("expected a closed connection, got %d", r.status)
		}
		return report(problems, r)
	}
	if r.closed {
		bad("connection closed without a response, expected %s", lines[0])
		return report(problems, r)
	}
	plain := lines[:0:0]
	for _, l := range lines {
		if re, ok := strings.CutPrefix(l, "~"); ok {
			if !compile(re).Match(r.body) {
				bad("body does not match %s", re)
			}
		} else if re, ok := strings.CutPrefix(l, "!~"); ok {
			if compile(re).Match(r.body) {
				bad("body matches %s", re)
			}
		} else {
			plain = append(plain, l)
		}
	}
	head, body, hasBody := split(plain)
	if want := strings.TrimSpace(head[0]); want != fmt.Sprint(r.status) {
		bad("status %d, expected %s", r.status, want)
	}
	for _, h := range head[1:] {
		checkHeader(r, h, bad)
	}
	if hasBody && string(r.body) != body {
		bad("body %q, expected %q", r.body, body)
	}
	return report(problems, r)
}

func checkHeader(r *response, h string, bad func(string, ...any)) {
	if name, ok := strings.CutPrefix(h, "!"); ok {
		if v := r.header.Values(strings.TrimSpace(name)); len(v) > 0 {
			bad("header %s is %q, expected none", strings.TrimSpace(name), v)
		}
		return
	}
	name, want, _ := strings.Cut(h, ":")
	want = strings.TrimSpace(want)
	got := strings.Join(r.header.Values(name), ", ")
	if re, ok := strings.CutPrefix(want, "~"); ok {
		if !compile(re).MatchString(got) {
			bad("header %s is %q, which does not match %s", name, got, re)
		}
	} else if got != want {
		bad("header %s is %q, expected %q", name, got, want)
	}
}

func compile(re string) *regexp.Regexp { return regexp.MustCompile("(?m)" + strings.TrimSpace(re)) }

func report(problems []string, r *response) error {
	if len(problems) == 0 {
		return nil
	}
	var sb strings.Builder
	sb.WriteString(strings.Join(problems, "; "))
	if !r.closed {
		sb.WriteString("\ngot:\n")
		fmt.Fprintf(&sb, "%d\n", r.status)
		_ = r.header.Write(&sb)
		sb.WriteString("\n")
		sb.Write(bytes.TrimRight(r.body[:min(len(r.body), 2000)], "\n"))
	}
	return errors.New(sb.String())
}
