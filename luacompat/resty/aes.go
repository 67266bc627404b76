package resty

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"hash"

	lua "github.com/yuin/gopher-lua"

	"huidu/luacompat/stdlib"
)

// aesObject is what aes:new returns, behind its table.
type aesObject struct {
	mode    string
	block   cipher.Block
	iv      []byte
	ivLen   int
	padding bool
}

// cipherOf is what aes.cipher returns: {size, cipher, method}.
type cipherOf struct {
	size int
	mode string
}

// modes are the block modes of OpenSSL that aes.cipher knows.
var modes = map[string]bool{
	"ecb": true, "cbc": true, "cfb1": true, "cfb8": true, "cfb128": true,
	"ofb": true, "ctr": true, "gcm": true,
}

func (m *module) openAES(L *lua.LState) int {
	t := m.table(L)
	mt := L.CreateTable(0, 1)
	mt.RawSetString("__index", t)
	hashes := L.CreateTable(0, 8)
	for name, h := range digests {
		ud := L.NewUserData()
		ud.Value = h
		hashes.RawSetString(name, ud)
	}
	t.RawSetString("hash", hashes)
	t.RawSetString("cipher", L.NewFunction(m.aesCipher))
	t.RawSetString("new", L.NewFunction(func(L *lua.LState) int { return m.aesNew(L, mt) }))
	t.RawSetString("encrypt", L.NewFunction(func(L *lua.LState) int { return m.crypt(L, (*aesObject).encrypt) }))
	t.RawSetString("decrypt", L.NewFunction(func(L *lua.LState) int { return m.crypt(L, (*aesObject).decrypt) }))
	L.Push(t)
	return 1
}

// aesCipher is aes.cipher(size, mode).
//
// See: https://github.com/openresty/lua-resty-string#synopsis
func (m *module) aesCipher(L *lua.LState) int {
	size, mode := stdlib.OptInt(L, 1, 128), stdlib.OptStr(L, 2, "cbc")
	if size != 128 && size != 192 && size != 256 || !modes[mode] {
		return m.raise(L, fmt.Sprintf("missing declaration for symbol 'EVP_aes_%d_%s'", size, mode))
	}
	t := L.CreateTable(0, 3)
	t.RawSetString("size", lua.LNumber(size))
	t.RawSetString("cipher", lua.LString(mode))
	ud := L.NewUserData()
	ud.Value = cipherOf{size, mode}
	t.RawSetString("method", ud)
	L.Push(t)
	return 1
}

func failed(L *lua.LState, msg string) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(msg))
	return 2
}

// aesNew is aes:new(key, salt, cipher, hash, rounds, iv_len, padding).
func (m *module) aesNew(L *lua.LState, mt *lua.LTable) int {
	key := m.str(L, 2, "key")
	c := cipherOf{128, "cbc"}
	if t, ok := L.Get(4).(*lua.LTable); ok {
		if ud, ok := t.RawGetString("method").(*lua.LUserData); ok {
			c, ok = ud.Value.(cipherOf)
			if !ok {
				return failed(L, "failed to init ctx")
			}
		}
	}
	size := c.size / 8
	o := &aesObject{mode: c.mode, iv: make([]byte, max(size, aes.BlockSize)), ivLen: stdlib.OptInt(L, 7, size)}
	o.padding = L.Get(8) == lua.LNil || lua.LVAsBool(L.Get(8))
	var secret []byte
	if t, ok := L.Get(5).(*lua.LTable); ok {
		var msg string
		if secret, msg = m.givenKey(L, t, key, size, o); msg != "" {
			return failed(L, msg)
		}
	} else {
		newHash := digests["md5"]
		if ud, ok := L.Get(5).(*lua.LUserData); ok {
			if h, ok := ud.Value.(func() hash.Hash); ok {
				newHash = h
			}
		}
		salt, _ := L.Get(3).(lua.LString)
		if L.Get(3) != lua.LNil && len(salt) != 8 {
			return failed(L, "salt must be 8 characters or nil")
		}
		ivSize := aes.BlockSize
		switch c.mode {
		case "gcm":
			ivSize = 12
		case "ecb":
			ivSize = 0
		}
		secret = bytesToKey(newHash, key, string(salt), stdlib.OptInt(L, 6, 1), size, o.iv[:ivSize])
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return failed(L, "failed to init ctx")
	}
	o.block = block
	if c.mode == "gcm" && (o.ivLen < 1 || o.ivLen > len(o.iv)) {
		return failed(L, "failed to set IV length")
	}
	t := L.CreateTable(1, 0)
	t.Metatable = mt
	ud := L.NewUserData()
	ud.Value = o
	t.RawSetInt(1, ud)
	L.Push(t)
	return 1
}

