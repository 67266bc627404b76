package cjson

import (
	"context"
	"os"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

func newVM(t testing.TB) *vm.VM {
	t.Helper()
	v, err := vm.New(vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	Register(v, v.Root().NewUserData())
	return v
}

// run runs a chunk and returns its results.
func run(t testing.TB, v *vm.VM, src string, args ...lua.LValue) []lua.LValue {
	t.Helper()
	p, err := vm.Compile([]byte(src), "=test")
	if err != nil {
		t.Fatal(err)
	}
	res, err := v.NewTask(context.Background(), nil).RunN(nil, v.Closure(p), args...)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestOracle runs testdata/expressions.txt; oracle.txt holds what lua-cjson
// 2.1.0.19 answered in nginx's LuaJIT through the same run.lua.
func TestOracle(t *testing.T) {
	v := newVM(t)
	script, err := os.ReadFile("testdata/run.lua")
	if err != nil {
		t.Fatal(err)
	}
	runner := run(t, v, `cjson = require "cjson"; safe = require "cjson.safe"; `+"\n"+string(script))[0]
	cases, err := os.ReadFile("testdata/oracle.txt")
	if err != nil {
		t.Fatal(err)
	}
	call := run(t, v, `local run = ... return function(e) return run(e) end`, runner)[0].(*lua.LFunction)
	for _, line := range strings.Split(strings.TrimSuffix(string(cases), "\n"), "\n") {
		expr, want, _ := strings.Cut(line, "\t")
		got, err := v.NewTask(context.Background(), nil).Run(call, lua.LString(expr))
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		} else if got.String() != want {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
}

func TestObjectOrder(t *testing.T) {
	v := newVM(t)
	got := run(t, v, `local t = {} t.z=1 t.a=2 t.m=3 t.a=nil t.a=4 return require("cjson").encode(t)`)[0].String()
	if got != `{"z":1,"a":4,"m":3}` {
		t.Error(got)
	}
}

func TestLayout(t *testing.T) {
	if !sameLayout {
		t.Error("lua.LTable has another layout than table.go says: encoding takes the slow way")
	}
}

// FuzzDecode: nothing panics, and what was decoded survives a round trip.
func FuzzDecode(f *testing.F) {
	data, _ := os.ReadFile("testdata/expressions.txt")
	for _, l := range strings.Split(string(data), "\n") {
		f.Add(strings.TrimSuffix(strings.TrimPrefix(l, "cjson.decode('"), "')"))
	}
	v, err := vm.New(vm.Options{})
	if err != nil {
		f.Fatal(err)
	}
	Register(v, v.Root().NewUserData())
	fn := run(f, v, `local c = require("cjson.safe").new() c.encode_invalid_numbers(true) c.encode_sparse_array(true)
		return function(s) local x, err = c.decode(s) if x == nil then assert(err) return "" end
		local a = assert(c.encode(x)) local y, e = c.decode(a) if y == nil then error(e) end local b = assert(c.encode(y)) return a == b and "" or a .. "\n" .. b end`)[0].(*lua.LFunction)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := v.NewTask(context.Background(), nil).Run(fn, lua.LString(s))
		if err != nil || got.String() != "" {
			t.Fatalf("%q: %v %v", s, got, err)
		}
	})
}

const sample = `{"code":0,"message":"ok","data":{"users":[{"id":1,"name":"alice","gray":true,"ratio":0.25,"tags":["a","b","c"]},{"id":2,"name":"bob","gray":false,"ratio":12.5,"tags":[]}],"path":"/api/v1/users?x=1","note":"some longer text that has no escapes in it at all, as most have"}}`

func BenchmarkEncode(b *testing.B) {
	v := newVM(b)
	fn := run(b, v, `local c = require "cjson" local t = c.decode(...) return function() return c.encode(t) end`, lua.LString(sample))[0].(*lua.LFunction)
	task := v.NewTask(context.Background(), nil)
	b.ReportAllocs()
	b.SetBytes(int64(len(sample)))
	for b.Loop() {
		task.Run(fn)
	}
}

func BenchmarkDecode(b *testing.B) {
	v := newVM(b)
	fn := run(b, v, `local c = require "cjson" return function(s) return c.decode(s) end`)[0].(*lua.LFunction)
	task := v.NewTask(context.Background(), nil)
	b.ReportAllocs()
	b.SetBytes(int64(len(sample)))
	for b.Loop() {
		task.Run(fn, lua.LString(sample))
	}
}
