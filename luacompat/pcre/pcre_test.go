package pcre

import (
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		flags   Flags
		subject string
		start   int
		n       int
		ov      []int
	}{
		{`(\d+)-(\w)?`, 0, "ab 12-", 0, 2, []int{3, 6, 3, 5, -1, -1}},
		{`^/api/`, 0, "/api/x", 0, 1, []int{0, 5}},
		{`^/api/`, 0, "/api/x", 1, 0, nil},
		{`^/API/`, Caseless, "/aPi/x", 0, 1, []int{0, 5}},
		{`\.php$`, 0, "/a.php", 0, 1, []int{2, 6}},
		{`\.php$`, 0, "/a.php\n", 0, 1, []int{2, 6}},
		{`\.php$`, DollarEndonly, "/a.php\n", 0, 0, nil},
		{`$`, 0, "a\n", 0, 1, []int{1, 1}},
		{`$`, 0, "a\n", 2, 1, []int{2, 2}},
		{`^$`, 0, "", 0, 1, []int{0, 0}},
		{``, 0, "abc", 2, 1, []int{2, 2}},
		{`^b`, Multiline, "a\nb", 0, 1, []int{2, 3}},
		{`^ab|c`, 0, "xc", 0, 1, []int{1, 2}},
		{`^ab?c`, 0, "ac", 0, 1, []int{0, 2}},
		{`^/(a|b)/(\d+)`, 0, "/b/7", 0, 3, []int{0, 4, 1, 2, 3, 4}},
		{`a b`, Extended, "ab", 0, 1, []int{0, 2}},
		{`(?<=a)b`, 0, "ab", 1, 1, []int{1, 2}},
		{`.`, UTF, "é", 0, 1, []int{0, 2}},
		{`.`, 0, "é", 0, 1, []int{0, 1}},
		{`(a)|b`, 0, "b", 0, 1, []int{0, 1, -1, -1}},
		{`x*`, 0, "", 0, 1, []int{0, 0}},
	} {
		re, err := Compile(c.pattern, c.flags)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		ov := make([]int, len(c.ov))
		n, err := re.Match(c.subject, c.start, ov)
		if err != nil || n != c.n {
			t.Errorf("%q on %q: %d, %v; want %d", c.pattern, c.subject, n, err, c.n)
			continue
		}
		for i := range ov {
			if ov[i] != c.ov[i] {
				t.Errorf("%q on %q: %v, want %v", c.pattern, c.subject, ov, c.ov)
				break
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		"(":              `pcre2_compile() failed: missing closing parenthesis in "("`,
		"a[b":            `pcre2_compile() failed: missing terminating ] for character class in "a[b"`,
		"a)b":            `pcre2_compile() failed: unmatched closing parenthesis in "a)b" at ")b"`,
		"*a":             `pcre2_compile() failed: quantifier does not follow a repeatable item in "*a" at "*a"`,
		"(?<n>a)(?<n>b)": `pcre2_compile() failed: two named subpatterns have the same name (PCRE2_DUPNAMES not set) in "(?<n>a)(?<n>b)" at "b)"`,
	} {
		if _, err := Compile(pattern, 0); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", pattern, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	re := MustCompile(`(?<year>\d+)-(?<day>\d+)|(?<day>x)`, DupNames)
	if re.NumCaptures() != 3 {
		t.Error(re.NumCaptures())
	}
	want := []Name{{"day", 2}, {"day", 3}, {"year", 1}}
	for i, n := range re.Names() {
		if n != want[i] {
			t.Errorf("name %d: %v, want %v", i, n, want[i])
		}
	}
}

func TestMatchLimit(t *testing.T) {
	re := MustCompile(`^(a+)+$`, 0)
	_, err := re.Match(strings.Repeat("a", 40)+"b", 0, nil)
	if e, ok := err.(*MatchError); !ok || e.Code != -47 || e.Msg != "match limit exceeded" {
		t.Errorf("got %v", err)
	}
	if _, err := MustCompile(".", UTF).Match("\xff", 0, nil); err == nil {
		t.Error("invalid UTF-8 accepted")
	}
}

func TestDFA(t *testing.T) {
	ov := make([]int, 2)
	n, err := MustCompile(`a|ab|abc`, 0).MatchDFA("xabcd", 0, ov)
	if n != 1 || err != nil || ov[0] != 1 || ov[1] != 4 {
		t.Error(n, err, ov)
	}
}

func TestManyGroups(t *testing.T) {
	re := MustCompile(strings.Repeat("(.)", 100), 0)
	ov := make([]int, 202)
	n, err := re.Match(strings.Repeat("x", 100), 0, ov)
	if n != 101 || err != nil || ov[200] != 99 || ov[201] != 100 {
		t.Error(n, err, ov[200:])
	}
}

func TestConcurrent(t *testing.T) {
	re := MustCompile(`^/(\w+)/(\d+)\?(.*)$`, 0)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			ov := make([]int, 8)
			s := "/" + strings.Repeat("a", g+1) + "/12?x"
			for i := range 2000 {
				if n, err := re.Match(s, 0, ov); n != 4 || err != nil || ov[3] != g+2 {
					t.Error(n, err, ov)
					return
				}
				if i%500 == 0 {
					runtime.GC()
				}
			}
		})
	}
	wg.Wait()
}

