package resty

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// openLFS is the module lfs, LuaFileSystem 1.8, on Linux. Locks are not
// offered: lfs.lock, unlock and lock_dir say so.
//
// See: https://lunarmodules.github.io/luafilesystem/manual.html
func (m *module) openLFS(L *lua.LState) int {
	noLocks := func(L *lua.LState) int {
		L.Push(lua.LNil)
		L.Push(lua.LString("locks are not supported by huidu"))
		return 2
	}
	t := stdlib.Table(L, []stdlib.Func{
		{Name: "attributes", Fn: func(L *lua.LState) int { return lfsAttributes(L, syscall.Stat, false) }},
		{Name: "symlinkattributes", Fn: func(L *lua.LState) int { return lfsAttributes(L, syscall.Lstat, true) }},
		{Name: "chdir", Fn: func(L *lua.LState) int {
			path := stdlib.Str(L, 1)
			if err := os.Chdir(path); err != nil {
				L.Push(lua.LNil)
				L.Push(lua.LString("Unable to change working directory to '" + path + "'\n" + errorText(err) + "\n"))
				return 2
			}
			L.Push(lua.LTrue)
			return 1
		}},
		{Name: "currentdir", Fn: func(L *lua.LState) int {
			dir, err := os.Getwd()
			if err != nil {
				return lfsResult(L, err)
			}
			L.Push(lua.LString(dir))
			return 1
		}},
		{Name: "dir", Fn: m.lfsDir},
		{Name: "link", Fn: func(L *lua.LState) int {
			if lua.LVAsBool(L.Get(3)) {
				return lfsResult(L, os.Symlink(stdlib.Str(L, 1), stdlib.Str(L, 2)))
			}
			return lfsResult(L, os.Link(stdlib.Str(L, 1), stdlib.Str(L, 2)))
		}},
		{Name: "lock", Fn: noLocks},
		{Name: "lock_dir", Fn: noLocks},
		{Name: "mkdir", Fn: func(L *lua.LState) int { return lfsResult(L, os.Mkdir(stdlib.Str(L, 1), 0o775)) }},
		{Name: "rmdir", Fn: func(L *lua.LState) int { return lfsResult(L, syscall.Rmdir(stdlib.Str(L, 1))) }},
		{Name: "setmode", Fn: func(L *lua.LState) int {
			L.Push(lua.LTrue)
			L.Push(lua.LString("binary"))
			return 2
		}},
		{Name: "touch", Fn: lfsTouch},
		{Name: "unlock", Fn: noLocks},
	})
	t.RawSetString("_VERSION", lua.LString("LuaFileSystem 1.8.0"))
	t.RawSetString("_COPYRIGHT", lua.LString("Copyright (C) 2003-2017 Kepler Project"))
	t.RawSetString("_DESCRIPTION", lua.LString("LuaFileSystem is a Lua library developed to complement the set of functions related to file systems offered by the standard Lua distribution"))
	L.Push(t)
	return 1
}

// errorText is what strerror says of err's cause, and the cause's number.
func errorText(err error) string {
	var no syscall.Errno
	if e, ok := unwrapErrno(err); ok {
		no = e
	}
	s := no.Error()
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func unwrapErrno(err error) (syscall.Errno, bool) {
	for err != nil {
		if no, ok := err.(syscall.Errno); ok {
			return no, true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			break
		}
		err = u.Unwrap()
	}
	return 0, false
}

// lfsResult is true, or nil with the error's text and number.
func lfsResult(L *lua.LState, err error) int {
	if err == nil {
		L.Push(lua.LTrue)
		return 1
	}
	no, _ := unwrapErrno(err)
	L.Push(lua.LNil)
	L.Push(lua.LString(errorText(err)))
	L.Push(lua.LNumber(no))
	return 3
}

// lfsModes are the values of the attribute mode.
var lfsModes = map[uint32]string{
	syscall.S_IFREG: "file", syscall.S_IFDIR: "directory", syscall.S_IFLNK: "link", syscall.S_IFSOCK: "socket",
	syscall.S_IFIFO: "named pipe", syscall.S_IFCHR: "char device", syscall.S_IFBLK: "block device",
}

// lfsMembers are the attributes in the order of the manual.
var lfsMembers = []struct {
	name string
	of   func(st *syscall.Stat_t) lua.LValue
}{
	{"mode", func(st *syscall.Stat_t) lua.LValue {
		if s := lfsModes[st.Mode&syscall.S_IFMT]; s != "" {
			return lua.LString(s)
		}
		return lua.LString("other")
	}},
	{"dev", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Dev) }},
	{"ino", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Ino) }},
	{"nlink", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Nlink) }},
	{"uid", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Uid) }},
	{"gid", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Gid) }},
	{"rdev", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Rdev) }},
	{"access", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Atim.Sec) }},
	{"modification", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Mtim.Sec) }},
	{"change", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Ctim.Sec) }},
	{"size", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Size) }},
	{"permissions", func(st *syscall.Stat_t) lua.LValue { return lua.LString(permissions(st.Mode)) }},
	{"blocks", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Blocks) }},
	{"blksize", func(st *syscall.Stat_t) lua.LValue { return lua.LNumber(st.Blksize) }},
}

