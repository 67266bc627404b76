package luacompat_test

import (
	"testing"

	"huidu/luacompat"
	"huidu/luacompat/luatest"
)

// TestFFI: what libraries that need ffi in a detail do with it, in a worker.
func TestFFI(t *testing.T) {
	rt := luatest.Runtime(t, luacompat.Options{})
	got := luatest.Say(t, rt, get, `
		local ffi = require "ffi"
		local b = ffi.new("uint8_t[?]", 3, 104, 101, 121)
		ngx.print(ffi.string(b, 3), " ", tostring(ffi.new("int64_t", 5) + 1), " ", type(b))`)
	if got != "hey 6LL cdata" {
		t.Errorf("%q", got)
	}
}
