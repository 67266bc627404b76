package casetest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	article "huidu/testdata/huidu"
)

// moduleDir and modules are what Debian's nginx loads for the cases.
const moduleDir = "/usr/lib/nginx/modules"

var modules = []string{"ndk_http_module", "ngx_http_lua_module", "ngx_http_echo_module",
	"ngx_http_headers_more_filter_module", "ngx_http_set_misc_module"}

// needNginx skips the test where nginx with ngx_lua is not installed, or
// fails it when confirmation is required.
func needNginx(t *testing.T) {
	why := ""
	if _, err := exec.LookPath("nginx"); err != nil {
		why = "nginx is not installed"
	}
	for _, m := range modules {
		if _, err := os.Stat(filepath.Join(moduleDir, m+".so")); err != nil {
			why = "nginx lacks " + m
		}
	}
	if why == "" {
		return
	}
	if os.Getenv("HUIDU_CONFIRM") == "1" {
		t.Fatal(why + ", and HUIDU_CONFIRM=1 requires it")
	}
	t.Skip(why)
}

// nginxEngine is real nginx.
type nginxEngine struct {
	bin  string // another nginx than the installed one, without modules
	cmd  *exec.Cmd
	done chan error
	out  bytes.Buffer
}

func (n *nginxEngine) name() string { return "nginx" }

func (n *nginxEngine) configure(w *world) error {
	if n.bin != "" {
		if err := w.writeFiles(); err != nil {
			return err
		}
		return w.write("conf/nginx.conf", w.wrap("", ""))
	}
	var load strings.Builder
	for _, m := range modules {
		fmt.Fprintf(&load, "load_module %s/%s.so;\n", moduleDir, m)
	}
	if _, ok := w.c.Conf["article"]; ok {
		w.c = articleForNginx(w.c)
	}
	if err := w.writeFiles(); err != nil {
		return err
	}
	// Debian packages resty.redis under another name.
	if err := w.write("oracle/resty/redis.lua", `return require "nginx.redis"`); err != nil {
		return err
	}
	return w.write("conf/nginx.conf", w.wrap(load.String(), w.dir+"/oracle/?.lua;"+w.dir+"/lua/?.lua;/usr/share/lua/5.1/?.lua;;"))
}

// articleForNginx edits the article's files as one would by hand: addresses,
// paths, the missing semicolon, and the http{} around them.
func articleForNginx(c *Case) *Case {
	edited := *c
	edited.Conf = map[string]string{"http": strings.NewReplacer(
		"listen       80", "listen 127.0.0.1:{{port}}",
		article.Prefix+"/conf/huidu.lua", "{{dir}}/conf/huidu.lua;",
		article.Production, "{{upstream production}}", article.Staging, "{{upstream staging}}",
	).Replace(string(article.NginxConf))}
	edited.Files = map[string]string{"conf/huidu.lua": strings.ReplaceAll(string(article.Script), "6379", "{{redis.port}}")}
	for name, text := range c.Files {
		edited.Files[name] = text
	}
	return &edited
}

func (n *nginxEngine) start(w *world) error {
	bin := "nginx"
	if n.bin != "" {
		bin = n.bin
	}
	n.cmd = exec.Command(bin, "-p", w.dir+"/", "-c", "conf/nginx.conf", "-e", "logs/error.log")
	n.cmd.Stdout, n.cmd.Stderr = &n.out, &n.out
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.done = make(chan error, 1)
	go func() { n.done <- n.cmd.Wait() }()
	return waitFor(func() error {
		select {
		case err := <-n.done:
			n.done <- err
			w.t.Fatalf("nginx ended: %v\n%s", err, n.out.String())
		default:
		}
		if len(n.workers()) == 0 {
			return fmt.Errorf("no worker yet")
		}
		_, err := os.Stat(filepath.Join(w.dir, "logs/nginx.pid"))
		return err
	})
}

// workers are the master's children.
func (n *nginxEngine) workers() []string {
	pid := n.cmd.Process.Pid
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	return strings.Fields(string(text))
}

// reload signals the master and waits for a new worker; none comes when the
// configuration is refused, which error.log tells.
func (n *nginxEngine) reload(w *world) error {
	old := map[string]bool{}
	for _, p := range n.workers() {
		old[p] = true
	}
	before := strings.Count(w.errorLog(), "[emerg]")
	if err := n.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	refused := false
	err := waitFor(func() error {
		if strings.Count(w.errorLog(), "[emerg]") > before {
			refused = true
			return nil
		}
		for _, p := range n.workers() {
			if !old[p] {
				return nil
			}
		}
		return fmt.Errorf("no new worker")
	})
	if refused {
		return fmt.Errorf("refused:\n%s", w.errorLog())
	}
	if err != nil {
		return err
	}
	// The old worker accepts until it has read its message.
	return waitFor(func() error {
		log := w.errorLog()
		for _, p := range n.workers() {
			if old[p] && !strings.Contains(log, p+"#"+p+": gracefully shutting down") {
				return fmt.Errorf("old worker %s still accepts", p)
			}
		}
		return nil
	})
}

func (n *nginxEngine) stop(*world) error {
	if n.cmd == nil || n.cmd.Process == nil {
		return nil
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = n.cmd.Process.Signal(sig)
		select {
		case <-n.done:
			return nil
		case <-time.After(5 * time.Second):
		}
	}
	return fmt.Errorf("does not end")
}
