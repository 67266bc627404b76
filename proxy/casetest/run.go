package casetest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Run runs every case below dir, each on huidu and, when it is installed, on
// nginx with ngx_lua. With HUIDU_CONFIRM=1 the absence of nginx fails.
func Run(t *testing.T, dir string) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(names)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			c, err := ReadCase(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Run("huidu", func(t *testing.T) {
				t.Parallel()
				runCase(t, c, newHuidu())
			})
			if yamlSample[c.Name] || os.Getenv("HUIDU_YAML") == "1" {
				t.Run("yaml", func(t *testing.T) {
					t.Parallel()
					runCase(t, c, &huiduEngine{yaml: true})
				})
			}
			t.Run("nginx", func(t *testing.T) {
				if c.HuiduOnly != "" {
					t.Skip("huidu only: " + c.HuiduOnly)
				}
				needNginx(t)
				t.Parallel()
				runCase(t, c, &nginxEngine{})
			})
		})
	}
}

// yamlSample are the cases that are always served from their translation to
// huidu.yaml too; HUIDU_YAML=1 does so with all of them.
var yamlSample = map[string]bool{"article_story": true, "captures": true, "echo_commands": true, "lua_phases": true,
	"map_once": true, "set_misc": true, "more_headers": true, "access_rules": true}

// engine is a server under test.
type engine interface {
	name() string
	// configure writes what start needs for the case.
	configure(w *world) error
	start(w *world) error
	reload(w *world) error
	stop(w *world) error
}

// world is everything around one run of a case.
type world struct {
	t         *testing.T
	c         *Case
	dir       string
	ports     map[string]int
	upstreams map[string]*upstream
	redis     *redisBox
	client    *client
	load      *loadTest
	last      *response
}

func runCase(t *testing.T, c *Case, e engine) {
	w := &world{t: t, c: c, dir: tempDir(t), ports: map[string]int{}, upstreams: map[string]*upstream{}}
	if err := w.prepare(); err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := e.configure(w); err != nil {
		t.Fatal(err)
	}
	if err := e.start(w); err != nil {
		t.Fatalf("start %s: %v\n%s", e.name(), err, w.errorLog())
	}
	w.client = &client{addr: fmt.Sprintf("127.0.0.1:%d", w.port(""))}
	for _, s := range c.Story {
		if s.only != "" && s.only != e.name() {
			continue
		}
		if err := w.step(e, s); err != nil {
			t.Errorf("%s.txtar: story line %d (%s): %v", c.Name, s.line, s.summary(), err)
			break
		}
	}
	w.client.close()
	if w.load != nil {
		w.load.stop()
	}
	if err := e.stop(w); err != nil {
		t.Errorf("stop %s: %v", e.name(), err)
	}
	if t.Failed() {
		t.Logf("error.log of %s:\n%s", e.name(), w.errorLog())
	}
}

func (s step) summary() string {
	if len(s.lines) > 0 {
		return s.verb + strings.TrimRight(s.lines[0], " ")
	}
	return s.verb + " " + s.text
}

// tempDir is like t.TempDir, but nginx's workers, which are nobody when the
// test is run by root, can read it.
func tempDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "huidu-case-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// prepare makes the directories and starts what the case mentions.
func (w *world) prepare() error {
	for _, d := range []string{"conf", "logs", "html"} {
		if err := os.MkdirAll(filepath.Join(w.dir, d), 0o755); err != nil {
			return err
		}
	}
	_, article := w.c.Conf["article"]
	text := strings.Join([]string{w.c.Conf["nginx.conf"], w.c.Conf["main"], w.c.Conf["http"], w.c.Conf["server"]}, "\n")
	for _, f := range w.c.Files {
		text += f
	}
	for _, s := range w.c.Story {
		text += "\n" + s.verb + " " + s.text
	}
	if article || strings.Contains(text, "{{redis") || strings.Contains(text, "\nredis ") {
		w.redis = &redisBox{addr: w.addr("redis"), mode: "up"}
		if err := w.redis.startBackend(w.dir); err != nil {
			return err
		}
		if err := w.redis.start(); err != nil {
			return err
		}
	}
	names := upstreamRE.FindAllStringSubmatch(text, -1)
	if article {
		names = append(names, []string{"", "production"}, []string{"", "staging"})
	}
	for _, m := range names {
		if w.upstreams[m[1]] == nil {
			u := &upstream{name: m[1], addr: w.addr("upstream " + m[1]), mode: "up"}
			w.upstreams[m[1]] = u
			if err := u.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	upstreamRE = regexp.MustCompile(`\{\{upstream (\w+)\}\}`)
	portRE     = regexp.MustCompile(`\{\{port(?: (\w+))?\}\}`)
)

// expand fills a text's placeholders in.
func (w *world) expand(text string) string {
	text = upstreamRE.ReplaceAllStringFunc(text, func(s string) string {
		return w.addr("upstream " + upstreamRE.FindStringSubmatch(s)[1])
	})
	text = portRE.ReplaceAllStringFunc(text, func(s string) string {
		return strconv.Itoa(w.port(portRE.FindStringSubmatch(s)[1]))
	})
	text = strings.ReplaceAll(text, "{{dir}}", w.dir)
	if strings.Contains(text, "{{redis") {
		text = strings.ReplaceAll(text, "{{redis}}", w.addr("redis"))
		text = strings.ReplaceAll(text, "{{redis.port}}", strconv.Itoa(w.port("redis")))
	}
	return text
}

// port is a free port that keeps its name for the run.
func (w *world) port(name string) int {
	if w.ports[name] == 0 {
		p, err := freePort()
		if err != nil {
			w.t.Fatal(err)
		}
		w.ports[name] = p
	}
	return w.ports[name]
}

func (w *world) addr(name string) string { return fmt.Sprintf("127.0.0.1:%d", w.port(name)) }

// writeFiles writes the case's own files below the prefix.
func (w *world) writeFiles() error {
	for name, text := range w.c.Files {
		if err := w.write(name, text); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) write(name, text string) error {
	full := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	return os.WriteFile(full, []byte(w.expand(text)), 0o644)
}

// wrap makes a whole configuration of the case's sections.
func (w *world) wrap(modules, luaPath string) string {
	if full, ok := w.c.Conf["nginx.conf"]; ok {
		return modules + full
	}
	http := w.c.Conf["http"]
	if srv, ok := w.c.Conf["server"]; ok {
		http += "\nserver {\n    listen 127.0.0.1:{{port}};\n    server_name localhost;\n" + srv + "}\n"
	}
	if luaPath != "" && !strings.Contains(http, "lua_package_path") {
		http = "lua_package_path '" + luaPath + "';\n" + http
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	log := "error_log logs/error.log info;\n"
	if strings.Contains(w.c.Conf["main"], "error_log") {
		log = ""
	}
	return modules + user + log + w.c.Conf["main"] +
		"worker_processes 1;\ndaemon off;\npid logs/nginx.pid;\nevents { worker_connections 512; }\n" +
		"http {\naccess_log logs/access.log;\n" + http + "\n}\n"
}

func (w *world) errorLog() string {
	text, _ := os.ReadFile(filepath.Join(w.dir, "logs/error.log"))
	return string(text)
}

func (w *world) close() {
	for _, u := range w.upstreams {
		u.stop()
	}
	if w.redis != nil {
		w.redis.close()
	}
}

// freePort finds a port that was free just now.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// waitFor polls until f succeeds.
func waitFor(f func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := f()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
