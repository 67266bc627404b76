package stdlib

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	lua "github.com/yuin/gopher-lua"
)

// file is what an io handle holds.
type file struct {
	f      *os.File
	cmd    *exec.Cmd // of popen
	r      *bufio.Reader
	w      *bufio.Writer
	mode   byte // 'r', 'w', 'a', '+'
	closed bool
	std    bool
	line   bool // flush at line ends
	dirty  bool
}

// library is the io library of one state.
type library struct {
	meta    *lua.LTable
	in, out *lua.LUserData
}

// openIO registers the io library.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.7
func openIO(L *lua.LState) {
	lib := &library{meta: L.CreateTable(0, 8)}
	methods := Table(L, []Func{
		{"close", lib.fileClose},
		{"flush", lib.fileFlush},
		{"lines", lib.fileLines},
		{"read", lib.fileRead},
		{"seek", lib.fileSeek},
		{"setvbuf", lib.fileSetvbuf},
		{"write", lib.fileWrite},
	})
	lib.meta.RawSetString("__index", methods)
	lib.meta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		f := lib.any(L, 1)
		if f.closed {
			L.Push(lua.LString("file (closed)"))
		} else {
			L.Push(lua.LString("file (" + L.Get(1).String()[len("userdata: "):] + ")"))
		}
		return 1
	}))
	t := Table(L, []Func{
		{"close", lib.close},
		{"flush", lib.flush},
		{"input", lib.input},
		{"lines", lib.lines},
		{"open", lib.open},
		{"output", lib.output},
		{"popen", lib.popen},
		{"read", lib.read},
		{"tmpfile", lib.tmpfile},
		{"type", lib.typ},
		{"write", lib.write},
	})
	std := func(name string, f *os.File, mode byte) *lua.LUserData {
		ud := lib.wrap(L, &file{f: f, mode: mode, std: true})
		t.RawSetString(name, ud)
		return ud
	}
	lib.in = std("stdin", os.Stdin, 'r')
	lib.out = std("stdout", os.Stdout, 'w')
	std("stderr", os.Stderr, 'w')
	Register(L, "io", t)
}

func (lib *library) wrap(L *lua.LState, f *file) *lua.LUserData {
	ud := L.NewUserData()
	ud.Value = f
	ud.Metatable = lib.meta
	return ud
}

func (lib *library) any(L *lua.LState, n int) *file {
	ud, ok := L.Get(n).(*lua.LUserData)
	if ok {
		if f, ok := ud.Value.(*file); ok {
			return f
		}
	}
	TypeError(L, n, "FILE*")
	return nil
}

// check is an open file argument.
func (lib *library) check(L *lua.LState, n int) *file {
	f := lib.any(L, n)
	if f.closed {
		L.RaiseError("attempt to use a closed file")
	}
	return f
}

func (f *file) reader() *bufio.Reader {
	f.sync()
	if f.r == nil {
		f.r = bufio.NewReader(f.f)
	}
	return f.r
}

func (f *file) writer() *bufio.Writer {
	if f.r != nil {
		if n := f.r.Buffered(); n > 0 {
			f.f.Seek(int64(-n), io.SeekCurrent)
		}
		f.r = nil
	}
	if f.w == nil {
		f.w = bufio.NewWriter(f.f)
	}
	f.dirty = true
	return f.w
}

func (f *file) sync() error {
	if f.w != nil && f.dirty {
		f.dirty = false
		return f.w.Flush()
	}
	return nil
}

func (lib *library) open(L *lua.LState) int {
	name, mode := Str(L, 1), OptStr(L, 2, "r")
	m := strings.Replace(mode, "b", "", 1)
	flags := map[string]int{
		"r": os.O_RDONLY, "r+": os.O_RDWR,
		"w": os.O_WRONLY | os.O_CREATE | os.O_TRUNC, "w+": os.O_RDWR | os.O_CREATE | os.O_TRUNC,
		"a": os.O_WRONLY | os.O_CREATE | os.O_APPEND, "a+": os.O_RDWR | os.O_CREATE | os.O_APPEND,
	}
	fl, ok := flags[m]
	if !ok {
		return fileResult(L, syscall.EINVAL, name)
	}
	f, err := os.OpenFile(name, fl, 0o666)
	if err != nil {
		return fileResult(L, err, name)
	}
	L.Push(lib.wrap(L, &file{f: f, mode: m[len(m)-1]}))
	return 1
}

func (lib *library) popen(L *lua.LState) int {
	name, mode := Str(L, 1), OptStr(L, 2, "r")
	cmd := exec.Command("/bin/sh", "-c", name)
	cmd.Stderr = os.Stderr
	pr, pw, err := os.Pipe()
	if err != nil {
		return fileResult(L, err, name)
	}
	f := &file{cmd: cmd, mode: 'r', f: pr}
	mine, theirs := pr, pw
	if strings.HasPrefix(mode, "w") {
		f.mode, f.f = 'w', pw
		mine, theirs = pw, pr
		cmd.Stdin, cmd.Stdout = pr, os.Stdout
	} else {
		cmd.Stdin, cmd.Stdout = os.Stdin, pw
	}
	if err := cmd.Start(); err != nil {
		mine.Close()
		theirs.Close()
		return fileResult(L, err, name)
	}
	theirs.Close()
	L.Push(lib.wrap(L, f))
	return 1
}

func (lib *library) tmpfile(L *lua.LState) int {
	f, err := os.CreateTemp("", "lua_")
	if err != nil {
		return fileResult(L, err, "")
	}
	os.Remove(f.Name())
	L.Push(lib.wrap(L, &file{f: f, mode: '+'}))
	return 1
}

