-- Comparisons that never convert.
local redis = require "resty.redis"
local red = redis:new()
red:set_timeout(1000)
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then
    return ngx.exit(503)
end
local v = red:get("flag")
if v == 1 then
    return ngx.exec("@one")
elseif v == "1" then
    return ngx.exec("@text_one")
elseif v == true then
    return ngx.exec("@true")
end
local n = red:exists("flag")
if n == "1" then
    return ngx.exec("@text")
elseif n == 1 and 1 == 1.0 then
    return ngx.exec("@number")
elseif tostring(n == 0) == "true" then
    return ngx.exec("@zero")
elseif n then
    return ngx.exec("@truthy")
end
ngx.exec("@stable")
