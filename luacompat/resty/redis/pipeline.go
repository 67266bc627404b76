package redis

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/resty/redis/link"
)

// initPipeline is red:init_pipeline(n).
//
// See: https://github.com/openresty/lua-resty-redis#init_pipeline
func (h *handle) initPipeline(L *lua.LState) int {
	h.pipeline, h.mixed = new(link.Request), false
	return 0
}

// cancelPipeline is red:cancel_pipeline().
func (h *handle) cancelPipeline(L *lua.LState) int {
	h.pipeline = nil
	return 0
}

// commitPipeline sends what was queued and returns all replies.
//
// See: https://github.com/openresty/lua-resty-redis#commit_pipeline
func (h *handle) commitPipeline(L *lua.LState) int {
	q := h.pipeline
	if q == nil {
		return fail(L, "no pipeline")
	}
	h.pipeline = nil
	if !h.open {
		return h.closed(L, "send")
	}
	if h.busy {
		return fail(L, errBusy.Error())
	}
	o := h.op()
	o.q.Append(q)
	if q.Len() == 0 {
		o.free()
		L.Push(L.CreateTable(0, 0))
		return 1
	}
	if !h.s.Pinned() && !h.mixed && q.Size() <= maxShared {
		if o.wait((*op).do) != nil {
			return h.broken(L, o)
		}
		t := L.CreateTable(q.Len(), 0)
		for i := range o.res.Replies() {
			t.RawSetInt(i+1, h.element(L, &o.res.Replies()[i]))
		}
		o.free()
		L.Push(t)
		return 1
	}
	if !h.pin(o) || o.wait((*op).send) != nil {
		return h.broken(L, o)
	}
	t := L.CreateTable(q.Len(), 0)
	for i := range q.Len() {
		if err := o.wait((*op).receive); err != nil {
			if errors.Is(err, link.ErrTimeout) {
				h.blocking, h.subscribed = false, false // closes even then
			}
			return h.broken(L, o)
		}
		t.RawSetInt(i+1, h.element(L, &o.reply))
	}
	o.free()
	L.Push(t)
	return 1
}
