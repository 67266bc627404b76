package socket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// Env is what cosockets (and resty.redis) need of the runtime around them.
// Its functions are called with the VM's lock held.
type Env struct {
	VM   *vm.VM
	Null lua.LValue // ngx.null
	// Dial makes a connection; addr is as the script wrote it, before any
	// --map-addr, with host names resolved.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Conf gives the settings of the location that t runs for.
	Conf func(t *vm.Task) Conf
	// Check raises an error when t's phase cannot use cosockets; nil: it can.
	Check func(L *lua.LState, t *vm.Task)
	// Log writes to the error log of t's request; level is ngx.ERR etc.
	Log func(t *vm.Task, level int, msg string)
	// Open is the set of connections that end with t's request; nil when
	// there is none.
	Open func(t *vm.Task) *Set
	// Request is the client's connection for ngx.req.socket; nil: there is no
	// such function.
	Request func(L *lua.LState, t *vm.Task, raw bool) (net.Conn, error)

	// Trace begins to follow a call of resty.redis: what it returns is called
	// with the call's results. Both may be nil: nobody follows t.
	Trace func(L *lua.LState, t *vm.Task, method string) func(results []lua.LValue)

	// Idle is the connections in the VM's pools.
	Idle Set
}

// Close closes the connections that lie in pools. It is called with the VM.
func (e *Env) Close() { e.Idle.CloseAll() }

// Conf is the Lua socket part of a location's configuration.
//
// See: https://github.com/openresty/lua-nginx-module#lua_socket_connect_timeout
// and its neighbours.
type Conf struct {
	Connect, Send, Read time.Duration
	Keepalive           time.Duration
	PoolSize            int
	BufferSize          int
	LogErrors           bool
	VerifyDepth         int
	// TrustedCertificate is lua_ssl_trusted_certificate's file.
	TrustedCertificate string
	// TLS is what a handshake begins with; nil: crypto/tls's defaults.
	TLS *tls.Config
	// Revoked says why a chain is revoked (lua_ssl_crl), "" when it is not; nil:
	// no list is configured.
	Revoked func(chain []*x509.Certificate) string
	// Resolve looks a host name up (blocks); nil: no resolver is defined.
	// Errors are texts like `x could not be resolved (3: Host not found)`.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// DefaultConf is what nginx takes where nothing is configured.
var DefaultConf = Conf{
	Connect: time.Minute, Send: time.Minute, Read: time.Minute,
	Keepalive: time.Minute, PoolSize: 30, BufferSize: 4096,
	LogErrors: true, VerifyDepth: 1,
}

// logErr is ngx.ERR.
const logErr = 4

// Set is the connections that a request has open. They are closed when it
// ends, however its handler was left.
type Set struct {
	mu   sync.Mutex
	head *Tracked
}

// Tracked is a member of a Set.
type Tracked struct {
	Close      func() // idempotent; may be called from any goroutine
	set        *Set
	prev, next *Tracked
}

// Add puts t into the set; it leaves the one it was in.
func (s *Set) Add(t *Tracked) {
	t.Remove()
	s.mu.Lock()
	defer s.mu.Unlock()
	t.set, t.next = s, s.head
	if s.head != nil {
		s.head.prev = t
	}
	s.head = t
}

// Remove takes t out of its set.
func (t *Tracked) Remove() {
	s := t.set
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.set == nil {
		return
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		s.head = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.set, t.prev, t.next = nil, nil, nil
}

// Empty reports whether the set holds nothing.
func (s *Set) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head == nil
}

// CloseAll closes what the set holds.
func (s *Set) CloseAll() {
	for {
		s.mu.Lock()
		t := s.head
		s.mu.Unlock()
		if t == nil {
			return
		}
		t.Remove()
		t.Close()
	}
}

// Address gives the address to dial for a host and port. It may wait: call it
// in a Block. Errors are ngx_lua's.
func (c *Conf) Address(ctx context.Context, host string, port int) (string, error) {
	if host == "" {
		return "", errors.New(`failed to parse host name "": no host`)
	}
	p := strconv.Itoa(port)
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return net.JoinHostPort(host, p), nil
	}
	if c.Resolve == nil {
		return "", errors.New(`no resolver defined to resolve "` + host + `"`)
	}
	addrs, err := c.Resolve(ctx, host)
	if err != nil {
		return "", err
	}
	if len(addrs) == 0 {
		return "", errors.New(host + " could not be resolved (3: Host not found)")
	}
	return net.JoinHostPort(addrs[0].Unmap().String(), p), nil
}

// IsAddress reports whether a host needs no resolver.
func IsAddress(host string) bool {
	if host == "" {
		return false
	}
	if c := host[0]; c != '[' && c != ':' && (c < '0' || c > '9') && !strings.Contains(host, ":") {
		return false
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// Words is an I/O error as ngx_lua names it to scripts: `timeout`, `closed`,
// or the system's text in lower case.
func Words(err error) string {
	var ne net.Error
	var no syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return "timeout"
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF):
		return "closed"
	case errors.As(err, &no):
		return strings.ToLower(no.Error())
	}
	return err.Error()
}

// sysText is an errno as nginx logs it: `111: Connection refused`.
func sysText(no syscall.Errno) string {
	s := no.Error()
	return strconv.Itoa(int(no)) + ": " + strings.ToUpper(s[:1]) + s[1:]
}

// LogConnect writes the line that ngx_lua writes about a failed connect.
//
// See: https://github.com/openresty/lua-nginx-module#lua_socket_log_errors
func (e *Env) LogConnect(t *vm.Task, c *Conf, err error, addr string) {
	if !c.LogErrors || e.Log == nil {
		return
	}
	var no syscall.Errno
	if Words(err) == "timeout" || err.Error() == "timeout" {
		e.Log(t, logErr, "lua tcp socket connect timed out, when connecting to "+addr)
	} else if !errors.As(err, &no) {
		return
	} else if strings.HasPrefix(addr, "unix:") && no == syscall.ENOENT {
		e.Log(t, logErr-2, "connect() to "+addr+" failed ("+sysText(no)+")")
	} else {
		e.Log(t, logErr, "connect() failed ("+sysText(no)+")")
	}
}

// LogIO writes the line about a failed read or write ("read", "write"); a
// connection closed by the peer is not logged.
func (e *Env) LogIO(t *vm.Task, c *Conf, err error, what string) {
	if !c.LogErrors || e.Log == nil {
		return
	}
	var no syscall.Errno
	if w := Words(err); w == "timeout" {
		e.Log(t, logErr, "lua tcp socket "+what+" timed out")
	} else if errors.As(err, &no) {
		call := "recv"
		if what == "write" {
			call = "send"
		}
		e.Log(t, logErr, call+"() failed ("+sysText(no)+")")
	}
}

// LogClosed writes the line about an attempt to send or receive data on a
// closed socket.
func (e *Env) LogClosed(t *vm.Task, c *Conf, what string) {
	if c.LogErrors && e.Log != nil {
		e.Log(t, logErr, "attempt to "+what+" data on a closed socket: u:0000000000000000, c:0000000000000000, ft:0 eof:0")
	}
}
