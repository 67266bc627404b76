package trace

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Header is the request header that asks a live gateway for a trace, and the
// response header that carries it.
const Header = "X-Huidu-Trace"

// MaxAge bounds how far in the future a signature may expire.
const MaxAge = 5 * time.Minute

// Sign makes the value of the request header for a request, valid until
// expires: "v1;EXPIRES;SIGNATURE", with the hexadecimal HMAC-SHA256 over
// version, time, method, host and request target.
func Sign(key []byte, method, host, target string, expires time.Time) string {
	at := strconv.FormatInt(expires.Unix(), 10)
	return "v1;" + at + ";" + signature(key, at, method, host, target)
}

func signature(key []byte, at, method, host, target string) string {
	m := hmac.New(sha256.New, key)
	for _, part := range []string{"v1", at, method, strings.ToLower(host), target} {
		fmt.Fprintf(m, "%d:%s\n", len(part), part)
	}
	return hex.EncodeToString(m.Sum(nil))
}

// Verify tells whether a request header's value was made for this request
// with key and has not expired.
func Verify(key []byte, value, method, host, target string, now time.Time) bool {
	version, rest, _ := strings.Cut(value, ";")
	at, sig, found := strings.Cut(rest, ";")
	if version != "v1" || !found || len(key) == 0 {
		return false
	}
	sec, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return false
	}
	if expires := time.Unix(sec, 0); now.After(expires) || expires.After(now.Add(MaxAge)) {
		return false
	}
	return hmac.Equal([]byte(signature(key, at, method, host, target)), []byte(sig))
}

// maxHeader is the size of the response header that clients usually accept.
const maxHeader = 6 << 10

// Encode makes the value of the response header. Of a long trace the largest
// parts are left out, and Dropped says so.
func (t *Trace) Encode() string {
	c := *t
	for {
		b, err := json.Marshal(&c)
		if err != nil {
			return ""
		}
		if s := base64.StdEncoding.EncodeToString(b); len(s) <= maxHeader || len(c.Events) == 0 {
			return s
		}
		n := len(c.Events) - len(c.Events)/4 - 1
		c.Dropped += len(c.Events) - n
		c.Events = c.Events[:n]
	}
}

// Decode reads what Encode made.
func Decode(value string) (*Trace, error) {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, fmt.Errorf("decode trace: %w", err)
	}
	t := new(Trace)
	if err := json.Unmarshal(b, t); err != nil {
		return nil, fmt.Errorf("decode trace: %w", err)
	}
	if t.Request == "" {
		return nil, errors.New("decode trace: it is empty")
	}
	return t, nil
}
