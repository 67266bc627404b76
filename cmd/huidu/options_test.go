package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"huidu/proxy"
)

// TestParseOptions: expectations are nginx 1.22.1's.
func TestParseOptions(t *testing.T) {
	tests := []struct {
		args []string
		want options
		err  string
	}{
		{args: []string{"-tq"}, want: options{test: true, quiet: true}},
		{args: []string{"-cconf/x.conf", "-p", "/a"}, want: options{conf: "conf/x.conf", prefix: "/a/"}},
		{args: []string{"-p/a/", "-tc", "x"}, want: options{prefix: "/a/", test: true, conf: "x"}},
		{args: []string{"-T"}, want: options{test: true, dump: true}},
		{args: []string{"-?"}, want: options{version: true, help: true}},
		{args: []string{"-Vt"}, want: options{version: true, configure: true, test: true}},
		{args: []string{"-s", "reload"}, want: options{signal: "reload", signalGiven: true}},
		{args: []string{"-g", "daemon off;", "-e", "stderr"}, want: options{globals: "daemon off;", errorLog: "stderr"}},
		{args: []string{"--strict", "--map-listen", "80=8088", "--map-path=/a=/b", "-t"},
			want: options{strict: true, test: true, mapListen: []string{"80=8088"}, mapPath: []string{"/a=/b"}}},
		{args: []string{"--fallback", "http://127.0.0.1:81", "--fallback-client=proxy_protocol", "--only", "/a,=/b"},
			want: options{fallback: fallbackFlags{url: "http://127.0.0.1:81", client: "proxy_protocol", only: "/a,=/b",
				parsed: &proxy.Fallback{URL: "http://127.0.0.1:81", Client: proxy.FallbackProxy,
					Only: []proxy.FallbackPrefix{{Path: "/a"}, {Path: "/b", Exact: true}}}}}},
		{args: []string{"--fallback", "127.0.0.1"}, err: `option "--fallback": want http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH, not "127.0.0.1"`},
		{args: []string{"--only", "/a"}, err: `options "--only" and "--fallback-client" need --fallback`},
		{args: []string{"-z"}, err: `invalid option: "z"`},
		{args: []string{"foo"}, err: `invalid option: "foo"`},
		{args: []string{"-c"}, err: `option "-c" requires file name`},
		{args: []string{"-p"}, err: `option "-p" requires directory name`},
		{args: []string{"-g"}, err: `option "-g" requires parameter`},
		{args: []string{"-s", "foo"}, err: `invalid option: "-s foo"`},
		{args: []string{"--nothing"}, err: `invalid option: "--nothing"`},
		{args: []string{"--map-addr", "x"}, err: `option "--map-addr" requires FROM=TO`},
	}
	for _, tt := range tests {
		got, err := parseOptions(tt.args)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%q: error %v, want %s", tt.args, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		if diff := cmp.Diff(tt.want, *got, cmp.AllowUnexported(options{}, fallbackFlags{})); diff != "" {
			t.Errorf("%q: %s", tt.args, diff)
		}
	}
}

func TestMapping(t *testing.T) {
	m, err := newMapping([]string{"80=8088", "127.0.0.1:81=9000", "*:443=127.0.0.1:8443", "unix:/run/a=8001"},
		[]string{"/app/nginx=/srv/site", "/app/nginx/html=/www"}, []string{"127.0.0.1:6379=127.0.0.1:16379"})
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"0.0.0.0:80": "0.0.0.0:8088", "[::]:80": "[::]:8088", "127.0.0.1:80": "127.0.0.1:8088",
		"127.0.0.1:81": "127.0.0.1:9000", "0.0.0.0:81": "0.0.0.0:81",
		"0.0.0.0:443": "127.0.0.1:8443", "*:443": "127.0.0.1:8443", "*:80": "0.0.0.0:8088", "unix:/run/a": "8001",
	} {
		if got := m.Listen(in); got != want {
			t.Errorf("Listen(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"/app/nginx/conf/a.lua": "/srv/site/conf/a.lua", "/app/nginx": "/srv/site",
		"/app/nginxx/a": "/app/nginxx/a", "/app/nginx/html/i": "/www/i", "relative": "relative",
	} {
		if got := m.Path(in); got != want {
			t.Errorf("Path(%q) = %q, want %q", in, got, want)
		}
	}
	if got := m.Addr("127.0.0.1:6379"); got != "127.0.0.1:16379" {
		t.Errorf("Addr = %q", got)
	}
	for _, bad := range [][3][]string{{{"x=8088"}}, {{"80=y"}}, {nil, nil, {"a=b"}}, {nil, nil, {"1.2.3.4:5=6"}}} {
		if _, err := newMapping(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("newMapping(%q) accepted", bad)
		}
	}
}
