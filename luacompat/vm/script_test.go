package vm

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// capture makes print of v write to a buffer.
func capture(v *VM) *strings.Builder {
	var out strings.Builder
	v.root.SetGlobal("print", v.root.NewFunction(func(L *lua.LState) int {
		for i := 1; i <= L.GetTop(); i++ {
			if i > 1 {
				out.WriteByte('\t')
			}
			out.WriteString(stdlib.ToString(L, L.Get(i)).String())
		}
		out.WriteByte('\n')
		return 0
	}))
	io := v.root.GetGlobal("io").(*lua.LTable)
	io.RawSetString("write", v.root.NewFunction(func(L *lua.LState) int {
		for i := 1; i <= L.GetTop(); i++ {
			out.WriteString(stdlib.Str(L, i))
		}
		return 0
	}))
	return &out
}

// runScript runs source as a main chunk and returns what it prints.
func runScript(t testing.TB, src, name string) string {
	t.Helper()
	v, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	out := capture(v)
	p, err := v.Compile([]byte(src), name)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	task := v.NewTask(context.Background(), nil)
	task.NoYield = true
	if _, err := task.RunN(nil, v.Closure(p)); err != nil {
		fmt.Fprintf(out, "error: %v\n", err)
		if e, ok := err.(*Error); ok {
			out.WriteString(e.Traceback)
		}
	}
	return out.String()
}

// TestScript runs the file named by HUIDU_LUA, for trying things out.
func TestScript(t *testing.T) {
	name := os.Getenv("HUIDU_LUA")
	if name == "" {
		t.Skip("HUIDU_LUA is not set")
	}
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Print(runScript(t, string(src), "@"+name))
}
