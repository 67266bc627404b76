package stdlib

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

func TestNumberString(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", -1: "-1", 1023: "1023", 1024: "1024", 1e14: "1e+14", 99999999999999: "99999999999999",
		0.1: "0.1", 1.0 / 3: "0.33333333333333", 1e-5: "1e-05", 123456.789: "123456.789",
		1234567890123.25: "1234567890123.3", math.Inf(1): "inf", math.Inf(-1): "-inf", 1 << 53: "9.007199254741e+15",
	} {
		if got := NumberString(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
	if got := NumberString(math.Copysign(0, -1)); got != "-0" {
		t.Error(got)
	}
	if got := NumberString(math.NaN()); got != "nan" {
		t.Error(got)
	}
}

// FuzzNumberString: what tostring prints is the number to 14 digits.
func FuzzNumberString(f *testing.F) {
	for _, v := range []float64{0.1, 1e15, 12345.678, 5e-324, 1.5e300} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		got, err := strconv.ParseFloat(NumberString(v), 64)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got-v) > math.Abs(v)*1e-13+5e-324 {
			t.Errorf("%v printed as %s", v, NumberString(v))
		}
	})
}

func TestStrftime(t *testing.T) {
	at := time.Date(2024, 2, 9, 7, 5, 3, 0, time.UTC)
	for f, want := range map[string]string{
		"%Y-%m-%d %H:%M:%S": "2024-02-09 07:05:03", "%a %A %b %B": "Fri Friday Feb February",
		"%c": "Fri Feb  9 07:05:03 2024", "%x %X %D %T %R": "02/09/24 07:05:03 02/09/24 07:05:03 07:05",
		"%I %p %l %k": "07 AM  7  7", "%j %U %W %V %u %w": "040 05 06 06 5 5", "%e|%y|%C|%G|%g": " 9|24|20|2024|24",
		"%n%t%%": "\n\t%", "%z %Z": "+0000 GMT", "%s": "1707462303", "%Q%": "%Q%", "%Ey": "24",
	} {
		if got := string(Strftime(nil, f, at)); got != want {
			t.Errorf("%s: got %q, want %q", f, got, want)
		}
	}
}

// FuzzPattern: no pattern, however malformed, brings the engine down.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{"%w+", "[^a-z]*", "%b()", "%f[%a]", "(a)(%1)", "^(.-)$", "[%", "((", "%"} {
		f.Add("some (text) aa", p)
	}
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	f.Fuzz(func(t *testing.T, src, pat string) {
		if len(src) > 60 || len(pat) > 20 || strings.Count(pat, "*")+strings.Count(pat, "-")+strings.Count(pat, "+") > 4 {
			return
		}
		L.Push(L.NewFunction(stringFind))
		L.Push(lua.LString(src))
		L.Push(lua.LString(pat))
		if err := L.PCall(2, 2, nil); err != nil {
			if ae, ok := err.(*lua.ApiError); !ok || ae.Type != lua.ApiErrorRun {
				t.Fatalf("%q: %v", pat, err)
			}
		}
		L.SetTop(0)
	})
}

func TestCompactKeepsOrderAndPlace(t *testing.T) {
	tb := &lua.LTable{Metatable: lua.LNil}
	for i := 0; i < 100; i++ {
		tb.RawSetString("k"+strconv.Itoa(i), IntValue(i))
	}
	for i := 0; i < 100; i++ {
		if i%10 != 3 {
			tb.RawSetString("k"+strconv.Itoa(i), lua.LNil)
		}
	}
	Compact(tb, lua.LString("k50"))
	k, _ := tb.Next(lua.LString("k50"))
	if k != lua.LString("k53") {
		t.Errorf("after the deleted key comes %v", k)
	}
	n := 0
	for k, v := tb.Next(lua.LNil); k != lua.LNil; k, v = tb.Next(k) {
		if v != IntValue(n*10+3) {
			t.Errorf("%v = %v", k, v)
		}
		n++
	}
	if n != 10 {
		t.Errorf("%d keys", n)
	}
}

// FuzzDeserialize: whatever bytes string.buffer decodes, it returns or raises,
// and what it returns can be encoded again.
func FuzzDeserialize(f *testing.F) {
	for _, s := range []string{"\x02", "\x07\x00\x00\x00\x00\x00\x00\xf0?", "#str", "\x0d\x03\x01\x01\x02!k\x00", "\xff\xff\xff\xff\xff", "\x08"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		L := lua.NewState(lua.Options{SkipOpenLibs: true})
		defer L.Close()
		err := L.CallByParam(lua.P{Fn: L.NewFunction(func(L *lua.LState) int {
			d := deserializer{L: L, s: b}
			v := d.value(0)
			again := deserializer{L: L, s: serialize(L, nil, v, 0)}
			if w := again.value(0); v.Type() != w.Type() || len(again.s) > 0 {
				t.Errorf("%q becomes %v", b, w)
			}
			return 0
		}), Protect: true})
		if _, ok := err.(*lua.ApiError); err != nil && !ok {
			t.Error(err)
		}
	})
}