// givenKey is a hash argument {iv = …, method = …}: the key as it is, or as
// method makes it.
func (m *module) givenKey(L *lua.LState, t *lua.LTable, key string, size int, o *aesObject) (secret []byte, bad string) {
	iv, ok := t.RawGetString("iv").(lua.LString)
	if !ok {
		return nil, "iv is needed"
	}
	o.ivLen = len(iv)
	if len(iv) > size {
		return nil, "bad iv length"
	}
	copy(o.iv, iv)
	if fn := t.RawGetString("method"); lua.LVAsBool(fn) {
		L.Push(fn)
		L.Push(lua.LString(key))
		L.Call(1, 1)
		s, _ := L.Get(-1).(lua.LString)
		L.Pop(1)
		key = string(s)
	}
	if len(key) != size {
		return nil, "bad key length"
	}
	return []byte(key), ""
}

// bytesToKey is OpenSSL's EVP_BytesToKey; it fills iv and returns the key.
func bytesToKey(newHash func() hash.Hash, data, salt string, rounds, size int, iv []byte) []byte {
	var out, last []byte
	for len(out) < size+len(iv) {
		h := newHash()
		h.Write(last)
		h.Write([]byte(data))
		h.Write([]byte(salt))
		last = h.Sum(nil)
		for range rounds - 1 {
			h.Reset()
			h.Write(last)
			last = h.Sum(nil)
		}
		out = append(out, last...)
	}
	copy(iv, out[size:])
	return out[:size]
}

// crypt finds the object behind self for encrypt and decrypt.
func (m *module) crypt(L *lua.LState, fn func(o *aesObject, m *module, L *lua.LState, s string) int) int {
	t, ok := L.Get(1).(*lua.LTable)
	if !ok {
		return m.raise(L, "bad argument #1 self: table expected, got "+L.Get(1).Type().String())
	}
	ud, _ := t.RawGetInt(1).(*lua.LUserData)
	if ud != nil {
		if o, ok := ud.Value.(*aesObject); ok {
			return fn(o, m, L, m.str(L, 2, "s"))
		}
	}
	return m.raise(L, "bad argument #1 self: not an aes object")
}

// encrypt is aes:encrypt(s, aad): text, or for GCM {text, tag}.
func (o *aesObject) encrypt(m *module, L *lua.LState, s string) int {
	if o.mode == "gcm" {
		aad, _ := L.Get(3).(lua.LString)
		g, err := cipher.NewGCMWithNonceSize(o.block, o.ivLen)
		if err != nil {
			return failed(L, "EVP_EncryptInit_ex failed")
		}
		out := g.Seal(nil, o.iv[:o.ivLen], []byte(s), []byte(aad))
		t := L.CreateTable(2, 0)
		t.RawSetInt(1, lua.LString(out[:len(s)]))
		t.RawSetInt(2, lua.LString(out[len(s):]))
		L.Push(t)
		return 1
	}
	b := []byte(s)
	if o.mode == "cbc" || o.mode == "ecb" {
		if o.padding {
			n := aes.BlockSize - len(b)%aes.BlockSize
			for range n {
				b = append(b, byte(n))
			}
		}
		if len(b)%aes.BlockSize != 0 {
			return failed(L, "EVP_EncryptFinal_ex failed")
		}
	}
	o.run(b, true)
	L.Push(lua.LString(b))
	return 1
}

