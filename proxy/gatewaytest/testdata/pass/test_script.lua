-- A script alone: where it would go is described with names.
local test = require "huidu.test"

local gw = test.gateway {
    script = "script.lua",
    phase = "access",
    named = { "blue", "green" },
    http = "init_by_lua_block { colours = { a = 'blue' } }",
    redis = false,
}

test("the script chooses", function()
    gw:get("/", { headers = { Group = "a" } }):expect { location = "@blue", upstream = "blue", body = "blue GET /\n" }
    gw:get("/"):expect { location = "@green", upstream = "green" }
end)

test("a redis that was not described is an error", function()
    test.throws(function()
        gw.redis:get("x")
    end, "without a redis")
end)
