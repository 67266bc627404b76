package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/resty/redis/link"
	"huidu/luacompat/socket"
)

// handle is what redis:new() returns, behind its table.
type handle struct {
	m  *module
	ud lua.LUserData

	s      link.Session
	open   bool
	busy   bool // a light thread waits
	reused int
	pool   string
	size   int // pool_size of connect

	// Timeouts that the script set; 0 takes the location's.
	to link.Timeouts

	prefix     string // of the next command
	blocking   bool   // sent blpop or brpop: a timeout does not close
	subscribed bool
	channels   [2]int // subscribed, psubscribed
	messages   []lua.LValue

	mixed    bool          // the pipeline holds a command with state
	pipeline *link.Request // between init_pipeline and commit_pipeline
	tracked  socket.Tracked
}

// op is one wait of a handle. It is made beforehand because a closure for
// each would be an allocation.
type op struct {
	h    *handle
	ctx  context.Context
	to   link.Timeouts
	what func(o *op)
	run  func()

	q     link.Request
	res   *link.Result
	reply link.Reply
	err   error

	target     link.Target
	tls        *tls.Config
	user, pass string
	hasUser    bool
	db         int
}

var ops = sync.Pool{New: func() any {
	o := new(op)
	o.run = func() { o.what(o) }
	return o
}}

// op takes an op for the handle's next wait.
func (h *handle) op() *op {
	o := ops.Get().(*op)
	t := h.m.vm.Cur()
	o.h, o.ctx, o.to = h, t.Ctx, h.to
	if o.to.Connect == 0 || o.to.Send == 0 || o.to.Read == 0 {
		c := h.m.env.Conf(t)
		fallBack(&o.to.Connect, c.Connect)
		fallBack(&o.to.Send, c.Send)
		fallBack(&o.to.Read, c.Read)
	}
	return o
}

func fallBack(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

// errBusy answers a light thread that uses a handle on which another waits.
var errBusy = errors.New("socket busy reading")

// wait runs f with the VM's lock released. It does not return to a task that
// was killed meanwhile.
func (o *op) wait(f func(o *op)) error {
	h := o.h
	if h.busy {
		o.err = errBusy
		return o.err
	}
	o.what = f
	h.busy = true
	h.m.vm.BlockNoKill(o.run)
	h.busy = false
	if o.ctx.Err() != nil {
		h.m.vm.Block(func() {})
	}
	return o.err
}

// free gives o back. An op whose task was killed is not, and its result
// goes to the garbage collector.
func (o *op) free() {
	if o.res != nil {
		o.res.Release()
	}
	run, q := o.run, o.q
	q.Reset()
	*o = op{run: run, q: q}
	ops.Put(o)
}

// new is redis:new() and redis.new().
//
// See: https://github.com/openresty/lua-resty-redis#new
func (m *module) new(L *lua.LState) int {
	if m.env.Check != nil {
		m.env.Check(L, m.vm.Cur())
	}
	h := &handle{m: m}
	h.ud.Value, h.ud.Metatable = h, lua.LNil
	t := L.CreateTable(1, 0)
	t.Metatable = m.mt
	t.RawSetInt(1, &h.ud)
	L.Push(t)
	return 1
}

// setTimeout is red:set_timeout(ms).
//
// See: https://github.com/openresty/lua-resty-redis#set_timeout
func (h *handle) setTimeout(L *lua.LState) int {
	d := h.milliseconds(L, 2, "settimeout")
	h.to = link.Timeouts{Connect: d, Send: d, Read: d}
	return 0
}

// setTimeouts is red:set_timeouts(connect, send, read).
//
// See: https://github.com/openresty/lua-resty-redis#set_timeouts
func (h *handle) setTimeouts(L *lua.LState) int {
	h.to = link.Timeouts{
		Connect: h.milliseconds(L, 2, "settimeouts"),
		Send:    h.milliseconds(L, 3, "settimeouts"),
		Read:    h.milliseconds(L, 4, "settimeouts"),
	}
	return 0
}

func (h *handle) milliseconds(L *lua.LState, n int, fname string) time.Duration {
	f, ok := number(L.Get(n))
	if !ok && fname == "setkeepalive" {
		h.m.raise(L, "bad argument #"+strconv.Itoa(n)+" to '?' (number expected, got "+typeName(L, n)+")")
	}
	if f <= 0 {
		return 0
	}
	return time.Duration(min(int64(f), 1<<40)) * time.Millisecond
}

// number is lua_tonumber.
func number(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		f, err := strconv.ParseFloat(strings.TrimSpace(string(v)), 64)
		return f, err == nil
	}
	return 0, false
}

