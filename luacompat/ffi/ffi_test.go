package ffi

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
	"huidu/luacompat/vm"
)

var update = flag.Bool("update", false, "write the outputs of LuaJIT (HUIDU_LUAJIT) into testdata/cases.txtar")

const casesFile = "testdata/cases.txtar"

// run runs a script here and returns what it prints.
func run(t testing.TB, src string) string {
	t.Helper()
	v, err := vm.New(vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	Register(v)
	var out strings.Builder
	v.Root().SetGlobal("print", v.Root().NewFunction(func(L *lua.LState) int {
		for i := 1; i <= L.GetTop(); i++ {
			if i > 1 {
				out.WriteByte('\t')
			}
			out.WriteString(stdlib.ToString(L, L.Get(i)).String())
		}
		out.WriteByte('\n')
		return 0
	}))
	p, err := v.Compile([]byte(src), "@case.lua")
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	if _, err := v.NewTask(context.Background(), nil).Run(v.Closure(p)); err != nil {
		out.WriteString("error: " + err.Error() + "\n")
	}
	return canonical(out.String())
}

var address = regexp.MustCompile(`0x[0-9a-f]{6,16}`)

func canonical(s string) string { return address.ReplaceAllString(s, "ADDR") }

// luajit runs a script on the interpreter that HUIDU_LUAJIT names.
func luajit(t testing.TB, bin, src string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "case.lua"), []byte(src), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "case.lua")
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		msg, _, _ := strings.Cut(strings.TrimPrefix(errs.String(), bin+": "), "\n")
		return canonical(string(out)) + "error: " + msg + "\n"
	}
	return canonical(string(out))
}

// TestCases: testdata/cases.txtar is NAME.lua with NAME.out, what LuaJIT
// prints; NAME.huidu is what we print where that is something else, which the
// script gives the reason of in "-- differs: ".
func TestCases(t *testing.T) {
	ar, err := txtar.ParseFile(casesFile)
	if err != nil {
		t.Fatal(err)
	}
	bin := os.Getenv("HUIDU_LUAJIT")
	if *update && bin == "" {
		t.Fatal("HUIDU_LUAJIT is not set")
	}
	byName := map[string]string{}
	for _, f := range ar.Files {
		byName[f.Name] = string(f.Data)
	}
	fresh := &txtar.Archive{Comment: ar.Comment}
	for _, f := range ar.Files {
		name, ok := strings.CutSuffix(f.Name, ".lua")
		if !ok {
			continue
		}
		src, want := string(f.Data), byName[name+".out"]
		differs := strings.Contains(src, "-- differs: ")
		if *update {
			fresh.Files = append(fresh.Files, f, txtar.File{Name: name + ".out", Data: []byte(luajit(t, bin, src))})
			if differs {
				fresh.Files = append(fresh.Files, txtar.File{Name: name + ".huidu", Data: []byte(run(t, src))})
			}
			continue
		}
		t.Run(name, func(t *testing.T) {
			ours := want
			if differs {
				ours = byName[name+".huidu"]
			}
			if got := run(t, src); got != ours {
				t.Errorf("%s\n--- got\n%s--- want\n%s", src, got, ours)
			}
			if bin == "" {
				return
			}
			if got := luajit(t, bin, src); got != want {
				t.Errorf("%s\n--- luajit\n%s--- case\n%s", src, got, want)
			}
		})
	}
	if *update {
		if err := os.WriteFile(casesFile, txtar.Format(fresh), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzDeclarations: whatever is declared, ffi.cdef returns or raises.
func FuzzDeclarations(f *testing.F) {
	ar, err := txtar.ParseFile(casesFile)
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range ar.Files {
		for _, m := range regexp.MustCompile(`(?s)\[\[(.*?)\]\]`).FindAllStringSubmatch(string(file.Data), -1) {
			f.Add(m[1])
		}
	}
	f.Add("typedef struct { int (*f)(void *, const char *, ...); union { int a; double b; }; char c[3][4]; } t;")
	f.Fuzz(func(t *testing.T, src string) {
		defer func() {
			if e := recover(); e != nil {
				if _, ok := e.(parseError); !ok {
					panic(e)
				}
			}
		}()
		newScope().parser(src, nil).declarations()
	})
}
