package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	article "huidu/testdata/huidu"
)

// bench is what all scenarios share: Redis, the upstream, the files.
type bench struct {
	config
	dir               string
	redisPort, upPort int
	redis, upstream   *server
	luaExtra          string
}

// newBench builds huidu and starts Redis and the upstream.
func newBench(c config) (*bench, error) {
	for _, prog := range []string{"nginx", "redis-server", "wrk"} {
		if _, err := exec.LookPath(prog); err != nil {
			return nil, fmt.Errorf("%s is not installed (see .ci/run for the packages)", prog)
		}
	}
	dir, err := os.MkdirTemp("", "huidu-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{config: c, dir: dir, luaExtra: "/usr/share/lua/5.1/?.lua"}
	if err := b.setUp(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) setUp() (err error) {
	// nginx's workers are nobody when this runs as root.
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if b.binary == "" {
		b.binary = filepath.Join(b.dir, "huidu")
		cmd := exec.Command("go", "build", "-o", b.binary, "./cmd/huidu")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build ./cmd/huidu: %w\n%s", err, out)
		}
	}
	if b.redisPort, err = freePort(); err != nil {
		return err
	}
	b.redis, err = start(b.dir, "redis", addrOf(b.redisPort), "redis-server", "--port", strconv.Itoa(b.redisPort),
		"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", article.Password)
	if err != nil {
		return err
	}
	// Debian packages resty.redis under another name.
	if err := b.write("lua/resty/redis.lua", `return require "nginx.redis"`); err != nil {
		return err
	}
	if b.upPort, err = freePort(); err != nil {
		return err
	}
	b.upstream, err = b.startNginx("upstream", b.upPort, fmt.Sprintf(`
    server { listen 127.0.0.1:%d; location / { default_type text/plain; return 200 "this is production\n"; } }
`, b.upPort))
	return err
}

// close ends what was started and removes the files.
func (b *bench) close() {
	for _, s := range []*server{b.upstream, b.redis} {
		if s != nil {
			s.stop()
		}
	}
	_ = os.RemoveAll(b.dir)
}

// write writes a file below the bench's directory.
func (b *bench) write(name, text string) error {
	name = filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

// wrap is a whole configuration around the contents of http{}.
func (b *bench) wrap(http string) string {
	return fmt.Sprintf(`worker_processes %d;
worker_rlimit_nofile 20000;
daemon off;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 8192; }
http {
    access_log off;
    keepalive_requests 1000000;
%s
}
`, b.workers, http)
}

// startNginx runs nginx with http as the contents of http{}.
func (b *bench) startNginx(name string, port int, http string) (*server, error) {
	conf := "load_module /usr/lib/nginx/modules/ndk_http_module.so;\n" +
		"load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;\n" + b.wrap(fmt.Sprintf("    lua_package_path \"%s/lua/?.lua;%s;;\";\n%s", b.dir, b.luaExtra, http))
	if err := b.write(name+"/nginx.conf", conf); err != nil {
		return nil, err
	}
	return start(b.dir, name, addrOf(port), "nginx", "-p", filepath.Join(b.dir, name)+"/", "-c", "nginx.conf", "-e", "error.log")
}

// startHuidu runs huidu with http as the contents of http{}.
func (b *bench) startHuidu(name string, port int, http string, flags ...string) (*server, error) {
	if err := b.write(name+"/nginx.conf", b.wrap(http)); err != nil {
		return nil, err
	}
	args := append([]string{b.binary, "-p", filepath.Join(b.dir, name) + "/", "-c", "nginx.conf", "-e", "error.log"}, flags...)
	return start(b.dir, name, addrOf(port), args...)
}

// articleText is the article's configuration with its addresses, paths and
// missing semicolon replaced: what nginx needs where huidu maps.
func (b *bench) articleText(port int, script string) string {
	up := addrOf(b.upPort)
	return strings.NewReplacer(
		"listen       80", "listen 127.0.0.1:"+strconv.Itoa(port),
		article.Prefix+"/conf/huidu.lua", script+";",
		article.Production, up, article.Staging, up,
	).Replace(string(article.NginxConf))
}

func addrOf(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
