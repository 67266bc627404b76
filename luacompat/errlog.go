package luacompat

import (
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// logRing keeps the error log's last lines for ngx.errlog.get_logs, bounded by
// lua_capture_error_log's size.
type logRing struct {
	mu     sync.Mutex
	lines  []logLine
	size   int64
	filter int // highest level kept
}

type logLine struct {
	level int
	at    time.Time
	msg   string
}

// lineCost is what a line takes besides its text.
const lineCost = 40

// CaptureLog gives a line of the error log to scripts that read it through
// ngx.errlog. The host calls it for every line when lua_capture_error_log is
// set.
func (rt *Runtime) CaptureLog(level int, at time.Time, msg string) {
	limit := rt.opts.CaptureErrorLog
	if limit <= 0 {
		return
	}
	r := &rt.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	if level > r.filter {
		return
	}
	r.lines = append(r.lines, logLine{level, at, msg})
	r.size += int64(len(msg)) + lineCost
	for r.size > limit && len(r.lines) > 0 {
		r.size -= int64(len(r.lines[0].msg)) + lineCost
		r.lines = r.lines[1:]
	}
}

// openErrlog makes the module ngx.errlog.
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/errlog.md
func (w *Worker) openErrlog(L *lua.LState) int {
	const off = `directive "lua_capture_error_log" is not set`
	return pushTable(L, w.module(L,
		plain{"set_filter_level", func(w *Worker, L *lua.LState) int {
			v := L.Get(1)
			if !lua.LVAsBool(v) {
				return fail(L, `missing "level" argument`)
			}
			level := int(checkNumber(L, 1, "set_filter_level"))
			if w.rt.opts.CaptureErrorLog <= 0 {
				return fail(L, off)
			}
			if level < logStderr || level > logDebug {
				return fail(L, "bad log level: "+numberText(lua.LNumber(level)))
			}
			w.rt.ring.mu.Lock()
			w.rt.ring.filter = level
			w.rt.ring.mu.Unlock()
			return pushBool(L, true)
		}},
		plain{"get_logs", func(w *Worker, L *lua.LState) int {
			if w.rt.opts.CaptureErrorLog <= 0 {
				return fail(L, off)
			}
			return getLogs(w, L)
		}},
		plain{"get_sys_filter_level", func(w *Worker, L *lua.LState) int {
			level := logDebug
			if h := w.cur(); h != nil && h.req != nil {
				for level > logStderr && !h.req.LogEnabled(level) {
					level--
				}
			}
			return pushNumber(L, float64(level))
		}},
		plain{"raw_log", rawLog},
	))
}

// getLogs is get_logs(max, res): level, time and text of up to max lines,
// which are then forgotten.
func getLogs(w *Worker, L *lua.LState) int {
	most := 10
	if v := L.Get(1); lua.LVAsBool(v) {
		most = int(checkNumber(L, 1, "get_logs"))
	}
	t, ok := L.Get(2).(*lua.LTable)
	if !ok {
		t = L.CreateTable(most*3, 0)
	}
	r := &w.rt.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(max(most, 0), len(r.lines))
	for i, l := range r.lines[:n] {
		t.RawSetInt(i*3+1, lua.LNumber(l.level))
		t.RawSetInt(i*3+2, lua.LNumber(float64(l.at.UnixMilli())/1000))
		t.RawSetInt(i*3+3, lua.LString(l.msg))
		r.size -= int64(len(l.msg)) + lineCost
	}
	r.lines = r.lines[n:]
	t.RawSetInt(n*3+1, lua.LNil)
	return pushTable(L, t)
}

// rawLog is raw_log(level, msg): a line without ngx.log's prefix.
func rawLog(w *Worker, L *lua.LState) int {
	level, ok := L.Get(1).(lua.LNumber)
	if !ok {
		vm.ArgError(L, 1, "raw_log", "must be a number")
	}
	msg, ok := L.Get(2).(lua.LString)
	if !ok {
		vm.ArgError(L, 2, "raw_log", "must be a string")
	}
	if level < logStderr || level > logDebug {
		L.RaiseError("bad log level")
	}
	w.warn(int(level), string(msg))
	return 0
}