// connect is red:connect(host, port, opts) and red:connect("unix:/path", opts).
//
// See: https://github.com/openresty/lua-resty-redis#connect
func (h *handle) connect(L *lua.LState) int {
	host, ok := L.Get(2).(lua.LString)
	if !ok {
		return h.m.raise(L, "bad argument #1 host: string expected, got "+L.Get(2).Type().String())
	}
	k := link.Target{Network: "tcp"}
	h.pool, h.size = "", 0
	port := 0
	opts := L.Get(4)
	if unix := strings.HasPrefix(string(host), "unix:"); unix {
		if opts = L.Get(3); opts != lua.LNil && opts.Type() != lua.LTTable {
			return h.m.raise(L, "bad argument #2 opts: nil or table expected, got "+opts.Type().String())
		}
		k.Network, k.Addr = "unix", string(host[len("unix:"):])
	} else {
		f, ok := number(L.Get(3))
		if !ok {
			return h.m.raise(L, "bad argument #2 port: number expected, got "+L.Get(3).Type().String())
		}
		if opts != lua.LNil && opts.Type() != lua.LTTable {
			return h.m.raise(L, "bad argument #3 opts: nil or table expected, got "+opts.Type().String())
		}
		if port = int(f); port < 0 || port > 65535 {
			return fail(L, "bad port number: "+strconv.Itoa(port))
		}
		k.Addr = string(host) + ":" + strconv.Itoa(port)
	}
	if h.busy {
		return fail(L, errBusy.Error())
	}
	h.subscribed = false
	h.hangUp()
	if t, ok := opts.(*lua.LTable); ok {
		if msg := h.options(L, t, &k); msg != "" {
			return h.m.raise(L, "bad argument #3 to 'connect' ("+msg+")")
		}
	}
	pool := h.pool
	if pool == "" {
		pool = k.Addr
		if k.Network == "unix" {
			pool = string(host)
		}
		h.pool = pool
	}
	if e, ok := h.m.take(pool); ok {
		h.s, h.reused, h.open = e.s, e.reused, true
		h.track()
		return connected(L)
	}
	h.reused = 0
	if h.m.hub.ConnectNow(&h.s, k) {
		h.open = true
		return connected(L)
	}
	return h.connectWait(L, string(host), port, k)
}

// options reads connect's options; the result is an error to raise.
func (h *handle) options(L *lua.LState, t *lua.LTable, k *link.Target) string {
	switch v := t.RawGetString("pool").(type) {
	case *lua.LNilType:
	case lua.LString, lua.LNumber:
		h.pool = text(L, v, nil)
	default:
		return `bad "pool" option type: ` + v.Type().String()
	}
	switch v := t.RawGetString("pool_size").(type) {
	case *lua.LNilType:
	case lua.LNumber:
		if h.size = int(v); h.size <= 0 {
			return `bad "pool_size" option value: ` + text(L, v, nil)
		}
	default:
		return `bad "pool_size" option type: ` + v.Type().String()
	}
	if lua.LVAsBool(t.RawGetString("ssl")) {
		k.TLS, k.Verify = true, lua.LVAsBool(t.RawGetString("ssl_verify"))
		if s, ok := t.RawGetString("server_name").(lua.LString); ok {
			k.ServerName = string(s)
		}
	}
	return ""
}

