package luacompat

import (
	"crypto/tls"
	"encoding/hex"

	lua "github.com/yuin/gopher-lua"
)

// maxSession is the largest session that lua-resty-core hands out.
const maxSession = 4096

// openSSLSession is the module ngx.ssl.session.
//
// Differs: a serialized session is Go's, not OpenSSL's: both ends of a store
// must be huidu.
//
// See: https://github.com/openresty/lua-resty-core/blob/master/lib/ngx/ssl/session.md
func (w *Worker) openSSLSession(L *lua.LState) int {
	return pushTable(L, w.module(L,
		sslAPI("get_serialized_session", 1, func(_ *handler, hs *Handshake, L *lua.LState) int {
			switch {
			case hs.SessionID == nil:
				return fail(L, "bad lua context")
			case hs.Session == nil:
				return fail(L, "bad session in lua context")
			case len(hs.Session) > maxSession:
				return fail(L, "session too big to serialize")
			}
			return pushString(L, string(hs.Session))
		}),
		sslAPI("get_session_id", 1, func(_ *handler, hs *Handshake, L *lua.LState) int {
			if hs.SessionID == nil {
				return fail(L, "bad lua context")
			}
			return pushString(L, hex.EncodeToString(hs.SessionID))
		}),
		sslAPI("set_serialized_session", 1, func(_ *handler, hs *Handshake, L *lua.LState) int {
			ss, err := tls.ParseSessionState([]byte(checkString(L, 1, "set_serialized_session")))
			if err != nil {
				return fail(L, "failed to de-serialize session")
			}
			hs.Fetched = ss
			return pushBool(L, true)
		}),
	))
}
