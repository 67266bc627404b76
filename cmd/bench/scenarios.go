package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	article "huidu/testdata/huidu"
)

// scenarioSets are the scenarios by name, a set a file; each prints its report
// and returns how many bars were missed.
var scenarioSets = []map[string]func(*bench) (int, error){gatewayScenarios, httpScenarios, luaScenarios, dictScenarios, soakScenarios,
	slowScenarios}

// gatewayScenarios are what the gateway was made for.
var gatewayScenarios = map[string]func(*bench) (int, error){
	"article":   runArticle,
	"proxy":     runProxy,
	"hello":     runHello,
	"static":    runStatic,
	"hup":       runHUP,
	"idle":      runIdle,
	"locations": runLocations,
	"lifted":    runLifted,
}

// scenarioOf is the scenario of that name, or nil.
func scenarioOf(name string) func(*bench) (int, error) {
	for _, set := range scenarioSets {
		if run := set[name]; run != nil {
			return run
		}
	}
	return nil
}

// allScenarios are the names of all scenarios, set by set.
func allScenarios() (names []string) {
	for _, set := range scenarioSets {
		names = append(names, slices.Sorted(maps.Keys(set))...)
	}
	return names
}

// gateway is one contestant of a scenario.
type gateway struct {
	name  string
	path  string // of the URL
	start func(port int) (*server, error)
}

// runArticle is the article's gray release: per request a Lua script that
// asks Redis, then a proxied response.
func runArticle(b *bench) (int, error) {
	script := func(name string, edit func(string) string) (string, error) {
		text := strings.ReplaceAll(string(article.Script), "6379", strconv.Itoa(b.redisPort))
		err := b.write("lua/"+name, edit(text))
		return filepath.Join(b.dir, "lua", name), err
	}
	stock, err := script("stock.lua", func(s string) string { return s })
	if err != nil {
		return 0, err
	}
	tuned, err := script("tuned.lua", func(s string) string {
		return strings.Replace(s, "local intercept = cache:get(local_ip)",
			"local intercept = cache:get(local_ip)\ncache:set_keepalive(60000, 256)", 1)
	})
	if err != nil {
		return 0, err
	}
	if err := b.write("huidu-site/conf/huidu.lua", string(article.Script)); err != nil {
		return 0, err
	}
	up := addrOf(b.upPort)
	return b.compare("article", []gateway{
		{"nginx+ngx_lua, stock", "/test", func(port int) (*server, error) {
			return b.startNginx("stock", port, b.articleText(port, stock))
		}},
		{"nginx+ngx_lua, tuned", "/test", func(port int) (*server, error) {
			text := keepUpstreams(b.articleText(port, tuned))
			return b.startNginx("tuned", port, text)
		}},
		{"huidu", "/test", func(port int) (*server, error) {
			return b.startHuidu("article-huidu", port, string(article.NginxConf),
				"--map-listen", article.ListenPort+"="+addrOf(port),
				"--map-path", article.Prefix+"="+filepath.Join(b.dir, "huidu-site"),
				"--map-addr", article.Redis+"="+addrOf(b.redisPort),
				"--map-addr", article.Production+"="+up, "--map-addr", article.Staging+"="+up)
		}},
	}, []bar{
		{"throughput", "huidu", "stock", 2.0, atLeast, sampleRate},
		{"CPU per request", "huidu", "stock", 0.6, atMost, sampleCPU},
	})
}

// keepUpstreams adds to the article's text what an experienced hand adds:
// connections to the upstreams that are kept.
func keepUpstreams(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		switch t := strings.TrimSpace(l); {
		case strings.HasPrefix(t, "server ") && strings.Contains(t, "127.0.0.1:"):
			code, comment, _ := strings.Cut(l, "#")
			lines[i] = code + " keepalive 256; #" + comment
		case strings.HasPrefix(t, "proxy_pass"):
			lines[i] = l + ` proxy_http_version 1.1; proxy_set_header Connection "";`
		}
	}
	return strings.Join(lines, "\n")
}

// runProxy is proxy_pass alone, with kept upstream connections on both sides.
func runProxy(b *bench) (int, error) {
	http := func(port int) string {
		return fmt.Sprintf(`    upstream up { server 127.0.0.1:%d; keepalive 256; }
    server { listen 127.0.0.1:%d; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
			b.upPort, port)
	}
	return b.compareSame("proxy", http, []bar{{"CPU per request", "huidu", "nginx", 1.4, atMost, sampleCPU}})
}

// runHello is the smallest Lua handler.
func runHello(b *bench) (int, error) {
	http := func(port int) string {
		return fmt.Sprintf(`    server { listen 127.0.0.1:%d; location / { content_by_lua_block { ngx.say("hello") } } }`, port)
	}
	return b.compareSame("hello", http, []bar{{"CPU per request", "huidu", "nginx", 1.5, atMost, sampleCPU}})
}

// runStatic is a fixed answer: the floor of both servers.
func runStatic(b *bench) (int, error) {
	http := func(port int) string {
		return fmt.Sprintf(`    server { listen 127.0.0.1:%d; location / { return 200 "hello\n"; } }`, port)
	}
	return b.compareSame("static", http, nil)
}

// compareSame runs the same http{} contents on nginx and on huidu.
func (b *bench) compareSame(name string, http func(port int) string, bars []bar) (int, error) {
	return b.compare(name, []gateway{
		{"nginx", "/", func(port int) (*server, error) { return b.startNginx(name+"-nginx", port, http(port)) }},
		{"huidu", "/", func(port int) (*server, error) { return b.startHuidu(name+"-huidu", port, http(port)) }},
	}, bars)
}
