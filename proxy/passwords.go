package proxy

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// checkPassword compares a password with what a file of users holds:
// {PLAIN}, {SHA}, {SSHA}, $apr1$, and crypt's $1$, $2$, $5$, $6$ and DES.
//
// See: ngx_crypt.
func checkPassword(password, stored string) bool {
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	switch {
	case strings.HasPrefix(stored, "{PLAIN}"):
		return same(password, stored[len("{PLAIN}"):])
	case strings.HasPrefix(stored, "{SHA}"):
		sum := sha1.Sum([]byte(password))
		return same(base64.StdEncoding.EncodeToString(sum[:]), stored[len("{SHA}"):])
	case strings.HasPrefix(stored, "{SSHA}"):
		raw, err := base64.StdEncoding.DecodeString(stored[len("{SSHA}"):])
		if err != nil || len(raw) < sha1.Size {
			return false
		}
		sum := sha1.Sum(append([]byte(password), raw[sha1.Size:]...))
		return subtle.ConstantTimeCompare(sum[:], raw[:sha1.Size]) == 1
	case strings.HasPrefix(stored, "$apr1$"):
		return same(md5Crypt(password, stored, "$apr1$"), stored)
	case strings.HasPrefix(stored, "$1$"):
		return same(md5Crypt(password, stored, "$1$"), stored)
	case strings.HasPrefix(stored, "$2"):
		return bcrypt.CompareHashAndPassword([]byte(stored), []byte(password)) == nil
	case strings.HasPrefix(stored, "$5$"):
		return same(shaCrypt(password, stored, "$5$", sha256.New, sha256Order), stored)
	case strings.HasPrefix(stored, "$6$"):
		return same(shaCrypt(password, stored, "$6$", sha512.New, sha512Order), stored)
	case len(stored) == 13:
		return same(desCrypt(password, stored[:2]), stored)
	}
	return false
}

// cryptDigits are the digits of crypt's base 64, the lowest bits first.
const cryptDigits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func appendCrypt(b []byte, v uint32, n int) []byte {
	for ; n > 0; n-- {
		b = append(b, cryptDigits[v&0x3f])
		v >>= 6
	}
	return b
}

// md5Crypt is the MD5 scheme of FreeBSD ($1$) and Apache ($apr1$).
func md5Crypt(password, stored, magic string) string {
	salt, _, _ := strings.Cut(stored[len(magic):], "$")
	salt = salt[:min(len(salt), 8)]
	pw := []byte(password)
	alt := md5.Sum([]byte(password + salt + password))
	h := md5.New()
	h.Write([]byte(password + magic + salt))
	for n := len(pw); n > 0; n -= 16 {
		h.Write(alt[:min(n, 16)])
	}
	for n := len(pw); n > 0; n >>= 1 {
		if n&1 != 0 {
			h.Write([]byte{0})
		} else {
			h.Write(pw[:1])
		}
	}
	sum := h.Sum(nil)
	for i := range 1000 {
		h.Reset()
		if i&1 != 0 {
			h.Write(pw)
		} else {
			h.Write(sum)
		}
		if i%3 != 0 {
			h.Write([]byte(salt))
		}
		if i%7 != 0 {
			h.Write(pw)
		}
		if i&1 != 0 {
			h.Write(sum)
		} else {
			h.Write(pw)
		}
		sum = h.Sum(sum[:0])
	}
	out := []byte(magic + salt + "$")
	for _, t := range [5][3]int{{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}} {
		out = appendCrypt(out, uint32(sum[t[0]])<<16|uint32(sum[t[1]])<<8|uint32(sum[t[2]]), 4)
	}
	return string(appendCrypt(out, uint32(sum[11]), 2))
}

// The order in which SHA-crypt writes the bytes of its digest, in threes;
// -1 stands for nothing.
var (
	sha256Order = [][3]int{{0, 10, 20}, {21, 1, 11}, {12, 22, 2}, {3, 13, 23}, {24, 4, 14}, {15, 25, 5}, {6, 16, 26},
		{27, 7, 17}, {18, 28, 8}, {9, 19, 29}, {-1, 31, 30}}
	sha512Order = [][3]int{{0, 21, 42}, {22, 43, 1}, {44, 2, 23}, {3, 24, 45}, {25, 46, 4}, {47, 5, 26}, {6, 27, 48},
		{28, 49, 7}, {50, 8, 29}, {9, 30, 51}, {31, 52, 10}, {53, 11, 32}, {12, 33, 54}, {34, 55, 13}, {56, 14, 35},
		{15, 36, 57}, {37, 58, 16}, {59, 17, 38}, {18, 39, 60}, {40, 61, 19}, {62, 20, 41}, {-1, -1, 63}}
)

// shaCrypt is Drepper's SHA-crypt.
//
// See: https://www.akkadia.org/drepper/SHA-crypt.txt
func shaCrypt(password, stored, magic string, newHash func() hash.Hash, order [][3]int) string {
	rest, rounds, explicit := stored[len(magic):], 5000, false
	if r, has := strings.CutPrefix(rest, "rounds="); has {
		if n, tail, found := strings.Cut(r, "$"); found {
			if v, err := strconv.Atoi(n); err == nil {
				rounds, rest, explicit = min(max(v, 1000), 999999), tail, true
			}
		}
	}
	salt, _, _ := strings.Cut(rest, "$")
	salt = salt[:min(len(salt), 16)]
	pw, s := []byte(password), []byte(salt)
	sum := func(parts ...[]byte) []byte {
		h := newHash()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	stretch := func(d []byte, n int) []byte { return bytes.Repeat(d, n/len(d)+1)[:n] }
	b := sum(pw, s, pw)
	h := newHash()
	h.Write(pw)
	h.Write(s)
	h.Write(stretch(b, len(pw)))
	for n := len(pw); n > 0; n >>= 1 {
		if n&1 != 0 {
			h.Write(b)
		} else {
			h.Write(pw)
		}
	}
	a := h.Sum(nil)
	p := stretch(sum(bytes.Repeat(pw, len(pw))), len(pw))
	ds := stretch(sum(bytes.Repeat(s, 16+int(a[0]))), len(s))
	for i := range rounds {
		h.Reset()
		if i&1 != 0 {
			h.Write(p)
		} else {
			h.Write(a)
		}
		if i%3 != 0 {
			h.Write(ds)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		if i&1 != 0 {
			h.Write(a)
		} else {
			h.Write(p)
		}
		a = h.Sum(a[:0])
	}
	out := []byte(magic)
	if explicit {
		out = append(out, "rounds="+strconv.Itoa(rounds)+"$"...)
	}
	out = append(append(out, salt...), '$')
	for _, t := range order {
		var v uint32
		n := 1
		for _, i := range t {
			v <<= 8
			if i >= 0 {
				v |= uint32(a[i])
				n++
			}
		}
		out = appendCrypt(out, v, n)
	}
	return string(out)
}
