package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"

	"huidu/nginxconf"
)

// places are configurations with a place for one directive in every context.
var places = []struct {
	ctx  nginxconf.Context
	name string
	text string
}{
	{nginxconf.CtxMain, "main", "%s\nevents { }\nhttp { server { listen 127.0.0.1:8081; } }\n"},
	{nginxconf.CtxEvents, "events", "events {\n%s\n}\nhttp { server { listen 127.0.0.1:8081; } }\n"},
	{nginxconf.CtxHTTP, "http", "events { }\nhttp {\n%s\nserver { listen 127.0.0.1:8081; location / { } } }\n"},
	{nginxconf.CtxServer, "server", "events { }\nhttp { server { listen 127.0.0.1:8081;\n%s\nlocation /l { } } }\n"},
	{nginxconf.CtxServer, "ssl-server", "events { }\nhttp { server { listen 127.0.0.1:8081 ssl; ssl_certificate c.pem; ssl_certificate_key c.pem;\n%s\n} }\n"},
	{nginxconf.CtxLocation, "https-location", "events { }\nhttp { server { listen 127.0.0.1:8081; location /l { proxy_pass https://127.0.0.1:8082;\n%s\n} } }\n"},
	{nginxconf.CtxServerIf, "server-if", "events { }\nhttp { server { listen 127.0.0.1:8081; if ($uri) {\n%s\n} } }\n"},
	{nginxconf.CtxLocation, "location", "events { }\nhttp { upstream u { server 127.0.0.1:8082; } server { listen 127.0.0.1:8081; location /l {\n%s\n} location @n { } } }\n"},
	{nginxconf.CtxLocationIf, "location-if", "events { }\nhttp { server { listen 127.0.0.1:8081; location /l { if ($uri) {\n%s\n} } } }\n"},
	{nginxconf.CtxLimitExcept, "limit_except", "events { }\nhttp { server { listen 127.0.0.1:8081; location /l { limit_except GET {\n%s\n} } } }\n"},
	{nginxconf.CtxUpstream, "upstream", "events { }\nhttp { upstream u {\nserver 127.0.0.1:8082;\n%s\n} server { listen 127.0.0.1:8081; } }\n"},
}

// odd are arguments that some directive takes, and the others should refuse.
var odd = []string{"on", "off", "0", "1", "2", "-1", "10", "100", "404", "1k", "4k", "64k", "1m", "1g", "10x", "1s", "10ms", "1d", "1y", "abc",
	`""`, "$uri", "$nosuch", "$x", "$", "~x", `"~("`, "/path", "path/x", "127.0.0.1", "127.0.0.1:8083", "127.0.0.1/8", "a=b", "1.0", "1.1", "any",
	"all", "none", "default", "c.pem", "http://127.0.0.1:8084", "text/html", "@n", "GET", "u", "=404", "zone=z:1m", "z:1m", "nosuch.example", "unix:/tmp/x",
	"a:b", "max=10", "inactive=10s", "'a b'", "1:2", "user:rw", "debug", "error", "http_500", "timeout"}

// runProbes writes every directive of the table in every context it may
// stand in, and one where it may not, with argument lists chosen at random.
func runProbes(o options) error {
	hints := syntaxWords(o.syntax)
	pem, err := certificate()
	if err != nil {
		return err
	}
	var configs []config
	for _, r := range nginxconf.Rows() {
		if !o.wanted(r.Name) && !o.wanted(r.Module) || r.Status == nginxconf.Unsupported {
			continue
		}
		for _, p := range places {
			if strings.Contains(p.name, "ssl-") && !strings.Contains(r.Name, "ssl") || strings.Contains(p.name, "https-") && !strings.HasPrefix(r.Name, "proxy_") {
				continue
			}
			allowed := r.Contexts&p.ctx != 0
			h := fnv.New64a()
			fmt.Fprintf(h, "%s %s %s", r.Module, r.Name, p.name)
			rng := rand.New(rand.NewPCG(o.seed, h.Sum64()))
			if !allowed && rng.IntN(8) > 0 {
				continue
			}
			n := o.perKind
			if !allowed {
				n = 1
			}
			for range n {
				line := probeLine(r, hints[r.Name], rng)
				if rng.IntN(6) == 0 {
					line += "\n" + probeLine(r, hints[r.Name], rng)
				}
				configs = append(configs, config{
					name: p.name + ": " + strings.ReplaceAll(line, "\n", " "), kind: r.Module,
					files: map[string]string{mainFile: fmt.Sprintf(p.text, line), "logs/": "", "c.pem": pem}})
			}
		}
	}
	o.match = ""
	return measure(o, configs)
}

// probeLine is the directive with a list of arguments; most have a length
// that it takes.
func probeLine(r nginxconf.Row, hints []string, rng *rand.Rand) string {
	lengths, open := argCounts(r.Args)
	n := lengths[rng.IntN(len(lengths))]
	if open && rng.IntN(2) == 0 {
		n += rng.IntN(3)
	}
	if rng.IntN(12) == 0 {
		n = rng.IntN(6)
	}
	line := r.Name
	for range n {
		if len(hints) > 0 && rng.IntN(2) == 0 {
			line += " " + hints[rng.IntN(len(hints))]
		} else {
			line += " " + odd[rng.IntN(len(odd))]
		}
	}
	if r.Block {
		return line + " { }"
	}
	return line + ";"
}

// argCounts reads "1,2", "1+", "0+", "on|off"; open is true where more may
// follow.
func argCounts(spec string) (counts []int, open bool) {
	if spec == "on|off" {
		return []int{1}, false
	}
	for _, s := range strings.Split(strings.TrimSuffix(spec, "+"), ",") {
		n, _ := strconv.Atoi(s)
		counts = append(counts, n)
	}
	return counts, strings.HasSuffix(spec, "+")
}

var (
	syntaxWord  = regexp.MustCompile(`[a-zA-Z_$][\w=:$.-]*`)
	syntaxValue = map[string][]string{"size": {"1k", "8k", "1m"}, "time": {"1s", "100ms"}, "number": {"1", "16"}, "file": {"logs/x", "nosuch"},
		"path": {"logs/x"}, "string": {"abc", "$uri"}, "address": {"127.0.0.1"}, "name": {"abc"}, "code": {"404", "503"}, "URL": {"http://127.0.0.1:8084"},
		"uri": {"/x"}, "$variable": {"$x"}, "level": {"warn"}, "rate": {"1r/s", "1k"}, "regex": {"x"}, "value": {"1", "abc"}}
)

// syntaxWords finds, in the list of directives, the words that a directive's
// syntax names, where that file is at hand.
func syntaxWords(file string) map[string][]string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	out := map[string][]string{}
	for _, line := range strings.Split(string(data), "\n") {
		cols := strings.Split(line, "\t")
		if len(cols) < 6 {
			continue
		}
		for _, w := range syntaxWord.FindAllString(cols[5], -1) {
			if known := syntaxValue[w]; known != nil {
				out[cols[0]] = append(out[cols[0]], known...)
				continue
			}
			if strings.HasSuffix(w, "=") {
				w += "1"
			}
			out[cols[0]] = append(out[cols[0]], w)
		}
	}
	return out
}
