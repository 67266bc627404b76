package coverage

import (
	"fmt"
	"strings"
	"testing"

	"huidu/nginxconf"
)

const conf = `events { accept_mutex on; }
http {
    map $uri $side { default 1; }
    access_by_lua_block { ngx.log(1) }
    server {
        location ~ ^/a(?<rest>.*)$ {
            set $x $geoip_city;
            content_by_lua 'ngx.say(1)';
        }
        location /b { uwsgi_pass   127.0.0.1:9;  proxy_set_header A $rest }
        location /c { if ($x) { set_by_lua_block $y { return 1 } } dav_methods off; }
    }
}
`

func TestRead(t *testing.T) {
	r := Read(nginxconf.MapFiles{"/c/nginx.conf": conf}, "/c/nginx.conf", nginxconf.Options{})
	if r.Config == nil {
		t.Fatal(r.Diags)
	}
	kinds := []string{"directive", "variable", "regex", "forgiven"}
	var have []string
	for _, o := range r.Items {
		where := "-"
		if o.Location != nil {
			where = o.Location.Name
		}
		if o.Kind != nginxconf.ObservedDirective || o.Status != nginxconf.Supported {
			have = append(have, fmt.Sprintf("%d:%d %s %s %v %s", o.Line, o.Col, kinds[o.Kind], o.Name, o.Status, where))
		}
	}
	want := strings.Split(`1:10 directive accept_mutex ignored -
6:9 regex ^/a(?<rest>.*)$ supported -
10:23 directive uwsgi_pass unsupported /b
10:50 forgiven proxy_set_header supported /b
3:5 variable $uri supported -
6:9 variable $rest supported -
10:50 variable $rest supported /b
7:13 variable $x supported ^/a(?<rest>.*)$
11:23 variable $x supported /c
7:13 variable $geoip_city unsupported ^/a(?<rest>.*)$
11:33 variable $y supported /c`, "\n")
	if strings.Join(have, "\n") != strings.Join(want, "\n") {
		t.Errorf("have:\n%s", strings.Join(have, "\n"))
	}
	have = nil
	for _, s := range r.Scripts {
		have = append(have, fmt.Sprintf("%d:%d %s %d", s.Code.Line, s.Code.Col, s.Phase, len(s.Uses)))
	}
	if got := strings.Join(have, ", "); got != "4:26 access 3, 8:29 content 1, 11:54 set 1" {
		t.Errorf("scripts: %s", got)
	}
	if r := Read(nginxconf.MapFiles{"/c/nginx.conf": "events {"}, "/c/nginx.conf", nginxconf.Options{}); r.Config != nil || r.Diags.Err() == nil {
		t.Error("a broken file is read")
	}
}
