package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// importRules are the boundaries of the rooms: packages below "in" (all but
// those below "except") must not import what starts with "deny".
var importRules = []struct{ in, deny, except, why string }{
	{"nginxconf", "huidu/luacompat", "", "nginxconf knows nothing of Lua"},
	{"nginxconf", "huidu/proxy", "", "nginxconf knows nothing of serving"},
	{"nginxconf", "huidu/cmd", "", "commands are on top"},
	{"luacompat", "huidu/nginxconf", "", "luacompat knows nothing of configurations"},
	{"luacompat", "huidu/proxy", "", "luacompat reaches its host through luacompat.Request"},
	{"luacompat", "huidu/cmd", "", "commands are on top"},
	{"proxy", "huidu/cmd", "", "commands are on top"},
	{"", "github.com/tufanbarisyildirim/gonginx", "nginxconf/gonginx", "gonginx is hidden behind nginxconf's tree"},
	{"", "github.com/yuin/gopher-lua", "luacompat", "gopher-lua is luacompat's"},
	{"", "go.elara.ws/pcre", "luacompat/pcre", "regular expressions go through luacompat/pcre"},
	{"", "github.com/spf13/cobra", "cmd", "the command line is cmd's"},
	{"", "net/http/httputil", "", "proxying is ours"},
}

// redisSpeakers are where go-redis may be imported.
var redisSpeakers = []string{"luacompat/resty", "proxy/release", "proxy/casetest", "cmd/huidu"}

// allowed are imports that a rule would refuse and the design permits.
var allowed = map[string]bool{"huidu/luacompat/pcre": true}

// TestImports holds the source tree to the boundaries of the design.
func TestImports(t *testing.T) {
	root := "../.."
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "dist") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		files++
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		checkImports(t, filepath.ToSlash(rel), name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("only %d files found: the walk is broken", files)
	}
}

func checkImports(t *testing.T, rel, name string) {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range f.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		if allowed[path] {
			continue
		}
		for _, r := range importRules {
			if within(rel, r.in) && within(path, r.deny) && (r.except == "" || !strings.HasPrefix(rel, r.except)) {
				t.Errorf("%s imports %s: %s", rel, path, r.why)
			}
		}
		if within(path, "github.com/redis/go-redis") {
			ok := false
			for _, dir := range redisSpeakers {
				ok = ok || strings.HasPrefix(rel, dir)
			}
			if !ok {
				t.Errorf("%s imports %s: Redis is spoken in %v only", rel, path, redisSpeakers)
			}
		}
	}
}

// within reports whether path is dir or below it; "" is everything.
func within(path, dir string) bool {
	return dir == "" || path == dir || strings.HasPrefix(path, dir+"/")
}
