package ffi

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"hash"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// opensslSymbols are the functions of OpenSSL's libcrypto that lua-resty-hmac,
// lua-resty-jwt and their kin call: digests, HMAC, keys and certificates in
// PEM or DER, signatures. Each struct of the library is opaque to scripts; here
// it is a block whose obj is the Go value.
//
// See: https://www.openssl.org/docs/man3.0/man3/
var opensslSymbols = map[string]symbol{
	"RAND_bytes":              opensslRandBytes,
	"RAND_pseudo_bytes":       opensslRandBytes,
	"ERR_get_error":           opensslGetError,
	"ERR_reason_error_string": opensslReason,

	"EVP_md5":              func(c *call) lua.LValue { return c.object(digests["md5"]) },
	"EVP_sha1":             func(c *call) lua.LValue { return c.object(digests["sha1"]) },
	"EVP_sha224":           func(c *call) lua.LValue { return c.object(digests["sha224"]) },
	"EVP_sha256":           func(c *call) lua.LValue { return c.object(digests["sha256"]) },
	"EVP_sha384":           func(c *call) lua.LValue { return c.object(digests["sha384"]) },
	"EVP_sha512":           func(c *call) lua.LValue { return c.object(digests["sha512"]) },
	"EVP_get_digestbyname": opensslDigestByName,

	"HMAC_CTX_new":  func(c *call) lua.LValue { return c.object(&hmacCtx{}) },
	"HMAC_CTX_free": opensslFree,
	"HMAC_Init_ex":  opensslHMACInit,
	"HMAC_Update":   opensslHMACUpdate,
	"HMAC_Final":    opensslHMACFinal,

	"BIO_s_mem": func(c *call) lua.LValue { return c.object(struct{}{}) },
	"BIO_new":   func(c *call) lua.LValue { return c.object(&bio{}) },
	"BIO_puts": func(c *call) lua.LValue {
		s := c.cstring(1)
		objectOf[*bio](c, 0).data += s
		return lua.LNumber(len(s))
	},
	"BIO_write": func(c *call) lua.LValue {
		n := c.int(2)
		objectOf[*bio](c, 0).data += string(c.memory(1, n, false))
		return lua.LNumber(n)
	},
	"BIO_vfree": opensslFree,
	"BIO_free":  func(c *call) lua.LValue { return lua.LNumber(1) },

	"PEM_read_bio_RSAPrivateKey": opensslReadRSAPrivateKey,
	"PEM_read_bio_RSAPublicKey":  opensslReadPublicKey,
	"PEM_read_bio_PUBKEY":        opensslReadPublicKey,
	"d2i_PUBKEY_bio":             opensslReadPublicKey,
	"RSA_size": func(c *call) lua.LValue {
		if k, ok := objectOf[*pkey](c, 0).public().(*rsa.PublicKey); ok {
			return lua.LNumber(k.Size())
		}
		return lua.LNumber(0)
	},
	"RSA_free":          opensslFree,
	"EVP_PKEY_new":      func(c *call) lua.LValue { return c.object(&pkey{}) },
	"EVP_PKEY_free":     opensslFree,
	"EVP_PKEY_set1_RSA": opensslSetRSA,

	"EVP_MD_CTX_create":     func(c *call) lua.LValue { return c.object(&mdCtx{}) },
	"EVP_MD_CTX_new":        func(c *call) lua.LValue { return c.object(&mdCtx{}) },
	"EVP_MD_CTX_destroy":    opensslFree,
	"EVP_MD_CTX_free":       opensslFree,
	"EVP_DigestInit_ex":     opensslDigestInit,
	"EVP_DigestUpdate":      opensslDigestUpdate,
	"EVP_DigestFinal_ex":    opensslDigestFinal,
	"EVP_DigestSignInit":    opensslSignInit,
	"EVP_DigestSignFinal":   opensslSignFinal,
	"EVP_DigestVerifyInit":  opensslSignInit,
	"EVP_DigestVerifyFinal": opensslVerifyFinal,

	"PEM_read_bio_X509": opensslReadX509,
	"d2i_X509_bio":      opensslReadX509,
	"X509_free":         opensslFree,
	"X509_get_pubkey": func(c *call) lua.LValue {
		return c.object(&pkey{pub: objectOf[*x509.Certificate](c, 0).PublicKey})
	},
	"i2d_X509":                      opensslX509DER,
	"X509_digest":                   opensslX509Digest,
	"X509_STORE_new":                func(c *call) lua.LValue { return c.object(&certStore{}) },
	"X509_STORE_free":               opensslFree,
	"X509_STORE_add_cert":           opensslStoreAdd,
	"X509_STORE_load_locations":     opensslStoreLoad,
	"X509_STORE_CTX_new":            func(c *call) lua.LValue { return c.object(&storeCtx{}) },
	"X509_STORE_CTX_init":           opensslStoreInit,
	"X509_STORE_CTX_cleanup":        opensslFree,
	"X509_STORE_CTX_free":           opensslFree,
	"X509_STORE_CTX_get_error":      func(c *call) lua.LValue { return lua.LNumber(objectOf[*storeCtx](c, 0).code) },
	"X509_verify_cert":              opensslVerifyCert,
	"X509_verify_cert_error_string": func(c *call) lua.LValue { return c.text(verifyText(c.int(0))) },
}

