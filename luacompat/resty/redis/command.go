package redis

import (
	"context"
	"errors"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/resty/redis/link"
)

// maxShared is the largest request that travels with others'.
const maxShared = 64 << 10

// words adds a command and its arguments, from n on, to q. The original packs
// them with {...} and sends as many as # finds: with nil among them, the
// border that LuaJIT's binary search meets.
func (h *handle) words(L *lua.LState, q *link.Request, cmd string, n int) {
	top := L.GetTop()
	if hasNil(L, n, top) {
		i, j := 1, top-n+3 // elements: the command is 1, argument n is 2
		for j-i > 1 {
			if k := (i + j) / 2; k-2+n > top || L.Get(k-2+n) == lua.LNil {
				j = k
			} else {
				i = k
			}
		}
		top = n + i - 2
	}
	q.Begin(top - n + 2)
	q.Word(cmd)
	for i := n; i <= top; i++ {
		q.Word(text(L, L.Get(i), h.m.env.Null))
	}
}

func hasNil(L *lua.LState, from, to int) bool {
	for i := from; i <= to; i++ {
		if L.Get(i) == lua.LNil {
			return true
		}
	}
	return false
}

// prefixed sends a command of a module when a prefix was called before.
func (h *handle) prefixed(L *lua.LState, cmd string) int {
	if h.prefix != "" {
		cmd = h.prefix + "." + cmd
		h.prefix = ""
	}
	return h.command(L, cmd, kindOf(cmd))
}

// command sends a command with the arguments from 2 on and returns its reply.
func (h *handle) command(L *lua.LState, cmd string, k kind) int {
	if h.pipeline != nil {
		h.words(L, h.pipeline, cmd, 2)
		h.mixed = h.mixed || k != sharable
		return 0
	}
	if !h.open {
		return h.closed(L, "send")
	}
	if h.busy {
		return fail(L, errBusy.Error())
	}
	if !h.s.Pinned() {
		switch k {
		case auth:
			if n := L.GetTop() - 1; n == 1 || n == 2 {
				return h.auth(L, n)
			}
			k = sharable // Redis refuses it
		case selectDB:
			if db, ok := database(L.Get(2)); ok && L.GetTop() == 2 {
				return h.selectDB(L, db)
			}
			k = pinned
		}
		o := h.op()
		h.words(L, &o.q, cmd, 2)
		if k == sharable && o.q.Size() <= maxShared {
			return h.shared(L, o)
		}
		return h.exchange(L, o)
	}
	o := h.op()
	h.words(L, &o.q, cmd, 2)
	return h.exchange(L, o)
}

// shared sends the command in o over a shared connection.
func (h *handle) shared(L *lua.LState, o *op) int {
	if o.wait((*op).do) != nil {
		return h.broken(L, o)
	}
	n := h.push(L, &o.res.Replies()[0])
	o.free()
	return n
}

func (o *op) do() { o.res, o.err = o.h.s.Do(o.ctx, &o.q, o.to) }

// exchange sends the command in o over a connection of the handle's own and
// reads its reply. Messages of subscriptions that come before it are put
// aside.
func (h *handle) exchange(L *lua.LState, o *op) int {
	if !h.pin(o) || o.wait((*op).send) != nil {
		return h.broken(L, o)
	}
	for {
		if o.wait((*op).receive) != nil {
			return h.broken(L, o)
		}
		if h.subscribed && isMessage(&o.reply) {
			h.messages = append(h.messages, h.value(L, &o.reply))
			continue
		}
		n := h.push(L, &o.reply)
		o.free()
		return n
	}
}

func (o *op) send()    { o.err = o.h.s.Send(&o.q, o.to) }
func (o *op) receive() { o.reply, o.err = o.h.s.Receive(o.ctx, o.to) }

// pin gives the handle a connection of its own; false leaves o.err.
func (h *handle) pin(o *op) bool {
	if h.s.Pinned() {
		return true
	}
	err := o.wait(func(o *op) { o.err = o.h.s.Pin(context.WithoutCancel(o.ctx), o.to) })
	if err == nil {
		h.track()
	}
	return err == nil
}

// broken is the answer when no reply came. A timeout closes the connection,
// as the original does, except where scripts are expected to wait again.
func (h *handle) broken(L *lua.LState, o *op) int {
	err := o.err
	o.err = nil
	t := h.m.vm.Cur()
	c := h.m.env.Conf(t)
	var refusal *link.Refusal
	switch {
	case errors.As(err, &refusal), err == errBusy:
	case errors.Is(err, link.ErrTimeout):
		h.m.env.LogIO(t, &c, err, "read")
		if !h.subscribed && !h.blocking {
			h.hangUp()
		}
	case errors.Is(err, link.ErrClosed):
		h.hangUp()
	default:
		h.m.env.LogIO(t, &c, err, "read")
		if pe := (*link.ProtocolError)(nil); !errors.As(err, &pe) {
			h.hangUp()
		}
	}
	o.free()
	return fail(L, words(err))
}

