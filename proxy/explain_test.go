package proxy

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"huidu/luacompat/pcre"
	"huidu/nginxconf"
	"huidu/proxy/trace"
)

// explainCase is a configuration whose decisions are compared: http and
// server are parts of nginx.conf in which @A, @B and @REDIS stand for the
// addresses of two upstreams and of Redis' host and port for Lua.
type explainCase struct{ name, http, server string }

const twoUpstreams = "upstream a { server @A; } upstream b { server @B; }\n"

var explainCases = []explainCase{
	{"lua exec by a list in Redis", twoUpstreams, `
location ^~ /test { content_by_lua_block {
	local redis = require "resty.redis"
	local red = redis:new()
	red:set_timeout(1000)
	local ok, err = red:connect(@REDIS)
	if not ok then ngx.say("failed to connect: ", err) return end
	local ip = ngx.req.get_headers()["X-Real-IP"] or ngx.var.remote_addr
	local res = red:get(ip)
	if res == ip then ngx.exec("@b") end
	ngx.exec("@a")
} }
location @a { proxy_pass http://a; }
location @b { proxy_pass http://b; }
location / { return 404 "none\n"; }`},
	{"prefixes, regular expressions and nesting", twoUpstreams, `
location = / { return 200 "home\n"; }
location /api { proxy_pass http://a; location ~ v2 { proxy_pass http://b; } }
location ^~ /static/ { return 204; }
location ~ \.(jpg|png)$ { proxy_pass http://b; }
location ~* \.PHP { return 403; }
location /test/ { proxy_pass http://a/; }`},
	{"if and set", twoUpstreams, `
set $up a;
if ($http_x_version = "2") { set $up b; }
if ($arg_gray ~ "^(1|yes)$") { set $up b; }
if ($request_method = POST) { return 405; }
location / { proxy_pass http://$up; }`},
	{"map on a cookie", twoUpstreams + `map $cookie_uid $pool { default a; ~[02468]$ b; "" none; }`, `
location / { if ($pool = none) { return 401; } proxy_pass http://$pool; }`},
	{"split_clients", twoUpstreams + `split_clients "$http_x_real_ip" $side { 30% b; * a; }`, `
location / { proxy_pass http://$side; }`},
	{"rewrite and redirects", twoUpstreams, `
rewrite ^/old/(.*)$ /api/$1 last;
rewrite ^/gone/(.*)$ /new/$1 permanent;
location /api/ { rewrite ^/api/v1/(.*)$ /$1 break; proxy_pass http://a; }
location /test { return 302 /login; }
location / { proxy_pass http://b; }`},
	{"access rules and error pages", twoUpstreams, `
error_page 403 = @denied;
location /api { deny 10.0.0.0/9; allow all; proxy_pass http://a; }
location /static/ { error_page 404 =200 /fallback.txt; try_files $uri =404; }
location = /fallback.txt { return 200 "fallback\n"; }
location @denied { proxy_pass http://b; }
location / { satisfy any; allow 10.1.0.0/16; deny all; proxy_pass http://a; }`},
	{"realip and a variable set by Lua", twoUpstreams + "set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;", `
set $backend a;
location / {
	rewrite_by_lua_block {
		if ngx.var.remote_addr:find("^10%.1%.") then ngx.var.backend = "b" end
	}
	access_by_lua_block {
		if ngx.var.arg_gray == "no" then return ngx.exit(403) end
	}
	proxy_pass http://$backend;
}`},
	{"percentage by the last digits, in a module-like function", twoUpstreams, `
location / { content_by_lua_block {
	local function bucket(uid) return (tonumber(uid) or 0) % 10 end
	local uid = ngx.var.cookie_uid
	if not uid then return ngx.redirect("/login", 302) end
	if bucket(uid) < 3 then return ngx.exec("@b") end
	return ngx.exec("@a")
} }
location /login { return 200 "login\n"; }
location @a { proxy_pass http://a; }
location @b { proxy_pass http://b; }`},
	{"servers by name, auth_request and subrequests", twoUpstreams + `
server { listen @LISTEN; server_name *.b.example; location / { proxy_pass http://b; } }
server { listen @LISTEN; server_name ~^c\d+\.example$; return 200 "c\n"; }`, `
location / { proxy_pass http://a; }
location /api { auth_request /auth; proxy_pass http://b; }
location = /auth { internal; proxy_pass http://a; }
location /test { content_by_lua_block {
	local res = ngx.location.capture("/sub?x=1")
	if res.status == 200 and res.body == "yes" then return ngx.exec("/static/x") end
	ngx.status = 503 ngx.say("no")
} }
location /sub { return 200 "yes"; }`},
}

