package proxy

import "sync"

// h2Workers are the goroutines that run the streams of a server's HTTP/2
// connections, one after the other: a new goroutine for every stream would
// have to grow its stack every time, which costs more than all else the
// gateway does for a small response. There are as many as streams run at
// once; with the last connection they end.
type h2Workers struct {
	mu    sync.Mutex
	idle  []*h2Worker // the latest is asked first: its stack is warm
	users int
}

// h2WorkersIdle is how many workers may wait for work.
const h2WorkersIdle = 256

// h2Worker waits for the next stream to run, or the next connection to flush.
type h2Worker struct{ next chan h2Work }

// h2Work is a stream, or a connection whose queue is to be written.
type h2Work struct {
	st *h2Stream
	m  *h2Conn
}

// enter counts a connection.
func (p *h2Workers) enter() {
	p.mu.Lock()
	p.users++
	p.mu.Unlock()
}

// leave takes a connection off; with the last one the workers end.
func (p *h2Workers) leave() {
	p.mu.Lock()
	var over []*h2Worker
	if p.users--; p.users == 0 {
		over, p.idle = p.idle, nil
	}
	p.mu.Unlock()
	for _, w := range over {
		close(w.next)
	}
}

// run has a worker do the work, which m.running counts.
func (p *h2Workers) run(work h2Work) {
	p.mu.Lock()
	if n := len(p.idle) - 1; n >= 0 {
		w := p.idle[n]
		p.idle = p.idle[:n]
		p.mu.Unlock()
		w.next <- work
		return
	}
	p.mu.Unlock()
	go (&h2Worker{next: make(chan h2Work, 1)}).loop(p, work)
}

func (w *h2Worker) loop(p *h2Workers, work h2Work) {
	for more := true; more; work, more = <-w.next {
		m := work.m
		if work.st != nil {
			m = work.st.m
			work.st.run()
		} else {
			m.mu.Lock()
			m.flushing = false
			m.flushLocked()
			m.mu.Unlock()
		}
		work = h2Work{}
		// Before the connection may end: it must find this worker idle.
		p.mu.Lock()
		over := len(p.idle) >= h2WorkersIdle || p.users == 0
		if !over {
			p.idle = append(p.idle, w)
		}
		p.mu.Unlock()
		m.running.Done()
		if over {
			return
		}
	}
}
