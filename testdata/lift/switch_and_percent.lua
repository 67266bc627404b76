-- phase: rewrite
-- The percentage lies in Redis and can be changed at any time.
local redis = require "resty.redis"
local red = redis:new()
red:set_timeout(300)
ngx.var.backend = "stable"
local ok, err = red:connect("127.0.0.1", 6379)
if not ok then
    return
end
local n = red:get("gray:percent")
red:set_keepalive(10000, 20)
local percent = tonumber(n) or 0
if percent <= 0 then
    return
end
local key = ngx.var.cookie_sid or ngx.var.remote_addr or ""
if ngx.crc32_long(key) % 100 < percent then
    ngx.var.backend = "gray"
end
