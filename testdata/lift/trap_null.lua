-- nil, null and false are three things; null is true.
local redis = require "resty.redis"
local red = redis:new()
red:set_timeout(1000)
if not red:connect("127.0.0.1", 6379) then
    return ngx.exec("@down")
end
local v, err = red:get("a")
if v == nil then
    return ngx.exec("@nil")
end
if not v then
    ngx.say("error: ", err)
    return
end
local w = v ~= ngx.null and v or red:get("b")
if w == ngx.null then
    ngx.say(w == nil, " ", err, " ", type(w))
    return ngx.exit(200)
elseif w then
    ngx.exec("@there")
end
ngx.exec("@false")
