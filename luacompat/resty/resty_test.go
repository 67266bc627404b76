package resty

import (
	"context"
	"os"
	"strings"
	"testing"

	"huidu/luacompat/vm"
)

// TestCases runs testdata/cases.lua; cases.out is what lua-resty-string
// printed in nginx.
func TestCases(t *testing.T) {
	v, err := vm.New(vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	Register(v)
	src, err := os.ReadFile("testdata/cases.lua")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := os.ReadFile("testdata/cases.out")
	p, err := vm.Compile(src, "=cases")
	if err != nil {
		t.Fatal(err)
	}
	res, err := v.NewTask(context.Background(), nil).Run(v.Closure(p))
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(res.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Errorf("line %d:\n got %q\nwant %q", i+1, g[min(i, len(g)-1)], w[min(i, len(w)-1)])
		}
	}
}
