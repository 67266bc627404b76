-- Commands before connecting, after closing, and connecting again.
local redis = require "resty.redis"
local red = redis:new()
local early, why = red:get("a")
red:set_timeout(1000)
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then
    ngx.say(early == nil, " ", why, " ", err)
    return
end
local v = red:get("a")
local closed = red:close()
local late, why2 = red:get("b")
local again, why3 = red:set_keepalive(100, 1)
if v == "twice" then
    red:connect("127.0.0.1", 6379)
    late = red:get("c")
end
if late == "1" then
    return ngx.exec("@gray")
end
ngx.say(closed, why2, again, why3, type(late))
