package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"huidu/luacompat"
)

func surface(t testing.TB) *luacompat.Surface {
	s, err := luacompat.NewSurface()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestCorpus: every finding that a script of the corpus announces, and no
// other.
func TestCorpus(t *testing.T) {
	s := surface(t)
	ar, err := txtar.ParseFile("testdata/corpus.txtar")
	if err != nil {
		t.Fatal(err)
	}
	mark := regexp.MustCompile(`--> ([a-z -]+)$`)
	used := map[string]bool{}
	for _, f := range ar.Files {
		src := string(f.Data)
		head, _, _ := strings.Cut(src, "\n")
		words := strings.Fields(strings.TrimPrefix(head, "--"))
		got, err := Read(src, "@"+f.Name, Options{Surface: s, Phase: words[0], RealIP: slices.Contains(words, "realip"), Resolver: slices.Contains(words, "resolver")})
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		var want, have []string
		for i, line := range strings.Split(src, "\n") {
			if m := mark.FindStringSubmatch(line); m != nil {
				for _, rule := range strings.Fields(m[1]) {
					want = append(want, fmt.Sprintf("%d %s", i+1, rule))
					used[rule] = true
				}
			}
		}
		for _, x := range got.Findings {
			have = append(have, fmt.Sprintf("%d %s", x.Line, x.Rule))
			if x.Message == "" || x.Fix == "" || x.Col == 0 {
				t.Errorf("%s: incomplete: %+v", f.Name, x)
			}
		}
		slices.Sort(want)
		slices.Sort(have)
		if !slices.Equal(want, have) {
			t.Errorf("%s:\nwant %q\nhave %q", f.Name, want, have)
			for _, x := range got.Findings {
				t.Logf("%s:%d:%d: %s: %s [%s]", f.Name, x.Line, x.Col, x.Rule, x.Message, x.Fix)
			}
		}
		for _, u := range got.Uses {
			if u.Level != Supported && u.Level != Differs {
				t.Errorf("%s: %+v", f.Name, u)
			}
		}
	}
	for _, r := range Rules {
		if !used[r.ID] {
			t.Errorf("no script of the corpus has a finding of %s", r.ID)
		}
	}
}

// TestUses: what a script uses is followed through aliases, and judged.
func TestUses(t *testing.T) {
	const src = `local req = ngx.req
local say, str = ngx["say"], "get_" .. "method"
say(req[str]())
local p = require("ngx.process")
p.signal_graceful_exit()
local sock = ngx.socket.tcp()
sock:getfd()
sock.nosuch(sock)
ngx.nosuch()
ngx.var.x = ngx.var["known"]
local d = ngx.shared.gone
ngx.shared["here"]:get("x")
ngx[say]()
require(say)
local m, err = ngx.re.match(ngx.var.uri, "(a", "jo")
local ok, ffi = pcall(require, "ffi")
jit.off()
_G.print(ngx.worker.pid())
my_own_global()
local gsub = ngx.re.gsub
gsub("x", "\\d+", "y", "i")
local r2 = ngx.req
r2 = nil
r2.get_headers()
`
	is := func(names ...string) func(string) bool {
		return func(n string) bool { return slices.Contains(names, n) }
	}
	got, err := Read(src, "@x.lua", Options{Surface: surface(t), Phase: "content", Variable: is("known", "uri"), Dict: is("here")})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"ok", "no-effect", "differs", "unresolved", "unsupported"}
	var have []string
	for _, u := range got.Uses {
		have = append(have, fmt.Sprintf("%d:%d %s %s %s", u.Line, u.Col, u.Kind, u.Name, names[u.Level]))
	}
	want := strings.Split(`1:13 field ngx.req ok
2:18 field ngx.say ok
3:1 function ngx.say ok
3:5 function ngx.req.get_method ok
4:11 function require ok
5:1 function ngx.process: signal_graceful_exit unsupported
6:14 function ngx.socket.tcp ok
7:1 method tcpsock:getfd unsupported
8:1 method tcpsock:nosuch unsupported
9:1 function ngx.nosuch unsupported
10:1 variable ngx.var.x unsupported
10:13 variable ngx.var.known ok
11:11 dict ngx.shared.gone unsupported
12:1 method ngx.shared.DICT:get ok
12:1 dict ngx.shared.here ok
13:1 function ngx[…] unresolved
14:1 module require(…) unresolved
14:1 function require ok
15:16 function ngx.re.match ok
15:29 variable ngx.var.uri ok
15:42 regex (a unsupported
16:17 function pcall ok
16:23 field require ok
17:1 function jit.off no-effect
18:1 function print ok
18:10 function ngx.worker.pid differs
20:14 field ngx.re.gsub ok
21:1 function ngx.re.gsub ok
21:11 regex \d+ ok
22:12 field ngx.req ok
24:1 function ngx.req.get_headers ok`, "\n")
	if !slices.Equal(have, want) {
		t.Errorf("have:\n%s", strings.Join(have, "\n"))
	}
	if len(got.Requires) != 2 || got.Requires[0] != (Require{Place{4, 11}, "ngx.process", false}) || got.Requires[1] != (Require{Place{16, 17}, "ffi", true}) {
		t.Errorf("%+v", got.Requires)
	}
}

// FuzzRead: whatever the script, reading it ends, with places inside it.
func FuzzRead(f *testing.F) {
	ar, err := txtar.ParseFile("testdata/corpus.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range ar.Files {
		f.Add(string(file.Data))
	}
	s := surface(f)
	f.Fuzz(func(t *testing.T, src string) {
		got, err := Read(src, "=f", Options{Surface: s, Phase: "content"})
		if err != nil {
			return
		}
		for _, x := range got.Findings {
			if x.Line < 1 || x.Col < 1 {
				t.Errorf("%+v", x)
			}
		}
		for _, u := range got.Uses {
			if u.Line < 1 || u.Col < 1 {
				t.Errorf("%+v", u)
			}
		}
	})
}
