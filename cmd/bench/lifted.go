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

// liftedScripts are the scripts of the scenario lifted: the article's, and
// shapes of testdata/lift that ask Redis once, and not at all.
var liftedScripts = []string{"article", "sismember", "prefix_of_address"}

// runLifted compares scripts with the rules that huidu translate --lift makes
// of them. The bars are on the decision alone: the named locations answer at
// once. The article's is measured with its upstreams, too.
func runLifted(b *bench) (missed int, err error) {
	for _, name := range append(liftedScripts, "article, proxied") {
		script, proxied := strings.CutSuffix(name, ", proxied")
		bars := []bar{{"CPU per request", "rule", "script", 0.8, atMost, sampleCPU}}
		target := `return 200 "$uri\n";`
		if proxied {
			bars, target = nil, "proxy_pass http://up;"
		}
		text := string(article.Script)
		if script != "article" {
			data, err := os.ReadFile(filepath.Join("testdata/lift", script+".lua"))
			if err != nil {
				return 0, err
			}
			text = strings.Replace(string(data), `red:connect("127.0.0.1", 6379)`, `red:connect("127.0.0.1", 6379) red:auth("`+article.Password+`")`, 1)
		}
		text = strings.ReplaceAll(text, "6379", strconv.Itoa(b.redisPort))
		if err := b.write("lift-"+script+"/conf/script.lua", text); err != nil {
			return 0, err
		}
		n, err := b.compare("lifted: "+name, []gateway{
			{"script", "/test", func(port int) (*server, error) { return b.startScript(script, port, target, false) }},
			{"rule", "/test", func(port int) (*server, error) { return b.startScript(script, port, target, true) }},
		}, bars)
		if err != nil {
			return 0, err
		}
		missed += n
	}
	return missed, nil
}

// startScript serves a script, or the rule that is lifted from it.
func (b *bench) startScript(name string, port int, answer string, lifted bool) (*server, error) {
	up := addrOf(b.upPort)
	http := fmt.Sprintf(`    upstream up { server %s; }
    server { listen 127.0.0.1:%d;
        location /test { content_by_lua_file conf/script.lua; }
`, up, port)
	for _, target := range []string{"client1", "client2", "gray", "stable"} {
		http += "        location @" + target + " { " + answer + " }\n"
	}
	dir := filepath.Join(b.dir, "lift-"+name)
	conf := fmt.Sprintf("conf/nginx-%v.conf", lifted)
	if err := b.write("lift-"+name+"/"+conf, b.wrap(http+"    }\n")); err != nil {
		return nil, err
	}
	if lifted {
		yaml := "conf/huidu.yaml"
		out, err := exec.Command(b.binary, "translate", filepath.Join(dir, conf), "--lift", "--cases", "300", "-o", filepath.Join(dir, yaml)).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("translate --lift: %w\n%s", err, out)
		}
		conf = yaml
	}
	return start(b.dir, "lift-"+name, addrOf(port), b.binary, "-p", dir+"/", "-c", conf, "-e", "error.log")
}
