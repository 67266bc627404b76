package stdlib

import (
	"math"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// openOS registers the os library.
//
// See: https://www.lua.org/manual/5.1/manual.html#5.8
func openOS(L *lua.LState, exit func(code int)) {
	t := Table(L, []Func{
		{"clock", osClock},
		{"date", osDate},
		{"difftime", osDifftime},
		{"execute", osExecute},
		{"exit", func(L *lua.LState) int { return osExit(L, exit) }},
		{"getenv", osGetenv},
		{"remove", osRemove},
		{"rename", osRename},
		{"setlocale", osSetlocale},
		{"time", osTime},
		{"tmpname", osTmpname},
	})
	if exit == nil {
		Note(L, t.RawGetString("exit").(*lua.LFunction), Refused, "it would end the gateway, not one worker")
	}
	Register(L, "os", t)
}

// osClock is the CPU time of the process.
func osClock(L *lua.LState) int {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		L.Push(lua.LNumber(-1))
		return 1
	}
	sec := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	L.Push(lua.LNumber(sec(u.Utime) + sec(u.Stime)))
	return 1
}

func osDate(L *lua.LState) int {
	f := OptStr(L, 1, "%c")
	t := time.Now()
	if L.Get(2) != lua.LNil {
		t = time.Unix(int64(Num(L, 2)), 0)
	}
	if f != "" && f[0] == '!' {
		f = f[1:]
		t = t.UTC()
	}
	if len(f) >= 2 && f[:2] == "*t" {
		tb := L.CreateTable(0, 9)
		for _, kv := range []struct {
			k string
			v int
		}{
			{"sec", t.Second()}, {"min", t.Minute()}, {"hour", t.Hour()}, {"day", t.Day()},
			{"month", int(t.Month())}, {"year", t.Year()}, {"wday", int(t.Weekday()) + 1}, {"yday", t.YearDay()},
		} {
			tb.RawSetString(kv.k, IntValue(kv.v))
		}
		tb.RawSetString("isdst", lua.LBool(t.IsDST()))
		L.Push(tb)
		return 1
	}
	L.Push(StringValue(string(Strftime(nil, f, t))))
	return 1
}

// Strftime appends a time in the C locale's strftime format.
func Strftime(b []byte, f string, t time.Time) []byte {
	num := func(n, width int, pad byte) {
		s := strconv.Itoa(n)
		for i := len(s); i < width; i++ {
			b = append(b, pad)
		}
		b = append(b, s...)
	}
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b = append(b, f[i])
			continue
		}
		i++
		if i >= len(f) {
			return append(b, '%')
		}
		c := f[i]
		if (c == 'E' || c == 'O') && i+1 < len(f) {
			i++
			c = f[i]
		}
		switch c {
		case 'a':
			b = t.AppendFormat(b, "Mon")
		case 'A':
			b = t.AppendFormat(b, "Monday")
		case 'b', 'h':
			b = t.AppendFormat(b, "Jan")
		case 'B':
			b = t.AppendFormat(b, "January")
		case 'c':
			b = t.AppendFormat(b, "Mon Jan _2 15:04:05 2006")
		case 'C':
			num(t.Year()/100, 2, '0')
		case 'd':
			num(t.Day(), 2, '0')
		case 'D', 'x':
			b = t.AppendFormat(b, "01/02/06")
		case 'e':
			num(t.Day(), 2, ' ')
		case 'F':
			b = t.AppendFormat(b, "2006-01-02")
		case 'g':
			y, _ := t.ISOWeek()
			num(y%100, 2, '0')
		case 'G':
			y, _ := t.ISOWeek()
			num(y, 4, '0')
		case 'H':
			num(t.Hour(), 2, '0')
		case 'I', 'l':
			h := t.Hour() % 12
			if h == 0 {
				h = 12
			}
			num(h, 2, map[byte]byte{'I': '0', 'l': ' '}[c])
		case 'j':
			num(t.YearDay(), 3, '0')
		case 'k':
			num(t.Hour(), 2, ' ')
		case 'm':
			num(int(t.Month()), 2, '0')
		case 'M':
			num(t.Minute(), 2, '0')
		case 'n':
			b = append(b, '\n')
		case 'p':
			b = t.AppendFormat(b, "PM")
		case 'P':
			b = t.AppendFormat(b, "pm")
		case 'r':
			b = t.AppendFormat(b, "03:04:05 PM")
		case 'R':
			b = t.AppendFormat(b, "15:04")
		case 's':
			b = strconv.AppendInt(b, t.Unix(), 10)
		case 'S':
			num(t.Second(), 2, '0')
		case 't':
			b = append(b, '\t')
		case 'T', 'X':
			b = t.AppendFormat(b, "15:04:05")
		case 'u':
			num((int(t.Weekday())+6)%7+1, 1, '0')
		case 'U':
			num((t.YearDay()-int(t.Weekday())+6)/7, 2, '0')
		case 'V':
			_, w := t.ISOWeek()
			num(w, 2, '0')
		case 'w':
			num(int(t.Weekday()), 1, '0')
		case 'W':
			num((t.YearDay()-(int(t.Weekday())+6)%7+6)/7, 2, '0')
		case 'y':
			num(t.Year()%100, 2, '0')
		case 'Y':
			num(t.Year(), 1, '0')
		case 'z':
			b = t.AppendFormat(b, "-0700")
		case 'Z':
			name, _ := t.Zone()
			if name == "UTC" && t.Location() == time.UTC {
				name = "GMT"
			}
			b = append(b, name...)
		case '%':
			b = append(b, '%')
		default:
			b = append(b, '%', c)
		}
	}
	return b
}

