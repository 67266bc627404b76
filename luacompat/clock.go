package luacompat

import (
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// clock is the worker's cached time. As in nginx, whose event loop sets it,
// it stands still while Lua runs without waiting; ngx.update_time sets it.
type clock struct {
	now    func() time.Time
	cached time.Time
	slice  uint64 // the VM's slice that cached belongs to
	known  bool
}

// time is the cached time.
func (w *Worker) time() time.Time {
	c := &w.clock
	if s := w.vm.Slice(); s != c.slice || !c.known {
		c.cached, c.slice, c.known = c.now(), s, true
	}
	return c.cached
}

func (w *Worker) openTime() {
	w.registerPlain(w.ngx, []plain{
		{"today", today},
		{"time", unixTime},
		{"now", unixNow},
		{"update_time", updateTime},
		{"localtime", localTime},
		{"utctime", utcTime},
		{"cookie_time", cookieTime},
		{"http_time", httpTime},
		{"parse_http_time", parseHTTPTime},
	})
}

const (
	dateLayout     = "2006-01-02"
	dateTimeLayout = "2006-01-02 15:04:05"
	httpLayout     = "Mon, 02 Jan 2006 15:04:05 GMT"
)

// today is ngx.today: the local date.
//
// See: https://github.com/openresty/lua-nginx-module#ngxtoday
func today(w *Worker, L *lua.LState) int {
	return pushString(L, w.time().Local().Format(dateLayout))
}

// unixTime is ngx.time: whole seconds.
//
// See: https://github.com/openresty/lua-nginx-module#ngxtime
func unixTime(w *Worker, L *lua.LState) int {
	return pushNumber(L, float64(w.time().Unix()))
}

// unixNow is ngx.now: seconds with milliseconds.
//
// See: https://github.com/openresty/lua-nginx-module#ngxnow
func unixNow(w *Worker, L *lua.LState) int {
	return pushNumber(L, float64(w.time().UnixMilli())/1000)
}

// updateTime is ngx.update_time.
//
// See: https://github.com/openresty/lua-nginx-module#ngxupdate_time
func updateTime(w *Worker, L *lua.LState) int {
	w.clock.cached = w.clock.now()
	return 0
}

// localTime is ngx.localtime.
//
// See: https://github.com/openresty/lua-nginx-module#ngxlocaltime
func localTime(w *Worker, L *lua.LState) int {
	return pushString(L, w.time().Local().Format(dateTimeLayout))
}

// utcTime is ngx.utctime.
//
// See: https://github.com/openresty/lua-nginx-module#ngxutctime
func utcTime(w *Worker, L *lua.LState) int {
	return pushString(L, w.time().UTC().Format(dateTimeLayout))
}

func timeArg(L *lua.LState) time.Time {
	n, ok := L.Get(1).(lua.LNumber)
	if !ok {
		L.RaiseError("number argument only")
	}
	return time.Unix(int64(n), 0).UTC()
}

// cookieTime is ngx.cookie_time(sec): two digits of the year until 2037, as
// nginx writes it.
//
// See: https://github.com/openresty/lua-nginx-module#ngxcookie_time
func cookieTime(w *Worker, L *lua.LState) int {
	t := timeArg(L)
	layout := "Mon, 02-Jan-06 15:04:05 GMT"
	if t.Year() > 2037 {
		layout = "Mon, 02-Jan-2006 15:04:05 GMT"
	}
	return pushString(L, t.Format(layout))
}

// httpTime is ngx.http_time(sec).
//
// See: https://github.com/openresty/lua-nginx-module#ngxhttp_time
func httpTime(w *Worker, L *lua.LState) int {
	return pushString(L, timeArg(L).Format(httpLayout))
}

// parseHTTPTime is ngx.parse_http_time(str): nil for what is not a time.
//
// See: https://github.com/openresty/lua-nginx-module#ngxparse_http_time
func parseHTTPTime(w *Worker, L *lua.LState) int {
	s, ok := L.Get(1).(lua.LString)
	if !ok {
		L.RaiseError("string argument only")
	}
	text := strings.TrimSpace(string(s))
	for _, layout := range []string{httpLayout, "Monday, 02-Jan-06 15:04:05 GMT",
		"Mon, 02-Jan-06 15:04:05 GMT", "Mon, 02-Jan-2006 15:04:05 GMT",
		"Mon Jan _2 15:04:05 2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return pushNumber(L, float64(t.Unix()))
		}
	}
	L.Push(lua.LNil)
	return 1
}