// TestExplainDecidesAsServed compares what Explain says with what the same
// configuration does with real upstreams, for generated requests.
func TestExplainDecidesAsServed(t *testing.T) {
	each := 100
	if testing.Short() {
		each = 20
	}
	for i, c := range explainCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newExplainWorld(t, c)
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for range each {
				w.compare(generatedRequest(rng))
			}
		})
	}
}

// explainWorld is a configuration that is served and explained.
type explainWorld struct {
	t        *testing.T
	addr     string
	explains *Server
	redis    *miniredis.Miniredis
}

func newExplainWorld(t *testing.T, c explainCase) *explainWorld {
	w := &explainWorld{t: t, redis: miniredis.RunT(t)}
	for i := range 40 {
		if i%3 == 0 {
			_ = w.redis.Set(fmt.Sprintf("10.%d.0.%d", i%2, i), fmt.Sprintf("10.%d.0.%d", i%2, i))
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	l.Close()
	answering := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("X-Up", name)
			rw.Header().Set("X-Saw", r.Method+" "+r.RequestURI+" "+r.Host)
		}))
		t.Cleanup(s.Close)
		return hostOf(s)
	}
	host, port, _ := strings.Cut(w.redis.Addr(), ":")
	r := strings.NewReplacer("@REDIS", `"`+host+`", `+port, "@LISTEN", w.addr, "@A", answering("a"), "@B", answering("b"))
	conf := "worker_processes 1; error_log logs/error.log info; events {}\nhttp { access_log off;\n" +
		r.Replace(c.http) + "\nserver { listen " + w.addr + " default_server; server_name localhost;\n" + r.Replace(c.server) + "\n} }\n"
	dir := t.TempDir()
	for _, d := range []string{"logs", "conf"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "conf/nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(o Options) *Server {
		cfg, diags := nginxconf.Load(nginxconf.OSFiles{}, file, nginxconf.Options{Prefix: dir + "/", CompileRegex: namesOf})
		if cfg == nil {
			t.Fatal(diags.Err())
		}
		srv, err := New(cfg, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(srv.Stop)
		return srv
	}
	served := start(Options{})
	if err := served.Listen(); err != nil {
		t.Fatal(err)
	}
	served.Start()
	w.explains = start(Options{Explain: true})
	w.explains.Start()
	return w
}

// namesOf is nginxconf.Options.CompileRegex.
func namesOf(p string, noCase bool) (names []string, err error) {
	var flags pcre.Flags
	if noCase {
		flags = pcre.Caseless
	}
	re, err := pcre.Compile(p, flags)
	if err != nil {
		return nil, err
	}
	for _, n := range re.Names() {
		names = append(names, n.Name)
	}
	return names, nil
}

// generatedRequest is a request, as it goes over the wire, of the kind that
// the configurations look at.
func generatedRequest(rng *rand.Rand) string {
	one := func(list ...string) string { return list[rng.IntN(len(list))] }
	target := one("/", "/test", "/test/", "/test/n.jpg", "/api", "/api/v1/x", "/api/v2", "/static/x", "/static/x.png",
		"/old/a", "/gone/a", "/x.php", "/X.PHP", "/a%20b.jpg", "/login", "/new/", "/sub")
	target += one("", "", "?gray=1", "?gray=yes", "?gray=no", "?a=b&gray=2")
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", one("GET", "GET", "GET", "HEAD", "POST"), target,
		one("localhost", "www.b.example", "b.example", "c1.example", "other"))
	if rng.IntN(3) > 0 {
		fmt.Fprintf(&b, "X-Real-IP: 10.%d.0.%d\r\n", rng.IntN(2), rng.IntN(40))
	}
	if rng.IntN(3) > 0 {
		fmt.Fprintf(&b, "Cookie: a=b; uid=%d\r\n", rng.IntN(1000))
	}
	if rng.IntN(3) == 0 {
		fmt.Fprintf(&b, "X-Version: %d\r\n", rng.IntN(4))
	}
	return b.String() + "\r\n"
}