func TestReleased(t *testing.T) {
	for range 2000 {
		MustCompile(`^(a|b)*(?<x>\d+)[a-z]+$`, 0).MatchString("ab12x")
	}
	runtime.GC()
}

func TestNoAllocation(t *testing.T) {
	if copySubject {
		t.Skip("race build")
	}
	re := MustCompile(`^/(\w+)/(\d+)`, 0)
	ov := make([]int, 6)
	if n := testing.AllocsPerRun(200, func() { re.Match("/abc/12", 0, ov) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzLiteral: the shortcuts answer as PCRE2 does.
func FuzzLiteral(f *testing.F) {
	for _, p := range []string{`^/api/`, `\.php$`, `^/a(b|c)`, `^ab?`, `a$`, `^$`, `^a\|b`, `^a[|]b`, `^a{2}`, `^a|b`, `a\/b`, `#x`} {
		for _, s := range []string{"/api/x", "/a.php\n", "aab", "ab", "", "\n", "a|b"} {
			f.Add(p, s, uint8(0), uint8(1))
		}
	}
	f.Fuzz(func(t *testing.T, pattern, subject string, start, flags uint8) {
		fl := Flags(0)
		if flags&1 != 0 {
			fl |= Caseless
		}
		if flags&2 != 0 {
			fl |= DollarEndonly
		}
		if flags&4 != 0 {
			fl |= DotAll
		}
		re, err := Compile(pattern, fl)
		if err != nil {
			return
		}
		at := min(int(start), len(subject))
		fast := make([]int, 2*(re.NumCaptures()+1))
		slow := make([]int, len(fast))
		n, err := re.Match(subject, at, fast)
		re.lit = literal{}
		m, err2 := re.Match(subject, at, slow)
		if err2 != nil {
			return // refused early is better than a match limit
		}
		if n != m || err != nil {
			t.Fatalf("%q on %q at %d: %d (%v), PCRE2 %d", pattern, subject, at, n, err, m)
		}
		for i := range fast {
			if n > 0 && fast[i] != slow[i] {
				t.Fatalf("%q on %q at %d: %v, PCRE2 %v", pattern, subject, at, fast, slow)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, p := range []string{`^/api/`, `\.php$`, `^/user/(\d+)/(\w+)$`, `(a|b)+c`, `(?i)chrome/(\d+)`} {
		b.Run(p, func(b *testing.B) {
			re := MustCompile(p, 0)
			ov := make([]int, 8)
			b.ReportAllocs()
			for b.Loop() {
				re.Match("/user/1234/profile Chrome/12", 0, ov)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		MustCompile(`^/user/(\d+)/(\w+)$`, 0)
	}
}
