package vm

import (
	"reflect"
)

func (t *Task) waitAny(kids []*Task) int {
	if len(kids) == 1 {
		t.VM.Block(func() {
			select {
			case <-kids[0].done:
			case <-t.Ctx.Done():
			}
		})
		return 0
	}
	cases := make([]reflect.SelectCase, len(kids)+1)
	for i, k := range kids {
		cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(k.done)}
	}
	cases[len(kids)] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(t.Ctx.Done())}
	at := 0
	t.VM.Block(func() { at, _, _ = reflect.Select(cases) })
	return at
}
