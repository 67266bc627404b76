package proxy

import (
	"testing"

	"huidu/nginxconf"
)

func TestMatcher(t *testing.T) {
	conf := `events {} http {
		server { listen 80; server_name a.com; location / {} location = /x {} location /api { location ~ \.php$ {} } location ~ \.png$ {} location ^~ /img {} }
		server { listen 80; server_name *.b.com ~^c\d+\.com$; location /b {} }
		server { listen 8080; location /other {} } }`
	cfg, diags := nginxconf.Load(nginxconf.MapFiles{"/c/nginx.conf": conf}, "/c/nginx.conf", nginxconf.Options{})
	if cfg == nil {
		t.Fatal(diags)
	}
	m, err := NewMatcher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		host, port, target string
		server             int
		location           string
	}{
		{"a.com", "", "/", 0, "/"}, {"", "", "/x", 0, "/x"}, {"a.com", "", "/x?y=1", 0, "/x"}, {"A.com:80", "", "/api/z.php", 0, `\.php$`},
		{"a.com", "", "/q/%2e%2e/api//x", 0, "/api"}, {"a.com", "", "/img/a.png", 0, "/img"}, {"a.com", "", "/p/a.png?x", 0, `\.png$`},
		{"www.b.com", "", "/b/c", 1, "/b"}, {"c12.com", "", "/", 1, ""}, {"", "8080", "/other", 2, "/other"}, {"x:8080", "", "/other", 2, "/other"},
		{"a.com", "", "http://www.b.com/b", 1, "/b"},
	} {
		s, l := m.Match(tc.host, tc.port, tc.target)
		name := ""
		if l != nil {
			name = l.Name
		}
		if s != cfg.HTTP.Servers[tc.server] || name != tc.location {
			t.Errorf("%v: %v", tc, name)
		}
	}
	if s, _ := m.Match("", "", "not a uri"); s != nil {
		t.Error("a line that is no URI is matched")
	}
}
