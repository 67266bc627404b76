package netconn

import (
	"runtime"
	"sync/atomic"
)

// watch is a function to be called once when something happens on a
// connection that nobody reads.
type watch struct {
	state atomic.Uint32
	any   bool // every event counts, not only the peer's end
	f     func()
}

const (
	watchOff uint32 = iota
	watchArmed
	watchFiring // f is being taken out
	watchFired
)

// arm sets the function; an earlier one is forgotten.
func (w *watch) arm(f func(), any bool) {
	w.disarm()
	w.f, w.any = f, any
	w.state.Store(watchArmed)
}

// disarm tells whether the function has not been called and will not be.
func (w *watch) disarm() bool {
	for {
		switch s := w.state.Load(); s {
		case watchFiring:
			runtime.Gosched()
		case watchArmed:
			if w.state.CompareAndSwap(watchArmed, watchOff) {
				return true
			}
		default:
			w.state.Store(watchOff)
			return s == watchOff
		}
	}
}

// event calls the function if it waits for that kind of event. An edge may
// be reported after its bytes have been read: idle tells that of a socket.
func (w *watch) event(gone bool, idle func(*sock) bool, s *sock) {
	if w.state.Load() != watchArmed || !w.state.CompareAndSwap(watchArmed, watchFiring) {
		return
	}
	f := w.f
	if !gone && (!w.any || idle != nil && idle(s)) {
		w.state.Store(watchArmed)
		return
	}
	w.state.Store(watchFired)
	f()
}
