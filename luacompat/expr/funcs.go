package expr

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"net/netip"
	"strings"
	"time"

	"huidu/luacompat/pcre"
	"huidu/luacompat/repair"
	"huidu/luacompat/stdlib"
)

// function is one row of the table. make, when there, may compile a call
// whose arguments are constant into something faster; it returns nil where
// it does not.
type function struct {
	min, max int // max -1: any number
	call     func(f *Frame, a []Func) Value
	make     func(es []Expr, a []Func) (Func, error)
	// Impure tells that two calls may give different values.
	impure bool
}

// Impure reports whether a function's value is not the same at every call.
func Impure(fn string) bool { return functions[fn].impure }

// Known reports whether there is a function of this name.
func Known(fn string) bool { _, ok := functions[fn]; return ok }

var functions = map[string]function{
	// The request.
	"header": {min: 1, max: 2, call: func(f *Frame, a []Func) Value {
		return f.Host.Header(text(a[0](f), "header"), limit(f, a))
	}, make: func(es []Expr, a []Func) (Func, error) {
		name, ok := constText(es[0])
		if !ok {
			return nil, nil
		}
		n := 100
		if len(es) > 1 {
			c, ok := es[1].(*Const)
			if !ok {
				return nil, nil
			}
			n = int(c.V.N)
		}
		return func(f *Frame) Value { return f.Host.Header(name, n) }, nil
	}},
	"arg": {min: 1, max: 2, call: func(f *Frame, a []Func) Value {
		return f.Host.Arg(text(a[0](f), "arg"), limit(f, a))
	}},
	"cookie": {min: 1, max: 1, make: func(es []Expr, _ []Func) (Func, error) {
		name, ok := constText(es[0])
		if !ok {
			return nil, fmt.Errorf("cookie takes a constant name")
		}
		return variable("cookie_" + name), nil
	}},
	"var": {min: 1, max: 1, make: func(es []Expr, _ []Func) (Func, error) {
		name, ok := constText(es[0])
		if !ok {
			return nil, fmt.Errorf("var takes a constant name")
		}
		return variable(name), nil
	}},
	"method": {max: 0, call: func(f *Frame, _ []Func) Value { return Text(f.Host.Method()) }},

	// Lua's own.
	"type": {min: 1, max: 1, call: func(f *Frame, a []Func) Value { return Text(a[0](f).TypeName()) }},
	"tostring": {min: 1, max: 1, call: func(f *Frame, a []Func) Value {
		return Text(a[0](f).ToString())
	}},
	"tonumber": {min: 1, max: 1, call: func(f *Frame, a []Func) Value {
		switch v := a[0](f); v.K {
		case Number:
			return v
		case String:
			if n, ok := repair.ParseNumber(v.S); ok {
				return Num(n)
			}
		}
		return Value{}
	}},
	"hexnumber": {min: 1, max: 1, call: func(f *Frame, a []Func) Value {
		n, ok := stdlib.ParseBase(text(a[0](f), "tonumber"), 16)
		if !ok {
			return Value{}
		}
		return Num(n)
	}},
	"sub": {min: 2, max: 3, call: func(f *Frame, a []Func) Value {
		s := text(a[0](f), "sub")
		i := stdlib.ToInt(number(a[1](f), "sub"))
		j := -1
		if len(a) > 2 {
			if v := a[2](f); v.K != Nil {
				j = stdlib.ToInt(number(v, "sub"))
			}
		}
		return Text(stdlib.Substring(s, i, j))
	}},
	"byte": {min: 1, max: 2, call: func(f *Frame, a []Func) Value {
		s := text(a[0](f), "byte")
		i := 1
		if len(a) > 1 {
			i = stdlib.ToInt(number(a[1](f), "byte"))
		}
		if c := stdlib.Substring(s, i, i); c != "" {
			return Num(float64(c[0]))
		}
		return Value{}
	}},
	"lower": {min: 1, max: 1, call: func(f *Frame, a []Func) Value { return Text(mapCase(text(a[0](f), "lower"), 'A')) }},
	"upper": {min: 1, max: 1, call: func(f *Frame, a []Func) Value { return Text(mapCase(text(a[0](f), "upper"), 'a')) }},
	"find": {min: 2, max: 4, call: func(f *Frame, a []Func) Value {
		from, _, _ := search(f, a, "find")
		if from < 0 {
			return Value{}
		}
		return Num(float64(from + 1))
	}, make: makeFind},
	"find_end": {min: 2, max: 4, call: func(f *Frame, a []Func) Value {
		from, to, _ := search(f, a, "find")
		if from < 0 {
			return Value{}
		}
		return Num(float64(to))
	}},
	"match": {min: 2, max: 3, call: func(f *Frame, a []Func) Value {
		s := text(a[0](f), "match")
		p := text(a[1](f), "match")
		n := 1
		if len(a) > 2 {
			n = int(a[2](f).N)
		}
		from, to, caps, err := stdlib.MatchPattern(s, p, 0)
		switch {
		case err != nil:
			fault("%s", err.Error())
		case from < 0:
		case len(caps) == 0 && n == 1:
			return Text(s[from:to])
		case n <= len(caps):
			if c := caps[n-1]; c.At != 0 {
				return Num(float64(c.At))
			}
			return Text(caps[n-1].Text)
		}
		return Value{}
	}},
	"floor": {min: 1, max: 1, call: func(f *Frame, a []Func) Value { return Num(math.Floor(number(a[0](f), "floor"))) }},
	"ceil":  {min: 1, max: 1, call: func(f *Frame, a []Func) Value { return Num(math.Ceil(number(a[0](f), "ceil"))) }},
	"abs":   {min: 1, max: 1, call: func(f *Frame, a []Func) Value { return Num(math.Abs(number(a[0](f), "abs"))) }},
	"fmod": {min: 2, max: 2, call: func(f *Frame, a []Func) Value {
		x := number(a[0](f), "fmod")
		return Num(math.Mod(x, number(a[1](f), "fmod")))
	}},
	"item": {min: 2, max: 2, call: func(f *Frame, a []Func) Value {
		v, k := a[0](f), a[1](f)
		switch v.K {
		case List:
			if i := int(k.N); k.K == Number && float64(i) == k.N && i >= 1 && i <= len(v.L.V) {
				return v.L.V[i-1]
			}
			return Value{}
		case String:
			if k.K != String {
				return Value{}
			}
		}
		fault("attempt to index a %s value", v.TypeName())
		return Value{}
	}},

	// Time and chance.
	"random": {max: 2, impure: true, call: func(f *Frame, a []Func) Value {
		d := f.Rand()
		switch len(a) {
		case 2:
			lo := number(a[0](f), "random")
			hi := number(a[1](f), "random")
			d = math.Floor(d*(hi-lo+1)) + lo
		case 1:
			d = math.Floor(d*number(a[0](f), "random")) + 1
		}
		return Num(d)
	}},
	"time": {max: 0, impure: true, call: func(f *Frame, _ []Func) Value { return Num(float64(f.Now().Unix())) }},
	"now":  {max: 0, impure: true, call: func(f *Frame, _ []Func) Value { return Num(float64(f.Now().UnixMilli()) / 1000) }},
	"date_at": {min: 2, max: 2, call: func(f *Frame, a []Func) Value {
		layout := text(a[0](f), "date")
		return Text(dateAt(layout, time.Unix(int64(number(a[1](f), "date")), 0)))
	}},
	"digits": {min: 1, max: 1, call: func(f *Frame, a []Func) Value {
		return Num(number(a[0](f), "digits"))
	}},
	"str": {min: 1, max: 1, call: func(f *Frame, a []Func) Value {
		v := a[0](f)
		if v.K != String {
			fault("attempt to index a %s value", v.TypeName())
		}
		return v
	}},
	"list": {min: 1, max: 1, call: func(f *Frame, a []Func) Value {
		v := a[0](f)
		if v.K != List {
			fault("bad argument #1 to 'ipairs' (table expected, got %s)", v.TypeName())
		}
		return v
	}},
	"date": {min: 1, max: 2, impure: true, call: func(f *Frame, a []Func) Value {
		layout, t := text(a[0](f), "date"), f.Now()
		if len(a) > 1 {
			t = time.Unix(int64(number(a[1](f), "date")), 0)
		}
		return Text(dateAt(layout, t))
	}},

	// Digests.
	"crc32": {min: 1, max: 1, call: func(f *Frame, a []Func) Value {
		return Num(float64(crc32.ChecksumIEEE([]byte(loose(a[0](f))))))
	}},
	"md5": {min: 1, max: 1, call: func(f *Frame, a []Func) Value {
		h := md5.Sum([]byte(loose(a[0](f))))
		return Text(hex.EncodeToString(h[:]))
	}},

	// Sets, networks, regular expressions.
	"in":      {min: 1, max: -1, call: isIn, make: makeIn},
	"within":  {min: 2, max: -1, make: makeWithin},
	"matches": {min: 2, max: 3, make: makeMatches},
	"has": {min: 2, max: 2, call: func(f *Frame, a []Func) Value {
		l, x := a[0](f), a[1](f)
		if l.K == List {
			for _, v := range l.L.V {
				if Equal(v, x) {
					return Bool(true)
				}
			}
		}
		return Bool(false)
	}},
	"starts": {min: 2, max: 2, call: func(f *Frame, a []Func) Value {
		s, p := a[0](f), a[1](f)
		return Bool(s.K == String && p.K == String && strings.HasPrefix(s.S, p.S))
	}},
	"ends": {min: 2, max: 2, call: func(f *Frame, a []Func) Value {
		s, p := a[0](f), a[1](f)
		return Bool(s.K == String && p.K == String && strings.HasSuffix(s.S, p.S))
	}},
	"percent": {min: 2, max: 2, call: percent},
	"between": {min: 2, max: 2, impure: true, make: makeBetween},
}