type (
	// digest is an EVP_MD.
	digest struct {
		hash crypto.Hash
		new  func() hash.Hash
	}
	hmacCtx struct {
		key []byte
		md  *digest
		h   hash.Hash
	}
	mdCtx struct {
		md  *digest
		h   hash.Hash
		key *pkey
	}
	bio struct{ data string }
	// pkey is an EVP_PKEY or RSA: a private key, or a public one.
	pkey struct {
		priv crypto.Signer
		pub  crypto.PublicKey
	}
)

func (k *pkey) public() crypto.PublicKey {
	if k.priv != nil {
		return k.priv.Public()
	}
	return k.pub
}

var digests = map[string]*digest{
	"md5": {crypto.MD5, md5.New}, "sha1": {crypto.SHA1, sha1.New}, "sha224": {crypto.SHA224, sha256.New224},
	"sha256": {crypto.SHA256, sha256.New}, "sha384": {crypto.SHA384, sha512.New384}, "sha512": {crypto.SHA512, sha512.New},
}

// object makes a pointer to an opaque struct.
func (c *call) object(v any) lua.LValue {
	return c.result(&block{mem: make([]byte, pointerSize), obj: v}, 0)
}

// objectOf is the Go value of pointer argument i.
func objectOf[T any](c *call, i int) T {
	if d := cdata(c.args[i]); d != nil {
		if b, _ := d.target(); b != nil {
			if v, ok := b.obj.(T); ok {
				return v
			}
		}
	}
	c.l.raise(c.L, "attempt to use an object of another type")
	panic("unreachable")
}

// text makes a zero-terminated string.
func (c *call) text(s string) lua.LValue {
	return c.result(&block{mem: append([]byte(s), 0)}, 0)
}

// fail notes an error for ERR_get_error and is NULL or 0, whatever is returned.
func (c *call) fail(reason string) lua.LValue {
	c.l.sslError = reason
	if c.t.elem.kind == kindPointer {
		return lua.LNil
	}
	return lua.LNumber(0)
}

func opensslFree(*call) lua.LValue { return lua.LNil }

func opensslRandBytes(c *call) lua.LValue {
	rand.Read(c.memory(0, c.int(1), true)) // never fails
	return lua.LNumber(1)
}

func opensslGetError(c *call) lua.LValue {
	if c.l.sslError == "" {
		return c.size(0)
	}
	return c.size(1)
}

func opensslReason(c *call) lua.LValue {
	s := c.l.sslError
	c.l.sslError = ""
	return c.text(s)
}

func opensslDigestByName(c *call) lua.LValue {
	name := strings.ToLower(strings.ReplaceAll(c.cstring(0), "-", ""))
	if d := digests[strings.TrimPrefix(name, "rsa")]; d != nil {
		return c.object(d)
	}
	return c.fail("unsupported")
}

// opensslHMACInit: a NULL key or digest keeps the one of before.
func opensslHMACInit(c *call) lua.LValue {
	h := objectOf[*hmacCtx](c, 0)
	if !c.null(3) {
		h.md = objectOf[*digest](c, 3)
	}
	if !c.null(1) {
		h.key = append([]byte(nil), c.memory(1, c.int(2), false)...)
	}
	if h.md == nil {
		return c.fail("no digest set")
	}
	h.h = hmac.New(h.md.new, h.key)
	return lua.LNumber(1)
}

func opensslHMACUpdate(c *call) lua.LValue {
	h := objectOf[*hmacCtx](c, 0)
	if h.h == nil {
		return lua.LNumber(0)
	}
	h.h.Write(c.memory(1, c.int(2), false))
	return lua.LNumber(1)
}

