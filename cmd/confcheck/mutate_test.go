package main

import (
	"math/rand/v2"
	"testing"
)

// sample has a place for every mutation.
const sample = `user nobody;
events { worker_connections 64; }
http {
    include x.conf;
    log_format f "$uri";
    client_max_body_size 1m;
    upstream u { server 127.0.0.1:8081 weight=2; keepalive 4; }
    map $uri $m { a b; }
    server {
        listen 127.0.0.1:8080;
        server_name a;
        ssl_certificate c.crt;
        keepalive_timeout 10s;
        location / {
            types { a/b c; }
            gzip on;
            if ($uri = "/x") { return 200; }
            limit_except GET { deny all; }
            proxy_set_header A b;
            proxy_pass http://u;
        }
        location /l { content_by_lua_block { if x then y = {} end } }
    }
}
`

func TestMutations(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range mutations() {
		if seen[m.name] {
			t.Errorf("two mutations are called %s", m.name)
		}
		seen[m.name] = true
		d := &doc{text: sample, stmts: statements(sample), rng: rand.New(rand.NewPCG(1, 2))}
		changed := false
		for range 20 {
			text := m.do(d)
			changed = changed || text != "" && text != sample
		}
		if !changed {
			t.Errorf("%s changes nothing", m.name)
		}
	}
	if len(seen) < 60 {
		t.Errorf("%d mutations", len(seen))
	}
}

func TestStatements(t *testing.T) {
	var names []string
	for _, s := range statements(sample) {
		if s.context == "location" || s.name == "content_by_lua_block" {
			names = append(names, s.name)
		}
		if s.block && s.close < 0 {
			t.Errorf("%s has no end", s.name)
		}
	}
	want := []string{"types", "gzip", "if", "limit_except", "proxy_set_header", "proxy_pass", "content_by_lua_block"}
	if len(names) != len(want) {
		t.Fatalf("in locations: %v, want %v", names, want)
	}
	for i := range want {
		if names[i] != want[i] {
			t.Fatalf("in locations: %v, want %v", names, want)
		}
	}
}

func TestParseAnswer(t *testing.T) {
	a := parseAnswer("nginx: [warn] a in DIR/nginx.conf:1\nnginx: [emerg] b in DIR/nginx.conf:2\nnginx: configuration file test failed\n", false)
	if a.OK || len(a.Warns) != 1 || a.Error != "[emerg] b in DIR/nginx.conf:2" {
		t.Errorf("%+v", a)
	}
}
