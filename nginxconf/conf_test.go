package nginxconf

import (
	stdflag "flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// A case in testdata/conf is an archive: nginx.conf and what it includes;
// "want", the diagnostics; and, when it is accepted, "config": lines of
// "path.into.Config = value". Its comment may hold
//
//	lenient          read without Strict
//	differs: reason  nginx says something else, or says it elsewhere
//	globals: text    the text of -g
type confCase struct {
	name    string
	files   map[string]string
	want    string
	config  string
	lenient bool
	differs bool
	globals string
}

func readCases(t *testing.T) []confCase {
	names, err := filepath.Glob("testdata/conf/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var cases []confCase
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := confCase{name: strings.TrimSuffix(filepath.Base(name), ".txtar"), files: map[string]string{}}
		for _, line := range strings.Split(string(ar.Comment), "\n") {
			switch {
			case line == "lenient":
				c.lenient = true
			case strings.HasPrefix(line, "differs: "):
				c.differs = true
			case strings.HasPrefix(line, "globals: "):
				c.globals = strings.TrimPrefix(line, "globals: ")
			}
		}
		for _, f := range ar.Files {
			switch f.Name {
			case "want":
				c.want = string(f.Data)
			case "config":
				c.config = string(f.Data)
			default:
				c.files[f.Name] = string(f.Data)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// lookupTest knows the names of the cases; nothing asks the network.
func lookupTest(host string) ([]string, error) {
	if host == "localhost" {
		return []string{"127.0.0.1"}, nil
	}
	return nil, fmt.Errorf("no such host %q", host)
}

func (c confCase) load() (*Config, Diagnostics) {
	files := MapFiles{}
	for name, data := range c.files {
		files["/c/"+name] = data
	}
	return Load(files, "/c/nginx.conf", Options{Prefix: "/c", Strict: !c.lenient, Globals: c.globals,
		LookupHost: lookupTest, Hostname: "test.host", CPUs: 2})
}

// said is the diagnostics without notices.
func said(ds Diagnostics) string {
	var sb strings.Builder
	for _, d := range ds {
		if d.Severity != Notice {
			sb.WriteString(d.String() + "\n")
		}
	}
	return sb.String()
}

var update = stdflag.Bool("update", false, "write what is said as what is wanted")

// rewrite puts what was said into the case's archive.
func (c confCase) rewrite(t *testing.T, want string) {
	name := "testdata/conf/" + c.name + ".txtar"
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ar.Files {
		if ar.Files[i].Name == "want" {
			ar.Files[i].Data = []byte(want)
		}
	}
	if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestConf(t *testing.T) {
	for _, c := range readCases(t) {
		t.Run(c.name, func(t *testing.T) {
			conf, ds := c.load()
			if *update && said(ds) != c.want {
				c.rewrite(t, said(ds))
				return
			}
			if diff := cmp.Diff(c.want, said(ds)); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			if (conf == nil) != (ds.Err() != nil) {
				t.Fatalf("Config %v with error %v", conf != nil, ds.Err())
			}
			for _, line := range strings.Split(strings.TrimSpace(c.config), "\n") {
				path, want, ok := strings.Cut(line, " = ")
				if !ok {
					continue
				}
				if got := show(conf, path); got != want {
					t.Errorf("%s = %s, want %s", path, got, want)
				}
			}
		})
	}
}

var pathStep = regexp.MustCompile(`^(\w*)(?:\[(\w+)\])?$`)

// show prints one place of a Config, "HTTP.Servers[0].Loc.Core.Root.V.Text".
func show(c *Config, path string) string {
	if c == nil {
		return "no Config"
	}
	v := reflect.ValueOf(c)
	for _, step := range strings.Split(path, ".") {
		m := pathStep.FindStringSubmatch(step)
		for v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return "nil"
			}
			v = v.Elem()
		}
		if m == nil || v.Kind() != reflect.Struct {
			return "bad path at " + step
		}
		if v = v.FieldByName(m[1]); !v.IsValid() {
			return "no field " + step
		}
		if m[2] == "" {
			continue
		}
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() == reflect.Map {
			v = v.MapIndex(reflect.ValueOf(m[2]))
		} else {
			i, _ := strconv.Atoi(m[2])
			if i >= v.Len() {
				return "out of range at " + step
			}
			v = v.Index(i)
		}
		if !v.IsValid() {
			return "nothing at " + step
		}
	}
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return "nil"
	}
	if s, ok := v.Interface().(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%+v", v.Interface())
}

const nginxBinary = "/usr/sbin/nginx"

// oracleModules are loaded into nginx, so that it knows what huidu knows.
const oracleModules = "ndk_http_module ngx_http_echo_module ngx_http_headers_more_filter_module ngx_http_lua_module ngx_http_set_misc_module"

// TestConfirm runs the same cases through nginx -t. It is skipped where
// there is no nginx, unless HUIDU_CONFIRM=1.
func TestConfirm(t *testing.T) {
	if _, err := os.Stat(nginxBinary); err != nil {
		if os.Getenv("HUIDU_CONFIRM") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, c := range readCases(t) {
		if c.differs || c.lenient {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.ask(t); got != c.want {
				t.Errorf("nginx says\n%swant\n%s", got, c.want)
			}
		})
	}
}

var emergOrWarn = regexp.MustCompile(`(?m)^nginx: (\[(?:emerg|crit|error|warn)\] .*)$`)

// ask runs nginx -t and returns its first error and the warnings before it.
func (c confCase) ask(t *testing.T) string {
	dir := t.TempDir()
	for name, data := range c.files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	globals := ""
	for _, m := range strings.Fields(oracleModules) {
		globals += "load_module /usr/lib/nginx/modules/" + m + ".so; "
	}
	globals += c.globals
	out, err := exec.Command(nginxBinary, "-t", "-p", dir+"/", "-c", dir+"/nginx.conf", "-e", "logs/e.log", "-g", globals).CombinedOutput()
	var lines []string
	for _, m := range emergOrWarn.FindAllStringSubmatch(string(out), -1) {
		line := strings.ReplaceAll(m[1], dir+"/", "/c/")
		if len(lines) == 0 || lines[len(lines)-1] != line { // stderr and log may be the same
			lines = append(lines, line)
		}
		if !strings.HasPrefix(line, "[warn]") {
			break
		}
	}
	refused := len(lines) > 0 && !strings.HasPrefix(lines[len(lines)-1], "[warn]")
	if refused != (err != nil) {
		t.Errorf("nginx -t: %v\n%s", err, out)
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