func osDifftime(L *lua.LState) int {
	a := Num(L, 1)
	b := 0.0
	if L.Get(2) != lua.LNil {
		b = Num(L, 2)
	}
	L.Push(lua.LNumber(a - b))
	return 1
}

// osExecute runs a command and gives its wait status, as Lua 5.1 does.
func osExecute(L *lua.LState) int {
	if L.Get(1) == lua.LNil {
		L.Push(intValues[1])
		return 1
	}
	cmd := exec.Command("/bin/sh", "-c", Str(L, 1))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	code := 0
	if err := cmd.Run(); err != nil {
		code = -1
		if ws, ok := waitStatus(cmd); ok {
			code = int(ws)
		}
	}
	L.Push(lua.LNumber(code))
	return 1
}

// osExit ends a process that is there for one program. One that serves others
// goes on: it only raises an error.
//
// Differs: LuaJIT exits, which takes an nginx worker down.
func osExit(L *lua.LState, exit func(code int)) int {
	if exit == nil {
		L.RaiseError("os.exit is not available in the gateway")
	}
	code := 0
	switch v := L.Get(1).(type) {
	case *lua.LNilType:
	case lua.LBool:
		if !v {
			code = 1
		}
	default:
		code = Int(L, 1)
	}
	exit(code)
	return 0
}

func osGetenv(L *lua.LState) int {
	if v, ok := os.LookupEnv(Str(L, 1)); ok {
		L.Push(lua.LString(v))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// fileResult pushes true, or nil, "name: message", errno.
func fileResult(L *lua.LState, err error, name string) int {
	if err == nil {
		L.Push(lua.LTrue)
		return 1
	}
	msg, code := ErrnoText(err)
	if name != "" {
		msg = name + ": " + msg
	}
	L.Push(lua.LNil)
	L.Push(lua.LString(msg))
	L.Push(lua.LNumber(code))
	return 3
}

// ErrnoText is strerror's text, which starts with a capital letter.
func ErrnoText(err error) (string, int) {
	var no syscall.Errno
	for e := err; e != nil; {
		if n, ok := e.(syscall.Errno); ok {
			no = n
			break
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			break
		}
		e = u.Unwrap()
	}
	if no == 0 {
		return err.Error(), 0
	}
	s := no.Error()
	if s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-32) + s[1:]
	}
	return s, int(no)
}

func osRemove(L *lua.LState) int {
	name := Str(L, 1)
	return fileResult(L, os.Remove(name), name)
}

func osRename(L *lua.LState) int {
	from := Str(L, 1)
	return fileResult(L, os.Rename(from, Str(L, 2)), from)
}

// osSetlocale knows only the C locale.
func osSetlocale(L *lua.LState) int {
	switch OptStr(L, 1, "C") {
	case "", "C", "POSIX":
		L.Push(lua.LString("C"))
	default:
		L.Push(lua.LNil)
	}
	return 1
}

func osTime(L *lua.LState) int {
	if L.Get(1) == lua.LNil {
		L.Push(lua.LNumber(time.Now().Unix()))
		return 1
	}
	t := Tab(L, 1)
	field := func(name string, def int) int {
		switch v := t.RawGetString(name).(type) {
		case lua.LNumber:
			return int(math.Trunc(float64(v)))
		case lua.LString:
			if f, ok := toNumber(v); ok {
				return int(f)
			}
		}
		if def < 0 {
			L.RaiseError("field '%s' missing in date table", name)
		}
		return def
	}
	sec, min, hour := field("sec", 0), field("min", 0), field("hour", 12)
	day, month, year := field("day", -1), field("month", -1), field("year", -1)
	d := time.Date(year, time.Month(month), day, hour, min, sec, 0, time.Local)
	L.Push(lua.LNumber(d.Unix()))
	return 1
}

func osTmpname(L *lua.LState) int {
	f, err := os.CreateTemp("", "lua_")
	if err != nil {
		L.RaiseError("unable to generate a unique filename")
	}
	f.Close()
	L.Push(lua.LString(f.Name()))
	return 1
}

func waitStatus(cmd *exec.Cmd) (syscall.WaitStatus, bool) {
	if cmd.ProcessState == nil {
		return 0, false
	}
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ws, ok
}