// compare serves and explains one request.
func (w *explainWorld) compare(raw string) {
	w.t.Helper()
	method, _, _ := strings.Cut(raw, " ")
	resp, body := w.serve(raw, method)
	tr, err := w.explains.Explain(context.Background(), ExplainRequest{Raw: []byte(raw), Method: method, Client: netip.MustParseAddr("127.0.0.1"), Listen: w.addr})
	if err != nil {
		w.t.Fatal(err)
	}
	d := tr.Decision
	got := fmt.Sprintf("upstream %q status %d target %q", d.Upstream, d.Status, d.Target)
	want := fmt.Sprintf("upstream %q status %d target %q", resp.Header.Get("X-Up"), resp.StatusCode, resp.Header.Get("Location"))
	if d.Upstream == "" && method != http.MethodHead && d.Body != body {
		got, want = got+" body "+d.Body, want+" body "+body
	}
	if saw := resp.Header.Get("X-Saw"); saw != "" {
		line, rest, _ := strings.Cut(d.Request, "\r\n")
		_, host, _ := strings.Cut(rest, "Host: ")
		host, _, _ = strings.Cut(host, "\r\n")
		got, want = got+" request "+strings.TrimSuffix(line, " HTTP/1.1")+" "+host, want+" request "+saw
	}
	if got != want {
		w.t.Errorf("for\n%sexplained: %s\nserved:    %s", raw, got, want)
	}
}

func (w *explainWorld) serve(raw, method string) (*http.Response, string) {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, raw); err != nil {
		w.t.Fatal(err)
	}
	wire, err := io.ReadAll(c)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, body, err := readAnswer(wire, method)
	if err != nil {
		w.t.Fatalf("%v of %q", err, wire)
	}
	return resp, body
}

// TestExplainStore tells apart the ways in which Redis fails.
func TestExplainStore(t *testing.T) {
	w := newExplainWorld(t, explainCases[0])
	raw := "GET /test HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Real-IP: 10.0.0.0\r\n\r\n"
	w.compare(raw)
	port := w.redis.Port()
	w.redis.Close()
	time.Sleep(300 * time.Millisecond) // until the shared connections have noticed
	w.compare(raw)
	tr, err := w.explains.Explain(context.Background(), ExplainRequest{Raw: []byte(raw), Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range tr.Events {
		if e.Kind == trace.Redis || e.Kind == trace.Branch || e.Kind == trace.Call {
			seen = append(seen, fmt.Sprintf("%s %s %s %s", e.Kind, e.What, e.Source, e.Result))
		}
	}
	want := `redis set_timeout(1000)  ` + "\n" + fmt.Sprintf(`redis connect("127.0.0.1", %s)  nil, "connection refused"`, port) + "\n" +
		`if condition if not ok then ngx.say("failed to connect: ", err) return end true` + "\n" +
		`call ngx.say("failed to connect: ", "connection refused")  `
	if got := strings.Join(seen, "\n"); got != want {
		t.Errorf("events:\n%s\nwant:\n%s", got, want)
	}
}

// TestTriedEndsWhereFindDoes compares the list of candidates with the search.
func TestTriedEndsWhereFindDoes(t *testing.T) {
	tree := testTree(t, "=/a", "/", "/a", "/a/b", "^~/img/", "~\\.gif$", "~(?i)^/A/B/c", "~^/img/x")
	for _, uri := range []string{"/", "/a", "/ab", "/a/", "/a/b", "/a/b/c", "/img/x.gif", "/x.gif", "/a/b/c.gif", "/A/B/C", "x"} {
		loc, _, _ := tree.find(&Request{}, uri)
		tried := tree.tried(uri)
		got := ""
		if n := len(tried); n > 0 && tried[n-1].Result != noMatch {
			got = tried[n-1].Location
		}
		want := ""
		if loc != nil {
			want = loc.title()
		}
		if got != want {
			t.Errorf("%s: tried ends at %q, find at %q: %v", uri, got, want, tried)
		}
	}
}
