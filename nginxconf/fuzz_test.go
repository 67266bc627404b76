package nginxconf

import (
	"strings"
	"testing"
)

// FuzzScan checks that any bytes scan without a panic, that the statements
// lie in order inside the text, and that gonginx reads the normalised text as
// we read the original.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		"a b;", "a \"b\\\"c\" 'd';", "a {b c;}", "a ${b}c $d{e f;}", "# c\na#b;", "a\\ b;", "a;;", "}", "a }", "a\x00b;",
		"location ~ ^/a{2}$ { }", "x_by_lua_block { \"}\" --}\n}", "set_by_lua_block $a {[[}]]}", "a `b`;", "\"a\"b;", "a \xff;",
		"if ($a ~ \"b{2}\") { c; }", "a\r\nb\n;", "types { a/b c; }", "a {\n{", "a_by_lua_block b;", "\"x_by_lua_block\" { a b; }",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		for _, strict := range []bool{true, false} {
			stmts, _ := scan(src, strict, false)
			last, depth := 0, 0
			for _, st := range stmts {
				for i, w := range st.words {
					if int(w.start) < last || w.end < w.start || int(w.end) > len(src) {
						t.Fatalf("word %d of %q is out of order", i, st.args)
					}
					last = int(w.end)
				}
				if st.isLua {
					if src[st.lua[1]] != '}' || st.lua[0] > st.lua[1] {
						t.Fatalf("Lua body %v does not end at a brace", st.lua)
					}
					last = st.lua[1]
				} else if st.block {
					depth++
				}
				if st.end {
					depth--
				}
				if depth < 0 {
					t.Fatal("a brace too many")
				}
			}
			if _, err := parse("f", src, strict, false); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzLuaBlock checks that a body, once found, is found again with anything
// behind it, and that it holds as many lines as were counted.
func FuzzLuaBlock(f *testing.F) {
	for _, s := range []string{"}", " ngx.say(\"}\") }", "--[[ } ]] }", "--[==[ ]] }\n]==] }", "[[ } ]] }", "'\\'}' }", "{ { } } }",
		"\"\n}", "-- }\n}", "[=[", "[==", "--", "a[b[1]] }"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		end, line, err := scanLua(src, 0, 1)
		if err != nil {
			return
		}
		if src[end] != '}' {
			t.Fatalf("ends at %q", src[end])
		}
		if want := 1 + strings.Count(src[:end], "\n"); line != want {
			t.Fatalf("line %d, want %d", line, want)
		}
		if e, l, err := scanLua(src[:end+1]+" more }", 0, 1); err != nil || e != end || l != line {
			t.Fatalf("with more behind: %d %d %v", e, l, err)
		}
	})
}

// FuzzValue checks that the parts of a value say what its text says.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"", "a", "$a", "${a}b", "$1x$2", "a$", "${", "${a", "$-", "$$a", "$0", "${1}", "a\x00$b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseValue(text)
		if err != nil {
			return
		}
		rest := text
		for _, p := range v.Parts {
			var n int
			switch {
			case p.IsCapture:
				if len(rest) < 2 || rest[0] != '$' || int(rest[1]-'0') != p.Capture {
					t.Fatalf("capture %d at %q", p.Capture, rest)
				}
				n = 2
			case p.Var != "":
				n = 1 + len(p.Var)
				if strings.HasPrefix(rest, "${") {
					n += 2
				}
				if !strings.EqualFold(strings.Trim(rest[:n], "${}"), p.Var) {
					t.Fatalf("variable %q at %q", p.Var, rest)
				}
			default:
				if n = len(p.Lit); n == 0 || !strings.HasPrefix(rest, p.Lit) {
					t.Fatalf("literal %q at %q", p.Lit, rest)
				}
			}
			rest = rest[n:]
		}
		if rest != "" {
			t.Fatalf("%q is left", rest)
		}
		if _, literal := v.Literal(); literal != !strings.Contains(text, "$") {
			t.Fatalf("literal: %v", literal)
		}
	})
}

// FuzzLoad checks that no configuration is a panic or an internal error, and
// that what is refused has a message and what is accepted a Config.
func FuzzLoad(f *testing.F) {
	f.Add("events {} http { server { location / { return 200 $uri; } } }")
	f.Add("events {} http { map $uri $x { default 1; ~a b; } upstream u { server 127.0.0.1; } }")
	f.Add("events {} http { server { if ( $a ) { } try_files a/ =404; } }")
	f.Fuzz(func(t *testing.T, src string) {
		for _, strict := range []bool{true, false} {
			c, ds := Load(MapFiles{"/c/nginx.conf": src}, "/c/nginx.conf", Options{Prefix: "/c", Strict: strict, LookupHost: lookupTest,
				Hostname: "h", CPUs: 1, CompileRegex: func(string, bool) ([]string, error) { return nil, nil }})
			if strings.Contains(ds.String(), "internal error") || (c == nil) == (ds.Err() == nil) {
				t.Fatalf("Config %v, %s", c != nil, ds)
			}
		}
	})
}
