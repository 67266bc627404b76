package redis

import (
	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/resty/redis/link"
)

// isMessage tells a published message.
func isMessage(r *link.Reply) bool {
	return r.Kind == link.Array && len(r.Array) > 0 && (r.Array[0].Str == "message" || r.Array[0].Str == "pmessage")
}

// noteSubscribed counts a subscription that Redis confirmed.
func (h *handle) noteSubscribed(v lua.LValue) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return
	}
	switch t.RawGetInt(1).String() {
	case "subscribe":
		h.channels[0]++
	case "psubscribe":
		h.channels[1]++
	}
}

// noteUnsubscribed counts the end of a subscription. Messages of its channel
// that nobody has read are dropped.
func (h *handle) noteUnsubscribed(v lua.LValue) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return
	}
	kind := "message"
	switch t.RawGetInt(1).String() {
	case "unsubscribe":
		h.channels[0]--
	case "punsubscribe":
		h.channels[1]--
		kind = "pmessage"
	default:
		return
	}
	kept := h.messages[:0]
	for _, m := range h.messages {
		if mt := m.(*lua.LTable); mt.RawGetInt(1).String() == kind && mt.RawGetInt(2) != t.RawGetInt(2) {
			kept = append(kept, m)
		}
	}
	clear(h.messages[len(kept):])
	h.messages = kept
	if t.RawGetInt(3) == lua.LNumber(0) {
		h.subscribed = false
	}
}

// subscribe is red:subscribe(channel, …) and red:psubscribe(pattern, …).
//
// See: https://github.com/openresty/lua-resty-redis#pubsub
func (h *handle) subscribe(L *lua.LState, cmd string) int {
	h.subscribed = true
	nargs := L.GetTop() - 1
	n := h.command(L, cmd, pinned)
	return h.confirmed(L, n, func(v lua.LValue, i int) (more, bare bool) {
		h.noteSubscribed(v)
		return i < nargs, nargs <= 1
	})
}

// unsubscribe is red:unsubscribe(channel, …) and red:punsubscribe(pattern, …).
func (h *handle) unsubscribe(L *lua.LState, cmd string) int {
	if !h.subscribed {
		return fail(L, "not subscribed")
	}
	which := 0
	if cmd == "punsubscribe" {
		which = 1
	}
	nargs := L.GetTop() - 1
	n := h.command(L, cmd, pinned)
	return h.confirmed(L, n, func(v lua.LValue, i int) (more, bare bool) {
		h.noteUnsubscribed(v)
		none := h.channels[which] == 0
		return !none && (nargs == 0 || i < nargs), none || nargs == 1
	})
}

// confirmed reads one confirmation for each channel: note counts one and says
// whether another follows and whether the first is all that is returned. n is
// the number of results that the command pushed.
func (h *handle) confirmed(L *lua.LState, n int, note func(v lua.LValue, i int) (more, bare bool)) int {
	if n == 0 {
		return 0 // queued in a pipeline
	}
	first := L.Get(-n)
	if msg := L.Get(-1); msg != lua.LNil {
		L.Push(lua.LNil) // also where the reply was an error
		L.Push(msg)
		return 2
	}
	more, bare := note(first, 1)
	if bare {
		L.Push(first)
		return 1
	}
	t := L.CreateTable(2, 0)
	t.RawSetInt(1, first)
	for i := 2; more; i++ {
		o := h.op()
		if o.wait((*op).receive) != nil {
			return h.broken(L, o)
		}
		if o.reply.Kind == link.Error {
			msg := o.reply.Str
			o.free()
			return fail(L, msg)
		}
		v := h.value(L, &o.reply)
		o.free()
		t.RawSetInt(i, v)
		more, _ = note(v, i)
	}
	L.Push(t)
	return 1
}

// readReply is red:read_reply().
//
// See: https://github.com/openresty/lua-resty-redis#read_reply
func (h *handle) readReply(L *lua.LState) int {
	if !h.subscribed {
		return fail(L, "not subscribed")
	}
	if len(h.messages) > 0 {
		v := h.messages[0]
		h.messages = h.messages[1:]
		L.Push(v)
		return 1
	}
	if h.busy {
		return fail(L, errBusy.Error())
	}
	if !h.open || !h.s.Pinned() {
		return h.closed(L, "receive")
	}
	o := h.op()
	if o.wait((*op).receive) != nil {
		return h.broken(L, o)
	}
	if o.reply.Kind == link.Error {
		n := h.push(L, &o.reply)
		o.free()
		return n
	}
	v := h.value(L, &o.reply)
	o.free()
	h.noteUnsubscribed(v)
	L.Push(v)
	L.Push(lua.LNil)
	return 2
}