// decrypt is aes:decrypt(s, tag, aad).
func (o *aesObject) decrypt(m *module, L *lua.LState, s string) int {
	if o.mode == "gcm" {
		tag, _ := L.Get(3).(lua.LString)
		aad, _ := L.Get(4).(lua.LString)
		g, err := cipher.NewGCMWithNonceSize(o.block, o.ivLen)
		if err != nil || len(tag) < 16 {
			return failed(L, "EVP_DecryptFinal_ex failed")
		}
		out, err := g.Open(nil, o.iv[:o.ivLen], []byte(s+string(tag[:16])), []byte(aad))
		if err != nil {
			return failed(L, "EVP_DecryptFinal_ex failed")
		}
		L.Push(lua.LString(out))
		return 1
	}
	b := []byte(s)
	padded := o.mode == "cbc" || o.mode == "ecb"
	if padded && (len(b)%aes.BlockSize != 0 || len(b) == 0 && o.padding) {
		return failed(L, "EVP_DecryptFinal_ex failed")
	}
	o.run(b, false)
	if padded && o.padding {
		n := int(b[len(b)-1])
		if n == 0 || n > aes.BlockSize {
			return failed(L, "EVP_DecryptFinal_ex failed")
		}
		for _, c := range b[len(b)-n:] {
			if int(c) != n {
				return failed(L, "EVP_DecryptFinal_ex failed")
			}
		}
		b = b[:len(b)-n]
	}
	L.Push(lua.LString(b))
	return 1
}

// run encrypts or decrypts b in place.
func (o *aesObject) run(b []byte, encrypt bool) {
	iv := append([]byte(nil), o.iv[:aes.BlockSize]...)
	switch o.mode {
	case "cbc":
		if encrypt {
			cipher.NewCBCEncrypter(o.block, iv).CryptBlocks(b, b)
		} else {
			cipher.NewCBCDecrypter(o.block, iv).CryptBlocks(b, b)
		}
	case "ecb":
		for i := 0; i < len(b); i += aes.BlockSize {
			if encrypt {
				o.block.Encrypt(b[i:], b[i:])
			} else {
				o.block.Decrypt(b[i:], b[i:])
			}
		}
	case "ctr":
		cipher.NewCTR(o.block, iv).XORKeyStream(b, b)
	default:
		o.feedback(b, iv, encrypt)
	}
}

// feedback is the modes that chain through a register: OFB and CFB by the
// block, the byte and the bit.
func (o *aesObject) feedback(b, iv []byte, encrypt bool) {
	out := make([]byte, aes.BlockSize)
	switch o.mode {
	case "ofb", "cfb128":
		for i, c := range b {
			n := i % aes.BlockSize
			if n == 0 {
				o.block.Encrypt(out, iv)
				copy(iv, out)
			}
			b[i] = c ^ out[n]
			if o.mode == "cfb128" {
				if encrypt {
					c = b[i]
				}
				iv[n] = c
			}
		}
	case "cfb8":
		for i, c := range b {
			o.block.Encrypt(out, iv)
			b[i] = c ^ out[0]
			if encrypt {
				c = b[i]
			}
			copy(iv, iv[1:])
			iv[aes.BlockSize-1] = c
		}
	case "cfb1":
		for i := range len(b) * 8 {
			o.block.Encrypt(out, iv)
			in := b[i/8] >> (7 - i%8) & 1
			bit := in ^ out[0]>>7
			b[i/8] = b[i/8]&^(1<<(7-i%8)) | bit<<(7-i%8)
			if encrypt {
				in = bit
			}
			for j := range aes.BlockSize - 1 {
				iv[j] = iv[j]<<1 | iv[j+1]>>7
			}
			iv[aes.BlockSize-1] = iv[aes.BlockSize-1]<<1 | in
		}
	}
}
