package resty

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
	"huidu/luacompat/vm"
)

// version is the lua-resty-string that is imitated.
const version = "0.17"

// maxRandom bounds random.bytes.
const maxRandom = 64 << 20

// module is what the loaders share.
type module struct{ vm *vm.VM }

// Register lets scripts of v require the modules.
func Register(v *vm.VM) {
	m := &module{v}
	v.Preload("resty.string", m.openString)
	v.Preload("resty.random", m.openRandom)
	v.Preload("resty.aes", m.openAES)
	v.Preload("lfs", m.openLFS)
	v.Preload("resty.sha", func(L *lua.LState) int {
		L.Push(m.table(L))
		return 1
	})
	for name, h := range digests {
		v.Preload("resty."+name, m.openDigest(h))
	}
}

func (m *module) table(L *lua.LState) *lua.LTable {
	t := L.CreateTable(0, 8)
	t.RawSetString("_VERSION", lua.LString(version))
	return t
}

// raise raises msg with the caller's position.
func (m *module) raise(L *lua.LState, msg string) int {
	L.Error(lua.LString(m.vm.Where(L, 1)+msg), 0)
	return 0
}

// str is an argument of which the original takes the length.
func (m *module) str(L *lua.LState, n int, local string) string {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		m.raise(L, "attempt to get length of local '"+local+"' (a number value)")
	default:
		m.raise(L, "attempt to get length of local '"+local+"' (a "+v.Type().String()+" value)")
	}
	return ""
}

func (m *module) openString(L *lua.LState) int {
	t := m.table(L)
	t.RawSetString("to_hex", L.NewFunction(m.toHex))
	t.RawSetString("atoi", L.NewFunction(m.atoi))
	L.Push(t)
	return 1
}

// toHex is str.to_hex(s).
func (m *module) toHex(L *lua.LState) int {
	L.Push(lua.LString(hex.EncodeToString([]byte(m.str(L, 1, "s")))))
	return 1
}

// atoi is str.atoi(s): ngx_atoi, which gives -1 for what is not a number.
func (m *module) atoi(L *lua.LState) int {
	s := m.str(L, 1, "s")
	n := int64(-1)
	if s != "" && s[0] != '+' && s[0] != '-' {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			n = i
		}
	}
	L.Push(lua.LNumber(n))
	return 1
}

func (m *module) openRandom(L *lua.LState) int {
	t := m.table(L)
	t.RawSetString("bytes", L.NewFunction(m.randomBytes))
	L.Push(t)
	return 1
}

// randomBytes is random.bytes(len, strong). All bytes are strong.
func (m *module) randomBytes(L *lua.LState) int {
	n := stdlib.Int(L, 1)
	if n < 0 || n > maxRandom {
		return m.raise(L, "bad argument #1 to 'bytes' (size out of range)")
	}
	b := make([]byte, n)
	rand.Read(b) // never fails
	L.Push(lua.LString(b))
	return 1
}
