package luacompat

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// openTimer makes ngx.timer.
func (w *Worker) openTimer() {
	t := w.table()
	inTimers := inAll &^ in(PhaseInit, PhaseExitWorker)
	w.register(t, []api{
		{name: "at", phases: inTimers, fn: func(h *handler, L *lua.LState) int { return timerAt(h, L, false) }},
		{name: "every", phases: inTimers, fn: func(h *handler, L *lua.LState) int { return timerAt(h, L, true) }},
	})
	w.registerPlain(t, []plain{
		{"running_count", func(w *Worker, L *lua.LState) int {
			_, running := w.timers.counts()
			return pushNumber(L, float64(running))
		}},
		{"pending_count", func(w *Worker, L *lua.LState) int {
			pending, _ := w.timers.counts()
			return pushNumber(L, float64(pending))
		}},
	})
	w.ngx.RawSetString("timer", t)
}

// timerAt is ngx.timer.at and ngx.timer.every(delay, callback, ...). The
// callback gets premature and the arguments, and runs without a client.
//
// See: https://github.com/openresty/lua-nginx-module#ngxtimerat
func timerAt(h *handler, L *lua.LState, every bool) int {
	fname := "at"
	if every {
		fname = "every"
	}
	n := L.GetTop()
	if n < 2 {
		L.RaiseError("expecting at least 2 arguments but got %d", n)
	}
	delay := checkNumber(L, 1, fname)
	if every && seconds(delay) == 0 {
		L.RaiseError("delay cannot be zero")
	}
	fn, ok := L.Get(2).(*lua.LFunction)
	if !ok || fn.IsG {
		vm.ArgError(L, 2, fname, "Lua function expected")
	}
	t := &timer{delay: seconds(delay), fn: fn, every: every}
	for i := 3; i <= n; i++ {
		t.args = append(t.args, L.Get(i))
	}
	if err := h.w.timers.add(t); err != "" {
		return fail(L, err)
	}
	return pushOne(L)
}

// timer is a callback that waits for its time.
type timer struct {
	at    time.Time
	seq   uint64
	delay time.Duration
	fn    *lua.LFunction
	args  []lua.LValue
	every bool
	index int
}

// timers are a worker's pending and running timers. Those that are due
// together start in the order in which they were made.
type timers struct {
	w       *Worker
	mu      sync.Mutex
	heap    timerHeap
	seq     uint64
	wake    *time.Timer
	running int
	gone    bool          // shutting down
	busy    int           // callbacks that run, and rounds of fire
	idle    chan struct{} // closed when busy falls to 0
	task    vm.Task       // spawns the callbacks
	turn    sync.Mutex
}

func (ts *timers) counts() (pending, running int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return len(ts.heap), ts.running
}

func (ts *timers) now() time.Time { return ts.w.rt.opts.Now() }

// add schedules t; the text says why not.
func (ts *timers) add(t *timer) string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.gone && t.delay > 0 {
		return "process exiting"
	}
	if len(ts.heap) >= ts.w.rt.opts.MaxPendingTimers {
		return "too many pending timers"
	}
	ts.push(t)
	return ""
}

// push puts t into the heap and sets the alarm; mu is held.
func (ts *timers) push(t *timer) {
	ts.seq++
	t.seq, t.at = ts.seq, ts.now().Add(t.delay)
	heap.Push(&ts.heap, t)
	if t.index == 0 {
		ts.arm()
	}
}

// arm sets the alarm for the first timer; mu is held.
func (ts *timers) arm() {
	if len(ts.heap) == 0 {
		return
	}
	d := max(ts.heap[0].at.Sub(ts.now()), 0)
	if ts.wake == nil {
		ts.wake = time.AfterFunc(d, ts.fire)
	} else {
		ts.wake.Reset(d)
	}
}

