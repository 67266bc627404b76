package luacompat_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"huidu/luacompat"
	"huidu/luacompat/luatest"
)

// TestEveryAPI: each name of the ngx_lua manual (testdata/lua/ngx_api.txt) is
// there, even if only to say that it is not supported.
func TestEveryAPI(t *testing.T) {
	list, err := os.ReadFile("../testdata/lua/ngx_api.txt")
	if err != nil {
		t.Fatal(err)
	}
	dicts := luacompat.NewSharedDicts(nil)
	dicts.Declare("DICT", 1<<16)
	rt := luatest.Runtime(t, luacompat.Options{Dicts: dicts})
	r := luatest.New("GET /?a=1 HTTP/1.1\nHost: h\n\n")
	r.Vars["VARIABLE"] = "v"
	r.Vars["variable"] = "v"
	r.AddRespHeader("HEADER", "x")
	for _, name := range strings.Fields(string(list)) {
		expr := strings.Replace(name, "set_var.DIRECTIVE", "set_var.set_escape_uri", 1)
		expr = strings.Replace(expr, "tcpsock:", "ngx.socket.tcp().", 1)
		expr = strings.Replace(expr, "udpsock:", "ngx.socket.udp().", 1)
		code := fmt.Sprintf("if %s == nil then error(%q) end", expr, name+" is missing")
		if _, err := luatest.Run(t, rt, r, luacompat.PhaseContent, code); err != nil {
			t.Error(err)
		}
	}
}

// TestModules: the modules that scripts require are there, or say why not.
func TestModules(t *testing.T) {
	rt := luatest.Runtime(t, luacompat.Options{})
	for _, name := range []string{
		"cjson", "cjson.safe", "bit", "resty.redis", "resty.core",
		"resty.core.base", "resty.core.regex", "resty.lrucache", "resty.lrucache.pureffi",
		"resty.lock", "resty.string", "resty.md5", "ngx.re", "ngx.semaphore", "ngx.balancer",
		"ngx.base64", "ngx.errlog", "ngx.process", "ngx.req", "ngx.resp", "ngx", "ndk",
		"ngx.ssl", "ngx.ssl.clienthello", "ngx.ssl.session", "ngx.ocsp", "resty.core.ctx",
	} {
		if got := luatest.Say(t, rt, get, fmt.Sprintf("ngx.print(type(require %q))", name)); got != "table" {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, name := range []string{"ngx.pipe"} {
		got := luatest.Say(t, rt, get, fmt.Sprintf("local ok, err = pcall(require, %q) ngx.print(err)", name))
		if !strings.Contains(got, "module "+name+" is not supported by huidu: ") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