// auth is red:auth(password) and red:auth(user, password).
func (h *handle) auth(L *lua.LState, n int) int {
	user, pass := "", text(L, L.Get(2), h.m.env.Null)
	if n == 2 {
		if L.Get(3) == lua.LNil {
			n = 1
		} else {
			user, pass = pass, text(L, L.Get(3), h.m.env.Null)
		}
	}
	if h.s.AuthNow(user, pass, n == 2) {
		return pushOK(L)
	}
	o := h.op()
	o.user, o.pass, o.hasUser = user, pass, n == 2
	err := o.wait(func(o *op) { o.err = o.h.s.Auth(o.ctx, o.user, o.pass, o.hasUser, o.to) })
	return h.accepted(L, o, err)
}

var okValue lua.LValue = lua.LString("OK")

func pushOK(L *lua.LState) int {
	L.Push(okValue)
	L.Push(lua.LNil)
	return 2
}

// accepted answers a command that changes the identity.
func (h *handle) accepted(L *lua.LState, o *op, err error) int {
	var refusal *link.Refusal
	switch {
	case err == nil:
		o.free()
		return pushOK(L)
	case errors.As(err, &refusal):
		o.err = nil
		o.free()
		L.Push(lua.LFalse)
		L.Push(lua.LString(refusal.Text))
		return 2
	}
	return h.broken(L, o)
}

// database reads a plain database number.
func database(v lua.LValue) (int, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		n := int(v)
		return n, lua.LNumber(n) == v && n >= 0 && n < 1<<20
	case lua.LString:
		n, err := strconv.Atoi(string(v))
		return n, err == nil && n >= 0 && n < 1<<20 && strconv.Itoa(n) == string(v)
	}
	return 0, false
}

// selectDB is red:select(n).
func (h *handle) selectDB(L *lua.LState, db int) int {
	o := h.op()
	o.db = db
	err := o.wait(func(o *op) { o.err = o.h.s.Select(o.ctx, o.db, o.to) })
	return h.accepted(L, o, err)
}

// push returns a reply: a value and nil, or false and a message.
func (h *handle) push(L *lua.LState, r *link.Reply) int {
	if r.Kind == link.Error {
		L.Push(lua.LFalse)
		L.Push(lua.LString(r.Str))
		return 2
	}
	L.Push(h.value(L, r))
	L.Push(lua.LNil) // ngx.say(red:get(k)) prints it
	return 2
}

// value is a reply as a Lua value; an error in an array is {false, message}.
func (h *handle) value(L *lua.LState, r *link.Reply) lua.LValue {
	switch r.Kind {
	case link.Int:
		if r.Str != "" {
			f, _ := strconv.ParseFloat(r.Str, 64)
			return lua.LNumber(f)
		}
		return lua.LNumber(r.Int)
	case link.Null:
		return h.m.env.Null
	case link.Array:
		t := L.CreateTable(len(r.Array), 0)
		for i := range r.Array {
			t.RawSetInt(i+1, h.element(L, &r.Array[i]))
		}
		return t
	}
	if r.Str == "OK" {
		return okValue
	}
	return lua.LString(r.Str)
}

// element is value for a reply inside another.
func (h *handle) element(L *lua.LState, r *link.Reply) lua.LValue {
	if r.Kind != link.Error {
		return h.value(L, r)
	}
	t := L.CreateTable(2, 0)
	t.RawSetInt(1, lua.LFalse)
	t.RawSetInt(2, lua.LString(r.Str))
	return t
}

// hmset is red:hmset(key, table) and red:hmset(key, field, value, …).
//
// See: https://github.com/openresty/lua-resty-redis#hmset
func (h *handle) hmset(L *lua.LState) int {
	t, ok := L.Get(3).(*lua.LTable)
	if L.GetTop() != 3 || !ok {
		if L.GetTop() == 3 {
			return h.m.raise(L, "bad argument #1 to 'pairs' (table expected, got "+L.Get(3).Type().String()+")")
		}
		return h.command(L, "hmset", sharable)
	}
	key := L.Get(2)
	L.SetTop(1)
	L.Push(key)
	t.ForEach(func(k, v lua.LValue) {
		L.Push(k)
		L.Push(v)
	})
	return h.command(L, "hmset", sharable)
}
