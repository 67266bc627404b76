local test = require "huidu.test"
local gw = test.gateway {
    server = [[ location / { content_by_lua_block { ngx.log(ngx.ERR, "bad thing") ngx.say("a\nb\nc") } } ]],
}

test("a response is compared in all fields", function()
    gw:get("/x"):expect { status = 201, body = "a\nx\nc\n", headers = { ["X-A"] = "1" }, log = "nothing" }
end)

test("tables are compared by place", function()
    test.equal({ a = 1, b = { 2, 3 } }, { a = 1, b = { 2, 4 }, c = "5" })
end)

test("an error has its trace", function()
    local function broken(x)
        return x.y
    end
    broken(nil)
end)

test("a skip has its reason", function()
    test.skip("not # today")
end)

test("a loop ends", function()
    while true do end
end)

test("a configuration that is refused says why", function()
    test.gateway({ server = "no_such_thing on;" }):get("/")
end)

test("options are checked", function()
    test.gateway({ config = "nginx.conf" }):get("/")
end)
