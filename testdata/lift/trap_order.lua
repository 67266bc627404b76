-- The order of commands in and, or and arguments.
local redis = require "resty.redis"
local red = redis:new()
red:set_timeout(1000)
local ok = red:connect("127.0.0.1", 6379)
local a = ok and red:get("a") or red:get("b")
local b = (a == "1" or red:get("c") == "1") and red:incr("hits") or 0
local function pick(x, y) if x == y then return "@same" end return "@other" end
local target = pick(red:get("x"), red:get("y"))
if b == 0 then target = "@none" end
ngx.exec(target)
