package vm

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
	"weak"

	lua "github.com/yuin/gopher-lua"
)

// Meter bounds what the threads of one handler may do together. Its handler is
// left by an Unwind whose reason is an *Overrun, which no pcall catches.
type Meter struct {
	// Time is how long Lua may run, waiting not counted; 0 is for ever.
	Time time.Duration
	// Memory is by how much the process's live heap may grow while the handler
	// runs; 0 is without bounds. Who else allocates meanwhile counts too.
	Memory int64

	used   time.Duration
	since  time.Time // when the running stretch began
	began  bool
	heap   uint64 // live when the handler began
	verify uint64 // heap from which it pays to look closely
	over   *Overrun
}

// Overrun is the reason of an Unwind that a Meter caused.
type Overrun struct {
	Msg       string
	Traceback string
}

// Error is the message without the traceback.
func (o *Overrun) Error() string { return o.Msg }

// instructions are looked at in such stretches. One takes about a tenth of a
// millisecond.
const meterStretch = 4096

// resume begins a stretch of running Lua; the lock is held.
func (t *Task) resume() {
	if m := t.Meter; m != nil {
		m.since = time.Now()
		if !m.began {
			m.began = true
			if m.Memory > 0 {
				m.heap, _ = heapSizes()
				m.verify = m.heap + uint64(m.Memory)
				t.VM.gauge.watchCollector()
			}
		}
	}
}

// pause ends it.
func (t *Task) pause() {
	if m := t.Meter; m != nil {
		m.used += time.Since(m.since)
	}
}

// check raises an Unwind when t has used up its Meter.
func (m *Meter) check(v *VM, t *Task) {
	if m.over == nil {
		switch {
		case m.Time > 0 && m.used+time.Since(m.since) > m.Time:
			m.over = &Overrun{Msg: fmt.Sprintf("lua_handler_time_limit of %v exceeded", m.Time)}
		case m.Memory > 0 && m.overMemory():
			m.over = &Overrun{Msg: fmt.Sprintf("lua_handler_memory_limit of %d bytes exceeded", m.Memory)}
		default:
			return
		}
		m.over.Traceback = v.Traceback(t.L, 0)
	}
	v.Unwind(t.L, m.over)
}

// overMemory compares the heap with what it was. Garbage does not count: before
// the verdict it is collected.
func (m *Meter) overMemory() bool {
	if _, objects := heapSizes(); objects < m.verify {
		return false
	}
	runtime.GC()
	live, _ := heapSizes()
	if live > m.heap+uint64(m.Memory) {
		return true
	}
	m.verify = live + uint64(max(m.Memory/2, 16<<20))
	return false
}

// heapSizes are the bytes that the last collection left, and those of all
// objects, garbage included.
func heapSizes() (live, objects uint64) {
	s := [...]metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s[:])
	return s[0].Value.Uint64(), s[1].Value.Uint64()
}

// gauge stands as the context of the Lua threads whose instructions are counted:
// gopher-lua asks it before each one whether it is done. It belongs to whoever
// holds the VM's lock.
type gauge struct {
	v         *VM
	left      int
	watching  bool
	collected atomic.Bool // a garbage collection has ended
}

// Done counts an instruction. It never says that it is done: it raises.
func (g *gauge) Done() <-chan struct{} {
	g.left--
	if g.left <= 0 || g.collected.Load() {
		g.look()
	}
	return nil
}

// look ends the running task if it must end.
func (g *gauge) look() {
	g.left = meterStretch
	g.collected.Store(false)
	t := g.v.cur
	if t == nil {
		return
	}
	if t.stopped() {
		g.v.Unwind(t.L, ErrKilled)
	}
	if t.Meter != nil {
		t.Meter.check(g.v, t)
	}
}

// Work is called by Go functions that do much at one call of Lua's: n is about
// how many bytes they are to make, or 0 where they cannot say.
func (g *gauge) Work(L *lua.LState, n int) {
	if t := g.v.cur; t != nil && t.Meter != nil && t.Meter.Memory > 0 && int64(n) > t.Meter.Memory && t.Meter.over == nil {
		t.Meter.over = &Overrun{Msg: fmt.Sprintf("lua_handler_memory_limit of %d bytes exceeded", t.Meter.Memory), Traceback: g.v.Traceback(L, 0)}
	}
	if g.left -= n >> 6; g.left <= 0 || n == 0 {
		g.look()
	}
}

// watchCollector has collected set at the end of each garbage collection: a
// string that doubles and doubles needs few instructions, but the collector
// notices.
func (g *gauge) watchCollector() {
	if !g.watching {
		g.watching = true
		watchCycle(weak.Make(g))
	}
}

// watchCycle sets the flag when what it drops is collected, and again, as long
// as the gauge lives.
func watchCycle(w weak.Pointer[gauge]) {
	s := &struct{ _ [16]byte }{}
	runtime.AddCleanup(s, func(w weak.Pointer[gauge]) {
		if g := w.Value(); g != nil {
			g.collected.Store(true)
			watchCycle(w)
		}
	}, w)
}

// Err implements context.Context.
func (g *gauge) Err() error { return nil }

// Deadline implements context.Context.
func (g *gauge) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context.
func (g *gauge) Value(any) any { return nil }

var _ context.Context = (*gauge)(nil)

// meterThread switches the counting of th's instructions on or off.
func (v *VM) meterThread(th *thread, t *Task) {
	want := t.Meter != nil || v.opts.Budget
	if want == th.metered {
		return
	}
	th.metered = want
	if want {
		th.L.SetContext(&v.gauge)
	} else {
		th.L.RemoveContext()
	}
}
