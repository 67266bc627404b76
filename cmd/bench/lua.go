package main

import (
	"fmt"
	"os"
)

// luaScenarios are what gateway scripts do, on both servers with the same
// file: nginx runs them on LuaJIT with its compiler, and on its interpreter
// alone. CPU per request is at most 2.5 times that of the former in each.
var luaScenarios = map[string]func(*bench) (int, error){
	"lua-headers": luaScenario("lua-headers", luaHeaders),
	"lua-json":    luaScenario("lua-json", luaJSON),
	"lua-regex":   luaScenario("lua-regex", luaRegex),
	"lua-shdict":  luaScenario("lua-shdict", luaShdict),
	"lua-routing": luaScenario("lua-routing", luaRouting),
}

// luaBar is the bar of every scenario in this file.
var luaBar = []bar{{"CPU per request", "huidu", "nginx+LuaJIT", 2.5, atMost, sampleCPU}}

// luaCPath is where Debian's lua-cjson lies.
const luaCPath = "/usr/lib/x86_64-linux-gnu/lua/5.1"

// luaScenario makes the scenario of one content handler.
func luaScenario(name, code string) func(*bench) (int, error) {
	return func(b *bench) (int, error) {
		if _, err := os.Stat(luaCPath + "/cjson.so"); err != nil && name == "lua-json" {
			return 0, fmt.Errorf("lua-cjson is not installed: %w", err)
		}
		http := func(port int, before string) string {
			return fmt.Sprintf(`    lua_package_cpath "%s/?.so;;";
    lua_shared_dict limits 10m;
    %s
    server {
        listen 127.0.0.1:%d;
        location / { content_by_lua_block { %s } }
    }`, luaCPath, before, port, code)
		}
		old := b.config
		defer func() { b.config = old }()
		b.headers = []string{"X-Real-IP: 10.20.30.40", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0",
			"Accept: text/html,application/xhtml+xml", "Accept-Language: en-US,en;q=0.5", "Cookie: session=8f14e45fceea167a; group=beta",
			"X-Request-Id: 0123456789abcdef"}
		return b.compare(name, []gateway{
			{"nginx+LuaJIT", "/api/v2/orders/1234?debug=1&tenant=acme", func(port int) (*server, error) {
				return b.startNginx(name+"-nginx", port, http(port, ""))
			}},
			{"nginx, interpreter", "/api/v2/orders/1234?debug=1&tenant=acme", func(port int) (*server, error) {
				return b.startNginx(name+"-joff", port, http(port, "init_by_lua_block { jit.off() jit.flush() } init_worker_by_lua_block { jit.off() }"))
			}},
			{"huidu", "/api/v2/orders/1234?debug=1&tenant=acme", func(port int) (*server, error) {
				return b.startHuidu(name+"-huidu", port, http(port, ""))
			}},
		}, luaBar)
	}
}

const luaHeaders = `
            local h = ngx.req.get_headers()
            local ip = h["X-Real-IP"]
            if ip == nil then ip = h["x_forwarded_for"] end
            if ip == nil then ip = ngx.var.remote_addr end
            if ngx.var.host == "staging.example.com" or ip == "10.0.0.1" then
                return ngx.exit(403)
            end
            ngx.header["X-Client"] = ip
            ngx.say(ngx.var.uri)
`

const luaJSON = `
            local cjson = require "cjson"
            local text = json_text
            if not text then
                local t = { id = 12345, name = "order", tags = {}, lines = {}, customer = { name = "Jane Doe", mail = "jane@example.com" } }
                for i = 1, 10 do t.tags[i] = "tag number " .. i end
                for i = 1, 16 do t.lines[i] = { sku = "sku-" .. i, price = i * 1.25, amount = i, note = 'a "quoted" note / ' .. i, gift = i % 2 == 0 } end
                text = cjson.encode(t)
                rawset(_G, "json_text", text)
            end
            local doc = cjson.decode(text)
            doc.id = doc.id + 1
            ngx.print(cjson.encode(doc))
`

const luaRegex = `
            local m, err = ngx.re.match(ngx.var.uri, [[^/api/v(\d+)/(?<kind>[a-z]+)/(\d+)]], "jo")
            if not m then return ngx.exit(404) end
            local ua = ngx.var.http_user_agent
            local from, to = ngx.re.find(ua, [[Firefox/(\d+)]], "jo", nil, 1)
            ngx.say(m[1], " ", m.kind, " ", m[3], " ", from and ua:sub(from, to))
`

const luaShdict = `
            local limits = ngx.shared.limits
            local key = "count:" .. ngx.var.remote_addr
            local n = limits:incr(key, 1, 0, 60)
            local last = limits:get("last")
            limits:set("last", ngx.var.uri, 10)
            ngx.say(n, " ", last)
`

const luaRouting = `
            local routes = routing_table
            if not routes then
                routes = { orders = "orders", users = "users", search = "search", cart = "cart" }
                rawset(_G, "routing_table", routes)
            end
            local uri = ngx.var.uri
            local version, kind, id = uri:match("^/api/v(%d+)/(%a+)/(%d+)$")
            if not version then
                return ngx.exit(404)
            end
            local args = ngx.req.get_uri_args()
            local tenant = args.tenant or "default"
            if #tenant > 32 or tenant:find("[^%w_-]") then
                return ngx.exit(400)
            end
            local headers = ngx.req.get_headers()
            local group
            local cookie = headers["Cookie"]
            if cookie then
                for name, value in cookie:gmatch("([%w_]+)=([^;]*)") do
                    if name == "group" then
                        group = value
                    end
                end
            end
            local agent = headers["User-Agent"] or ""
            local mobile = agent:find("Mobile", 1, true) ~= nil
            local parts = {}
            for word in (headers["Accept-Language"] or "en"):gmatch("[^,]+") do
                local lang, q = word:match("^%s*([%a-]+);q=([%d.]+)")
                parts[#parts + 1] = { lang or word, tonumber(q) or 1 }
            end
            table.sort(parts, function(a, b) return a[2] > b[2] end)
            local lang = parts[1][1]:lower()
            local target = routes[kind]
            if not target then
                return ngx.exit(404)
            end
            local bucket = ngx.crc32_short(tenant .. ":" .. id) % 100
            local upstream
            if group == "beta" and bucket < 50 then
                upstream = target .. "_beta"
            elseif tonumber(version) >= 2 then
                upstream = target .. "_v2"
            else
                upstream = target
            end
            ngx.ctx.upstream = upstream
            ngx.header["X-Upstream"] = upstream
            ngx.header["X-Bucket"] = bucket
            ngx.say(table.concat({ tenant, kind, id, lang, upstream, tostring(mobile) }, " "))
`