func opensslHMACFinal(c *call) lua.LValue {
	h := objectOf[*hmacCtx](c, 0)
	if h.h == nil {
		return lua.LNumber(0)
	}
	return c.sum(h.h, 1, 2)
}

// sum writes a digest to argument to and its length to argument length.
func (c *call) sum(h hash.Hash, to, length int) lua.LValue {
	sum := h.Sum(nil)
	copy(c.memory(to, len(sum), true), sum)
	if !c.null(length) {
		storeUint(typeUInt, c.memory(length, 4, true), uint64(len(sum)))
	}
	return lua.LNumber(1)
}

func opensslDigestInit(c *call) lua.LValue {
	m := objectOf[*mdCtx](c, 0)
	m.md = objectOf[*digest](c, 1)
	m.h = m.md.new()
	return lua.LNumber(1)
}

func opensslDigestUpdate(c *call) lua.LValue {
	m := objectOf[*mdCtx](c, 0)
	if m.h == nil {
		return c.fail("no digest set")
	}
	m.h.Write(c.memory(1, c.int(2), false))
	return lua.LNumber(1)
}

func opensslDigestFinal(c *call) lua.LValue {
	m := objectOf[*mdCtx](c, 0)
	if m.h == nil {
		return c.fail("no digest set")
	}
	return c.sum(m.h, 1, 2)
}

// opensslSignInit is EVP_DigestSignInit and EVP_DigestVerifyInit.
func opensslSignInit(c *call) lua.LValue {
	m := objectOf[*mdCtx](c, 0)
	m.md = objectOf[*digest](c, 2)
	m.h = m.md.new()
	m.key = objectOf[*pkey](c, 4)
	if m.key.public() == nil {
		return c.fail("no key set")
	}
	return lua.LNumber(1)
}

func opensslSignFinal(c *call) lua.LValue {
	m := objectOf[*mdCtx](c, 0)
	if m.h == nil || m.key == nil || m.key.priv == nil {
		return c.fail("no key set")
	}
	sig, err := m.key.priv.Sign(rand.Reader, m.h.Sum(nil), m.md.hash)
	if err != nil {
		return c.fail(err.Error())
	}
	room := c.memory(2, 8, true)
	if !c.null(1) {
		if loadUint(typeUInt64, room) < uint64(len(sig)) {
			return c.fail("buffer too small")
		}
		copy(c.memory(1, len(sig), true), sig)
	}
	storeUint(typeUInt64, room, uint64(len(sig)))
	return lua.LNumber(1)
}

func opensslVerifyFinal(c *call) lua.LValue {
	m := objectOf[*mdCtx](c, 0)
	if m.h == nil || m.key == nil {
		return c.fail("no key set")
	}
	sig := c.memory(1, c.int(2), false)
	sum := m.h.Sum(nil)
	good := false
	switch k := m.key.public().(type) {
	case *rsa.PublicKey:
		good = rsa.VerifyPKCS1v15(k, m.md.hash, sum, sig) == nil
	case *ecdsa.PublicKey:
		good = ecdsa.VerifyASN1(k, sum, sig)
	}
	if !good {
		return c.fail("bad signature")
	}
	return lua.LNumber(1)
}

// der is what a BIO holds, out of its PEM where it is PEM.
func (b *bio) der() (typ string, der []byte) {
	if p, _ := pem.Decode([]byte(b.data)); p != nil {
		return p.Type, p.Bytes
	}
	return "", []byte(b.data)
}

func opensslReadRSAPrivateKey(c *call) lua.LValue {
	typ, der := objectOf[*bio](c, 0).der()
	if typ == "" {
		return c.fail("no start line")
	}
	var key any
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		key, err = x509.ParsePKCS1PrivateKey(der)
	}
	k, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok {
		return c.fail("unsupported")
	}
	return c.object(&pkey{priv: k})
}

func opensslReadPublicKey(c *call) lua.LValue {
	typ, der := objectOf[*bio](c, 0).der()
	if typ == "" && strings.HasPrefix(c.t.symbol, "PEM") {
		return c.fail("no start line")
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		if k, e := x509.ParsePKCS1PublicKey(der); e == nil {
			key, err = k, nil
		}
	}
	if err != nil {
		return c.fail("unsupported")
	}
	return c.object(&pkey{pub: key})
}

func opensslSetRSA(c *call) lua.LValue {
	if c.null(1) {
		return c.fail("passed a null parameter")
	}
	*objectOf[*pkey](c, 0) = *objectOf[*pkey](c, 1)
	return lua.LNumber(1)
}
