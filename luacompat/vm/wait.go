package vm

import (
	"reflect"
)

func (t *Task) waitAny(kids []*Task) {
	if len(kids) == 1 {
		t.VM.Block(func() {
			select {
			case <-kids[0].done:
			case <-t.Ctx.Done():
			}
		})
		return
	}
	cases := make([]reflect.SelectCase, len(kids)+1)
	for i, k := range kids {
		cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(k.done)}
	}
	cases[len(kids)] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(t.Ctx.Done())}
	t.VM.Block(func() { reflect.Select(cases) })
}
