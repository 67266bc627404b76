package luacompat

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

func (w *Worker) openLog() {
	w.registerPlain(w.ngx, []plain{{"log", ngxLog}})
	w.vm.Root().G.Global.RawSetString("print", w.anywhere(func(w *Worker, L *lua.LState) int {
		w.log(L, logNotice, 1, "print")
		return 0
	}))
}

// ngxLog is ngx.log(level, ...): one line in the error log, preceded by the
// calling file, line and function. Below the log's level it costs nothing.
//
// See: https://github.com/openresty/lua-nginx-module#ngxlog
func ngxLog(w *Worker, L *lua.LState) int {
	level := int(checkNumber(L, 1, "log"))
	if level < logStderr || level > logDebug {
		vm.ArgError(L, 1, "log", "bad log level: "+strconv.Itoa(level))
	}
	w.log(L, level, 2, "log")
	return 0
}

// log writes the arguments from first on.
func (w *Worker) log(L *lua.LState, level, first int, fname string) {
	h := w.cur()
	request := h != nil && h.req != nil
	if request && !h.req.LogEnabled(level) {
		return
	}
	b := append([]byte(nil), "[lua] "...)
	b = w.appendCaller(b, L)
	for i, n := first, L.GetTop(); i <= n; i++ {
		// ngx.log counts its arguments after the level.
		arg := i - first + 1
		switch v := L.Get(i).(type) {
		case lua.LString:
			b = append(b, v...)
		case lua.LNumber:
			b = appendNumber(b, float64(v))
		case lua.LBool:
			b = appendBool(b, bool(v))
		case *lua.LNilType:
			b = append(b, "nil"...)
		case *lua.LTable:
			if L.GetMetaField(v, "__tostring") == lua.LNil {
				vm.ArgError(L, arg, fname, "expected table to have __tostring metamethod")
			}
			b = append(b, w.text(L, v)...)
		default:
			if v != w.null {
				vm.ArgError(L, arg, fname, "string, number, boolean, or nil expected, got "+valueType(v))
			}
			b = append(b, "null"...)
		}
	}
	if request {
		h.req.Log(level, string(b))
	} else {
		w.rt.opts.Log(level, string(b))
	}
}

// appendCaller appends "file:line: func(): " of the Lua function that called.
func (w *Worker) appendCaller(b []byte, L *lua.LState) []byte {
	src, line, name, ok := w.vm.Caller(L)
	if !ok {
		return append(b, "[C]:-1: "...)
	}
	if i := strings.LastIndexAny(src, `/\`); i >= 0 {
		src = src[i+1:]
	}
	b = append(append(b, src...), ':')
	b = append(strconv.AppendInt(b, int64(line), 10), ": "...)
	if name != "" {
		b = append(append(b, name...), "(): "...)
	}
	return b
}
