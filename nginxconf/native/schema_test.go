package native

import (
	"bytes"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"huidu/nginxconf"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("huidu.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("huidu.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, text string) error {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return err
	}
	return s.Validate(v)
}

// TestSchemaTakesTranslations: what translate writes is valid.
func TestSchemaTakesTranslations(t *testing.T) {
	s := compiledSchema(t)
	archives(t, "../testdata/conf/*.txtar", 20, func(t *testing.T, ar *txtar.Archive) bool {
		files := nginxconf.MapFiles{}
		for _, f := range ar.Files {
			files["/c/"+f.Name] = string(f.Data)
		}
		opt := options(true)
		if cfg, _ := nginxconf.Load(files, "/c/nginx.conf", opt); cfg == nil {
			return false
		}
		tree, err := nginxconf.Tree(files, "/c/nginx.conf", opt)
		if err != nil {
			t.Fatal(err)
		}
		text, err := Write(tree)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, string(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		return true
	})
}

func TestSchemaRefuses(t *testing.T) {
	s := compiledSchema(t)
	good := "events: {}\nhttp:\n  servers:\n  - listen: 80\n    routes:\n      /:\n        proxy_pass: http://a\n        steps:\n        - set: [$a, 1]\n        - if: {($a): {return: 403}}\n"
	if err := validate(s, good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]string{
		"a misspelt key":            {"listen:", "lissten:"},
		"a key in the wrong place":  {"listen: 80", "proxy_pass: http://a"},
		"too many arguments":        {"proxy_pass: http://a", "proxy_pass: [http://a, b]"},
		"too few arguments":         {"set: [$a, 1]", "set: [$a]"},
		"a mapping for an argument": {"proxy_pass: http://a", "proxy_pass: {a: b}"},
		"an unsupported directive":  {"proxy_pass: http://a", "uwsgi_pass: 127.0.0.1:9000"},
		"servers without a list":    {"servers:\n  - listen: 80\n    routes:", "servers: 80\n  x:\n    routes:"},
		"a location in an if":       {"{return: 403}", "{routes: {/: {}}}"},
		"a text for a block":        {"events: {}", "events: yes please"},
	} {
		if !strings.Contains(good, c[0]) {
			t.Fatalf("%s: %q is not in the example", name, c[0])
		}
		if validate(s, strings.Replace(good, c[0], c[1], 1)) == nil {
			t.Errorf("%s is valid", name)
		}
	}
}
