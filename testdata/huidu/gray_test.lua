-- Tests for the article's gateway, nginx.conf and huidu.lua as they are:
--
--     huidu test testdata/huidu

local test = require "huidu.test"

local gateway = test.gateway {
    conf = "nginx.conf",
    paths = { ["/app/ngx_openresty/nginx/conf"] = "." },
    redis = { address = "127.0.0.1:6379", password = "foobared" },
}
local redis = gateway.redis

test("an address that is not listed sees production", function()
    gateway:get("/test", { remote_addr = "10.0.0.1" }):expect {
        status = 200,
        location = "@client1",
        upstream = "client1",
        peer = "127.0.0.1:8080",
        body = "client1 GET /test\n",
    }
end)

test("SET ip ip sends an address to staging", function()
    redis:set("10.0.0.1", "10.0.0.1")
    gateway:get("/test", { remote_addr = "10.0.0.1" }):expect { status = 200, upstream = "client2", no_log = "error" }
    test.equal(redis:commands()[#redis:commands()], "GET 10.0.0.1")

    redis:del("10.0.0.1")
    gateway:get("/test", { remote_addr = "10.0.0.1" }):expect { upstream = "client1" }
end)

test("X-Real-IP goes before X-Forwarded-For", function()
    redis:set("10.0.0.1", "10.0.0.1")
    local res = gateway:get("/test", { headers = { ["X-Real-IP"] = "10.0.0.1", ["X-Forwarded-For"] = "10.0.0.9" } })
    res:expect { upstream = "client2" }
    gateway:get("/test", { headers = { ["X-Real-IP"] = "10.0.0.9", ["X-Forwarded-For"] = "10.0.0.1" } })
        :expect { upstream = "client1" }
end)

test("the request arrives as it was sent", function()
    gateway:post("/test/form?a=1", { headers = { ["X-Id"] = "7" }, body = "hello" }):expect { status = 200 }
    local seen = gateway:upstream("client1"):requests()[1]
    test.equal({ seen.method, seen.uri, seen.body, seen.headers["x-id"] }, { "POST", "/test/form?a=1", "hello", "7" })
end)

test("without Redis the client is told", function()
    redis:down()
    gateway:get("/test"):expect { status = 200, body = "failed to connect:connection refused\n", upstream = false }
    redis:up()
    gateway:get("/test"):expect { upstream = "client1" }
end)

test("a wrong password is told too", function()
    redis:password("changed")
    gateway:get("/test"):expect { body = { like = "^failed to authenticate: " } }
end)

test("production that is down is a bad gateway", function()
    gateway:upstream("client1"):down()
    gateway:get("/test"):expect { status = 502, upstream = "client1", log = [[^\[error\] connect\(\) failed]] }
end)
