package stdlib

import (
	"bufio"
	"errors"
	"io"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/repair"
)

// readFormats reads by the formats from the first-th argument on, a line when
// there are none.
//
// See: https://www.lua.org/manual/5.1/manual.html#pdf-file:read
func readFormats(L *lua.LState, f *file, first int) int {
	top := L.GetTop()
	r := f.reader()
	n := 0
	if top < first {
		v, _, err := readLine(r, false)
		if err != nil {
			return readFault(L, err, 0)
		}
		L.Push(v)
		return 1
	}
	for i := first; i <= top; i++ {
		var v lua.LValue
		var err error
		more := true
		if cnt, ok := L.Get(i).(lua.LNumber); ok {
			v, more, err = readCount(r, int(cnt))
		} else {
			opt := strings.TrimPrefix(Str(L, i), "*")
			switch {
			case strings.HasPrefix(opt, "n"):
				v, more = readNumber(r)
			case strings.HasPrefix(opt, "l"):
				v, more, err = readLine(r, false)
			case strings.HasPrefix(opt, "L"):
				v, more, err = readLine(r, true)
			case strings.HasPrefix(opt, "a"):
				var b []byte
				b, err = io.ReadAll(r)
				v = StringValue(string(b))
			default:
				return ArgError(L, i, "invalid format")
			}
		}
		if err != nil {
			return readFault(L, err, n)
		}
		n++
		L.Push(v)
		if !more {
			break
		}
	}
	return n
}

func readFault(L *lua.LState, err error, n int) int {
	msg, code := ErrnoText(err)
	L.Push(lua.LNil)
	L.Push(lua.LString(msg))
	L.Push(lua.LNumber(code))
	return n + 3
}

func readLine(r *bufio.Reader, keep bool) (lua.LValue, bool, error) {
	s, err := r.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return lua.LNil, false, err
	}
	if s == "" {
		return lua.LNil, false, nil
	}
	if !keep {
		s = strings.TrimSuffix(s, "\n")
	}
	return StringValue(s), true, nil
}

func readCount(r *bufio.Reader, n int) (lua.LValue, bool, error) {
	if n <= 0 {
		if _, err := r.Peek(1); err != nil {
			return lua.LNil, false, nil
		}
		return emptyString, true, nil
	}
	var b strings.Builder
	if _, err := io.CopyN(&b, r, int64(n)); err != nil && !errors.Is(err, io.EOF) {
		return lua.LNil, false, err
	}
	if b.Len() == 0 {
		return lua.LNil, false, nil
	}
	return StringValue(b.String()), true, nil
}

func readNumber(r *bufio.Reader) (lua.LValue, bool) {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return lua.LNil, false
		}
		if classes[c]&clSpace == 0 {
			r.UnreadByte()
			break
		}
	}
	var b []byte
	for len(b) < 200 {
		c, err := r.ReadByte()
		if err != nil {
			break
		}
		if !(c == '+' || c == '-' || c == '.' || classes[c]&clXdigit != 0 || c|0x20 == 'x' || c|0x20 == 'p') {
			r.UnreadByte()
			break
		}
		b = append(b, c)
	}
	if v, ok := repair.ParseNumber(string(b)); ok {
		return lua.LNumber(v), true
	}
	return lua.LNil, false
}
