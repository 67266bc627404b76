package proxy

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// A subrequest's cosockets live until the main request ends, and are no other
// request's to use.
func TestCosocketOfSubrequest(t *testing.T) {
	g := startGateway(t, `init_by_lua_block { package.loaded.kept = {} }`, `
		location = /main { echo_location /t?new=1; echo_location /t; }
		location = /t { content_by_lua_block {
			local kept = require "kept"
			if ngx.var.arg_new then
				kept.sock = ngx.socket.tcp()
				return ngx.say(kept.sock:connect("127.0.0.1", ngx.var.server_port))
			end
			ngx.say(select(2, pcall(kept.sock.receive, kept.sock)))
		} }`)
	ask := func(path string) string {
		conn := g.dial()
		fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: x\r\n\r\n", path)
		b, _ := io.ReadAll(conn)
		_, body, _ := strings.Cut(string(b), "\r\n\r\n")
		return body
	}
	if got := ask("/main"); !strings.HasPrefix(got, "1\n") || !strings.Contains(got, "bad request") {
		t.Errorf("got %q", got)
	}
	if got := ask("/t"); got != "nilclosed\n" {
		t.Errorf("after its end: %q", got)
	}
}
