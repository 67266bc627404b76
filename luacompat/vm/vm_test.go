package vm

import (
	"context"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

func newVM(t testing.TB) *VM {
	t.Helper()
	v, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func compile(t testing.TB, v *VM, src string) *lua.LFunction {
	t.Helper()
	p, err := v.Compile([]byte(src), "=test")
	if err != nil {
		t.Fatal(err)
	}
	return v.Closure(p)
}

func TestRunReturnsFirstResult(t *testing.T) {
	v := newVM(t)
	ret, err := v.NewTask(context.Background(), nil).Run(compile(t, v, "local a = ... return a + 1"), lua.LNumber(2))
	if err != nil || ret != lua.LNumber(3) {
		t.Fatalf("%v %v", ret, err)
	}
}

func TestUnwindReachesRun(t *testing.T) {
	v := newVM(t)
	v.root.SetGlobal("exit", v.root.NewFunction(func(L *lua.LState) int { return v.Unwind(L, 42) }))
	_, err := v.NewTask(context.Background(), nil).Run(compile(t, v, "exit()"))
	if u, ok := err.(*Unwind); !ok || u.Reason != 42 {
		t.Fatalf("%v", err)
	}
}

func TestSpawnRunsUntilItsFirstWait(t *testing.T) {
	v := newVM(t)
	var order []string
	v.root.SetGlobal("note", v.root.NewFunction(func(L *lua.LState) int { order = append(order, L.ToString(1)); return 0 }))
	v.root.SetGlobal("wait", v.root.NewFunction(func(L *lua.LState) int {
		v.Block(func() { time.Sleep(time.Millisecond) })
		return 0
	}))
	v.root.SetGlobal("spawn", v.root.NewFunction(func(L *lua.LState) int {
		k := v.Cur().Spawn(L.CheckFunction(1), nil, nil)
		order = append(order, "spawned")
		v.Cur().WaitAny(k)
		return 0
	}))
	_, err := v.NewTask(context.Background(), nil).Run(compile(t, v, `note("a") spawn(function() note("b") wait() note("c") end) note("d")`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "b", "spawned", "c", "d"}
	for i, w := range want {
		if i >= len(order) || order[i] != w {
			t.Fatalf("order %v", order)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	v := newVM(b)
	fn := compile(b, v, "return 1")
	task := v.NewTask(context.Background(), nil)
	b.ReportAllocs()
	for b.Loop() {
		task.Run(fn)
	}
}
