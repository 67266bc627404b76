package luacompat_test

import (
	"testing"

	"huidu/luacompat"
	"huidu/luacompat/luatest"
)

// TestPathFromEnvironment: LUA_PATH changes the default path, also where
// lua_package_path has ";;".
func TestPathFromEnvironment(t *testing.T) {
	t.Setenv("LUA_PATH", "/env/?.lua;;")
	for conf, prefix := range map[string]string{"": "/env/?.lua;./?.lua;", "/conf/?.lua;;": "/conf/?.lua;/env/?.lua;./?.lua;"} {
		rt := luatest.Runtime(t, luacompat.Options{PackagePath: conf})
		if got := luatest.Say(t, rt, get, "ngx.print(package.path)"); len(got) < len(prefix) || got[:len(prefix)] != prefix {
			t.Errorf("%q: %s", conf, got)
		}
	}
}