// fire starts the timers that are due.
func (ts *timers) fire() {
	ts.begin()
	defer ts.end()
	ts.turn.Lock()
	defer ts.turn.Unlock()
	for {
		ts.mu.Lock()
		var due []*timer
		for len(ts.heap) > 0 && (ts.gone || !ts.heap[0].at.After(ts.now())) {
			t := heap.Pop(&ts.heap).(*timer)
			due = append(due, t)
			if t.every && !ts.gone {
				again := *t
				ts.push(&again)
			}
		}
		gone := ts.gone
		ts.running += len(due)
		over := ts.running - ts.w.rt.opts.MaxRunningTimers
		if len(due) == 0 {
			ts.arm()
			ts.mu.Unlock()
			return
		}
		ts.mu.Unlock()
		if over > 0 {
			ts.w.rt.opts.Log(logAlert, fmt.Sprintf("%d lua_max_running_timers are not enough", ts.w.rt.opts.MaxRunningTimers))
			n := len(due) - over
			if n < 0 {
				n = 0
			}
			ts.done(len(due) - n)
			due = due[:n]
		}
		ts.start(due, gone)
	}
}

// start spawns the callbacks in order.
func (ts *timers) start(due []*timer, premature bool) {
	w := ts.w
	if len(due) == 0 {
		return
	}
	ctx := w.rt.ctx
	w.vm.Lock()
	fn := w.vm.Root().NewFunction(func(L *lua.LState) int {
		for _, t := range due {
			req := w.fakeRequest(ctx, PhaseTimer)
			h := w.newHandler(ctx, PhaseTimer, req)
			h.parent = &ts.task
			ts.task.Host = h
			args := append([]lua.LValue{lua.LBool(premature)}, t.args...)
			ts.begin()
			ts.task.KidMeter = h.task.Meter
			ts.task.Spawn(t.fn, args, func(_ []lua.LValue, err error) {
				h.timerEnded(err, func() {
					w.rt.releaseFake(req)
					ts.done(1)
					ts.end()
				})
			})
		}
		return 0
	})
	w.vm.Unlock()
	ts.task = vm.Task{VM: w.vm, Ctx: ctx}
	ts.task.Run(fn)
}

// timerEnded ends a timer's handler when its callback has: once the last of
// its light threads is gone.
func (h *handler) timerEnded(err error, release func()) {
	if o := h.overrunOf(err); o != nil {
		err = &vm.Error{Msg: o.Msg, Traceback: o.Traceback}
	}
	if e, ok := err.(*vm.Error); ok {
		h.req.Log(logErr, "lua entry thread aborted: runtime error: "+withThreads(e))
	}
	if err != nil {
		h.stopThreads(nil)
	}
	if len(h.threads) == 0 {
		release()
		return
	}
	h.onIdle = release
}

// done counts n timers as no longer running.
func (ts *timers) done(n int) {
	ts.mu.Lock()
	ts.running -= n
	ts.mu.Unlock()
}

// abort fires everything at once with premature set.
func (ts *timers) abort() {
	ts.mu.Lock()
	ts.gone = true
	if ts.wake != nil {
		ts.wake.Stop()
	}
	ts.mu.Unlock()
	ts.fire()
}

func (ts *timers) begin() {
	ts.mu.Lock()
	ts.busy++
	ts.mu.Unlock()
}

func (ts *timers) end() {
	ts.mu.Lock()
	ts.busy--
	if ts.busy == 0 && ts.idle != nil {
		close(ts.idle)
		ts.idle = nil
	}
	ts.mu.Unlock()
}

// wait waits until no timer runs, or ctx has ended.
func (ts *timers) wait(ctx context.Context) {
	for {
		ts.mu.Lock()
		if ts.busy == 0 {
			ts.mu.Unlock()
			return
		}
		if ts.idle == nil {
			ts.idle = make(chan struct{})
		}
		idle := ts.idle
		ts.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return
		}
	}
}

// timerHeap orders timers by time, then by age.
type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}