// dateAt is os.date with a time.
func dateAt(layout string, t time.Time) string {
	if strings.HasPrefix(layout, "!") {
		layout, t = layout[1:], t.UTC()
	} else {
		t = t.Local()
	}
	return string(stdlib.Strftime(nil, layout, t))
}

func limit(f *Frame, a []Func) int {
	if len(a) > 1 {
		return int(number(a[1](f), "header"))
	}
	return 100
}

func constText(e Expr) (string, bool) {
	c, ok := e.(*Const)
	if !ok || c.V.K != String {
		return "", false
	}
	return c.V.S, true
}

// loose is text where nil gives "", as ngx.md5 and its neighbours take it.
func loose(v Value) string {
	if v.K == Nil || v.K == False {
		return ""
	}
	return v.ToString()
}

func mapCase(s string, from byte) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= from && c < from+26 {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; c >= from && c < from+26 {
					b[i] = c ^ 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

func search(f *Frame, a []Func, what string) (from, to int, caps []stdlib.Capture) {
	s := text(a[0](f), what)
	p := text(a[1](f), what)
	init, plain := 1, false
	if len(a) > 2 {
		if v := a[2](f); v.K != Nil {
			init = stdlib.ToInt(number(v, what))
		}
	}
	if len(a) > 3 {
		plain = a[3](f).Truthy()
	}
	switch {
	case init < 0:
		init = max(init+len(s)+1, 1)
	case init == 0:
		init = 1
	}
	init = min(init-1, len(s))
	if plain {
		i := strings.Index(s[init:], p)
		if i < 0 {
			return -1, 0, nil
		}
		return init + i, init + i + len(p), nil
	}
	from, to, caps, err := stdlib.MatchPattern(s, p, init)
	if err != nil {
		fault("%s", err.Error())
	}
	return from, to, caps
}

// makeFind compiles find with a constant pattern that is plain text, or such
// at the beginning.
func makeFind(es []Expr, a []Func) (Func, error) {
	p, ok := constText(es[1])
	if !ok || len(es) > 2 {
		return nil, nil
	}
	lit, anchored, ok := plainPattern(p)
	if !ok {
		return nil, nil
	}
	x := a[0]
	return func(f *Frame) Value {
		s := text(x(f), "find")
		i := 0
		if !anchored {
			i = strings.Index(s, lit)
		} else if !strings.HasPrefix(s, lit) {
			i = -1
		}
		if i < 0 {
			return Value{}
		}
		return Num(float64(i + 1))
	}, nil
}

// plainPattern is the text that a Lua pattern without classes stands for.
func plainPattern(p string) (lit string, anchored, ok bool) {
	if anchored = strings.HasPrefix(p, "^"); anchored {
		p = p[1:]
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '%' && i+1 < len(p) && !isLetter(p[i+1]) && !isDigit(p[i+1]):
			i++
			c = p[i]
		case strings.IndexByte("^$*+?.([%-)]", c) >= 0:
			return "", false, false
		}
		if i+1 < len(p) && strings.IndexByte("*+?-", p[i+1]) >= 0 {
			return "", false, false
		}
		b.WriteByte(c)
	}
	return b.String(), anchored, true
}

func isIn(f *Frame, a []Func) Value {
	x := a[0](f)
	for _, g := range a[1:] {
		if Equal(x, g(f)) {
			return Bool(true)
		}
	}
	return Bool(false)
}

// makeIn makes a set of constant texts.
func makeIn(es []Expr, a []Func) (Func, error) {
	set := map[string]bool{}
	for _, e := range es[1:] {
		s, ok := constText(e)
		if !ok {
			return nil, nil
		}
		set[s] = true
	}
	x := a[0]
	return func(f *Frame) Value {
		v := x(f)
		return Bool(v.K == String && set[v.S])
	}, nil
}

// makeWithin is within(address, network, ...).
func makeWithin(es []Expr, a []Func) (Func, error) {
	var nets []netip.Prefix
	for _, e := range es[1:] {
		s, ok := constText(e)
		p, err := netip.ParsePrefix(s)
		if addr, aerr := netip.ParseAddr(s); aerr == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if !ok || err != nil {
			return nil, fmt.Errorf("within takes networks, not %s", Print(e))
		}
		nets = append(nets, p.Masked())
	}
	x := a[0]
	return func(f *Frame) Value {
		v := x(f)
		addr, err := netip.ParseAddr(v.S)
		if v.K != String || err != nil {
			return Bool(false)
		}
		addr = addr.Unmap()
		for _, n := range nets {
			if n.Contains(addr) {
				return Bool(true)
			}
		}
		return Bool(false)
	}, nil
}

// makeMatches is matches(text, regex, options), PCRE with ngx.re's options.
func makeMatches(es []Expr, a []Func) (Func, error) {
	pattern, ok := constText(es[1])
	opts, ok2 := "", true
	if len(es) > 2 {
		opts, ok2 = constText(es[2])
	}
	if !ok || !ok2 {
		return nil, fmt.Errorf("matches takes a constant expression")
	}
	flags, err := RegexFlags(opts)
	if err != nil {
		return nil, err
	}
	re, err := pcre.Compile(pattern, flags)
	if err != nil {
		return nil, err
	}
	x := a[0]
	return func(f *Frame) Value {
		return Bool(re.MatchString(x(f).ToString()))
	}, nil
}

// RegexFlags reads the option letters of ngx.re that rules know.
func RegexFlags(opts string) (flags pcre.Flags, err error) {
	for _, c := range opts {
		switch c {
		case 'o', 'j':
		case 'i':
			flags |= pcre.Caseless
		case 's':
			flags |= pcre.DotAll
		case 'm':
			flags |= pcre.Multiline
		case 'x':
			flags |= pcre.Extended
		case 'a':
			flags |= pcre.Anchored
		default:
			return 0, fmt.Errorf("unknown option %q of a regular expression", string(c))
		}
	}
	return flags, nil
}

// percent is percent(key, p): whether the key's hash falls into the first p
// per cent, with the hash and the arithmetic of split_clients. A key that is
// nil never does.
func percent(f *Frame, a []Func) Value {
	k := a[0](f)
	p := number(a[1](f), "percent")
	s, ok := joinable(k)
	if !ok || p <= 0 {
		return Bool(false)
	}
	if p >= 100 {
		return Bool(true)
	}
	return Bool(Murmur2(s) < uint32(uint64(p*100+0.5)*0xffffffff/10000))
}

// Murmur2 is ngx_murmur_hash2, which split_clients uses.
func Murmur2(s string) uint32 {
	const m = 0x5bd1e995
	h := uint32(len(s))
	for len(s) >= 4 {
		k := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h *= m
		h ^= k
		s = s[4:]
	}
	switch len(s) {
	case 3:
		h ^= uint32(s[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(s[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(s[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}

// makeBetween is between(from, to): whether it is now from one time, until
// before another. Times are RFC 3339, or hours as 09:00, local and every day.
func makeBetween(es []Expr, _ []Func) (Func, error) {
	from, ok := constText(es[0])
	to, ok2 := constText(es[1])
	if !ok || !ok2 {
		return nil, fmt.Errorf("between takes two constant times")
	}
	a, err := time.Parse("15:04", from)
	b, err2 := time.Parse("15:04", to)
	if err == nil && err2 == nil {
		lo, hi := a.Hour()*60+a.Minute(), b.Hour()*60+b.Minute()
		return func(f *Frame) Value {
			t := f.Now().Local()
			m := t.Hour()*60 + t.Minute()
			if lo <= hi {
				return Bool(lo <= m && m < hi)
			}
			return Bool(m >= lo || m < hi)
		}, nil
	}
	if a, err = time.Parse(time.RFC3339, from); err != nil {
		return nil, err
	}
	if b, err = time.Parse(time.RFC3339, to); err != nil {
		return nil, err
	}
	return func(f *Frame) Value {
		t := f.Now()
		return Bool(!t.Before(a) && t.Before(b))
	}, nil
}
