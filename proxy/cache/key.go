package cache

import (
	"crypto/md5"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"strings"
)

// Key is the MD5 of a cache key; in hexadecimal it names the file.
type Key [md5.Size]byte

// path is where a key's file is: below the directory, in levels of
// directories named by the last characters of the key.
//
// See: ngx_create_hashed_filename.
func (o *Options) path(k Key) string {
	var text [2 * md5.Size]byte
	hex.Encode(text[:], k[:])
	b := make([]byte, 0, len(o.Path)+len(text)+12)
	b = append(b, o.Path...)
	end := len(text)
	for _, n := range o.Levels {
		b = append(b, '/')
		b = append(b, text[end-n:end]...)
		end -= n
	}
	b = append(b, '/')
	return string(append(b, text[:]...))
}

// sumKey hashes a key's text.
func sumKey(text string) (Key, uint32) {
	b := []byte(text)
	return md5.Sum(b), crc32.ChecksumIEEE(b)
}

// RequestFields calls visit for each value of the request header of that
// (lower-case) name.
type RequestFields func(name string, visit func(value string))

// variantOf hashes the request headers that a Vary names.
//
// See: ngx_http_file_cache_vary.
func variantOf(main Key, vary string, fields RequestFields) (k Key) {
	sum := md5.New()
	sum.Write(main[:])
	for name := range listItems(strings.ToLower(vary)) {
		sum.Write([]byte(name))
		sum.Write([]byte{':'})
		varyField(sum, name, fields)
		sum.Write([]byte("\r\n"))
	}
	sum.Sum(k[:0])
	return k
}

// varyField hashes one request header. Of those that are lists the spaces do
// not count.
func varyField(sum hash.Hash, name string, fields RequestFields) {
	list := name == "accept-charset" || name == "accept-encoding" || name == "accept-language"
	more := false
	add := func(v string) {
		if more {
			sum.Write([]byte{','})
		}
		sum.Write([]byte(v))
		more = true
	}
	fields(name, func(value string) {
		if !list {
			add(value)
			return
		}
		for item := range listItems(value) {
			add(item)
		}
	})
}

// listItems are the items between commas and spaces.
func listItems(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for item := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == ' ' || c == ',' }) {
			if !yield(item) {
				return
			}
		}
	}
}