func (lib *library) typ(L *lua.LState) int {
	v := Any(L, 1)
	ud, ok := v.(*lua.LUserData)
	if ok {
		if f, ok := ud.Value.(*file); ok {
			if f.closed {
				L.Push(lua.LString("closed file"))
			} else {
				L.Push(lua.LString("file"))
			}
			return 1
		}
	}
	L.Push(lua.LNil)
	return 1
}

func (lib *library) close(L *lua.LState) int {
	if L.GetTop() == 0 {
		return closeFile(L, lib.out.Value.(*file))
	}
	return closeFile(L, lib.check(L, 1))
}

func (lib *library) fileClose(L *lua.LState) int { return closeFile(L, lib.check(L, 1)) }

func closeFile(L *lua.LState, f *file) int {
	err := f.sync()
	if f.std {
		// The process's own streams stay open.
		return fileResult(L, err, "")
	}
	f.closed = true
	if e := f.f.Close(); err == nil {
		err = e
	}
	if f.cmd != nil {
		f.cmd.Wait()
		L.Push(lua.LTrue)
		L.Push(lua.LString("exit"))
		L.Push(IntValue(f.cmd.ProcessState.ExitCode()))
		return 3
	}
	return fileResult(L, err, "")
}

func (lib *library) flush(L *lua.LState) int {
	return fileResult(L, lib.out.Value.(*file).sync(), "")
}

func (lib *library) fileFlush(L *lua.LState) int {
	return fileResult(L, lib.check(L, 1).sync(), "")
}

func (lib *library) input(L *lua.LState) int { return lib.redirect(L, &lib.in, os.O_RDONLY, 'r') }
func (lib *library) output(L *lua.LState) int {
	return lib.redirect(L, &lib.out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 'w')
}

func (lib *library) redirect(L *lua.LState, slot **lua.LUserData, flags int, mode byte) int {
	switch v := L.Get(1).(type) {
	case *lua.LNilType:
	case lua.LString:
		f, err := os.OpenFile(string(v), flags, 0o666)
		if err != nil {
			msg, _ := ErrnoText(err)
			L.RaiseError("%s: %s", string(v), msg)
		}
		*slot = lib.wrap(L, &file{f: f, mode: mode})
	default:
		lib.check(L, 1)
		*slot = v.(*lua.LUserData)
	}
	L.Push(*slot)
	return 1
}

func (lib *library) lines(L *lua.LState) int {
	if L.Get(1) == lua.LNil {
		return lib.linesOf(L, lib.in.Value.(*file), 2, false)
	}
	name := Str(L, 1)
	f, err := os.Open(name)
	if err != nil {
		msg, _ := ErrnoText(err)
		return ArgError(L, 1, name+": "+msg)
	}
	return lib.linesOf(L, &file{f: f, mode: 'r'}, 2, true)
}

func (lib *library) fileLines(L *lua.LState) int { return lib.linesOf(L, lib.check(L, 1), 2, false) }

func (lib *library) linesOf(L *lua.LState, f *file, first int, owned bool) int {
	var formats []lua.LValue
	for i := first; i <= L.GetTop(); i++ {
		formats = append(formats, L.Get(i))
	}
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if f.closed {
			L.RaiseError("file is already closed")
		}
		L.SetTop(0)
		for _, v := range formats {
			L.Push(v)
		}
		n := readFormats(L, f, 1)
		if owned && L.Get(-n) == lua.LNil {
			f.closed = true
			f.f.Close()
		}
		return n
	}))
	return 1
}

func (lib *library) read(L *lua.LState) int     { return readFormats(L, lib.in.Value.(*file), 1) }
func (lib *library) fileRead(L *lua.LState) int { return readFormats(L, lib.check(L, 1), 2) }

func (lib *library) write(L *lua.LState) int { return writeArgs(L, lib.out, 1) }
func (lib *library) fileWrite(L *lua.LState) int {
	lib.check(L, 1)
	return writeArgs(L, L.Get(1).(*lua.LUserData), 2)
}

func writeArgs(L *lua.LState, ud *lua.LUserData, first int) int {
	f := ud.Value.(*file)
	if f.closed {
		L.RaiseError("attempt to use a closed file")
	}
	w := f.writer()
	var err error
	for i, n := first, L.GetTop(); i <= n; i++ {
		s := Str(L, i)
		if _, e := w.WriteString(s); e != nil {
			err = e
		}
	}
	if f.std || f.cmd != nil || f.line {
		if e := f.sync(); e != nil {
			err = e
		}
	}
	if err != nil {
		return fileResult(L, err, "")
	}
	if first == 1 {
		L.Push(lua.LTrue)
	} else {
		L.Push(ud)
	}
	return 1
}

func (lib *library) fileSeek(L *lua.LState) int {
	f := lib.check(L, 1)
	whence, ok := map[string]int{"set": io.SeekStart, "cur": io.SeekCurrent, "end": io.SeekEnd}[OptStr(L, 2, "cur")]
	if !ok {
		return ArgError(L, 2, "invalid option '"+Str(L, 2)+"'")
	}
	off := int64(0)
	if L.Get(3) != lua.LNil {
		off = int64(Num(L, 3))
	}
	f.sync()
	if f.r != nil {
		if whence == io.SeekCurrent {
			off -= int64(f.r.Buffered())
		}
		f.r = nil
	}
	pos, err := f.f.Seek(off, whence)
	if err != nil {
		return fileResult(L, err, "")
	}
	L.Push(lua.LNumber(pos))
	return 1
}

func (lib *library) fileSetvbuf(L *lua.LState) int {
	f := lib.check(L, 1)
	switch mode := Str(L, 2); mode {
	case "no", "line":
		f.line = true
	case "full":
		f.line = false
	default:
		return ArgError(L, 2, "invalid option '"+mode+"'")
	}
	L.Push(lua.LTrue)
	return 1
}
