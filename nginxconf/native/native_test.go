package native

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"huidu/nginxconf"
)

func lookup(host string) ([]string, error) {
	if host == "localhost" {
		return []string{"127.0.0.1"}, nil
	}
	return nil, fmt.Errorf("no such host %q", host)
}

func options(lenient bool) nginxconf.Options {
	return nginxconf.Options{Prefix: "/c", Strict: !lenient, LookupHost: lookup, Hostname: "test.host", CPUs: 2, ReadTree: ReadTree}
}

// sameConfig compares two Configs but for places and the files' bytes. The
// white space around a Lua block is not part of the program.
func sameConfig(a, b *nginxconf.Config) string {
	return cmp.Diff(a, b,
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmp.FilterPath(func(p cmp.Path) bool {
			switch p.Last().String() {
			case ".ChunkName", ".Files", ".File", ".Line":
				return true
			case ".Pos":
				return p.Last().Type() == reflect.TypeFor[nginxconf.Pos]()
			}
			return false
		}, cmp.Ignore()),
		cmp.FilterPath(func(p cmp.Path) bool {
			return p.Last().String() == ".Source" && p.Last().Type().Kind() == reflect.String
		},
			cmp.Transformer("TrimLua", func(s string) strippedLua { return strippedLua(TrimLua(s)) })),
		cmp.Comparer(func(x, y func()) bool { return (x == nil) == (y == nil) }))
}

type strippedLua string

// roundTrip checks conf → YAML → Config and conf → YAML → conf → Config, and
// reports whether the case had a Config to compare.
func roundTrip(t *testing.T, files nginxconf.MapFiles, lenient bool) bool {
	t.Helper()
	opt := options(lenient)
	want, _ := nginxconf.Load(files, "/c/nginx.conf", opt)
	if want == nil {
		return false
	}
	want.Events.Present = true // a fragment's translation is a whole configuration
	tree, err := nginxconf.Tree(files, "/c/nginx.conf", opt)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Write(tree)
	if err != nil {
		t.Fatal(err)
	}
	files["/c/huidu.yaml"] = string(text)
	got, ds := nginxconf.Load(files, "/c/huidu.yaml", opt)
	if got == nil {
		t.Fatalf("%s\n%s", ds, text)
	}
	if diff := sameConfig(want, got); diff != "" {
		t.Errorf("YAML's Config differs (-conf +yaml):\n%s\n%s", diff, text)
	}
	nodes, err := Read("/c/huidu.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	files["/c/back.conf"] = string(WriteNginx(nodes))
	back, ds := nginxconf.Load(files, "/c/back.conf", opt)
	if back == nil {
		t.Fatalf("%s\n%s", ds, files["/c/back.conf"])
	}
	if diff := sameConfig(want, back); diff != "" {
		t.Errorf("the Config of the way back differs (-conf +back):\n%s", diff)
	}
	return true
}

func archives(t *testing.T, pattern string, atLeast int, each func(t *testing.T, ar *txtar.Archive) bool) {
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	compared := 0
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			if each(t, ar) {
				compared++
			} else {
				t.Skip("nginx.conf is refused, or not part of the case")
			}
		})
	}
	t.Logf("%d of %d cases compared", compared, len(names))
	if compared < atLeast {
		t.Errorf("only %d cases had a Config", compared)
	}
}

func TestRoundTripConf(t *testing.T) {
	archives(t, "../testdata/conf/*.txtar", 20, func(t *testing.T, ar *txtar.Archive) bool {
		files := nginxconf.MapFiles{}
		for _, f := range ar.Files {
			files["/c/"+f.Name] = string(f.Data)
		}
		return roundTrip(t, files, strings.Contains("\n"+string(ar.Comment), "\nlenient"))
	})
}

func TestRoundTripHTTP(t *testing.T) {
	archives(t, "../../testdata/http/*.txtar", 30, func(t *testing.T, ar *txtar.Archive) bool {
		files := nginxconf.MapFiles{}
		part := map[string]string{}
		for _, f := range ar.Files {
			text := string(f.Data)
			for _, w := range []string{"{{port}}", "{{redis.port}}"} {
				text = strings.ReplaceAll(text, w, "8001")
			}
			text = strings.ReplaceAll(text, "{{dir}}", "/c")
			for {
				i := strings.Index(text, "{{")
				j := strings.Index(text, "}}")
				if i < 0 || j < i {
					break
				}
				to := "127.0.0.1:8002"
				if strings.HasPrefix(text[i:], "{{port") {
					to = "8003"
				}
				text = text[:i] + to + text[j+2:]
			}
			part[f.Name] = text
			files["/c/"+f.Name] = text
		}
		if part["nginx.conf"] == "" {
			if part["http"] == "" && part["server"] == "" {
				return false
			}
			http := part["http"]
			if part["server"] != "" {
				http += "\nserver { listen 127.0.0.1:8001;\n" + part["server"] + "\n}"
			}
			files["/c/nginx.conf"] = part["main"] + "\nevents {}\nhttp {\n" + http + "\n}\n"
		}
		return roundTrip(t, files, true)
	})
}

func TestRoundTripArticle(t *testing.T) {
	data, err := nginxconf.OSFiles{}.ReadFile("../../testdata/huidu/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !roundTrip(t, nginxconf.MapFiles{"/c/nginx.conf": string(data)}, true) {
		t.Error("the article's file is refused")
	}
}

// TestRoundTripLogFormat: a format stays before the logs that use it, and Lua
// keeps its lines.
func TestRoundTripLogFormat(t *testing.T) {
	const conf = "events {}\nhttp {\naccess_log logs/a.log;\nlog_format st $status;\naccess_log logs/b.log st;\n" +
		"server { location / { content_by_lua_block {\n\n   ngx.say(1)\n\n  if x then\n\tngx.say(2) end\n} } }\n}\n"
	if !roundTrip(t, nginxconf.MapFiles{"/c/nginx.conf": conf}, false) {
		t.Error("refused")
	}
}

func TestReadErrors(t *testing.T) {
	for in, want := range map[string]string{
		"htttp: {}\n":                              `unknown key "htttp", did you mean "http"? in h.yaml:1:1`,
		"http:\n  servers:\n  - lissten: 80\n":     `unknown key "lissten", did you mean "listen"? in h.yaml:3:5`,
		"http: 3\n":                                `a mapping is expected, not integer in h.yaml:1:7`,
		"user:\n  a: b\n":                          `a text is expected, not mapping in h.yaml:2:4`,
		"http:\n  servers:\n  - internal: false\n": `"internal" takes true or is left out in h.yaml:3:15`,
		"http:\n  servers:\n  - [a]\n":             `a mapping is expected, not string in h.yaml:3:6`,
		"http: {}\nhttp: {}\n":                     `mapping key "http" already defined at [1:1] in h.yaml:2:1`,
		"":                                         `one YAML document is expected in h.yaml`,
		"http:\n  servers:\n  - routes:\n      \"\\\"a\": {}\n": `"\"a" cannot be split into arguments in h.yaml:4:7`,
	} {
		_, err := Read("h.yaml", []byte(in))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}

// FuzzRead: no input makes the reader panic.
func FuzzRead(f *testing.F) {
	f.Add([]byte("http:\n  servers:\n  - listen: [80, ssl]\n    routes:\n      \"^~ /a\": {internal: true}\n"))
	f.Add([]byte("steps:\n- if:\n    ($a): {return: 403}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = Read("h.yaml", data) })
}