// connectWait connects where something is to be waited for.
func (h *handle) connectWait(L *lua.LState, host string, port int, k link.Target) int {
	t := h.m.vm.Cur()
	conf := h.m.env.Conf(t)
	o := h.op()
	o.target = k
	if k.TLS {
		c, err := conf.TLSConfig(k.ServerName, k.Verify)
		if err != nil {
			return fail(L, "failed to do ssl handshake: "+err.Error())
		}
		o.tls = c
	}
	if k.Network == "tcp" && !socket.IsAddress(host) {
		var addr string
		h.m.vm.Block(func() { addr, o.err = conf.Address(o.ctx, host, port) })
		if o.err != nil {
			return fail(L, o.err.Error())
		}
		// The name stays out of the key: what it means may change.
		o.target.Addr = addr
	}
	err := o.wait(func(o *op) {
		o.err = o.h.m.hub.ConnectInto(o.ctx, &o.h.s, o.target, o.tls, o.to)
	})
	addr := o.target.Addr
	if k.Network == "unix" {
		addr = host
	}
	o.free()
	if err != nil {
		h.m.env.LogConnect(t, &conf, err, addr)
		return fail(L, words(err))
	}
	h.open = true
	return connected(L)
}

// connected is connect's success: 1 and nil.
func connected(L *lua.LState) int {
	L.Push(one)
	L.Push(lua.LNil)
	return 2
}

// words is an error as the original returns it.
func words(err error) string {
	var hs *link.HandshakeError
	if errors.As(err, &hs) {
		return "failed to do ssl handshake: " + socket.HandshakeWords(hs.Err)
	}
	return socket.Words(err)
}

// track has the handle's own connection closed with the request.
func (h *handle) track() {
	if !h.s.Pinned() || h.m.env.Open == nil {
		return
	}
	if set := h.m.env.Open(h.m.vm.Cur()); set != nil {
		h.tracked.Close = h.s.Closer()
		set.Add(&h.tracked)
	}
}

// hangUp closes the connection, if there is one.
func (h *handle) hangUp() {
	if h.open {
		h.tracked.Remove()
		h.s.Close()
		h.open = false
	}
}

// closed is the answer to what needs a connection; what is "send", "receive"
// or "" for calls that log nothing.
func (h *handle) closed(L *lua.LState, what string) int {
	if what != "" {
		t := h.m.vm.Cur()
		c := h.m.env.Conf(t)
		h.m.env.LogClosed(t, &c, what)
	}
	return fail(L, "closed")
}

// closeConn is red:close().
//
// See: https://github.com/openresty/lua-resty-redis#close
func (h *handle) closeConn(L *lua.LState) int {
	if !h.open {
		return h.closed(L, "")
	}
	if h.busy {
		return fail(L, errBusy.Error())
	}
	h.hangUp()
	return succeed(L)
}

// reusedTimes is red:get_reused_times().
//
// See: https://github.com/openresty/lua-resty-redis#get_reused_times
func (h *handle) reusedTimes(L *lua.LState) int {
	if !h.open {
		return h.closed(L, "")
	}
	L.Push(lua.LNumber(h.reused))
	return 1
}

// setKeepalive is red:set_keepalive(max_idle_timeout, pool_size).
//
// See: https://github.com/openresty/lua-resty-redis#set_keepalive
func (h *handle) setKeepalive(L *lua.LState) int {
	if h.subscribed {
		return fail(L, "subscribed state")
	}
	idle, size := time.Duration(-1), 0
	if L.Get(2) != lua.LNil {
		idle = h.milliseconds(L, 2, "setkeepalive")
	}
	if L.Get(3) != lua.LNil {
		f, ok := number(L.Get(3))
		if !ok {
			return h.m.raise(L, "bad argument #3 to '?' (number expected, got "+typeName(L, 3)+")")
		}
		if size = int(f); size <= 0 {
			return h.m.raise(L, "bad argument #3 to '?' (bad \"pool_size\" option value: "+text(L, L.Get(3), nil)+")")
		}
	}
	if !h.open {
		return h.closed(L, "")
	}
	if idle < 0 || size == 0 {
		c := h.m.env.Conf(h.m.vm.Cur())
		if idle < 0 {
			idle = c.Keepalive
		}
		if size == 0 {
			size = c.PoolSize
		}
	}
	if h.size > 0 {
		size = h.size
	}
	if h.busy {
		return fail(L, errBusy.Error())
	}
	if h.s.Unread() {
		return fail(L, "unread data in buffer")
	}
	h.tracked.Remove()
	h.m.keep(h.pool, size, idle, entry{s: h.s, reused: h.reused + 1})
	h.s, h.open = link.Session{}, false
	return succeed(L)
}