// permissions is "rwxr-xr-x".
func permissions(mode uint32) string {
	b := []byte("rwxrwxrwx")
	for i := range b {
		if mode>>(8-i)&1 == 0 {
			b[i] = '-'
		}
	}
	return string(b)
}

// lfsAttributes is lfs.attributes(path [, name or table]); of a link it also
// knows the target.
func lfsAttributes(L *lua.LState, stat func(string, *syscall.Stat_t) error, link bool) int {
	path := stdlib.Str(L, 1)
	var st syscall.Stat_t
	if err := stat(path, &st); err != nil {
		no, _ := unwrapErrno(err)
		L.Push(lua.LNil)
		L.Push(lua.LString("cannot obtain information from file '" + path + "': " + errorText(err)))
		L.Push(lua.LNumber(no))
		return 3
	}
	target := func() lua.LValue {
		s, err := os.Readlink(path)
		if err != nil {
			return lua.LNil
		}
		return lua.LString(s)
	}
	if name, ok := L.Get(2).(lua.LString); ok {
		for _, m := range lfsMembers {
			if m.name == string(name) {
				L.Push(m.of(&st))
				return 1
			}
		}
		if link && name == "target" {
			L.Push(target())
			return 1
		}
		L.RaiseError("invalid attribute name '%s'", string(name))
	}
	t, ok := L.Get(2).(*lua.LTable)
	if !ok {
		t = L.CreateTable(0, len(lfsMembers))
	}
	for _, m := range lfsMembers {
		t.RawSetString(m.name, m.of(&st))
	}
	if link {
		if v := target(); v != lua.LNil {
			t.RawSetString("target", v)
		}
	}
	L.Push(t)
	return 1
}

// lfsEntries is an open directory.
type lfsEntries struct {
	names  []string
	closed bool
}

// lfsDir is lfs.dir(path): an iterator and its directory object.
func (m *module) lfsDir(L *lua.LState) int {
	path := stdlib.Str(L, 1)
	entries, err := os.ReadDir(path)
	if err != nil {
		return m.raise(L, "cannot open "+path+": "+errorText(err))
	}
	d := &lfsEntries{names: []string{".", ".."}}
	for _, e := range entries {
		d.names = append(d.names, e.Name())
	}
	object := func(L *lua.LState) *lfsEntries {
		ud, _ := L.Get(1).(*lua.LUserData)
		var d *lfsEntries
		if ud != nil {
			d, _ = ud.Value.(*lfsEntries)
		}
		if d == nil {
			stdlib.TypeError(L, 1, "directory metatable")
		}
		if d.closed {
			stdlib.ArgError(L, 1, "closed directory")
		}
		return d
	}
	next := L.NewFunction(func(L *lua.LState) int {
		d := object(L)
		if len(d.names) == 0 {
			d.closed = true
			return 0
		}
		L.Push(lua.LString(d.names[0]))
		d.names = d.names[1:]
		return 1
	})
	mt := L.CreateTable(0, 1)
	methods := L.CreateTable(0, 2)
	methods.RawSetString("next", next)
	methods.RawSetString("close", L.NewFunction(func(L *lua.LState) int {
		object(L).closed = true
		return 0
	}))
	mt.RawSetString("__index", methods)
	ud := L.NewUserData()
	ud.Value, ud.Metatable = d, mt
	L.Push(next)
	L.Push(ud)
	return 2
}

// lfsTouch is lfs.touch(path [, access [, modification]]).
func lfsTouch(L *lua.LState) int {
	path := stdlib.Str(L, 1)
	access := time.Now()
	if L.Get(2) != lua.LNil {
		access = time.Unix(int64(stdlib.Num(L, 2)), 0)
	}
	modification := access
	if L.Get(3) != lua.LNil {
		modification = time.Unix(int64(stdlib.Num(L, 3)), 0)
	}
	return lfsResult(L, os.Chtimes(filepath.Clean(path), access, modification))
}
