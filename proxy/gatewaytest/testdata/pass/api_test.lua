-- The whole of huidu.test, as tests that pass.
local test = require "huidu.test"

local gw = test.gateway {
    log_level = "info",
    http = [[
        lua_shared_dict dogs 1m;
        log_format short '$request_method $uri $status';
        access_log logs/access.log short;
        upstream backend { server app-1.internal:8080; server app-2.internal:8080 backup; }
    ]],
    server = [[
        server_name shop.example.com;
        location = /exact { return 204; }
        location ~ ^/re/(\d+)$ { return 200 "$1"; }
        location /echo {
            content_by_lua_block {
                ngx.req.read_body()
                local h = ngx.req.get_headers()
                ngx.header["X-Made"] = "by lua"
                ngx.say(ngx.req.get_method(), " ", ngx.var.request_uri, " ", ngx.var.remote_addr, " ", ngx.var.host, " ",
                    h["x-a"] or "-", " ", ngx.req.get_body_data() or "-", " ", ngx.var.server_protocol)
            }
        }
        location /json { default_type application/json; return 200 '{"a": [1, 2], "b": {"c": "d"}}'; }
        location /backend { proxy_pass http://backend; proxy_next_upstream error timeout; proxy_read_timeout 100ms; }
        location /secure { proxy_pass https://pay.internal; }
        location /count {
            content_by_lua_block {
                local n = ngx.shared.dogs:incr("count", 1, 0, 10)
                ngx.log(ngx.INFO, "counted ", n)
                ngx.print(n)
            }
        }
        location /timer { content_by_lua_block { ngx.timer.at(60, function() ngx.log(ngx.ERR, "timer has run") end) } }
        location /out {
            content_by_lua_block {
                local s = ngx.socket.tcp()
                local ok, err = s:connect("10.1.1.1", 8000)
                if not ok then return ngx.say(err) end
                s:send("GET /x HTTP/1.0\r\n\r\n")
                ngx.print((s:receive("*a"):gsub("^.-\r\n\r\n", "")))
            }
        }
        location /redis {
            content_by_lua_block {
                local red = require("resty.redis"):new()
                red:set_timeout(200)
                local ok, err = red:connect("10.0.0.5", 6379)
                if not ok then return ngx.say("connect: ", err) end
                local v, err = red:hget("h", "f")
                ngx.say(err or v)
            }
        }
        location /slow { content_by_lua_block { ngx.sleep(0.02) ngx.say("slow") } }
        location /stuck { content_by_lua_block { while true do end } }
        location /close { return 444; }
    ]],
}

test("requests carry method, headers, body and address", function()
    gw:post("/echo?q=1", { headers = { ["X-A"] = "1" }, body = "hi", remote_addr = "192.0.2.7" }):expect {
        status = 200,
        reason = "OK",
        body = "POST /echo?q=1 192.0.2.7 shop.example.com 1 hi HTTP/1.1\n",
        headers = { ["x_made"] = "by lua", ["X-Not"] = false, ["Content-Type"] = { like = "^text/" } },
        server = "shop.example.com",
        location = "/echo",
    }
    gw:get("/echo", { headers = { Host = "other" }, version = "1.0" }):expect { body_like = { "^GET", "other - - HTTP/1.0" } }
    gw:request({ raw = "GET /echo HTTP/1.1\r\nHost: h\r\nX-A: raw\r\n\r\n" }):expect { body_like = " raw " }
end)

test("decisions name the location", function()
    gw:get("/exact"):expect { status = 204, location = "= /exact", upstream = false, body = "" }
    gw:get("/re/42"):expect { status = 200, location = [[~ ^/re/(\d+)$]], body = "42" }
    gw:get("/nothing"):expect { status = 404, log = "No such file" }
    gw:get("/close"):expect { status = false }
end)

test("json is compared as a value", function()
    local res = gw:get("/json"):expect { json = { a = { 1, 2 }, b = { c = "d" } } }
    test.equal(res:decoded().a[2], 2)
end)

test("upstreams answer, fail and remember", function()
    local backend = gw:upstream("backend")
    gw:get("/backend/a"):expect { upstream = "backend", peer = "app-1.internal:8080", body = "backend GET /backend/a\n" }
    test.equal(backend:requests()[1].uri, "/backend/a")
    backend:answer { status = 503, headers = { ["X-Why"] = "full" }, body = "no" }
    gw:get("/backend/b"):expect { status = 503, headers = { ["X-Why"] = "full" }, body = "no" }
    backend:forget()
    test.equal(#backend:requests(), 0)

    gw:upstream("app-1.internal:8080"):down()
    gw:get("/backend/c"):expect { status = 503, peer = "app-2.internal:8080", log = "Connection refused" }
    backend:down()
    gw:get("/backend/d"):expect { status = 502 }
    backend:up()
end)

test("upstreams can hang and break off", function()
    local backend = gw:upstream("backend")
    backend:hang()
    gw:get("/backend"):expect { status = 504, log = "upstream timed out" }
    backend:reset()
    gw:get("/backend"):expect { status = 502 }
    backend:slow(0.001)
    gw:get("/backend"):expect { status = 502, log = "no live upstreams" }
end)

test("upstreams speak TLS where they are asked to", function()
    gw:get("/secure/x"):expect { status = 200, upstream = "pay.internal", body = "pay.internal GET /secure/x\n" }
end)

test("what has no fake is refused, what has one answers", function()
    local res = gw:get("/out"):expect { body = "connection refused\n" }
    test.equal(res.strays, { "10.1.1.1:8000" })
    gw:upstream("10.1.1.1:8000"):answer { body = "fake" }
    gw:get("/out"):expect { body = "fake" }
end)

test("redis: any command, and every trouble", function()
    local redis = gw.redis
    redis:hset("h", "f", "v")
    test.equal(redis:hgetall("h"), { "f", "v" })
    test.equal(redis:exists("nothing"), 0)
    test.equal(redis:get("nothing"), nil)
    local res = gw:get("/redis"):expect { body = "v\n" }
    test.equal(res.redis[#res.redis], "HGET h f")
    redis:forget()
    test.equal(redis:commands(), {})
    redis:password("x")
    gw:get("/redis")
    test.equal(redis:hget("h", "f"), "v")
    redis:password("")
    redis:hang()
    gw:get("/redis"):expect { body = "timeout\n" }
    redis:slow(0.001)
    gw:get("/redis"):expect { body = "v\n" }
    redis:reply("-LOADING wait\r\n")
    gw:get("/redis"):expect { body_like = "LOADING" }
    redis:down()
    gw:get("/redis"):expect { body_like = "connection refused|closed" }
    redis:up()
    test.throws(function()
        redis:hset("h")
    end, "wrong number of arguments")
end)

test("shared dicts, and Lua inside the gateway", function()
    gw:get("/count"):expect { body = "1", log = [[^\[info\] .*counted 1]] }
    test.equal(gw:dict("dogs"):get("count"), 1)
    gw:dict("dogs"):set("count", 41)
    gw:get("/count"):expect { body = "42" }
    test.equal({ gw:eval("local a, b = ... return a + b, ngx.worker.count(), { x = { 1 } }", 1, 2) }, { 3, 1, { x = { 1 } } })
    test.throws(function()
        gw:dict("cats"):get("x")
    end, "no lua_shared_dict cats")
end)

test("cases share nothing", function()
    gw:get("/count"):expect { body = "1" }
    test.equal(gw.redis:hget("h", "f"), nil)
    test.equal(leftover, nil)
    leftover = true
end)

test("time can be moved", function()
    gw:get("/count")
    gw:advance(9)
    gw:get("/count"):expect { body = "2" }
    gw:advance(2)
    gw:get("/count"):expect { body = "1" }
    gw.redis:set("k", "v", "EX", 60)
    gw:get("/timer")
    gw:advance(61)
    gw:wait_log("timer has run")
    test.equal(gw.redis:get("k"), nil)
end)

test("requests at once", function()
    for _, res in ipairs(gw:all { { uri = "/slow" }, { uri = "/slow" }, { uri = "/count" }, { method = "POST", uri = "/echo", body = "x" } }) do
        res:expect { status = 200 }
    end
    test.equal(#gw:access_log(), 4)
    test.contains(table.concat(gw:access_log(), "\n"), "POST /echo 200")
end)

test("a request that gets no answer is an error, even of an endless loop", function()
    test.throws(function()
        gw:get("/stuck", { timeout = 0.1 })
    end, "no answer within 100ms")
    gw:get("/exact"):expect { status = 204 }
end)

test("reload keeps shared dicts", function()
    gw:get("/count")
    gw:reload()
    gw:get("/count"):expect { body = "2" }
end)

local steps = {}
test.before(function()
    steps[#steps + 1] = "before"
end)
test.after(function()
    steps[#steps + 1] = "after"
end)

test("before and after go around each case", function()
    test.equal(steps, { "before" })
end)

test("assertions", function()
    test.ok(1)
    test.equal({ a = { 1, "x" } }, { a = { 1, "x" } })
    test.not_equal(1, "1")
    test.skip("nothing more to say")
end)

test("more assertions", function()
    test.like("abc", "(?i)^A")
    test.unlike("abc", "^b")
    test.contains("a.b", ".")
    for _, f in ipairs {
        function() test.ok(nil) end,
        function() test.equal(1, 2) end,
        function() test.not_equal({}, {}) end,
        function() test.like(nil, "x") end,
        function() test.unlike("x", "x") end,
        function() test.contains("a", "b") end,
        function() test.throws(function() end) end,
        function() test.fail("no") end,
        function() gw:get("/exact"):expect { status = 200 } end,
        function() gw:wait_log("never", 0.02) end,
        function() gw:get("/exact"):expect { colour = "red" } end,
    } do
        test.throws(f)
    end
end)
