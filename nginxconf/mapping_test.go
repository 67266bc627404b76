package nginxconf

import "testing"

func TestMappings(t *testing.T) {
	listen, err := ListenMapping([]string{"80=8088", "127.0.0.1:81=0.0.0.0:8081", "unix:/a=unix:/b"})
	if err != nil {
		t.Fatal(err)
	}
	path, err := PathMapping([]string{"/app=/x", "/app/conf/=/y"})
	if err != nil {
		t.Fatal(err)
	}
	addr, err := AddrMapping([]string{"127.0.0.1:6379=127.0.0.1:16379", "db=10.0.0.1", "unix:/r=127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f        func(string) string
		in, want string
	}{
		{listen, "0.0.0.0:80", "0.0.0.0:8088"}, {listen, "[::]:80", "[::]:8088"}, {listen, "127.0.0.1:81", "0.0.0.0:8081"},
		{listen, "0.0.0.0:81", "0.0.0.0:81"}, {listen, "unix:/a", "unix:/b"},
		{path, "/app/a.lua", "/x/a.lua"}, {path, "/app", "/x"}, {path, "/application", "/application"}, {path, "/app/conf/a", "/y/a"},
		{addr, "127.0.0.1:6379", "127.0.0.1:16379"}, {addr, "127.0.0.1:6380", "127.0.0.1:6380"}, {addr, "db:5432", "10.0.0.1:5432"},
		{addr, "unix:/r", "127.0.0.1:1"},
	} {
		if got := c.f(c.in); got != c.want {
			t.Errorf("%s maps to %s, want %s", c.in, got, c.want)
		}
	}
	for _, bad := range []string{"", "80", "=80", "80="} {
		if _, err := ListenMapping([]string{bad}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestMapped: the mappings reach every place of the article's configuration.
func TestMapped(t *testing.T) {
	listen, _ := ListenMapping([]string{"80=8088"})
	path, _ := PathMapping([]string{"/app/ngx_openresty/nginx=/site"})
	addr, _ := AddrMapping([]string{"127.0.0.1:8080=127.0.0.1:18080", "prod.internal:80=unix:/p.sock"})
	files := MapFiles{"/c/nginx.conf": `events { }
http {
    error_log /app/ngx_openresty/nginx/logs/e.log;
    upstream a { server 127.0.0.1:8080; }
    upstream b { server prod.internal; }
    server {
        listen 80;
        root /app/ngx_openresty/nginx/html;
        include /app/ngx_openresty/nginx/conf/s.conf;
        location /d { proxy_pass http://127.0.0.1:8080; }
    }
}
`, "/site/conf/s.conf": "location / { content_by_lua_file /app/ngx_openresty/nginx/conf/huidu.lua; }\n"}
	c, ds := Load(files, "/c/nginx.conf", Options{MapListen: listen, MapPath: path, MapAddr: addr, LookupHost: lookupTest})
	if ds.Err() != nil {
		t.Fatal(ds)
	}
	for at, want := range map[string]string{
		"HTTP.Servers[0].Listens[0].Address":                                       `"0.0.0.0:8088"`,
		"HTTP.Servers[0].Listens[0].Original":                                      `"80"`,
		"HTTP.Servers[0].Loc.Core.Root.V.Text":                                     `"/site/html"`,
		"HTTP.Servers[0].Locations[0].Loc.Lua.ContentBy.Path.Text":                 `"/site/conf/huidu.lua"`,
		"HTTP.Servers[0].Locations[1].Loc.Proxy.Pass.Upstream.Servers[0].Addrs[0]": `"127.0.0.1:18080"`,
		"HTTP.Upstreams[0].Servers[0].Addrs[0]":                                    `"127.0.0.1:18080"`,
		"HTTP.Upstreams[1].Servers[0].Addrs[0]":                                    `"unix:/p.sock"`,
		"HTTP.Upstreams[1].Servers[0].Original":                                    `"prod.internal"`,
		"HTTP.Loc.Core.ErrorLog.V[0].Target":                                       `"/site/logs/e.log"`,
	} {
		if got := show(c, at); got != want {
			t.Errorf("%s = %s, want %s", at, got, want)
		}
	}
}

// TestHint: a swallowed directive is reported where nginx reports it, with
// the line where the semicolon is missing.
func TestHint(t *testing.T) {
	_, ds := Load(MapFiles{"/c/nginx.conf": "events { }\nhttp {\n  root /x\n\n  sendfile on;\n}\n"}, "/c/nginx.conf", Options{})
	if len(ds) != 1 || ds[0].Pos.Line != 5 || ds[0].Hint != `is a ";" missing at the end of line 3?` {
		t.Errorf("%s%+v", ds, ds)
	}
}

// TestNearest: a misspelt directive is answered with the one that was meant.
func TestNearest(t *testing.T) {
	for name, want := range map[string]string{"porxy_pass": "proxy_pass", "lisen": "listen", "server_names": "server_name",
		"location_": "location", "foo": "", "xyzzy_frobnicate": ""} {
		if got := nearest(name, CtxServer|CtxLocation); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
