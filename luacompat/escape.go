package luacompat

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (w *Worker) openEscape() {
	w.registerPlain(w.ngx, []plain{
		{"escape_uri", escapeURI},
		{"unescape_uri", unescapeURI},
		{"encode_args", encodeArgs},
		{"decode_args", decodeArgs},
		{"quote_sql_str", quoteSQL},
	})
}

// maxArgs is how many arguments or headers are read unless told otherwise.
const maxArgs = 100

// escapeURI is ngx.escape_uri(str, type): type 2, a URI component, by default.
//
// See: https://github.com/openresty/lua-nginx-module#ngxescape_uri
func escapeURI(w *Worker, L *lua.LState) int {
	s, set := w.looseText(L, 1), escapeComponent
	if v := L.Get(2); v != lua.LNil {
		n, ok := v.(lua.LNumber)
		if !ok {
			w.raiseAbove(L, `"type" is not a number`)
		}
		if n < 0 || n > 6 {
			w.raiseAbove(L, `"type" `+numberText(n)+" out of range")
		}
		set = int(n)
	}
	return pushString(L, escape(s, &escapeSets[set]))
}

// raiseAbove raises an error with the position of the caller's caller, as
// lua-resty-core does where it says error(msg, 3).
func (w *Worker) raiseAbove(L *lua.LState, msg string) {
	w.vm.Throw(L, lua.LString(w.vm.Where(L, 2)+msg))
}

// unescapeURI is ngx.unescape_uri.
//
// See: https://github.com/openresty/lua-nginx-module#ngxunescape_uri
func unescapeURI(w *Worker, L *lua.LState) int {
	return pushString(L, unescape(w.looseText(L, 1)))
}

// encodeArgs is ngx.encode_args(table).
//
// See: https://github.com/openresty/lua-nginx-module#ngxencode_args
func encodeArgs(w *Worker, L *lua.LState) int {
	if n := L.GetTop(); n != 1 {
		L.RaiseError("expecting 1 argument but seen %d", n)
	}
	return pushString(L, w.encodeArgs(L, checkTable(L, 1, "encode_args")))
}

// encodeArgs writes a table as a query string. true gives a bare key, false
// nothing, a table one pair for each of its values.
func (w *Worker) encodeArgs(L *lua.LState, t *lua.LTable) string {
	w.fill(t)
	var b []byte
	key := func(k string) {
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = appendEscaped(b, k, &escapeSets[escapeComponent])
	}
	var pair func(k string, v lua.LValue, nested bool)
	pair = func(k string, v lua.LValue, nested bool) {
		switch v := v.(type) {
		case lua.LString:
			key(k)
			b = appendEscaped(append(b, '='), string(v), &escapeSets[escapeComponent])
			return
		case lua.LNumber:
			key(k)
			b = appendEscaped(append(b, '='), numberText(v), &escapeSets[escapeComponent])
			return
		case lua.LBool:
			if v {
				key(k)
			}
			return
		case *lua.LTable:
			if !nested {
				for i, e := v.Next(lua.LNil); i != lua.LNil; i, e = v.Next(i) {
					pair(k, e, true)
				}
				return
			}
		}
		L.RaiseError("attempt to use %s as query arg value", valueType(v))
	}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		ks, ok := k.(lua.LString)
		if !ok {
			L.RaiseError(`attempt to use a non-string key in the "args" option table`)
		}
		pair(string(ks), v, false)
	}
	return string(b)
}

// decodeArgs is ngx.decode_args(str, max): a table, and "truncated" when there
// was more.
//
// See: https://github.com/openresty/lua-nginx-module#ngxdecode_args
func decodeArgs(w *Worker, L *lua.LState) int {
	n := L.GetTop()
	if n != 1 && n != 2 {
		L.RaiseError("expecting 1 or 2 arguments but seen %d", n)
	}
	s, limit := checkString(L, 1, "decode_args"), maxArgs
	if n == 2 {
		limit = int(checkNumber(L, 2, "decode_args"))
	}
	return pushArgs(L, s, limit, L.CreateTable(0, 4))
}

// pushArgs parses a query string into t and pushes it.
func pushArgs(L *lua.LState, s string, limit int, t *lua.LTable) int {
	truncated := parseArgs(s, limit, func(k string, v lua.LValue) { addValue(L, t, k, v) })
	L.Push(t)
	if truncated {
		L.Push(lua.LString("truncated"))
		return 2
	}
	return 1
}

// parseArgs gives the pairs of a query string; a key without "=" has the value
// true. Pairs with an empty key are skipped, but counted.
func parseArgs(s string, limit int, pair func(k string, v lua.LValue)) (truncated bool) {
	for count := 0; s != ""; {
		part, rest, more := strings.Cut(s, "&")
		k, v, has := strings.Cut(part, "=")
		if k != "" {
			if has {
				pair(unescape(k), lua.LString(unescape(v)))
			} else {
				pair(unescape(k), lua.LTrue)
			}
		}
		s = rest
		if count++; more && limit > 0 && count == limit {
			return true
		}
	}
	return false
}

// addValue sets t[k], turning it into an array when it is there already.
func addValue(L *lua.LState, t *lua.LTable, k string, v lua.LValue) {
	switch old := t.RawGetString(k).(type) {
	case *lua.LNilType:
		t.RawSetString(k, v)
	case *lua.LTable:
		old.Append(v)
	default:
		multi := L.CreateTable(4, 0)
		multi.Append(old)
		multi.Append(v)
		t.RawSetString(k, multi)
	}
}

// quoteSQL is ngx.quote_sql_str, by MySQL's rules.
//
// See: https://github.com/openresty/lua-nginx-module#ngxquote_sql_str
func quoteSQL(w *Worker, L *lua.LState) int {
	if L.GetTop() != 1 {
		L.RaiseError("expecting one argument")
	}
	return pushString(L, "'"+sqlReplacer.Replace(checkString(L, 1, "quote_sql_str"))+"'")
}

var sqlReplacer = strings.NewReplacer("\x00", `\0`, "\b", `\b`, "\n", `\n`, "\r", `\r`,
	"\t", `\t`, "\x1a", `\Z`, `\`, `\\`, `'`, `\'`, `"`, `\"`)
