package proxy

import (
	"crypto/hmac"
	"crypto/md5"
	crand "crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"huidu/nginxconf"
	"huidu/proxy/http1"
)

// setFunc computes a variable from a directive's arguments. false: they make
// no sense, the request fails.
type setFunc func(r *Request, args []string) (string, bool)

// setMiscFuncs are the directives of set-misc-nginx-module.
//
// See: https://github.com/openresty/set-misc-nginx-module
var setMiscFuncs = map[string]setFunc{
	"set_escape_uri": func(_ *Request, a []string) (string, bool) {
		return escapeComponent(a[0]), true
	},
	"set_unescape_uri": func(_ *Request, a []string) (string, bool) {
		return string(http1.UnescapeURI(nil, strings.ReplaceAll(a[0], "+", " "), http1.UnescapeURIComponent)), true
	},
	"set_quote_sql_str":   func(_ *Request, a []string) (string, bool) { return quoteSQL(a[0]), true },
	"set_quote_pgsql_str": func(_ *Request, a []string) (string, bool) { return quotePostgres(a[0]), true },
	"set_quote_json_str":  func(_ *Request, a []string) (string, bool) { return quoteJSON(a[0]), true },
	"set_md5":             func(_ *Request, a []string) (string, bool) { s := md5.Sum([]byte(a[0])); return hexText(s[:]) },
	"set_sha1":            func(_ *Request, a []string) (string, bool) { s := sha1.Sum([]byte(a[0])); return hexText(s[:]) },
	"set_hmac_sha1": func(_ *Request, a []string) (string, bool) {
		h := hmac.New(sha1.New, []byte(a[0]))
		h.Write([]byte(a[1]))
		return string(h.Sum(nil)), true
	},
	"set_hmac_sha256": func(_ *Request, a []string) (string, bool) {
		h := hmac.New(sha256.New, []byte(a[0]))
		h.Write([]byte(a[1]))
		return string(h.Sum(nil)), true
	},
	"set_encode_hex":    func(_ *Request, a []string) (string, bool) { return hexText([]byte(a[0])) },
	"set_encode_base32": func(_ *Request, a []string) (string, bool) { return base32Text.EncodeToString([]byte(a[0])), true },
	"set_encode_base64": func(_ *Request, a []string) (string, bool) {
		return base64.StdEncoding.EncodeToString([]byte(a[0])), true
	},
	"set_encode_base64url": func(_ *Request, a []string) (string, bool) {
		return base64.URLEncoding.EncodeToString([]byte(a[0])), true
	},
	"set_decode_hex": func(_ *Request, a []string) (string, bool) {
		b, err := hex.DecodeString(a[0])
		return string(b), err == nil
	},
	"set_decode_base32": func(_ *Request, a []string) (string, bool) {
		b, err := base32Text.WithPadding(base32.NoPadding).DecodeString(strings.ToLower(strings.TrimRight(a[0], "=")))
		if err != nil {
			return "", true // the one that does not mind
		}
		return string(b), true
	},
	"set_decode_base64": func(_ *Request, a []string) (string, bool) {
		b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(a[0], "="))
		return string(b), err == nil
	},
	"set_decode_base64url": func(_ *Request, a []string) (string, bool) {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(a[0], "="))
		return string(b), err == nil
	},
	"set_local_today":            func(_ *Request, _ []string) (string, bool) { return time.Now().Format("2006-01-02"), true },
	"set_formatted_local_time":   func(_ *Request, a []string) (string, bool) { return strftime(a[0], time.Now()), true },
	"set_formatted_gmt_time":     func(_ *Request, a []string) (string, bool) { return strftime(a[0], time.Now().UTC()), true },
	"set_random":                 setRandom,
	"set_secure_random_alphanum": func(r *Request, a []string) (string, bool) { return secureRandom(r, a[0], alphanum) },
	"set_secure_random_lcalpha":  func(r *Request, a []string) (string, bool) { return secureRandom(r, a[0], alphanum[:26]) },
}

