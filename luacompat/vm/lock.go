package vm

import (
	"sync"
	"sync/atomic"
)

// Lock is a mutual exclusion lock that costs one atomic operation when it is
// free and serves its waiters strictly first come, first served when it is not.
// A plain mutex lets newcomers barge, which gives a long tail under overload.
type Lock struct {
	n      atomic.Int64 // holder and waiters
	mu     sync.Mutex
	head   *waiter
	tail   *waiter
	grants int // handed over before the waiter had queued
}

type waiter struct {
	ch    chan struct{}
	next  *waiter
	ready bool // queued without a wait for something else
}

var waiters = sync.Pool{New: func() any { return &waiter{ch: make(chan struct{}, 1)} }}

// Lock takes the lock, waiting behind everyone who asked before.
func (l *Lock) Lock() {
	if l.n.Add(1) == 1 {
		return
	}
	w := waiters.Get().(*waiter)
	l.mu.Lock()
	if l.grants > 0 {
		l.grants--
		l.mu.Unlock()
		waiters.Put(w)
		return
	}
	l.push(w)
	l.mu.Unlock()
	w.wait()
}

// queue takes a place in line without waiting; the caller holds the lock, or
// hands it to whom it starts. As in ngx_lua, whose posted threads run before
// events are looked at, it is ahead of those who came through Lock.
func (l *Lock) queue() *waiter {
	l.n.Add(1)
	w := waiters.Get().(*waiter)
	w.ready = true
	l.mu.Lock()
	at := &l.head
	for *at != nil && (*at).ready {
		at = &(*at).next
	}
	if w.next = *at; w.next == nil {
		l.tail = w
	}
	*at = w
	l.mu.Unlock()
	return w
}

// push appends to the line; mu is held.
func (l *Lock) push(w *waiter) {
	if l.tail == nil {
		l.head = w
	} else {
		l.tail.next = w
	}
	l.tail = w
}

// wait waits until the lock has been handed over.
func (w *waiter) wait() {
	<-w.ch
	w.next, w.ready = nil, false
	waiters.Put(w)
}

// Unlock gives the lock to the first waiter, if there is one.
func (l *Lock) Unlock() {
	if l.n.Add(-1) == 0 {
		return
	}
	l.mu.Lock()
	w := l.head
	if w == nil {
		l.grants++
		l.mu.Unlock()
		return
	}
	l.head = w.next
	if l.head == nil {
		l.tail = nil
	}
	l.mu.Unlock()
	w.ch <- struct{}{}
}

// Contended tells whether anyone waits for the lock.
func (l *Lock) Contended() bool { return l.n.Load() > 1 }
