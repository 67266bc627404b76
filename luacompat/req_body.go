package luacompat

import (
	"errors"

	lua "github.com/yuin/gopher-lua"
)

// bodyArgs checks the number of arguments in the words of the body functions.
func bodyArgs(L *lua.LState, least, most int) int {
	n := L.GetTop()
	if n < least || n > most {
		switch {
		case least == most && most == 1:
			L.RaiseError("expecting 1 arguments but seen %d", n)
		case least == most:
			L.RaiseError("expecting 0 arguments but seen %d", n)
		case least == 0:
			L.RaiseError("expecting 0 or 1 argument but seen %d", n)
		}
		L.RaiseError("expecting 1 or 2 arguments but seen %d", n)
	}
	return n
}

// reqReadBody is ngx.req.read_body: it waits for the whole body. A body that
// nginx refuses ends the request with its status.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqread_body
func reqReadBody(h *handler, L *lua.LState) int {
	bodyArgs(L, 0, 0)
	if h.req.BodyRead() {
		return 0
	}
	var err error
	h.w.vm.Block(func() { err = h.req.ReadBody() })
	return h.bodyError(L, err)
}

// bodyError leaves the handler when reading the body failed.
func (h *handler) bodyError(L *lua.LState, err error) int {
	if err == nil {
		return 0
	}
	status := 500
	var se *StatusError
	if errors.As(err, &se) {
		status = se.Status
	}
	return h.end(L, Outcome{Kind: ExitStatus, Status: status})
}

// reqDiscardBody is ngx.req.discard_body.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqdiscard_body
func reqDiscardBody(h *handler, L *lua.LState) int {
	bodyArgs(L, 0, 0)
	var err error
	h.w.vm.Aside(func() { err = h.req.DiscardBody() })
	if err != nil {
		L.RaiseError("failed to discard request body")
	}
	return 0
}

// reqGetBodyData is ngx.req.get_body_data(max): nil for a body that was not
// read, is empty, or lies in a file.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqget_body_data
func reqGetBodyData(h *handler, L *lua.LState) int {
	limit := 0
	if bodyArgs(L, 0, 1) == 1 {
		limit = int(checkNumber(L, 1, "get_body_data"))
	}
	if h.req.BodyRead() {
		if data, inFile := h.req.BodyData(); !inFile && len(data) > 0 {
			if limit > 0 && len(data) > limit {
				data = data[:limit]
			}
			return pushString(L, string(data))
		}
	}
	L.Push(lua.LNil)
	return 1
}

// reqGetBodyFile is ngx.req.get_body_file.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqget_body_file
func reqGetBodyFile(h *handler, L *lua.LState) int {
	bodyArgs(L, 0, 0)
	if h.req.BodyRead() {
		if _, inFile := h.req.BodyData(); inFile {
			return pushString(L, h.req.BodyFile())
		}
	}
	L.Push(lua.LNil)
	return 1
}

// bodyWasRead raises the error of the functions that replace a body.
func (h *handler) bodyWasRead(L *lua.LState) {
	if !h.req.BodyRead() {
		L.RaiseError("request body not read yet")
	}
}

// reqSetBodyData is ngx.req.set_body_data(data).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqset_body_data
func reqSetBodyData(h *handler, L *lua.LState) int {
	bodyArgs(L, 1, 1)
	data := checkString(L, 1, "set_body_data")
	h.bodyWasRead(L)
	h.headers = nil // Content-Length changes
	h.req.SetBodyData([]byte(data))
	return 0
}

// reqSetBodyFile is ngx.req.set_body_file(name, auto_clean).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqset_body_file
func reqSetBodyFile(h *handler, L *lua.LState) int {
	n := bodyArgs(L, 1, 2)
	name := checkString(L, 1, "set_body_file")
	h.bodyWasRead(L)
	clean := n == 2 && checkBool(L, 2, "set_body_file")
	h.headers = nil // Content-Length changes
	if err := h.req.SetBodyFile(name, clean); err != nil {
		L.RaiseError("%s", err.Error())
	}
	return 0
}

// reqInitBody is ngx.req.init_body(buffer_size).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqinit_body
func reqInitBody(h *handler, L *lua.LState) int {
	n, size := bodyArgs(L, 0, 1), 0
	h.bodyWasRead(L)
	if n == 1 {
		if size = int(checkNumber(L, 1, "init_body")); size <= 0 {
			L.RaiseError("bad size argument: %d", size)
		}
	}
	h.headers = nil // Content-Length changes
	if err := h.req.InitBody(size); err != nil {
		L.RaiseError("%s", err.Error())
	}
	h.st.bodyBuild = true
	return 0
}

// reqAppendBody is ngx.req.append_body(data).
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqappend_body
func reqAppendBody(h *handler, L *lua.LState) int {
	bodyArgs(L, 1, 1)
	data := checkString(L, 1, "append_body")
	if !h.st.bodyBuild {
		L.RaiseError("request_body not initialized")
	}
	if err := h.req.AppendBody([]byte(data)); err != nil {
		L.RaiseError("fail to write file")
	}
	return 0
}

// reqFinishBody is ngx.req.finish_body.
//
// See: https://github.com/openresty/lua-nginx-module#ngxreqfinish_body
func reqFinishBody(h *handler, L *lua.LState) int {
	if n := L.GetTop(); n != 0 {
		L.RaiseError("expecting 0 argument but seen %d", n)
	}
	if !h.st.bodyBuild {
		L.RaiseError("request_body not initialized")
	}
	h.st.bodyBuild = false
	h.headers = nil // Content-Length changes
	if err := h.req.FinishBody(); err != nil {
		L.RaiseError("fail to write file")
	}
	return 0
}
