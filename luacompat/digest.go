package luacompat

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"

	lua "github.com/yuin/gopher-lua"
)

func (w *Worker) openDigest() {
	w.registerPlain(w.ngx, []plain{
		{"encode_base64", encodeBase64},
		{"decode_base64", decodeBase64},
		{"decode_base64mime", decodeBase64MIME},
		{"crc32_short", crc32Sum},
		{"crc32_long", crc32Sum},
		{"hmac_sha1", hmacSHA1},
		{"md5", md5Hex},
		{"md5_bin", md5Bin},
		{"sha1_bin", sha1Bin},
	})
}

// encodeBase64 is ngx.encode_base64(str, no_padding).
//
// See: https://github.com/openresty/lua-nginx-module#ngxencode_base64
func encodeBase64(w *Worker, L *lua.LState) int {
	s := w.looseText(L, 1)
	enc := base64.StdEncoding
	switch v := L.Get(2); v {
	case lua.LNil, lua.LFalse:
	case lua.LTrue:
		enc = base64.RawStdEncoding
	default:
		L.RaiseError("bad no_padding: boolean expected, got %s", valueType(v))
	}
	return pushString(L, enc.EncodeToString([]byte(s)))
}

// decodeBase64 is ngx.decode_base64: nil for what is not base64.
//
// See: https://github.com/openresty/lua-nginx-module#ngxdecode_base64
func decodeBase64(w *Worker, L *lua.LState) int {
	s, ok := L.Get(1).(lua.LString)
	if !ok {
		L.RaiseError("string argument only")
	}
	return pushDecoded(L, string(s), '+', '/')
}

// pushDecoded decodes as nginx does: it stops at the first "=", refuses
// foreign bytes and a rest of one, and takes missing padding.
func pushDecoded(L *lua.LState, s string, c62, c63 byte) int {
	out := make([]byte, 0, len(s)/4*3+3)
	var acc uint32
	n := 0
	for i := 0; i < len(s) && s[i] != '='; i++ {
		v, ok := base64Value(s[i], c62, c63)
		if !ok {
			L.Push(lua.LNil)
			return 1
		}
		acc = acc<<6 | uint32(v)
		if n++; n%4 == 0 {
			out = append(out, byte(acc>>16), byte(acc>>8), byte(acc))
			acc = 0
		}
	}
	switch n % 4 {
	case 1:
		L.Push(lua.LNil)
		return 1
	case 2:
		out = append(out, byte(acc>>4))
	case 3:
		out = append(out, byte(acc>>10), byte(acc>>2))
	}
	return pushString(L, string(out))
}

func base64Value(c, c62, c63 byte) (byte, bool) {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A', true
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26, true
	case c >= '0' && c <= '9':
		return c - '0' + 52, true
	case c == c62:
		return 62, true
	case c == c63:
		return 63, true
	}
	return 0, false
}

// decodeBase64MIME is ngx.decode_base64mime: bytes that are not base64 are
// skipped.
//
// See: https://github.com/openresty/lua-nginx-module#ngxdecode_base64mime
func decodeBase64MIME(w *Worker, L *lua.LState) int {
	s, ok := L.Get(1).(lua.LString)
	if !ok {
		L.RaiseError("string argument only")
	}
	kept := make([]byte, 0, len(s))
	for i := 0; i < len(s) && s[i] != '='; i++ {
		if _, ok := base64Value(s[i], '+', '/'); ok {
			kept = append(kept, s[i])
		}
	}
	return pushDecoded(L, string(kept), '+', '/')
}

// crc32Sum is ngx.crc32_short and ngx.crc32_long, which give the same.
//
// See: https://github.com/openresty/lua-nginx-module#ngxcrc32_short
func crc32Sum(w *Worker, L *lua.LState) int {
	return pushNumber(L, float64(crc32.ChecksumIEEE([]byte(w.looseText(L, 1)))))
}

// hmacSHA1 is ngx.hmac_sha1(key, str).
//
// See: https://github.com/openresty/lua-nginx-module#ngxhmac_sha1
func hmacSHA1(w *Worker, L *lua.LState) int {
	if n := L.GetTop(); n != 2 {
		L.RaiseError("expecting 2 arguments, but got %d", n)
	}
	m := hmac.New(sha1.New, []byte(checkString(L, 1, "hmac_sha1")))
	m.Write([]byte(checkString(L, 2, "hmac_sha1")))
	return pushString(L, string(m.Sum(nil)))
}

// md5Hex is ngx.md5.
//
// See: https://github.com/openresty/lua-nginx-module#ngxmd5
func md5Hex(w *Worker, L *lua.LState) int {
	sum := md5.Sum([]byte(w.looseText(L, 1)))
	return pushString(L, hex.EncodeToString(sum[:]))
}

// md5Bin is ngx.md5_bin.
//
// See: https://github.com/openresty/lua-nginx-module#ngxmd5_bin
func md5Bin(w *Worker, L *lua.LState) int {
	sum := md5.Sum([]byte(w.looseText(L, 1)))
	return pushString(L, string(sum[:]))
}

// sha1Bin is ngx.sha1_bin.
//
// See: https://github.com/openresty/lua-nginx-module#ngxsha1_bin
func sha1Bin(w *Worker, L *lua.LState) int {
	sum := sha1.Sum([]byte(w.looseText(L, 1)))
	return pushString(L, string(sum[:]))
}

// encodeBase64URL is encode_base64url of the module "ngx.base64".
func encodeBase64URL(w *Worker, L *lua.LState) int {
	s, ok := L.Get(1).(lua.LString)
	if !ok {
		return fail(L, "must provide a string")
	}
	return pushString(L, base64.RawURLEncoding.EncodeToString([]byte(s)))
}
