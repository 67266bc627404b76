package proxy

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
	"weak"

	"huidu/nginxconf"
)

// TestReloadFreesOldRouter: a configuration that nobody serves any more must
// not stay in memory, least of all all of them.
func TestReloadFreesOldRouter(t *testing.T) {
	dir := t.TempDir()
	conf := `events {} http { access_log off; lua_shared_dict d 1m; limit_req_zone $uri zone=z:1m rate=1r/s;
		upstream u { server 127.0.0.1:1; keepalive 4; }
		server { listen unix:` + dir + `/s; location / { limit_req zone=z; proxy_pass http://u; }
			location /lua { content_by_lua_block { ngx.say("x") } } } }`
	for name, text := range map[string]string{"conf/nginx.conf": conf, "logs/error.log": ""} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	load := func() *nginxconf.Config {
		cfg, diags := nginxconf.Load(nginxconf.OSFiles{}, "conf/nginx.conf", nginxconf.Options{Prefix: dir + "/"})
		if cfg == nil {
			t.Fatal(diags)
		}
		return cfg
	}
	s, err := New(load(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Stop()
	var routers []weak.Pointer[Router]
	for range 5 {
		routers = append(routers, weak.Make(s.router.Load()))
		if err := s.Reload(load()); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		runtime.GC()
		alive := 0
		for _, w := range routers {
			if w.Value() != nil {
				alive++
			}
		}
		if alive == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d old routers are still in memory", alive, len(routers))
		}
		time.Sleep(10 * time.Millisecond)
	}
}
