package luacompat

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/vm"
)

// openCapture makes ngx.location.
func (w *Worker) openCapture() {
	t := w.table()
	w.register(t, []api{
		{name: "capture", phases: inYield, fn: capture},
		{name: "capture_multi", phases: inYield, fn: captureMulti},
	})
	w.ngx.RawSetString("location", t)
}

// capture is ngx.location.capture(uri, options): it runs a subrequest, waits
// and returns a table with status, header, body and truncated.
//
// See: https://github.com/openresty/lua-nginx-module#ngxlocationcapture
func capture(h *handler, L *lua.LState) int {
	n := L.GetTop()
	if n != 1 && n != 2 {
		L.RaiseError("expecting one or two arguments")
	}
	var opts lua.LValue
	if n == 2 {
		opts = L.Get(2)
	}
	return h.subrequests(L, []CaptureRequest{h.captureRequest(L, 0, L.Get(1), opts)})
}

// captureMulti is ngx.location.capture_multi({{uri, options}, ...}): the
// subrequests run side by side.
//
// See: https://github.com/openresty/lua-nginx-module#ngxlocationcapture_multi
func captureMulti(h *handler, L *lua.LState) int {
	if n := L.GetTop(); n != 1 {
		L.RaiseError("only one argument is expected, but got %d", n)
	}
	list := checkTable(L, 1, "capture_multi")
	n := list.Len()
	if n == 0 {
		L.RaiseError("at least one subrequest should be specified")
	}
	reqs := make([]CaptureRequest, 0, n)
	for i := range n {
		t, ok := list.RawGetInt(i + 1).(*lua.LTable)
		if !ok {
			if list.RawGetInt(i+1) == lua.LNil {
				L.RaiseError("only array-like tables are allowed")
			}
			L.RaiseError("the query argument %d is not a table, but a %s", i, valueType(list.RawGetInt(i+1)))
		}
		m := t.Len()
		if m != 1 && m != 2 {
			L.RaiseError("query argument %d expecting one or two arguments", i)
		}
		var opts lua.LValue
		if m == 2 {
			opts = t.RawGetInt(2)
		}
		reqs = append(reqs, h.captureRequest(L, i, t.RawGetInt(1), opts))
	}
	return h.subrequests(L, reqs)
}

// captureRequest reads the arguments of one subrequest.
func (h *handler) captureRequest(L *lua.LState, index int, uri, opts lua.LValue) (c CaptureRequest) {
	var u string
	switch v := uri.(type) {
	case lua.LString:
		u = string(v)
	case lua.LNumber:
		u = numberText(v)
	default:
		L.RaiseError("bad argument #1 to 'capture' (string expected, got %s)", valueType(uri))
	}
	if opts != nil {
		t, ok := opts.(*lua.LTable)
		if !ok {
			L.RaiseError("expecting table as the 2nd argument for subrequest %d, but got %s", index, valueType(opts))
		}
		h.captureOptions(L, t, &c)
	}
	path, args, ok := parseUnsafeURI(u)
	if !ok {
		L.RaiseError("unsafe uri in argument #1: %s", u)
	}
	c.URI = path
	if c.Args == "" {
		c.Args = args
	} else if args != "" {
		c.Args = args + "&" + c.Args
	}
	return c
}

func (h *handler) captureOptions(L *lua.LState, t *lua.LTable, c *CaptureRequest) {
	switch v := t.RawGetString("args").(type) {
	case *lua.LTable:
		c.Args = h.w.encodeArgs(L, v)
	case *lua.LNilType:
	case lua.LString:
		c.Args = string(v)
	case lua.LNumber:
		c.Args = numberText(v)
	default:
		L.RaiseError("Bad args option value")
	}
	switch v := t.RawGetString("vars").(type) {
	case *lua.LTable:
		c.Vars = h.captureVars(L, v)
	case *lua.LNilType:
	default:
		L.RaiseError("Bad vars option value")
	}
	c.ShareVars = boolOption(L, t, "share_all_vars")
	c.CopyVars = boolOption(L, t, "copy_all_vars")
	c.ForwardBody = lua.LVAsBool(t.RawGetString("always_forward_body"))
	switch v := t.RawGetString("method").(type) {
	case *lua.LNilType:
	case lua.LNumber:
		if c.Method = methodBits[int(v)]; c.Method == "" {
			L.RaiseError("unsupported HTTP method: %d", int(v))
		}
	default:
		L.RaiseError("Bad http request method")
	}
	switch v := t.RawGetString("ctx").(type) {
	case *lua.LNilType:
	case *lua.LTable:
		c.Ctx = v
	default:
		L.RaiseError("Bad ctx option value type %s, expected a Lua table", valueType(v))
	}
	switch v := t.RawGetString("body").(type) {
	case *lua.LNilType:
	case lua.LString:
		c.Body, c.HasBody = []byte(v), true
	case lua.LNumber:
		c.Body, c.HasBody = appendNumber(nil, float64(v)), true
	default:
		L.RaiseError("Bad http request body")
	}
}

func boolOption(L *lua.LState, t *lua.LTable, name string) bool {
	switch v := t.RawGetString(name).(type) {
	case *lua.LNilType:
	case lua.LBool:
		return bool(v)
	default:
		L.RaiseError("Bad %s option value", name)
	}
	return false
}

func (h *handler) captureVars(L *lua.LState, t *lua.LTable) map[string]string {
	vars := map[string]string{}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name, ok := k.(lua.LString)
		if !ok {
			L.RaiseError(`attempt to use a non-string key in the "vars" option table`)
		}
		switch v := v.(type) {
		case lua.LString:
			vars[string(name)] = string(v)
		case lua.LNumber:
			vars[string(name)] = numberText(v)
		default:
			L.RaiseError("attempt to use bad variable value type %s", valueType(v))
		}
	}
	return vars
}

// subrequests runs them and pushes a result table for each.
func (h *handler) subrequests(L *lua.LState, reqs []CaptureRequest) int {
	var res []CaptureResponse
	var err error
	func() {
		st, t := h.st, h.w.vm.Cur()
		st.noAbort++
		if h.subreqs == nil {
			h.subreqs = map[*vm.Task]int{}
		}
		h.subreqs[t]++
		defer func() {
			st.noAbort--
			h.subreqs[t]--
		}()
		h.w.vm.Block(func() { res, err = h.req.Capture(reqs) })
	}()
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	for i := range res {
		L.Push(h.captureResult(L, &res[i]))
	}
	return len(res)
}

func (h *handler) captureResult(L *lua.LState, r *CaptureResponse) *lua.LTable {
	t := L.CreateTable(0, 4)
	t.RawSetString("status", lua.LNumber(r.Status))
	t.RawSetString("body", lua.LString(r.Body))
	t.RawSetString("truncated", lua.LBool(r.Truncated))
	hs := L.CreateTable(0, len(r.Headers))
	for _, x := range r.Headers {
		if strings.EqualFold(x.Key, "Content-Length") {
			if n, ok := parseNumber(x.Value); ok {
				hs.RawSetString(x.Key, lua.LNumber(n))
				continue
			}
		}
		addValue(L, hs, x.Key, lua.LString(x.Value))
	}
	t.RawSetString("header", hs)
	return t
}
