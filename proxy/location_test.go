package proxy

import (
	"fmt"
	"strings"
	"testing"

	"huidu/luacompat/pcre"
)

// testTree makes a tree of "=/x", "^~/x", "~re" and "/x" locations.
func testTree(t testing.TB, specs ...string) *locTree {
	t.Helper()
	tree := &locTree{root: &trieNode{}}
	for _, s := range specs {
		loc := &location{name: s}
		switch {
		case strings.HasPrefix(s, "="):
			tree.root.insert(s[1:]).exact = loc
		case strings.HasPrefix(s, "^~"):
			loc.noRegex = true
			tree.root.insert(s[2:]).prefix = loc
		case strings.HasPrefix(s, "~"):
			re, err := pcre.Compile(s[1:], 0)
			if err != nil {
				t.Fatal(err)
			}
			tree.regex = append(tree.regex, regexLoc{re: re, loc: loc})
		default:
			tree.root.insert(s).prefix = loc
		}
	}
	return tree
}

func TestLocationOrder(t *testing.T) {
	tree := testTree(t, "/", "/a/", "/a/b", "=/a/b", "^~/img/", `~\.gif$`, `~^/a/b/`, "/ab")
	for uri, want := range map[string]string{
		"/":          "/",
		"/x":         "/",
		"/a":         "/",
		"/a/":        "/a/",
		"/a/b":       "=/a/b",
		"/a/bc":      "/a/b",
		"/a/b/c":     "~^/a/b/",
		"/img/x.gif": "^~/img/",
		"/im.gif":    `~\.gif$`,
		"/abc":       "/ab",
	} {
		loc, _, _ := tree.find(&Request{}, uri)
		if loc == nil || loc.name != want {
			t.Errorf("%s: found %v, want %s", uri, loc, want)
		}
	}
}

// TestLocationNested: regular expressions of the inner level come first, and
// "^~" of the outer level stops only the outer ones.
func TestLocationNested(t *testing.T) {
	inner := testTree(t, "/a/x", `~\.php$`)
	tree := testTree(t, "^~/a/", `~\.php$`)
	_, outer, _ := tree.root.lookup("/a/")
	outer.kids = inner
	for uri, want := range map[string]*location{
		"/a/i.php": inner.regex[0].loc,
		"/a/y":     outer,
		"/b.php":   tree.regex[0].loc,
	} {
		if loc, _, _ := tree.find(&Request{}, uri); loc != want {
			t.Errorf("%s: found %v, want %s", uri, loc, want.name)
		}
	}
}

func TestLocationSlashRedirect(t *testing.T) {
	tree := testTree(t, "/", "/dir/", "/dir/sub/deep/")
	for _, p := range []string{"/dir/", "/dir/sub/deep/"} {
		tree.root.insert(p).prefix.autoRedirect = true
	}
	for uri, want := range map[string]bool{"/dir": true, "/dir/": false, "/di": false, "/dir/sub/deep": true, "/dir/sub": false} {
		if _, _, slash := tree.find(&Request{}, uri); (slash != nil) != want {
			t.Errorf("%s: redirect %v, want %v", uri, slash != nil, want)
		}
	}
}

// FuzzLocation holds the trie against a linear search over the same names.
func FuzzLocation(f *testing.F) {
	f.Add("/ /a/ =/a /a/b ^~/ab", "/a/bc")
	f.Add("/x/y/z =/x /x/ =/", "/")
	f.Fuzz(func(t *testing.T, names, uri string) {
		root := &trieNode{}
		exact, prefix := map[string]*location{}, map[string]*location{}
		for _, n := range strings.Fields(names) {
			loc := &location{name: n}
			if rest, is := strings.CutPrefix(n, "="); is {
				root.insert(rest).exact, exact[rest] = loc, loc
			} else {
				root.insert(n).prefix, prefix[n] = loc, loc
			}
		}
		var best *location
		for n, loc := range prefix {
			if strings.HasPrefix(uri, n) && (best == nil || len(n) > len(best.name)) {
				best = loc
			}
		}
		gotExact, gotPrefix, _ := root.lookup(uri)
		if gotExact != exact[uri] {
			t.Fatalf("exact location of %q: %v, want %v", uri, gotExact, exact[uri])
		}
		if gotPrefix != best {
			t.Fatalf("prefix location of %q: %v, want %v", uri, gotPrefix, best)
		}
	})
}

// BenchmarkLocation: the cost of a match must not grow with the number of
// locations.
func BenchmarkLocation(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var specs []string
			for i := range n {
				specs = append(specs, fmt.Sprintf("/service/%d/api/", i))
			}
			tree := testTree(b, specs...)
			r := &Request{}
			b.ReportAllocs()
			for b.Loop() {
				if loc, _, _ := tree.find(r, "/service/7/api/users"); loc == nil {
					b.Fatal("not found")
				}
			}
		})
	}
}
