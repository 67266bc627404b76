package vm

// Aside releases the VM's lock around f without this counting as a wait of the
// running task: no other thread of its handler gets the turn, and nothing
// unwinds. It is for work that nginx does without giving the turn away, but
// that may take time here, such as passing output to the response's filters.
func (v *VM) Aside(f func()) {
	t := v.cur
	v.cur = nil
	v.lock.Unlock()
	f()
	v.lock.Lock()
	v.cur = t
}
