package nginxconf

import (
	"strings"
	"testing"
)

const divertConf = `
events {}
mail { server { listen 25; } }
http {
    log_format x "$geoip_city $status";
    upstream fine { server 127.0.0.1:1; }
    upstream odd { server 127.0.0.1:1; least_time header; }
    server {
        location /fine { return 200; }
        location /cgi/ {
            location /cgi/static { root /srv; }
            if ($arg_x) { uwsgi_pass 127.0.0.1:9; }
        }
        location = /auth { internal; grpc_pass 127.0.0.1:9; }
        location /asks { auth_request /auth; return 200; }
        location /asks/inner { auth_request off; return 200; }
        location /odd { proxy_pass http://odd; }
        location /fine-up { proxy_pass http://fine; }
        location /either { proxy_pass http://$arg_u; }
        location /module { vhost_traffic_status_display; }
        location /block { some_module { with what; } return 200; }
        location /var { add_header X $geoip_city; }
        location @named { mp4; }
    }
    server { listen 81; dav_methods PUT; location / { return 200; } }
}
`

// TestDivert: what is not supported is left to the fallback, with all that
// cannot be had without it, and nothing else.
func TestDivert(t *testing.T) {
	cfg, diags := Load(MapFiles{"/c/nginx.conf": divertConf}, "/c/nginx.conf", Options{Divert: true})
	if cfg == nil {
		t.Fatal(diags)
	}
	var got []string
	for _, s := range cfg.HTTP.Servers {
		if s.Diverted != nil {
			got = append(got, "server: "+s.Diverted.Directive)
		}
		eachLocation(s.Locations, func(l *Location) {
			if l.Diverted != nil {
				got = append(got, l.Name+": "+l.Diverted.Directive)
			}
		})
	}
	want := []string{"/cgi/: uwsgi_pass", "/cgi/static: uwsgi_pass", "/auth: grpc_pass", "/asks: location", "/odd: least_time",
		"/either: least_time", "/module: vhost_traffic_status_display", "/block: some_module", "/var: $geoip_city", "@named: mp4",
		"server: dav_methods"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("diverted:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, w := range []string{
		`[warn] "mail" directive is not supported: the mail module is not supported in /c/nginx.conf:3`,
		`[warn] unknown directive "some_module" in /c/nginx.conf:21`,
		`[warn] unknown "geoip_city" variable in /c/nginx.conf:5`,
	} {
		if !strings.Contains(diags.String(), w+"\n") {
			t.Errorf("not said: %s", w)
		}
	}
	if cfg, diags = Load(MapFiles{"/c/nginx.conf": divertConf}, "/c/nginx.conf", Options{}); cfg != nil || !strings.Contains(diags.String(), `nginx.conf:3`) {
		t.Errorf("without Divert: %v", diags)
	}
}
