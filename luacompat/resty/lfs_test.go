package resty

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"huidu/luacompat/vm"
)

// lfsScript works in the directory that it is given and returns what it saw.
const lfsScript = `
local lfs = require "lfs"
local dir = ...
local out = {}
local function say(...) local t = {...} for i = 1, select("#", ...) do t[i] = tostring(t[i]) end out[#out + 1] = (table.concat(t, " "):gsub(dir, "DIR", 1)) end
local f = io.open(dir .. "/f", "w") f:write("hello") f:close()
say(lfs.attributes(dir, "mode"), lfs.attributes(dir .. "/f", "size"), lfs.attributes(dir .. "/f").mode)
say(lfs.attributes(dir .. "/none"))
say(pcall(lfs.attributes, dir, "nope"))
say(lfs.mkdir(dir .. "/d"), lfs.mkdir(dir .. "/d"))
say(lfs.touch(dir .. "/f", 1000, 2000), lfs.attributes(dir .. "/f", "access"), lfs.attributes(dir .. "/f", "modification"))
say(lfs.link(dir .. "/f", dir .. "/l", true), lfs.symlinkattributes(dir .. "/l", "mode"), lfs.symlinkattributes(dir .. "/l", "target"), lfs.attributes(dir .. "/l", "mode"))
local names = {}
for name in lfs.dir(dir) do names[#names + 1] = name end
table.sort(names)
say(table.concat(names, " "))
local iter, d = lfs.dir(dir)
say(type(iter), type(d:next()), d:close())
say(pcall(d.next, d))
say(pcall(lfs.dir, dir .. "/none"))
say(lfs.rmdir(dir .. "/d"), lfs.rmdir(dir .. "/d"))
say(lfs.attributes(dir .. "/f", "permissions"):sub(1, 3), lfs.setmode(io.stdout, "text"))
say(lfs.chdir(dir .. "/none"))
say(lfs.chdir(dir), lfs.currentdir() == dir)
return table.concat(out, "\n")
`

const lfsWant = `directory 5 file
nil cannot obtain information from file 'DIR/none': No such file or directory 2
false invalid attribute name 'nope'
true nil File exists 17
true 1000 2000
true link DIR/f file
. .. d f l
function string
false bad argument #1 to '?' (closed directory)
false cannot open DIR/none: No such file or directory
true nil No such file or directory 2
rw- true binary
nil Unable to change working directory to 'DIR/none'
No such file or directory

true true`

// TestLFS runs the script here, and with HUIDU_LUAJIT and HUIDU_LFS (a
// directory with LuaFileSystem's lfs.so) on the original.
func TestLFS(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vm.New(vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	Register(v)
	dir := t.TempDir()
	defer os.Chdir(wd)
	p, err := v.Compile([]byte("return (function(...) "+lfsScript+" end)('"+dir+"')"), "@case.lua")
	if err != nil {
		t.Fatal(err)
	}
	res, err := v.NewTask(context.Background(), nil).Run(v.Closure(p))
	if err != nil {
		t.Fatal(err)
	}
	if res.String() != lfsWant {
		t.Errorf("got\n%s\nwant\n%s", res, lfsWant)
	}
	bin, so := os.Getenv("HUIDU_LUAJIT"), os.Getenv("HUIDU_LFS")
	if bin == "" || so == "" {
		return
	}
	file := filepath.Join(t.TempDir(), "case.lua")
	src := "package.cpath = '" + so + "/?.so' local r = (function(...) " + lfsScript + " end)('" + t.TempDir() + "') io.write(r)"
	if err := os.WriteFile(file, []byte(src), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(bin, file).CombinedOutput()
	if err != nil || string(out) != lfsWant {
		t.Errorf("original: %v\n%s", err, out)
	}
}