// escapeComponent escapes as set-misc does: a little less than nginx's own
// escaping of components.
func escapeComponent(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if componentMask[c>>5]&(1<<(c&31)) != 0 {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

var componentMask = [8]uint32{0xffffffff, 0xfc00886d, 0x78000000, 0xa8000000, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}

const alphanum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// base32Text is base32 with extended hex digits in lower case, as set-misc
// writes it.
var base32Text = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv")

func hexText(b []byte) (string, bool) { return hex.EncodeToString(b), true }

// miscOp is one directive of set-misc in a rewrite program.
type miscOp struct {
	set  setter
	args []value
	f    setFunc
}

func (op *miscOp) exec(r *Request, e *rewriteState) rc {
	args := make([]string, len(op.args))
	for i := range op.args {
		args[i] = evalQuoted(&op.args[i], r, e.quote)
	}
	v, valid := op.f(r, args)
	if !valid {
		return 500
	}
	op.set(r, v)
	return declined
}

// setMisc compiles a directive of set-misc.
func (c *compiler) setMisc(d *nginxconf.RewriteOp) (rewriteOp, error) {
	m := d.SetMisc
	op := &miscOp{set: c.rt.vars.setter(m.Var)}
	for _, a := range m.Args {
		v, err := c.value(a, d.Pos)
		if err != nil {
			return nil, err
		}
		op.args = append(op.args, v)
	}
	switch m.Name {
	case "set_if_empty":
		get := c.rt.vars.getter(m.Var)
		value := op.args[0]
		return ifEmptyOp{get: get, set: op.set, value: value}, nil
	case "set_rotate":
		get := c.rt.vars.getter(m.Var)
		last := &atomic.Int64{}
		last.Store(-1)
		op.f = func(r *Request, a []string) (string, bool) { return setRotate(r, get, last, a) }
		return op, nil
	}
	if op.f = setMiscFuncs[m.Name]; op.f == nil {
		return nil, errAt(d.Pos, "the \"%s\" directive is not supported", m.Name)
	}
	return op, nil
}

// ifEmptyOp is set_if_empty.
type ifEmptyOp struct {
	get   getter
	set   setter
	value value
}

func (op ifEmptyOp) exec(r *Request, e *rewriteState) rc {
	if v, found := op.get(r); !found || v == "" {
		op.set(r, evalQuoted(&op.value, r, e.quote))
	}
	return declined
}

// quoteSQL quotes a MySQL string literal.
func quoteSQL(s string) string {
	if s == "" {
		return "''"
	}
	b := append(make([]byte, 0, len(s)+2), '\'')
	for i := 0; i < len(s); i++ {
		b = appendSQL(b, s[i])
	}
	return string(append(b, '\''))
}

func appendSQL(b []byte, c byte) []byte {
	switch c {
	case 0:
		return append(b, '\\', '0')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\b':
		return append(b, '\\', 'b')
	case '\t':
		return append(b, '\\', 't')
	case 26:
		return append(b, '\\', 'Z')
	case '\'', '"', '\\', '$':
		return append(b, '\\', c)
	}
	return append(b, c)
}

// quotePostgres quotes a PostgreSQL literal: with escapes it is E'…'.
func quotePostgres(s string) string {
	if s == "" {
		return "''"
	}
	b := append(make([]byte, 0, len(s)+3), "E'"...)
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x80 {
			b = append(b, '\\', '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
			continue
		}
		b = appendSQL(b, s[i])
	}
	return string(append(b, '\''))
}

// quoteJSON quotes a JSON string; an empty one is null.
func quoteJSON(s string) string {
	if s == "" {
		return "null"
	}
	b := append(make([]byte, 0, len(s)+2), '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexLower[c>>4], hexLower[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

const hexLower = "0123456789abcdef"

// setRandom is a number between two others, both included.
func setRandom(r *Request, a []string) (string, bool) {
	from, err1 := strconv.Atoi(a[0])
	to, err2 := strconv.Atoi(a[1])
	switch {
	case err1 != nil || from < 0:
		r.logf(logError, "set_random: bad \"from\" argument: %s", a[0])
		return "", false
	case err2 != nil || to < 0:
		r.logf(logError, "set_random: bad \"to\" argument: %s", a[1])
		return "", false
	}
	if from > to {
		from, to = to, from
	}
	return strconv.Itoa(from + rand.IntN(to-from+1)), true
}

func secureRandom(r *Request, length, alphabet string) (string, bool) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 1 || n > 64 {
		if err == nil {
			r.logf(logError, "set_random: bad \"length\" argument: %s", length)
		}
		return "", false
	}
	b := make([]byte, n)
	crand.Read(b)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b), true
}

// setRotate counts a variable from one number to another and around again.
func setRotate(r *Request, get getter, last *atomic.Int64, a []string) (string, bool) {
	from, err1 := strconv.ParseInt(a[0], 10, 64)
	to, err2 := strconv.ParseInt(a[1], 10, 64)
	switch {
	case err1 != nil || from < 0:
		r.logf(logError, "set_rotate: bad \"from\" argument: \"%s\"", a[0])
		return "", false
	case err2 != nil || to < 0:
		r.logf(logError, "set_rotate: bad \"to\" argument: \"%s\"", a[1])
		return "", false
	}
	if from > to {
		from, to = to, from
	}
	for {
		old := last.Load()
		now := old
		if old == -1 {
			now = from - 1
			if v, found := get(r); found {
				if n, err := strconv.ParseInt(v, 10, 64); err == nil {
					now = n
				}
			}
		}
		if now++; now < from || now > to {
			now = from
		}
		if last.CompareAndSwap(old, now) {
			return strconv.FormatInt(now, 10), true
		}
	}
}
