package tlsconf

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"hash"
)

// The parts of RFC 8018 that OpenSSL writes: PBES2 with PBKDF2 and CBC.
var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES128     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}
	oidAES192     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}
	oidAES256     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
	oid3DES       = asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}
)

type encryptedKey struct {
	Algo pkix.AlgorithmIdentifier
	Data []byte
}

type pbes2Params struct {
	KDF, Cipher pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt   []byte
	Rounds int
	KeyLen int                      `asn1:"optional"`
	PRF    pkix.AlgorithmIdentifier `asn1:"optional"`
}

var errPKCS8 = errors.New("unsupported encrypted private key")

// decryptPKCS8 opens an "ENCRYPTED PRIVATE KEY".
func decryptPKCS8(der, password []byte) ([]byte, error) {
	var ek encryptedKey
	var p2 pbes2Params
	var kdf pbkdf2Params
	var iv []byte
	if _, err := asn1.Unmarshal(der, &ek); err != nil {
		return nil, err
	}
	if !ek.Algo.Algorithm.Equal(oidPBES2) {
		return nil, errPKCS8
	}
	if _, err := asn1.Unmarshal(ek.Algo.Parameters.FullBytes, &p2); err != nil {
		return nil, err
	}
	if !p2.KDF.Algorithm.Equal(oidPBKDF2) {
		return nil, errPKCS8
	}
	if _, err := asn1.Unmarshal(p2.KDF.Parameters.FullBytes, &kdf); err != nil {
		return nil, err
	}
	if _, err := asn1.Unmarshal(p2.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, err
	}
	newCipher, size := aes.NewCipher, 0
	switch alg := p2.Cipher.Algorithm; {
	case alg.Equal(oidAES128):
		size = 16
	case alg.Equal(oidAES192):
		size = 24
	case alg.Equal(oidAES256):
		size = 32
	case alg.Equal(oid3DES):
		size, newCipher = 24, des.NewTripleDESCipher
	default:
		return nil, errPKCS8
	}
	prf := func() hash.Hash { return sha1.New() }
	if kdf.PRF.Algorithm.Equal(oidHMACSHA256) {
		prf = func() hash.Hash { return sha256.New() }
	}
	key, err := pbkdf2.Key(prf, string(password), kdf.Salt, kdf.Rounds, size)
	if err != nil {
		return nil, err
	}
	block, err := newCipher(key)
	if err != nil {
		return nil, err
	}
	if len(iv) != block.BlockSize() || len(ek.Data) == 0 || len(ek.Data)%block.BlockSize() != 0 {
		return nil, errPKCS8
	}
	out := make([]byte, len(ek.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, ek.Data)
	pad := int(out[len(out)-1])
	if pad == 0 || pad > block.BlockSize() || pad > len(out) {
		return nil, errPKCS8
	}
	return out[:len(out)-pad], nil
}
